"""What a document holds: pages, chunks, vectors, and the embedding specs they belong to.

A document becomes ready in one transaction, or not at all. Chunks of a spec that is not active are stored
beside the others and seen by nobody until ``activate_spec``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import IndexMismatch, StoreError
from rag.records import PAGE_BREAK, Chunk, EmbeddingSpec, ParsedDocument
from rag.store import codec
from rag.store.codec import Vectors
from rag.store.documents import active as active_in
from rag.store.documents import finish, update
from rag.store.leases import Lease, Leases, update_held
from rag.store.schema import chunks, document_specs, documents, embedding_specs, pages, vectors

REINDEX = "wenju reindex"


class Contents(Leases):
    """Mixed into Store."""

    def commit_ready(
        self,
        lease: Lease,
        parsed: ParsedDocument,
        chunks: Sequence[Chunk],
        vectors: Vectors,
        embedded_hashes: Sequence[str],
        spec_id: int,
        rendition_sha256: str = "",
    ) -> bool:
        """ONE transaction: pages, chunks, vectors, state ready, the change, and the end of the versions
        that this one replaces. False, and nothing changed: the lease is lost or the document deleted (also by
        a newer version that was ready first).

        ``vectors`` is float32 of shape (len(chunks), dimension); ``embedded_hashes`` has the SHA-256 of each
        chunk's embedded text, in hex; ``rendition_sha256`` is the original of the decrypted copy, "" for
        none. The first document's spec becomes the active one. Raises IndexMismatch when another spec is
        active, StoreError for vectors of the wrong shape or not finite, ValueError when a chunk's text is
        not what stands at its offsets.
        """
        _check_offsets(codec.clean(parsed.text), chunks, lease.document.id)
        page_rows = [
            {
                "document_id": lease.document.id,
                "number": page.number,
                "text": codec.clean(page.text),
                "width_pt": page.width_pt,
                "height_pt": page.height_pt,
                "geometry": codec.dump_geometry(page),
            }
            for page in parsed.pages
        ]
        rows = _chunk_rows(lease.document.id, spec_id, chunks, embedded_hashes)
        blobs = codec.dump_vectors(vectors) if len(chunks) else []
        with self._db.write() as connection:
            held = update_held(
                connection,
                lease,
                media_type=parsed.media_type,
                title=codec.clean(parsed.title),
                language=parsed.language,
                page_kind=parsed.page_kind,
                metadata_json=codec.dump(dict(parsed.metadata)),
                about=codec.dump_about(parsed.about),
                warnings=codec.dump(list(parsed.warnings)),
                rendition_sha256=rendition_sha256,
                page_count=len(page_rows),
                pages_done=len(page_rows),
                chunk_count=len(rows),
                chunks_done=len(rows),
            )
            if held:
                self._use_spec(connection, spec_id, vectors, len(chunks))
                if page_rows:
                    connection.execute(sa.insert(pages), page_rows)
                ids = self._insert_chunks(connection, lease.document.id, spec_id, rows, blobs)
                finish(connection, lease.document.id, "ready", "", {})
                self._note_change(connection, "add", lease.document.id, ids)
                self._drop_older_versions(connection, lease.document.id)
            elif rendition_sha256:
                self._note_orphans(connection, rendition_sha256)
        self._collect_orphans()
        return held

    def replace_chunks(
        self,
        document_id: int,
        spec_id: int,
        chunks: Sequence[Chunk],
        vectors: Vectors,
        embedded_hashes: Sequence[str],
    ) -> bool:
        """A ready document's chunks for ``spec_id``, in place of those it had for that spec. Seen by nobody
        until ``activate_spec``; if the spec is active already, at once. False: the document is gone or not
        ready. Arguments and errors as in :meth:`commit_ready`."""
        rows = _chunk_rows(document_id, spec_id, chunks, embedded_hashes)
        blobs = codec.dump_vectors(vectors) if len(chunks) else []
        with self._db.write() as connection:
            self._check_vectors(connection, spec_id, vectors, len(chunks))
            active = active_in(connection)
            ready = sa.select(documents.c.id).where(
                documents.c.id == document_id, documents.c.status == "ready"
            )
            if connection.execute(ready).first() is None:
                return False
            _check_offsets(self._text(connection, document_id), chunks, document_id)
            visible = active is not None and active[0] == spec_id
            if visible:
                self._note_removal(connection, document_id)
            self._drop_chunks(connection, document_id, spec_id)
            ids = self._insert_chunks(connection, document_id, spec_id, rows, blobs)
            if visible:
                update(connection, document_id, chunk_count=len(ids), chunks_done=len(ids))
                self._note_change(connection, "add", document_id, ids)
        return True

    def ensure_spec(self, spec: EmbeddingSpec) -> int:
        """The id of this spec; equal specs have one id. Does not make it active."""
        text = codec.dump_spec(spec)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        query = sa.select(embedding_specs.c.id).where(embedding_specs.c.fingerprint == fingerprint)
        with self._db.read() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            with self._db.write() as connection:
                connection.execute(
                    self._db.insert_if_absent(embedding_specs).values(
                        fingerprint=fingerprint, spec=text, created_at=datetime.now(UTC)
                    )
                )
                found = connection.execute(query).scalar_one()
        return int(found)

    def active_spec(self) -> tuple[int, EmbeddingSpec] | None:
        """The spec that every visible chunk belongs to; None before the first document."""
        with self._db.read() as connection:
            return active_in(connection)

    def documents_without(self, spec_id: int) -> list[int]:
        """Ready documents that ``activate_spec(spec_id)`` still waits for, oldest first."""
        with self._db.read() as connection:
            return _without(connection, spec_id)

    def activate_spec(self, spec_id: int) -> None:
        """In one transaction this spec becomes the active one, the chunks of all others go, and the
        generation moves with a "reset". Already active: nothing happens. Raises StoreError
        ("store.spec_incomplete") while ready documents lack it, and then changes nothing."""
        with self._db.write() as connection:
            active = active_in(connection)
            if active is not None and active[0] == spec_id:
                return
            if missing := _without(connection, spec_id):
                raise StoreError("store.spec_incomplete", missing=len(missing), remedy=REINDEX)
            _set_active(connection, spec_id)
            for table in (chunks, document_specs):
                connection.execute(sa.delete(table).where(table.c.spec_id != spec_id))
            count = (
                sa.select(document_specs.c.chunk_count)
                .where(document_specs.c.document_id == documents.c.id, document_specs.c.spec_id == spec_id)
                .scalar_subquery()
            )
            connection.execute(
                sa.update(documents)
                .where(documents.c.status == "ready")
                .values(chunk_count=count, chunks_done=count)
            )
            self._note_change(connection, "reset", 0, [])

    def known_vectors(self, spec_id: int, text_hashes: Sequence[str]) -> dict[str, Vectors]:
        """Vectors of shape (dimension,) already computed for these embedded texts; unknown ones are left
        out."""
        first = (  # a text may stand in many documents
            sa.select(sa.func.min(chunks.c.id).label("id"), chunks.c.embedded_sha256)
            .where(
                chunks.c.spec_id == spec_id,
                self._db.among_texts(chunks.c.embedded_sha256, set(text_hashes)),
            )
            .group_by(chunks.c.embedded_sha256)
            .subquery()
        )
        query = sa.select(first.c.embedded_sha256, vectors.c.data).join(
            vectors, vectors.c.chunk_id == first.c.id
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        matrix = codec.load_vectors([row.data for row in rows])
        return {row.embedded_sha256: matrix[i] for i, row in enumerate(rows)}

    def _use_spec(self, connection: Connection, spec_id: int, matrix: Vectors, count: int) -> None:
        """``spec_id`` is the active spec, or becomes it when there is none."""
        self._check_vectors(connection, spec_id, matrix, count)
        active = active_in(connection)
        if active is None:
            _set_active(connection, spec_id)
        elif active[0] != spec_id:
            found = _spec(connection, spec_id)
            fields = found.differs_from(active[1])
            raise IndexMismatch(
                "store.index_mismatch",
                found=_described(found, fields),
                expected=_described(active[1], fields),
                remedy=REINDEX,
            )

    def _check_vectors(self, connection: Connection, spec_id: int, matrix: Vectors, count: int) -> None:
        if count == 0:
            return
        expected = (count, _spec(connection, spec_id).dimension)
        if matrix.shape != expected:
            raise StoreError("store.bad_vectors", found=matrix.shape, expected=expected)
        if not np.isfinite(matrix).all():
            raise StoreError("store.bad_vectors", found="NaN", expected="finite numbers")

    def _text(self, connection: Connection, document_id: int) -> str:
        query = sa.select(pages.c.text).where(pages.c.document_id == document_id).order_by(pages.c.number)
        return PAGE_BREAK.join(connection.execute(query).scalars())

    def _drop_chunks(self, connection: Connection, document_id: int, spec_id: int) -> None:
        for table in (chunks, document_specs):
            connection.execute(
                sa.delete(table).where(table.c.document_id == document_id, table.c.spec_id == spec_id)
            )

    def _insert_chunks(
        self,
        connection: Connection,
        document_id: int,
        spec_id: int,
        rows: list[dict[str, Any]],
        blobs: list[bytes],
    ) -> list[int]:
        """Ids are fetched first: one prepared statement for all rows, several times faster than asking for
        each row's id."""
        connection.execute(
            sa.insert(document_specs).values(document_id=document_id, spec_id=spec_id, chunk_count=len(rows))
        )
        if not rows:
            return []
        ids = self._new_chunk_ids(connection, len(rows))
        connection.execute(sa.insert(chunks), [{"id": i, **row} for i, row in zip(ids, rows, strict=True)])
        connection.execute(
            sa.insert(vectors), [{"chunk_id": i, "data": b} for i, b in zip(ids, blobs, strict=True)]
        )
        return ids

    def _new_chunk_ids(self, connection: Connection, count: int) -> list[int]:
        if self._db.kind == "postgresql":
            taken = sa.text(
                "select nextval(pg_get_serial_sequence('chunks', 'id')) from generate_series(1, :count)"
            )
            return sorted(connection.execute(taken, {"count": count}).scalars())
        # The greatest id ever given out; inserting greater ones moves it. Nobody else can write now.
        last = connection.execute(sa.text("select seq from sqlite_sequence where name = 'chunks'")).scalar()
        return list(range((last or 0) + 1, (last or 0) + 1 + count))


