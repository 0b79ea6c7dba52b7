"""PDF -> ParsedDocument. pdfium reads text, geometry and structure; pypdf reads what pdfium cannot.

Promises: every physical page is there, in order, blank ones too (page numbers of citations never shift); a
file that cannot be read ends in a DocumentError with its state; a page that cannot be read becomes a
warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest.parse import kinds
from ingest.parse.clean import clean
from ingest.parse.headings import find_headings
from ingest.parse.layout import lay_out
from ingest.parse.outline import structure_of
from ingest.parse.pdfium import PageReader, RawPage
from ingest.parse.quality import garbled
from ingest.parse.second import Structure, read_structure, read_texts
from ingest.parse.structure import DraftPage, draft_page, finish_page, inherit_headers
from ingest.parse.titles import title_of
from rag.errors import DocumentError
from rag.records import Page, ParsedDocument
from rag.text.language import detect_language

if TYPE_CHECKING:
    from rag.settings import IngestSettings

OnProgress = Callable[[int, int], None]

_SCANNED_CHARS: Final = 60  # a page of pictures with fewer characters of text than this is a scan
_THIN_CHARS: Final = 12  # beside a picture: the picture says more than the text
_NOTICE: Final = re.compile(r"please wait|adobe reader|正在加载|请稍候", re.IGNORECASE)
_TINY_PT: Final = 3.95
_MAX_RENDERED: Final = 6  # pages looked at for white text


def parse_pdf(
    path: Path,
    name: str,
    limits: IngestSettings,
    password: str | None = None,
    on_progress: OnProgress | None = None,
    *,
    use_pdfium: bool = True,
) -> ParsedDocument:
    """``use_pdfium=False`` reads with pypdf alone: for files on which pdfium itself breaks down."""
    progress = on_progress or (lambda done, total: None)
    document = open_pdf(path, name, password) if use_pdfium else None
    if document is None:
        return _second_reader(path, name, limits, password, progress)
    try:
        count = len(document)
        if count > limits.max_pages:
            raise DocumentError(
                "failed", "document.too_many_pages", name=name, pages=count, max_pages=limits.max_pages
            )
        if count == 0:
            return _second_reader(path, name, limits, password, progress)
        structure = structure_of(document, path, password)
        drafts, raws, hidden = _read_pages(document, name, limits, progress)
    finally:
        document.close()
    return _finish(path, name, limits, password, structure, drafts, raws, hidden)


def open_pdf(path: Path, name: str, password: str | None) -> Any | None:
    """An open pdfium document; None when pdfium takes it for damaged. Raises DocumentError("password")."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        return pypdfium2.PdfDocument(path, password=password or None)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            code = "document.wrong_password" if password else "document.password"
            raise DocumentError("password", code, name=name) from error
        return None


def _read_pages(
    document: Any, name: str, limits: IngestSettings, progress: OnProgress
) -> tuple[list[DraftPage], list[str], bool]:
    """Drafts, the raw texts (for judging quality), and whether text is hidden."""
    reader = PageReader(document)
    count = len(document)
    drafts: list[DraftPage] = []
    raws: list[str] = []
    characters = 0
    tiny = 0
    white: list[tuple[int, RawPage]] = []
    for index in range(count):
        raw = reader.read(index)
        if raw is None:
            drafts.append(DraftPage(index + 1, 0.0, 0.0, [], state="unread"))
            raws.append("")
        else:
            draft = draft_page(index + 1, raw, lay_out(raw))
            dense = len("".join(draft.text.split()))
            if dense < _SCANNED_CHARS and (raw.pictures > 0.3 or (dense == 0 and raw.drawings > 200)):
                draft.state = "scanned"
            elif 0 < dense < _THIN_CHARS and raw.pictures > 0.02:
                draft.state = "thin"
            elif dense == 0:
                draft.state = "blank"
            drafts.append(draft)
            raws.append(raw.text)
            characters += len(draft.text)
            tiny += sum(len(x.text) for x in draft.lines if x.size < _TINY_PT and len(x.text) >= 25)
            if raw.white:
                white.append((index, raw))
        if characters > limits.max_chars:
            raise DocumentError("failed", "document.too_much_text", name=name, max_chars=limits.max_chars)
        progress(index + 1, count)
    hidden = tiny > 0
    if white and not hidden:
        from ingest.parse.hidden import any_invisible

        hidden = any_invisible(document, white[:_MAX_RENDERED])
    return drafts, raws, hidden


