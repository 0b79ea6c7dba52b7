"""How many answers are written at once, and who is next.

Promises: never more than ``load.answers`` at once and never more than ``load.waiting`` in line; a place that
comes free goes to the waiting user who has the fewest answers running, and among those to the one who has
waited longest since their last turn (round robin): nobody's flood keeps another from being next; who cannot
be taken is told at once and when to come back (:class:`rag.errors.Busy`); after :meth:`Gate.close` nothing
new begins and what runs may end. Thread-safe.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rag import metrics
from rag.errors import Busy
from rag.settings import LoadSettings

FIRST_GUESS_S = 5.0  # how long an answer takes, before one was seen
MIN_RETRY_S, MAX_RETRY_S = 1, 120
_SMOOTHING = 0.2  # weight of the newest answer in the running mean of their durations
_LOOK_S = 0.05  # how late a reader who has left is noticed


@dataclass(frozen=True, slots=True)
class LoadState:
    """``retry_after_s``: when a question that came now and found no place would best come again."""

    running: int
    waiting: int
    waiting_users: int
    limit: int
    draining: bool
    retry_after_s: int


@dataclass(eq=False)
class _Waiter:
    user_id: str
    admitted: threading.Event = field(default_factory=threading.Event)
    refused: bool = False


class Gate:
    """One for a process. Users are told apart by their id."""

    def __init__(self, settings: LoadSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._lines: OrderedDict[str, deque[_Waiter]] = OrderedDict()  # the longest not served first
        self._running: Counter[str] = Counter()
        self._mean_s = FIRST_GUESS_S
        self._closed = False

    def check_open(self) -> None:
        """Raises Busy when the service is shutting down."""
        if self._closed:
            raise self._draining()

    @contextmanager
    def place(self, user_id: str, stopped: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """A place for one answer, held inside the ``with``; False when ``stopped`` while in line (then there
        is no place). Raises Busy: the line is full, the wait was longer than ``load.wait_s``, or the
        service is shutting down."""
        waiter = self._join(user_id)
        deadline = time.monotonic() + self._settings.wait_s
        try:
            while not waiter.admitted.wait(_LOOK_S):
                if stopped():
                    break
                if time.monotonic() >= deadline:
                    break
        except BaseException:
            self._leave(waiter)
            raise
        if not self._admitted(waiter):
            if waiter.refused:
                raise self._draining()
            if not stopped():
                with self._lock:
                    raise self._busy("load.waited", waited=f"{self._settings.wait_s:g}")
            yield False
            return
        started = time.monotonic()
        try:
            yield True
        finally:
            self._release(user_id, time.monotonic() - started)

    def close(self) -> None:
        """Nothing new begins; who waits is sent away."""
        with self._lock:
            self._closed = True
            metrics.WAITING.set(0)
            for line in self._lines.values():
                for waiter in line:
                    waiter.refused = True
                    waiter.admitted.set()
            self._lines.clear()

    @property
    def closed(self) -> bool:
        return self._closed

    def state(self) -> LoadState:
        with self._lock:
            return LoadState(
                running=self._running.total(),
                waiting=self._waiting(),
                waiting_users=len(self._lines),
                limit=self._settings.answers,
                draining=self._closed,
                retry_after_s=self._retry_after_s(),
            )

    # ---------------------------------------------------------------- with the lock held

    def _join(self, user_id: str) -> _Waiter:
        with self._lock:
            self._refuse_if_full(user_id)
            waiter = _Waiter(user_id)
            self._lines.setdefault(user_id, deque()).append(waiter)
            self._admit()
            metrics.WAITING.set(self._waiting())
            return waiter

    def _refuse_if_full(self, user_id: str) -> None:
        if self._closed:
            raise self._draining()
        if self._running.total() < self._settings.answers and not self._lines:
            return
        own = len(self._lines.get(user_id, ()))
        if own >= self._settings.waiting_per_user:
            raise self._busy("load.busy_user", count=own)
        if self._waiting() >= self._settings.waiting:
            raise self._busy("load.busy", count=self._waiting())

    def _admit(self) -> None:
        """Gives the free places away."""
        while self._lines and self._running.total() < self._settings.answers:
            user_id = min(self._lines, key=lambda user: self._running[user])  # min keeps the first of equals
            line = self._lines.pop(user_id)
            waiter = line.popleft()
            if line:
                self._lines[user_id] = line  # behind everybody else
            self._running[user_id] += 1
            waiter.admitted.set()

    def _waiting(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def _retry_after_s(self) -> int:
        seconds = self._mean_s * (self._waiting() + 1) / self._settings.answers
        return max(MIN_RETRY_S, min(MAX_RETRY_S, math.ceil(seconds)))

    def _busy(self, code: str, **params: object) -> Busy:
        metrics.REJECTED.labels(code).inc()
        return Busy(code, retry_after_s=self._retry_after_s(), **params)

    def _draining(self) -> Busy:
        metrics.REJECTED.labels("load.draining").inc()
        return Busy("load.draining", retry_after_s=MIN_RETRY_S * 5)

    # ---------------------------------------------------------------- taking it

    def _admitted(self, waiter: _Waiter) -> bool:
        """Whether it has its place; otherwise it has left the line."""
        with self._lock:
            if waiter.refused:
                return False
            if waiter.admitted.is_set():
                return True
            self._take_out(waiter)
            metrics.WAITING.set(self._waiting())
            return False

    def _leave(self, waiter: _Waiter) -> None:
        if self._admitted(waiter):
            self._release(waiter.user_id, None)

    def _take_out(self, waiter: _Waiter) -> None:
        line = self._lines.get(waiter.user_id)
        if line is not None:
            line.remove(waiter)
            if not line:
                del self._lines[waiter.user_id]

    def _release(self, user_id: str, took_s: float | None) -> None:
        with self._lock:
            self._running[user_id] -= 1
            if not self._running[user_id]:
                del self._running[user_id]
            if took_s is not None:
                self._mean_s += _SMOOTHING * (took_s - self._mean_s)
            if not self._closed:
                self._admit()
                metrics.WAITING.set(self._waiting())


class Running:
    """The questions that are being answered, to end them when the service is stopped. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._halts: dict[int, Callable[[], None]] = {}
        self._last = 0

    @contextmanager
    def entered(self, halt: Callable[[], None]) -> Iterator[None]:
        """``halt``, called from another thread, makes the question end soon."""
        with self._changed:
            self._last += 1
            mine = self._last
            self._halts[mine] = halt
        try:
            yield
        finally:
            with self._changed:
                del self._halts[mine]
                self._changed.notify_all()

    def halt(self) -> int:
        """How many were told to end."""
        with self._changed:
            halts = list(self._halts.values())
        for halt in halts:
            halt()
        return len(halts)

    def wait_empty(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._halts, timeout_s)
