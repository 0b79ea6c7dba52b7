"""The light reranker: what its features see, and that it only moves what was found."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from rag.search.features import NAMES, Candidate, asked_of, features
from rag.search.lexical import Described, LexicalEntry, LexicalIndex
from rag.search.light import RERANKED, items_asked, learned_weights, rerank_lightly, understand
from rag.search.query_terms import query_terms
from rag.search.understanding import Meant

QUESTION = "How much were purchases of property, plant and equipment in 2018?"
ROWS = {
    1: (
        "Cash flow\n2018\t2017",
        "Net income\t5,363\t4,869\nPurchases of property, plant and equipment (PP&E)\t(1,577)",
    ),
    2: (
        "Risk factors",
        "Property damage may harm our plant.\nEquipment fails.\nPurchases were made in other years.",
    ),
    3: ("Dividends", "Cash dividends declared per share were 5.44 in 2018."),
}


@pytest.fixture
def lexical(tmp_path: Path) -> LexicalIndex:
    index, _ = LexicalIndex.open(tmp_path, "spec")
    entries = [
        LexicalEntry(
            i, 10, 1, f"report.pdf\n{head}", body, page=i, page_type="cash_flow" if i == 1 else "notes"
        )
        for i, (head, body) in ROWS.items()
    ]
    entries += [LexicalEntry(i, 11, 1, "other.pdf", f"filler number {i}") for i in range(100, 130)]
    index.apply((), entries, 1)
    return index


def column(lexical: LexicalIndex, name: str, question: str = QUESTION) -> list[float]:
    asked = understand(question, query_terms(question), lexical)
    candidates = [Candidate(i, 1 / i, None) for i in ROWS]
    return list(features(asked, candidates, lexical.describe(ROWS))[:, NAMES.index(name)])


@pytest.mark.parametrize("name", ["line", "label", "pairs", "items", "statement", "figures", "year_head"])
def test_the_row_that_is_asked_stands_out(lexical: LexicalIndex, name: str) -> None:
    row, prose, other = column(lexical, name)
    assert row > prose
    assert row > other


def test_what_surrounds_and_what_is_asked(lexical: LexicalIndex) -> None:
    assert column(lexical, "year") == [0.0, 0.0, 1.0]
    assert column(lexical, "covered_head", "cash flow of the dividends")[0] > 0
    assert column(lexical, "figures_asked", "Is the plant old?") == [0.0, 0.0, 0.0]


def test_documents_that_the_question_names(lexical: LexicalIndex) -> None:
    meant = Meant(named=frozenset((10, 11)), best=(frozenset((10,)), frozenset((12,))))
    asked = understand(QUESTION, query_terms(QUESTION), lexical, meant)
    found = features(asked, [Candidate(i, 0.0, None) for i in (1, 100)], lexical.describe((1, 100)))
    assert found[:, NAMES.index("best_document")].tolist() == [1.0, 0.0]
    assert found[:, NAMES.index("named_document")].tolist() == [1.0, 1.0]
    assert column(lexical, "best_document") == [0.0, 0.0, 0.0]


def test_features_stay_in_range(lexical: LexicalIndex) -> None:
    asked = understand(QUESTION, query_terms(QUESTION), lexical)
    candidates = [Candidate(i, 0.03, 0.4) for i in (*ROWS, 999)]
    found = features(asked, candidates, lexical.describe(ROWS))
    assert found.shape == (4, len(NAMES))
    assert np.isfinite(found).all()
    assert found.max() <= 1.5
    assert found[3, NAMES.index("covered")] == 0.0, "a chunk that is not described has only its scores"


def test_no_question_no_features() -> None:
    asked = asked_of("", {}, [], {}, 0)
    described = {1: Described(1, 1, "", ("a",), ("b",))}
    assert np.isfinite(features(asked, [Candidate(1, 0.0, None)], described)).all()
    assert features(asked, [], {}).shape == (0, len(NAMES))


def test_reranking_moves_and_never_drops(lexical: LexicalIndex) -> None:
    fused = [(2, 0.03), (3, 0.029), (1, 0.028), *((i, 0.02 - i / 1e5) for i in range(100, 130))]
    fused += [(i, 0.001) for i in range(1000, 1000 + RERANKED)]
    asked = understand(QUESTION, query_terms(QUESTION), lexical)
    found, logits = rerank_lightly(asked, fused, {}, lexical)
    assert found[0][0] == 1
    assert dict(found) == dict(fused)
    assert [i for i, _ in found[RERANKED:]] == [i for i, _ in fused[RERANKED:]]
    assert list(logits.values()) == sorted(logits.values(), reverse=True)
    assert rerank_lightly(asked, [], {}, lexical) == ([], {})


def test_ratios_ask_for_their_items() -> None:
    assert {"gross_profit", "revenue"} & {item.id for item in items_asked("What was the gross margin?")}
    assert items_asked("Who chairs the board?") == ()


def test_the_weights_say_where_they_come_from() -> None:
    body = json.loads((files("rag.search") / "light_weights.json").read_text("utf-8"))
    assert set(body["weights"]) <= set(NAMES)
    assert body["examples"]
    assert body["cross_validated"].keys() == body["examples"].keys()
    assert learned_weights().shape == (len(NAMES),)
    assert np.abs(learned_weights()).sum() > 0
