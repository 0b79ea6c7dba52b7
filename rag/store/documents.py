"""Documents: taken in, listed, replaced by newer versions, deleted (and then gone for good)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import AccessDenied
from rag.records import FINAL, PENDING, Collection, Document, DocumentStatus, EmbeddingSpec, Scope
from rag.store import codec
from rag.store.base import Room
from rag.store.schema import chunks, collections, document_sources, documents, embedding_specs, orphans

COLUMNS = (*documents.c, collections.c.name.label("collection"))
FROM = documents.join(collections, collections.c.id == documents.c.collection_id)

_COLLECTIONS = sa.select(collections.c.id, collections.c.name).order_by(collections.c.name)


class Documents(Room):
    """Mixed into Store."""

    def collections(self) -> list[Collection]:
        """By name."""
        return [Collection(key, name) for key, name in self._db.rows(_COLLECTIONS)]

    def ensure_collection(self, name: str) -> Collection:
        """The collection of that name, made when there is none."""
        name = codec.clean(name)
        query = sa.select(collections.c.id).where(collections.c.name == name)
        with self._db.read() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            with self._db.write() as connection:
                connection.execute(self._db.insert_if_absent(collections).values(name=name, created_at=now()))
                found = connection.execute(query).scalar_one()
        return Collection(found, name)

    def add_document(
        self,
        *,
        collection_id: int,
        name: str,
        sha256: str,
        size_bytes: int,
        source: str = "",
        password: str | None = None,
    ) -> tuple[Document, bool]:
        """The document of these bytes in that collection, and whether it is new.

        False: the same bytes were already there (under the name of then). If reading them had failed they
        are queued again, with ``password`` when given. ``source`` is where the bytes were read from: other
        bytes of the same source are a new version, and the old one goes in the transaction that makes the
        new one ready, unless another source (or an upload by hand, ``source=""``) still has those bytes.
        """
        source, moment = codec.clean(source), now()
        with self._db.write() as connection:
            created = connection.execute(
                self._db.insert_if_absent(documents)
                .values(
                    collection_id=collection_id,
                    name=codec.clean(name),
                    sha256=sha256,
                    size_bytes=size_bytes,
                    status="queued",
                    source=source,
                    password=password,
                    created_at=moment,
                    updated_at=moment,
                )
                .returning(documents.c.id)
            ).scalar()
            row = connection.execute(
                sa.select(documents.c.id, documents.c.status).where(
                    documents.c.collection_id == collection_id, documents.c.sha256 == sha256
                )
            ).one()
            self._note_source(connection, row.id, collection_id, source)
            connection.execute(sa.delete(orphans).where(orphans.c.sha256 == sha256))
            if created is None:
                if row.status in FINAL and row.status != "ready":
                    _queue(connection, row.id, password)
                elif row.status in PENDING and password is not None:
                    update(connection, row.id, password=password)
                elif row.status == "ready":  # these bytes are their source's newest version again
                    self._drop_older_versions(connection, row.id)
            document = self._load(connection, row.id)
        self._collect_orphans()
        return document, created is not None

    def settled_document(self, *, collection_id: int, sha256: str, source: str = "") -> Document | None:
        """The ready document of these bytes when adding them again would change nothing: they are there,
        and they are the newest version of ``source`` (if one is named). Reads only."""
        query = (
            sa.select(*COLUMNS)
            .select_from(FROM)
            .where(
                documents.c.collection_id == collection_id,
                documents.c.sha256 == sha256,
                documents.c.status == "ready",
            )
        )
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            versions = sa.select(document_sources.c.document_id).where(
                document_sources.c.collection_id == collection_id,
                document_sources.c.source == codec.clean(source),
            )
            if not source:  # uploads by hand have no versions: it is enough that one was of these bytes
                versions = versions.where(document_sources.c.document_id == row.id)
            newest = connection.execute(versions.order_by(document_sources.c.id.desc()).limit(1)).scalar()
            return document_of(row) if newest == row.id else None

    def document(self, document_id: int, scope: Scope) -> Document:
        """Raises AccessDenied, in the same words, for what is not there and what is not in ``scope``."""
        query = sa.select(*COLUMNS).select_from(FROM).where(documents.c.id == document_id)
        with self._db.read() as connection:
            row = connection.execute(query.where(self._inside(scope))).one_or_none()
        if row is None:
            raise AccessDenied("store.not_found")
        return document_of(row)

    def documents(self, scope: Scope) -> list[Document]:
        """In every state, newest first."""
        query = sa.select(*COLUMNS).select_from(FROM).where(self._inside(scope))
        with self._db.read() as connection:
            return [document_of(row) for row in connection.execute(query.order_by(documents.c.id.desc()))]

    def delete_document(self, document_id: int) -> None:
        """The document, its pages, chunks and vectors are gone at once, its bytes too when nothing else
        refers to them; a worker that holds it learns so. Not there is fine."""
        with self._db.write() as connection:
            self._delete(connection, [document_id])
        self._collect_orphans()

    def requeue_document(self, document_id: int, password: str | None = None) -> Document:
        """Reads a document again that ended in a state other than ready (attempts start anew); a waiting one
        only takes the password; a ready one stays as it is. Raises AccessDenied when it is not there."""
        with self._db.write() as connection:
            status = connection.execute(
                sa.select(documents.c.status).where(documents.c.id == document_id)
            ).scalar()
            if status is None:
                raise AccessDenied("store.not_found")
            if status in PENDING:
                if password is not None:
                    update(connection, document_id, password=password)
            elif status != "ready":
                _queue(connection, document_id, password)
            return self._load(connection, document_id)

    # What other rooms of the store use.

    def _load(self, connection: Connection, document_id: int) -> Document:
        query = sa.select(*COLUMNS).select_from(FROM).where(documents.c.id == document_id)
        return document_of(connection.execute(query).one())

    def _note_source(self, connection: Connection, document_id: int, collection_id: int, source: str) -> None:
        """``source`` has these bytes now; its row becomes the newest."""
        connection.execute(
            sa.delete(document_sources).where(
                document_sources.c.document_id == document_id, document_sources.c.source == source
            )
        )
        connection.execute(
            sa.insert(document_sources).values(
                collection_id=collection_id, source=source, document_id=document_id
            )
        )

    def _drop_older_versions(self, connection: Connection, document_id: int) -> None:
        """Every source of this document has moved on from its earlier bytes."""
        mine, older = document_sources.alias("mine"), document_sources.alias("older")
        rows = connection.execute(
            sa.select(older.c.id, older.c.document_id)
            .join(
                mine,
                (mine.c.collection_id == older.c.collection_id)
                & (mine.c.source == older.c.source)
                & (mine.c.id > older.c.id),
            )
            .where(mine.c.document_id == document_id, mine.c.source != "")
        ).all()
        if not rows:
            return
        connection.execute(
            sa.delete(document_sources).where(self._db.among(document_sources.c.id, [r.id for r in rows]))
        )
        kept = sa.select(document_sources.c.document_id)
        gone = connection.execute(
            sa.select(documents.c.id).where(
                self._db.among(documents.c.id, [r.document_id for r in rows]), documents.c.id.not_in(kept)
            )
        ).scalars()
        self._delete(connection, list(gone))

    def _delete(self, connection: Connection, document_ids: list[int]) -> None:
        rows = connection.execute(
            sa.select(documents.c.id, documents.c.sha256, documents.c.rendition_sha256).where(
                self._db.among(documents.c.id, document_ids)
            )
        ).all()
        for row in rows:
            self._note_removal(connection, row.id)
            connection.execute(sa.delete(documents).where(documents.c.id == row.id))
            self._note_orphans(connection, row.sha256, row.rendition_sha256)

    def _note_removal(self, connection: Connection, document_id: int) -> None:
        """A "delete" change for the document's chunks in the active index, if it has any there."""
        ids = connection.execute(
            sa.select(chunks.c.id)
            .join(embedding_specs, embedding_specs.c.id == chunks.c.spec_id)
            .where(chunks.c.document_id == document_id, embedding_specs.c.active == 1)
            .order_by(chunks.c.id)
        ).scalars()
        if found := list(ids):
            self._note_change(connection, "delete", document_id, found)

    def _note_orphans(self, connection: Connection, *hashes: str) -> None:
        for sha256 in {h for h in hashes if h}:
            if not _referred(connection, sha256):
                connection.execute(self._db.insert_if_absent(orphans).values(sha256=sha256))

    def sweep_originals(self, older_than_s: float = 3600.0) -> int:
        """Removes bytes that no document refers to and that have lain there for ``older_than_s`` seconds:
        what a killed process left between storing them and saying whose they are. Returns how many."""
        left = self.originals.stored_before(time.time() - older_than_s)
        removed = 0
        with self._db.write() as connection:
            for sha256 in left:
                if not _referred(connection, sha256):
                    removed += self._remove_original(sha256)
        return removed

    def _collect_orphans(self) -> None:
        """Removes the bytes that nothing refers to. What cannot be removed now is tried again later."""
        with self._db.read() as connection:
            if connection.execute(sa.select(orphans.c.sha256).limit(1)).first() is None:
                return
        # Inside a write: a document of the same bytes is added either before (seen here) or after.
        with self._db.write() as connection:
            for sha256 in connection.execute(sa.select(orphans.c.sha256)).scalars().all():
                if not _referred(connection, sha256) and not self._remove_original(sha256):
                    continue
                connection.execute(sa.delete(orphans).where(orphans.c.sha256 == sha256))


