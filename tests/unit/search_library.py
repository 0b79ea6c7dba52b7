"""A tiny real library for the search tests: a Store in a folder, documents committed as a worker would."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.access import LOCAL, readable_scope
from rag.models.protocols import EmbeddingModel
from rag.records import Chunk, EmbeddingSpec, Page, ParsedDocument, Scope
from rag.search.index import SearchIndex
from rag.settings import Settings
from rag.store import Store
from rag.testing import HashEmbedding
from rag.text.context import context_header, embedded_text, text_hash
from rag.text.language import detect_language

CHUNKER = "chunker-1"


def settings(folder: Path, **search: Any) -> Settings:
    return Settings(data_dir=folder, search={"refresh_s": 0.001, **search})


class Library:
    """A store, an embedding model and documents whose pages are given as texts; one chunk a page."""

    def __init__(self, folder: Path, embedding: EmbeddingModel | None = None, **search: Any) -> None:
        self.settings = settings(folder, **search)
        self.embedding = embedding or HashEmbedding(64)
        self.store = Store.open(self.settings)

    def spec(self) -> EmbeddingSpec:
        return self.embedding.spec(CHUNKER)

    def add(self, name: str, pages: Sequence[str], collection: str = "default", title: str = "") -> int:
        """The document's id, ready."""
        data = f"{collection}/{name}\n".encode() + "\f".join(pages).encode()
        sha256, size = self.store.originals.put(io.BytesIO(data))
        place = self.store.ensure_collection(collection)
        document, _ = self.store.add_document(
            collection_id=place.id, name=name, sha256=sha256, size_bytes=size
        )
        while document.status != "ready":
            lease = self.store.lease_next("test")
            assert lease is not None
            self._commit(lease, pages, title)
            document = self.store.document(document.id, self.scope())
        return document.id

    def _commit(self, lease: Any, pages: Sequence[str], title: str) -> None:
        parsed = ParsedDocument(
            "text/plain", title, "en", tuple(Page(i, text) for i, text in enumerate(pages, 1))
        )
        chunks, at = [], 0
        for number, text in enumerate(pages, 1):
            chunks.append(
                Chunk(
                    number - 1, text, number, number, at, at + len(text), (), "", (), 1, detect_language(text)
                )
            )
            at += len(text) + 1
        embedded = [embedded_text(context_header(title, (), ""), c.text) for c in chunks]
        vectors = self.embedding.embed_passages(embedded)
        spec_id = self.store.ensure_spec(self.spec())
        hashes = [text_hash(e) for e in embedded]
        assert self.store.commit_ready(lease, parsed, chunks, vectors, hashes, spec_id)

    def scope(self, *collections: str, documents: Sequence[int] | None = None) -> Scope:
        found = [c for c in self.store.collections() if not collections or c.name in collections]
        return readable_scope(LOCAL, found, documents)

    def index(self, **options: Any) -> SearchIndex:
        return SearchIndex(self.store, self.settings, lambda: self.embedding, **options)


def digest(folder: Path) -> str:
    """SHA-256 over all files of a folder, by path."""
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
