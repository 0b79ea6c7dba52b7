"""What readers said, on the Quality page: mistakes over time, and the list that an evaluator works
through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rag.errors import WenjuError
from rag.records import Turn
from ui import state
from ui.boot import current, principal
from ui.language import say
from ui.quality_parts import Bar, Golden, bars, golden_dialog, pages, toast
from ui.safe import answer_markdown, one_line, plain, shortened

if TYPE_CHECKING:
    from evaluation.errors import ErrorClass
    from rag.engine import Engine

ROWS = 8
FILTERS = ("open", "all")
_GOLDEN = "golden-turn"


def _engine() -> Engine:
    engine = current().engine
    assert engine is not None
    return engine


def show() -> None:
    """Everything of the Feedback tab."""
    from evaluation.errors import classify_turn, harm

    turns = _engine().feedback(principal())
    bad = [t for t in turns if t.rating == -1 or t.correction]
    classes = {t.id: classify_turn(t).error_class for t in bad}
    waiting = [t for t in bad if not t.review]
    if not turns:
        st.caption(say("quality.feedback_empty"))
        return
    st.caption(
        say(
            "quality.feedback_counts",
            down=sum(t.rating == -1 for t in turns),
            up=sum(t.rating == 1 for t in turns),
            open=len(waiting),
        )
    )
    _over_time(bad, classes)
    chosen = st.segmented_control(
        say("quality.state"), options=FILTERS, default="open", key="feedback-filter",
        format_func=lambda name: say(f"quality.feedback_{name}"), label_visibility="collapsed",
    )  # fmt: skip
    listed = waiting if chosen != "all" else bad
    listed = sorted(listed, key=lambda t: (-harm(classes[t.id], t.answer), -t.id))
    if not listed:
        st.caption(say("quality.feedback_empty"))
        return
    st.caption(say("quality.worst"))
    with st.container(key="feedback-rows", gap="small"):
        for turn in listed[pages(len(listed), ROWS, "feedback-page")]:
            _row(turn, classes[turn.id])
    wanted = state.dialog()
    asked = next((t for t in bad if wanted == (_GOLDEN, t.id)), None)
    if asked is not None:
        _golden(asked)


def _over_time(turns: Sequence[Turn], classes: dict[int, ErrorClass]) -> None:
    from evaluation.errors import by_month

    months = by_month((t.rated_at or t.created_at, classes[t.id]) for t in turns)
    if not months:
        return
    st.markdown(f"**{say('quality.over_time')}**")
    most = max(n for _, counts in months for n in counts.values()) or 1
    rows = [
        Bar(say(f"mistake.{name}"), n / most, str(n), group=f"{month:%Y-%m}")
        for month, counts in months[-6:]
        for name, n in Counter(counts).most_common()
    ]
    bars(rows, "over-time")


def _row(turn: Turn, error_class: ErrorClass) -> None:
    answer = turn.answer
    with st.container(border=True, key=f"feedback-{turn.id}", gap="small"):
        badge = f":orange-badge[{say(f'mistake.{error_class}')}]"
        if turn.review:
            badge += f" :gray-badge[{say(f'quality.review_{turn.review}')}]"
        st.markdown(f"**{plain(shortened(answer.question, 300))}** {badge}")
        st.markdown(
            answer_markdown(shortened(answer.text, 420), verbatim=answer.mode == "extractive"), anchors=False
        )
        said = [say(f"reason.{r}") for r in turn.reasons]
        if turn.comment:
            said.append(f"“{shortened(turn.comment, 300)}”")
        if said:
            st.caption(f"{say('quality.reader_says')}: {plain(' · '.join(said))}")
        if turn.correction:
            st.caption(f"{say('quality.reader_answer')}: {plain(shortened(turn.correction, 400))}")
        places = dict.fromkeys(
            f"{shortened(c.document, 40)} · {say('answer.page', page=c.page_start)}" for c in answer.citations
        )
        if places:
            st.caption(one_line("; ".join(places), 200))
        with st.container(horizontal=True, gap="small", key=f"feedback-acts-{turn.id}"):
            st.button(
                say("quality.make_golden"), key=f"golden-turn-{turn.id}", icon=":material/add_task:",
                on_click=state.open_dialog, args=(_GOLDEN, turn.id),
            )  # fmt: skip
            if not turn.review:
                st.button(
                    say("quality.dismiss"), key=f"dismiss-{turn.id}", icon=":material/close:",
                    type="tertiary", on_click=_file, args=(turn.id, "dismissed"),
                )  # fmt: skip


def _file(turn_id: int, verdict: str) -> None:
    try:
        _engine().review_feedback(turn_id, principal(), verdict)  # type: ignore[arg-type]
    except WenjuError as error:
        toast(error)


def golden_of(turn: Turn) -> Golden:
    """What a golden question made of a turn starts from: the question as it was searched, the reader's
    answer, the
    pages that were cited. A thumbs-down on an answer without a correction leaves the answer open."""
    from rag.text.language import detect_language

    answer = turn.answer
    words = answer.standalone_question or answer.question
    right = turn.correction or (answer.text if turn.rating == 1 else "")
    language = detect_language(words)
    return Golden(
        f"turn-{turn.id}",
        words,
        tuple(line.strip() for line in right.split("\n") if line.strip()),
        tuple(dict.fromkeys((c.document, c.page_start, c.quote) for c in answer.citations)),
        "reader",
        language if language != "other" else "",
    )


def _golden(turn: Turn) -> None:
    if golden_dialog(golden_of(turn), origin=f"turn:{turn.id}"):
        _file(turn.id, "accepted")
        state.close_dialog()
        st.toast(say("quality.saved", count=1), icon=":material/check:")
        st.rerun()
