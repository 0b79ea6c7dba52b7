"""What one browser session remembers: the open conversation, the running answer, the open evidence.

The conversation is also in the address (``?c=``), the running answer too (``?t=``), so that a reload finds
them again. Everything else is the Engine's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

import streamlit as st

from rag.errors import WenjuError
from rag.records import Conversation, Turn
from ui.answering import AnswerDesk, Ticket
from ui.boot import current, principal

COPIES = "_copies"
_CONVERSATION, _TICKET, _EVIDENCE = "_conversation", "_ticket", "_evidence"
_FAILED, _UNKEPT, _FOCUS = "_failed", "_unkept", "_focus"
_DIALOG, _OWNER = "_dialog", "_owner"
_SCOPE_DOCUMENTS, _SCOPE_COLLECTIONS = "scope_documents", "scope_collections"


@dataclass(frozen=True)
class Evidence:
    """What the evidence panel shows: a citation's marker, or the rank of a passage that was read."""

    turn_id: int
    number: int
    kind: Literal["citation", "passage"] = "citation"
    nth: int = 0  # which of the marker's places in the answer was clicked, from 0


@dataclass(frozen=True)
class Failed:
    """A question that ended in an error before it could be logged."""

    question: str
    error: WenjuError


def belong_to(user_id: str) -> None:
    """Forgets everything when the browser tab has come to somebody else (it reconnected under another
    sign-in): what is remembered here may hold words of answers."""
    if st.session_state.setdefault(_OWNER, user_id) != user_id:
        kept = st.session_state.get("lang")
        st.session_state.clear()
        st.session_state[_OWNER] = user_id
        st.session_state[COPIES] = {}
        if kept:
            st.session_state["lang"] = kept


def desk() -> AnswerDesk:
    found = current().desk
    assert found is not None  # main.py shows the problem page otherwise
    return found


def conversation_id() -> int | None:
    """The open conversation; None is a new chat."""
    if _CONVERSATION not in st.session_state:
        asked = st.query_params.get("c", "")
        st.session_state[_CONVERSATION] = int(asked) if asked.isdecimal() else None
    return cast("int | None", st.session_state[_CONVERSATION])


def open_conversation(wanted: int | None) -> None:
    """Shows a conversation (None: a new chat), with its running answer if there is one."""
    st.session_state[_CONVERSATION] = wanted
    running = desk().running(wanted, principal()) if wanted is not None else None
    _set_ticket(running)
    close_evidence()
    _forget_last()
    st.session_state[_FOCUS] = f"conversation-{wanted}" if wanted is not None else ""
    _address()


def open_ticket(ticket_id: str) -> None:
    """Shows a running answer that has no conversation yet."""
    ticket = desk().ticket(ticket_id, principal())
    open_conversation(ticket.conversation_id if ticket else None)
    _set_ticket(ticket)


def ticket() -> Ticket | None:
    """The answer being written in the open conversation."""
    if _TICKET not in st.session_state:
        st.session_state[_TICKET] = st.query_params.get("t", "")
        if not st.session_state[_TICKET] and (opened := conversation_id()) is not None:
            _set_ticket(desk().running(opened, principal()))
    wanted = st.session_state[_TICKET]
    return desk().ticket(wanted, principal()) if wanted else None


def settle() -> None:
    """Takes a finished answer's conversation (or error) over and lets go of its ticket."""
    found = ticket()
    if found is None or not found.done:
        _address()
        return
    snapshot = found.snapshot()
    if snapshot.error is not None:
        st.session_state[_FAILED] = Failed(found.question, snapshot.error)
    if found.conversation_id is not None:
        st.session_state[_CONVERSATION] = found.conversation_id
    if snapshot.answer is not None and snapshot.answer.turn_id is None:
        st.session_state[_UNKEPT] = Turn(
            0, conversation_id() or 0, principal().user_id, datetime.now(UTC), snapshot.answer
        )
    _set_ticket(None)
    _address()


