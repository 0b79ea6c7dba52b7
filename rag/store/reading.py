"""What readers and views ask for: passages, pages, and the store's generation.

A view is rebuilt so: read ``generation()``, then everything by ``iter_chunks`` and ``iter_vectors``, then
``changes_since`` that generation. Both iterate in short transactions, so chunks may come and go meanwhile:
a change may add what was seen already or delete what was not, and a view takes both calmly.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from rag.errors import AccessDenied
from rag.records import PAGE_BREAK, Change, Page, Scope, StoredChunk
from rag.store import codec
from rag.store.base import Room
from rag.store.codec import Vectors
from rag.store.schema import changes, chunks, documents, embedding_specs, pages, vectors

Ids = NDArray[np.int64]
_CHUNK_BATCH = 1000
_VECTOR_BATCH = 8192

_CHUNK_COLUMNS = (
    *chunks.c,
    documents.c.collection_id,
    documents.c.name.label("document"),
    documents.c.title,
    documents.c.page_kind,
    documents.c.about,
)
_Row = namedtuple("_Row", [column.name for column in _CHUNK_COLUMNS])  # type: ignore[misc]
_CHUNKS = chunks.join(documents, documents.c.id == chunks.c.document_id)

_VISIBLE = (
    sa.select(*_CHUNK_COLUMNS)
    .select_from(_CHUNKS.join(embedding_specs, embedding_specs.c.id == chunks.c.spec_id))
    .where(embedding_specs.c.active == 1)
    .order_by(chunks.c.document_id, chunks.c.ordinal)
)


class Reading(Room):
    """Mixed into Store."""

    def generation(self) -> int:
        """0 for a new store; grows with every change of what can be found."""
        with self._db.read() as connection:
            return int(connection.execute(sa.select(sa.func.max(changes.c.id))).scalar() or 0)

    def moment(self) -> tuple[int, str]:
        """The generation and when it came to be: another history of the library (a restored backup) has the
        same numbers at other times."""
        query = sa.select(changes.c.id, changes.c.created_at).order_by(changes.c.id.desc()).limit(1)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        return (0, "") if row is None else (int(row.id), row.created_at.isoformat())

    def changes_since(self, generation: int) -> list[Change] | None:
        """What a view of ``generation`` is to do, in order, to be at the generation of the last one; [] when
        it is up to date. Chunks that came and went since are left out of the additions. None: rebuild from
        all (another spec was activated, the history does not reach back, or the view is from elsewhere)."""
        with self._db.read() as connection:
            first, last = connection.execute(
                sa.select(sa.func.min(changes.c.id), sa.func.max(changes.c.id))
            ).one()
            if generation == (last or 0):
                return []
            if last is None or generation > last or generation < first - 1:
                return None
            rows = connection.execute(
                sa.select(changes).where(changes.c.id > generation).order_by(changes.c.id)
            ).all()
        if any(row.kind == "reset" for row in rows):
            return None
        found = [(row, json.loads(row.chunk_ids)) for row in rows]
        gone = {i for row, ids in found if row.kind == "delete" for i in ids}
        return [
            Change(
                row.id,
                row.kind,
                row.document_id,
                tuple(ids) if row.kind == "delete" else tuple(i for i in ids if i not in gone),
            )
            for row, ids in found
        ]

    def iter_chunks(self, spec_id: int, after_id: int = 0) -> Iterator[StoredChunk]:
        """Every chunk of a spec by ascending id. For views: it knows no scope."""
        query = sa.select(*_CHUNK_COLUMNS).select_from(_CHUNKS).where(chunks.c.spec_id == spec_id)
        while True:
            with self._db.read() as connection:
                rows = connection.execute(
                    query.where(chunks.c.id > after_id).order_by(chunks.c.id).limit(_CHUNK_BATCH)
                ).all()
            yield from map(_stored_chunk, rows)
            if len(rows) < _CHUNK_BATCH:
                return
            after_id = rows[-1].id

    def iter_vectors(self, spec_id: int, after_id: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        """Every vector of a spec by ascending chunk id, in batches: int64 of shape (n,) and float32 of shape
        (n, dimension), n > 0."""
        query = (
            sa.select(chunks.c.id, vectors.c.data)
            .join(vectors, vectors.c.chunk_id == chunks.c.id)
            .where(chunks.c.spec_id == spec_id)
        )
        while True:
            with self._db.read() as connection:
                rows = connection.execute(
                    query.where(chunks.c.id > after_id).order_by(chunks.c.id).limit(_VECTOR_BATCH)
                ).all()
            if not rows:
                return
            yield _matrix(rows)
            after_id = rows[-1].id

    def vectors(self, chunk_ids: Sequence[int]) -> tuple[Ids, Vectors]:
        """The vectors of these chunks in the order asked for, without those that are not there: int64 of
        shape (n,) and float32 of shape (n, dimension)."""
        query = sa.select(vectors.c.chunk_id.label("id"), vectors.c.data).where(
            self._db.among(vectors.c.chunk_id, chunk_ids)
        )
        with self._db.read() as connection:
            found = {row.id: row for row in connection.execute(query)}
        return _matrix([found[i] for i in chunk_ids if i in found])

    def passages(self, chunk_ids: Iterable[int], scope: Scope) -> dict[int, StoredChunk]:
        """Those of the chunks that are there now, belong to the active spec and lie inside ``scope``."""
        wanted = self._db.list_value(chunk_ids)
        inside = {"collections": self._db.list_value(scope.collection_ids)}
        if scope.document_ids is not None:
            inside["documents"] = self._db.list_value(scope.document_ids)
        rows = self._db.rows(self._passages(scope.document_ids is not None), chunks=wanted, **inside)
        return {row[0]: _stored_chunk(_Row(*row)) for row in rows}

    def _passages(self, by_document: bool) -> sa.Select[Any]:
        """The query behind :meth:`passages`, made once."""
        made: dict[bool, sa.Select[Any]] = self.__dict__.setdefault("_passage_queries", {})
        query = made.get(by_document)
        if query is None:
            db = self._db
            query = _VISIBLE.where(
                db.listed("chunks", chunks.c.id), db.listed("collections", documents.c.collection_id)
            )
            if by_document:
                query = query.where(db.listed("documents", documents.c.id))
            query = made.setdefault(by_document, query)
        return query

    def document_chunks(self, document_id: int, scope: Scope | None = None) -> list[StoredChunk]:
        """A document's chunks in reading order; [] outside the scope. Without ``scope`` the caller has
        authorised the document already."""
        return self._visible(scope, chunks.c.document_id == document_id)

    def page_chunks(self, document_id: int, number: int, scope: Scope | None = None) -> list[StoredChunk]:
        """The chunks that begin on page ``number`` (1-based), in reading order. Scope as in
        :meth:`document_chunks`."""
        return self._visible(
            scope, sa.and_(chunks.c.document_id == document_id, chunks.c.page_start == number)
        )

    def _visible(self, scope: Scope | None, which: sa.ColumnElement[bool]) -> list[StoredChunk]:
        query = _VISIBLE.where(which, sa.true() if scope is None else self._inside(scope))
        with self._db.read() as connection:
            return [_stored_chunk(row) for row in connection.execute(query)]

    def page(self, document_id: int, number: int, scope: Scope | None = None) -> Page:
        """Page ``number`` (1-based). Without ``scope`` the caller has authorised the document already.
        Raises AccessDenied when it is not there or outside the scope."""
        found = self._pages(document_id, scope, pages.c.number == number)
        if not found:
            raise AccessDenied("store.not_found")
        return found[0]

    def pages(self, document_id: int, scope: Scope | None = None) -> list[Page]:
        """In order; [] when not there, not ready or outside the scope. Without ``scope`` the caller has
        authorised the document already."""
        return self._pages(document_id, scope, sa.true())

    def document_text(self, document_id: int, scope: Scope | None = None) -> str:
        """The pages' texts joined by a form feed: what chunks' character offsets index into."""
        query = self._pages_query(sa.select(pages.c.text), document_id, scope)
        with self._db.read() as connection:
            return PAGE_BREAK.join(connection.execute(query).scalars())

    def _pages(self, document_id: int, scope: Scope | None, which: sa.ColumnElement[bool]) -> list[Page]:
        query = self._pages_query(sa.select(pages), document_id, scope).where(which)
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [codec.load_page(r.number, r.text, r.width_pt, r.height_pt, r.geometry) for r in rows]

    def _pages_query(self, query: sa.Select[Any], document_id: int, scope: Scope | None) -> sa.Select[Any]:
        query = query.where(pages.c.document_id == document_id).order_by(pages.c.number)
        if scope is not None:
            query = query.join(documents, documents.c.id == pages.c.document_id).where(self._inside(scope))
        return query


def _matrix(rows: Sequence[Any]) -> tuple[Ids, Vectors]:
    ids = np.fromiter((row.id for row in rows), dtype=np.int64, count=len(rows))
    return ids, codec.load_vectors([row.data for row in rows])


def _stored_chunk(row: Any) -> StoredChunk:
    return StoredChunk(
        id=row.id,
        document_id=row.document_id,
        collection_id=row.collection_id,
        document=row.document,
        title=row.title,
        page_kind=row.page_kind,
        ordinal=row.ordinal,
        text=row.text,
        page_start=row.page_start,
        page_end=row.page_end,
        char_start=row.char_start,
        char_end=row.char_end,
        section_path=codec.load_strings(row.section_path),
        table_header=row.table_header,
        boxes=codec.load_boxes(row.boxes),
        token_count=row.token_count,
        language=row.language,
        page_type=row.page_type,
        about=codec.load_about(row.about),
    )
