"""bytes -> ParsedDocument. One file type per module; what a file is, its bytes say.

:func:`parse` works in this process (tests, benchmarks). Files from outside go through
:class:`SandboxedParser`, whose children have a memory limit, a time limit and no network.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from rag.errors import DocumentError, SandboxError
from rag.records import Page, ParsedDocument

if TYPE_CHECKING:
    from rag.sandbox import Sandbox
    from rag.settings import IngestSettings, Settings

OnProgress = Callable[[int, int], None]
Reader = Literal["auto", "pypdf"]

_pdfium = threading.Lock()  # pdfium is not thread-safe; in a child there is one thread anyway


def parse(
    path: Path | str,
    name: str,
    limits: IngestSettings,
    password: str | None = None,
    on_progress: OnProgress | None = None,
    *,
    reader: Reader = "auto",
) -> ParsedDocument:
    """The file at ``path`` (``name`` is only shown, and suggests a title). Pages are 1-based and complete.

    ``on_progress(pages_done, pages_total)`` is called while pages are read. ``reader="pypdf"`` keeps pdfium
    away from a PDF. Raises DocumentError with the state the file ends in: password, scanned, garbled,
    empty, corrupt, unsupported, failed. Whatever a library raises on a bad file becomes "corrupt", naming
    the file.
    """
    from ingest.parse import kinds

    path = Path(path)
    media_type = "a document"
    try:
        size = path.stat().st_size
        if size > limits.max_file_mb * 2**20:
            raise DocumentError(
                "failed",
                "document.too_large",
                name=name,
                size_mb=f"{size / 2**20:.0f}",
                max_mb=limits.max_file_mb,
            )
        media_type = kinds.sniff(path, name)
        if media_type == kinds.PDF:
            from ingest.parse.pdf import parse_pdf

            with _pdfium:
                return parse_pdf(path, name, limits, password, on_progress, use_pdfium=reader == "auto")
        if media_type == kinds.DOCX:
            from ingest.parse.word import parse_word

            return parse_word(path, name, limits, on_progress)
        from ingest.parse.plain import parse_text

        return parse_text(path, name, limits, media_type, on_progress)
    except (DocumentError, MemoryError):
        raise
    except OSError as error:
        raise DocumentError(
            "failed", "document.missing", name=name, reason=error.strerror or type(error).__name__
        ) from error
    except Exception as error:  # parsers raise bare AssertionError, KeyError, RecursionError ... on bad files
        kind = {kinds.PDF: "PDF", kinds.DOCX: "Word (.docx)"}.get(media_type, media_type)
        raise DocumentError(
            "corrupt", "document.corrupt", name=name, kind=kind, reason=type(error).__name__
        ) from error


class SandboxedParser:
    """A pool of parser children. Thread-safe: ``settings.workers`` files are read at once, others wait.

    How the ingest service uses it: ``parse(original, name, password)`` for every leased document. When the
    result's ``metadata["encrypted"]`` is "password" the stored original stays as uploaded, and the service
    calls ``decrypted_copy(original, password, out_path)`` once, with ``out_path`` beside the original under
    the same SHA-256 (a *rendition*), so that page pictures and a later re-index read the rendition and need
    no password. The password itself is not kept.
    """

    def __init__(self, settings: IngestSettings | Settings) -> None:
        from rag.sandbox import Sandbox

        limits = cast("IngestSettings", getattr(settings, "ingest", settings))
        self._limits = limits
        self.workers = limits.workers or min(2, os.cpu_count() or 1)
        self._all = [
            Sandbox("ingest.parse.worker", memory_mb=limits.parse_memory_mb, timeout_s=limits.parse_timeout_s)
            for _ in range(self.workers)
        ]
        # Last in, first out: a warm child is taken before a cold one is started.
        self._free: queue.LifoQueue[Sandbox] = queue.LifoQueue()
        for sandbox in reversed(self._all):
            self._free.put(sandbox)

    def parse(
        self, path: Path | str, name: str, password: str | None = None, on_progress: OnProgress | None = None
    ) -> ParsedDocument:
        """As :func:`parse`, in a child. Raises DocumentError; besides the parser's states there are failed/
        document.timeout, document.memory and document.crashed. An exception from ``on_progress`` ends the
        child and passes through: that is how a caller gives a document up.

        A PDF on which pdfium breaks down is read once more, by pypdf alone.
        """
        try:
            return self._parse(path, name, password, on_progress, "auto")
        except SandboxError as error:
            if error.code == "sandbox.crashed":
                try:
                    return self._parse(path, name, password, on_progress, "pypdf")
                except SandboxError:
                    pass
            raise _as_document_error(error, name, self._limits) from error

    def decrypted_copy(self, path: Path | str, password: str, out_path: Path | str, name: str = "") -> None:
        """Writes the PDF at ``path`` without its protection to ``out_path`` (atomically: a temporary file
        in the same folder, then a rename). Raises DocumentError (password, corrupt, failed)."""
        target = Path(out_path)
        shown = name or Path(path).name
        partial = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.part")
        request = {
            "op": "decrypt",
            "path": str(Path(path).absolute()),
            "name": shown,
            "password": password,
            "out": str(partial.absolute()),
        }
        try:
            try:
                self._request(request, None)
            except SandboxError as error:
                raise _as_document_error(error, shown, self._limits) from error
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the children; a parse that is running fails. Idempotent."""
        for sandbox in self._all:
            sandbox.close()

    def __enter__(self) -> SandboxedParser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _parse(
        self,
        path: Path | str,
        name: str,
        password: str | None,
        on_progress: OnProgress | None,
        reader: Reader,
    ) -> ParsedDocument:
        from ingest.parse.wire import document_from_wire, page_from_wire

        pages: list[Page] = []

        def take(line: dict[str, Any]) -> None:
            if "page" in line:
                pages.append(page_from_wire(line["page"]))
            elif "progress" in line and on_progress is not None:
                done, total = line["progress"]
                on_progress(int(done), int(total))

        request = {
            "op": "parse",
            "path": str(Path(path).absolute()),
            "name": name,
            "limits": self._limits.model_dump(mode="json"),
            "password": password,
            "reader": reader,
        }
        return document_from_wire(self._request(request, take), pages)

    def _request(
        self, request: dict[str, Any], take: Callable[[dict[str, Any]], None] | None
    ) -> dict[str, Any]:
        sandbox = self._free.get()
        try:
            return sandbox.request(request, take)
        finally:
            self._free.put(sandbox)


def _as_document_error(error: SandboxError, name: str, limits: IngestSettings) -> DocumentError:
    if error.code == "sandbox.timeout":
        return DocumentError("failed", "document.timeout", name=name, seconds=f"{limits.parse_timeout_s:g}")
    if error.code == "sandbox.memory":
        return DocumentError("failed", "document.memory", name=name, memory_mb=limits.parse_memory_mb)
    return DocumentError(
        "failed", "document.crashed", name=name, reason=error.params.get("reason", error.code)
    )
