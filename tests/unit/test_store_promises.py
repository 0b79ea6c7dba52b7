"""What holds whatever happens: random work by random workers, and death at any statement."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings as budget
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store_kit import OTHER_SPEC, Clock, Kit

from rag.errors import DocumentError
from rag.records import FINAL, Scope
from rag.settings import Settings
from rag.store import Lease, Store

BYTES = st.sampled_from("abcdef")
SOURCES = st.sampled_from(["", "/x", "/y"])


class Library(RuleBasedStateMachine):
    """Uploads, deletions and workers in any order, beside a model of leases and a view that follows."""

    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="wenju-"))
        self.clock = Clock()
        if Library.template is None:  # making the schema is the slow part
            Library.template = Path(tempfile.mkdtemp(prefix="wenju-")) / "wenju.db"
            Store.open(Settings(data_dir=Library.template.parent)).close()
        shutil.copy(Library.template, self.folder / "wenju.db")
        self.kit = Kit(Store.open(Settings(data_dir=self.folder), clock=self.clock))
        self.leases: dict[int, Lease] = {}  # the newest lease of each document
        self.lost: list[Lease] = []
        self.deleted: set[int] = set()
        self.view: set[int] = set()
        self.at = 0
        self.seen: dict[int, int] = {}  # chunk id -> document id

    def teardown(self) -> None:
        self.kit.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def start(self) -> None:
        self.kit.ready("first")
        self.catch_up()

    @rule(data=BYTES, source=SOURCES)
    def add(self, data: str, source: str) -> None:
        before = {d.id: d for d in self.kit.store.documents(self.kit.scope)}
        document, created = self.kit.add(data, source=source)
        assert created == (document.id not in before)
        assert document.id not in self.deleted
        if not created and before[document.id].status in FINAL and document.status == "queued":
            assert before[document.id].status != "ready"
        self.forget_missing()

    @rule()
    def take(self) -> None:
        lease = self.kit.store.lease_next("w")
        if lease is None:
            return
        document = lease.document
        assert document.id not in self.deleted
        assert document.attempts <= self.kit.store.settings.ingest.max_attempts
        if document.id in self.leases:
            self.lost.append(self.leases[document.id])
        self.leases[document.id] = lease

    @rule(seconds=st.sampled_from([1.0, 20.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def pick(self, data: st.DataObject) -> Lease:
        return self.leases[data.draw(st.sampled_from(sorted(self.leases)))]

    def finish(self, lease: Lease, held: bool) -> None:
        assert held
        del self.leases[lease.document.id]
        self.lost.append(lease)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        assert self.kit.store.renew(self.pick(data), "embedding", 1, 1)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        lease = self.pick(data)
        self.finish(lease, self.kit.commit(lease, [f"of {lease.document.id}", "two"]))
        self.forget_missing()

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), status=st.sampled_from(["corrupt", "password", "failed"]))
    def fail(self, data: st.DataObject, status: Any) -> None:
        lease = self.pick(data)
        self.finish(lease, self.kit.store.commit_failed(lease, DocumentError(status, "x")))

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = self.pick(data)
        self.finish(lease, self.kit.store.release(lease))

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def a_lost_lease_does_nothing(self, data: st.DataObject) -> None:
        lease, before = data.draw(st.sampled_from(self.lost)), self.kit.store.documents(self.kit.scope)
        assert not self.kit.store.renew(lease, "embedding", 9, 9)
        assert not self.kit.store.release(lease)
        assert not self.kit.store.commit_failed(lease, DocumentError("failed", "x"))
        assert not self.kit.commit(lease)
        assert self.kit.store.documents(self.kit.scope) == before

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        documents = self.kit.store.documents(self.kit.scope)
        if documents:
            self.kit.store.delete_document(data.draw(st.sampled_from([d.id for d in documents])))
            self.forget_missing()

    @rule(data=st.data())
    def requeue(self, data: st.DataObject) -> None:
        for document in self.kit.store.documents(self.kit.scope):
            if document.status in FINAL and data.draw(st.booleans()):
                self.kit.store.requeue_document(document.id)

    def forget_missing(self) -> None:
        """What went, went for good: by hand or for a newer version."""
        there = {d.id for d in self.kit.store.documents(self.kit.scope)}
        for document_id in [i for i in self.leases if i not in there]:
            self.lost.append(self.leases.pop(document_id))
        top = max([*there, *self.deleted, 0])
        self.deleted |= {i for i in range(1, top + 1) if i not in there}

    @rule()
    def catch_up(self) -> None:
        changes = self.kit.store.changes_since(self.at)
        assert changes is not None
        for change in changes:
            if change.kind == "add":
                assert not self.view & set(change.chunk_ids)
                self.view |= set(change.chunk_ids)
            else:
                self.view -= set(change.chunk_ids)
            self.at = change.generation
        assert self.at == self.kit.store.generation()
        assert self.view == self.kit.visible()

    @invariant()
    def all_there_or_not_there(self) -> None:
        store, scope = self.kit.store, self.kit.scope
        documents = store.documents(scope)
        assert not self.deleted & {d.id for d in documents}
        assert len({d.sha256 for d in documents}) == len(documents)
        ready = {d.id for d in documents if d.status == "ready"}
        chunks = store.passages(self.kit.visible(), scope)
        assert {c.document_id for c in chunks.values()} == ready
        for chunk_id, chunk in chunks.items():
            assert self.seen.setdefault(chunk_id, chunk.document_id) == chunk.document_id
            text = store.document_text(chunk.document_id)
            assert text[chunk.char_start : chunk.char_end] == chunk.text
        for document in documents:
            assert len(store.pages(document.id)) == (2 if document.status == "ready" else 0)
            assert store.originals.exists(document.sha256)
        held = {d.sha256 for d in documents}
        assert set(store.originals.stored_before(float("inf"))) == held
        one = Scope(scope.collection_ids, frozenset(list(ready)[:1]))
        assert {c.document_id for c in store.passages(chunks, one).values()} == set(list(ready)[:1])


Library.TestCase.settings = budget(max_examples=12, stateful_step_count=30, deadline=None)
TestLibrary = Library.TestCase


def _state(store: Store) -> tuple[Any, ...]:
    """Everything that can be seen, in a form that two stores can be compared by."""
    kit = Kit(store)
    documents = store.documents(kit.scope)
    chunks = store.passages(kit.visible(), kit.scope).values()
    return (
        [(d.id, d.status, d.chunk_count) for d in documents],
        sorted((c.document_id, c.ordinal, c.text) for c in chunks),
        sorted(len(store.pages(d.id)) for d in documents),
        {d.sha256: store.originals.exists(d.sha256) for d in documents},
        store.active_spec(),
    )


def _prepare(folder: Path) -> Store:
    """A library with an old version that is ready and a new one leased by a worker."""
    store = Store.open(Settings(data_dir=folder), clock=Clock())
    kit = Kit(store)
    kit.ready("v1", source="/a")
    kit.add("v2", source="/a")
    return store


def _commit(kit: Kit) -> None:
    kit.commit(kit.lease(), ["new one", "new two"])


def _delete(kit: Kit) -> None:
    kit.store.delete_document(1)


def _swap(kit: Kit) -> None:
    kit.reindex(1)
    kit.store.activate_spec(kit.store.ensure_spec(OTHER_SPEC))


@pytest.mark.parametrize("work", [_commit, _delete, _swap])
def test_killed_at_any_statement(tmp_path: Path, work: Any) -> None:
    """Dies before its nth statement, for every n until it gets through. Each time the library is in one of
    the few states that whole transactions leave, and the work can be done again from there."""
    base = tmp_path / "base"
    _prepare(base).close()
    whole: list[tuple[Any, ...]] = []
    for n in range(0, 400, 2):
        folder = tmp_path / str(n)
        shutil.copytree(base, folder)
        child = os.fork()
        if child == 0:
            _die_at(folder, work, n)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        clock = Clock()
        clock.now += 100
        with Store.open(Settings(data_dir=folder), clock=clock) as store:
            state = _state(store)
            if state not in whole:
                whole.append(state)
            kit = Kit(store)
            for chunk in store.passages(kit.visible(), kit.scope).values():
                text = store.document_text(chunk.document_id)
                assert text[chunk.char_start : chunk.char_end] == chunk.text
            left = set(store.originals.stored_before(float("inf")))
            assert left == {d.sha256 for d in store.documents(kit.scope)}
            if n % 10 == 0 and work is _commit and status == 9:
                while (lease := store.lease_next("w")) is not None:
                    assert kit.commit(lease, ["new one", "new two"])
                assert [(d.id, d.status) for d in store.documents(kit.scope)] == [(2, "ready")]
        shutil.rmtree(folder)
        if status == 0:
            break
        assert status == 9
    assert status == 0, "never got through"
    assert n > 5
    # commit: queued, leased, replaced; delete: there, gone; swap: old, new
    assert len(whole) == (3 if work is _commit else 2)


def _die_at(folder: Path, work: Any, n: int) -> None:
    """In a child process: ends it without any goodbye before its nth statement, or with 0 when done."""
    try:
        store = Store.open(Settings(data_dir=folder), clock=Clock())
        kit, count = Kit(store), 0

        @sa.event.listens_for(store._db.engine, "before_cursor_execute")
        def count_down(*_: Any) -> None:
            nonlocal count
            if count == n:
                os._exit(9)
            count += 1

        work(kit)
        os._exit(0)
    finally:
        os._exit(1)