def _finish(
    path: Path,
    name: str,
    limits: IngestSettings,
    password: str | None,
    structure: Structure,
    drafts: list[DraftPage],
    raws: list[str],
    hidden: bool,
) -> ParsedDocument:
    count = len(drafts)
    total = sum(len("".join(d.text.split())) for d in drafts)
    warnings: list[str] = []
    if structure.dynamic_form and count <= 2 and (total < 1500 and _NOTICE.search(" ".join(raws))):
        raise DocumentError("unsupported", "document.xfa", name=name)
    if total == 0 and not any(d.state == "scanned" for d in drafts):
        # pdfium saw nothing at all: let the second reader look.
        texts = read_texts(path, password, lambda done, of: None, limits.max_chars)
        if texts and any(t.strip() for t in texts):
            return _without_geometry(name, texts, structure, ["warn.repaired"])
        raise DocumentError("empty", "document.empty", name=name)
    for draft, text in zip(drafts, raws, strict=True):
        if draft.state == "text" and garbled(text):
            draft.state = "garbled"
    scanned = [d.number for d in drafts if d.state == "scanned"]
    thin = [d.number for d in drafts if d.state == "thin"]
    broken = [d.number for d in drafts if d.state == "garbled"]
    good = [d for d in drafts if d.state in ("text", "thin")]
    good_chars = sum(len(d.text) for d in good)
    if not good or (scanned and good_chars < 40 * len(scanned) and len(scanned) >= len(good)):
        if len(broken) > len(scanned):
            raise DocumentError("garbled", "document.garbled", name=name)
        if scanned:
            raise DocumentError("scanned", "document.scanned", name=name, scanned=len(scanned), pages=count)
        if not good:
            raise DocumentError("empty", "document.empty", name=name)
    if broken and len(broken) >= 0.5 * (len(broken) + len(good)):
        raise DocumentError("garbled", "document.garbled", name=name)
    for number in broken:
        old = drafts[number - 1]
        drafts[number - 1] = DraftPage(number, old.width_pt, old.height_pt, [], state="garbled")
    if scanned or thin:
        warnings.append(f"warn.scanned_pages?pages={page_list(sorted(scanned + thin))}")
    if broken:
        warnings.append(f"warn.garbled_pages?pages={page_list(broken)}")
    unread = [d.number for d in drafts if d.state == "unread"]
    if unread:
        warnings.append(f"warn.unread_pages?pages={page_list(unread)}")
    if hidden:
        warnings.append("warn.hidden_text")
    inherit_headers(drafts)
    find_headings(drafts, structure.outline)
    pages = tuple(finish_page(d) for d in drafts)
    return _document(name, pages, structure, warnings, password)


def _second_reader(
    path: Path, name: str, limits: IngestSettings, password: str | None, progress: OnProgress
) -> ParsedDocument:
    texts = read_texts(path, password, progress, limits.max_chars)
    structure = read_structure(path, password)
    if texts is None:
        if structure.encrypted:
            raise DocumentError("password", "document.password", name=name)
        raise DocumentError(
            "corrupt", "document.corrupt", name=name, kind="PDF", reason="its structure is broken / 结构损坏"
        )
    if len(texts) > limits.max_pages:
        raise DocumentError(
            "failed", "document.too_many_pages", name=name, pages=len(texts), max_pages=limits.max_pages
        )
    whole = "\n".join(texts)
    if not whole.strip():
        raise DocumentError(
            "corrupt", "document.corrupt", name=name, kind="PDF", reason="no readable page / 没有可读的页面"
        )
    if garbled(whole):
        raise DocumentError("garbled", "document.garbled", name=name)
    return _without_geometry(name, texts, structure, ["warn.repaired"])


def _without_geometry(
    name: str, texts: list[str], structure: Structure, warnings: list[str]
) -> ParsedDocument:
    pages = tuple(
        Page(number, re.sub(r"[ \t]+\n", "\n", clean(text).replace("\f", "\n")).strip())
        for number, text in enumerate(texts, start=1)
    )
    return _document(name, pages, structure, warnings, None)


def _document(
    name: str, pages: tuple[Page, ...], structure: Structure, warnings: list[str], password: str | None
) -> ParsedDocument:
    metadata = dict(structure.info)
    if structure.encrypted:
        metadata["encrypted"] = "password" if password else "open"
    title = title_of(structure.info.get("title", ""), pages, name)
    return ParsedDocument(
        media_type=kinds.PDF,
        title=title,
        language=detect_language(_sample(pages)),
        pages=pages,
        metadata=metadata,
        warnings=tuple(warnings),
    )


def _sample(pages: tuple[Page, ...]) -> str:
    step = max(1, len(pages) // 40)
    return "\n".join(page.text[:3000] for page in pages[::step])


def page_list(numbers: list[int]) -> str:
    """[1, 2, 3, 7] -> "1-3, 7" (at most 20 parts)."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in parts[:20]]
    return ", ".join(shown) + (", …" if len(parts) > 20 else "")


def save_decrypted(path: Path, name: str, password: str, out_path: Path) -> None:
    """Writes the same PDF without protection to ``out_path``. Raises DocumentError (password, corrupt)."""
    from pypdfium2 import raw

    document = open_pdf(path, name, password)
    if document is None:
        raise DocumentError("corrupt", "document.corrupt", name=name, kind="PDF", reason="structure / 结构")
    try:
        document.save(out_path, flags=raw.FPDF_REMOVE_SECURITY)
    finally:
        document.close()
