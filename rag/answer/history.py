"""A follow-up made into a question that stands alone.

Promises: a question that stands alone already is left as typed; by rule, without a model, a period or a
name in the follow-up takes the place of the one before ("那2018年呢？", "and in 2018?") and a pronoun becomes
what it stands for; with a chat model the model restates it, and the rule is the net under it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answer.prompts import REWRITE, clean, prompt_language
from rag.errors import ModelError
from rag.models.protocols import ChatMessage, ChatModel

_PERIOD = re.compile(
    r"(?:FY\s?'?)?(?:19|20)\d{2}\s*(?:年度?)?(?:\s*(?:上半年|下半年|第?[一二三四1-4]季度|[1-4]?Q[1-4]))?"
    r"|\bQ[1-4]\s*(?:of\s*)?(?:FY)?\s*(?:19|20)\d{2}|\bFY\s?'?\d{2}\b"
    r"|(?:上|去|本|今|前)(?:一)?年度?|上半年|下半年|\b(?:last|previous|prior|this) (?:year|quarter)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^(?:那么|那|而|再|还有|另外|and(?: what)?(?: about)?|(?:what|how) about|or|also|then)[\s,，]*",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:又)?(?:呢|如何呢|怎么样呢|又如何)?[\s?？。.!！]*$")
_PREPOSITION = re.compile(
    r"^(?:in|for|of|at|during|on|by|the|在|于|对于|关于)\b\s*|^(?:在|于|对于|关于)", re.IGNORECASE
)
_PRONOUN = re.compile(
    r"它们?的?|(?:该|这家|那家|此)(?:公司|企业|集团|银行)(?:的)?|其(?=[\u4e00-\u9fff])(?!他|中|余|它|实)"
    r"|\b(?:it|its|they|their|them|the company|the company's|that company|this company)\b",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(r"(?:\b[A-Z0-9][\w&.'-]*\b(?:\s+(?=[A-Z]))?)+")
_ORGANISATION = re.compile(
    r"[\u4e00-\u9fffA-Za-z（）()]{2,24}?(?:股份有限公司|有限责任公司|有限公司|集团|银行|公司|股份|科技|保险|证券)"
)
_NOT_NAMES = re.compile(
    r"^(?:What|How|Which|Who|When|Where|Why|Is|Are|Was|Were|Does|Do|Did|The|In|And|FY|Q[1-4]"
    r"|(?:19|20)\d{2}|[0-9.]+|I|A|An)$"
)
_DEFINES = re.compile(
    r"什么是|是什么意思|何为|的定义|\bwhat is an? |\bdefine\b|\bdefinition\b", re.IGNORECASE
)
_LONGEST = 400


def needs_context(question: str, previous: str, names: Sequence[str]) -> bool:
    """Whether the question leans on the one before: it opens or ends as a follow-up does, holds a pronoun, is
    a fragment, or names nothing where the one before named something."""
    if _OPENING.match(question) or re.search(r"呢[\s?？。]*$", question) or _PRONOUN.search(question):
        return True
    bare = _strip(question)
    if len(re.findall(r"[\u4e00-\u9fff]", bare)) <= 4 and len(re.findall(r"[A-Za-z]+", bare)) <= 2:
        return True
    return not _DEFINES.search(question) and not name_in(question, names) and bool(name_in(previous, names))


def by_rule(question: str, previous: str, names: Sequence[str]) -> str:
    """``previous`` is the last standalone question; ``names`` are names of the scope's documents, longest
    first."""
    if not needs_context(question, previous, names):
        return question
    bare = _strip(question)
    before = name_in(previous, names)
    now = name_in(question, names)
    periods = _PERIOD.findall(bare)
    rest = _PERIOD.sub("", bare).strip(" ,，的")
    substance = _PREPOSITION.sub("", rest)
    if now:
        substance = substance.replace(now, "").strip(" ,，的")
    if len(substance) <= 1:  # only a period, only a name, or both: the same question about another one
        standalone = previous
        if periods:
            standalone = _swap_period(standalone, periods)
        if now and before and now != before:
            standalone = standalone.replace(before, now)
        elif now and not before:
            standalone = f"{now} {standalone}"
        return standalone
    if before and not now and _PRONOUN.search(question):
        question, replaced = _PRONOUN.subn(lambda m: _stand_in(m.group(), before), question, count=1)
        del replaced
    elif before and not now:
        question = _prefix(before, _OPENING.sub("", question))
    if not periods:
        found = _PERIOD.search(previous)
        if found:
            question = _with_period(question, found.group().strip())
    return question


def _stand_in(pronoun: str, name: str) -> str:
    low = pronoun.lower()
    if low in ("its", "their") or low.endswith("'s"):
        return f"{name}'s"
    return name + ("的" if pronoun.endswith("的") else "")


def _prefix(name: str, question: str) -> str:
    if prompt_language(question) == "zh":
        return f"{name}{question}"
    bare = question.rstrip(" ?")
    return f"{bare} of {name}?" if bare else question


def _with_period(question: str, period: str) -> str:
    if prompt_language(question) == "zh":
        return question if period in question else f"{period}{question}"
    return re.sub(r"\s*\?*\s*$", f" in {period}?", question, count=1)


def _swap_period(previous: str, periods: Sequence[str]) -> str:
    """The earlier question about other periods: its first is replaced, further ones go."""
    wanted = "、".join(p.strip() for p in periods) if "年" in "".join(periods) else ", ".join(periods)
    if _PERIOD.search(previous) is None:
        return _with_period(previous, wanted)
    if "年" not in wanted and re.search(r"(?:19|20)\d{2}年", previous) and wanted.isdigit():
        wanted += "年"
    return _PERIOD.sub(lambda m: wanted, previous, count=1)


def _strip(question: str) -> str:
    return _ENDING.sub("", _OPENING.sub("", question.strip())).strip()


def name_in(text: str, names: Sequence[str]) -> str:
    """What of the text names a document's subject: the longest piece (two ideographs or a word at least)
    that it shares with a document's name or title, else an organisation's or a capitalised name."""
    best = ""
    for name in names:
        shared = _longest_shared(text, name)
        if len(shared) > len(best):
            best = shared
    if best:
        return best
    match = _ORGANISATION.search(_PERIOD.sub(" ", text))
    if match:
        return match.group()
    found = [m.group().strip() for m in _CAPITALISED.finditer(_PERIOD.sub(" ", text))]
    found = [f for f in found if not all(_NOT_NAMES.match(w) for w in f.split())]
    return max(found, key=len, default="")


_GENERIC = frozenset(
    [
        "annual",
        "report",
        "年度",
        "报告",
        "年度报告",
        "年报",
        "年年度报告",
        "公司",
        "有限公司",
        "股份有限公司",
        "10k",
        "10q",
        "8k",
    ]
)


def _longest_shared(text: str, name: str) -> str:
    """The longest run of ideographs (two or more) or whole words of ``text`` that ``name`` holds as well."""
    best = ""
    low = name.lower()
    for match in re.finditer(r"[\u4e00-\u9fff]+|[A-Za-z0-9][A-Za-z0-9&-]+", _PERIOD.sub(" ", text)):
        run = match.group()
        if run[0].isascii():
            if (
                len(run) > max(1, len(best))
                and any(c.isupper() for c in run)
                and re.search(rf"(?<![a-z0-9]){re.escape(run.lower())}", low)
                and run.lower() not in _GENERIC
            ):
                best = run
            continue
        for start in range(len(run)):
            for end in range(len(run), start + max(1, len(best)), -1):
                piece = run[start:end]
                if piece in name and not any(piece in g for g in _GENERIC):
                    best = piece
                    break
    return best


def by_model(question: str, turns: Sequence[tuple[str, str]], model: ChatModel) -> str | None:
    """The model's restatement; None when it gave nothing usable. ``turns``: (question, answer), oldest
    first. Raises ModelUnavailable."""
    language = prompt_language(question)
    talk = "\n".join(f"Q: {clean(q)}\nA: {clean(a)[:400]}" for q, a in turns)
    messages = [
        ChatMessage("system", REWRITE[language]),
        ChatMessage("user", f"{talk}\n\nQ: {clean(question)}"),
    ]
    said = "".join(delta.text for delta in model.stream(messages)).strip()
    line = re.sub(r"^(?:Q|问题|Question)\s*[:：]\s*", "", said.split("\n")[0]).strip().strip('"“”')
    return line if 2 <= len(line) <= _LONGEST else None


def standalone(
    question: str,
    turns: Sequence[tuple[str, str, str]],
    names: Sequence[str],
    model: ChatModel | None,
) -> tuple[str, ModelError | None]:
    """The question to search for, and what went wrong when the model could not restate it. ``turns``:
    (question, standalone question, answer), oldest first."""
    if not turns:
        return question, None
    previous = turns[-1][1]
    if not needs_context(question, previous, names):
        return question, None
    problem: ModelError | None = None
    if model is not None:
        try:
            said = by_model(question, [(asked, answer) for _, asked, answer in turns], model)
            if said:
                return said, None
        except ModelError as error:
            problem = error
    return by_rule(question, previous, names), problem
