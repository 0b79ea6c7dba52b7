"""The sidebar: new chat, conversations, a line on readiness, the language."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from rag.access import is_admin
from rag.errors import AccessDenied
from rag.records import Conversation
from ui import sign_in, state
from ui.boot import current, principal
from ui.language import NAMES, Code, language, remember, say
from ui.readiness import summary
from ui.safe import one_line

SHOWN = 12


def show(*, on_chat: bool) -> None:
    with st.sidebar:
        if st.button(
            say("chat.new"), key="new-chat", icon=":material/edit_square:", type="primary", width="stretch"
        ):
            _go(lambda: state.open_conversation(None), on_chat)
        _conversations(on_chat)
        with st.container(key="sidebar-foot"):
            if is_admin(principal()):
                summary()
            _sign_out()
            st.segmented_control(
                say("lang.label"),
                options=list(NAMES),
                format_func=lambda code: NAMES[code],
                default=language(),
                key=f"lang-{language()}",
                label_visibility="collapsed",
                on_change=_switch_language,
                args=(f"lang-{language()}",),
            )
    _dialogs()


def _sign_out() -> None:
    engine = current().engine
    if engine is None or not engine.accounts_on():
        return
    name = one_line(principal().name, 30)
    if st.button(
        say("door.out"),
        key="sign-out",
        icon=":material/logout:",
        type="tertiary",
        help=say("account.signed_in", name=name),
    ):
        sign_in.sign_out(engine)
        st.rerun()


def _dialogs() -> None:
    wanted = state.dialog()
    if wanted is None:
        return
    kind, about = wanted
    conversation = next((c for c in state.own_conversations() if c.id == about), None)
    if kind == "rename-conversation" and conversation is not None:
        _rename(conversation)
    elif kind == "delete-conversation" and conversation is not None:
        _delete(conversation)


def _switch_language(key: str) -> None:
    chosen: Code | None = st.session_state.get(key)
    if chosen:
        remember(chosen)


def _go(change: Callable[[], None], on_chat: bool) -> None:
    change()
    if on_chat:
        st.rerun()
    st.switch_page(st.session_state["_pages"]["chat"])


def _conversations(on_chat: bool) -> None:
    conversations = state.own_conversations()
    unfiled = state.desk().unfiled(principal())
    if not conversations and not unfiled:
        return
    with st.container(key="conversations", gap=None):
        st.caption(say("chat.history"))
        for ticket in reversed(unfiled):
            if st.button(
                one_line(ticket.question, 40),
                key=f"running-{ticket.id}",
                icon="spinner",
                type="tertiary",
                width="stretch",
            ):
                _go(lambda ticket=ticket: state.open_ticket(ticket.id), on_chat)  # type: ignore[misc]
        opened = state.conversation_id() if on_chat else None
        every = len(conversations) <= SHOWN or st.session_state.get("all_conversations", False)
        for conversation in conversations if every else conversations[:SHOWN]:
            _row(conversation, conversation.id == opened, on_chat)
        if not every and st.button(
            say("chat.show_all", count=len(conversations)), key="all-conversations", type="tertiary"
        ):
            st.session_state["all_conversations"] = True
            st.rerun()


def _row(conversation: Conversation, opened: bool, on_chat: bool) -> None:
    kind = "open" if opened else "row"
    with st.container(
        key=f"conv-{kind}-{conversation.id}",
        horizontal=True,
        wrap=False,
        gap=None,
        vertical_alignment="center",
    ):
        if st.button(
            one_line(conversation.title, 60) or "…",
            key=f"open-{conversation.id}",
            type="tertiary",
            width="stretch",
        ):
            _go(lambda: state.open_conversation(conversation.id), on_chat)
        if opened:
            with st.popover(
                "", icon=":material/more_horiz:", type="tertiary", help=say("more"), key="conversation-menu"
            ):
                st.button(
                    say("rename"),
                    key="rename-conversation",
                    icon=":material/edit:",
                    width="stretch",
                    on_click=state.open_dialog,
                    args=("rename-conversation", conversation.id),
                )
                st.button(
                    say("delete"),
                    key="delete-conversation",
                    icon=":material/delete:",
                    width="stretch",
                    on_click=state.open_dialog,
                    args=("delete-conversation", conversation.id),
                )


def _rename(conversation: Conversation) -> None:
    @st.dialog(say("rename"), on_dismiss=state.close_dialog)
    def dialog() -> None:
        with st.form("rename-form", border=False):
            title = st.text_input(
                say("chat.rename_title"), value=conversation.title, max_chars=120, key="conversation-title"
            )
            if st.form_submit_button(say("save"), type="primary") and title.strip():
                _quietly(
                    lambda engine: engine.rename_conversation(conversation.id, title.strip(), principal())
                )
                state.close_dialog()
                st.rerun()

    dialog()


def _delete(conversation: Conversation) -> None:
    @st.dialog(say("delete"), on_dismiss=state.close_dialog)
    def dialog() -> None:
        st.write(say("chat.delete_confirm"))
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(say("cancel"), key="delete-conversation-no"):
                state.close_dialog()
                st.rerun()
            if st.button(say("delete"), key="delete-conversation-yes", type="primary"):
                running = state.desk().running(conversation.id, principal())
                if running is not None:
                    running.stop()
                    running.wait(2.0)
                _quietly(lambda engine: engine.delete_conversation(conversation.id, principal()))
                state.close_dialog()
                state.open_conversation(None)
                st.rerun()

    dialog()


def _quietly(act: Callable[..., None]) -> None:
    """Renaming or deleting what is gone already changes nothing."""
    try:
        act(current().engine)
    except AccessDenied:
        st.toast(say("chat.gone"))
