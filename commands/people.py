"""``wenju users``, ``wenju collections``, ``wenju tokens``: who may come in, what they see, their API tokens.

Whoever has the command line on this machine has the data too, and acts as an admin. Passwords and secrets go
to stdout alone, so that they can be piped; everything else to stderr.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from commands.console import console, emit, printable, say, text

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Right


def list_users(engine: Engine, *, as_json: bool) -> None:
    users = engine.users()
    if as_json:
        for user in users:
            emit(
                {
                    "id": user.id,
                    "name": user.name,
                    "full_name": user.shown_name,
                    "roles": sorted(user.roles),
                    "active": user.active,
                    "oidc": user.through_oidc,
                    "signed_in_at": user.signed_in_at.isoformat() if user.signed_in_at else None,
                }
            )
        return
    if not users:
        say(text("cli.users.none"))
        return
    rows = [
        (
            printable(user.name),
            printable(user.shown_name),
            ", ".join(sorted(user.roles)),
            text("cli.users.active" if user.active else "cli.users.off"),
            f"{user.signed_in_at:%Y-%m-%d %H:%M}" if user.signed_in_at else "-",
        )
        for user in users
    ]
    _table(("name", "full_name", "roles", "state", "signed_in"), rows)


def add_user(engine: Engine, name: str, *, roles: Sequence[str], shown_name: str, oidc: bool) -> None:
    user, once = engine.create_user(name, roles=roles, shown_name=shown_name, through_oidc=oidc)
    say(text("cli.users.added", name=printable(user.name), roles=", ".join(sorted(user.roles))))
    _print_once(once)


def set_roles(engine: Engine, name: str, roles: Sequence[str]) -> None:
    user = engine.set_roles(engine.find_user(name).id, roles)
    say(text("cli.users.roles_set", name=printable(user.name), roles=", ".join(sorted(user.roles))))


def set_active(engine: Engine, name: str, active: bool) -> None:
    user = engine.set_active(engine.find_user(name).id, active)
    say(text("cli.users.is_on" if active else "cli.users.is_off", name=printable(user.name)))


def reset_password(engine: Engine, name: str) -> None:
    _print_once(engine.reset_password(engine.find_user(name).id))


def _print_once(once: str) -> None:
    if once:
        say(text("cli.users.once"))
        print(once)


def list_collections(engine: Engine, *, as_json: bool) -> None:
    counts: dict[int, int] = {}
    for document in engine.documents():
        counts[document.collection_id] = counts.get(document.collection_id, 0) + 1
    members = engine.members()
    rows = []
    for collection in engine.collections():
        of_it = [m for m in members if m.collection_id == collection.id]
        readers = [m.name for m in of_it if not m.may_write]
        writers = [m.name for m in of_it if m.may_write]
        count = counts.get(collection.id, 0)
        if as_json:
            emit(
                {
                    "id": collection.id,
                    "name": collection.name,
                    "documents": count,
                    "readers": readers,
                    "writers": writers,
                }
            )
            continue
        names = (printable(", ".join(who)) or "-" for who in (readers, writers))
        rows.append((printable(collection.name), str(count), *names))
    if not as_json:
        _table(("collection", "documents", "readers", "writers"), rows)


def add_collection(engine: Engine, name: str) -> None:
    made = engine.create_collection(name)
    say(text("cli.collections.added", name=printable(made.name)))


def share(engine: Engine, collection: str, user: str, *, may_write: bool) -> None:
    who, where = engine.find_user(user), engine.find_collection(collection)
    engine.share_collection(where.id, who.id, may_write=may_write)
    code = "cli.collections.shared_write" if may_write else "cli.collections.shared"
    say(text(code, name=printable(who.name), collection=printable(where.name)))


def unshare(engine: Engine, collection: str, user: str) -> None:
    who, where = engine.find_user(user), engine.find_collection(collection)
    engine.unshare_collection(where.id, who.id)
    say(text("cli.collections.unshared", name=printable(who.name), collection=printable(where.name)))


def list_tokens(engine: Engine, *, as_json: bool) -> None:
    tokens = engine.tokens(everybody=True)
    names = {user.id: user.name for user in engine.users()}
    rows = []
    for token in tokens:
        owner = names.get(token.user_id, token.user_id)
        if as_json:
            emit(
                {
                    "id": token.id,
                    "user": owner,
                    "name": token.name,
                    "prefix": token.prefix,
                    "rights": sorted(token.rights),
                    "collections": None if token.collection_ids is None else sorted(token.collection_ids),
                    "expires_at": token.expires_at.isoformat() if token.expires_at else None,
                    "used_at": token.used_at.isoformat() if token.used_at else None,
                    "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
                }
            )
            continue
        ended = token.expires_at is not None and token.expires_at <= datetime.now(UTC)
        state = "revoked" if token.revoked_at else "expired" if ended else "good"
        rows.append(
            (
                str(token.id),
                printable(owner),
                printable(token.name),
                f"{token.prefix}…",
                ", ".join(sorted(token.rights)),
                text(f"cli.tokens.{state}"),
            )
        )
    if not as_json:
        if rows:
            _table(("number", "user", "name", "prefix", "rights", "state"), rows)
        else:
            say(text("cli.tokens.none"))


def create_token(
    engine: Engine,
    name: str,
    *,
    rights: Sequence[str],
    collections: Sequence[str] | None,
    days: int | None,
    user: str | None,
) -> None:
    """The secret is the one line of stdout."""
    from rag.access import LOCAL

    token, secret = engine.create_token(
        LOCAL,
        name,
        rights=cast("Sequence[Right]", rights),
        collection_ids=[engine.find_collection(c).id for c in collections] if collections else None,
        expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        user_id=engine.find_user(user).id if user else None,
    )
    say(text("cli.tokens.created", id=token.id))
    print(secret)


def revoke_token(engine: Engine, token_id: int) -> None:
    engine.revoke_token(token_id)
    say(text("cli.tokens.is_revoked", id=token_id))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(text(f"cli.people.{column}"))
    for row in rows:
        table.add_row(*row)
    console(stderr=False).print(table)
