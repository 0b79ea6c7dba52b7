"""Who may read what. Every read takes a principal; no scope means nothing."""

from __future__ import annotations

from collections.abc import Iterable

from rag.errors import AccessDenied
from rag.records import Collection, Principal, Scope

LOCAL = Principal(user_id="local", name="local", roles=frozenset({"admin", "evaluator", "analyst"}))
"""The one user of a laptop without accounts."""

NOTHING = Scope(collection_ids=frozenset())


def require_role(principal: Principal, *roles: str) -> None:
    """Raises AccessDenied unless ``principal`` has one of ``roles``."""
    if not principal.roles & set(roles):
        raise AccessDenied("access.needs_role", roles=" / ".join(roles))


def readable_scope(
    principal: Principal, collections: Iterable[Collection], document_ids: Iterable[int] | None = None
) -> Scope:
    """The scope of what ``principal`` may read among ``collections``. A principal without a role reads
    nothing."""
    if not principal.roles:
        return NOTHING
    return Scope(
        collection_ids=frozenset(c.id for c in collections),
        document_ids=None if document_ids is None else frozenset(document_ids),
    )
