"""Another embedding model, or other chunks: the library is indexed anew beside what is in use.

Promises: readers see the old index until the new one is complete, then the new one at once; what was done
before an interruption is not done again; documents that come or go meanwhile are handled; no file is read
again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Literal

from ingest.about import about_of
from ingest.embedder import Stopped
from ingest.job import Indexer
from rag.errors import AccessDenied, StoreError
from rag.records import Document, ParsedDocument, Scope
from rag.store import Store

log = logging.getLogger(__name__)

_ROUNDS = 100  # a library that grows faster than it is indexed
_AT_ONCE = 2  # one is chunked while the other is embedded

OnDocument = Callable[[Document, Literal["progress", "final"]], None]


def reindex(
    store: Store, indexer: Indexer, stopping: threading.Event, on_document: OnDocument | None = None
) -> None:
    """Raises StoreError, ModelError; Stopped is swallowed: the next call goes on."""
    active = store.active_spec()
    if active is not None and active[0] == indexer.spec_id:
        return
    # Same model, other chunks: vectors of texts that stayed are still right.
    same_model = active is not None and indexer.spec.differs_from(active[1]) == ("chunker",)
    reuse = (active[0],) if active is not None and same_model else ()

    halted = threading.Event()  # one document failed: the others need not go on

    def check() -> None:
        if stopping.is_set() or halted.is_set():
            raise Stopped

    def one(document_id: int) -> None:
        check()
        scope = Scope(frozenset(collection.id for collection in store.collections()))
        try:
            document = store.document(document_id, scope)
        except AccessDenied:
            return  # deleted meanwhile
        parsed = ParsedDocument(
            document.media_type,
            document.title,
            document.language,
            tuple(store.pages(document_id)),
            document.page_kind,
            store.document_metadata(document_id),
        )
        # Read anew from the stored pages; what a person has set stays.
        document = store.note_about(document_id, about_of(parsed, document.name)) or document
        parsed = replace(parsed, title=document.title, about=document.about)
        chunks, texts, hashes = indexer.chunks(parsed)
        document = replace(document, chunk_count=len(chunks), chunks_done=0)

        def progress(done: int) -> None:
            if on_document is not None:
                on_document(replace(document, chunks_done=done), "progress")

        vectors = indexer.vectors(texts, hashes, progress, check, reuse)
        if store.replace_chunks(document_id, indexer.spec_id, chunks, vectors, hashes) and on_document:
            on_document(replace(document, chunks_done=len(chunks)), "final")

    try:
        for _ in range(_ROUNDS):
            missing = store.documents_without(indexer.spec_id)
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reindex") as pool:
                try:
                    for _ in pool.map(one, missing):
                        check()
                except BaseException:
                    halted.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
            try:
                store.activate_spec(indexer.spec_id)
            except StoreError as error:
                if error.code != "store.spec_incomplete":
                    raise
                continue
            log.info("index of %s is active", indexer.spec.model)
            return
    except Stopped:
        log.info("re-indexing stopped; it goes on with the next call")
