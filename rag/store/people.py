"""People: users, browser sessions, who belongs to which collection, API tokens, wrong passwords lately.

Promises: secrets (of sessions and tokens) are kept as SHA-256 only, passwords as the hash that they come in;
a user who is switched off, or gets another password, loses every session in the same transaction; there is
always an active admin; an attempt to sign in is counted before its password is looked at, so that many at
once count as many. Who may call what is decided above.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import AccessDenied, PeopleError
from rag.records import ApiToken, Collection, Member, Right, User
from rag.store import codec
from rag.store.base import Room
from rag.store.schema import (
    api_tokens,
    collections,
    documents,
    memberships,
    sessions,
    sign_in_failures,
    users,
)

USED_AT_STEP_S = 60.0
"""A token's last use is written at most this often, seconds."""


class People(Room):
    """Mixed into Store."""

    # ---------------------------------------------------------------- users

    def add_user(
        self,
        name: str,
        *,
        shown_name: str = "",
        password_hash: str = "",
        roles: Iterable[str],
        must_change_password: bool = False,
        oidc_subject: str | None = None,
        user_id: str | None = None,
        only_first: bool = False,
    ) -> User | None:
        """A new user. None: the name (or the provider's subject) is taken, or with ``only_first`` there is
        somebody already."""
        with self._db.write() as connection:
            if only_first and connection.execute(_NOBODY_YET).first() is not None:
                return None
            key = user_id or uuid.uuid4().hex
            added = connection.execute(
                self._db.insert_if_absent(users)
                .values(
                    id=key,
                    name=codec.clean(name),
                    shown_name=codec.clean(shown_name),
                    password_hash=password_hash,
                    oidc_subject=oidc_subject,
                    roles=codec.dump(sorted(roles)),
                    active=True,
                    must_change_password=must_change_password,
                    created_at=datetime.now(UTC),
                )
                .returning(users.c.id)
            ).scalar()
            return None if added is None else _user(_load(connection, key))

    def users(self) -> list[User]:
        """By name, switched-off ones too. Without the laptop's local user."""
        query = sa.select(users).where(users.c.id != LOCAL_ID).order_by(users.c.name)
        with self._db.read() as connection:
            return [_user(row) for row in connection.execute(query)]

    def user(self, user_id: str) -> User:
        """Raises AccessDenied: not there."""
        with self._db.read() as connection:
            return _user(_load(connection, user_id))

    def find_user(self, *, name: str | None = None, oidc_subject: str | None = None) -> User | None:
        """By the name or by the provider's subject."""
        column, value = (users.c.name, name) if name is not None else (users.c.oidc_subject, oidc_subject)
        with self._db.read() as connection:
            row = connection.execute(sa.select(users).where(column == value)).one_or_none()
        return None if row is None else _user(row)

    def password_hash(self, user_id: str) -> str:
        """ "" for people without a password here. Raises AccessDenied: not there."""
        with self._db.read() as connection:
            return str(_load(connection, user_id).password_hash)

    def set_password(self, user_id: str, password_hash: str, *, must_change: bool, keep: str = "") -> User:
        """Ends the user's sessions, but for the one of the secret ``keep``. Raises AccessDenied."""
        with self._db.write() as connection:
            _load(connection, user_id)
            _change(connection, user_id, password_hash=password_hash, must_change_password=must_change)
            connection.execute(
                sa.delete(sessions).where(
                    sessions.c.user_id == user_id, sessions.c.token_sha256 != sha256(keep)
                )
            )
            return _user(_load(connection, user_id))

    def rehash_password(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """The same password under newer parameters; nothing ends."""
        with self._db.write(shared=True) as connection:
            connection.execute(
                sa.update(users)
                .where(users.c.id == user_id, users.c.password_hash == old_hash)
                .values(password_hash=new_hash)
            )

    def set_roles(self, user_id: str, roles: Iterable[str]) -> User:
        """Raises AccessDenied (not there), PeopleError ("people.last_admin")."""
        with self._db.write() as connection:
            before = _user(_load(connection, user_id))
            _change(connection, user_id, roles=codec.dump(sorted(roles)))
            _keep_an_admin(connection, before)
            return _user(_load(connection, user_id))

    def set_active(self, user_id: str, active: bool) -> User:
        """Switching off ends the user's sessions; their tokens are refused while they are off. Raises
        AccessDenied (not there), PeopleError ("people.last_admin")."""
        with self._db.write() as connection:
            before = _user(_load(connection, user_id))
            _change(connection, user_id, active=active)
            if not active:
                connection.execute(sa.delete(sessions).where(sessions.c.user_id == user_id))
            _keep_an_admin(connection, before)
            return _user(_load(connection, user_id))

    def bind_subject(self, user_id: str, oidc_subject: str) -> None:
        """An account that an admin prepared belongs to that person at the provider from now on."""
        with self._db.write() as connection:
            connection.execute(
                sa.update(users)
                .where(users.c.id == user_id, users.c.oidc_subject.is_(None))
                .values(oidc_subject=oidc_subject)
            )

    def note_sign_in(self, user_id: str) -> None:
        with self._db.write(shared=True) as connection:
            _change(connection, user_id, signed_in_at=datetime.now(UTC))

    # ---------------------------------------------------------------- wrong passwords lately

    def admit_attempt(self, keys: Mapping[str, Callable[[int], float]], forget_s: float) -> float:
        """Counts an attempt under every key and returns 0.0, or changes nothing and returns the seconds to
        wait. Each key comes with its delay in seconds after so many failures; failures are forgotten after
        ``forget_s`` seconds without a new one."""
        hashed = {sha256(key): delay for key, delay in keys.items()}
        with self._db.write() as connection:
            now = self._db.now(connection)
            connection.execute(sa.delete(sign_in_failures).where(sign_in_failures.c.last_at < now - forget_s))
            rows = connection.execute(
                sa.select(sign_in_failures).where(self._db.among_texts(sign_in_failures.c.key_sha256, hashed))
            ).all()
            known = {row.key_sha256: row for row in rows}
            wait = max(
                (row.last_at + hashed[key](row.failures) - now for key, row in known.items()), default=0.0
            )
            if wait > 0:
                return float(wait)
            for key in hashed:
                row = known.get(key)
                if row is None:
                    connection.execute(
                        sa.insert(sign_in_failures).values(key_sha256=key, failures=1, last_at=now)
                    )
                else:
                    connection.execute(
                        sa.update(sign_in_failures)
                        .where(sign_in_failures.c.key_sha256 == key)
                        .values(failures=row.failures + 1, last_at=now)
                    )
        return 0.0

    def forgive_attempt(self, *, forget: str, lessen: str) -> None:
        """The attempt was right: ``forget`` starts anew, ``lessen`` loses the one that was counted (somebody
        with an account of their own does not clear what they did to others')."""
        with self._db.write() as connection:
            connection.execute(
                sa.delete(sign_in_failures).where(sign_in_failures.c.key_sha256 == sha256(forget))
            )
            connection.execute(
                sa.update(sign_in_failures)
                .where(sign_in_failures.c.key_sha256 == sha256(lessen), sign_in_failures.c.failures > 0)
                .values(failures=sign_in_failures.c.failures - 1)
            )

    # ---------------------------------------------------------------- sessions

    def add_session(self, user_id: str, secret: str, hours: float) -> datetime:
        """Returns when it ends. Sessions that have ended are swept. Raises AccessDenied when the user is
        switched off by now."""
        now = datetime.now(UTC)
        with self._db.write() as connection:
            if not _load(connection, user_id).active:
                raise AccessDenied("access.sign_in")
            connection.execute(sa.delete(sessions).where(sessions.c.expires_at < now))
            expires_at = now + timedelta(hours=hours)
            connection.execute(
                sa.insert(sessions).values(
                    token_sha256=sha256(secret), user_id=user_id, created_at=now, expires_at=expires_at
                )
            )
        return expires_at

    def session_user(self, secret: str) -> User | None:
        """Whose session that is; None when there is none, when it has ended or its user is switched off."""
        query = (
            sa.select(users)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(
                sessions.c.token_sha256 == sha256(secret),
                sessions.c.expires_at > datetime.now(UTC),
                users.c.active,
            )
        )
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _user(row)

    def delete_session(self, secret: str) -> None:
        with self._db.write(shared=True) as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.token_sha256 == sha256(secret)))

    # ---------------------------------------------------------------- collections and their members

    def member_collections(self, user_id: str, *, may_write: bool = False) -> list[Collection]:
        """By name: what the user, if switched on, may read (or write into)."""
        query = (
            sa.select(collections.c.id, collections.c.name)
            .join(memberships, memberships.c.collection_id == collections.c.id)
            .join(users, users.c.id == memberships.c.user_id)
            .where(users.c.id == user_id, users.c.active)
            .order_by(collections.c.name)
        )
        if may_write:
            query = query.where(memberships.c.may_write)
        with self._db.read() as connection:
            return [Collection(row.id, row.name) for row in connection.execute(query)]

    def members(self, collection_ids: Iterable[int] | None = None) -> list[Member]:
        """Of these collections (None: of all), by collection and name."""
        query = (
            sa.select(memberships, users.c.name)
            .join(users, users.c.id == memberships.c.user_id)
            .order_by(memberships.c.collection_id, users.c.name)
        )
        if collection_ids is not None:
            query = query.where(self._db.among(memberships.c.collection_id, collection_ids))
        with self._db.read() as connection:
            return [
                Member(row.collection_id, row.user_id, row.name, row.may_write)
                for row in connection.execute(query)
            ]

    def set_member(self, collection_id: int, user_id: str, may_write: bool) -> None:
        """Raises AccessDenied when the user or the collection is not there."""
        with self._db.write() as connection:
            _load(connection, user_id)
            _collection(connection, collection_id)
            connection.execute(
                sa.delete(memberships).where(
                    memberships.c.collection_id == collection_id, memberships.c.user_id == user_id
                )
            )
            connection.execute(
                sa.insert(memberships).values(
                    collection_id=collection_id, user_id=user_id, may_write=may_write
                )
            )

    def remove_member(self, collection_id: int, user_id: str) -> bool:
        """False: was none."""
        with self._db.write() as connection:
            removed = connection.execute(
                sa.delete(memberships).where(
                    memberships.c.collection_id == collection_id, memberships.c.user_id == user_id
                )
            )
        return bool(removed.rowcount)

    def add_collection(self, name: str) -> Collection:
        """Raises PeopleError ("people.collection_there")."""
        with self._db.write() as connection:
            added = connection.execute(
                self._db.insert_if_absent(collections)
                .values(name=codec.clean(name), created_at=datetime.now(UTC))
                .returning(collections.c.id)
            ).scalar()
        if added is None:
            raise PeopleError("people.collection_there", name=name)
        return Collection(added, codec.clean(name))

    def rename_collection(self, collection_id: int, name: str) -> Collection:
        """Raises AccessDenied (not there), PeopleError ("people.collection_there")."""
        name = codec.clean(name)
        with self._db.write() as connection:
            _collection(connection, collection_id)
            other = sa.select(collections.c.id).where(
                collections.c.name == name, collections.c.id != collection_id
            )
            if connection.execute(other).first() is not None:
                raise PeopleError("people.collection_there", name=name)
            connection.execute(
                sa.update(collections).where(collections.c.id == collection_id).values(name=name)
            )
        return Collection(collection_id, name)

    def delete_collection(self, collection_id: int) -> None:
        """Only an empty one. Raises AccessDenied (not there), PeopleError ("people.collection_full")."""
        with self._db.write() as connection:
            name = _collection(connection, collection_id)
            inside = connection.execute(
                sa.select(sa.func.count()).where(documents.c.collection_id == collection_id)
            ).scalar_one()
            if inside:
                raise PeopleError("people.collection_full", name=name, count=inside)
            connection.execute(sa.delete(collections).where(collections.c.id == collection_id))

    # ---------------------------------------------------------------- API tokens

    def add_token(
        self,
        user_id: str,
        name: str,
        secret: str,
        *,
        prefix: str,
        rights: Iterable[Right],
        collection_ids: Iterable[int] | None,
        expires_at: datetime | None,
    ) -> ApiToken:
        """Raises AccessDenied when the user is not there or switched off."""
        with self._db.write() as connection:
            if not _load(connection, user_id).active:
                raise AccessDenied("store.not_found")
            key = connection.execute(
                sa.insert(api_tokens)
                .values(
                    user_id=user_id,
                    name=codec.clean(name),
                    token_sha256=sha256(secret),
                    prefix=prefix,
                    rights=codec.dump(sorted(rights)),
                    collections=None if collection_ids is None else codec.dump(sorted(collection_ids)),
                    created_at=datetime.now(UTC),
                    expires_at=expires_at,
                )
                .returning(api_tokens.c.id)
            ).scalar_one()
            return _token(connection.execute(sa.select(api_tokens).where(api_tokens.c.id == key)).one())

    def api_tokens(self, user_id: str | None = None) -> list[ApiToken]:
        """Newest first: one user's or everybody's, revoked ones too."""
        query = sa.select(api_tokens).order_by(api_tokens.c.id.desc())
        if user_id is not None:
            query = query.where(api_tokens.c.user_id == user_id)
        with self._db.read() as connection:
            return [_token(row) for row in connection.execute(query)]

    def token_user(self, secret: str) -> tuple[ApiToken, User] | None:
        """The token of that secret and its owner; None when there is none, when it is revoked or expired, or
        its owner is switched off. Notes that it was used."""
        now = datetime.now(UTC)
        query = sa.select(api_tokens).where(api_tokens.c.token_sha256 == sha256(secret))
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or row.revoked_at is not None:
                return None
            if row.expires_at is not None and row.expires_at <= now:
                return None
            user = _user(_load(connection, row.user_id))
        if not user.active:
            return None
        if row.used_at is None or (now - row.used_at).total_seconds() >= USED_AT_STEP_S:
            with self._db.write(shared=True) as connection:
                connection.execute(sa.update(api_tokens).where(api_tokens.c.id == row.id).values(used_at=now))
        return _token(row), user

    def revoke_token(self, token_id: int, user_id: str | None = None) -> ApiToken:
        """Given ``user_id``, only that user's. Raises AccessDenied: not there, or not theirs."""
        query = sa.select(api_tokens).where(api_tokens.c.id == token_id)
        if user_id is not None:
            query = query.where(api_tokens.c.user_id == user_id)
        with self._db.write(shared=True) as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise AccessDenied("store.not_found")
            if row.revoked_at is None:
                connection.execute(
                    sa.update(api_tokens)
                    .where(api_tokens.c.id == token_id)
                    .values(revoked_at=datetime.now(UTC))
                )
            return _token(connection.execute(query).one())


