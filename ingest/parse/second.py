"""pypdf: a PDF's structure (passwords, outline, document information, forms), and the second reader for
damaged files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ingest.parse.clean import clean
from ingest.parse.headings import OutlineEntry

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # one line for every oddity of every file

OUTLINE_BUDGET_S: Final = 3.0
MAX_ENTRIES: Final = 5000


@dataclass(slots=True)
class Structure:
    """What pypdf knows without reading a page. All empty when it cannot open the file."""

    info: dict[str, str] = field(default_factory=dict)
    outline: list[OutlineEntry] = field(default_factory=list)
    dynamic_form: bool = False  # an XFA form whose pages hold only a notice
    encrypted: bool = False
    readable: bool = False


def read_structure(path: Path, password: str | None) -> Structure:
    """Never raises: whatever pypdf cannot read is left out."""
    structure = Structure()
    try:
        reader = _open(path, password)
        structure.encrypted = reader.is_encrypted
        structure.readable = True
    except Exception:  # noqa: BLE001 - pypdf raises anything on damaged files; pdfium may still read them
        return structure
    for read in (_info, _outline, _form):
        try:
            read(reader, structure)
        except Exception:  # noqa: BLE001 - each part stands alone
            continue
    return structure


def _open(path: Path, password: str | None) -> Any:
    from pypdf import PdfReader

    return PdfReader(path, strict=False, password=password if password else None)


def _info(reader: Any, structure: Structure) -> None:
    names = {
        "/Title": "title",
        "/Author": "author",
        "/Subject": "subject",
        "/Creator": "creator",
        "/Producer": "producer",
        "/CreationDate": "created",
        "/ModDate": "modified",
    }
    for key, value in (reader.metadata or {}).items():
        if key in names and isinstance(value, str) and value.strip():
            structure.info[names[key]] = clean(value).strip()[:500]


def _outline(reader: Any, structure: Structure) -> None:
    root = reader.trailer["/Root"]
    if "/Outlines" not in root:
        return
    until = time.monotonic() + OUTLINE_BUDGET_S
    # Page numbers by object id: asking pypdf for each destination walks all pages every time.
    numbers = {}
    for number, page in enumerate(reader.pages, start=1):
        if page.indirect_reference is not None:
            numbers[page.indirect_reference.idnum] = number
        if time.monotonic() > until:
            return

    def walk(items: list[Any], level: int) -> None:
        for item in items:
            if time.monotonic() > until or len(structure.outline) >= MAX_ENTRIES:
                return
            if isinstance(item, list):
                walk(item, level + 1)
                continue
            target = item.get("/Page")
            number = numbers.get(getattr(target, "idnum", -1))
            title = clean(str(item.get("/Title") or "")).strip()
            if number and title:
                structure.outline.append((title, level, number))

    walk(reader.outline, 1)


def _form(reader: Any, structure: Structure) -> None:
    root = reader.trailer["/Root"]
    form = root.get("/AcroForm")
    if form is None:
        return
    form = form.get_object()
    if "/XFA" in form:
        fields = form.get("/Fields")
        structure.dynamic_form = bool(root.get("/NeedsRendering", False)) or not fields


def read_texts(
    path: Path, password: str | None, on_page: Callable[[int, int], None], max_chars: int
) -> list[str] | None:
    """The pages' texts without geometry; None when pypdf cannot open the file either. A page that fails
    is ""."""
    try:
        reader = _open(path, password)
        pages = list(reader.pages)
    except Exception:  # noqa: BLE001 - as above
        return None
    texts = []
    total = 0
    for number, page in enumerate(pages, start=1):
        try:
            text = page.extract_text()
        except Exception:  # noqa: BLE001 - one bad page never takes the others along
            text = ""
        texts.append(text)
        total += len(text)
        if total > max_chars:
            break
        on_page(number, len(pages))
    return texts
