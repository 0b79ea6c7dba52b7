"""Adding files: what was uploaded or picked goes to the Engine; what came of it is said in one line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rag.errors import WenjuError
from rag.messages import message
from rag.records import PENDING, Document
from rag.text.language import detect_language
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

PROGRESS_EVERY_S = 0.8


def drop_zone(key: str, *, collection: str = "default") -> None:
    """A place to drop files; they are taken in as soon as they have arrived."""
    engine = current().engine
    assert engine is not None
    turn = st.session_state.setdefault(f"{key}-turn", 0)
    files = st.file_uploader(
        say("upload.label"),
        accept_multiple_files=True,
        key=f"{key}-{turn}",
        max_upload_size=engine.settings.ingest.max_file_mb,
        label_visibility="collapsed",
    )
    if files:
        st.session_state["_notes"] = take_in(files, collection)
        st.session_state[f"{key}-turn"] = turn + 1  # a fresh widget: the list of names is the library's
        st.rerun()
    with st.container(key=f"{key}-notes"):  # always there: what follows keeps its place in the tree
        _notes()


def _notes() -> None:
    for level, words in st.session_state.get("_notes", ()):
        (st.error if level == "error" else st.info if level == "info" else st.success)(words)


def forget_notes() -> None:
    st.session_state.pop("_notes", None)


def take_in(files: Iterable[UploadedFile], collection: str = "default") -> list[tuple[str, str]]:
    """Adds each file. Returns (level, Markdown) lines; one bad file never keeps the others out."""
    engine = current().engine
    assert engine is not None
    notes: list[tuple[str, str]] = []
    added = 0
    for file in files:
        name = one_line(file.name, 80)
        try:
            result = engine.add_document(file.name, file, principal(), collection=collection)
        except WenjuError as error:
            problem = plain(error.localized(language()))
            notes.append(("error", say("upload.failed", name=name, problem=problem)))
            continue
        if result.created:
            added += 1
        else:
            existing = one_line(result.document.name, 80)
            notes.append(("info", say("upload.duplicate", name=name, existing=existing)))
    if added:
        notes.insert(0, ("success", say("upload.added", count=added)))
        wake()
    return notes


def wake() -> None:
    """Tells the worker that something waits."""
    service = current().service
    if service is not None:
        service.wake()


def trouble() -> None:
    """Why documents wait, when the reason is not in them (a full disk, a missing model)."""
    service = current().service
    error = service.last_error if service is not None else None
    if error is not None:
        st.warning(plain(error.localized(language())), icon=":material/hourglass_disabled:")


def add_samples() -> None:
    """Adds the sample reports (again: nothing happens)."""
    from samples import sample_files

    engine = current().engine
    assert engine is not None
    own_first = sorted(sample_files(), key=lambda path: detect_language(path.stem) != language())
    for path in own_first:
        engine.add_document(path.name, Path(path), principal(), source=f"sample:{path.name}")
    wake()


def samples_button(key: str, *, primary: bool = True) -> None:
    if st.button(
        say("welcome.samples"),
        key=key,
        icon=":material/auto_stories:",
        type="primary" if primary else "secondary",
    ):
        try:
            add_samples()
        except WenjuError as error:
            st.error(plain(error.localized(language())))
            return
        forget_notes()
        st.rerun()


def pending(documents: Sequence[Document]) -> list[Document]:
    return [d for d in documents if d.status in PENDING]


def fraction(document: Document) -> float:
    """How far a document is, 0..1: reading is the first half, indexing the second. Unknown totals count
    as a start, so that the bar never lies by being full."""
    match document.status:
        case "parsing":
            share = document.pages_done / document.page_count if document.page_count else 0.1
            return 0.02 + 0.48 * min(share, 1.0)
        case "embedding":
            share = document.chunks_done / document.chunk_count if document.chunk_count else 0.1
            return 0.5 + 0.48 * min(share, 1.0)
        case "queued":
            return 0.0
        case _:
            return 1.0


def progress_words(document: Document) -> str:
    """What is being done to a document, in words and real counts."""
    match document.status:
        case "parsing":
            if document.page_count:
                return say(
                    "library.progress_parsing",
                    done=min(document.pages_done + 1, document.page_count),
                    count=document.page_count,
                )
            return say("library.progress_parsing_unknown", done=document.pages_done)
        case "embedding":
            if document.chunk_count:
                return say(
                    "library.progress_embedding", done=document.chunks_done, count=document.chunk_count
                )
            return say("library.progress_embedding_unknown", done=document.chunks_done)
        case _:
            return say(f"status.{document.status}")


def problem_words(document: Document) -> str:
    """Why a document is not ready and what mends it, in the page's language, as Markdown source."""
    if document.error_code:
        words = message(document.error_code, language(), document.error_params)
        if words != document.error_code:
            return plain(words)
    return say(f"hint.{document.status}")
