"""Circuit breakers: an outside system that failed several times in a row is left alone for a while.

Promises: one breaker for each system and address in a process; while it is open a call is refused at once,
naming the last problem, instead of waiting for a time limit; after ``open_s`` exactly one call tries again,
and the system is back as soon as that one succeeds; an answer that says "not so" (a refused key, an unknown
model) proves that the system lives and is no failure. Thread-safe; nothing is held during a call.

Libraries looked at: pybreaker 1.4 holds its lock during the call, so that a streamed answer would keep all
others waiting; purgatory 3.0 and circuitbreaker 2.1 let every waiting call through at once when they try
again, which a server that hangs answers with a row of time-outs, and count without a lock.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from rag import metrics
from rag.errors import WenjuError
from rag.settings import LoadSettings

log = logging.getLogger(__name__)

State = Literal["closed", "open", "trying"]


class Breaker:
    """``part`` and ``url`` say what it guards."""

    def __init__(
        self,
        part: str,
        url: str,
        *,
        failures: int = 5,
        open_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.part = part
        self.url = url
        self._limit = failures
        self._open_s = open_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._problem = ""
        self._opened_at: float | None = None
        self._tried_at: float | None = None

    @property
    def state(self) -> State:
        """ "trying": one call is under way, or the next one will be let through."""
        with self._lock:
            if self._opened_at is None:
                return "closed"
            return "open" if self._left_s() > 0 else "trying"

    @property
    def problem(self) -> str:
        """What went wrong last; "" since the last success."""
        return self._problem

    def allows(self) -> bool:
        """Whether a call may be made now. When it was open, True makes the caller the one who tries: it
        must report, or the next may try after as long again."""
        with self._lock:
            if self._opened_at is None:
                return True
            now = self._clock()
            if self._left_s() > 0 or (self._tried_at is not None and now - self._tried_at < self._open_s):
                return False
            self._tried_at = now
        metrics.note_breaker(self.part, "trying")
        return True

    def succeeded(self) -> None:
        with self._lock:
            back = self._opened_at is not None
            self._failures, self._problem = 0, ""
            self._opened_at = self._tried_at = None
        if back:
            metrics.note_breaker(self.part, "closed")
            log.info("%s at %s is back", self.part, self.url)

    def failed(self, problem: object) -> None:
        with self._lock:
            self._failures += 1
            self._problem = str(problem)[:300]
            opens = self._failures >= self._limit or self._opened_at is not None
            first = opens and self._opened_at is None
            if opens:
                self._opened_at, self._tried_at = self._clock(), None
        if opens:
            metrics.note_breaker(self.part, "open")
        if first:
            log.warning("%s at %s is left alone for %g s: %s", self.part, self.url, self._open_s, problem)

    def retry_after_s(self) -> int:
        with self._lock:
            return max(1, math.ceil(self._left_s()))

    def refusal(self, kind: type[WenjuError]) -> WenjuError:
        """The error of a call that is not made."""
        return kind(
            "breaker.open", part=self.part, url=self.url, seconds=self.retry_after_s(), problem=self._problem
        )

    @contextmanager
    def call(
        self, kind: type[WenjuError], counts: Callable[[BaseException], bool | None] = lambda _: True
    ) -> Iterator[None]:
        """Around one call. Raises ``kind`` ("breaker.open") instead of making it while open. An exception
        that ``counts`` denies is a success: the system answered; None says nothing either way (the caller
        gave up)."""
        if not self.allows():
            raise self.refusal(kind)
        try:
            yield
        except Exception as error:
            verdict = counts(error)
            if verdict:
                self.failed(error)
            elif verdict is not None:
                self.succeeded()
            raise
        self.succeeded()

    def _left_s(self) -> float:
        return 0.0 if self._opened_at is None else self._opened_at + self._open_s - self._clock()


_breakers: dict[tuple[str, str], Breaker] = {}
_lock = threading.Lock()


def breaker_for(part: str, url: str, settings: LoadSettings) -> Breaker:
    """The process's breaker of a system at an address (without a password in it), made when first asked
    for."""
    with _lock:
        if (part, url) not in _breakers:
            _breakers[part, url] = Breaker(
                part, url, failures=settings.breaker_failures, open_s=settings.breaker_open_s
            )
        return _breakers[part, url]


def breakers() -> list[Breaker]:
    """All that were asked for, by part and address."""
    with _lock:
        return [_breakers[key] for key in sorted(_breakers)]
