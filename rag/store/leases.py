"""Who works on a document.

A document has one owner at a time: who holds the newest lease. Whoever lost it (too late, deleted, taken
over) learns so from ``False`` and must drop the work; nothing it did is visible.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import DocumentError
from rag.records import PENDING, Document, DocumentStatus, EmbeddingSpec
from rag.store import codec
from rag.store.documents import COLUMNS, FROM, Documents, active, finish, now, update
from rag.store.schema import documents


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a document. ``spec`` is the active (id, spec) at that moment, None before the
    first document. ``token`` is what proves the right."""

    document: Document
    password: str | None = field(repr=False)
    spec: tuple[int, EmbeddingSpec] | None
    owner: str
    token: str = field(repr=False)


class Leases(Documents):
    """Mixed into Store."""

    def lease_next(self, owner: str) -> Lease | None:
        """The next document to work on, leased to ``owner`` for ``ingest.lease_s`` seconds; None: nothing
        waits. The attempt is counted before this returns, so a file that kills its reader is set aside
        (failed, "document.died") after ``ingest.max_attempts``; fewest attempts come first."""
        with self._db.read() as connection:  # idle workers don't wait for writers
            waiting = sa.select(documents.c.id).where(documents.c.status.in_(PENDING))
            if connection.execute(waiting.limit(1)).first() is None:
                return None
        with self._db.write(shared=True) as connection:
            while True:
                moment = self._db.now(connection)
                query = (
                    sa.select(*COLUMNS, documents.c.password.label("secret"))
                    .select_from(FROM)
                    .where(documents.c.status.in_(PENDING), documents.c.lease_until <= moment)
                    .order_by(documents.c.attempts, documents.c.id)
                    .limit(1)
                    .with_for_update(skip_locked=True, of=documents)
                )
                row = connection.execute(query).one_or_none()
                if row is None:
                    return None
                if row.attempts >= self.settings.ingest.max_attempts:
                    finish(connection, row.id, "failed", "document.died", {"attempts": str(row.attempts)})
                    continue
                token = uuid.uuid4().hex
                update(
                    connection,
                    row.id,
                    status="parsing",
                    attempts=row.attempts + 1,
                    lease_owner=owner,
                    lease_token=token,
                    lease_until=moment + self.settings.ingest.lease_s,
                    pages_done=0,
                    chunks_done=0,
                )
                document = self._load(connection, row.id)
                return Lease(document, row.secret, active(connection), owner, token)

    def renew(
        self,
        lease: Lease,
        status: DocumentStatus,
        pages_done: int = 0,
        chunks_done: int = 0,
        *,
        page_count: int | None = None,
        chunk_count: int | None = None,
    ) -> bool:
        """Keeps the lease for another ``ingest.lease_s`` seconds and shows progress (the totals too, once
        known). False: the lease is lost or the document deleted; drop the work. A lease that ran out but
        that nobody took is still held."""
        totals = {"page_count": page_count, "chunk_count": chunk_count}
        with self._db.write(shared=True) as connection:
            until = self._db.now(connection) + self.settings.ingest.lease_s
            return update_held(
                connection,
                lease,
                status=status,
                pages_done=pages_done,
                chunks_done=chunks_done,
                lease_until=until,
                **{k: v for k, v in totals.items() if v is not None},
            )

    def release(self, lease: Lease) -> bool:
        """Back into the queue, and the attempt does not count: for a worker that is told to stop."""
        with self._db.write(shared=True) as connection:
            return update_held(
                connection,
                lease,
                status="queued",
                attempts=documents.c.attempts - 1,
                lease_owner="",
                lease_token="",
                lease_until=0.0,
                pages_done=0,
                chunks_done=0,
            )

    def commit_failed(self, lease: Lease, error: DocumentError, warnings: Sequence[str] = ()) -> bool:
        """The document ends in ``error.status`` with its code and parameters, and its password is
        forgotten. False: the lease is lost or the document deleted."""
        with self._db.write(shared=True) as connection:
            if not update_held(connection, lease, warnings=codec.dump(list(warnings))):
                return False
            finish(connection, lease.document.id, error.status, error.code, dict(error.params))
            return True


def update_held(connection: Connection, lease: Lease, **values: Any) -> bool:
    held = sa.update(documents).where(
        documents.c.id == lease.document.id, documents.c.lease_token == lease.token
    )
    return connection.execute(held.values(updated_at=now(), **values)).rowcount == 1
