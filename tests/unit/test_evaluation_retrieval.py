"""Measures with known answers, and a whole run over a tiny library."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from search_library import Library

from evaluation.datasets import DatasetError, read_questions
from evaluation.measures import hit_at, recall_at, reciprocal_rank, wilson_interval
from evaluation.retrieval import run
from rag.engine import Engine

RANKING = [{"a"}, {"b", "c"}, {"d"}]


def test_measures() -> None:
    assert [hit_at(RANKING, {"c"}, k) for k in (1, 2, 3)] == [0.0, 1.0, 1.0]
    assert [recall_at(RANKING, {"c", "d", "z"}, k) for k in (1, 2, 3)] == [0.0, 1 / 3, 2 / 3]
    assert reciprocal_rank(RANKING, {"d", "c"}, 10) == 0.5
    assert reciprocal_rank(RANKING, {"d"}, 2) == 0.0
    with pytest.raises(ValueError, match="undefined"):
        recall_at(RANKING, set(), 1)


def test_wilson_interval_of_textbook_cases() -> None:
    low, high = wilson_interval(5, 10)
    assert (round(low, 3), round(high, 3)) == (0.237, 0.763)
    low, high = wilson_interval(0, 20)
    assert (low, round(high, 3)) == (0.0, 0.161)
    assert wilson_interval(0, 0) == (0.0, 1.0)


class _Door:
    """What evaluation needs of an Engine."""

    def __init__(self, library: Library) -> None:
        self._library, self._index = library, library.index()

    def documents(self) -> list[Any]:
        return self._library.store.documents(self._library.scope())

    def search(self, query: str, *, top_k: int, document_ids: list[int] | None, legs: Any) -> Any:
        return self._index.search(query, self._library.scope(documents=document_ids), top_k=top_k, legs=legs)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def test_a_run_counts_pages_and_says_what_is_missing(tmp_path: Path) -> None:
    library = Library(tmp_path / "data")
    library.add("a.pdf", ["capital expenditure 1,577", "dividends 5.44"])
    library.add("b.pdf", ["capital of France", "quick brown fox"])
    questions = write(
        tmp_path / "questions.jsonl",
        {"id": "1", "question": "dividends?", "evidence": [{"doc": "a.pdf", "page": 2, "text": "ignored"}]},
        {"id": "2", "question": "quick fox",
         "evidence": [{"doc": "b.pdf", "page": 1}, {"doc": "b.pdf", "page": 2}]},
        {"id": "3", "question": "elsewhere", "evidence": [{"doc": "c.pdf", "page": 1}]},
        {"id": "4", "question": "no evidence", "expect_refusal": True},
    )  # fmt: skip
    report = run(cast(Engine, _Door(library)), questions, ks=(1, 5))
    assert (report.questions, report.skipped, report.missing) == (2, 2, ("c.pdf",))
    fused = report.scores[("whole library", "fused")]
    assert fused["page hit@1"].mean == 1.0
    assert fused["page recall@1"].mean == 0.75
    assert fused["page recall@1"].n == 2
    assert report.scores[("right document", "lexical only")]["page hit@5"].mean == 1.0
    table = report.to_markdown().splitlines()
    assert len(table) == 2 + 6
    assert table[0].startswith("| searched in | legs | n | page hit@1 |")
    assert json.loads(json.dumps(report.to_json()))["questions"] == 2


def test_bad_packs_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"questions\.jsonl"):
        read_questions(tmp_path)
    bad = write(tmp_path / "questions.jsonl", {"id": "1", "question": "x"}, {"id": "2"})
    with pytest.raises(DatasetError, match="line 2: question"):
        read_questions(bad)
    write(bad, {"id": "1", "question": "x", "evidence": [{"doc": "a", "page": 0}]})
    with pytest.raises(DatasetError, match=r"evidence\.0\.page"):
        read_questions(bad)
    write(bad, {"id": "1", "question": "x"})
    with pytest.raises(DatasetError, match="No question"):
        run(cast(Engine, SimpleNamespace(documents=list)), bad)
