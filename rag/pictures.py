"""Pages of the originals as PNG, for showing a citation on its page.

Promises: the file is drawn in a sandboxed child process with limits on memory and time, never in this one; a page
that cannot be drawn (another file type, a password, a broken page) is None, not an error; the last pictures
are kept.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import OrderedDict
from typing import Any

from rag.errors import WenjuError
from rag.records import Document
from rag.sandbox import Emit, Line, Sandbox, serve
from rag.store import Originals

log = logging.getLogger(__name__)

PDF = "application/pdf"
_KEPT = 32  # pictures, some 200 KB each
_MAX_WIDTH_PX = 4000


class PagePictures:
    """Thread-safe."""

    def __init__(self, originals: Originals) -> None:
        self._originals = originals
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._sandbox = Sandbox("rag.pictures", memory_mb=1024, timeout_s=20.0)

    def png(self, document: Document, page: int, width_px: int) -> bytes | None:
        """Page ``page`` (1-based), ``width_px`` wide; None when it cannot be drawn."""
        if document.media_type != PDF or not 1 <= page <= max(1, document.page_count):
            return None
        key = (document.sha256, page, max(64, min(width_px, _MAX_WIDTH_PX)))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            with self._originals.local_path(document.sha256) as path:
                result = self._sandbox.request({"path": str(path), "page": page, "width_px": key[2]})
            png = base64.b64decode(result["png"])
        except (WenjuError, OSError, KeyError, ValueError) as error:
            log.warning("page %d of document %d cannot be drawn: %s", page, document.id, error)
            return None
        with self._lock:
            self._kept[key] = png
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return png

    def close(self) -> None:
        self._sandbox.close()


def draw(request: Line, _emit: Emit) -> Line:
    """The child's side: {"path", "page", "width_px"} -> {"png"} in base64."""
    import io

    import pypdfium2

    document: Any = pypdfium2.PdfDocument(request["path"])
    try:
        page = document[int(request["page"]) - 1]
        width = max(1.0, float(page.get_width()))
        height = max(1.0, float(page.get_height()))
        # A page a metre high at this width would not fit into the child's memory.
        scale = min(float(request["width_px"]) / width, 8000.0 / height)
        picture = io.BytesIO()
        page.render(scale=scale).to_pil().save(picture, "PNG")
        return {"png": base64.b64encode(picture.getvalue()).decode()}
    finally:
        document.close()


if __name__ == "__main__":
    serve(draw)
