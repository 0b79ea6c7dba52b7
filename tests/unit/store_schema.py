"""Compares a database with the tables in the code."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from rag.store import Store
from rag.store.schema import metadata


def differences(store: Store) -> list[Any]:
    with store._db.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                # Alembic takes SQLite's DEFAULT '' for another default than ''.
                "compare_server_default": connection.dialect.name == "postgresql",
            },
        )
        found: list[Any] = compare_metadata(context, metadata)
    return found
