"""Who did what and when, in a chain: a row that was changed or removed afterwards is noticed.

Each row's hash is SHA-256 over the hash of the row before and the row's own words (canonical JSON), so that
one look at the last hash vouches for all before it. Rows are appended inside the store's one write, in order.
User text does not belong here: ``detail`` holds ids, names and counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.store import codec
from rag.store.base import Room
from rag.store.schema import audit

BEGINNING = "0" * 64
TRIM = "audit.trim"
_BATCH = 1000
_TAKE_CHAIN_LOCK = sa.select(sa.func.pg_advisory_xact_lock(0x57656E6A76))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row. ``hash`` covers everything else and the row before."""

    id: int
    at: datetime
    user_id: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


class Audit(Room):
    """Mixed into Store."""

    def note_action(
        self, user_id: str, action: str, subject: str = "", detail: Mapping[str, Any] | None = None
    ) -> AuditEntry:
        """Appends one row. ``action`` is a dotted verb, e.g. "document.delete"."""
        with self._db.write() as connection:
            return append_action(connection, user_id, action, subject, detail)

    def actions(
        self,
        *,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before_id: int | None = None,
        limit: int = 200,
    ) -> list[AuditEntry]:
        """Newest first; ``action`` is a whole name or its beginning up to a dot."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        if user_id is not None:
            query = query.where(audit.c.user_id == user_id)
        if action is not None:
            inside = audit.c.action.startswith(f"{action}.", autoescape=True)
            query = query.where((audit.c.action == action) | inside)
        if since is not None:
            query = query.where(audit.c.at >= since)
        if until is not None:
            query = query.where(audit.c.at < until)
        if before_id is not None:
            query = query.where(audit.c.id < before_id)
        with self._db.read() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def all_actions(self) -> Iterator[AuditEntry]:
        """Oldest first, in batches: for exports and :meth:`broken_action`."""
        last = 0
        while True:
            query = sa.select(audit).where(audit.c.id > last).order_by(audit.c.id).limit(_BATCH)
            with self._db.read() as connection:
                rows = [_entry(row) for row in connection.execute(query)]
            yield from rows
            if len(rows) < _BATCH:
                return
            last = rows[-1].id

    def broken_action(self) -> int | None:
        """The id of the first row that does not fit the chain; None when all is as it was written. The first
        row is the first ever, or follows the last one that retention removed: the row that tells of the
        removal (the anchor) holds its hash."""
        return self.chain_state()[1]

    def chain_state(self) -> tuple[int, int | None, int, str]:
        """How many rows were read, the first id that does not fit, id and hash of the last one read."""
        rows, key, previous = 0, 0, BEGINNING
        for entry in self.all_actions():
            linked = entry.previous == previous or (rows == 0 and self._anchored(entry.previous))
            if not linked or entry.hash != _hash(
                entry.previous, entry.at, entry.user_id, entry.action, entry.subject, entry.detail
            ):
                return rows, entry.id, key, previous
            rows, key, previous = rows + 1, entry.id, entry.hash
        return rows, None, key, previous

    def _anchored(self, previous: str) -> bool:
        return any(e.subject == previous for e in self.actions(action=TRIM, limit=1_000))

    def trim_actions(self, before: datetime, user_id: str) -> int:
        """Removes the rows from before that moment, but never the last one, and appends the anchor. Returns
        how many."""
        with self._db.write() as connection:
            keep = sa.select(sa.func.max(audit.c.id)).scalar_subquery()
            young = sa.select(sa.func.min(audit.c.id)).where(audit.c.at >= before).scalar_subquery()
            old = audit.c.id < sa.func.coalesce(young, keep)
            last = connection.execute(
                sa.select(audit.c.id, audit.c.hash).where(old).order_by(audit.c.id.desc()).limit(1)
            ).one_or_none()
            if last is None:
                return 0
            removed = connection.execute(sa.delete(audit).where(audit.c.id <= last.id)).rowcount
            detail = {"through": last.id, "rows": removed, "before": before.astimezone(UTC).isoformat()}
            append_action(connection, user_id, TRIM, last.hash, detail)
            return int(removed)


def append_action(
    connection: Connection,
    user_id: str,
    action: str,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Inside a ``write()``, exclusive or shared, as its last statement: it stands or falls with what it
    tells of. The chain has a lock of its own until the commit, so that a question need not wait for an
    ingest."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TAKE_CHAIN_LOCK)
    last = connection.execute(sa.select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)).scalar()
    previous = last or BEGINNING
    at = datetime.now(UTC)
    user_id, subject = codec.clean(user_id), codec.clean(subject)
    detail = json.loads(codec.dump(dict(detail or {})))
    digest = _hash(previous, at, user_id, action, subject, detail)
    key = connection.execute(
        sa.insert(audit)
        .values(
            at=at,
            user_id=user_id,
            action=action,
            subject=subject,
            detail=codec.dump(detail),
            previous=previous,
            hash=digest,
        )
        .returning(audit.c.id)
    ).scalar_one()
    return AuditEntry(key, at, user_id, action, subject, detail, previous, digest)


def _hash(
    previous: str, at: datetime, user_id: str, action: str, subject: str, detail: Mapping[str, Any]
) -> str:
    words = [previous, at.astimezone(UTC).isoformat(), user_id, action, subject, detail]
    plain = json.dumps(words, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        user_id=row.user_id,
        action=row.action,
        subject=row.subject,
        detail=json.loads(row.detail),
        previous=row.previous,
        hash=row.hash,
    )