def failed() -> Failed | None:
    return cast("Failed | None", st.session_state.get(_FAILED))


def unkept() -> list[Turn]:
    """An answer that could not be written to the log: shown all the same until the next question."""
    turn = st.session_state.get(_UNKEPT)
    return [turn] if turn is not None else []


def ask(question: str, ignored_chips: Iterable[str] = (), *, anew: bool = False) -> None:
    """Starts an answer in the open conversation; ``ignored_chips`` favour nothing; ``anew``: nothing kept is
    given. Waits a moment, so that quick answers appear at once."""
    question = question.strip()
    if not question:
        return
    _forget_last()
    close_evidence()
    try:
        started = desk().ask(
            question,
            principal(),
            conversation_id=conversation_id(),
            collection_ids=st.session_state.get(_SCOPE_COLLECTIONS) or None,
            document_ids=st.session_state.get(_SCOPE_DOCUMENTS) or None,
            use=st.session_state.get("answer_use") or None,
            ignored_chips=ignored_chips,
            anew=anew,
        )
    except WenjuError as error:
        st.session_state[_FAILED] = Failed(question, error)
        return
    _set_ticket(started)
    st.session_state[_FOCUS] = started.id
    started.wait(0.3)


def ask_everywhere(question: str) -> None:
    """The same question in all documents."""
    st.session_state[_SCOPE_DOCUMENTS], st.session_state[_SCOPE_COLLECTIONS] = [], []
    ask(question)


def focus() -> str:
    """What came into view last: the browser scrolls there once when it changes."""
    return str(st.session_state.get(_FOCUS, ""))


def scope_size() -> int:
    """How many documents and collections the next question is limited to; 0: everything."""
    return len(st.session_state.get(_SCOPE_DOCUMENTS) or ()) + len(
        st.session_state.get(_SCOPE_COLLECTIONS) or ()
    )


def narrow_scope(documents: Collection[int], collections: Collection[int]) -> None:
    """Lets go of chosen documents and collections that are not there any more."""
    for key, known in ((_SCOPE_DOCUMENTS, documents), (_SCOPE_COLLECTIONS, collections)):
        chosen = st.session_state.get(key)
        if chosen and not set(chosen) <= set(known):
            st.session_state[key] = [one for one in chosen if one in known]


def evidence() -> Evidence | None:
    return cast("Evidence | None", st.session_state.get(_EVIDENCE))


def open_evidence(
    turn_id: int, number: int, kind: Literal["citation", "passage"] = "citation", nth: int = 0
) -> None:
    st.session_state[_EVIDENCE] = Evidence(turn_id, number, kind, nth)
    st.session_state.pop("evidence_page", None)


def close_evidence() -> None:
    st.session_state.pop(_EVIDENCE, None)
    st.session_state.pop("evidence_page", None)


def dialog() -> tuple[str, int] | None:
    """The open dialog and what it is about. Kept here, and drawn by every run, so that a page that renews
    itself (progress, a running answer) does not close it under the reader."""
    return cast("tuple[str, int] | None", st.session_state.get(_DIALOG))


def open_dialog(kind: str, about: int) -> None:
    st.session_state[_DIALOG] = (kind, about)


def close_dialog() -> None:
    st.session_state.pop(_DIALOG, None)


def own_conversations() -> list[Conversation]:
    engine = current().engine
    return engine.conversations(principal()) if engine is not None else []


def _forget_last() -> None:
    st.session_state.pop(_FAILED, None)
    st.session_state.pop(_UNKEPT, None)


def _set_ticket(found: Ticket | None) -> None:
    st.session_state[_TICKET] = found.id if found is not None else ""


def _address() -> None:
    for name, value in (("c", conversation_id()), ("t", st.session_state.get(_TICKET))):
        wanted = str(value) if value else ""
        if st.query_params.get(name, "") != wanted:
            if wanted:
                st.query_params[name] = wanted
            else:
                st.query_params.pop(name, None)