LOCAL_ID = "local"
_NOBODY_YET = sa.select(users.c.id).where(users.c.id != LOCAL_ID).limit(1)


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _load(connection: Connection, user_id: str) -> Any:
    row = connection.execute(sa.select(users).where(users.c.id == user_id)).one_or_none()
    if row is None:
        raise AccessDenied("store.not_found")
    return row


def _change(connection: Connection, user_id: str, **values: Any) -> None:
    connection.execute(sa.update(users).where(users.c.id == user_id).values(**values))


def _keep_an_admin(connection: Connection, before: User) -> None:
    """After a change of somebody who was an active admin, there is one still."""
    if not before.active or "admin" not in before.roles:
        return
    query = sa.select(users.c.roles).where(users.c.active, users.c.id != LOCAL_ID)
    if not any("admin" in codec.load_strings(row.roles) for row in connection.execute(query)):
        raise PeopleError("people.last_admin")


def _collection(connection: Connection, collection_id: int) -> str:
    name = connection.execute(sa.select(collections.c.name).where(collections.c.id == collection_id)).scalar()
    if name is None:
        raise AccessDenied("store.not_found")
    return str(name)


def _user(row: Any) -> User:
    return User(
        id=row.id,
        name=row.name,
        shown_name=row.shown_name,
        roles=frozenset(codec.load_strings(row.roles)),
        active=row.active,
        must_change_password=row.must_change_password,
        through_oidc=not row.password_hash,
        created_at=row.created_at,
        signed_in_at=row.signed_in_at,
    )


def _token(row: Any) -> ApiToken:
    ids: Sequence[int] | None = None if row.collections is None else json.loads(row.collections)
    return ApiToken(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        prefix=row.prefix,
        rights=frozenset(json.loads(row.rights)),
        collection_ids=None if ids is None else frozenset(ids),
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
