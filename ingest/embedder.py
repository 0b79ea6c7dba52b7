"""One thread that keeps the embedding model busy for several documents at once.

Promises: the document with the least left to do comes first, so that most become ready soonest and a short
one does not wait for a long one; short ones fill a batch together; an error hits only the document whose
texts caused it; nobody waits for a cancelled document.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from rag.models.protocols import EmbeddingModel, Vectors

BATCH = 128  # texts of one call of the model, which sorts them by length and cuts smaller batches
_TICK_S = 0.2


class Stopped(Exception):
    """The service is told to stop."""


class _Request:
    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.taken = 0
        self.done = 0
        self.shown = 0  # done, with a guess about the batch at work
        self.vectors: Vectors | None = None
        self.error: BaseException | None = None
        self.cancelled = False
        self.finished = threading.Event()


_Slice = tuple[_Request, int, int]


class Embedder:
    """``model`` is called once, in the thread, when the first text arrives."""

    def __init__(self, model: Callable[[], EmbeddingModel]) -> None:
        self._model = model
        self._requests: list[_Request] = []
        self._condition = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def backlog(self) -> int:
        """Texts that wait for their vectors."""
        with self._condition:
            return sum(len(request.texts) - request.taken for request in self._requests)

    def embed(
        self, texts: Sequence[str], on_progress: Callable[[int], None], check: Callable[[], None]
    ) -> Vectors:
        """float32 of shape (len(texts), dimension), in order. ``check`` is called several times a second and
        cancels by raising. Raises what the model raises, and Stopped."""
        if not texts:
            return np.zeros((0, self._model().spec("").dimension), dtype=np.float32)
        request = _Request(texts)
        with self._condition:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="embedder", daemon=True)
                self._thread.start()
            self._requests.append(request)
            self._condition.notify_all()
        try:
            while not request.finished.wait(_TICK_S):
                check()
                on_progress(request.shown)
        except BaseException:
            request.cancelled = True
            raise
        if request.error is not None:
            raise request.error
        on_progress(len(texts))
        assert request.vectors is not None
        return request.vectors

    def close(self, timeout_s: float = 10.0) -> None:
        """Ends the thread; who still waits gets Stopped."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
        with self._condition:
            for request in self._requests:
                request.error = Stopped()
                request.finished.set()
            self._requests.clear()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._requests and not self._stopping:
                    self._condition.wait()
                if self._stopping:
                    return
                slices = self._next_batch()
            error = self._embed(slices) if slices else None
            if error is None:
                continue
            # One of several documents may be at fault: find out which.
            alone = isinstance(error, Stopped) or len(slices) == 1
            for piece in slices:
                failed = error if alone else self._embed([piece])
                if failed is not None:
                    self._fail(piece[0], failed)

    def _next_batch(self) -> list[_Slice]:
        slices: list[_Slice] = []
        room = BATCH
        self._requests = [r for r in self._requests if not r.cancelled and r.error is None]
        for request in sorted(self._requests, key=lambda r: len(r.texts) - r.taken):
            size = min(room, len(request.texts) - request.taken)
            slices.append((request, request.taken, request.taken + size))
            request.taken += size
            room -= size
            if not room:
                break
        self._requests = [r for r in self._requests if r.taken < len(r.texts)]
        return slices

    def _embed(self, slices: list[_Slice]) -> BaseException | None:
        """What went wrong, if anything."""
        texts = [text for request, start, end in slices for text in request.texts[start:end]]

        def show(count: int) -> None:
            if self._stopping:
                raise Stopped
            for request, start, end in slices:
                request.shown = request.done + (end - start) * count // len(texts)

        try:
            matrix = self._model().embed_passages(texts, show)
            if matrix.shape[0] != len(texts):
                raise ValueError(f"{matrix.shape[0]} vectors for {len(texts)} texts")
        except BaseException as error:  # noqa: BLE001 - a thread's boundary: whoever waits raises it
            return error
        row = 0
        for request, start, end in slices:
            if request.vectors is None:
                request.vectors = np.empty((len(request.texts), matrix.shape[1]), dtype=np.float32)
            request.vectors[start:end] = matrix[row : row + end - start]
            row += end - start
            request.done += end - start
            request.shown = request.done
            if request.done == len(request.texts):
                request.finished.set()
        return None

    def _fail(self, request: _Request, error: BaseException) -> None:
        request.error = error
        with self._condition:
            if request in self._requests:
                self._requests.remove(request)
        request.finished.set()
