"""The Store: one object for everything that is kept. Thread-safe; several processes may share it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rag.errors import StoreError
from rag.settings import Settings
from rag.store.about import Abouts
from rag.store.audit import Audit
from rag.store.backup import Backups
from rag.store.contents import Contents
from rag.store.conversations import Conversations
from rag.store.database import Database
from rag.store.evaluations import EvaluationRecords
from rag.store.figures import FigureRecords
from rag.store.idempotency import Idempotency
from rag.store.migrate import CHECKED_AT_OPENING_BYTES, check_file, migrate
from rag.store.originals import Originals
from rag.store.own_terms import OwnTerms
from rag.store.people import People
from rag.store.prompts import Prompts
from rag.store.reading import Reading
from rag.store.rules import Rules
from rag.store.secrets import Secrets
from rag.store.tuning import Tuning


class Store(
    Contents,
    Abouts,
    Reading,
    Conversations,
    EvaluationRecords,
    Prompts,
    OwnTerms,
    Secrets,
    Audit,
    Idempotency,
    Rules,
    Backups,
    Tuning,
    People,
    FigureRecords,
):
    """Made by :meth:`open`. Every method raises StoreError (DiskFull when space is the reason) with a
    message that names the database and what mends it; whatever raised has changed nothing."""

    def __init__(self, settings: Settings, database: Database, originals: Originals) -> None:
        self.settings = settings
        self.originals = originals
        self._db = database

    @classmethod
    def open(cls, settings: Settings, *, clock: Callable[[], float] | None = None) -> Store:
        """A store at the present schema: made when there is none, migrated when it is older (SQLite is
        copied to ``data_dir/backups`` first), checked for damage. ``clock`` (seconds since 1970) is for
        tests. Raises SchemaTooNew, StoreError, DiskFull."""
        database = Database(settings.resolved_database_url, clock)
        backups = settings.data_dir / "backups"
        database.backups = str(backups)
        try:
            if database.path is not None:
                try:
                    database.path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise StoreError(
                        "store.unwritable", path=database.path.parent, detail=error.strerror or error
                    ) from error
            path = database.path
            if path and path.exists() and path.stat().st_size <= CHECKED_AT_OPENING_BYTES:
                check_file(database, backups)
            migrate(database, backups)
            store = cls(settings, database, Originals.of(settings))
            store._collect_orphans()
        except BaseException:
            database.close()
            raise
        return store

    def check(self) -> None:
        """Reads a whole SQLite file; raises StoreError("store.damaged") when it is damaged. Opening does so
        only up to 256 MiB; damage in a larger file is named when it is met."""
        check_file(self._db, self.settings.data_dir / "backups")

    def close(self) -> None:
        """Gives all connections back. The store is not used afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
