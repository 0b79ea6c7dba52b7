"""The page's script: language, navigation, sidebar. Streamlit runs it for every interaction."""

from __future__ import annotations

import streamlit as st

from ui import chat, library, look, prompts, quality, readiness, sidebar, state, tuning, wire
from ui.boot import current, principal
from ui.language import COOKIE, language, say


def main() -> None:
    house = current()
    lang = language()
    st.set_page_config(
        page_title=say("app.title"),
        page_icon=look.ICON,
        layout="wide",
        menu_items={"About": say("app.about")},
    )
    look.dress(lang, house.engine.settings.ingest.max_file_mb if house.engine else 200)
    st.session_state[state.COPIES] = {}
    if house.engine is None:
        problem = house.problem.localized(lang) if house.problem else ""
        readiness.cannot_start(problem)
        return
    pages = {
        "chat": st.Page(
            chat.page, title=say("nav.chat"), icon=":material/forum:", url_path="chat", default=True
        ),
        "library": st.Page(
            library.page, title=say("nav.library"), icon=":material/folder_open:", url_path="library"
        ),
    }
    if principal().roles & {"evaluator", "admin"}:
        pages["quality"] = st.Page(
            quality.page, title=say("nav.quality"), icon=":material/verified:", url_path="quality"
        )
        pages["tuning"] = st.Page(
            tuning.page, title=say("nav.tuning"), icon=":material/model_training:", url_path="tuning"
        )
    if "admin" in principal().roles:
        pages["prompts"] = st.Page(
            prompts.page, title=say("nav.prompts"), icon=":material/edit_note:", url_path="prompts"
        )
    pages["readiness"] = st.Page(
        readiness.page, title=say("nav.readiness"), icon=":material/fact_check:", url_path="readiness"
    )
    st.session_state["_pages"] = pages
    chosen = st.navigation(list(pages.values()))
    if st.query_params.get("lang") != lang:
        st.query_params["lang"] = lang
    state.settle()
    if chosen.url_path == "readiness":
        readiness.statuses(wait=True)  # before the sidebar, which tells the same
    sidebar.show(on_chat=chosen.url_path in ("", "chat"))
    chosen.run()
    wire.mount(
        cookie=COOKIE,
        lang=lang,
        copied=say("answer.copied"),
        copies=st.session_state[state.COPIES],
        focus=state.focus(),
        on_cite=lambda turn, marker, nth: state.open_evidence(turn, marker, nth=nth),
    )


main()
