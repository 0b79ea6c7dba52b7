"""How often somebody may ask, through the library ``limits``: in process, or in Redis for all processes.

Redis away: counted in this process until it is back, said in the log; never an error for the caller.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import RateLimiter

log = logging.getLogger(__name__)

_REDIS_TIMEOUT_S = 0.05
_TRY_REDIS_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Rate:
    """``wait_s`` is until the window moves on."""

    allowed: bool
    limit: int
    left: int
    wait_s: int


class Rates:
    """Sliding windows of a minute. Thread-safe; may block for a Redis round trip."""

    def __init__(self, redis_url: str = "") -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._own: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: RateLimiter | None = None
        self._away_until = 0.0
        if redis_url:
            from limits.storage import storage_from_string

            try:
                storage = storage_from_string(
                    redis_url, socket_timeout=_REDIS_TIMEOUT_S, socket_connect_timeout=_REDIS_TIMEOUT_S
                )
                self._shared = SlidingWindowCounterRateLimiter(storage)
            except Exception as error:  # noqa: BLE001 - the library's and the driver's own trees
                log.warning("request rates are counted in this process only: %s", error)

    def take(self, kind: str, who: str, per_minute: int) -> Rate:
        """Counts one and says whether it was within ``per_minute``."""
        return self._rate(kind, who, per_minute, count=True)

    def look(self, kind: str, who: str, per_minute: int) -> Rate:
        """As :meth:`take`, without counting."""
        return self._rate(kind, who, per_minute, count=False)

    def _rate(self, kind: str, who: str, per_minute: int, *, count: bool) -> Rate:
        from limits import RateLimitItemPerMinute

        item = RateLimitItemPerMinute(per_minute, namespace=f"wenju-{kind}")
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                return _asked(self._shared, item, who, count=count)
            except Exception as error:  # noqa: BLE001 - the driver's own tree; Redis is never needed
                self._away_until = time.monotonic() + _TRY_REDIS_AGAIN_S
                log.warning("Redis is away: request rates are counted in this process (%s)", error)
        return _asked(self._own, item, who, count=count)


def _asked(limiter: RateLimiter, item: RateLimitItem, who: str, *, count: bool) -> Rate:
    allowed = limiter.hit(item, who) if count else limiter.test(item, who)
    stats = limiter.get_window_stats(item, who)
    return Rate(allowed, item.amount, max(0, stats.remaining), max(1, round(stats.reset_time - time.time())))