def now() -> datetime:
    return datetime.now(UTC)


def _referred(connection: Connection, sha256: str) -> bool:
    used = (documents.c.sha256 == sha256) | (documents.c.rendition_sha256 == sha256)
    return connection.execute(sa.select(documents.c.id).where(used).limit(1)).first() is not None


def update(connection: Connection, document_id: int, **values: Any) -> None:
    connection.execute(
        sa.update(documents).where(documents.c.id == document_id).values(updated_at=now(), **values)
    )


def _queue(connection: Connection, document_id: int, password: str | None) -> None:
    finish(connection, document_id, "queued", "", {})
    update(connection, document_id, password=password, attempts=0, warnings="[]", pages_done=0, chunks_done=0)


def finish(
    connection: Connection, document_id: int, status: DocumentStatus, code: str, params: dict[str, str]
) -> None:
    """Out of a worker's hands: no lease, no password."""
    update(
        connection,
        document_id,
        status=status,
        error_code=code,
        error_params=codec.dump(params),
        password=None,
        lease_owner="",
        lease_token="",
        lease_until=0.0,
    )


def active(connection: Connection) -> tuple[int, EmbeddingSpec] | None:
    query = sa.select(embedding_specs.c.id, embedding_specs.c.spec).where(embedding_specs.c.active == 1)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.id, codec.load_spec(row.spec))


def document_of(row: Any) -> Document:
    return Document(
        id=row.id,
        collection_id=row.collection_id,
        collection=row.collection,
        name=row.name,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        status=row.status,
        media_type=row.media_type,
        title=row.title,
        language=row.language,
        page_kind=row.page_kind,
        page_count=row.page_count,
        chunk_count=row.chunk_count,
        pages_done=row.pages_done,
        chunks_done=row.chunks_done,
        error_code=row.error_code,
        error_params=codec.load_mapping(row.error_params),
        warnings=codec.load_strings(row.warnings),
        source=row.source,
        attempts=row.attempts,
        created_at=row.created_at,
        updated_at=row.updated_at,
        rendition_sha256=row.rendition_sha256,
        about=codec.load_about(row.about),
        about_edited=codec.load_strings(row.about_edited),
    )
