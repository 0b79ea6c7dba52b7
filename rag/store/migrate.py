"""Brings a database to this version's schema, by itself, at opening.

Two processes that start at once migrate once. What is true afterwards: the schema is ``schema.HEAD``, or
an error was raised and the database is as it was (each migration run is one transaction, on SQLite too).
A SQLite file with something to migrate is copied to ``backups`` first; the last three copies stay.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import DiskFull, SchemaTooNew, StoreError
from rag.store.database import Database
from rag.store.schema import HEAD

KEPT_BACKUPS = 3
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(database: Database, backups: Path) -> None:
    """Raises SchemaTooNew naming both versions, StoreError, DiskFull."""
    with database.read() as connection:
        if current_version(connection) == HEAD:
            return
    # Rebuilding a table on SQLite must not cascade into those that refer to it.
    writer = Database(database.url.render_as_string(hide_password=False), foreign_keys=False)
    writer.backups = database.backups
    try:
        with writer.write() as connection:
            _migrate(writer, connection, backups)
    finally:
        writer.close()


def _migrate(database: Database, connection: Connection, backups: Path) -> None:
    found = current_version(connection)  # again: another process may have been faster
    if found == HEAD:
        return
    if found is not None and found not in known_versions():
        raise SchemaTooNew("store.schema_too_new", database=database.label, found=found, expected=HEAD)
    if found is not None and database.path is not None:
        back_up(database.path, backups, found)
    upgrade(connection, HEAD)
    if database.path is not None:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StoreError("store.failed", database=database.label, detail=f"foreign key of {broken}")


def current_version(connection: Connection) -> str | None:
    """The schema's version; None for a database without ours."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return version


def known_versions() -> list[str]:
    """Every schema that this version can migrate, newest first."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]


def upgrade(connection: Connection, revision: str) -> None:
    """Runs the migrations up to ``revision`` inside the open transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def back_up(path: Path, backups: Path, version: str) -> Path:
    """A consistent copy of a SQLite file that may be in use; complete under its name or not there."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = backups / f"{path.stem}-{stamp}-schema-{version}.db"
    partial = target.with_suffix(".part")
    try:
        backups.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
        os.replace(partial, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink()
        if "full" in str(error) or "No space" in str(error):
            raise DiskFull("store.disk_full", path=backups) from error
        raise StoreError("store.unwritable", path=backups, detail=error) from error
    for old in sorted(backups.glob(f"{path.stem}-*.db"))[:-KEPT_BACKUPS]:
        old.unlink(missing_ok=True)
    return target


CHECKED_AT_OPENING_BYTES = 256 * 2**20
"""A check reads the whole file: a larger one would hold up every start. See ``Store.check``."""


def check_file(database: Database, backups: Path) -> None:
    """Raises StoreError("store.damaged"), which says what to do, for a damaged SQLite file."""
    if database.path is None or not database.path.exists():
        return
    with database.read() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise StoreError("store.damaged", path=database.path, detail=found, backups=backups)
