"""The LangChain face of search: a retriever bound to a scope, and passages as LangChain documents.

``passage_to_document`` and ``document_to_passage`` are inverses: everything of a passage travels in the
metadata as JSON-compatible values, so a chain may carry documents and lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr

from rag.records import About, Box, Passage, Scope
from rag.search.index import LEGS, SearchIndex, SearchResult
from rag.search.several import Further, merged
from rag.tracing import span

_BOX = ("page", "x0", "y0", "x1", "y1")


def passage_to_document(passage: Passage) -> Document:
    """``page_content`` is the chunk's text; ``id`` the chunk id; ``metadata`` every other field by its name,
    boxes as lists [page, x0, y0, x1, y1]."""
    metadata: dict[str, Any] = {
        f.name: getattr(passage, f.name) for f in fields(Passage) if f.name not in ("text", "boxes")
    }
    metadata["section_path"] = list(passage.section_path)
    metadata["boxes"] = [[getattr(box, name) for name in _BOX] for box in passage.boxes]
    metadata["about"] = {**asdict(passage.about), "aliases": list(passage.about.aliases)}
    return Document(page_content=passage.text, metadata=metadata, id=str(passage.chunk_id))


def document_to_passage(document: Document) -> Passage:
    """The passage that ``document`` was made from. Raises KeyError when it was not made from one."""
    values = {f.name: document.metadata[f.name] for f in fields(Passage) if f.name != "text"}
    values["section_path"] = tuple(values["section_path"])
    values["boxes"] = tuple(Box(int(page), *rest) for page, *rest in values["boxes"])
    about = values["about"]
    values["about"] = About(**{**about, "aliases": tuple(about["aliases"])})
    return Passage(text=document.page_content, **values)


class ScopedRetriever(BaseRetriever):
    """Searches ``index`` inside ``scope`` and nowhere else. ``further`` names queries to search besides, from
    what the question itself found. ``last_result`` is the whole result of the last
    search (what was degraded, timings): make one retriever a question."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: SearchIndex
    scope: Scope
    top_k: int = Field(gt=0)
    legs: Sequence[str] = LEGS
    ignored_chips: Sequence[str] = ()
    further: Callable[[SearchResult], Sequence[Further]] | None = None
    _last: SearchResult | None = PrivateAttr(default=None)

    @property
    def last_result(self) -> SearchResult | None:
        return self._last

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        with span("retrieve", {"top_k": self.top_k}) as made:
            first = self._search(query)
            others = [(f, self._search(f.query)) for f in (self.further(first) if self.further else ())]
            self._last = merged(first, others, self.top_k)
            made.set_attribute("passages", len(self._last.passages))
        return [passage_to_document(passage) for passage in self._last.passages]

    def _search(self, query: str) -> SearchResult:
        return self.index.search(
            query, self.scope, top_k=self.top_k, legs=tuple(self.legs), ignored_chips=self.ignored_chips
        )
