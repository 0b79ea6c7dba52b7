"""From a thread that makes events to a coroutine that sends them: bounded, and either end may leave.

Promises: the event loop never waits for a model; a reader that is slower than the writer holds at most
``most`` items, one that takes nothing for ``stall_s`` is given up; when the reader leaves, the maker is told
through its ``stop`` event and its generator is closed, which stops generation upstream.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from api.problems import ApiError

T = TypeVar("T")

_MOST = 64
_BUSY_RETRY_S = 5


class Pipe(Generic[T]):
    """One maker, one reader. Read with :meth:`take` until it returns []."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, most: int = _MOST, stall_s: float = 60.0) -> None:
        self.stop = threading.Event()
        self._loop, self._most, self._stall_s = loop, most, stall_s
        self._items: deque[T] = deque()
        self._room = threading.Condition()
        self._ready = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None

    def run(self, make: Callable[[threading.Event], Iterator[T]]) -> None:
        """Drives the maker to its end, in a thread. Never raises: its error is raised by :meth:`take`."""
        try:
            made = make(self.stop)
            try:
                for item in made:
                    if not self._put(item):
                        break
            finally:
                close = getattr(made, "close", None)
                if close is not None:
                    close()
        except BaseException as error:  # noqa: BLE001 - crosses the thread; raised again in the reader's
            self._error = error
        finally:
            self._ended = True
            self._wake()

    def _put(self, item: T) -> bool:
        with self._room:
            while len(self._items) >= self._most and not self.stop.is_set():
                if not self._room.wait(self._stall_s):
                    self.stop.set()  # nobody reads
            if self.stop.is_set() and len(self._items) >= self._most:
                return False
            self._items.append(item)
        self._wake()
        return True

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self) -> list[T]:
        """All that is there, waiting for the first; [] at the end. Raises what the maker raised."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            with self._room:
                ended = self._ended  # before the items are looked at: nothing comes after it
                items = list(self._items)
                self._items.clear()
                self._room.notify()
            if items:
                if ended:
                    self._ready.set()
                return items
            if ended:
                self._ready.set()
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                return []

    def leave(self) -> None:
        """The reader takes no more."""
        self.stop.set()
        with self._room:
            self._room.notify()


class Pipes:
    """Threads for at most ``most`` makers at once."""

    def __init__(self, most: int, stall_s: float) -> None:
        self._most, self._stall_s = most, stall_s
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="wenju-api")
        self._open: set[Pipe[Any]] = set()
        self._lock = threading.Lock()

    def start(self, make: Callable[[threading.Event], Iterator[T]]) -> Pipe[T]:
        """A pipe from ``make``, which begins at once. Raises ApiError("api.too_busy")."""
        pipe: Pipe[T] = Pipe(asyncio.get_running_loop(), stall_s=self._stall_s)
        with self._lock:
            if len(self._open) >= self._most:
                wait = {"Retry-After": str(_BUSY_RETRY_S)}
                raise ApiError(503, "api.too_busy", count=self._most, seconds=_BUSY_RETRY_S, headers=wait)
            self._open.add(pipe)

        def work() -> None:
            try:
                pipe.run(make)
            finally:
                with self._lock:
                    self._open.discard(pipe)

        self._threads.submit(contextvars.copy_context().run, work)
        return pipe

    def close(self) -> None:
        """Stops what is being written."""
        with self._lock:
            for pipe in self._open:
                pipe.leave()
        self._threads.shutdown(wait=False, cancel_futures=True)
