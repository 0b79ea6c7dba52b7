"""The evidence panel: the page of the original with the quoted lines marked, beside the answer (on a phone
a sheet over it). Every look is authorised again by the Engine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rag.errors import AccessDenied, WenjuError
from rag.records import PAGE_BREAK, Box, Citation, Document, Page, Passage, Turn
from ui import state
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import marked_html, one_line, plain, shortened

WIDTH_PX = 1100
_MARK = (255, 213, 79)


@dataclass(frozen=True)
class Target:
    """What is shown: the place that was asked for, then the same marker's other quotes."""

    turn: Turn
    source: Citation | Passage
    others: tuple[Citation, ...]
    section_path: tuple[str, ...]

    @property
    def quotes(self) -> list[str]:
        own = self.source.text if isinstance(self.source, Passage) else self.source.quote
        return list(dict.fromkeys([own, *(c.quote for c in self.others)]))

    @property
    def places(self) -> tuple[Citation | Passage, ...]:
        return (self.source, *self.others)


def target(turns: Sequence[Turn]) -> Target | None:
    """The evidence that is open, if its turn is among ``turns``."""
    wanted = state.evidence()
    turn = next((t for t in turns if wanted and t.id == wanted.turn_id), None)
    if wanted is None or turn is None:
        return None
    if wanted.kind == "passage":
        passage = next((p for p in turn.answer.passages if p.rank == wanted.number), None)
        return Target(turn, passage, (), passage.section_path) if passage else None
    cited = [c for c in turn.answer.citations if c.marker == wanted.number]
    if not cited:
        return None
    first = cited[wanted.nth] if wanted.nth < len(cited) else cited[0]
    read = next((p for p in turn.answer.passages if p.chunk_id == first.chunk_id), None)
    return Target(turn, first, tuple(c for c in cited if c is not first), read.section_path if read else ())


def panel(shown: Target) -> None:
    """Draws the panel. Turning pages reruns only the panel."""

    @st.fragment
    def draw() -> None:
        source = shown.source
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="evidence-head"):
            number = f":primary-badge[{source.marker}] " if isinstance(source, Citation) else ""
            st.markdown(f"{number}**{one_line(source.document, 60)}**")
            if st.button(
                "", key="close-evidence", icon=":material/close:", type="tertiary", help=say("close")
            ):
                state.close_evidence()
                st.rerun()
        if shown.section_path:
            st.caption(one_line(" › ".join(shown.section_path), 140))
        with st.container(key="evidence-quote"):
            for quote in shown.quotes[:3]:
                st.markdown(plain(shortened(quote, 420)))
        _others(shown)
        _page(shown)

    draw()


def _others(shown: Target) -> None:
    citations = by_marker(shown.turn.answer.citations)
    if len(citations) < 2:
        return
    current_marker = shown.source.marker if isinstance(shown.source, Citation) else None
    with st.container(horizontal=True, gap="small", key="evidence-others"):
        for citation in citations:
            if st.button(
                str(citation.marker),
                key=f"other-{citation.marker}",
                type="primary" if current_marker == citation.marker else "secondary",
                help=plain(shortened(f"{citation.document}: {citation.quote}", 160)),
            ):
                state.open_evidence(shown.turn.id, citation.marker)
                st.rerun()


def _page(shown: Target) -> None:
    engine = current().engine
    assert engine is not None
    source = shown.source
    try:
        document = engine.document(source.document_id, principal())
        pages = engine.document_pages(source.document_id, principal())
    except AccessDenied:
        st.info(say("evidence.gone"), icon=":material/delete:")
        return
    if not pages:
        st.info(say("viewer.no_text"))
        return
    last = len(pages)
    number = min(max(int(st.session_state.get("evidence_page", source.page_start)), 1), last)
    _turner(number, last, source.page_start)
    page = pages[number - 1]
    quoted = [s for p in shown.places for s in spans_on_page(pages, number, p.char_start, p.char_end)]
    boxes = [b for p in shown.places for b in p.boxes if b.page == number]
    picture = page_picture(document, number, list(dict.fromkeys(boxes)))
    if picture is not None:
        st.image(
            picture, width="stretch", alt=say("evidence.alt", page=number, name=shortened(document.name))
        )
        with st.expander(say("evidence.text"), icon=":material/article:"):
            st.html(page_html(page, quoted))
    else:
        if document.page_kind == "estimated":
            st.caption(say("evidence.estimated"))
        elif document.media_type == "application/pdf":
            st.caption(say("evidence.no_picture"))
        with st.container(key="evidence-text"):
            st.html(page_html(page, quoted))
    original_button(document, "evidence-original")


