"""The store on a real PostgreSQL: the same contract, and what only a server can do."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import postgresql_server

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
pytest.register_assert_rewrite("store_contract")

from store_contract import *  # noqa: E402, F403 the tests themselves
from store_contract import together  # noqa: E402
from store_kit import Kit  # noqa: E402

from rag.errors import SchemaTooNew, StoreError  # noqa: E402
from rag.settings import Settings  # noqa: E402
from rag.store import Store  # noqa: E402

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture
def settings(server: str, tmp_path: Path) -> Iterator[Settings]:
    import psycopg

    name = f"wenju_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
        yield Settings(data_dir=tmp_path / "data", database_url=f"{server}/{name}")
        connection.execute(f'drop database "{name}" with (force)')


def test_fresh_schema_is_what_the_code_says(store: Store) -> None:
    from store_schema import differences

    assert differences(store) == []


def test_stores_that_open_at_once_migrate_once(settings: Settings) -> None:
    stores = together(4, lambda _: Store.open(settings))
    for store in stores:
        store.close()


def test_a_newer_schema_is_refused(settings: Settings) -> None:
    with Store.open(settings) as store, store._db.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(SchemaTooNew) as error:
        Store.open(settings)
    assert "9999" in str(error.value)
    assert "secret" not in str(error.value)


def test_unreachable_names_the_url_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ann:hunter2@127.0.0.1:1/none"
    with pytest.raises(StoreError) as error:
        Store.open(Settings(data_dir=tmp_path, database_url=url))
    assert error.value.code == "store.unreachable"
    assert "ann:***@127.0.0.1:1/none" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(("old", "new"), [("secret", "wrong-one"), ("wenju_", "no_such_")])
def test_refused_logins_say_so(settings: Settings, tmp_path: Path, old: str, new: str) -> None:
    url = settings.database_url.replace(old, new, 1)
    with pytest.raises(StoreError) as error:
        Store.open(Settings(data_dir=tmp_path, database_url=url))
    assert error.value.code == "store.unreachable"
    assert "wrong-one" not in str(error.value)


def test_a_cut_connection_is_made_again(kit: Kit, server: str) -> None:
    import psycopg

    kit.ready("x")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname like 'wenju_%'"
        )
    assert kit.store.generation() == 1


def test_a_read_only_server_is_named(kit: Kit) -> None:
    with kit.store._db.write() as connection:
        name = connection.exec_driver_sql("select current_database()").scalar_one()
        connection.exec_driver_sql(f'alter database "{name}" set default_transaction_read_only = on')
    kit.store._db.engine.dispose()
    with pytest.raises(StoreError) as error:
        kit.add("x")
    assert error.value.code == "store.readonly"
