"""Keeps both views of the store up to date: load, catch up, rebuild, snapshot.

Promises: a view never leads the store; what cannot be trusted (checksum, another spec, a generation that the
store does not know, a row count that differs) is set aside and rebuilt from the store; readers work on an
immutable :class:`View` and are never blocked by an update.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import WenjuError
from rag.records import Change, Document, EmbeddingSpec, Scope, StoredChunk
from rag.search import files
from rag.search.dense import DenseIndex, Rows, concatenate_rows
from rag.search.lexical import LexicalEntry, LexicalIndex
from rag.search.snapshot import load_snapshot, published_generation, write_snapshot
from rag.search.understanding import Library
from rag.settings import Settings
from rag.text.context import context_header

if TYPE_CHECKING:
    from rag.store import Store

log = logging.getLogger(__name__)

SNAPSHOT_AFTER = 2_000  # changed rows; or a tenth of the index when that is more
_BATCH = 4_096
_OPEN_WAIT_S = 2.0  # for another process that holds the lexical writer lock while we open
_MARKS = 64
OTHER_HISTORY = "made from another history of the library"
_OTHER_SPEC_KEPT_S = 24 * 3600.0


@dataclass(frozen=True)
class View:
    """What a search works on. ``lexical`` is None while another process builds it, ``problem`` says why."""

    spec_id: int
    spec: EmbeddingSpec
    root: Path
    dense: DenseIndex
    dense_generation: int
    lexical: LexicalIndex | None
    problem: str = ""
    library: Library = field(default_factory=Library, repr=False)


class Views:
    """The current :class:`View` of a store and what keeps it current. Thread-safe."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._view: View | None = None
        self._generation = -1
        self._next_look = 0.0
        self._unsaved = 0
        self._upkeep: threading.Thread | None = None
        self._closed = False
        self.rebuilt = ""  # what was wrong with the last thing that had to be rebuilt

    # -- reading -------------------------------------------------------------------------------

    def current(self) -> View | None:
        """The newest view, looked for at most every ``refresh_s``; None while the library has no index.
        Waits for a running update only when there is no view yet."""
        if time.monotonic() >= self._next_look and self._lock.acquire(blocking=self._view is None):
            try:
                if time.monotonic() >= self._next_look:
                    self._refresh()
            finally:
                self._lock.release()
        return self._view

    def refresh(self) -> int:
        """Catch up with the store now; answers the generation that is searched from here on."""
        with self._lock:
            self._refresh()
            return self._generation

    @property
    def generation(self) -> int:
        """The store's generation at the last look; -1 before the first."""
        return self._generation

    def close(self) -> None:
        """Waits for background upkeep and snapshots what is unsaved. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            upkeep = self._upkeep
        if upkeep is not None:
            upkeep.join()
        view = self._view
        if view is not None and self._unsaved:
            self._save(view)

    # -- catching up -----------------------------------------------------------------------------

    def _refresh(self) -> None:
        generation = self._store.generation()
        view = self._view
        if view is None or generation != self._generation or _behind(view, generation):
            self._generation = generation
            active = self._store.active_spec()
            if active is None:
                self._view = None
            else:
                if view is None or view.spec_id != active[0] or view.spec != active[1]:
                    view = self._open(*active)
                    generation = self._generation = self._store.generation()  # the snapshot may be newer
                if view.dense_generation != generation or view is not self._view:
                    view = replace(view, library=Library(ready_documents(self._store)))
                view = self._catch_up_dense(view, generation)
                self._view = self._catch_up_lexical(view, generation)
                self._start_upkeep()
        self._next_look = time.monotonic() + self._settings.search.refresh_s

    def _open(self, spec_id: int, spec: EmbeddingSpec) -> View:
        fingerprint = files.spec_fingerprint(spec)
        root = self._settings.index_dir / fingerprint
        dense, generation, marks, problem = load_snapshot(
            root, spec.dimension, self._settings.search.exact_up_to, fingerprint
        )
        if dense is not None and foreign(marks, document_marks(self._store)):
            dense, generation, problem = None, -1, OTHER_HISTORY
        if problem:
            log.warning("dense index is rebuilt: %s", problem)
            self.rebuilt = problem
        if dense is None:
            dense = DenseIndex(spec.dimension, self._settings.search.exact_up_to)
        self._unsaved = 0
        return View(spec_id, spec, root, dense, generation, None)

    def _catch_up_dense(self, view: View, generation: int) -> View:
        loaded = self._view is None or self._view.spec_id != view.spec_id
        if view.dense_generation == generation and not loaded:
            return view
        changes = self._changes(view.dense_generation, generation)
        if changes is None:
            return self._rebuild_dense(view, generation)
        dense, count = view.dense, 0
        removed, added = net_effect(changes)
        if removed or added:
            rows = self._rows(added, view)
            dense = dense.with_changes(removed=removed, added=rows)
            count = len(removed) + len(added)
        view = replace(view, dense=dense, dense_generation=generation)
        if loaded and not self._agrees(view, generation):
            log.warning("dense index is rebuilt: %s", OTHER_HISTORY)
            self.rebuilt = OTHER_HISTORY
            return self._rebuild_dense(view, generation)
        self._unsaved += count
        return view

    def _agrees(self, view: View, generation: int) -> bool:
        """Whether the view holds as many rows of each document as the store (asked once, after loading)."""
        documents, counts = np.unique(view.dense.rows_documents(), return_counts=True)
        mine = dict(zip(documents.tolist(), counts.tolist(), strict=True))
        expected = {d.id: d.chunk_count for d in ready_documents(self._store) if d.chunk_count}
        return mine == expected or self._store.generation() != generation

    def _rebuild_dense(self, view: View, generation: int) -> View:
        started = time.monotonic()
        dense = DenseIndex(view.spec.dimension, self._settings.search.exact_up_to)
        place: dict[int, tuple[int, int]] = {}
        for chunk in self._store.iter_chunks(view.spec_id):
            place[chunk.id] = (chunk.document_id, chunk.collection_id)
        for ids, matrix in self._store.iter_vectors(view.spec_id):
            dense = dense.with_changes(added=_rows(ids, matrix, place))
        log.info("dense index built: %d rows in %.1f s", len(dense), time.monotonic() - started)
        self._unsaved += len(dense)
        return replace(view, dense=dense, dense_generation=generation)

    def _rows(self, added: Iterable[int], view: View) -> Rows | None:
        place: dict[int, tuple[int, int]] = {}
        for chunk in self._chunks(added, view.spec_id):
            place[chunk.id] = (chunk.document_id, chunk.collection_id)
        if not place:
            return None
        parts = [_rows(*self._store.vectors(batch), place) for batch in _batches(place)]
        return concatenate_rows(parts, view.spec.dimension)

    def _chunks(self, chunk_ids: Iterable[int], spec_id: int) -> Iterator[StoredChunk]:
        """The chunks that are still there, of any collection."""
        scope = everything(self._store)
        for batch in _batches(chunk_ids):
            yield from self._store.passages(batch, scope).values()

    def _changes(self, since: int, until: int) -> list[Change] | None:
        return None if since < 0 or since > until else self._store.changes_since(since)

    def _catch_up_lexical(self, view: View, generation: int) -> View:
        lexical = view.lexical
        if lexical is not None and lexical.generation >= generation:
            return view
        if lexical is not None and lexical.published_generation() >= generation:
            lexical.reload()
            return view
        lock = view.root / "lexical.lock"
        try:
            with files.exclusive(lock, _OPEN_WAIT_S if self._view is None else 0.0) as held:
                if not held:
                    return view if lexical is not None else replace(view, problem="busy")
                return self._write_lexical(view, max(generation, self._store.generation()))
        except (OSError, ValueError) as error:  # a full or read-only disk; tantivy raises both
            log.warning("lexical index cannot be written: %s", error)
            return replace(view, problem=str(error))

    def _write_lexical(self, view: View, generation: int) -> View:
        lexical = view.lexical
        if lexical is None:
            lexical, problem = LexicalIndex.open(view.root, files.spec_fingerprint(view.spec))
            if not problem and foreign(lexical.marks, document_marks(self._store)):
                lexical.generation, problem = -1, OTHER_HISTORY
            if problem:
                log.warning("lexical index is rebuilt: %s", problem)
                self.rebuilt = problem
        elif lexical.published_generation() != lexical.generation:
            lexical.reload()
        changes = self._changes(lexical.generation, generation)
        if changes is not None:
            removed, added = net_effect(changes, edited=True)
            if removed or added or lexical.generation != generation:
                entries = map(_entry, self._chunks(added, view.spec_id))
                lexical.apply({*removed, *added}, entries, generation, marks=document_marks(self._store))
        if changes is None or (view.lexical is None and not self._lexical_agrees(lexical, generation)):
            started = time.monotonic()
            entries = map(_entry, self._store.iter_chunks(view.spec_id))
            marks = document_marks(self._store)
            lexical.apply((), entries, generation, marks=marks, rebuild=True)
            log.info("lexical index built: %d chunks in %.1f s", len(lexical), time.monotonic() - started)
        return replace(view, lexical=lexical, problem="")

    def _lexical_agrees(self, lexical: LexicalIndex, generation: int) -> bool:
        expected = sum(d.chunk_count for d in ready_documents(self._store))
        return len(lexical) == expected or self._store.generation() != generation

    # -- upkeep, in a thread of its own ------------------------------------------------------------

    def _start_upkeep(self) -> None:
        view = self._view
        if view is None or self._closed or (self._upkeep is not None and self._upkeep.is_alive()):
            return
        due = self._unsaved >= max(SNAPSHOT_AFTER, len(view.dense) // 10)
        if due or view.dense.wants_approximation():
            self._upkeep = threading.Thread(
                target=self._keep_up, args=(view,), name="index-upkeep", daemon=True
            )
            self._upkeep.start()

    def _keep_up(self, view: View) -> None:
        """Builds the approximate companion when the index has outgrown exact search, then snapshots."""
        dense = view.dense
        if dense.wants_approximation():
            started = time.monotonic()
            built = dense.with_approximation()
            log.info(
                "approximate index built: %d rows, recall@10 %.3f, %.1f s",
                len(built), built.recall_at_10, time.monotonic() - started,
            )  # fmt: skip
            with self._lock:
                now = self._view
                if now is None or now.spec_id != view.spec_id:
                    return
                self._view = replace(now, dense=built.catching_up_with(now.dense))
            view = replace(view, dense=built)
        self._save(view)

    def _save(self, view: View) -> None:
        fingerprint = files.spec_fingerprint(view.spec)
        unsaved = self._unsaved
        try:
            with files.exclusive(view.root / "dense.lock") as held:
                if held and published_generation(view.root) < view.dense_generation:
                    marks = document_marks(self._store)
                    write_snapshot(view.root, view.dense, view.dense_generation, fingerprint, marks)
            self._unsaved = max(0, self._unsaved - unsaved)
        except (OSError, RuntimeError, WenjuError) as error:  # FAISS says a full disk by RuntimeError
            log.warning("no snapshot of the dense index: %s", error)
        with suppress(OSError):
            for other in self._settings.index_dir.iterdir():
                if other != view.root and time.time() - other.stat().st_mtime > _OTHER_SPEC_KEPT_S:
                    files.remove(other)


def everything(store: Store) -> Scope:
    """The scope of the index itself: all collections."""
    return Scope(frozenset(c.id for c in store.collections()))


def ready_documents(store: Store) -> list[Document]:
    return [d for d in store.documents(everything(store)) if d.status == "ready"]


def document_marks(store: Store) -> dict[str, str]:
    """What tells one history of a library from another: when its newest documents came, by id. A restored
    backup gives out the same ids again, at other times."""
    newest = sorted(ready_documents(store), key=lambda d: d.id)[-_MARKS:]
    return {str(d.id): f"{d.created_at} {d.sha256}" for d in newest}


def foreign(marks: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Whether an index with these marks was made from another history."""
    return any(key in here and here[key] != mark for key, mark in marks.items())


