"""Feedback that may become training data, on the Tuning page: each answer is looked at by a person.

Answers that readers corrected or liked wait here; nothing else of the feedback can be learned from. What is
accepted enters the next training set, what is dismissed never does.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.engine import Engine
from rag.errors import WenjuError
from rag.records import Turn
from ui.boot import principal
from ui.language import language, say
from ui.quality_parts import pages
from ui.safe import answer_markdown, one_line, plain, shortened

ROWS = 10


def section(engine: Engine) -> None:
    """Expects a principal that may read feedback."""
    usable = [turn for turn in engine.feedback(principal()) if may_teach(turn)]
    waiting = [turn for turn in usable if not turn.review]
    accepted = sum(turn.review == "accepted" for turn in usable)
    st.subheader(say("tuning.review"), anchor=False)
    if not usable:
        st.caption(say("tuning.review_none"))
        return
    st.caption(say("tuning.review_counts", waiting=len(waiting), accepted=accepted))
    if not waiting:
        return
    shown = waiting[pages(len(waiting), ROWS, "review-page")]
    with st.container(key="review-rows", gap="small"):
        for turn in shown:
            _row(engine, turn)
    if len(shown) > 1:
        st.button(
            say("tuning.accept_these", count=len(shown)),
            key="accept-these",
            icon=":material/done_all:",
            on_click=_review,
            args=(engine, [turn.id for turn in shown], "accepted"),
        )


def may_teach(turn: Turn) -> bool:
    """A corrected answer, or one that was liked and is whole; both over passages (finetune.collect)."""
    liked = turn.rating == 1 and not turn.answer.incomplete
    return bool(turn.answer.passages) and (bool(turn.correction.strip()) or liked)


def _row(engine: Engine, turn: Turn) -> None:
    answer = turn.answer
    with st.container(border=True, key=f"review-{turn.id}", gap="small"):
        badge = "blue-badge" if turn.correction else "green-badge"
        kind = say("tuning.review_corrected" if turn.correction else "tuning.review_liked")
        st.markdown(f"**{plain(shortened(answer.question, 300))}** :{badge}[{kind}]")
        named = dict.fromkeys(p.document for p in answer.passages)
        documents = ", ".join(one_line(name, 40) for name in named)
        about = f"{one_line(turn.user_id, 40)} · {shortened(documents, 200)}"
        if turn.correction:
            st.markdown(f"{say('quality.reader_answer')}: {plain(shortened(turn.correction, 600))}")
            about = f"{say('tuning.review_said')}: {plain(shortened(answer.text, 200))}  \n{about}"
        else:
            st.markdown(
                answer_markdown(shortened(answer.text, 600), verbatim=answer.mode == "extractive"),
                anchors=False,
            )
        st.caption(about)
        with st.container(horizontal=True, gap="small"):
            st.button(
                say("tuning.accept"), key=f"accept-{turn.id}", icon=":material/check:",
                on_click=_review, args=(engine, [turn.id], "accepted"),
            )  # fmt: skip
            st.button(
                say("quality.dismiss"), key=f"reject-{turn.id}", icon=":material/close:", type="tertiary",
                on_click=_review, args=(engine, [turn.id], "dismissed"),
            )  # fmt: skip


def _review(engine: Engine, turn_ids: Sequence[int], verdict: str) -> None:
    try:
        for turn_id in turn_ids:
            engine.review_feedback(turn_id, principal(), verdict)  # type: ignore[arg-type]
    except WenjuError as error:
        st.session_state["_tuning_told"] = ("error", error.localized(language()))
