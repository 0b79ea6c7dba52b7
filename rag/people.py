"""What the Engine offers around people: accounts, signing in, collections and their members, API tokens.

Promises: an unknown name, a wrong password and a switched-off account are one message after one amount of
work; attempts are slowed by name and by where they come from; an account that is switched off has no session
and no token from that moment; nobody gives away more than they have; there is always an active admin. With
``accounts.mode = "off"`` there is one local user, and nobody needs any of this.
"""

from __future__ import annotations

import math
import secrets
import unicodedata
from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rag import passwords
from rag.access import LOCAL, RIGHTS, ROLES, is_admin, require_right
from rag.errors import AccessDenied, PeopleError
from rag.oidc import matches, subject_of
from rag.records import ApiToken, Collection, Document, Member, Principal, Right, User
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.store import Store

FIRST_ADMIN = "admin"
TOKEN_START = "wj_"
NAME_CHARS = 80
FREE_BY_NAME, FREE_BY_SOURCE = 5, 30  # wrong passwords before the waiting begins
LONGEST_WAIT_S, FORGET_S = 300.0, 3600.0


class People:
    """Mixed into Engine."""

    settings: Settings
    store: Store

    if TYPE_CHECKING:  # the Engine's own

        def collections(self, principal: Principal = LOCAL) -> list[Collection]: ...
        def delete_document(self, document_id: int, principal: Principal = LOCAL) -> None: ...
        def documents(self, principal: Principal = LOCAL) -> list[Document]: ...

    def accounts_on(self) -> bool:
        """Whether people sign in; otherwise whoever reaches the page is :data:`rag.access.LOCAL`."""
        return self.settings.accounts.mode == "on"

    # ---------------------------------------------------------------- signing in

    def first_admin(self) -> tuple[User, str] | None:
        """With accounts on and nobody there: the first admin, with the one-time password to print once. None:
        there is somebody."""
        if not self.accounts_on() or self.store.users():
            return None
        once = passwords.make_password()
        user = self.store.add_user(
            FIRST_ADMIN,
            password_hash=passwords.hash_password(once),
            roles=ROLES,
            must_change_password=True,
            only_first=True,
        )
        if user is None:  # another process was first
            return None
        self.store.note_action(LOCAL.user_id, "people.first_admin", user.id)
        return user, once

    def sign_in(self, name: str, password: str, source: str = "") -> tuple[User, str]:
        """The user and the secret of a new session. ``source``: where the attempt comes from (an address).
        Raises AccessDenied: "access.sign_in" (one message for all reasons), "access.too_many" (with the
        seconds to wait)."""
        name = plain_name(name)
        self._admit(name, source)
        user = self.store.find_user(name=name)
        known = self.store.password_hash(user.id) if user is not None else ""
        right = passwords.is_password(password, known)
        if user is None or not right or not user.active:
            self.store.note_action("", "people.sign_in_failed", user.id if user else "", {"source": source})
            raise AccessDenied("access.sign_in")
        self.store.forgive_attempt(forget=_by_name(name), lessen=_by_source(source))
        if passwords.is_outdated(known):
            self.store.rehash_password(user.id, known, passwords.hash_password(password))
        return user, self._start_session(user, source)

    def session_user(self, secret: str) -> User | None:
        """Whose browser session that is; None when it is not there, has ended, or its user is off."""
        return self.store.session_user(secret) if secret and self.accounts_on() else None

    def sign_out(self, secret: str) -> None:
        """Ends that session."""
        if (user := self.session_user(secret)) is not None:
            self.store.delete_session(secret)
            self.store.note_action(user.id, "people.sign_out", user.id)

    def principal_of(self, user: User) -> Principal:
        """A user as they act now: without a role, and so without anything, until they have changed a password
        that somebody else gave them."""
        shown = user.shown_name or user.name
        return Principal(user.id, shown, frozenset() if user.must_change_password else user.roles)

    def change_password(self, user: User, old: str, new: str, *, session: str = "", source: str = "") -> User:
        """One's own. Ends all other sessions (``session``: the secret of the one to keep). Raises
        AccessDenied ("access.sign_in" for a wrong old one, "access.too_many"), PeopleError naming what the
        new one lacks."""
        self._admit(user.name, source)
        known = self.store.password_hash(user.id)
        if not passwords.is_password(old, known):
            raise AccessDenied("access.sign_in")
        self.store.forgive_attempt(forget=_by_name(user.name), lessen=_by_source(source))
        new = passwords.check_password(new, user.name, self.settings.accounts.min_password_chars)
        if passwords.is_password(new, known):
            raise PeopleError("people.password_same")
        changed = self.store.set_password(
            user.id, passwords.hash_password(new), must_change=False, keep=session
        )
        self.store.note_action(user.id, "people.password", user.id)
        return changed

    def oidc_user(self, claims: Mapping[str, object]) -> User:
        """Whom the provider's verified claims stand for: an account that an admin prepared under their
        verified e-mail address, or one made at the first entry of somebody whom accounts.oidc_allow lets in.
        Those rules hold for everybody at every call; without any, admins add people. Raises AccessDenied:
        "access.oidc_refused", "access.session_ended" (asked again after accounts.session_hours)."""
        wanted = self.settings.accounts
        subject = subject_of(claims)
        if not self.accounts_on() or not wanted.oidc_metadata_url or not subject:
            raise AccessDenied("access.oidc_refused")
        issued = claims.get("iat")
        if not isinstance(issued, int | float):
            raise AccessDenied("access.session_ended")
        if datetime.now(UTC).timestamp() - issued > wanted.session_hours * 3600:
            raise AccessDenied("access.session_ended")
        if wanted.oidc_allow and not matches(wanted.oidc_allow, claims):
            raise AccessDenied("access.oidc_refused")
        user = self.store.find_user(oidc_subject=subject) or self._newcomer(claims, subject)
        if not user.active:
            raise AccessDenied("access.oidc_refused")
        return user

    def _newcomer(self, claims: Mapping[str, object], subject: str) -> User:
        wanted = self.settings.accounts
        email = plain_name(str(claims.get("email") or "")) if matches(("*@",), claims) else ""
        prepared = self.store.find_user(name=email) if email else None
        if prepared is not None and prepared.through_oidc:
            self.store.bind_subject(prepared.id, subject)
            bound = self.store.find_user(oidc_subject=subject)
            if bound is None:  # that account is somebody else's
                raise AccessDenied("access.oidc_refused")
            self.store.note_action(bound.id, "people.oidc_enter", bound.id)
            return bound
        if not wanted.oidc_allow:
            raise AccessDenied("access.oidc_refused")
        roles = {"analyst"}
        if matches(wanted.oidc_evaluators, claims):
            roles.add("evaluator")
        if matches(wanted.oidc_admins, claims):
            roles |= set(ROLES)
        name = email or plain_name(str(claims.get("preferred_username") or claims.get("sub")))[:NAME_CHARS]
        shown = " ".join(str(claims.get("name") or "").split())[:NAME_CHARS]
        for wanted_name in (name, *(f"{name} ({n})" for n in range(2, 100))):
            user = self.store.add_user(wanted_name, shown_name=shown, roles=roles, oidc_subject=subject)
            found = user or self.store.find_user(oidc_subject=subject)  # another tab was first
            if found is not None:
                if user is not None:
                    self._welcome(user, user.id)
                return found
        raise AccessDenied("access.oidc_refused")

    def note_entry(self, user: User) -> None:
        """Somebody came in through the provider: once a browser session, for the list of users."""
        self.store.note_sign_in(user.id)
        self.store.note_action(user.id, "people.sign_in", user.id, {"through": "oidc"})

    def _start_session(self, user: User, source: str) -> str:
        secret = secrets.token_urlsafe(32)
        self.store.add_session(user.id, secret, self.settings.accounts.session_hours)
        self.store.note_sign_in(user.id)
        self.store.note_action(user.id, "people.sign_in", user.id, {"source": source})
        return secret

    def _admit(self, name: str, source: str) -> None:
        keys = {_by_name(name): _wait_by_name}
        if source:
            keys[_by_source(source)] = _wait_by_source
        wait = self.store.admit_attempt(keys, FORGET_S)
        if wait > 0:
            raise AccessDenied("access.too_many", seconds=math.ceil(wait))

    # ---------------------------------------------------------------- accounts, by admins

    def users(self, principal: Principal = LOCAL) -> list[User]:
        """By name. This and what follows up to one's own tokens: admins only (AccessDenied)."""
        require_right(principal, "admin")
        return self.store.users()

    def find_user(self, name: str, principal: Principal = LOCAL) -> User:
        """Raises PeopleError naming who is there."""
        require_right(principal, "admin")
        found = self.store.find_user(name=plain_name(name))
        if found is None or found.id == LOCAL.user_id:
            known = ", ".join(user.name for user in self.store.users()) or "-"
            raise PeopleError("people.no_user", name=name, known=known)
        return found

    def create_user(
        self,
        name: str,
        principal: Principal = LOCAL,
        *,
        roles: Names[str] = ("analyst",),
        shown_name: str = "",
        through_oidc: bool = False,
    ) -> tuple[User, str]:
        """The user and their one-time password ("" with ``through_oidc``: they come in through the provider,
        ``name`` being their e-mail address there). Raises PeopleError."""
        require_right(principal, "admin")
        name = check_name(name)
        once = "" if through_oidc else passwords.make_password()
        user = self.store.add_user(
            name,
            shown_name=" ".join(shown_name.split())[:NAME_CHARS],
            password_hash=passwords.hash_password(once) if once else "",
            roles=check_roles(roles),
            must_change_password=bool(once),
        )
        if user is None:
            raise PeopleError("people.name_there", name=name)
        self._welcome(user, principal.user_id)
        return user, once

    def _welcome(self, user: User, by: str) -> None:
        self.store.note_action(by, "people.add", user.id, {"roles": sorted(user.roles)})
        names = self.settings.accounts.new_users_read
        for collection in self.store.collections():
            if collection.name in names:
                self.store.set_member(collection.id, user.id, may_write=False)

    def set_roles(self, user_id: str, roles: Names[str], principal: Principal = LOCAL) -> User:
        """Raises PeopleError ("people.last_admin", an unknown role)."""
        require_right(principal, "admin")
        user = self.store.set_roles(user_id, check_roles(roles))
        self.store.note_action(principal.user_id, "people.roles", user_id, {"roles": sorted(user.roles)})
        return user

    def set_active(self, user_id: str, active: bool, principal: Principal = LOCAL) -> User:
        """Switching off ends sessions and tokens at once. Raises PeopleError ("people.last_admin")."""
        require_right(principal, "admin")
        user = self.store.set_active(user_id, active)
        self.store.note_action(principal.user_id, "people.on" if active else "people.off", user_id)
        return user

    def reset_password(self, user_id: str, principal: Principal = LOCAL) -> str:
        """A new one-time password; ends the user's sessions. Raises PeopleError for people who come in
        through the provider."""
        require_right(principal, "admin")
        user = self.store.user(user_id)
        if user.through_oidc:
            raise PeopleError("people.no_password", name=user.name)
        once = passwords.make_password()
        self.store.set_password(user_id, passwords.hash_password(once), must_change=True)
        self.store.note_action(principal.user_id, "people.reset", user_id)
        return once

    # ---------------------------------------------------------------- collections and members, by admins

    def create_collection(self, name: str, principal: Principal = LOCAL) -> Collection:
        """Raises PeopleError for a name that is taken or none."""
        require_right(principal, "admin")
        made = self.store.add_collection(check_collection_name(name))
        self.store.note_action(principal.user_id, "collection.add", str(made.id), {"name": made.name})
        return made

    def rename_collection(self, collection_id: int, name: str, principal: Principal = LOCAL) -> Collection:
        """Raises PeopleError, AccessDenied (not there)."""
        require_right(principal, "admin")
        made = self.store.rename_collection(collection_id, check_collection_name(name))
        self.store.note_action(principal.user_id, "collection.rename", str(made.id), {"name": made.name})
        return made

    def delete_collection(
        self, collection_id: int, principal: Principal = LOCAL, *, with_documents: bool = False
    ) -> None:
        """Raises PeopleError ("people.collection_full") unless it is empty or goes ``with_documents``."""
        require_right(principal, "admin")
        if with_documents:
            for document in self.documents(principal):
                if document.collection_id == collection_id:
                    self.delete_document(document.id, principal)
        self.store.delete_collection(collection_id)
        self.store.note_action(principal.user_id, "collection.delete", str(collection_id))

    def find_collection(self, name: str, principal: Principal = LOCAL) -> Collection:
        """By name, among what the principal may read. Raises PeopleError naming those."""
        there = self.collections(principal)
        for collection in there:
            if collection.name == name:
                return collection
        known = ", ".join(c.name for c in there) or "-"
        raise PeopleError("people.no_collection", name=name, known=known)

    def members(
        self, principal: Principal = LOCAL, collection_ids: Iterable[int] | None = None
    ) -> list[Member]:
        """By collection and name; None: of all collections."""
        require_right(principal, "admin")
        return self.store.members(collection_ids)

    def share_collection(
        self, collection_id: int, user_id: str, principal: Principal = LOCAL, *, may_write: bool = False
    ) -> None:
        """Makes somebody a member, or changes what a member may. Raises AccessDenied (not there)."""
        require_right(principal, "admin")
        self.store.set_member(collection_id, user_id, may_write)
        detail = {"user": user_id, "may_write": may_write}
        self.store.note_action(principal.user_id, "collection.share", str(collection_id), detail)

    def unshare_collection(self, collection_id: int, user_id: str, principal: Principal = LOCAL) -> None:
        """Not a member any more: what they asked for before shows nothing of it either."""
        require_right(principal, "admin")
        if self.store.remove_member(collection_id, user_id):
            detail = {"user": user_id}
            self.store.note_action(principal.user_id, "collection.unshare", str(collection_id), detail)

    # ---------------------------------------------------------------- API tokens, everybody's own

    def create_token(
        self,
        principal: Principal,
        name: str,
        *,
        rights: Names[Right],
        collection_ids: Iterable[int] | None = None,
        expires_at: datetime | None = None,
        user_id: str | None = None,
    ) -> tuple[ApiToken, str]:
        """The token and its secret, which nobody can see again. It never allows more than its owner may.
        ``user_id``: for somebody else (admins). Raises AccessDenied (a right or collection one has not; a
        token makes no tokens), PeopleError (no name, no right, an end that is past or too far)."""
        if principal.token_id is not None:
            raise AccessDenied("access.token_by_token")
        owner = self._token_owner(principal, user_id)
        name = " ".join(name.split())[:NAME_CHARS]
        if not name or not rights:
            raise PeopleError("people.token_empty")
        if unknown := set(rights) - set(RIGHTS):
            raise PeopleError("people.no_right", name=", ".join(sorted(unknown)), known=", ".join(RIGHTS))
        require_right(owner, *rights)
        wanted = None if collection_ids is None else set(collection_ids)
        if wanted is not None and not wanted <= {c.id for c in self.collections(owner)}:
            raise AccessDenied("store.not_found")
        secret = TOKEN_START + secrets.token_urlsafe(32)
        token = self.store.add_token(
            owner.user_id,
            name,
            secret,
            prefix=secret[: len(TOKEN_START) + 6],
            rights=rights,
            collection_ids=wanted,
            expires_at=self._token_end(expires_at),
        )
        detail = {"token": token.prefix, "rights": sorted(rights), "owner": owner.user_id}
        self.store.note_action(principal.user_id, "token.add", str(token.id), detail)
        return token, secret

    def tokens(self, principal: Principal = LOCAL, *, everybody: bool = False) -> list[ApiToken]:
        """One's own, newest first, revoked ones too; ``everybody``: all (admins only)."""
        if everybody:
            require_right(principal, "admin")
        return self.store.api_tokens(None if everybody else principal.user_id)

    def revoke_token(self, token_id: int, principal: Principal = LOCAL) -> None:
        """Ends it at once. Raises AccessDenied: not there, or not one's own (an admin revokes any)."""
        token = self.store.revoke_token(token_id, None if is_admin(principal) else principal.user_id)
        detail = {"token": token.prefix, "owner": token.user_id}
        self.store.note_action(principal.user_id, "token.revoke", str(token_id), detail)

    def token_principal(self, secret: str) -> Principal:
        """Who comes in with that secret. Raises AccessDenied ("access.token") for what is unknown, revoked,
        expired, or belongs to somebody who is switched off or has a password to change first."""
        found = self.store.token_user(secret) if secret.startswith(TOKEN_START) else None
        if found is None:
            raise AccessDenied("access.token")
        token, user = found
        local = user.id == LOCAL.user_id
        if local is self.accounts_on() or user.must_change_password:
            raise AccessDenied("access.token")
        return replace(
            LOCAL if local else self.principal_of(user),
            rights=token.rights,
            collection_ids=token.collection_ids,
            token_id=token.id,
        )

    def _token_owner(self, principal: Principal, user_id: str | None) -> Principal:
        if user_id is not None and user_id != principal.user_id:
            require_right(principal, "admin")
            owner = self.store.user(user_id)
            return Principal(owner.id, owner.name, owner.roles)
        if principal.user_id == LOCAL.user_id:
            if self.accounts_on():
                raise PeopleError("people.token_whose")
            self.store.add_user(LOCAL.name, roles=LOCAL.roles, user_id=LOCAL.user_id)  # once
        return principal

    def _token_end(self, expires_at: datetime | None) -> datetime | None:
        now, days = datetime.now(UTC), self.settings.accounts.token_days
        if expires_at is not None and expires_at <= now:
            raise PeopleError("people.token_past")
        if days:
            last = now + timedelta(days=days)
            if expires_at is not None and expires_at > last + timedelta(minutes=1):
                raise PeopleError("people.token_long", days=days)
            return min(expires_at or last, last)
        return expires_at


