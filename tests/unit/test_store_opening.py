"""Opening: made, migrated with a copy first, refused when newer, damaged or unreachable."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from store_kit import SPEC, Kit, answer
from store_schema import differences

from rag.errors import DiskFull, SchemaTooNew, StoreError
from rag.settings import Settings
from rag.store import Store, migrate
from rag.store.schema import HEAD

DUMPS = sorted(Path(__file__).parent.glob("store_schema_*.sql"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "a folder, 100% 数据")


@pytest.fixture
def kit(settings: Settings) -> Iterator[Kit]:
    with Store.open(settings) as store:
        yield Kit(store)


def database(settings: Settings) -> Path:
    return settings.data_dir / "wenju.db"


def test_fresh_schema_is_what_the_code_says(kit: Kit) -> None:
    assert differences(kit.store) == []


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_heads() == [HEAD]


def test_durable_and_concurrent(kit: Kit) -> None:
    with kit.store._db.read() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_every_known_schema_has_a_dump() -> None:
    assert {p.stem.rpartition("_")[2] for p in DUMPS} == set(migrate.known_versions())


@pytest.mark.parametrize("dump", DUMPS, ids=lambda p: p.stem)
def test_migrates_every_schema_with_its_data(settings: Settings, dump: Path) -> None:
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(database(settings))) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    with Store.open(settings) as store:
        assert differences(store) == []
        kit = Kit(store)
        [waiting, ready] = store.documents(kit.scope)
        assert (waiting.name, waiting.status) == ("等待.pdf", "queued")
        assert (ready.name, ready.status, ready.chunk_count) == ("年报 😀.pdf", "ready", 2)
        assert [c.text for c in store.document_chunks(ready.id, kit.scope)] == ["净利润一亿", "page two"]
        assert store.page(ready.id, 1).lines
        assert store.active_spec() == (1, SPEC)
        ids, matrix = store.vectors(sorted(kit.visible()))
        assert (ids.tolist(), matrix.shape) == ([1, 2], (2, SPEC.dimension))
        [conversation] = store.conversations("local")
        [turn] = store.turns(conversation.id)
        assert (turn.answer.text, turn.rating, turn.comment) == (answer().text, 1, "好")
        assert kit.lease().document == store.document(waiting.id, kit.scope)


@pytest.fixture
def next_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if a second migration existed: it adds a column."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder)
    script = folder / "versions" / "9000_next.py"
    script.write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9000'\ndown_revision = '{HEAD}'\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('documents', recreate='always') as table:\n"
        "        table.add_column(sa.Column('extra', sa.Text(), nullable=False, server_default='new'))\n"
    )
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    monkeypatch.setattr(migrate, "HEAD", "9000")
    return script


def copies(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "backups").glob("*"))


def test_a_copy_is_made_before_migrating(kit: Kit, settings: Settings, next_schema: Path) -> None:
    kit.ready("x")
    with Store.open(settings) as store, store._db.read() as connection:
        assert connection.exec_driver_sql("select extra from documents").scalars().all() == ["new"]
        assert len(Kit(store).visible()) == 2  # rebuilding a table took nothing along
    [copy] = copies(settings)
    assert f"schema-{HEAD}" in copy.name
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("select count(*) from chunks").fetchone() == (2,)
    Store.open(settings).close()
    assert copies(settings) == [copy]


def test_nothing_is_copied_when_there_is_nothing_to_migrate(kit: Kit, settings: Settings) -> None:
    Store.open(settings).close()
    assert copies(settings) == []


def test_a_failed_migration_changes_nothing(kit: Kit, settings: Settings, next_schema: Path) -> None:
    kit.ready("x")
    next_schema.write_text(next_schema.read_text() + "    op.execute('drop table turns')\n    1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        Store.open(settings)
    assert differences(kit.store) == []
    assert len(kit.visible()) == 2


def test_three_copies_stay(kit: Kit, settings: Settings) -> None:
    for _ in range(5):
        newest = migrate.back_up(database(settings), settings.data_dir / "backups", HEAD)
    assert len(copies(settings)) == 3
    assert copies(settings)[-1] == newest


def test_a_copy_that_cannot_be_made_stops_the_migration(
    kit: Kit, settings: Settings, next_schema: Path
) -> None:
    (settings.data_dir / "backups").write_text("in the way")
    with pytest.raises(StoreError) as error:
        Store.open(settings)
    assert error.value.code == "store.unwritable"
    assert differences(kit.store) == []


def test_a_newer_schema_is_refused_by_both_names(kit: Kit, settings: Settings) -> None:
    with kit.store._db.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(SchemaTooNew) as error:
        Store.open(settings)
    for language in ("en", "zh"):
        text = error.value.localized(language)
        assert "9999" in text
        assert HEAD in text
    assert copies(settings) == []


OPEN = "import sys; from rag.settings import Settings; from rag.store import Store; "


def test_processes_that_start_at_once_migrate_once(settings: Settings) -> None:
    code = OPEN + "Store.open(Settings(data_dir=sys.argv[1])).ensure_collection('default')"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(settings.data_dir)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in started:
        _, problem = process.communicate(timeout=60)
        assert process.returncode == 0, problem.decode()
    with Store.open(settings) as store:
        assert differences(store) == []
        assert len(store.collections()) == 1


def test_a_damaged_file_is_refused_with_what_to_do(settings: Settings) -> None:
    with Store.open(settings) as store:
        kit = Kit(store)
        for number in range(20):
            kit.ready(f"{number} " * 2000)
    path = database(settings)
    size = path.stat().st_size
    opened = Store.open(settings)
    opened.check()
    opened.close()
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    with pytest.raises(StoreError) as error:
        Store.open(settings)
    assert error.value.code == "store.damaged"
    for language in ("en", "zh"):
        text = error.value.localized(language)
        assert str(path) in text
        assert str(settings.data_dir / "backups") in text


@pytest.mark.parametrize("content", [b"this is not a database at all " * 100, b"\x00" * 8192])
def test_another_file_in_its_place(settings: Settings, content: bytes) -> None:
    settings.data_dir.mkdir()
    database(settings).write_bytes(content)
    with pytest.raises(StoreError) as error:
        Store.open(settings)
    assert error.value.code == "store.damaged"
    assert database(settings).read_bytes() == content


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as error:
        Store.open(Settings(data_dir=tmp_path / "file" / "data"))
    assert error.value.code == "store.unwritable"


def test_no_write_permission(settings: Settings, tmp_path: Path) -> None:
    Store.open(settings).close()
    for path in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        path.chmod(0o755)
    for path in settings.data_dir.iterdir():
        path.chmod(0o444)
    settings.data_dir.chmod(0o555)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)  # root may write everywhere
            Store.open(settings).ensure_collection("x")
        except StoreError as error:
            os.write(writing, f"{error.code} {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    settings.data_dir.chmod(0o755)
    assert said.split(" ")[0] in ("store.readonly", "store.unwritable")
    assert str(settings.data_dir) in said


def test_deleted_text_leaves_the_file(kit: Kit, settings: Settings) -> None:
    secret = "the acquisition of Kestrel"
    kit.ready("x", [f"{secret} " * 500])
    kit.ready("y")
    kit.store.delete_document(1)
    kit.store.close()
    assert not (settings.data_dir / "wenju.db-wal").exists()
    assert secret.encode() not in database(settings).read_bytes()


def test_disk_full_keeps_what_was_there(kit: Kit) -> None:
    kit.ready("before")
    kit.add("x" * 10)
    lease = kit.lease()
    with kit.store._db.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    kit.store._db.engine.dispose()
    import sqlalchemy as sa

    @sa.event.listens_for(kit.store._db.engine, "connect")
    def little_space(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages + 1}")

    with pytest.raises(DiskFull) as error:
        kit.commit(lease, ["long " * 20_000])
    assert str(kit.store._db.path) in str(error.value)
    assert len(kit.visible()) == 2
    assert kit.store.renew(lease, "embedding", 0, 0)
    sa.event.remove(kit.store._db.engine, "connect", little_space)
    kit.store._db.engine.dispose()
    assert kit.commit(lease, ["long " * 20_000])


def test_a_hanging_writer_is_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.store.database.BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(database(kit.store.settings), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with kit.store._db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=50")
        with pytest.raises(StoreError) as error:
            kit.add("x")
        assert error.value.code == "store.locked"
        assert kit.store.documents(kit.scope) == []  # readers go on
        other.execute("ROLLBACK")
    assert kit.add("x")[1]


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "nonsense", "sqlite://", "postgres"])
def test_another_kind_of_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError) as error:
        Store.open(Settings(data_dir=tmp_path, database_url=url))
    assert error.value.code == "store.bad_url"
    assert "hunter2" not in str(error.value)


def test_texts_and_passwords_stay_out_of_errors(kit: Kit) -> None:
    import traceback

    with pytest.raises(StoreError) as error:
        kit.store.add_document(
            collection_id=99, name="secret name", sha256="a" * 64, size_bytes=1, password="pw!"
        )
    text = "".join(traceback.format_exception(error.value))
    assert "secret name" not in text
    assert "pw!" not in text
