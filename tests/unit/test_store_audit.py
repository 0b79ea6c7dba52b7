"""The audit chain: complete, in order, and a change made behind its back is found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from rag.settings import Settings
from rag.store import Store
from rag.store.audit import BEGINNING
from rag.store.schema import audit


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Settings(data_dir=tmp_path)) as opened:
        yield opened


def fill(store: Store) -> None:
    for number in range(5):
        store.note_action("ann", "document.add", str(number), {"name": f"年报 {number}.pdf", "pages": number})


def test_rows_are_chained_and_come_back(store: Store) -> None:
    fill(store)
    entries = list(store.all_actions())
    assert entries[0].previous == BEGINNING
    assert [e.previous for e in entries[1:]] == [e.hash for e in entries[:-1]]
    assert entries[3].detail == {"name": "年报 3.pdf", "pages": 3}
    assert store.broken_action() is None
    assert [e.subject for e in store.actions(limit=2)] == ["4", "3"]


def test_filters(store: Store) -> None:
    fill(store)
    store.note_action("bob", "documents", "x")
    store.note_action("bob", "adapter.promote", "finance")
    assert [e.action for e in store.actions(user_id="bob")] == ["adapter.promote", "documents"]
    assert {e.action for e in store.actions(action="document")} == {"document.add"}
    assert store.actions(action="adapter.promote")[0].subject == "finance"


@pytest.mark.parametrize("column", ["user_id", "action", "subject", "detail", "hash", "previous"])
def test_a_changed_row_is_found(store: Store, column: str) -> None:
    fill(store)
    with store._db.write() as connection:
        value = '{"name":"other"}' if column == "detail" else "f" * 64
        connection.execute(sa.update(audit).where(audit.c.id == 3).values({column: value}))
    assert store.broken_action() == 3


def test_a_removed_row_is_found(store: Store) -> None:
    fill(store)
    with store._db.write() as connection:
        connection.execute(sa.delete(audit).where(audit.c.id == 3))
    assert store.broken_action() == 4


def test_threads_keep_one_chain(store: Store) -> None:
    threads = [threading.Thread(target=fill, args=(store,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(store.all_actions())) == 20
    assert store.broken_action() is None
