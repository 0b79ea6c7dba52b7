"""Random operations of people with different rights: nothing is seen that should not be. Ten thousand of them
are run by ``python -m benchmarks.access``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.access import Run
from rag.records import Collection
from rag.store import Store


@pytest.mark.parametrize(("seed", "chat"), [(11, True), (12, False)])
def test_random_operations_show_only_what_one_may_see(tmp_path: Path, seed: int, chat: bool) -> None:
    run = Run(tmp_path, seed, chat=chat)
    try:
        for _ in range(200):
            run.step()
    finally:
        run.close()
    assert run.seen.wrong == []
    assert run.seen.canaries > 50  # there was something to see
    assert sum(run.seen.refused.values()) > 10
    assert {"ask", "follow up", "search", "read", "conversations", "change"} <= set(run.seen.operations)


def test_a_hole_in_the_wall_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check over a store that takes everybody for a member of everything."""

    def every(store: Store, user_id: str, *, may_write: bool = False) -> list[Collection]:
        return store.collections()

    monkeypatch.setattr(Store, "member_collections", every)
    run = Run(tmp_path, 13)
    try:
        for _ in range(40):
            run.step()
    finally:
        run.close()
    assert any("saw zq" in what for what in run.seen.wrong)