def net_effect(changes: Iterable[Change], edited: bool = False) -> tuple[set[int], set[int]]:
    """(chunk ids to remove, chunk ids to add) after all the changes, in order. ``edited``: chunks of edited
    documents count as added; only their heads changed, so the lexical index takes them anew and the dense
    one keeps their vectors."""
    removed: set[int] = set()
    added: set[int] = set()
    for change in changes:
        if change.kind == "add" or (change.kind == "edit" and edited):
            added.update(change.chunk_ids)
        elif change.kind == "delete":
            removed.update(change.chunk_ids)
            added.difference_update(change.chunk_ids)
    return removed, added


def _behind(view: View, generation: int) -> bool:
    return view.lexical is None or view.lexical.generation < generation or view.dense_generation != generation


def _rows(ids: Iterable[int], matrix: object, place: dict[int, tuple[int, int]]) -> Rows:
    """Rows of the chunks whose place is known."""
    every = np.asarray(list(ids), dtype=np.int64)
    vectors = np.asarray(matrix, dtype=np.float32)
    known = np.fromiter((int(i) in place for i in every), dtype=np.bool_, count=len(every))
    every, vectors = every[known], vectors[known]
    places = np.asarray([place[int(i)] for i in every], dtype=np.int64).reshape(len(every), 2)
    return Rows(every, np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1]), vectors)


def _batches(ids: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(ids)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _entry(chunk: StoredChunk) -> LexicalEntry:
    header = context_header(chunk.title, chunk.section_path, chunk.table_header, chunk.about)
    return LexicalEntry(
        chunk.id,
        chunk.document_id,
        chunk.collection_id,
        f"{chunk.document}\n{header}",
        chunk.text,
        chunk.page_start,
        chunk.page_type,
    )
