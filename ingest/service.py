"""The ingest worker: queued documents become ready ones, in the background, whatever happens.

Promises:

- A document is leased, read in a sandboxed child, chunked, embedded and made ready in one transaction; while
  one is embedded the next ones are read.
- Stopped or killed at any instant, nothing is half there: a stopped worker gives its documents back, a killed
  one's leases run out and the next worker takes them.
- An error in one document ends that document. An error of the store or the model (a full disk, a server that
  is away, an index of another model) leaves documents queued; it is tried again with growing pauses and said
  in ``last_error``.
- Any number of workers in any number of processes may share a store.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ingest.chunk import Chunker
from ingest.embedder import Embedder
from ingest.job import Indexer, Job, Parser, Worker
from rag.errors import IndexMismatch, ModelError, StoreError, WenjuError
from rag.models.protocols import EmbeddingModel
from rag.records import FINAL, PENDING, Document, Scope
from rag.settings import Settings
from rag.store import Store

log = logging.getLogger(__name__)

POLL_S = 0.5  # between looks into an empty queue
HEARTBEAT_S = 1.0
MAX_BACKLOG = 1024  # chunks that wait for vectors before no further document is begun
MAX_JOBS = 16  # documents at work
IDLE_S = 30.0  # after which parser processes are let go
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # after an error of the store or the model
_GIVE_UP_AFTER = 3  # errors in a row after which run_until_idle raises


@dataclass(frozen=True, slots=True)
class IngestEvent:
    """``document`` moved on ("progress") or reached a final state ("final")."""

    document: Document
    kind: Literal["progress", "final"]


OnEvent = Callable[[IngestEvent], None]


class IngestService:
    """``embedding`` is the model, or what returns it (called when the first document comes). ``parser``
    makes the parser, again after a stop or a long idle time."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        embedding: EmbeddingModel | Callable[[], EmbeddingModel],
        parser: Callable[[], Parser] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._load: Callable[[], EmbeddingModel] = (
            embedding if not hasattr(embedding, "embed_passages") else lambda: embedding  # type: ignore[assignment, return-value]
        )
        self._make_parser = parser or (lambda: _sandboxed_parser(settings))
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._jobs: dict[int, Job] = {}
        self._threads: list[threading.Thread] = []
        self._parser: Parser | None = None
        self._indexer: Indexer | None = None
        self._embedder: Embedder | None = None
        self._errors = 0
        self._error: WenjuError | None = None
        self._paused = 0

    @property
    def last_error(self) -> WenjuError | None:
        """Why documents wait, when the reason is not in them; None while all is well."""
        return self._error

    @property
    def running(self) -> bool:
        """At work in the background, every thread of it alive."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begins to work in the background. Does nothing when it is at work already."""
        with self._lock:
            if self._threads:
                return
            self._stopping = threading.Event()
            self._embedder = Embedder(self._load)
            self._worker = Worker(self._store, self.parser, self.indexer, self._stopping)
            self._slots = threading.Semaphore(self._settings.ingest.workers or min(2, os.cpu_count() or 1))
            for target in (self._dispatch, self._heartbeat):
                thread = threading.Thread(target=target, name=f"ingest{target.__name__}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Ends the work at the next safe point and gives the documents back. Safe to call twice."""
        self._stopping.set()
        with self._lock:
            threads, self._threads = self._threads, []
            embedder, self._embedder = self._embedder, None
            self._indexer = None
        if not threads:
            return
        until = time.monotonic() + timeout_s
        self._wake.set()
        self._close_parser()
        for thread in threads:  # no further job is begun after this
            thread.join(max(0.1, until - time.monotonic()))
        while self._jobs and time.monotonic() < until:
            time.sleep(0.02)
        if embedder is not None:
            embedder.close(max(0.1, until - time.monotonic()))
        self._close_parser()

    def wake(self) -> None:
        """Look into the queue now."""
        self._wake.set()

    def wait(self, timeout_s: float) -> None:
        """Until a document is done here, or the time is over. For one caller that looks after every wait."""
        self._ended.wait(timeout_s)
        self._ended.clear()

    def run_until_idle(self, on_event: OnEvent | None = None) -> None:
        """Works until no document waits, those that other processes hold included. Raises an error that keeps
        documents waiting: of the model at once, of the store when it came several times in a row."""
        started_here = not self.running
        self._error, self._errors = None, 0
        self.start()
        try:
            seen: dict[int, Document] = {}
            while True:
                looked = time.monotonic()
                documents = self._documents()
                pending = _report(documents, seen, on_event)
                if not pending:
                    return
                error = self._error
                fatal = isinstance(error, IndexMismatch | ModelError) or self._errors >= _GIVE_UP_AFTER
                if error is not None and fatal and not self._jobs:
                    raise error
                # A big library is looked at less often: at most a fifth of the time.
                pause_s = 4 * (time.monotonic() - looked)
                time.sleep(pause_s)
                self.wait(max(0.0, 0.1 - pause_s))
        finally:
            if started_here:
                self.stop()

    def reindex(self, on_event: OnEvent | None = None) -> None:
        """Chunks and vectors of the present model for every ready document, built beside the active ones,
        then made active at once. Interrupted, it goes on where it was. Raises StoreError, ModelError."""
        from ingest.reindex import reindex

        with self._lock:
            self._paused += 1
            if not self._threads:
                self._stopping = threading.Event()
            stopping = self._stopping
        embedder = Embedder(self._load)
        try:
            model = self._load()
            chunker = Chunker(model.tokenizer, self._settings.chunk)
            indexer = Indexer(self._store, model, chunker, embedder)
            reindex(
                self._store,
                indexer,
                stopping,
                None if on_event is None else lambda document, kind: on_event(IngestEvent(document, kind)),
            )
        finally:
            embedder.close()
            with self._lock:
                self._paused -= 1
                self._indexer = None
            self._wake.set()

    def indexer(self) -> Indexer:
        """For the model of now, loaded when first asked for. Raises ModelError, StoreError."""
        with self._lock:
            if self._indexer is None:
                if self._embedder is None:
                    raise StoreError("store.failed", database="", detail="stopped")
                model = self._load()
                chunker = Chunker(model.tokenizer, self._settings.chunk)
                self._indexer = Indexer(self._store, model, chunker, self._embedder)
            return self._indexer

    def parser(self) -> Parser:
        """The parser of now, made when first asked for."""
        with self._lock:
            if self._parser is None:
                self._parser = self._make_parser()
            return self._parser

    # ---------------------------------------------------------------- threads

    def _dispatch(self) -> None:
        """Leases documents while there is a parser for them and the model is not far behind."""
        stopping, slots = self._stopping, self._slots
        pause_s = FIRST_PAUSE_S
        idle_since = time.monotonic()
        seen_errors = self._errors
        try:
            self._store.sweep_originals()  # what a worker left behind that was killed
        except Exception as error:  # noqa: BLE001 - the next start may succeed; work goes on
            log.warning("leftover files not removed: %s", error)
        while not stopping.is_set():
            if self._errors > seen_errors:  # a job met an error that is not its document's fault
                seen_errors = self._errors
                stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            seen_errors = self._errors
            if self._paused or self._is_full() or not slots.acquire(timeout=0.1):
                self._sleep(stopping, 0.05)
                continue
            lease = None
            try:
                lease = self._store.lease_next(self._owner)
            except StoreError as error:
                self._trouble(error)
            except Exception as error:  # the service must outlive whatever the store does
                log.exception("no lease")
                detail = f"{type(error).__name__}: {error}"
                self._trouble(StoreError("store.failed", database="", detail=detail))
            if lease is not None:
                pause_s = FIRST_PAUSE_S if not self._errors else pause_s
                idle_since = time.monotonic()
                job = Job(lease)
                self._jobs[lease.document.id] = job
                threading.Thread(target=self._run, args=(job, slots), name="ingest-job", daemon=True).start()
                continue
            slots.release()
            if time.monotonic() - idle_since > IDLE_S and not self._jobs:
                self._close_parser()
                idle_since = time.monotonic()
            if self._errors == seen_errors:
                self._sleep(stopping, POLL_S)

    def _run(self, job: Job, slots: threading.Semaphore) -> None:
        try:
            trouble = self._worker.run(job, slots.release)
            if trouble is None:
                self._error, self._errors = None, 0
            else:
                self._trouble(trouble)
        finally:
            self._jobs.pop(job.document.id, None)
            self._wake.set()
            self._ended.set()

    def _heartbeat(self) -> None:
        """Renews leases: with news every second, without in good time."""
        stopping = self._stopping
        lease_s = self._settings.ingest.lease_s
        told: dict[int, tuple[object, float]] = {}
        while not stopping.wait(min(HEARTBEAT_S, lease_s / 5)):
            jobs = dict(self._jobs)
            told = {key: value for key, value in told.items() if key in jobs}
            for key, job in jobs.items():
                counts = job.counts()
                before, at = told.get(key, (None, job.began))
                if counts == before and time.monotonic() - at < min(3.0, lease_s / 3):
                    continue
                status, pages_done, chunks_done, page_count, chunk_count = counts
                try:
                    held = self._store.renew(
                        job.lease,
                        status,
                        pages_done,
                        chunks_done,
                        page_count=page_count,
                        chunk_count=chunk_count,
                    )
                except Exception as error:  # noqa: BLE001 - the next beat may succeed
                    log.warning("document %d: lease not renewed: %s", key, error)
                    continue
                told[key] = (counts, time.monotonic())
                if not held:
                    job.lost.set()

    # ---------------------------------------------------------------- small things

    def _is_full(self) -> bool:
        embedder = self._embedder
        return len(self._jobs) >= MAX_JOBS or (embedder is not None and embedder.backlog > MAX_BACKLOG)

    def _sleep(self, stopping: threading.Event, seconds: float) -> None:
        """Until woken, stopped or the time is over."""
        self._wake.wait(seconds)
        if not stopping.is_set():
            self._wake.clear()

    def _trouble(self, error: WenjuError) -> None:
        self._error = error
        self._errors += 1
        log.warning("ingest waits (%d in a row): %s", self._errors, error)

    def _close_parser(self) -> None:
        """Ends the parser's processes; a document that is being read learns so."""
        with self._lock:
            parser, self._parser = self._parser, None
        if parser is not None:
            parser.close()

    def _documents(self) -> list[Document]:
        return self._store.documents(everything(self._store))


def everything(store: Store) -> Scope:
    """The worker itself may see all documents."""
    return Scope(frozenset(collection.id for collection in store.collections()))


def _report(documents: list[Document], seen: dict[int, Document], on_event: OnEvent | None) -> int:
    """Tells what changed since ``seen`` and brings it up to date. Returns how many documents wait."""
    pending = 0
    for document in documents:
        waits = document.status in PENDING
        pending += waits
        before = seen.get(document.id)
        if not waits and before is None:
            continue  # was final before we came
        if waits:
            seen[document.id] = document
        else:
            del seen[document.id]
        if on_event is None or before == document:
            continue
        on_event(IngestEvent(document, "final" if document.status in FINAL else "progress"))
    return pending


def _sandboxed_parser(settings: Settings) -> Parser:
    from ingest.parse import SandboxedParser

    return SandboxedParser(settings)
