"""What of a question is worth asking the lexical index. Pure.

Promises: user text is never parsed as query syntax; words that only make it a question ("what is the",
"请问", "是多少") bring nothing; a question made of nothing else is asked as it is; bounded in size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass

from rag.text.terms import index_terms, terms
from rag.vocabulary.additions import Term
from rag.vocabulary.expansion import Expansion, expand

MAX_CHARS = 4_000
MAX_TERMS = 96


def _words(text: str) -> list[str]:
    return text.split()


# Function words and the words of asking. Words that can carry a finance question ("change", "total", "year",
# "not") stay in.
_STOP = frozenset(
    word
    for stop in _words(
        """
        a about also am an and any are as at be been being but by can could did do does doing
        done each for from had has have having he her his how i if in into is it its itself just
        kindly let like may me might my of on or our ours out please provide say shall she should
        so some such tell than that the their theirs them then there these they this those to too
        very was we were what when where whether which while who whom whose why will with
        would you your yours give answer question based using explain describe show find know
        want much many between relying respond response shown approach assume assuming address
        judgment perspective standpoint primarily
        """
    )
    for word in (stop, *terms(stop))
)
# Longest first: a run is cut at them before it becomes character pairs.
_ASKING = sorted(
    _words(
        """
        请问一下 请问 我想知道 想知道 我想了解 想了解 帮我查一下 帮我查 帮忙查 请帮我 帮我 麻烦
        告诉我 请告诉 请简要介绍 简要介绍一下 简要介绍 请介绍 介绍一下 简单介绍 请说明 请列出
        请给出 给出 能否 能不能 是否可以 可以 根据 依据 是多少 为多少 有多少 多少 是什么 是哪些
        是哪个 是哪家 是哪年 是谁 什么 哪些 哪个 哪家 哪里 哪位 怎么样 怎样 怎么 如何 为何 为什么
        几个 吗 呢 吧 啊 呀 请 的 了 是 在 与 和 及 或 其 该 这 那 我 你 您 它 们 把 被 就 也 都
        """
    ),
    key=len,
    reverse=True,
)
_ASKING_PATTERN = re.compile("|".join(map(re.escape, _ASKING)))
# Words that hold one of the single characters above and must stay whole.
_KEPT = re.compile(
    "|".join(
        _words(
            """
            目的 标的 总和 共和 和谐 现在 存在 在建 在职 在产 在册 在研 在手 了解 参与 与会 其他 其中 其余
            普及 涉及 以及 应该 申请 聘请 提请 就业 成都 首都 都市
            """
        )
    )
)
_FISCAL = re.compile(r"fy'?(\d{4}|\d{2})")


def _expand(term: str) -> list[str]:
    """A fiscal year is also a year: fy2018, fy18 -> 2018."""
    match = _FISCAL.fullmatch(term)
    if match:
        year = match.group(1)
        return [term, year if len(year) == 4 else "20" + year]
    return [term]


# How the answer is to be written says nothing of where it stands.
_FORMAT = re.compile(
    r"[请并]*(?:结果)?(?:保留|精确到|四舍五入到?)(?:小数点后)?(?:[\d一二两三四五六]+)?位?(?:小数|有效数字)?(?:点后)?"
    r"|[请并]*以?(?:百分比|百分数|元|万元|亿元)(?:为单位|的?形式)?(?:表示|作答|回答)"
    r"|\b(?:answer|respond|reply|report|state|express)[^.?;]{0,24}\bin (?:units? of )?"
    r"(?:percents?|percentages?|%|(?:usd|us dollars?|\$)? ?(?:thousands?|millions?|billions?|dollars?))"
    r"|\(?\b(?:in|as) (?:an? )?(?:usd |us\$ |us dollars? )?"
    r"(?:thousands?|millions?|billions?|percents?|%|usd)\b\)?"
    r"|\bround(?:ed|ing)?\b[^.?;]{0,30}\b(?:decimals?|places?|percent|digits?|hundredths?|tenths?|number)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<=\d)\s*年(?![末底初度报中]|[ ]?\d{1,2}[ ]?月)")  # 2019年营业收入: not a word "年营"


def words_apart(question: str) -> str:
    """The question without how its answer is to be written, and with the year apart from what follows."""
    return _YEAR.sub(" ", _FORMAT.sub(" ", question))


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Ways to say one thing, each term -> weight: the best of them counts, not their sum."""

    ways: tuple[Mapping[str, float], ...]


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """What to look up. ``weights``: terms that simply add up."""

    weights: Mapping[str, float]
    alternatives: tuple[Alternatives, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.weights or self.alternatives)

    def less_of(self, terms: Set[str], factor: float) -> LexicalQuery:
        """The same with the question's own ``terms`` weighing ``factor`` of what they did."""
        weights = {t: w * (factor if t in terms else 1.0) for t, w in self.weights.items()}
        return LexicalQuery(weights, self.alternatives)


def expansion_of(question: str, own: tuple[Term, ...] = ()) -> Expansion:
    """What the vocabulary adds to a question; ``own``: terms of the searched collections."""
    return expand(words_apart(question[:MAX_CHARS]), own=own)


def lexical_query(question: str, own: tuple[Term, ...] = ()) -> LexicalQuery:
    """The question's own terms and :func:`expansion_of` it. The terms of a name that has others count as one
    of the ways to say it."""
    weights = query_terms(question)
    expansion = expansion_of(question, own)
    found: list[Alternatives] = []
    taken: set[str] = set()
    for group in expansion.groups:
        said = {t: weights[t] for t in (group.said.terms if group.said else ()) if t in weights}
        taken |= said.keys()
        ways = [said, *({t: a.weight for t in terms(a.text) if t not in _STOP} for a in group.alternatives)]
        ways = [way for way in ways if way]
        if ways:
            found.append(Alternatives(tuple(ways)))
    return LexicalQuery({t: w for t, w in weights.items() if t not in taken}, tuple(found))


def query_terms(question: str) -> dict[str, float]:
    """Term -> weight of the question's own terms, in order of appearance, at most ``MAX_TERMS``. A term asked
    twice weighs a little more than 1."""
    question = question[:MAX_CHARS]
    found = [e for t in index_terms(_cut(words_apart(question))) for e in _expand(t) if t not in _STOP]
    if not found:
        found = [e for t in index_terms(question) for e in _expand(t)]
    weights = {term: 1.0 + 0.5 * min(count - 1, 2) for term, count in Counter(found).items()}
    return dict(list(weights.items())[:MAX_TERMS])


def ordered_terms(question: str) -> list[str]:
    """The question's terms in their order, small words and repeats too."""
    return index_terms(_cut(words_apart(question[:MAX_CHARS])))


def _cut(text: str) -> str:
    """``text`` with asking phrases replaced by a comma (which ends a run), whole words spared."""
    pieces: list[str] = []
    at = 0
    for match in _KEPT.finditer(text):
        pieces += [_ASKING_PATTERN.sub("，", text[at : match.start()]), match.group()]
        at = match.end()
    pieces.append(_ASKING_PATTERN.sub("，", text[at:]))
    return "".join(pieces)
