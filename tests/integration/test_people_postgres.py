"""Accounts on a real PostgreSQL: two processes' engines over one database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import postgresql_server

from benchmarks.access import Run
from rag import passwords
from rag.engine import Engine
from rag.errors import AccessDenied, PeopleError
from rag.settings import Settings

pytestmark = pytest.mark.integration
PASSWORD = "four words make one"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture
def settings(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    import psycopg
    from argon2 import PasswordHasher

    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    name = f"people_{threading.get_native_id()}_{tmp_path.name}".replace("-", "_").lower()
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
        yield Settings(
            data_dir=tmp_path / "data",
            database_url=f"{server}/{name}",
            accounts={"mode": "on"},  # type: ignore[arg-type]
        )
        connection.execute(f'drop database "{name}" with (force)')


def test_two_processes_share_people(settings: Settings) -> None:
    with Engine.open(settings) as one, Engine.open(settings) as two:
        made = [engine.first_admin() for engine in (one, two)]
        assert [m is None for m in made] == [False, True]
        user, once = made[0] or (None, "")
        assert user is not None
        user = one.change_password(user, once, PASSWORD)
        _, session = two.sign_in("admin", PASSWORD, "10.0.0.1")
        assert one.session_user(session) == two.session_user(session)
        ann, once = two.create_user("ann")
        shelf = one.create_collection("法务")
        two.share_collection(shelf.id, ann.id, may_write=True)
        ann = one.change_password(ann, once, PASSWORD)
        assert [c.name for c in one.writable_collections(two.principal_of(ann))] == ["法务"]
        token, secret = one.create_token(
            one.principal_of(ann), "x", rights=["read"], collection_ids=[shelf.id]
        )
        assert two.token_principal(secret).collection_ids == {shelf.id}
        two.set_active(ann.id, False)
        with pytest.raises(AccessDenied):
            one.token_principal(secret)
        with pytest.raises(PeopleError):
            two.set_active(user.id, False)
        assert one.tokens(one.principal_of(ann))[0].used_at is not None
        assert token.prefix == secret[:9]


def test_attempts_at_both_processes_count_together(settings: Settings) -> None:
    with Engine.open(settings) as one, Engine.open(settings) as two:
        user, once = one.create_user("ann")
        one.change_password(user, once, PASSWORD)
        found: list[str] = []

        def attempt(engine: Engine) -> None:
            try:
                engine.sign_in("ann", "not it")
            except AccessDenied as error:
                found.append(error.code)

        threads = [threading.Thread(target=attempt, args=(e,)) for e in (one, two) * 8]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found.count("access.sign_in") == 5
        assert found.count("access.too_many") == 11


def test_random_operations_show_only_what_one_may_see(settings: Settings, tmp_path: Path) -> None:
    run = Run(tmp_path, 21, database_url=settings.database_url)
    try:
        for _ in range(120):
            run.step()
    finally:
        run.close()
    assert run.seen.wrong == []
    assert run.seen.canaries > 20
