"""Training sets, jobs and adapters as the store keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import StoreError
from rag.settings import Settings
from rag.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Settings(data_dir=tmp_path)) as opened:
        yield opened


def test_a_set_waits_for_a_person(store: Store) -> None:
    made = store.add_train_set("七月", "tune/sets/ab", "ab" * 32, {"train": 8}, "ann")
    assert (made.state, store.train_sets()) == ("draft", [made])
    assert store.approve_train_set(made.id, "eve").state == "approved"
    assert [e.action for e in store.actions()] == ["train_set.approve", "train_set.make"]
    with pytest.raises(StoreError) as error:
        store.approve_train_set(99, "eve")
    assert error.value.code == "tune.no_such"


def test_one_job_at_a_time_and_ended_ones_stay_ended(store: Store) -> None:
    job = store.add_job("train", {"r": 16}, "log", "ann")
    with pytest.raises(StoreError) as error:
        store.add_job("train", {}, "log", "bob")
    assert error.value.code == "tune.busy"
    assert store.update_job(job.id, status="running", progress={"step": 3, "loss": 1.5})
    assert store.job(job.id).progress == {"step": 3, "loss": 1.5}
    assert store.update_job(job.id, status="failed", error={"code": "tune.not_finite"})
    assert not store.update_job(job.id, status="done")
    ended = store.job(job.id)
    assert (ended.status, ended.error) == ("failed", {"code": "tune.not_finite"})
    assert ended.finished_at is not None
    assert store.add_job("train", {}, "log", "bob").id != job.id


def live(store: Store) -> dict[str, float]:
    return {a.name: a.share for a in store.live_adapters()}


def test_promotion_sharing_and_rollback(store: Store) -> None:
    for name in ("one", "two"):
        store.add_adapter(name, "tiny", f"adapters/{name}", "0" * 64, {}, "ann")
        assert store.set_gate(name, {"better": True}, True, "ann").state == "candidate"
    store.set_live("one", 1.0, "ann", "adapter.promote")
    assert live(store) == {"one": 1.0}
    store.set_live("two", 0.25, "ann", "adapter.promote")
    assert live(store) == {"two": 0.25, "one": 1.0}
    store.set_live("two", 1.0, "ann", "adapter.promote")
    assert live(store) == {"two": 1.0}
    assert store.adapter("one").state == "retired"
    store.set_live("one", 1.0, "ann", "adapter.rollback")
    assert live(store) == {"one": 1.0}
    store.set_live(None, 1.0, "ann", "adapter.rollback")
    assert live(store) == {}
    first = store.actions(limit=1)[0]
    assert (first.action, first.detail["before"]) == ("adapter.rollback", [["one", 1.0]])
    assert store.broken_action() is None


def test_a_refused_adapter_and_a_taken_name(store: Store) -> None:
    store.add_adapter("one", "tiny", "p", "0" * 64, {}, "ann")
    assert store.set_gate("one", {}, False, "ann").state == "refused"
    with pytest.raises(StoreError) as error:
        store.add_adapter("one", "tiny", "p", "0" * 64, {}, "ann")
    assert error.value.code == "tune.name_taken"
    with pytest.raises(StoreError):
        store.set_live("none", 1.0, "ann", "adapter.promote")
    assert live(store) == {}
