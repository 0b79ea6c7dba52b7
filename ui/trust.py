"""How far an answer can be trusted, shown where it is read: marked sentences, formulas, groundedness.

Promises: a sentence that its sources do not hold is marked where it ends, the reason under the mark (hover,
or a tap); every operand of a formula leads to its evidence as a citation does; words of documents and models
are never rendered as more than text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from rag.messages import message
from rag.records import Answer, Calculation, Operand, SentenceCheck, Turn
from ui.language import language, say
from ui.safe import plain, shortened

FLAGGED = ("unsupported",)
_MARK = "\ue010{}\ue011"
_MARKED = re.compile("\ue010(\\d+)\ue011")


def flagged(answer: Answer) -> list[SentenceCheck]:
    """The sentences that no source holds, in order."""
    return [c for c in answer.checks if c.support in FLAGGED]


def reason(answer: Answer, check: SentenceCheck, lang: str) -> str:
    """Why a sentence is marked, with the numbers that are missing."""
    missing = [n.text.strip() for n in check.numbers if n.status == "missing"]
    told = message(check.reason, lang) if check.reason else ""
    return f"{told} ({', '.join(missing)})" if missing and told else told or ", ".join(missing)


def with_marks(answer: Answer) -> str:
    """The answer's text with a placeholder after every flagged sentence, for :func:`drawn`."""
    text = answer.text.replace("\ue010", "").replace("\ue011", "")
    if text != answer.text:
        return text  # offsets would not fit
    for number, check in reversed(list(enumerate(flagged(answer)))):
        text = text[: check.end] + _MARK.format(number) + text[check.end :]
    return text


def drawn(source: str, turn: Turn) -> str:
    """Markdown with the placeholders as marks: links that the page's wire opens and never follows."""
    checks = flagged(turn.answer)

    def mark(match: re.Match[str]) -> str:
        number = int(match.group(1))
        if number >= len(checks):
            return ""
        why = _title(reason(turn.answer, checks[number], language()))
        return f' [{say("check.mark")}](#check-{turn.id}-{number} "{why}")'

    return _MARKED.sub(mark, source)


def _title(words: str) -> str:
    return re.sub(r'["\\\[\]<>`$]', "", " ".join(words.split()))


def calculations(turn: Turn, *, formula: bool = True) -> None:
    """The results of an answer with their operands, which lead to their evidence; ``formula``: and how they
    were calculated, for an answer that does not say so itself."""
    for number, made in enumerate(turn.answer.calculations):
        with st.container(key=f"calc-{turn.id}-{number}", gap="small"):
            st.markdown(
                f":material/calculate: **{plain(made.name)}** = **{plain(made.result)}**", anchors=False
            )
            told = formula and len(made.operands) > 1
            lines = [plain(made.formula), f"= {plain(made.expression)}"] if told else []
            places = [_operand(turn, o) for o in made.operands]
            st.caption("  \n".join([*lines, *places]))


def _operand(turn: Turn, operand: Operand) -> str:
    same = [c for c in turn.answer.citations if c.marker == operand.marker]
    nth = next((i for i, c in enumerate(same) if operand.text in c.quote), 0)
    period = f" {operand.period}" if operand.period else ""
    words = plain(f"{shortened(operand.label, 70)}{period}: {operand.text}")
    return f"{words} [{operand.marker}](#cite-{turn.id}-{operand.marker}-{nth})" if same else words


def groundedness(turn: Turn) -> None:
    """A small badge above the answer: the share of its claims that the sources carry."""
    answer = turn.answer
    if answer.groundedness is None:
        return
    share = round(answer.groundedness * 100)
    color = "green" if share >= 90 else "orange" if share >= 50 else "red"
    st.badge(
        say("check.grounded", share=share),
        icon=":material/verified:" if share >= 90 else ":material/rule:",
        color=color,  # type: ignore[arg-type]
        help=say("check.grounded_help"),
    )


def notes(answer: Answer, lang: str, say_in: Callable[..., str]) -> list[str]:
    """For exports: one line a flagged sentence, with its reason."""
    mark = say_in("check.mark", lang)
    return [
        f"{mark}: “{shortened(answer.text[c.start : c.end], 160)}” {reason(answer, c, lang)}"
        for c in flagged(answer)
    ]


def formulas(answer: Answer) -> list[str]:
    """For exports: one line a calculation."""
    return [_formula(made) for made in answer.calculations]


def _formula(made: Calculation) -> str:
    middle = f"{made.formula} = {made.expression} = " if len(made.operands) > 1 else ""
    return f"{made.name}: {middle}{made.result}"
