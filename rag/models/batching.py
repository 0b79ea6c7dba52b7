"""Queries that arrive at the same time share one run of the model.

Whoever finds nobody at work runs what has collected so far, and hands the lead to a waiting query when
its own is answered. A query that comes alone waits for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rag.models.protocols import Vectors

QUERY_ROWS = 32  # most queries in one shared batch

Query = TypeVar("Query")


@dataclass(slots=True)
class _Waiting(Generic[Query]):
    query: Query
    wake: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    vector: Vectors | None = None
    error: BaseException | None = None


class QueryBatcher(Generic[Query]):
    """``run`` turns a list of queries into vectors of shape (queries, dimension). Thread-safe."""

    def __init__(self, run: Callable[[list[Query]], Vectors], rows: int = QUERY_ROWS) -> None:
        self._run = run
        self._rows = rows
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[Query]] = []
        self._led = False

    def embed(self, query: Query) -> Vectors:
        """The query's vector, shape (dimension,). Raises what its batch's run raised."""
        mine = _Waiting(query)
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            mine.wake.wait()
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.vector is not None
        return mine.vector

    def _lead(self) -> None:
        """Run one batch (the leader's own query is the oldest in it), then pass the lead on."""
        with self._lock:
            batch, self._waiting = self._waiting[: self._rows], self._waiting[self._rows :]
        try:
            self._answer(batch)
        except BaseException as error:  # noqa: BLE001  every waiting thread must wake; each raises it
            for waiting in batch:
                waiting.error = error
        with self._lock:
            if self._waiting:
                self._waiting[0].leads = True
                batch.append(self._waiting[0])
            else:
                self._led = False
        for waiting in batch:
            waiting.wake.set()

    def _answer(self, batch: Sequence[_Waiting[Query]]) -> None:
        vectors = self._run([waiting.query for waiting in batch])
        for waiting, vector in zip(batch, vectors, strict=True):
            waiting.vector = vector
