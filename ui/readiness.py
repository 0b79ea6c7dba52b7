"""Which parts work, in one line in the sidebar and in full on a page, with the command that mends each.
Also the page that is shown when Wenju cannot start."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rag.messages import message
from rag.records import PartStatus
from ui.boot import current
from ui.language import language, say
from ui.safe import plain
from ui.texts import TEXTS

if TYPE_CHECKING:
    from rag.engine import Engine

KEPT_S = 30.0
STATES = {
    "ok": (":material/check_circle:", "green"),
    "limited": (":material/contrast:", "orange"),
    "off": (":material/radio_button_unchecked:", "gray"),
    "broken": (":material/error:", "red"),
}
OVERALL = {
    "ok": "ready.all_ok",
    "limited": "ready.limited",
    "broken": "ready.broken",
    "off": "ready.checking",
}
_lock = threading.Lock()
_kept: tuple[float, object, list[PartStatus]] | None = None
_looking = False


def statuses(*, wait: bool = False) -> list[PartStatus] | None:
    """The parts' states. Looking may load a model or wait for a server, so without ``wait`` the last look is
    returned (None: there was none yet) and a new one begins in the background when that is old."""
    global _looking
    engine = current().engine
    if engine is None:
        return []
    if wait:
        _look(engine)
    with _lock:
        kept = _kept if _kept is not None and _kept[1] is engine else None
        old = kept is None or time.monotonic() - kept[0] > KEPT_S
        begin = old and not _looking
        _looking = _looking or begin
    if begin:
        threading.Thread(target=_look, args=(engine,), name="readiness", daemon=True).start()
    return kept[2] if kept is not None else None


def _look(engine: Engine) -> None:
    global _kept, _looking
    found = engine.part_statuses()
    with _lock:
        _kept, _looking = (time.monotonic(), engine, found), False


def overall(found: Sequence[PartStatus]) -> str:
    """ "broken", "limited" or "ok": parts that are off by choice don't count."""
    states = {status.state for status in found}
    return "broken" if "broken" in states else "limited" if "limited" in states else "ok"


def summary() -> None:
    """One quiet line that opens the page."""
    unknown = statuses() is None

    @st.fragment(run_every=1.0 if unknown else None)
    def line() -> None:
        found = statuses()
        if unknown and found is not None:
            st.rerun()
        state = overall(found) if found is not None else "off"
        icon, color = STATES[state]
        if st.button(f":{color}[{icon}] {say(OVERALL[state])}", key="readiness-line", type="tertiary"):
            st.switch_page(st.session_state["_pages"]["readiness"])

    line()


def page() -> None:
    with st.container(key="narrow"):
        st.title(say("ready.title"), anchor=False)
        st.caption(say("ready.lead"))
        st.button(say("ready.refresh"), key="check-again", icon=":material/refresh:")
        for status in statuses() or statuses(wait=True) or ():
            _part(status)


def _part(status: PartStatus) -> None:
    icon, color = STATES[status.state]
    name = say(f"part.{status.part}") if f"part.{status.part}" in TEXTS else status.part
    with st.container(border=True, key=f"part-{status.part}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(name)}**")
            st.badge(say(f"state.{status.state}"), icon=icon, color=color)  # type: ignore[arg-type]
        st.markdown(plain(message(status.code, language(), _worded(status.params))))
        if status.remedy and status.state != "ok":
            st.caption(say("ready.remedy"))
            st.code(status.remedy, language="bash", wrap_lines=True)


def _worded(params: Mapping[str, str]) -> dict[str, str]:
    """Language codes by their names."""
    named = dict(params)
    if "languages" in named:
        codes = [code.strip() for code in named["languages"].split(",")]
        named["languages"] = " / ".join(
            say("language.many")
            if code == "*"
            else say(f"language.{code}")
            if f"language.{code}" in TEXTS
            else code
            for code in codes
        )
    return named


def cannot_start(problem: str) -> None:
    """The whole page when there is no Engine: what is wrong and what mends it."""
    with st.container(key="narrow"):
        st.title(say("problem.title"), anchor=False)
        st.error(plain(problem), icon=":material/error:")
        st.caption(say("problem.hint"))
