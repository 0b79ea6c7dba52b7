"""Terms that admins add to the vocabulary of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from rag.records import OwnTerm
from rag.store import codec
from rag.store.base import Room
from rag.store.schema import vocabulary
from rag.vocabulary.additions import InvalidTerm, Term, term_from_json, term_to_json


class OwnTerms(Room):
    """Mixed into Store."""

    def add_terms(self, collection_id: int, terms: Sequence[Term], created_by: str) -> int:
        """Adds the terms that the collection does not have yet, in one transaction; how many."""
        new = {term_to_json(term): None for term in terms}
        with self._db.write(shared=True) as connection:
            there = set(
                connection.execute(
                    sa.select(vocabulary.c.entry).where(vocabulary.c.collection_id == collection_id)
                ).scalars()
            )
            rows = [
                {
                    "collection_id": collection_id,
                    "entry": codec.clean(entry),
                    "created_by": codec.clean(created_by),
                    "created_at": datetime.now(UTC),
                }
                for entry in new
                if entry not in there
            ]
            if rows:
                connection.execute(sa.insert(vocabulary), rows)
        return len(rows)

    def own_terms(self, collection_ids: Iterable[int]) -> list[OwnTerm]:
        """The terms of these collections, oldest first. What cannot be read (written by something else) is
        left out."""
        query = (
            sa.select(vocabulary)
            .where(vocabulary.c.collection_id.in_(sorted(collection_ids)))
            .order_by(vocabulary.c.id)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        found = []
        for row in rows:
            try:
                term = term_from_json(row.entry)
            except InvalidTerm:
                continue
            names = tuple(name.text for name in term.names)
            found.append(OwnTerm(row.id, row.collection_id, names, row.created_by, row.created_at))
        return found

    def remove_term(self, term_id: int, collection_ids: Iterable[int]) -> bool:
        """False when there is none of that number in these collections."""
        query = sa.delete(vocabulary).where(
            vocabulary.c.id == term_id, vocabulary.c.collection_id.in_(sorted(collection_ids))
        )
        with self._db.write(shared=True) as connection:
            return bool(connection.execute(query).rowcount)
