"""A follow-up made into a question that stands alone.

Promises: a question that stands alone already is left as typed, and one that says that it changes the subject
takes nothing over. By rule, without a model, a period, a name or an item in the follow-up takes the place of
the one before ("那2018年呢？", "and in 2018?"), a pronoun becomes what it stands for, what only qualifies
("同比呢？", "why?") is added to the question before, a correction ("不是，我说的是合并的") is put into
the question that it corrects; no word of the follow-up that says something is lost. With a chat model it
restates it, its prompt bounded and its words checked (:func:`is_faithful`); the rule is the net under it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answer.evidence import years
from rag.answer.follow_up import (
    AFTER,
    BEFORE,
    CORRECTION,
    DEFINES,
    MODIFIER,
    OPENING,
    PERIOD,
    PREPOSITION,
    PRONOUN,
    TOPIC,
    YEAR,
    name_in,
    shared_name,
    strip,
)
from rag.answer.meter import Meter
from rag.answer.prompts import REWRITE, clean, prompt_language
from rag.errors import ModelError
from rag.models.protocols import ChatMessage, ChatModel

__all__ = [
    "by_model", "by_rule", "is_faithful", "name_in", "needs_context", "retold", "shared_name", "standalone",
]  # fmt: skip

_LONGEST = 400
_ADDED = 160  # characters that a restatement may be longer than the two questions it joins
_TURNS_SHOWN = 4
_ANSWER_SHOWN = 400  # characters of an earlier answer
# Says nothing of what is asked: "2023年的情况呢？", "青禾科技同期是多少？", "what was it in 2019?"
_EMPTY = re.compile(
    r"[\s,，、和与及的]|情况|数据|数字|同期|同样|(?:又)?(?:是|有)?多少|怎么样|如何"
    r"|\band\b|\bplease\b|\b(?:what|how) (?:was|is|were) it\b",
    re.IGNORECASE,
)
_SMALL = frozenset(
    re.findall(
        r"\S+",
        """and the a an in of for what about how was is were are it its they their them did do does no i meant
        mean or then also by to on that this company year figure much many please tell me there which who
        so""",
    )
)
_SMALL_ZH = re.compile(
    r"它们?|[该这那此](?:家)?(?:公司|企业|集团|银行)|其|是多少|多少|什么|哪些|怎么样|如何|请问|以及|还有|另外"
    r"|换成|改成"
    r"|不是|不对|我(?:说|问|指)的?是|那么?|呢|又|的|是|吗|了|在|和|与|有"
)


def needs_context(question: str, previous: str, names: Sequence[str]) -> bool:
    """Whether the question leans on the one before: it opens or ends as a follow-up does, corrects, holds a
    pronoun, is a fragment, or names nothing where the one before named something."""
    if TOPIC.match(question):
        return False
    if OPENING.match(question) or CORRECTION.match(question) or re.search(r"呢[\s?？。]*$", question):
        return True
    now = _name(question, names)
    said = PERIOD.sub("", question.replace(now, "")).strip(" ?？。")
    if MODIFIER.match(strip(question)) or not _EMPTY.sub("", said):
        return True
    if PRONOUN.search(question) and not now:
        return True
    bare = strip(question)
    if len(re.findall(r"[\u4e00-\u9fff]", bare)) <= 4 and len(re.findall(r"[A-Za-z]+", bare)) <= 2:
        return True
    return not DEFINES.search(question) and not now and bool(name_in(previous, names))


def by_rule(question: str, previous: str, names: Sequence[str]) -> str:
    """``previous`` is the last standalone question; ``names`` are names of the scope's documents, longest
    first."""
    topic = TOPIC.match(question)
    if topic:
        return question[topic.end() :].strip() or question
    if not needs_context(question, previous, names):
        return question
    corrects = CORRECTION.match(question)
    body = strip(question[corrects.end() :] if corrects else question)
    before, now = name_in(previous, names), _name(body, names)
    periods = [p.strip() for p in PERIOD.findall(body)]
    rest = PERIOD.sub(" ", body)
    if now:
        rest = rest.replace(now, " ")
    substance = PREPOSITION.sub("", re.sub(r"^[\s,，、的和与及]+|[\s,，、的和与及]+$", "", rest)).strip()
    if len(_EMPTY.sub("", substance)) <= 1:
        return _swapped(previous, before, now, periods)  # the same question about another one
    if MODIFIER.match(body):  # with its own periods and names: "比上年增加了多少？"
        separator, end = ("，", "？") if prompt_language(question) == "zh" else (", ", "?")
        return f"{previous.rstrip(' ?？。.')}{separator}{body}{end}"
    about_item = PRONOUN.sub("", substance).strip()
    if MODIFIER.match(about_item) or MODIFIER.match(substance):
        asked = _swapped(previous, before, now, periods).rstrip(" ?？。.")
        if prompt_language(question) == "zh":
            return f"{asked}，{about_item}？"
        return f"{asked}, {substance}?"
    asked = body if corrects or OPENING.match(question) else question
    if before and not now and PRONOUN.search(asked):
        asked = PRONOUN.sub(lambda m: _stand_in(m.group(), before), asked, count=1)
    elif before and not now:
        asked = _prefix(before, asked)
    if not periods:
        found = PERIOD.search(previous)
        if found:
            asked = _with_period(asked, found.group().strip())
    return asked if asked.endswith(("?", "？")) or prompt_language(asked) == "zh" else f"{asked}?"


def _name(question: str, names: Sequence[str]) -> str:
    """Whom a follow-up names; what stands for somebody is no name."""
    return name_in(PRONOUN.sub(" ", question), names)


def _swapped(previous: str, before: str, now: str, periods: Sequence[str]) -> str:
    """The earlier question about another name, about other periods."""
    asked = _swap_period(previous, periods) if periods else previous
    if now and before and now != before:
        return asked.replace(before, now)
    return f"{now} {asked}" if now and not before else asked


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
    """The earlier question about other periods: its first is replaced, further ones go. A period told by the
    one before ("the year before") becomes that year, its words kept beside it."""
    found = PERIOD.search(previous)
    wanted = [_resolved(p, found.group() if found else "") for p in periods]
    joined = ("、" if any("年" in w for w in wanted) else ", ").join(wanted)
    if found is None:
        return _with_period(previous, joined)
    if "年" not in joined and re.search(r"(?:19|20)\d{2}年", previous) and joined.isdigit():
        joined += "年"
    year = YEAR.search(found.group())
    if year and not YEAR.search(joined):  # a part of the year: which one stays
        joined = (
            f"{found.group().strip()}{joined}" if "年" in found.group() else f"{joined} of {found.group()}"
        )
    return PERIOD.sub(lambda m: joined, previous, count=1)


def _resolved(period: str, before: str) -> str:
    year = YEAR.search(before)
    bare = period.removeprefix("the ")
    step = -1 if BEFORE.fullmatch(bare) else 1 if AFTER.fullmatch(bare) else 0
    if year is None or not step:
        return period
    number = int(year.group()) + step
    return f"{number}年（{period}）" if "年" in period else f"{number} ({period})"


def is_faithful(question: str, said: str, talk: str, names: Sequence[str]) -> bool:
    """Whether a restatement may be searched for: one question of sensible length in the follow-up's language,
    that keeps the follow-up's names, years and content words and brings in no year or figure nobody said.
    ``talk``: the earlier questions."""
    if not 2 <= len(said) <= min(_LONGEST, len(question) + len(talk) + _ADDED) or re.search(r"\[\d+\]", said):
        return False
    if re.search(r"[A-Za-z\u4e00-\u9fff]", question) and prompt_language(said) != prompt_language(question):
        return False
    asked, known = years(question), years(talk)
    near = {y + step for y in known for step in (-1, 1)} if PERIOD.search(YEAR.sub("", question)) else set()
    if not asked <= years(said) <= asked | known | near:
        return False
    figures = set(re.findall(r"\d+", YEAR.sub("", said)))
    if not figures <= set(re.findall(r"\d+", f"{question}\n{talk}")):
        return False
    name = _name(question, names)
    return (not name or name.lower() in said.lower()) and _keeps_words(question, said)


def _keeps_words(question: str, said: str) -> bool:
    low = said.lower()
    for word in re.findall(r"[a-z][a-z'&-]+", question.lower()):
        bare = word.removesuffix("'s")
        if bare not in _SMALL and bare[: max(4, len(bare) - 3)] not in low:
            return False
    left = _SMALL_ZH.sub(" ", PERIOD.sub(" ", question))
    for run in re.findall(r"[\u4e00-\u9fff]{2,}", left):
        pairs = [run[i : i + 2] for i in range(len(run) - 1)]
        if sum(pair in said for pair in pairs) < 0.5 * len(pairs):
            return False
    return True


def by_model(
    question: str,
    turns: Sequence[tuple[str, str]],
    model: ChatModel,
    names: Sequence[str] = (),
    meter: Meter | None = None,
) -> str | None:
    """The model's restatement; None when it gave nothing usable. ``turns``: (question, answer), oldest first;
    the last four are shown, shortened. Raises ModelUnavailable."""
    language = prompt_language(question)
    shown = turns[-_TURNS_SHOWN:]
    talk = "\n".join(f"Q: {clean(q)[:_LONGEST]}\nA: {clean(a)[:_ANSWER_SHOWN]}" for q, a in shown)
    messages = [
        ChatMessage("system", REWRITE[language]),
        ChatMessage("user", f"{talk}\n\nQ: {clean(question)}"),
    ]
    pieces: list[str] = []
    with (meter or Meter()).reply(messages, model.name) as note:
        for delta in model.stream(messages):
            note(delta)
            pieces.append(delta.text)
            if sum(map(len, pieces)) > 2 * _LONGEST:  # it answers instead of restating
                break
    line = re.sub(r"^(?:Q|问题|Question)\s*[:：]\s*", "", "".join(pieces).strip().split("\n")[0])
    line = line.strip().strip('"“”')
    return line if is_faithful(question, line, "\n".join(q for q, _ in shown), names) else None


def retold(pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(question, answer) pairs that somebody else kept, oldest first, as :func:`standalone` takes turns: each
    question restated by rule upon the one before."""
    turns: list[tuple[str, str, str]] = []
    for asked, answer in pairs:
        alone = by_rule(asked, turns[-1][1], names) if turns else asked
        turns.append((asked, alone, answer))
    return turns


def standalone(
    question: str,
    turns: Sequence[tuple[str, str, str]],
    names: Sequence[str],
    model: ChatModel | None,
    meter: Meter | None = None,
) -> tuple[str, ModelError | None]:
    """The question to search for, and what went wrong when the model could not restate it. ``turns``:
    (question, standalone question, answer), oldest first. ``meter`` counts the model's tokens."""
    if not turns:
        return question, None
    previous = turns[-1][1]
    if not needs_context(question, previous, names):
        return by_rule(question, previous, names), None
    problem: ModelError | None = None
    if model is not None:
        try:
            talk = [(asked, answer) for _, asked, answer in turns]
            said = by_model(question, talk, model, names, meter)
            if said:
                return said, None
        except ModelError as error:
            problem = error
    return by_rule(question, previous, names), problem
