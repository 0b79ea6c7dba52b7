"""What every room of the store shares."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import StoreError
from rag.records import Scope
from rag.settings import Settings
from rag.store import codec
from rag.store.database import Database
from rag.store.originals import Originals
from rag.store.schema import changes, documents

KEPT_CHANGES = 10_000
"""A view further behind than this rebuilds from all."""

_log = logging.getLogger(__name__)


class Room:
    settings: Settings
    originals: Originals
    _db: Database

    def _inside(self, scope: Scope) -> sa.ColumnElement[bool]:
        """The documents that ``scope`` holds: with no collection, none."""
        inside = self._db.among(documents.c.collection_id, scope.collection_ids)
        if scope.document_ids is not None:
            inside &= self._db.among(documents.c.id, scope.document_ids)
        return inside

    def _note_change(
        self, connection: Connection, kind: str, document_id: int, chunk_ids: Sequence[int]
    ) -> None:
        """Moves the generation. Only inside an exclusive ``write()``: generations appear in order. The
        newest ``KEPT_CHANGES`` are kept, the last one always: it is the generation."""
        generation = connection.execute(
            sa.insert(changes)
            .values(
                kind=kind,
                document_id=document_id,
                chunk_ids=codec.dump(list(chunk_ids)),
                created_at=datetime.now(UTC),
            )
            .returning(changes.c.id)
        ).scalar_one()
        connection.execute(sa.delete(changes).where(changes.c.id <= generation - KEPT_CHANGES))

    def _remove_original(self, sha256: str) -> bool:
        try:
            self.originals.delete(sha256)
        except StoreError as error:
            _log.warning("original %s could not be removed: %s", sha256, error)
            return False
        return True