def _chunk_rows(
    document_id: int, spec_id: int, found: Sequence[Chunk], embedded_hashes: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {
            "document_id": document_id,
            "spec_id": spec_id,
            "ordinal": chunk.ordinal,
            "text": codec.clean(chunk.text),
            "page_start": chunk.page_start,
            "page_end": chunk.page_end,
            "char_start": chunk.char_start,
            "char_end": chunk.char_end,
            "section_path": codec.dump(list(chunk.section_path)),
            "table_header": codec.clean(chunk.table_header),
            "boxes": codec.dump_boxes(chunk.boxes),
            "token_count": chunk.token_count,
            "language": chunk.language,
            "page_type": chunk.page_type,
            "embedded_sha256": embedded,
        }
        for chunk, embedded in zip(found, embedded_hashes, strict=True)
    ]


def _check_offsets(text: str, found: Sequence[Chunk], document_id: int) -> None:
    for chunk in found:
        if text[chunk.char_start : chunk.char_end] != codec.clean(chunk.text):
            raise ValueError(f"chunk {chunk.ordinal} of document {document_id} is not at its offsets")


def _spec(connection: Connection, spec_id: int) -> EmbeddingSpec:
    query = sa.select(embedding_specs.c.spec).where(embedding_specs.c.id == spec_id)
    return codec.load_spec(connection.execute(query).scalar_one())


def _set_active(connection: Connection, spec_id: int) -> None:
    connection.execute(sa.update(embedding_specs).where(embedding_specs.c.active == 1).values(active=None))
    connection.execute(sa.update(embedding_specs).where(embedding_specs.c.id == spec_id).values(active=1))


def _without(connection: Connection, spec_id: int) -> list[int]:
    having = sa.select(document_specs.c.document_id).where(document_specs.c.spec_id == spec_id)
    query = sa.select(documents.c.id).where(documents.c.status == "ready", documents.c.id.not_in(having))
    return list(connection.execute(query.order_by(documents.c.id)).scalars())


def _described(spec: EmbeddingSpec, fields: Sequence[str]) -> str:
    """The model's name, and what else differs."""
    others = ", ".join(f"{name}={getattr(spec, name)}" for name in fields if name != "model")
    return f"{spec.model} ({others})" if others else spec.model
