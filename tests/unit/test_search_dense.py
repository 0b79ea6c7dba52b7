"""The dense view: no row outside the scope, exact where promised, measured where not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.models.protocols import Vectors
from rag.records import Scope
from rag.search.dense import DenseIndex, Rows

DIMENSION = 8


def unit(count: int, seed: int, dimension: int = DIMENSION) -> Vectors:
    found = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def rows(ids: list[int], seed: int, documents: list[int] | None = None) -> Rows:
    """Chunk i belongs to document i // 3 and that to collection document % 4, unless given."""
    of = np.asarray([i // 3 for i in ids] if documents is None else documents, dtype=np.int64)
    return Rows(np.asarray(ids, dtype=np.int64), of, of % 4, unit(len(ids), seed))


class Model:
    """What the index ought to hold: a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int, Vectors]] = {}

    def add(self, added: Rows) -> None:
        for i, d, c, v in zip(added.ids, added.documents, added.collections, added.matrix, strict=True):
            self.rows[int(i)] = (int(d), int(c), v)

    def search(self, query: Vectors, scope: Scope, k: int) -> list[tuple[int, float]]:
        inside = [
            (i, float(v @ query))
            for i, (d, c, v) in self.rows.items()
            if c in scope.collection_ids and (scope.document_ids is None or d in scope.document_ids)
        ]
        return sorted(inside, key=lambda pair: (-pair[1], pair[0]))[:k]


operations = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), st.sets(st.integers(0, 400), min_size=1, max_size=60)),
    min_size=1,
    max_size=8,
)
scopes = st.builds(
    Scope,
    st.frozensets(st.integers(0, 5), max_size=4),
    st.none() | st.frozensets(st.integers(0, 140), max_size=40),
)


@settings(max_examples=60, deadline=None)
@given(operations, st.lists(scopes, min_size=1, max_size=4), st.integers(0, 1000), st.integers(1, 30))
def test_equals_a_plain_scan_after_any_history(
    history: list[tuple[str, set[int]]], wanted: list[Scope], seed: int, k: int
) -> None:
    index, model = DenseIndex(DIMENSION, 1_000), Model()
    for number, (kind, ids) in enumerate(history):
        if kind == "add":
            added = rows(sorted(ids), seed + number)
            index = index.with_changes(added=added)
            model.add(added)
        else:
            index = index.with_changes(removed=ids)
            for i in ids:
                model.rows.pop(i, None)
    assert len(index) == len(model.rows)
    query = unit(1, seed + 999)[0]
    for scope in wanted:
        found = index.search(query, scope, k)
        expected = model.search(query, scope, k)
        assert [i for i, _ in found] == [i for i, _ in expected]
        np.testing.assert_allclose([c for _, c in found], [c for _, c in expected], atol=1e-5)


def test_an_older_view_is_untouched_by_changes() -> None:
    first = DenseIndex(DIMENSION, 1_000).with_changes(added=rows(list(range(50)), 1))
    query, scope = unit(1, 7)[0], Scope(frozenset(range(4)))
    before = first.search(query, scope, 10)
    first.with_changes(removed=[i for i, _ in before], added=rows(list(range(50, 90)), 2))
    assert first.search(query, scope, 10) == before


def test_equal_vectors_come_by_chunk_id() -> None:
    same = np.tile(unit(1, 3), (5, 1))
    ids = np.asarray([9, 3, 7, 1, 5], dtype=np.int64)
    index = DenseIndex(DIMENSION, 1_000).with_changes(added=Rows(ids, ids * 0, ids * 0, same))
    found = index.search(same[0], Scope(frozenset({0})), 5)
    assert [i for i, _ in found] == [1, 3, 5, 7, 9]


def clustered(count: int, dimension: int = 32) -> Vectors:
    """Vectors around 60 centres, as real ones lie."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((60, dimension))
    found = centres[random.integers(0, 60, count)] + 0.4 * random.standard_normal((count, dimension))
    found = found.astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def large() -> DenseIndex:
    vectors = clustered(6_000)
    ids = np.arange(6_000, dtype=np.int64)
    index = DenseIndex(32, 2_000).with_changes(added=Rows(ids, ids // 10, ids // 3_000, vectors))
    assert index.wants_approximation()
    return index.with_approximation()


def test_recall_is_measured_and_reached(large: DenseIndex) -> None:
    assert large.recall_at_10 >= 0.95
    assert not large.wants_approximation()
    vectors = large.segments[0].vectors()
    everything = Scope(frozenset({0, 1}))
    exact = DenseIndex(32, 10**6, large.segments, large.alive)
    hits = sum(
        len(
            {i for i, _ in large.search(vectors[row], everything, 10)}
            & {i for i, _ in exact.search(vectors[row], everything, 10)}
        )
        for row in range(0, 6_000, 60)
    )
    assert hits >= 0.9 * 1_000


def test_small_scopes_of_a_large_index_are_exact(large: DenseIndex) -> None:
    vectors = large.segments[0].vectors()
    scope = Scope(frozenset({0, 1}), frozenset(range(100, 120)))
    query = vectors[5]
    cosines = vectors[1_000:1_200] @ query
    expected = [1_000 + int(i) for i in np.argsort(-cosines, kind="stable")[:10]]
    assert [i for i, _ in large.search(query, scope, 10)] == expected


def test_approximate_search_keeps_to_the_scope(large: DenseIndex) -> None:
    found = large.search(large.segments[0].vectors()[5_000], Scope(frozenset({0})), 50)
    assert len(found) == 50
    assert all(i < 3_000 for i, _ in found)


def test_an_index_built_aside_catches_up(large: DenseIndex) -> None:
    now = DenseIndex(32, 2_000, large.segments, large.alive).with_changes(
        removed=[1, 2, 3],
        added=Rows(
            np.asarray([9_001], dtype=np.int64),
            np.asarray([900], dtype=np.int64),
            np.asarray([1], dtype=np.int64),
            clustered(1),
        ),
    )
    caught_up = large.catching_up_with(now)
    assert sorted(caught_up.ids()) == sorted(now.ids())
    assert caught_up.segments[0].approximate is not None


def test_wrong_dimension_is_refused() -> None:
    index = DenseIndex(DIMENSION, 10).with_changes(added=rows([1], 1))
    with pytest.raises(ValueError, match="9 dimensions"):
        index.search(np.ones(9, dtype=np.float32), Scope(frozenset({0})), 1)
