"""Passages travel through LangChain and lose nothing; the retriever keeps to its scope."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from search_library import Library

from rag.records import Box, Passage
from rag.search.retriever import ScopedRetriever, document_to_passage, passage_to_document


def test_round_trip_also_through_json(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.add("a.pdf", ["capital expenditure 1,577"], title="3M")
    (found,) = library.index().search("capital", library.scope(), top_k=1).passages
    passage: Passage = replace(found, boxes=(Box(1, 0.1, 0.2, 0.3, 0.4),), section_path=("A", "B"))
    document = passage_to_document(passage)
    assert document_to_passage(document) == passage
    document.metadata = json.loads(json.dumps(document.metadata))
    assert document_to_passage(document) == passage
    assert document.page_content == "capital expenditure 1,577"


def test_the_retriever_is_bound_to_its_scope(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.add("a.pdf", ["capital expenditure"], "red")
    library.add("b.pdf", ["capital expenditure"], "blue")
    retriever = ScopedRetriever(index=library.index(), scope=library.scope("red"), top_k=5)
    assert [d.metadata["document"] for d in retriever.invoke("capital expenditure")] == ["a.pdf"]
    assert retriever.last_result is not None
    assert "total" in retriever.last_result.timings_ms
