"""Settings and an Engine for one command, and the names people type turned into ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import Exit, set_language, text, usage_error
from rag import logs

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Document
    from rag.settings import Settings

__all__ = ["Exit", "collection_ids", "document_ids", "open_engine", "settings"]


def settings(data_dir: Path | None, *, log_level: str = "") -> Settings:
    """The one Settings, ``data_dir`` winning over every other source. Sets language and logging."""
    from rag.settings import load_settings

    loaded = load_settings(**({"data_dir": data_dir} if data_dir is not None else {}))
    if loaded.language != "auto":
        set_language(loaded.language)
    level = log_level or ("WARNING" if loaded.log_level == "INFO" else loaded.log_level)
    logs.set_up(level, loaded.log_format)
    return loaded


@contextmanager
def open_engine(data_dir: Path | None) -> Iterator[Engine]:
    """An Engine that is closed at the end, also by Ctrl-C."""
    chosen = settings(data_dir)
    from rag.engine import Engine

    engine = Engine.open(chosen)
    try:
        yield engine
    finally:
        engine.close()


def collection_ids(engine: Engine, names: Sequence[str]) -> list[int] | None:
    """Ids of the collections named; None when none is named (all)."""
    if not names:
        return None
    known = {collection.name: collection.id for collection in engine.collections()}
    for name in names:
        if name not in known:
            raise usage_error(text("cli.no_collection", name=name, known=", ".join(known) or "-"))
    return [known[name] for name in names]


def find_documents(engine: Engine, names: Sequence[str]) -> list[Document]:
    """The documents called so, or with that number. The same name in two collections is both."""
    documents = engine.documents()
    found: list[Document] = []
    for name in names:
        same = [d for d in documents if d.name == name] or [d for d in documents if str(d.id) == name]
        if not same:
            raise usage_error(text("cli.no_document", name=name))
        found += [document for document in same if document not in found]
    return found


def document_ids(engine: Engine, names: Sequence[str]) -> list[int] | None:
    """Ids of the documents named; None when none is named (all)."""
    return [document.id for document in find_documents(engine, names)] if names else None
