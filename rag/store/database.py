"""One engine, two kinds of transactions, errors in our words.

``read()`` is a snapshot; ``write()`` is the only writer while it is open (BEGIN IMMEDIATE on SQLite, an
advisory lock on PostgreSQL), so a check made inside it still holds at the commit. ``write(shared=True)``
skips the lock on PostgreSQL: for short updates of single rows. A committed transaction survives a power
cut (SQLite: WAL with synchronous=FULL). Every error of the database leaves as StoreError or DiskFull and
names the database without its password.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url

from rag.errors import DiskFull, StoreError

BUSY_TIMEOUT_S = 30.0
# Both until the end of the transaction. Not as connection options, which connection poolers refuse.
_TAKE_WRITER_LOCK = sa.select(
    sa.func.set_config("lock_timeout", f"{int(BUSY_TIMEOUT_S)}s", True),
    sa.func.pg_advisory_xact_lock(0x57656E6A75),  # "Wenju"
)

_Rendered = tuple[str, list[str], dict[str, Any]]  # SQL, names of its parameters in order, values it has


class Database:
    """``clock`` gives seconds since 1970; by default PostgreSQL's own clock (one for all machines) or this
    machine's. ``foreign_keys=False`` is for migrations on SQLite, which rebuild tables."""

    def __init__(
        self, url: str, clock: Callable[[], float] | None = None, *, foreign_keys: bool = True
    ) -> None:
        self.url = _parse(url)
        self.kind: Literal["sqlite", "postgresql"]
        self._clock = clock
        self._rendered: dict[int, _Rendered] = {}
        self._queries: list[sa.Select[Any]] = []
        self._writing = threading.Lock()  # SQLite's own waiting is polling and not fair between threads
        if self.url.get_backend_name() == "sqlite":
            self.kind = "sqlite"
            self.engine = _sqlite_engine(self.url, foreign_keys)
        else:
            self.kind = "postgresql"
            self.engine = _postgresql_engine(self.url)

    @property
    def label(self) -> str:
        """The database as messages name it: a path, or the URL without its password."""
        return self.path.as_posix() if self.path else self.url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(str(self.url.database)) if self.url.get_backend_name() == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.translated(), self.engine.connect() as connection:
            if self.kind == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    def rows(self, query: sa.Select[Any], **values: object) -> Sequence[Any]:
        """The rows of one query with bound parameters, in a snapshot of its own. On SQLite a statement is
        rendered once and runs without the layers between, which cost more than the query: columns
        come as SQLite has them (numbers, texts, bytes), as tuples."""
        if self.kind == "postgresql":
            with self.read() as connection:
                return connection.execute(query, values).all()
        text, names, fixed = self._rendered.get(id(query)) or self._render(query)
        values = {**fixed, **values}
        with self.translated():
            pooled = self.engine.raw_connection()
            try:
                driver = pooled.driver_connection
                assert isinstance(driver, sqlite3.Connection)
                return driver.execute(text, [values[name] for name in names]).fetchall()
            except sqlite3.Error as error:
                raise self._translate_sqlite(str(error).strip()) from error
            finally:
                pooled.close()

    def _render(self, query: sa.Select[Any]) -> _Rendered:
        compiled = query.compile(dialect=self.engine.dialect)
        self._queries.append(query)  # its id stays its own
        rendered = (str(compiled), list(compiled.positiontup or ()), compiled.params)
        self._rendered[id(query)] = rendered
        return rendered

    def listed(self, name: str, column: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """As :meth:`among`, with a parameter of that name to be bound to :meth:`list_value`."""
        if self.kind == "postgresql":
            return column == sa.any_(sa.bindparam(name, type_=postgresql.ARRAY(sa.BigInteger())))
        values = sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value")
        return column.in_(sa.select(values.c.value))

    def list_value(self, ids: Iterable[int]) -> object:
        wanted = [int(i) for i in ids]
        return wanted if self.kind == "postgresql" else str(wanted)

    @contextmanager
    def write(self, *, shared: bool = False) -> Iterator[Connection]:
        with self.translated():
            if self.kind == "postgresql":
                with self.engine.begin() as connection:
                    if not shared:
                        connection.execute(_TAKE_WRITER_LOCK)
                    yield connection
                return
            if not self._writing.acquire(timeout=BUSY_TIMEOUT_S):
                raise StoreError("store.locked", database=self.label, seconds=int(BUSY_TIMEOUT_S))
            try:
                with self.engine.connect() as connection:
                    connection = connection.execution_options(wenju_write=True)
                    with connection.begin():
                        yield connection
            finally:
                self._writing.release()

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 on the clock that leases are measured by."""
        if self._clock is not None:
            return self._clock()
        if self.kind == "postgresql":
            return float(
                connection.execute(sa.text("select extract(epoch from clock_timestamp())")).scalar_one()
            )
        return time.time()

    def among(self, column: sa.ColumnElement[int], ids: Iterable[int]) -> sa.ColumnElement[bool]:
        """``column IN ids`` with one bound parameter, whatever their number."""
        wanted = [int(i) for i in ids]
        if self.kind == "postgresql":
            return column == sa.any_(sa.literal(wanted, postgresql.ARRAY(sa.BigInteger())))
        listed = sa.func.json_each(str(wanted)).table_valued("value")
        return column.in_(sa.select(listed.c.value))

    def among_texts(self, column: sa.ColumnElement[str], texts: Iterable[str]) -> sa.ColumnElement[bool]:
        """As :meth:`among`, for strings."""
        wanted = list(texts)
        if self.kind == "postgresql":
            return column == sa.any_(sa.literal(wanted, postgresql.ARRAY(sa.Text())))
        listed = sa.func.json_each(json.dumps(wanted)).table_valued("value")
        return column.in_(sa.select(listed.c.value))

    def insert_if_absent(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """INSERT ... ON CONFLICT DO NOTHING; add ``.values()`` and ``.returning()``."""
        insert = postgresql.insert(table) if self.kind == "postgresql" else sqlite.insert(table)
        return insert.on_conflict_do_nothing()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database become errors of the store."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._translate(error) from error
        except sa.exc.TimeoutError as error:
            raise StoreError("store.locked", database=self.label, seconds=int(BUSY_TIMEOUT_S)) from error

    def _translate(self, error: sa.exc.DBAPIError) -> StoreError:
        cause = error.orig
        detail = str(cause).strip()
        if isinstance(cause, sqlite3.Error):
            return self._translate_sqlite(detail)
        state = str(getattr(cause, "sqlstate", None) or "")
        if state.startswith("53"):
            return DiskFull("store.disk_full", path=self.label)
        if state == "25006":
            return StoreError("store.readonly", path=self.label)
        if state in ("55P03", "40P01", "40001", "57014"):
            return StoreError("store.locked", database=self.label, seconds=int(BUSY_TIMEOUT_S))
        gone = error.connection_invalidated or (isinstance(error, sa.exc.OperationalError) and not state)
        if gone or state[:2] in ("08", "28", "3D", "57"):
            return StoreError("store.unreachable", database=self.label, detail=_no_password(detail, self.url))
        return StoreError("store.failed", database=self.label, detail=detail)

    def _translate_sqlite(self, detail: str) -> StoreError:
        found = detail.lower()
        if "locked" in found or "busy" in found:
            return StoreError("store.locked", database=self.label, seconds=int(BUSY_TIMEOUT_S))
        if "is full" in found:
            return DiskFull("store.disk_full", path=self.label)
        if "readonly" in found or "read-only" in found:
            return StoreError("store.readonly", path=self.label)
        if "malformed" in found or "not a database" in found:
            return StoreError("store.damaged", path=self.label, detail=detail, backups=self.backups)
        if "unable to open" in found or "disk i/o" in found:
            return StoreError("store.unwritable", path=self.label, detail=detail)
        return StoreError("store.failed", database=self.label, detail=detail)

    backups: str = "data/backups"  # named in the message about a damaged file; set by Store.open


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StoreError("store.bad_url", found=url.partition("://")[0]) from error
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise StoreError("store.bad_url", found=parsed.render_as_string(hide_password=True))


def _no_password(detail: str, url: URL) -> str:
    return detail.replace(url.password, "***") if url.password else detail


def _sqlite_engine(url: URL, foreign_keys: bool) -> Engine:
    engine = sa.create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S},
        poolclass=sa.pool.QueuePool,
        pool_size=8,
        max_overflow=56,
        pool_timeout=BUSY_TIMEOUT_S,
        hide_parameters=True,  # texts and passwords stay out of tracebacks
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        execute = connection.execute
        execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        execute("PRAGMA synchronous=FULL")  # in WAL, NORMAL may lose the last commits in a power cut
        execute("PRAGMA secure_delete=ON")  # deleted text leaves the file too
        execute("PRAGMA temp_store=MEMORY")
        execute("PRAGMA cache_size=-16000")
        execute("PRAGMA journal_size_limit=67108864")
        _write_ahead_log(connection)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("wenju_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switches to WAL. Two processes that open a new file at once can meet here, where SQLite does not wait
    by itself."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _postgresql_engine(url: URL) -> Engine:
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=24,
            pool_timeout=BUSY_TIMEOUT_S,
            connect_args={"connect_timeout": 5},
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError("store.no_driver", missing=error.name or "psycopg") from error
