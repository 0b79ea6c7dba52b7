"""The index as LangChain's FAISS folder, out and in: an interchange format, never our own storage.

``export_faiss`` writes what ``langchain_community.vectorstores.FAISS.load_local`` reads, by that class's own
``save_local``, and beside it ``passages.jsonl`` (the same passages as plain data) and ``manifest.json`` (the
SHA-256 of every file).

``import_faiss`` reads ``passages.jsonl`` and nothing else. The serialised Python objects of ``index.pkl`` are
a program that runs when it is loaded, so they are never loaded; a folder that has nothing else is refused
with the way out. ``index.faiss`` is not read either: the library embeds the passages with its own model, so
an index never mixes vectors of two models, and a crafted index file meets no parser.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import WenjuError
from rag.records import PAGE_BREAK, EmbeddingSpec, Scope, StoredChunk
from rag.search import files

if TYPE_CHECKING:
    from rag.store import Store

INDEX, OBJECTS, PASSAGES = "index.faiss", "index.pkl", "passages.jsonl"
FORMAT = "wenju-faiss-1"
MAX_LINE_BYTES = 4_000_000
MAX_PAGE = 5_000
_BATCH = 4_096


class InterchangeError(WenjuError):
    """A folder cannot be exported or imported; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Exported:
    folder: Path
    passages: int
    documents: int


class ExportedPassage(BaseModel):
    """A line of ``passages.jsonl``. Pages are 1-based."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)
    document: Annotated[str, Field(min_length=1, max_length=1_000)]
    text: Annotated[str, Field(min_length=1)]
    page_start: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 1
    page_end: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 1
    ordinal: Annotated[int, Field(ge=0)] = 0
    title: str = ""
    section_path: list[str] = []
    collection_id: int = 0
    chunk_id: int = 0


def export_faiss(store: Store, folder: Path, scope: Scope | None = None) -> Exported:
    """Writes every passage inside ``scope`` (None: all) with its vector to ``folder``, which must be empty
    or absent. Load it with ``FAISS.load_local(folder, embeddings, allow_dangerous_deserialization=True)`` and
    the embedding model named in ``manifest.json``; distances are inner products. Raises InterchangeError."""
    active = store.active_spec()
    if active is None:
        raise InterchangeError("search.export_empty")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InterchangeError("search.export_not_empty", path=folder)
        count, documents = _write_index(store, folder, scope, active[0], active[1])
        names = [INDEX, OBJECTS, PASSAGES]
        files.write_manifest(
            folder / files.MANIFEST,
            {
                "format": FORMAT,
                "passages": count,
                "model": active[1].model,
                "dimension": active[1].dimension,
                "query_instruction": active[1].query_instruction,
                "files": files.checksums(folder, names),
            },
        )
    except OSError as error:
        raise InterchangeError("search.export_failed", path=folder, problem=error) from error
    return Exported(folder, count, documents)


def _write_index(
    store: Store, folder: Path, scope: Scope | None, spec_id: int, spec: EmbeddingSpec
) -> tuple[int, int]:
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS
    from langchain_community.vectorstores.utils import DistanceStrategy
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings

    class _None(Embeddings):
        """Nothing is embedded by an export."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError

        def embed_query(self, text: str) -> list[float]:
            raise NotImplementedError

    index = faiss.IndexFlatIP(spec.dimension)
    kept: dict[str, Document] = {}
    documents: set[int] = set()
    chunks = {c.id: c for c in store.iter_chunks(spec_id) if scope is None or _inside(c, scope)}
    with (folder / PASSAGES).open("w", encoding="utf-8", newline="\n") as stream:
        wanted = sorted(chunks)
        for start in range(0, len(wanted), _BATCH):
            ids, matrix = store.vectors(wanted[start : start + _BATCH])
            index.add(np.ascontiguousarray(matrix, dtype=np.float32))
            for chunk_id in ids.tolist():
                record = _record(chunks[chunk_id])
                stream.write(json.dumps(record, ensure_ascii=False) + "\n")
                metadata = {key: value for key, value in record.items() if key != "text"}
                kept[str(chunk_id)] = Document(chunks[chunk_id].text, metadata=metadata, id=str(chunk_id))
                documents.add(chunks[chunk_id].document_id)
    FAISS(
        embedding_function=_None(),
        index=index,
        docstore=InMemoryDocstore(dict(kept)),
        index_to_docstore_id=dict(enumerate(kept)),
        distance_strategy=DistanceStrategy.MAX_INNER_PRODUCT,
    ).save_local(str(folder))
    return len(kept), len(documents)


def _inside(chunk: StoredChunk, scope: Scope) -> bool:
    return chunk.collection_id in scope.collection_ids and (
        scope.document_ids is None or chunk.document_id in scope.document_ids
    )


def _record(chunk: StoredChunk) -> dict[str, object]:
    return {
        "chunk_id": chunk.id,
        "document_id": chunk.document_id,
        "collection_id": chunk.collection_id,
        "document": chunk.document,
        "title": chunk.title,
        "ordinal": chunk.ordinal,
        "page_start": chunk.page_start,
        "page_end": chunk.page_end,
        "section_path": list(chunk.section_path),
        "text": chunk.text,
    }


def import_faiss(folder: Path, add: Callable[[str, str], object]) -> int:
    """Gives ``add(name, text)`` one text for every document of an exported folder, its passages at their
    pages (pages are separated by form feeds, as a text file's); answers how many. All of the folder is
    checked before the first call. Raises InterchangeError; what ``add`` raises goes through."""
    folder = Path(folder)
    passages = folder / PASSAGES
    if not passages.is_file():
        if (folder / OBJECTS).exists():
            raise InterchangeError("search.import_objects_only", path=folder)
        raise InterchangeError("search.import_refused", path=folder, problem=f"{PASSAGES}: missing")
    try:
        body = files.read_manifest(folder / files.MANIFEST)
        if body.get("format") != FORMAT:
            raise files.CorruptFolder(f"format {body.get('format')!r}, expected {FORMAT!r}")
        expected = body.get("files")
        if not isinstance(expected, Mapping) or PASSAGES not in expected:
            raise files.CorruptFolder(f"{files.MANIFEST}: no checksum of {PASSAGES}")
        files.verify(folder, {name: str(digest) for name, digest in expected.items()})
    except files.CorruptFolder as error:
        raise InterchangeError("search.import_refused", path=folder, problem=error) from error
    found: dict[tuple[int, str], list[ExportedPassage]] = defaultdict(list)
    for passage in _read(passages):
        found[(passage.collection_id, passage.document)].append(passage)
    for (_, name), parts in found.items():
        add(f"{name}.txt", _text(parts))
    return len(found)


def _read(path: Path) -> Iterator[ExportedPassage]:
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            try:
                if len(line) > MAX_LINE_BYTES:
                    raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
                yield ExportedPassage.model_validate_json(line)
            except (ValidationError, ValueError) as error:
                problem = f"{PASSAGES}, line {number}: {str(error).splitlines()[0]}"
                raise InterchangeError("search.import_refused", path=path.parent, problem=problem) from error


def _text(parts: list[ExportedPassage]) -> str:
    pages: dict[int, list[str]] = defaultdict(list)
    for part in sorted(parts, key=lambda p: (p.ordinal, p.page_start)):
        pages[part.page_start].append(part.text.replace(PAGE_BREAK, "\n"))
    return PAGE_BREAK.join("\n\n".join(pages[number]) for number in range(1, max(pages) + 1))
