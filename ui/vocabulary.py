"""Own terms of a collection, a section of the Library page. Admins only; the Engine checks it again."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from rag.access import is_admin
from rag.errors import WenjuError
from rag.records import OwnTerm
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain

SHOWN = 50
_TERM, _SYNONYMS = "own-term-name", "own-term-synonyms"  # the form's fields
MAX_FILE_BYTES = 2_000_000
_SEPARATORS = re.compile(r"[;；,，|\n]")


def section(collection: str) -> None:
    """Terms of ``collection``: a list, a form for one, a file for many."""
    engine = current().engine
    if engine is None or not is_admin(principal()):
        return
    name = say("library.collection_default") if collection == "default" else one_line(collection, 40)
    with st.expander(say("vocabulary.title", name=name), icon=":material/match_word:", key="own-terms"):
        st.caption(say("vocabulary.lead"))
        _told()
        try:
            there = any(c.name == collection for c in engine.collections(principal()))
            terms = engine.own_terms(principal(), collection) if there else []
        except WenjuError as error:
            st.error(plain(error.localized(language())))
            return
        if not there and collection != "default":
            st.caption(say("vocabulary.no_documents"))
            return
        for term in terms[:SHOWN]:
            _row(term)
        if len(terms) > SHOWN:
            st.caption(say("vocabulary.more", count=len(terms) - SHOWN))
        if not terms:
            st.caption(say("vocabulary.none"))
        _form(collection)
        _file(collection)


def _row(term: OwnTerm) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"own-term-{term.id}"):
        first, *others = (one_line(name, 60) for name in term.names)
        st.markdown(f"**{first}** = {' = '.join(others)}")
        st.button(
            "",
            key=f"remove-term-{term.id}",
            icon=":material/delete:",
            type="tertiary",
            help=say("vocabulary.remove"),
            on_click=_remove,
            args=(term.id,),
        )


def _remove(term_id: int) -> None:
    engine = current().engine
    assert engine is not None
    _act(lambda: engine.remove_term(term_id, principal()), "vocabulary.removed")


def _form(collection: str) -> None:
    with (
        st.form("own-term", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(say("vocabulary.term"), max_chars=80, key=_TERM)
        st.text_input(
            say("vocabulary.synonyms"),
            max_chars=1600,
            key=_SYNONYMS,
            placeholder=say("vocabulary.synonyms_example"),
        )
        st.form_submit_button(say("vocabulary.add"), icon=":material/add:", on_click=_add, args=(collection,))


def _add(collection: str) -> None:
    """Adds what the form holds; the form is emptied only when that was taken."""
    engine = current().engine
    assert engine is not None
    term = str(st.session_state.get(_TERM, ""))
    synonyms = [part.strip() for part in _SEPARATORS.split(str(st.session_state.get(_SYNONYMS, "")))]
    if _act(lambda: engine.add_term(term, synonyms, principal(), collection=collection), "vocabulary.added"):
        st.session_state[_TERM] = st.session_state[_SYNONYMS] = ""


def _file(collection: str) -> None:
    engine = current().engine
    assert engine is not None
    upload = st.file_uploader(say("vocabulary.file"), type=["csv"], key="own-terms-file")
    if upload is None or st.session_state.get("_own_terms_read") == upload.file_id:
        return
    st.session_state["_own_terms_read"] = upload.file_id
    data = upload.getvalue()
    if len(data) > MAX_FILE_BYTES:
        st.session_state["_own_terms_told"] = ("error", [say("vocabulary.too_big")])
        st.rerun()
    try:
        words = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        st.session_state["_own_terms_told"] = ("error", [say("vocabulary.not_text")])
        st.rerun()
    try:
        found = engine.import_terms(words, principal(), collection=collection)
    except WenjuError as error:
        st.session_state["_own_terms_told"] = ("error", [error.localized(language())])
        st.rerun()
    lines = [say("vocabulary.imported", added=found.added, bad=len(found.problems))]
    lines += [
        say("vocabulary.line", line=line, problem=problem.localized(language()))
        for line, problem in found.problems[:10]
    ]
    st.session_state["_own_terms_told"] = ("warning" if found.problems else "success", lines)
    st.rerun()


def _act(action: Callable[[], object], done: str) -> bool:
    try:
        action()
    except WenjuError as error:
        st.session_state["_own_terms_told"] = ("error", [error.localized(language())])
        return False
    st.session_state["_own_terms_told"] = ("success", [say(done)])
    return True


def _told() -> None:
    told = st.session_state.pop("_own_terms_told", None)
    if told is not None:
        kind, lines = told
        show = {"error": st.error, "warning": st.warning, "success": st.success}[kind]
        show("\n\n".join(plain(line) for line in lines))
