"""The chat page: the open conversation, the running answer, the evidence beside it, the input."""

from __future__ import annotations

import streamlit as st

from rag.errors import AccessDenied, Busy
from rag.records import Document, Turn
from ui import answers, evidence, prompts, state, welcome
from ui.answering import Ticket
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import plain

LIVE_EVERY_S = 0.25


def page() -> None:
    engine = current().engine
    assert engine is not None
    documents = engine.documents(principal())
    ready = [d for d in documents if d.status == "ready"]
    turns = _turns()
    ticket = state.ticket()
    if ticket is not None and ticket.done:  # it ended while this page was being drawn
        state.settle()
        turns, ticket = _turns(), None
    if turns or ticket is not None or state.failed() is not None:
        _conversation(turns, ticket)
    else:
        with st.container(key="narrow"):
            welcome.show(documents)
    _input(ready, busy=ticket is not None)


def _turns() -> list[Turn]:
    engine = current().engine
    opened = state.conversation_id()
    if engine is None or opened is None:
        return state.unkept()
    try:
        return [*engine.turns(opened, principal()), *state.unkept()]
    except AccessDenied:
        state.open_conversation(None)
        st.toast(say("chat.gone"))
        return []


def _conversation(turns: list[Turn], ticket: Ticket | None) -> None:
    shown = evidence.target(turns)
    # The thread stays where it is in the tree when evidence opens beside it, so nothing jumps.
    with st.container(horizontal=True, wrap=False, gap="large", key="stage"):
        with st.container(key="thread"):
            _thread(turns, ticket)
        if shown is not None:
            with st.container(key="evidence"):
                evidence.panel(shown)


def _thread(turns: list[Turn], ticket: Ticket | None) -> None:
    for versions in answers.grouped(turns):
        answers.show(versions, last=ticket is None and versions[-1] is turns[-1])
    if ticket is not None:
        answers.question(ticket.question, f"live-{ticket.id}")
        _live(ticket)
    failed = state.failed()
    if failed is not None and ticket is None:
        answers.question(failed.question, "failed")
        with st.container(key="a-failed"):
            words = plain(failed.error.localized(language()))
            if isinstance(failed.error, Busy):  # nothing is wrong but the moment
                st.warning(words, icon=":material/hourglass_top:")
            else:
                st.error(words, icon=":material/error:")
            if st.button(say("answer.retry"), key="retry-question", icon=":material/refresh:"):
                state.ask(failed.question)
                st.rerun()


def _live(ticket: Ticket) -> None:
    """The running answer. A fragment that looks again a few times a second: no script runs in between, so
    nothing a reader does elsewhere on the page waits for it or ends it."""

    @st.fragment(run_every=LIVE_EVERY_S)
    def tick() -> None:
        if ticket.done:
            st.rerun()
        with st.container(key=f"a-live-{ticket.id}"):
            answers.live(ticket.snapshot())
            st.button(
                say("answer.stop"),
                key="stop",
                icon=":material/stop_circle:",
                on_click=ticket.stop,
                disabled=ticket.snapshot().stopping,
            )

    tick()


def _input(ready: list[Document], *, busy: bool) -> None:
    with st.bottom, st.container(key="ask"):
        with st.container(horizontal=True, gap="small", key="choices"):
            if len(ready) > 1:
                _scope(ready)
            if ready:
                prompts.style_chooser()
        placeholder = (
            say("chat.input_busy") if busy else say("chat.input") if ready else say("chat.input_empty")
        )
        st.chat_input(
            placeholder,
            key="question",
            max_chars=4000,
            disabled=busy or not ready,
            on_submit=lambda: state.ask(st.session_state["question"] or ""),
        )


def _scope(ready: list[Document]) -> None:
    count = state.scope_size()
    label = say("chat.scope_some", count=count) if count else say("chat.scope_all")
    with st.popover(
        f"{say('chat.scope')}: {label}", icon=":material/filter_list:", type="tertiary", key="scope"
    ):
        names = {d.id: d.name for d in ready}
        state.narrow_scope(names.keys(), {d.collection_id for d in ready})
        st.multiselect(
            say("chat.scope_documents"),
            options=list(names),
            format_func=lambda key: names.get(key, "…"),
            key="scope_documents",
            placeholder=say("chat.scope_all"),
        )
        collections = {d.collection_id: d.collection for d in ready}
        if len(collections) > 1:
            st.multiselect(
                say("chat.scope_collections"),
                options=list(collections),
                format_func=lambda key: collections.get(key, "…"),
                key="scope_collections",
                placeholder=say("library.all_collections"),
            )
        st.caption(say("chat.scope_hint"))
