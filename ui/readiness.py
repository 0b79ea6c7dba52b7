"""Which parts work, in one line in the sidebar and in full on a page, with the command that mends each.
Also the page that is shown when Wenju cannot start."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from rag.messages import message
from rag.records import PartStatus
from ui.boot import current
from ui.language import language, say
from ui.safe import plain
from ui.texts import TEXTS

KEPT_S = 30.0
STATES = {
    "ok": (":material/check_circle:", "green"),
    "limited": (":material/contrast:", "orange"),
    "off": (":material/radio_button_unchecked:", "gray"),
    "broken": (":material/error:", "red"),
}
_kept: tuple[float, object, list[PartStatus]] | None = None


def statuses(*, fresh: bool = False) -> list[PartStatus]:
    """The parts' states, at most ``KEPT_S`` old: looking for a chat server takes a moment."""
    global _kept
    engine = current().engine
    if engine is None:
        return []
    if fresh or _kept is None or _kept[1] is not engine or time.monotonic() - _kept[0] > KEPT_S:
        _kept = (time.monotonic(), engine, engine.part_statuses())
    return _kept[2]


def overall(found: Sequence[PartStatus]) -> str:
    """ "broken", "limited" or "ok": parts that are off by choice don't count."""
    states = {status.state for status in found}
    return "broken" if "broken" in states else "limited" if "limited" in states else "ok"


def summary() -> None:
    """One quiet line that opens the page."""
    state = overall(statuses())
    icon, color = STATES[state]
    words = say({"ok": "ready.all_ok", "limited": "ready.limited", "broken": "ready.broken"}[state])
    if st.button(f":{color}[{icon}] {words}", key="readiness-line", type="tertiary"):
        st.switch_page(st.session_state["_pages"]["readiness"])


def page() -> None:
    with st.container(key="narrow"):
        st.title(say("ready.title"), anchor=False)
        st.caption(say("ready.lead"))
        fresh = st.button(say("ready.refresh"), key="check-again", icon=":material/refresh:")
        for status in statuses(fresh=fresh):
            _part(status)


def _part(status: PartStatus) -> None:
    icon, color = STATES[status.state]
    name = say(f"part.{status.part}") if f"part.{status.part}" in TEXTS else status.part
    with st.container(border=True, key=f"part-{status.part}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(name)}**")
            st.badge(say(f"state.{status.state}"), icon=icon, color=color)  # type: ignore[arg-type]
        st.markdown(plain(message(status.code, language(), status.params)))
        if status.remedy and status.state != "ok":
            st.caption(say("ready.remedy"))
            st.code(status.remedy, language="bash", wrap_lines=True)


def cannot_start(problem: str) -> None:
    """The whole page when there is no Engine: what is wrong and what mends it."""
    with st.container(key="narrow"):
        st.title(say("problem.title"), anchor=False)
        st.error(plain(problem), icon=":material/error:")
        st.caption(say("problem.hint"))
