"""``wenju documents``, ``delete``, ``reindex``, ``export`` and ``import``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import console, emit, language, printable, say, text
from commands.session import find_documents
from rag.messages import message

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Document


def list_documents(engine: Engine, *, as_json: bool) -> None:
    documents = engine.documents()
    if as_json:
        for document in documents:
            emit(
                {
                    "id": document.id,
                    "document": document.name,
                    "collection": document.collection,
                    "status": document.status,
                    "pages": document.page_count,
                    "chunks": document.chunk_count,
                    "bytes": document.size_bytes,
                    "sha256": document.sha256,
                    "error": _problem(document) or None,
                }
            )
        return
    if not documents:
        say(text("cli.documents.none", folder=engine.settings.data_dir))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "document", "collection", "status", "pages", "chunks", "note"):
        table.add_column(
            text(f"cli.column.{column}"),
            justify="right" if column in ("id", "pages", "chunks") else "left",
            overflow="fold",
        )
    for document in documents:
        table.add_row(
            str(document.id),
            printable(document.name),
            printable(document.collection),
            document.status,
            str(document.page_count or ""),
            str(document.chunk_count or ""),
            printable(_problem(document) or "; ".join(message(w, language()) for w in document.warnings)),
        )
    console(stderr=False).print(table)


def _problem(document: Document) -> str:
    return message(document.error_code, language(), document.error_params) if document.error_code else ""


def delete(engine: Engine, names: Sequence[str]) -> None:
    for document in find_documents(engine, names):
        engine.delete_document(document.id)
        say(text("cli.deleted", name=printable(document.name)))


def reindex(engine: Engine) -> None:
    from ingest.service import IngestService

    began = time.monotonic()
    service = IngestService(engine.store, engine.settings, engine.embedding())
    try:
        service.reindex()
    finally:
        service.stop()
    active = engine.store.active_spec()
    ready = [document for document in engine.documents() if document.status == "ready"]
    say(
        text(
            "cli.reindex.done",
            documents=len(ready),
            model=active[1].model if active else "-",
            seconds=f"{time.monotonic() - began:.1f}",
        )
    )


def export_faiss(engine: Engine, folder: Path) -> None:
    from rag.search.interchange import export_faiss as write

    engine.note_export("index")
    exported = write(engine.store, folder)
    say(text("cli.exported", chunks=exported.passages, folder=folder))


def import_faiss(engine: Engine, folder: Path) -> None:
    """The texts of an exported folder become documents of this library, embedded with its own model."""
    from ingest.service import IngestService
    from rag.search.interchange import import_faiss as read

    engine.embedding()
    documents = read(folder, lambda name, words: engine.add_document(name, words.encode()))
    service = IngestService(engine.store, engine.settings, engine.embedding())
    try:
        service.run_until_idle()
    finally:
        service.stop()
    say(text("cli.imported", documents=documents, folder=folder))
