"""What documents are about: noted when they are read, set by people, kept through re-reading.

An edit moves the generation with a change of its own ("edit"): every view names documents anew and the
lexical index takes the document's chunks with their new heads; pages, chunk texts and vectors stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from rag.errors import AccessDenied
from rag.records import About, Document
from rag.store import codec
from rag.store.documents import Documents, update
from rag.store.schema import chunks, documents, embedding_specs


class Abouts(Documents):
    """Mixed into Store."""

    def document_metadata(self, document_id: int) -> Mapping[str, str]:
        """What the file's own information said; empty for a document that is not there."""
        query = sa.select(documents.c.metadata_json).where(documents.c.id == document_id)
        with self._db.read() as connection:
            found = connection.execute(query).scalar()
        return codec.load_mapping(found) if found else {}

    def note_about(self, document_id: int, about: About) -> Document | None:
        """What reading the document says it is about, but for the fields that a person has set; the
        document as it is then. None: it is gone. Moves no generation: whoever reads documents anew also
        indexes them anew."""
        with self._db.write() as connection:
            if (
                connection.execute(sa.select(documents.c.id).where(documents.c.id == document_id)).first()
                is None
            ):
                return None
            document = self._load(connection, document_id)
            edited = {f: getattr(document.about, f) for f in document.about_edited if f != "title"}
            update(connection, document_id, about=codec.dump_about(replace(about, **edited)))
            return self._load(connection, document_id)

    def edit_about(self, document_id: int, title: str | None, values: Mapping[str, Any]) -> Document:
        """Sets fields of ``about`` (and the title) to what a person says, for good. Raises AccessDenied when
        the document is not there. Nothing changes, and no generation moves, when all is so already."""
        with self._db.write() as connection:
            if (
                connection.execute(sa.select(documents.c.id).where(documents.c.id == document_id)).first()
                is None
            ):
                raise AccessDenied("store.not_found")
            document = self._load(connection, document_id)
            changed = {k: v for k, v in values.items() if getattr(document.about, k) != v}
            fields = list(changed)
            about = replace(document.about, **changed)
            row: dict[str, Any] = {"about": codec.dump_about(about)}
            if title is not None and title != document.title:
                row["title"] = codec.clean(title)
                fields.append("title")
            if not fields:
                return document
            row["about_edited"] = codec.dump(sorted({*document.about_edited, *fields}))
            update(connection, document_id, **row)
            ids = connection.execute(
                sa.select(chunks.c.id)
                .join(embedding_specs, embedding_specs.c.id == chunks.c.spec_id)
                .where(chunks.c.document_id == document_id, embedding_specs.c.active == 1)
                .order_by(chunks.c.id)
            ).scalars()
            self._note_change(connection, "edit", document_id, list(ids))
            return self._load(connection, document_id)
