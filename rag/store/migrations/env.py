"""Run by :mod:`rag.store.migrate` with an open connection inside a transaction; never by a command line."""

from alembic import context

from rag.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
)
context.run_migrations()
