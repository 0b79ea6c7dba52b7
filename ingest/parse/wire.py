"""Pages as JSON lines between the parser's process and ours: short keys, checked on arrival."""

from __future__ import annotations

from typing import Any

from rag.records import Heading, Line, Page, ParsedDocument, Table


def page_to_wire(page: Page) -> dict[str, Any]:
    return {
        "n": page.number,
        "t": page.text,
        "s": [page.width_pt, page.height_pt],
        "l": [[x.start, x.end, x.x0, x.y0, x.x1, x.y1] for x in page.lines],
        "h": [[x.start, x.end, x.level] for x in page.headings],
        "b": [[x.start, x.end, x.header] for x in page.tables],
    }


def page_from_wire(wire: dict[str, Any]) -> Page:
    """The page again. Raises ValueError (or KeyError, TypeError) when a hostile child sends something
    else."""
    text = wire["t"]
    width, height = wire["s"]
    page = Page(
        number=int(wire["n"]),
        text=str(text),
        width_pt=float(width),
        height_pt=float(height),
        lines=tuple(
            Line(int(a), int(b), float(c), float(d), float(e), float(f)) for a, b, c, d, e, f in wire["l"]
        ),
        headings=tuple(Heading(int(a), int(b), int(c)) for a, b, c in wire["h"]),
        tables=tuple(Table(int(a), int(b), str(c)) for a, b, c in wire["b"]),
    )
    size = len(page.text)
    spans = [(x.start, x.end) for x in page.lines]
    spans += [(x.start, x.end) for x in page.headings]
    spans += [(x.start, x.end) for x in page.tables]
    for start, end in spans:
        if not 0 <= start <= end <= size:
            raise ValueError(f"page {page.number}: a span lies outside of its text")
    return page


def summary_to_wire(parsed: ParsedDocument) -> dict[str, Any]:
    """Everything but the pages."""
    return {
        "media_type": parsed.media_type,
        "title": parsed.title,
        "language": parsed.language,
        "page_kind": parsed.page_kind,
        "metadata": dict(parsed.metadata),
        "warnings": list(parsed.warnings),
        "pages": len(parsed.pages),
    }


def document_from_wire(summary: dict[str, Any], pages: list[Page]) -> ParsedDocument:
    if summary["pages"] != len(pages) or [p.number for p in pages] != list(range(1, len(pages) + 1)):
        raise ValueError("pages are missing")
    return ParsedDocument(
        media_type=str(summary["media_type"]),
        title=str(summary["title"]),
        language=summary["language"] if summary["language"] in ("zh", "en") else "other",
        pages=tuple(pages),
        page_kind="estimated" if summary["page_kind"] == "estimated" else "physical",
        metadata={str(k): str(v) for k, v in summary["metadata"].items()},
        warnings=tuple(str(w) for w in summary["warnings"]),
    )