def _turner(number: int, last: int, home: int) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="evidence-turner"):
        st.button(
            "", key="page-back", icon=":material/chevron_left:", help=say("previous"),
            disabled=number <= 1, on_click=_turn_to, args=(number - 1,),
        )  # fmt: skip
        st.markdown(say("evidence.of", page=number, count=last))
        st.button(
            "", key="page-on", icon=":material/chevron_right:", help=say("next"),
            disabled=number >= last, on_click=_turn_to, args=(number + 1,),
        )  # fmt: skip
        if number != home:
            st.button(
                say("evidence.back"), key="page-home", type="tertiary", icon=":material/keyboard_return:",
                on_click=_turn_to, args=(home,),
            )  # fmt: skip


def _turn_to(number: int) -> None:
    st.session_state["evidence_page"] = number


def original_button(document: Document, key: str) -> None:
    """Downloads the file as it was added; read only when pressed."""
    engine = current().engine
    assert engine is not None
    who = principal()
    st.download_button(
        say("evidence.original"),
        data=lambda: engine.original(document.id, who),
        file_name=download_name(document.name),
        mime="application/octet-stream",
        key=key,
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def download_name(name: str) -> str:
    """The display name as a file name that no system trips over."""
    kept = "".join("_" if c in '\\/:*?"<>|' or ord(c) < 32 else c for c in name).strip(". ")
    return kept[-150:] or "document"


def page_html(page: Page, quoted: Sequence[tuple[int, int]] = ()) -> str:
    """The page's text with ``quoted`` marked and its tables drawn."""
    return marked_html(page.text, quoted, [(t.start, t.end) for t in page.tables])


def by_marker(citations: Sequence[Citation]) -> list[Citation]:
    """The first citation of each marker, by number."""
    first = {c.marker: c for c in reversed(citations)}
    return [first[marker] for marker in sorted(first)]


def spans_on_page(pages: Sequence[Page], number: int, start: int, end: int) -> list[tuple[int, int]]:
    """Where document characters [start, end) lie in the text of page ``number`` (1-based)."""
    offset = sum(len(page.text) + len(PAGE_BREAK) for page in pages[: number - 1])
    first, last = max(start - offset, 0), min(end - offset, len(pages[number - 1].text))
    return [(first, last)] if first < last else []


def page_picture(
    document: Document, number: int, boxes: Sequence[Box], width_px: int = WIDTH_PX
) -> bytes | None:
    """The page as PNG with ``boxes`` marked, None when this file type has no pictures. Authorised by
    the Engine each time."""
    engine = current().engine
    assert engine is not None
    if document.page_kind == "estimated":
        return None
    try:
        png = engine.page_picture(document.id, number, principal(), width_px=width_px)
    except WenjuError as error:
        st.caption(plain(error.localized(language())))
        return None
    return png if png is None or not boxes else highlighted(png, boxes)


def highlighted(png: bytes, boxes: Sequence[Box]) -> bytes:
    """``png`` with ``boxes`` painted over as a marker pen would: multiplied, so that the ink stays black."""
    from PIL import Image, ImageChops, ImageDraw

    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    layer = Image.new("RGB", picture.size, (255, 255, 255))
    draw = ImageDraw.Draw(layer)
    width, height = picture.size
    grow = max(2, round(width * 0.003))
    for box in boxes:
        corners = (
            max(0, box.x0 * width - grow),
            max(0, box.y0 * height - grow),
            min(width - 1, box.x1 * width + grow),
            min(height - 1, box.y1 * height + grow),
        )
        if corners[2] > corners[0] and corners[3] > corners[1]:
            draw.rounded_rectangle(corners, radius=grow, fill=_MARK)
    out = io.BytesIO()
    ImageChops.multiply(picture, layer).save(out, "PNG", compress_level=3)
    return out.getvalue()
