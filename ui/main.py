"""The page's script: language, navigation, sidebar. Streamlit runs it for every interaction."""

from __future__ import annotations

from typing import Any

import streamlit as st

from rag.access import is_admin, may_evaluate
from ui import (
    account,
    audit,
    chat,
    compliance,
    library,
    look,
    operations,
    people,
    prompts,
    quality,
    readiness,
    sidebar,
    sign_in,
    state,
    tuning,
    wire,
)
from ui.boot import current, principal
from ui.language import COOKIE, language, say

_GROUPS = {
    "nav.improve": ("quality", "tuning"),
    "nav.manage": ("people", "prompts", "compliance", "audit"),
    "nav.operate": ("operations", "readiness"),
}


def _grouped(pages: dict[str, Any]) -> dict[str, list[Any]]:
    """What everybody has comes first, without a heading."""
    grouped = {key for keys in _GROUPS.values() for key in keys}
    found = {"": [page for key, page in pages.items() if key not in grouped]}
    for heading, keys in _GROUPS.items():
        if there := [pages[key] for key in keys if key in pages]:
            found[say(heading)] = there
    return found


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
    accounts = house.engine.accounts_on()
    user = sign_in.user_of(house.engine) if accounts else None
    if accounts and user is None:
        sign_in.leave()
        return
    state.belong_to(user.id if user is not None else principal().user_id)
    pages = {
        "chat": st.Page(
            chat.page, title=say("nav.chat"), icon=":material/forum:", url_path="chat", default=True
        ),
        "library": st.Page(
            library.page, title=say("nav.library"), icon=":material/folder_open:", url_path="library"
        ),
    }
    if may_evaluate(principal()):
        pages["quality"] = st.Page(
            quality.page, title=say("nav.quality"), icon=":material/verified:", url_path="quality"
        )
        pages["tuning"] = st.Page(
            tuning.page, title=say("nav.tuning"), icon=":material/model_training:", url_path="tuning"
        )
    if is_admin(principal()):
        pages["people"] = st.Page(
            people.page, title=say("nav.people"), icon=":material/group:", url_path="people"
        )
        pages["prompts"] = st.Page(
            prompts.page, title=say("nav.prompts"), icon=":material/edit_note:", url_path="prompts"
        )
        pages["compliance"] = st.Page(
            compliance.page, title=say("nav.compliance"), icon=":material/gavel:", url_path="compliance"
        )
        pages["audit"] = st.Page(
            audit.page, title=say("nav.audit"), icon=":material/history:", url_path="audit"
        )
    if is_admin(principal()):
        pages["operations"] = st.Page(
            operations.page, title=say("nav.operations"), icon=":material/monitoring:", url_path="operations"
        )
        pages["readiness"] = st.Page(
            readiness.page, title=say("nav.readiness"), icon=":material/fact_check:", url_path="readiness"
        )
    pages["account"] = st.Page(
        account.page, title=say("nav.account"), icon=":material/account_circle:", url_path="account"
    )
    st.session_state["_pages"] = pages
    chosen = st.navigation(_grouped(pages))
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
