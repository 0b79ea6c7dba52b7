"""Passwords: hashed with argon2id (the library's parameters, RFC 9106's second choice), checked, made up.

Promises: a hash is only ever compared by the library; looking at a wrong name costs what looking at a wrong
password costs; no more than two are worked on at once, whatever is thrown at the door (64 MiB each).
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from rag.errors import PeopleError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MAX_CHARS = 256
_AT_ONCE = threading.BoundedSemaphore(2)
# No 0, O, 1, l, I: a one-time password is read from a screen and typed.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def check_password(password: str, name: str, min_chars: int) -> str:
    """The password as it is hashed (NFC). Raises PeopleError saying what it lacks."""
    plain = _plain(password)
    if not min_chars <= len(plain) <= MAX_CHARS:
        raise PeopleError("people.password_length", least=min_chars, most=MAX_CHARS)
    if plain.casefold() == name.casefold() or len(set(plain)) < 4:
        raise PeopleError("people.password_weak")
    return plain


def make_password() -> str:
    """A one-time password of 80 random bits, in four groups."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> str:
    with _AT_ONCE:
        return _hasher().hash(_plain(password))


def is_password(password: str, password_hash: str) -> bool:
    """Whether ``password`` is the one of the hash. "" (nobody, or no password here): never, after the same
    work."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > MAX_CHARS:
        password = ""
    with _AT_ONCE:
        try:
            _hasher().verify(password_hash or _nobodys(), _plain(password))
        except (VerificationError, InvalidHashError):
            return False
    return bool(password_hash)


def is_outdated(password_hash: str) -> bool:
    """Whether the hash has weaker parameters than a new one would."""
    return _hasher().check_needs_rehash(password_hash)


def _plain(password: str) -> str:
    """The same characters, however the keyboard composed them (RFC 8265)."""
    return unicodedata.normalize("NFC", password)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))
