"""Terms that admins add for a collection: kept in the store, used for questions whose scope has it.

Promises: only admins change or list them; a term is checked before it is kept; a question uses those of the
collections in its scope and no others; a change counts within ``STALE_S`` seconds in every process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.access import require_role
from rag.errors import AccessDenied, TermError
from rag.records import Collection, OwnTerm, Principal, Scope
from rag.vocabulary.additions import InvalidTerm, Term, make_term, read_terms

if TYPE_CHECKING:
    from rag.store import Store

STALE_S = 2.0
_KEPT_SCOPES = 64


@dataclass(frozen=True, slots=True)
class Imported:
    """``added``: terms that were new; ``problems``: (line, what is wrong) of every bad row."""

    added: int
    problems: tuple[tuple[int, TermError], ...]


class OwnTermLibrary:
    """Thread-safe; one for each store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[frozenset[int], tuple[float, tuple[Term, ...]]] = {}

    def terms(self, scope: Scope) -> tuple[Term, ...]:
        """For questions in ``scope``. Raises StoreError."""
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(scope.collection_ids)
        if kept is not None and now - kept[0] < STALE_S:
            return kept[1]
        rows = self._store.own_terms(scope.collection_ids)
        found = tuple(make_term(row.names[0], row.names[1:]) for row in rows)
        with self._lock:
            if len(self._kept) >= _KEPT_SCOPES:
                self._kept.clear()
            self._kept[scope.collection_ids] = (now, found)
        return found

    def listed(self, principal: Principal, collections: Sequence[Collection]) -> list[OwnTerm]:
        """Raises AccessDenied."""
        require_role(principal, "admin")
        return self._store.own_terms(c.id for c in collections)

    def add(
        self, principal: Principal, collection: Collection, term: str, synonyms: Sequence[str]
    ) -> OwnTerm:
        """Raises AccessDenied, TermError (also for a term that is there already)."""
        require_role(principal, "admin")
        try:
            made = make_term(term, synonyms)
        except InvalidTerm as error:
            raise TermError(error.code, **error.params) from error
        if not self._store.add_terms(collection.id, [made], principal.name):
            raise TermError("vocabulary.there", name=made.text)
        self._forget()
        return self._store.own_terms([collection.id])[-1]

    def import_text(self, principal: Principal, collection: Collection, text: str) -> Imported:
        """The good rows of a CSV text are kept, the bad ones told. Raises AccessDenied."""
        require_role(principal, "admin")
        good, bad = read_terms(text)
        added = self._store.add_terms(collection.id, good, principal.name) if good else 0
        self._forget()
        return Imported(added, tuple((line, TermError(e.code, **e.params)) for line, e in bad))

    def remove(self, principal: Principal, collections: Sequence[Collection], term_id: int) -> None:
        """Raises AccessDenied, also when there is none."""
        require_role(principal, "admin")
        if not self._store.remove_term(term_id, [c.id for c in collections]):
            raise AccessDenied("store.not_found")
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._kept.clear()
