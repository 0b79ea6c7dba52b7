"""Who may do what. Every read and write takes a principal; no scope means nothing.

Roles give rights: an analyst reads, asks, rates and writes into the collections that they are members of with
that permission; an evaluator also evaluates; an admin may everything, everywhere. A principal's own
``rights`` (an API token's) narrow that and never widen it, so that an admin's token without the right "admin"
is no admin's. These functions are the only place where roles and rights are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from rag.errors import AccessDenied
from rag.records import Collection, Principal, Right, Scope

LOCAL = Principal(user_id="local", name="local", roles=frozenset({"admin", "evaluator", "analyst"}))
"""The one user of a laptop without accounts, and whoever has the command line on the machine itself."""

NOTHING = Scope(collection_ids=frozenset())

RIGHTS: tuple[Right, ...] = get_args(Right)

RIGHTS_OF_ROLES: Mapping[str, frozenset[Right]] = {
    "analyst": frozenset({"read", "ask", "write", "feedback"}),
    "evaluator": frozenset({"read", "ask", "write", "feedback", "evaluate"}),
    "admin": frozenset(RIGHTS),
}
ROLES: tuple[str, ...] = tuple(RIGHTS_OF_ROLES)

_RIGHT_OF_ROLE: Mapping[str, Right] = {"analyst": "read", "evaluator": "evaluate", "admin": "admin"}


def rights(principal: Principal) -> frozenset[Right]:
    """What the roles give, narrowed to the principal's own rights."""
    given: frozenset[Right] = frozenset().union(
        *(RIGHTS_OF_ROLES.get(role, frozenset()) for role in principal.roles)
    )
    return given if principal.rights is None else given & principal.rights


def is_admin(principal: Principal) -> bool:
    """Whether it may do what only admins may."""
    return "admin" in rights(principal)


def may_evaluate(principal: Principal) -> bool:
    """Whether datasets, runs and other people's feedback are open to it."""
    return "evaluate" in rights(principal)


def reads_everything(principal: Principal) -> bool:
    """Whether it needs no membership: an admin, also one who came in with a narrower token."""
    return "admin" in principal.roles


def require_right(principal: Principal, *wanted: Right) -> None:
    """Raises AccessDenied unless ``principal`` has all of these rights: "access.needs_right" when only its
    token lacks one, else "access.needs_role"."""
    missing = [right for right in wanted if right not in rights(principal)]
    if not missing:
        return
    by_role = rights(Principal(principal.user_id, principal.name, principal.roles))
    if set(missing) <= by_role:
        raise AccessDenied("access.needs_right", rights=", ".join(missing))
    roles = [role for role in ROLES if set(wanted) <= RIGHTS_OF_ROLES[role]]
    raise AccessDenied("access.needs_role", roles=" / ".join(roles))


def require_role(principal: Principal, *roles: str) -> None:
    """Raises AccessDenied unless ``principal`` may do what one of ``roles`` is for."""
    if any(_RIGHT_OF_ROLE[role] in rights(principal) for role in roles):
        return
    if principal.rights is not None and principal.roles & set(roles):
        raise AccessDenied("access.needs_right", rights=", ".join(_RIGHT_OF_ROLE[role] for role in roles))
    raise AccessDenied("access.needs_role", roles=" / ".join(roles))


def readable_scope(
    principal: Principal, collections: Iterable[Collection], document_ids: Iterable[int] | None = None
) -> Scope:
    """The scope of what ``principal`` may read among ``collections``. A principal without the right to read
    reads nothing."""
    if not rights(principal) & {"read", "ask"}:
        return NOTHING
    return Scope(
        collection_ids=frozenset(c.id for c in collections),
        document_ids=None if document_ids is None else frozenset(document_ids),
    )
