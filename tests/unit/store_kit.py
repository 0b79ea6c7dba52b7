"""Small documents for tests of the store."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.records import (
    Answer,
    Box,
    Chunk,
    Citation,
    Degraded,
    Document,
    EmbeddingSpec,
    Heading,
    Line,
    Page,
    ParsedDocument,
    Passage,
    Scope,
    Table,
)
from rag.store import Lease, Store, Vectors

DIMENSION = 8
SPEC = EmbeddingSpec("tiny", "r1", DIMENSION, 256, True, "query: ", ("en", "zh"), "ck1")
OTHER_SPEC = replace(SPEC, model="other")


class Clock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parsed(texts: Sequence[str], title: str = "A title") -> ParsedDocument:
    pages = tuple(
        Page(
            number=i,
            text=text,
            width_pt=595.28,
            height_pt=841.89,
            lines=(Line(0, len(text), 0.1, 0.1, 0.9, 1 / 3),),
            headings=(Heading(0, min(3, len(text)), 1),),
            tables=(Table(0, len(text), "项目 | 2024"),),
        )
        for i, text in enumerate(texts, 1)
    )
    return ParsedDocument(
        "application/pdf", title, "zh", pages, metadata={"author": "某"}, warnings=("warn.x",)
    )


def chunked(document: ParsedDocument) -> list[Chunk]:
    """One chunk a page."""
    found, start = [], 0
    for ordinal, page in enumerate(document.pages):
        end = start + len(page.text)
        box = Box(page.number, 0.1, 0.2, 0.9, 1 / 7)
        found.append(
            Chunk(
                ordinal,
                page.text,
                page.number,
                page.number,
                start,
                end,
                ("第一章", "1.1"),
                "项目 | 2024",
                (box, box),
                12,
                "zh",
            )
        )
        start = end + 1
    return found


def embedded(chunks: Iterable[Chunk]) -> Vectors:
    rows = [np.frombuffer(bytes.fromhex(digest(c.text)), dtype="<u4").astype(np.float32) for c in chunks]
    matrix = np.array(rows, dtype=np.float32).reshape(-1, DIMENSION)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True) if len(rows) else matrix


@dataclass
class Kit:
    """What a test does with a store, in few words."""

    store: Store

    def __post_init__(self) -> None:
        self.collection = self.store.ensure_collection("default")
        self.scope = Scope(frozenset([self.collection.id]))

    def add(
        self, data: str, name: str = "a.pdf", source: str = "", password: str | None = None
    ) -> tuple[Document, bool]:
        sha256, size = self.store.originals.put(io.BytesIO(data.encode()))
        return self.store.add_document(
            collection_id=self.collection.id,
            name=name,
            sha256=sha256,
            size_bytes=size,
            source=source,
            password=password,
        )

    def lease(self) -> Lease:
        lease = self.store.lease_next("worker")
        assert lease is not None
        return lease

    def commit(
        self,
        lease: Lease,
        texts: Sequence[str] = ("第一页 one", "page two 😀"),
        spec: EmbeddingSpec = SPEC,
        rendition: str = "",
    ) -> bool:
        document = parsed(texts)
        chunks = chunked(document)
        return self.store.commit_ready(
            lease, document, chunks, embedded(chunks), [digest(c.text) for c in chunks],
            self.store.ensure_spec(spec), rendition,
        )  # fmt: skip

    def ready(self, data: str, texts: Sequence[str] | None = None, source: str = "") -> Document:
        document, _ = self.add(data, source=source)
        lease = self.lease()
        assert lease.document.id == document.id
        assert self.commit(lease, texts or [f"{data} first", f"{data} second"])
        return self.store.document(document.id, self.scope)

    def reindex(self, document_id: int, spec: EmbeddingSpec = OTHER_SPEC) -> bool:
        chunks = chunked(parsed([p.text for p in self.store.pages(document_id)]))
        spec_id = self.store.ensure_spec(spec)
        return self.store.replace_chunks(
            document_id, spec_id, chunks, embedded(chunks), [digest(c.text) for c in chunks]
        )

    def visible(self) -> set[int]:
        """Ids of the chunks that a view would hold."""
        active = self.store.active_spec()
        return set() if active is None else {c.id for c in self.store.iter_chunks(active[0])}


def answer(question: str = "净利润是多少？", text: str = "一亿。[1]") -> Answer:
    box = Box(3, 0.1, 0.2, 0.3, 0.4)
    passage = Passage(
        1, 7, 2, "年报.pdf", "年报", 3, 4, ("一", "二"), "项目 | 2024", "净利润一亿。", 10, 16, (box,), "zh",
        "physical", 0.031, 0.8, None, -1.5,
    )  # fmt: skip
    citation = Citation(1, 7, 2, "年报.pdf", 3, 3, "净利润一亿", 10, 15, (box,))
    return Answer(
        turn_id=None, conversation_id=None, question=question, standalone_question=question, text=text,
        mode="generative", refused=False, refusal_code="", model="Qwen/Qwen3-8B", citations=(citation,),
        passages=(passage,), degraded=(Degraded("dense", "degraded.x", {"why": "没有"}),), incomplete=True,
        thinking="想一想 🤔", prompt_version="p1", timings_ms={"search": 5.25, "total": 1200.0},
    )  # fmt: skip
