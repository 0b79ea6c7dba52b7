"""Word (.docx) -> ParsedDocument: paragraphs, lists and tables in document order, as a reader sees them.

Opened by python-docx after :mod:`ingest.parse.word_guard`; the body is walked as XML, so that content
controls, text boxes, nested tables, tracked insertions and equations are not lost. Deleted text stays out.
Pages come from the breaks that Word recorded; without any, long texts get estimated pages.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest.parse import kinds
from ingest.parse.clean import clean
from ingest.parse.paging import PAGE_WEIGHT, weight
from ingest.parse.quality import garbled
from ingest.parse.titles import title_of
from ingest.parse.word_body import Block, BodyReader
from ingest.parse.word_guard import check_archive
from rag.errors import DocumentError
from rag.records import Heading, Page, ParsedDocument, Table
from rag.text.language import detect_language

if TYPE_CHECKING:
    from rag.settings import IngestSettings

_STRICT: Final = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL: Final = (
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"),
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", b"http://schemas.openxmlformats.org/officeDocument/2006/math"),
    (b"http://purl.oclc.org/ooxml/officeDocument/", b"http://schemas.openxmlformats.org/officeDocument/2006/"),
)  # fmt: skip
_MAIN: Final = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_OTHER_MAINS: Final = re.compile(
    rb"application/vnd\.(?:ms-word\.(?:document|template)\.macroEnabled(?:Template)?|openxmlformats-officedocument\.wordprocessingml\.template)"
    rb"\.main\+xml"
)


def parse_word(
    path: Path, name: str, limits: IngestSettings, on_progress: Callable[[int, int], None] | None = None
) -> ParsedDocument:
    """Raises DocumentError: corrupt, empty, password (encrypted entries), failed (bombs, too much text)."""
    check_archive(path, name, limits)
    document = _open(path)
    reader = BodyReader(document)
    blocks: list[Block] = []
    characters = 0
    for block in reader.blocks():
        blocks.append(block)
        characters += len(block.text)
        if characters > limits.max_chars:
            raise DocumentError("failed", "document.too_much_text", name=name, max_chars=limits.max_chars)
        if on_progress is not None and len(blocks) % 2000 == 0:
            on_progress(0, 0)
    if not any(block.text.strip() for block in blocks):
        raise DocumentError("empty", "document.empty", name=name)
    recorded = any(block.breaks for block in blocks)
    total = sum(weight(block.text) for block in blocks)
    estimated = not recorded and total > 2 * PAGE_WEIGHT
    pages = _pages(blocks, estimated)
    if len(pages) > limits.max_pages:
        raise DocumentError(
            "failed", "document.too_many_pages", name=name, pages=len(pages), max_pages=limits.max_pages
        )
    sample = "\n".join(page.text for page in pages[:40])
    if garbled(sample[:20_000]):
        raise DocumentError("garbled", "document.garbled", name=name)
    if on_progress is not None:
        on_progress(len(pages), len(pages))
    metadata = _metadata(document)
    return ParsedDocument(
        media_type=kinds.DOCX,
        title=title_of(metadata.get("title", ""), pages, name),
        language=detect_language(sample),
        pages=tuple(pages),
        page_kind="estimated" if estimated else "physical",
        metadata=metadata,
        warnings=("warn.estimated_pages",) if estimated else (),
    )


def _open(path: Path) -> Any:
    """python-docx's document. Strict OOXML, templates and macro documents are presented as what it knows."""
    from docx import Document

    try:
        return Document(str(path))
    except Exception:
        mended = _mended(path)
        if mended is None:
            raise
        return Document(mended)


def _mended(path: Path) -> io.BytesIO | None:
    """The archive with strict namespaces and foreign main types rewritten and dangling relationships removed;
    None when nothing needed it."""
    changed = False
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        names = set(source.namelist())
        for entry in source.infolist():
            lower = entry.filename.lower()
            if not lower.endswith((".xml", ".rels")):
                target.writestr(entry.filename, b"")  # pictures and fonts are not read
                continue
            data = old = source.read(entry)
            if _STRICT in data:
                for strict, usual in _TRANSITIONAL:
                    data = data.replace(strict, usual)
            if entry.filename == "[Content_Types].xml":
                data = _OTHER_MAINS.sub(_MAIN, data)
            if lower.endswith(".rels"):
                data = _without_dangling(data, entry.filename, names)
            changed = changed or data != old
            target.writestr(entry.filename, data)
    out.seek(0)
    return out if changed else None


