"""A document looked into: its pages as pictures and as text read, its passages as indexed, its details."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.errors import AccessDenied
from rag.messages import message
from rag.records import Document, Page
from ui import state
from ui.boot import current, principal
from ui.evidence import original_button, page_html, page_picture
from ui.language import language, say
from ui.safe import marked_html, one_line, plain, shortened

PASSAGES = 8


def show(document: Document) -> None:
    """The viewer as a dialog over the page."""
    engine = current().engine
    assert engine is not None

    @st.dialog(shortened(document.name, 70), width="large", on_dismiss=state.close_dialog)
    def dialog() -> None:
        try:
            pages = engine.document_pages(document.id, principal())
        except AccessDenied:
            st.info(say("viewer.gone"))
            return
        tab = st.segmented_control(
            say("library.open"),
            options=("pages", "passages", "details"),
            format_func=lambda name: say(f"viewer.{name}"),
            default="pages",
            key=f"viewer-{document.id}",
            label_visibility="collapsed",
        )
        if tab == "passages":
            _passages(document)
        elif tab == "details":
            _details(document)
        else:
            _pages(document, pages)

    dialog()


def _pages(document: Document, pages: Sequence[Page]) -> None:
    if not pages:
        st.caption(say("viewer.no_text"))
        return
    number = 1
    if len(pages) > 1:
        number = st.pagination(len(pages), key=f"viewer-page-{document.id}")
    page = pages[number - 1]
    picture = page_picture(document, number, ())
    words = page_html(page) if page.text.strip() else ""
    if picture is not None:
        st.image(picture, width="stretch", alt=f"{say('viewer.page')} {number}")
        with st.expander(say("viewer.text"), icon=":material/article:"):
            st.html(words) if words else st.caption(say("viewer.no_text"))
    elif words:
        if document.page_kind == "estimated":
            st.caption(say("evidence.estimated"))
        st.html(words)
    else:
        st.caption(say("viewer.no_text"))


def _passages(document: Document) -> None:
    engine = current().engine
    assert engine is not None
    chunks = engine.document_chunks(document.id, principal())
    count = max(1, -(-len(chunks) // PASSAGES))
    at = 1
    if count > 1:
        at = st.pagination(count, key=f"viewer-passages-{document.id}")
    for chunk in chunks[(at - 1) * PASSAGES : at * PASSAGES]:
        where = (
            say("answer.page", page=chunk.page_start)
            if chunk.page_end <= chunk.page_start
            else say("answer.pages", first=chunk.page_start, last=chunk.page_end)
        )
        with st.container(border=True, gap="small"):
            path = " › ".join(chunk.section_path)
            st.caption(
                " · ".join(
                    part
                    for part in (
                        f"#{chunk.ordinal + 1}",
                        where,
                        one_line(path, 90) if path else "",
                        say("viewer.tokens", count=chunk.token_count),
                    )
                    if part
                )
            )
            st.html(marked_html(chunk.text))


def _details(document: Document) -> None:
    added = document.created_at.astimezone().strftime("%Y-%m-%d %H:%M") if document.created_at else "–"
    rows = (
        ("viewer.name", document.name),
        ("viewer.title", document.title or "–"),
        ("viewer.type", document.media_type or "–"),
        ("viewer.size", f"{document.size_bytes:,} bytes"),
        ("viewer.language", say(f"language.{document.language}")),
        ("library.collection", document.collection),
        ("viewer.added", added),
        ("viewer.hash", document.sha256),
    )
    for key, value in rows:
        with st.container(horizontal=True, gap="medium"):
            st.caption(say(key), width=110)
            st.markdown(plain(value))
    if document.warnings:
        st.caption(say("viewer.warnings"))
        for code in document.warnings:
            st.markdown(f"- {plain(message(code, language()))}")
    original_button(document, f"viewer-original-{document.id}")
