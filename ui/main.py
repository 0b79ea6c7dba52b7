"""The page's script: language, navigation, sidebar. Streamlit runs it for every interaction."""

from __future__ import annotations

from collections.abc import Callable
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

# Heading -> (title, what draws it, icon), the address being the title's key without "nav.". The first group
# is everybody's and has no heading.
_PAGES: dict[str, tuple[tuple[str, Callable[[], None], str], ...]] = {
    "": (
        ("nav.chat", chat.page, "forum"),
        ("nav.library", library.page, "folder_open"),
        ("nav.account", account.page, "account_circle"),
    ),
    "nav.improve": (
        ("nav.quality", quality.page, "verified"),
        ("nav.tuning", tuning.page, "model_training"),
    ),
    "nav.manage": (
        ("nav.people", people.page, "group"),
        ("nav.prompts", prompts.page, "edit_note"),
        ("nav.compliance", compliance.page, "gavel"),
        ("nav.audit", audit.page, "history"),
    ),
    "nav.operate": (
        ("nav.operations", operations.page, "monitoring"),
        ("nav.readiness", readiness.page, "fact_check"),
    ),
}


def _offered() -> dict[str, list[Any]]:
    """The pages that the person who looks may open, by heading."""
    who = principal()
    allowed = {"": True, "nav.improve": may_evaluate(who), "nav.manage": is_admin(who)}
    allowed["nav.operate"] = allowed["nav.manage"]
    return {
        heading and say(heading): [
            st.Page(
                draw,
                title=say(title),
                icon=f":material/{icon}:",
                url_path=title.removeprefix("nav."),
                default=title == "nav.chat",
            )
            for title, draw, icon in pages
        ]
        for heading, pages in _PAGES.items()
        if allowed[heading]
    }


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
    pages = _offered()
    st.session_state["_pages"] = {page.url_path or "chat": page for group in pages.values() for page in group}
    chosen = st.navigation(pages)
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
