"""What of a question is worth asking the lexical index. Pure.

Promises: user text is never parsed as query syntax; words that only make it a question ("what is the",
"请问", "是多少") bring nothing; a question made of nothing else is asked as it is; bounded in size.
"""

from __future__ import annotations

import re
from collections import Counter

from rag.text.terms import terms

MAX_CHARS = 4_000
MAX_TERMS = 96


def _words(text: str) -> list[str]:
    return text.split()


# Function words and the words of asking. Words that can carry a finance question ("change", "total", "year",
# "not") stay in.
_STOP = frozenset(
    _words(
        """
        a about also am an and any are as at be been being but by can could did do does doing
        done each for from had has have having he her his how i if in into is it its itself just
        kindly let like may me might my of on or our ours out please provide say shall she should
        so some such tell than that the their theirs them then there these they this those to too
        very was we were what when where whether which while who whom whose why will with
        would you your yours give answer question based using explain describe show find know
        want
        """
    )
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


def query_terms(question: str) -> dict[str, float]:
    """Term -> weight of the terms to look up, in order of appearance, at most ``MAX_TERMS``. A term asked
    twice weighs a little more; everything else weighs 1."""
    question = question[:MAX_CHARS]
    asked = _cut(question)
    found = [e for t in terms(asked) for e in _expand(t) if t not in _STOP]
    if not found:
        found = [e for t in terms(question) for e in _expand(t)]
    counts = Counter(found)
    return {term: 1.0 + 0.5 * min(count - 1, 2) for term, count in list(counts.items())[:MAX_TERMS]}


def _cut(text: str) -> str:
    """``text`` with asking phrases replaced by a comma (which ends a run), whole words spared."""
    pieces: list[str] = []
    at = 0
    for match in _KEPT.finditer(text):
        pieces += [_ASKING_PATTERN.sub("，", text[at : match.start()]), match.group()]
        at = match.end()
    pieces.append(_ASKING_PATTERN.sub("，", text[at:]))
    return "".join(pieces)
