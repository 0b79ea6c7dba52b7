"""What a question was understood to name, above its answer; taking a chip away asks again without it.

Promises: shown is what favoured documents, nothing else; a chip that was taken away stays away for that
question until the reader puts it back.
"""

from __future__ import annotations

import streamlit as st

from rag.records import Chip, Turn
from ui import state
from ui.language import say
from ui.safe import one_line

ICONS = {
    "company": ":material/apartment:",
    "period": ":material/calendar_month:",
    "report_type": ":material/description:",
    "document": ":material/article:",
}


def show(turn: Turn, first_turn: int, *, last: bool) -> None:
    """Chips of the last answer can be pressed; earlier answers only say what they were."""
    understood = turn.answer.understood
    if len(understood.queries) > 1:
        also = " · ".join(one_line(query, 120) for query in understood.queries[1:])
        st.caption(f"{say('chips.also_searched')} {also}")
    if not understood.chips and not understood.ignored:
        return
    if not last or not turn.id:
        if understood.chips:
            named = " · ".join(one_line(chip.text, 60) for chip in understood.chips)
            st.caption(f"{say('chips.looked_in')} {named}")
        return
    with st.container(key=f"chips-{turn.id}", horizontal=True, gap="small", vertical_alignment="center"):
        if understood.chips:
            st.caption(say("chips.looked_in"), width="content")
        for number, chip in enumerate(understood.chips):
            st.button(
                f"{ICONS[chip.kind]} {one_line(chip.text, 48)} ✕",
                key=f"chip-{turn.id}-{number}",
                help=_help(chip),
                on_click=_ask_again,
                args=(turn.answer.question, (*understood.ignored, chip.key), first_turn),
            )
        if understood.ignored:
            left = " · ".join(one_line(key.partition(":")[2], 40) for key in understood.ignored)
            st.button(
                say("chips.put_back", chips=left),
                key=f"chips-back-{turn.id}",
                icon=":material/undo:",
                type="tertiary",
                on_click=_ask_again,
                args=(turn.answer.question, (), first_turn),
            )


def _help(chip: Chip) -> str:
    return say("chips.take_away", count=len(chip.document_ids), chip=one_line(chip.text, 60))


def _ask_again(words: str, ignored: tuple[str, ...], first_turn: int) -> None:
    st.session_state.pop(f"version-{first_turn}", None)
    state.ask(words, ignored)
