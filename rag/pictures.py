"""Pictures of pages: a page of a stored PDF as PNG, drawn in a sandboxed child and kept in a bounded folder.

A hostile file can make pdfium crash, hang or ask for gigabytes: all of that happens to the child. What is
kept is named by SHA-256, page and width only; the least recently shown pictures go first when the folder is
full.

``python -m rag.pictures`` is the child.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag.errors import DocumentError, SandboxError

if TYPE_CHECKING:
    from rag.sandbox import Sandbox
    from rag.settings import Settings

log = logging.getLogger(__name__)

MIN_WIDTH_PX: Final = 100
MAX_WIDTH_PX: Final = 3000
_MAX_PIXELS: Final = 24_000_000  # of the picture: a page may be a thousand times higher than wide
_TIMEOUT_S: Final = 20.0
_FOLDER_MB: Final = 512
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class PagePictures:
    """Thread-safe. One child draws; others wait (a page takes some 50 ms)."""

    def __init__(self, settings: Settings, *, folder_mb: int = _FOLDER_MB) -> None:
        from rag.sandbox import Sandbox

        self._folder = settings.data_dir / "pictures"
        self._folder_bytes = folder_mb * 2**20
        self._sandbox: Sandbox = Sandbox(
            "rag.pictures", memory_mb=settings.ingest.parse_memory_mb, timeout_s=_TIMEOUT_S, recycle_after=500
        )
        self._lock = threading.Lock()
        self._held: int | None = None  # bytes in the folder; None: not yet counted

    def picture(self, path: Path | str, sha256: str, page: int, width_px: int = 1000) -> bytes | None:
        """Page ``page`` (1-based) of the PDF at ``path`` as PNG, ``width_px`` wide (100 to 3,000; height
        follows, at most 24 megapixels in all). ``sha256`` names the file's bytes (the original's, also when
        ``path`` is its decrypted rendition). None when there is nothing to show: no such page, not a PDF,
        or one that cannot be drawn. Raises ValueError for a ``sha256`` that is none."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("not a SHA-256")
        width = max(MIN_WIDTH_PX, min(MAX_WIDTH_PX, int(width_px)))
        kept = self._folder / sha256[:2] / f"{sha256}-{int(page)}-{width}.png"
        try:
            data = kept.read_bytes()
            os.utime(kept)  # shown now: last to go
            return data
        except OSError:
            pass
        data_or_none = self._draw(Path(path), page, width, kept)
        if data_or_none is not None:
            self._make_room(len(data_or_none))
        return data_or_none

    def forget(self, sha256: str) -> None:
        """Removes every kept picture of a file (when its last document is deleted)."""
        if not _SHA256.fullmatch(sha256):
            return
        for file in (self._folder / sha256[:2]).glob(f"{sha256}-*.png"):
            with contextlib.suppress(OSError):
                file.unlink()

    def close(self) -> None:
        self._sandbox.close()

    def _draw(self, path: Path, page: int, width: int, kept: Path) -> bytes | None:
        partial = kept.with_name(f".{kept.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            self._sandbox.request(
                {"path": str(path.absolute()), "page": page, "width": width, "out": str(partial.absolute())}
            )
            data = partial.read_bytes()
            os.replace(partial, kept)
            return data
        except (SandboxError, DocumentError) as error:
            log.info("no picture of page %d: %s", page, error.code)
            return None
        except OSError as error:  # a full or read-only folder: the page's text is shown instead
            log.warning("no picture of page %d: %s", page, error.strerror)
            return None
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _make_room(self, added: int) -> None:
        with self._lock:
            if self._held is not None:
                self._held += added
                if self._held <= self._folder_bytes:
                    return
            files = []
            for file in self._folder.glob("*/*.png"):
                with contextlib.suppress(OSError):
                    stat = file.stat()
                    files.append((stat.st_mtime, stat.st_size, file))
            held = sum(size for _, size, _ in files)
            if held > self._folder_bytes:
                for _, size, file in sorted(files)[:-1]:  # the newest is being shown
                    with contextlib.suppress(OSError):
                        file.unlink()
                        held -= size
                    if held <= 0.8 * self._folder_bytes:
                        break
            self._held = held


def draw(request: dict[str, Any], emit: object) -> dict[str, Any]:
    """The child's work: writes the PNG to request["out"]."""
    import pypdfium2

    number, width = int(request["page"]), int(request["width"])
    try:
        document = pypdfium2.PdfDocument(request["path"])
        if not 1 <= number <= len(document):
            raise DocumentError("failed", "picture.no_page", page=number)
        if document.get_formtype():
            document.init_forms()
        page = document[number - 1]
        shown_width, shown_height = page.get_size()
        if shown_width <= 0 or shown_height <= 0:
            raise DocumentError("failed", "picture.no_page", page=number)
        scale = width / shown_width
        pixels = width * shown_height * scale
        if pixels > _MAX_PIXELS:
            scale *= (_MAX_PIXELS / pixels) ** 0.5
        image = page.render(scale=scale, may_draw_forms=True).to_pil()
        image.save(
            request["out"], format="PNG", compress_level=4
        )  # a third larger than 9, ten times as quick
    except pypdfium2.PdfiumError as error:
        raise DocumentError("failed", "picture.no_page", page=number) from error
    return {}


if __name__ == "__main__":
    from rag.sandbox import serve

    serve(draw)
