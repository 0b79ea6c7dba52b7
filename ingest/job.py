"""One document's way from its bytes to the library.

Promises: everything that is seen of a document appears in one transaction; whoever lost the lease, was
stopped or met an error leaves nothing behind but the state that the store was told.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from ingest.about import with_about
from ingest.chunk import Chunker
from ingest.embedder import Embedder, Stopped
from rag import metrics, tracing
from rag.errors import DocumentError, IndexMismatch, SandboxError, StoreError, WenjuError
from rag.models.protocols import EmbeddingModel, Vectors
from rag.records import Chunk, Document, DocumentStatus, EmbeddingSpec, ParsedDocument
from rag.store import Lease, Store
from rag.text.context import text_hash

log = logging.getLogger(__name__)

COMMIT_DELAYS_S = (0.5, 1.0, 2.0, 4.0)  # between tries to write a finished document
_HASHES = 500  # looked up at once
REINDEX = "wenju reindex"


class Parser(Protocol):
    """Reads files somewhere safe, ``workers`` at once; see :class:`ingest.parse.SandboxedParser`."""

    @property
    def workers(self) -> int: ...

    def parse(
        self, path: Path, name: str, password: str | None, on_progress: Callable[[int, int], None]
    ) -> ParsedDocument:
        """``on_progress(pages read, pages in all)`` cancels by raising. Raises DocumentError."""
        ...

    def decrypted_copy(self, path: Path, password: str, out_path: Path, name: str) -> None: ...

    def close(self) -> None: ...


class Lost(Exception):
    """The lease went to somebody else, or the document was deleted."""


@dataclass(slots=True)
class Job:
    """A leased document at work; the heartbeat reads the counts."""

    lease: Lease
    status: DocumentStatus = "parsing"
    pages_done: int = 0
    page_count: int | None = None
    chunks_done: int = 0
    chunk_count: int | None = None
    lost: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)

    @property
    def document(self) -> Document:
        return self.lease.document

    def counts(self) -> tuple[DocumentStatus, int, int, int | None, int | None]:
        return self.status, self.pages_done, self.chunks_done, self.page_count, self.chunk_count


class Indexer:
    """Chunks and vectors of parsed documents, for one embedding model. Thread-safe."""

    def __init__(self, store: Store, model: EmbeddingModel, chunker: Chunker, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self.chunker = chunker
        self.spec = model.spec(chunker.fingerprint)
        self.spec_id = store.ensure_spec(self.spec)

    def require_active(self, active: tuple[int, EmbeddingSpec] | None) -> None:
        """Raises IndexMismatch when the library is indexed with another model or other chunks."""
        if active is not None and active[0] != self.spec_id:
            fields = [f for f in self.spec.differs_from(active[1]) if f != "model"]
            found, expected = (
                f"{spec.model} ({', '.join(f'{f}={getattr(spec, f)}' for f in fields)})"
                for spec in (self.spec, active[1])
            )
            raise IndexMismatch("store.index_mismatch", found=found, expected=expected, remedy=REINDEX)

    def chunks(self, parsed: ParsedDocument) -> tuple[list[Chunk], list[str], list[str]]:
        """The chunks, their embedded texts, and the hashes of those."""
        chunks = self.chunker.chunk(parsed)
        texts = [self.chunker.embedded(parsed.title, chunk, parsed.about) for chunk in chunks]
        return chunks, texts, [text_hash(text) for text in texts]

    def vectors(
        self,
        texts: Sequence[str],
        hashes: Sequence[str],
        on_progress: Callable[[int], None],
        check: Callable[[], None],
        reuse: Sequence[int] = (),
    ) -> Vectors:
        """float32 of shape (len(texts), dimension). Vectors that the store has for the same text are used
        again, from this spec or from those of ``reuse``."""
        known: dict[str, Vectors] = {}
        for spec_id in (self.spec_id, *reuse):
            for start in range(0, len(hashes), _HASHES):
                known.update(self._store.known_vectors(spec_id, hashes[start : start + _HASHES]))
        missing = [i for i, key in enumerate(hashes) if key not in known]
        already = len(texts) - len(missing)
        new = self._embedder.embed(
            [texts[i] for i in missing], lambda done: on_progress(already + done), check
        )
        if not known:
            return new
        matrix = np.empty((len(texts), self.spec.dimension), dtype=np.float32)
        matrix[missing] = new
        for i, key in enumerate(hashes):
            if key in known:
                matrix[i] = known[key]
        return matrix


class Worker:
    """Takes one leased document through all its steps."""

    def __init__(
        self,
        store: Store,
        parser: Callable[[], Parser],
        indexer: Callable[[], Indexer],
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._parser = parser
        self._indexer = indexer
        self._stopping = stopping

    def run(self, job: Job, parsed: Callable[[], None]) -> WenjuError | None:
        """Ends the job in the store. ``parsed`` is called once the parser is free again. Returns an error
        that is not the document's fault (the store, the model): the document is back in the queue then."""
        with tracing.trace("ingest", document_id=job.document.id):
            return self._run(job, parsed)

    def _run(self, job: Job, parsed: Callable[[], None]) -> WenjuError | None:
        try:
            try:
                with tracing.span("parse"):
                    read, rendition = self._read(job)
            finally:
                parsed()
            with tracing.span("index", {"pages": len(read.pages)}):
                self._index(job, read, rendition)
        except (Stopped, Lost):
            self._give_back(job)
        except WenjuError as error:
            if self._stopping.is_set():  # a parser that is closed at work says that it crashed
                self._give_back(job)
            elif isinstance(error.__cause__, SandboxError) and error.__cause__.code == "sandbox.start":
                self._give_back(job)  # no process could be started: no fault of the document
                return error.__cause__
            elif isinstance(error, DocumentError):
                return self._fail(job, error)
            else:
                self._give_back(job)
                return error
        except Exception:  # a boundary: one document must never stop the service
            reference = uuid.uuid4().hex[:8]
            log.exception("document %d failed, reference %s", job.document.id, reference)
            name = job.document.name
            return self._fail(
                job, DocumentError("failed", "document.unexpected", name=name, reference=reference)
            )
        return None

    def check(self, job: Job) -> None:
        """Raises Stopped or Lost when the work is to be dropped."""
        if self._stopping.is_set():
            raise Stopped
        if job.lost.is_set():
            raise Lost

    def _read(self, job: Job) -> tuple[ParsedDocument, str]:
        """The document, and the SHA-256 of the copy without password that was kept for its pictures."""
        document, password = job.document, job.lease.password

        def progress(done: int, total: int) -> None:
            self.check(job)
            job.pages_done, job.page_count = done, total or None

        self._indexer().require_active(job.lease.spec)
        originals = self._store.originals
        try:
            with originals.local_path(document.sha256) as path:
                parsed = self._parser().parse(path, document.name, password, progress)
                if parsed.metadata.get("encrypted") != "password" or password is None:
                    return parsed, ""
                with tempfile.TemporaryDirectory(prefix="wenju-") as folder:
                    copy = Path(folder) / "copy"
                    self._parser().decrypted_copy(path, password, copy, document.name)
                    with copy.open("rb") as stream:
                        return parsed, originals.put(stream)[0]
        except StoreError as error:
            if error.code != "store.original_missing":
                raise
            raise DocumentError("failed", "document.missing", name=document.name, reason=error) from error

    def _index(self, job: Job, parsed: ParsedDocument, rendition: str) -> None:
        self.check(job)
        job.status = "embedding"
        job.pages_done = job.page_count = len(parsed.pages)
        indexer = self._indexer()
        parsed = with_about(job.document, parsed)
        chunks, texts, hashes = indexer.chunks(parsed)
        if not chunks:
            raise DocumentError("empty", "document.no_chunks", name=job.document.name)
        job.chunk_count = len(chunks)

        def progress(done: int) -> None:
            job.chunks_done = done

        vectors = indexer.vectors(texts, hashes, progress, lambda: self.check(job))
        for delay_s in (*COMMIT_DELAYS_S, None):
            self.check(job)
            try:
                kept = self._store.commit_ready(
                    job.lease, parsed, chunks, vectors, hashes, indexer.spec_id, rendition_sha256=rendition
                )
                break
            except StoreError as error:  # rather than computing everything again
                if delay_s is None or self._stopping.wait(delay_s):
                    raise
                log.warning("document %d: writing again after: %s", job.document.id, error)
        if kept:
            metrics.note_ingested("ready", pages=len(parsed.pages), seconds=time.monotonic() - job.began)
            log.info(
                "document %d ready: %d pages, %d chunks, %.0f ms",
                job.document.id,
                len(parsed.pages),
                len(chunks),
                1000 * (time.monotonic() - job.began),
            )
        else:
            log.info("document %d: lease lost, deleted or superseded; work dropped", job.document.id)

    def _fail(self, job: Job, error: DocumentError) -> WenjuError | None:
        try:
            if self._store.commit_failed(job.lease, error):
                metrics.note_ingested(error.status, seconds=time.monotonic() - job.began)
        except StoreError as trouble:
            self._give_back(job)
            return trouble
        return None

    def _give_back(self, job: Job) -> None:
        """Into the queue again. While the store cannot be written the lease simply runs out."""
        if job.lost.is_set():
            return
        try:
            self._store.release(job.lease)
        except StoreError as error:
            log.warning("document %d: lease left to run out: %s", job.document.id, error)
