"""Writes that a client may send twice: what was answered the first time, by the client's own key.

Promises: of requests with one key at the same time exactly one goes ahead; a key is bound to one request; a
request that ended in an error, or whose process died, leaves its key free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from rag.store import codec
from rag.store.base import Room
from rag.store.schema import idempotency

RUNNING_S = 600.0
"""Seconds after which a request that has not ended counts as died with its process."""

_RUNNING = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """ "new": go ahead, then settle or release the key; "kept": ``status`` and ``response`` were the answer;
    "running": the same request is under way; "other": the key belongs to another request."""

    state: Literal["new", "kept", "running", "other"]
    status: int = 0
    response: Mapping[str, Any] | None = None


class Idempotency(Room):
    """Mixed into Store."""

    def claim_key(self, user_id: str, key: str, request_sha256: str, *, kept_s: float) -> Claim:
        """Takes ``key`` for a request, or says what came of it. Keys older than ``kept_s`` are forgotten."""
        now = datetime.now(UTC)
        forgotten = idempotency.c.created_at < now - timedelta(seconds=kept_s)
        died = (idempotency.c.status == _RUNNING) & (
            idempotency.c.created_at < now - timedelta(seconds=RUNNING_S)
        )
        mine = (idempotency.c.user_id == user_id) & (idempotency.c.key == key)
        with self._db.write() as connection:
            connection.execute(sa.delete(idempotency).where(forgotten | died))
            row = connection.execute(sa.select(idempotency).where(mine)).one_or_none()
            if row is None:
                connection.execute(
                    sa.insert(idempotency).values(
                        user_id=user_id,
                        key=key,
                        request_sha256=request_sha256,
                        status=_RUNNING,
                        created_at=now,
                    )
                )
                return Claim("new")
        if row.request_sha256 != request_sha256:
            return Claim("other")
        if row.status == _RUNNING:
            return Claim("running")
        return Claim("kept", row.status, json.loads(row.response))

    def settle_key(self, user_id: str, key: str, status: int, response: Mapping[str, Any]) -> None:
        """Keeps the answer to the request that claimed ``key``."""
        mine = (idempotency.c.user_id == user_id) & (idempotency.c.key == key)
        with self._db.write() as connection:
            connection.execute(
                sa.update(idempotency).where(mine).values(status=status, response=codec.dump(dict(response)))
            )

    def release_key(self, user_id: str, key: str) -> None:
        """Frees a key whose request failed: it may be sent again."""
        mine = (idempotency.c.user_id == user_id) & (idempotency.c.key == key)
        with self._db.write() as connection:
            connection.execute(sa.delete(idempotency).where(mine & (idempotency.c.status == _RUNNING)))
