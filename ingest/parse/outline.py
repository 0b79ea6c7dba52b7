"""A PDF's structure as pdfium knows it: document information, outline, protection.

Promises: never raises; says the same as :func:`ingest.parse.second.read_structure`, whose library takes
longer to import than pdfium to read a short file. Forms that draw themselves (XFA) are left to that one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from ingest.parse.clean import clean
from ingest.parse.second import MAX_ENTRIES, OUTLINE_BUDGET_S, Structure, read_structure

_NAMES: Final = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Creator": "creator",
    "Producer": "producer",
    "CreationDate": "created",
    "ModDate": "modified",
}
_DEEPEST: Final = 30  # levels of an outline


def structure_of(document: Any, path: Path, password: str | None) -> Structure:
    """``document`` is the open pdfium document of the file at ``path``."""
    from pypdfium2 import raw

    if document.get_formtype() in (raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND):
        return read_structure(path, password)
    structure = Structure(readable=True)
    structure.encrypted = raw.FPDF_GetSecurityHandlerRevision(document.raw) != -1
    for read in (_info, _outline):
        try:
            read(document, structure)
        except Exception:  # noqa: BLE001 - each part stands alone, whatever the binding raises on odd bytes
            continue
    return structure


def _info(document: Any, structure: Structure) -> None:
    for key, name in _NAMES.items():
        value = clean(document.get_metadata_value(key)).strip()
        if value:
            structure.info[name] = value[:500]


def _outline(document: Any, structure: Structure) -> None:
    until = time.monotonic() + OUTLINE_BUDGET_S
    for entry in document.get_toc(max_depth=_DEEPEST):
        if time.monotonic() > until or len(structure.outline) >= MAX_ENTRIES:
            return
        target = entry.get_dest()
        page = target.get_index() if target else None
        title = clean(entry.get_title()).strip()
        if page is not None and page >= 0 and title:
            structure.outline.append((title, entry.level + 1, page + 1))
