"""The lexical view: BM25 over terms, kept by tantivy on disk and shared by all processes.

One writer at a time (a lock file beside the folder); the others reload what it committed. The manifest
beside the folder carries the generation and the SHA-256 of every file, and is checked before the first
read. Collections and documents are filtered inside the query. A query is built from terms, never parsed.

Layout: ``<root>/lexical/`` (tantivy), ``<root>/lexical.json`` (manifest), ``<root>/lexical.lock``.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rag.records import Scope
from rag.search import files
from rag.search.query_terms import LexicalQuery
from rag.text.terms import index_lines

log = logging.getLogger(__name__)

FORMAT = 2
HEAD_BOOST = 0.6  # weight of title, section, table header and file name against the chunk's own text
_HEAP = 64_000_000
_DESCRIBED_KEPT = 4_000  # chunks, about 2 KB each


@dataclass(frozen=True, slots=True)
class LexicalEntry:
    """A chunk to index. ``head`` is what stands around it: title, section path, table header, file name."""

    chunk_id: int
    document_id: int
    collection_id: int
    head: str
    body: str
    page: int = 0
    page_type: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """What the index keeps of a chunk beside its postings: enough to rerank it without reading its text. Each
    line is its terms between spaces."""

    document_id: int
    page: int
    page_type: str
    head: tuple[str, ...]
    body: tuple[str, ...]


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", stored=False, indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True, fast=True)
    builder.add_unsigned_field("collection", indexed=True)
    builder.add_unsigned_field("page", fast=True)
    builder.add_text_field("type", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("head", stored=True, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("body", stored=True, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


class LexicalIndex:
    """Open with :meth:`open`. Thread-safe: searches never wait for a writer."""

    def __init__(self, root: Path, index: Any, generation: int, fingerprint: str) -> None:
        self._root = root
        self._index = index
        self._schema = index.schema
        self._fingerprint = fingerprint
        self.generation = generation
        self.marks: Mapping[str, str] = {}  # which history it was made from
        self._known: dict[str, str] = {}
        self._described: dict[int, Described] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, root: Path, fingerprint: str) -> tuple[LexicalIndex, str]:
        """The index under ``root`` and what was wrong with the one found there ("" when it is good). Call
        with the write lock held. A missing, corrupt, foreign or half-written index is set aside and an
        empty one with generation -1 answered."""
        import tantivy

        folder, manifest = root / "lexical", root / "lexical.json"
        root.mkdir(parents=True, exist_ok=True)
        problem = ""
        if folder.exists() or manifest.exists():
            try:
                body = files.read_manifest(manifest)
                if body.get("format") != FORMAT or body.get("spec") != fingerprint:
                    raise files.CorruptFolder("made for another library or by another version")
                expected = body["files"]
                if set(expected) != set(_live_files(folder)):
                    raise files.CorruptFolder("the last write did not finish")
                files.verify(folder, expected)
                index = tantivy.Index(_schema(), path=str(folder), reuse=True)
                index.config_reader("manual")
                opened = cls(root, index, int(body["generation"]), fingerprint)
                opened._known = dict(expected)
                opened.marks = dict(body["marks"])
                index.reload()
                return opened, ""
            except (files.CorruptFolder, KeyError, TypeError, ValueError, OSError) as error:
                problem = str(error) or type(error).__name__
                log.warning("lexical index set aside: %s", problem)
                files.set_aside(folder)
                files.remove(manifest)
        folder.mkdir(parents=True)
        index = tantivy.Index(_schema(), path=str(folder), reuse=True)
        index.config_reader("manual")
        return cls(root, index, -1, fingerprint), problem

    @property
    def lock_path(self) -> Path:
        return self._root / "lexical.lock"

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs)

    def published_generation(self) -> int:
        """The generation of the last complete commit by any process; -1 when there is none."""
        try:
            body = files.read_manifest(self._root / "lexical.json")
            return int(body["generation"]) if body.get("spec") == self._fingerprint else -1
        except (files.CorruptFolder, KeyError, ValueError, TypeError):
            return -1

    def reload(self) -> None:
        """See what another process committed."""
        with self._lock:
            generation = self.published_generation()
            self._index.reload()
            self._described = {}
            self.generation = generation

    def apply(
        self,
        removed: Iterable[int],
        added: Iterable[LexicalEntry],
        generation: int,
        *,
        marks: Mapping[str, str] = MappingProxyType({}),
        rebuild: bool = False,
    ) -> None:
        """Commit the changes and publish ``generation``. Call with the write lock held. A chunk that is
        there already must be in ``removed`` to be replaced; ``rebuild`` empties the index first. Killed at
        any instant, the next open finds the old state or sets the folder aside."""
        import tantivy
        from tantivy import Query

        with self._lock:
            writer = self._index.writer(_HEAP, 1)
            try:
                if rebuild:
                    writer.delete_all_documents()
                gone = sorted(set(removed))
                for start in range(0, len(gone), 10_000):  # by term does not match unsigned fields (0.27)
                    some = Query.term_set_query(self._schema, "chunk", gone[start : start + 10_000])
                    writer.delete_documents_by_query(some)
                for entry in added:
                    document = tantivy.Document()
                    document.add_unsigned("chunk", entry.chunk_id)
                    document.add_unsigned("document", entry.document_id)
                    document.add_unsigned("collection", entry.collection_id)
                    document.add_unsigned("page", entry.page)
                    document.add_text("type", entry.page_type)
                    for field, text in (("head", entry.head), ("body", entry.body)):
                        document.add_text(field, "\n".join(map(" ".join, index_lines(text))))
                    writer.add_document(document)
                writer.commit()
                writer.garbage_collect_files()
            except BaseException:
                writer.rollback()
                raise
            finally:
                writer.wait_merging_threads()  # consumes the writer: files are final, tantivy's lock is free
            self.marks = dict(marks)
            self._publish(generation)
            self._index.reload()
            self._described = {}
            self.generation = generation

    def _publish(self, generation: int) -> None:
        folder = self._root / "lexical"
        live = _live_files(folder)
        # Segment files never change once written; meta.json and deletes (.del carries its opstamp) do.
        fresh = files.checksums(folder, [n for n in live if n not in self._known or n == "meta.json"])
        self._known = {n: fresh.get(n) or self._known[n] for n in live}
        files.write_manifest(
            self._root / "lexical.json",
            {
                "format": FORMAT,
                "spec": self._fingerprint,
                "generation": generation,
                "marks": self.marks,
                "files": self._known,
            },
        )

    def search(
        self, wanted: Mapping[str, float] | LexicalQuery, scope: Scope, k: int
    ) -> list[tuple[int, float]]:
        """(chunk id, bm25) of the ``k`` best chunks inside the scope that hold any of the terms, best first,
        ties by chunk id. ``wanted``: terms with their weights, or with alternatives too."""
        asked = wanted if isinstance(wanted, LexicalQuery) else LexicalQuery(wanted)
        if k <= 0 or not asked or not scope.collection_ids or scope.document_ids == frozenset():
            return []
        searcher = self._index.searcher()
        query = self._query(asked, scope)
        hits = searcher.search(query, limit=k, count=False).hits
        if not hits:
            return []
        ids = searcher.fast_field_values("chunk", [address for _, address in hits])
        found = [(int(i), float(score)) for i, (score, _) in zip(ids, hits, strict=True) if i is not None]
        found.sort(key=lambda pair: (-pair[1], pair[0]))
        return found

    def describe(self, chunk_ids: Iterable[int]) -> dict[int, Described]:
        """What is kept of each chunk, without those that are not indexed. Never shown: the store decides what
        may be read."""
        from tantivy import Query

        kept = self._described  # replaced, never emptied, when the index changes
        asked = {i for i in chunk_ids if i >= 0}
        wanted = sorted(asked - kept.keys())
        if wanted:
            searcher = self._index.searcher()
            query = Query.const_score_query(Query.term_set_query(self._schema, "chunk", wanted), 1.0)
            addresses = [
                address for _, address in searcher.search(query, limit=len(wanted), count=False).hits
            ]
            columns = [searcher.fast_field_values(name, addresses) for name in ("chunk", "document", "page")]
            if len(kept) + len(wanted) > _DESCRIBED_KEPT:
                kept = self._described = {i: kept[i] for i in asked & kept.keys()}
            for address, chunk, document, page in zip(addresses, *columns, strict=True):
                stored = searcher.doc(address)
                head, body = (tuple((stored.get_first(f) or "").split("\n")) for f in ("head", "body"))
                page_type = str(stored.get_first("type") or "")
                kept[int(chunk)] = Described(int(document), int(page), page_type, head, body)
        return {i: kept[i] for i in asked if i in kept}

    def _query(self, asked: LexicalQuery, scope: Scope) -> Any:
        from tantivy import Occur, Query

        def any_of(weights: Mapping[str, float]) -> list[tuple[Any, Any]]:
            found = []
            for term, weight in weights.items():
                for field, boost in (("body", 1.0), ("head", HEAD_BOOST)):
                    one = Query.term_query(self._schema, field, term, index_option="freq")
                    found.append((Occur.Should, Query.boost_query(one, weight * boost)))
            return found

        wanted = any_of(asked.weights)
        for group in asked.alternatives:
            best = [Query.boolean_query(any_of(way)) for way in group.ways]
            wanted.append((Occur.Should, Query.disjunction_max_query(best, 0.0)))
        parts = [(Occur.Must, Query.boolean_query(wanted))]
        for field, ids in (("collection", scope.collection_ids), ("document", scope.document_ids)):
            if ids is not None:
                inside = Query.term_set_query(self._schema, field, sorted(i for i in ids if i >= 0))
                parts.append((Occur.Must, Query.const_score_query(inside, 0.0)))
        return Query.boolean_query(parts)

    def frequencies(self, wanted: Iterable[str]) -> dict[str, int]:
        """For each term, chunks that hold it in their text or around it (all collections; deleted ones may
        still count)."""
        searcher = self._index.searcher()
        return {t: max(int(searcher.doc_freq("body", t)), int(searcher.doc_freq("head", t))) for t in wanted}

    def document_frequency(self, term: str) -> int:
        """Chunks that hold the term (all collections; deleted ones may still count)."""
        return int(self._index.searcher().doc_freq("body", term))


def _live_files(folder: Path) -> list[str]:
    """The files that the current commit is made of. Raises CorruptFolder."""
    try:
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        names = {"meta.json"}
        for segment in meta["segments"]:
            stem = str(segment["segment_id"]).replace("-", "")
            names.update(p.name for p in folder.glob(f"{stem}.*") if not p.name.endswith(".del"))
            if segment.get("deletes"):
                names.add(f"{stem}.{segment['deletes']['opstamp']}.del")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise files.CorruptFolder("meta.json: unreadable") from error
    return sorted(names)