def plain_name(name: str) -> str:
    """As names are compared: NFKC, one case, no blanks around."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def check_name(name: str) -> str:
    """A name to sign in with, as it is kept. Raises PeopleError."""
    name = plain_name(name)
    if not 0 < len(name) <= NAME_CHARS or any(unicodedata.category(c)[0] in "CZ" for c in name):
        raise PeopleError("people.bad_name", most=NAME_CHARS)
    if name == LOCAL.name:
        raise PeopleError("people.name_there", name=name)
    return name


def check_roles(roles: Names[str]) -> frozenset[str]:
    """Raises PeopleError for none, or an unknown one."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise PeopleError("people.no_role", name=", ".join(sorted(unknown)) or "-", known=", ".join(ROLES))
    return frozenset(roles)


def check_collection_name(name: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 0 < len(name) <= NAME_CHARS or any(unicodedata.category(c) in ("Cc", "Cf") for c in name):
        raise PeopleError("people.bad_collection", most=NAME_CHARS)
    return name


def _by_name(name: str) -> str:
    return f"name:{name}"


def _by_source(source: str) -> str:
    return f"source:{source}"


def _wait_by_name(failures: int) -> float:
    return _wait(failures, FREE_BY_NAME)


def _wait_by_source(failures: int) -> float:
    return _wait(failures, FREE_BY_SOURCE)


def _wait(failures: int, free: int) -> float:
    """Seconds after the last of so many failures: 0 at first, then 2, 4, 8 ... five minutes."""
    return 0.0 if failures < free else min(2.0 ** min(failures - free + 1, 16), LONGEST_WAIT_S)