def _without_dangling(data: bytes, rels_name: str, names: set[str]) -> bytes:
    folder = rels_name.rsplit("_rels/", 1)[0]

    def keep(match: re.Match[bytes]) -> bytes:
        tag = match.group()
        if b'TargetMode="External"' in tag:
            return tag
        target = re.search(rb'Target="([^"]*)"', tag)
        if target is None:
            return b""
        value = target.group(1).decode("utf-8", "replace")
        parts: list[str] = []
        for part in (value if value.startswith("/") else folder + value).split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return tag if "/".join(parts) in names else b""

    return re.sub(rb"<Relationship\s[^>]*?/>", keep, data)


def _metadata(document: Any) -> dict[str, str]:
    try:
        core = document.core_properties
        found = {
            "title": core.title,
            "author": core.author,
            "subject": core.subject,
            "created": core.created.isoformat() if core.created else "",
            "modified": core.modified.isoformat() if core.modified else "",
        }
    except Exception:  # noqa: BLE001 - malformed properties are no reason to lose the text
        return {}
    return {key: clean(value).strip()[:500] for key, value in found.items() if value and value.strip()}


def _pages(blocks: list[Block], estimated: bool) -> list[Page]:
    """Blocks cut into pages at recorded breaks (offsets inside a block) or, estimated, at paragraph
    boundaries."""
    writers = [_PageWriter(1)]
    held = 0
    for block in blocks:
        size = weight(block.text)
        if estimated:
            heading_due = block.level and held > 0.8 * PAGE_WEIGHT
            if held and (heading_due or held + size > 1.25 * PAGE_WEIGHT or held >= PAGE_WEIGHT):
                writers.append(_PageWriter(len(writers) + 1))
                held = 0
            held += size
            # A paragraph or table longer than a page is cut at its own lines.
            for n, piece in enumerate(_pieces(block) if size > 2 * PAGE_WEIGHT else [block]):
                if n:
                    writers.append(_PageWriter(len(writers) + 1))
                    held = weight(piece.text)
                writers[-1].add(piece, "" if n == 0 else block.header)
            continue
        start = 0
        for n, at in enumerate([*block.breaks, len(block.text)]):
            if n:
                writers.append(_PageWriter(len(writers) + 1))
            writers[-1].add(block.part(start, at), "" if n == 0 else block.header)
            start = at
    return [writer.page() for writer in writers]


def _pieces(block: Block) -> list[Block]:
    pieces = []
    start = 0
    while len(block.text) - start > PAGE_WEIGHT:
        window = block.text[start : start + PAGE_WEIGHT]
        cut = max(window.rfind("\n"), -1)
        if cut < PAGE_WEIGHT // 3:
            cut = max((m.end() for m in re.finditer(r"[.!?;。！？；]\s?", window)), default=PAGE_WEIGHT) - 1
        pieces.append(block.part(start, start + cut + 1))
        start += cut + 1
    pieces.append(block.part(start, len(block.text)))
    return pieces


class _PageWriter:
    """One page's text, headings and tables while it grows."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._tables: list[Table] = []

    def add(self, block: Block, inherited_header: str) -> None:
        text = block.text.strip("\n")
        if not text.strip():
            return
        if self._parts:
            gap = "\n" if block.tight else "\n\n"
            self._parts.append(gap)
            self._length += len(gap)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        if block.level:
            self._headings.append(Heading(start, self._length, block.level))
        if block.is_table:
            self._tables.append(Table(start, self._length, inherited_header or block.header))

    def page(self) -> Page:
        return Page(
            self._number, "".join(self._parts), headings=tuple(self._headings), tables=tuple(self._tables)
        )
