"""The Quality page: runs over golden questions, the questions themselves, what readers said.

The Engine decides who may; the page only shows what it says.
"""

from __future__ import annotations

import streamlit as st

from rag.errors import AccessDenied
from ui import quality_datasets, quality_feedback, quality_run, quality_runs
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import plain

TABS = ("runs", "datasets", "feedback")


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="wide"):
        st.title(say("quality.title"), anchor=False)
        try:
            engine.datasets(principal())
        except AccessDenied as error:
            st.info(plain(error.localized(language())), icon=":material/lock:")
            return
        if quality_run.opened() is not None:
            quality_run.one()
            return
        st.caption(say("quality.lead"))
        wanted = st.session_state.pop("_quality_tab", None)
        if wanted in TABS:
            st.session_state["quality-tab"] = wanted
        tab = st.segmented_control(
            say("quality.tab"),
            options=TABS,
            default=None if "quality-tab" in st.session_state else "runs",
            format_func=lambda name: say(f"quality.tab_{name}"),
            key="quality-tab",
            label_visibility="collapsed",
        )
        if tab == "datasets":
            quality_datasets.show()
        elif tab == "feedback":
            quality_feedback.show()
        else:
            quality_runs.show()
