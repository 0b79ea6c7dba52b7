"""Which live adapter answers whom.

Promises: a user stays with one adapter as long as its share stays, and keeps it when the share grows; two
adapters divide the users independently of each other; what is live is looked up at most once a second, so
that a promotion or a rollback takes effect within that time, in every process.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence

from rag.errors import WenjuError
from rag.settings import ChatSettings
from rag.store.tuning import Adapter

log = logging.getLogger(__name__)

LIVE, BASE = "live", "base"  # what chat.adapter says, apart from a name
REFRESH_S = 1.0
_POINTS = 2**32


def choose_adapter(user_id: str, live: Sequence[Adapter]) -> str:
    """The name of the adapter that answers this user; "" for the base model. ``live``: newest first; each
    takes its share (0..1) of the users that no newer one took."""
    for adapter in live:
        if _position(adapter.name, user_id) < adapter.share:
            return adapter.name
    return ""


def _position(adapter: str, user_id: str) -> float:
    """Where a user stands between 0 and 1 in an adapter's order of users: as good as random, always the
    same."""
    digest = hashlib.sha256(f"{adapter}\0{user_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / _POINTS


class Arms:
    """Thread-safe. ``live`` reads the store."""

    def __init__(self, settings: ChatSettings, live: Callable[[], Sequence[Adapter]]) -> None:
        self._choice = settings.adapter
        self._live = live
        self._lock = threading.Lock()
        self._known: Sequence[Adapter] = ()
        self._until = 0.0

    def of(self, user_id: str) -> str:
        """The adapter that the settings name, else the live one of this user; "" for the base model."""
        if self._choice == BASE:
            return ""
        return choose_adapter(user_id, self.live()) if self._choice == LIVE else self._choice

    def identity(self, name: str) -> str:
        """Name and checksum of an adapter; "" for the base model."""
        known = {a.name: a.sha256 for a in self.live()} if name and self._choice == LIVE else {}
        return f"{name}@{known.get(name, '')}" if name else ""

    def live(self) -> Sequence[Adapter]:
        """Newest first. A store that cannot say just now leaves what was known."""
        with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._known = self._live()
                except WenjuError as error:
                    log.warning("live adapters not read: %s", error.code)
                self._until = time.monotonic() + REFRESH_S
            return self._known
