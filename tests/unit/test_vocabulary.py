"""The field's vocabulary: its data holds together, names are found in texts, formulas calculate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from rag.vocabulary import VocabularyError, item, items_in, mentions, ratio, ratios_in, vocabulary
from rag.vocabulary.entries import ANY_ITEM, read_vocabulary
from rag.vocabulary.formula import (
    FormulaError,
    Number,
    Operation,
    Reference,
    evaluate,
    parse_formula,
    references,
)

WORDS = vocabulary()
ENTRIES = [*WORDS.items.values(), *WORDS.ratios.values()]


def test_both_languages_name_every_entry() -> None:
    assert len(WORDS.items) >= 200
    assert len(WORDS.ratios) >= 50
    for entry in ENTRIES:
        assert entry.names_en, entry.id
        assert entry.names_zh, entry.id
        assert all(n.text.isascii() and n.terms for n in entry.names_en), entry.id
        assert any(n.chinese for n in entry.names_zh), entry.id


def test_every_formula_refers_to_amounts_of_the_vocabulary() -> None:
    for found in WORDS.ratios.values():
        for formula in (found.formula, *found.alternatives):
            for reference in references(parse_formula(formula)):
                assert reference.item == ANY_ITEM or item(reference.item).amount, (found.id, reference)


def test_every_name_is_found_in_a_text_that_holds_it() -> None:
    for entry in ENTRIES:
        for name in entry.names:
            found = mentions(f"{name.text}")
            assert entry.id in {i for m in found for i in (m.id, *m.also)}, (entry.id, name.text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("What was the inventory turnover?", ["inventory_turnover"]),
        ("Cost of Sales rose", ["cost_of_sales"]),
        ("net sales and SG&A", ["revenue", "sga"]),
        ("归属于上市公司股东的\n扣除非经常性损益的净利润", ["deducted_net_income"]),
        ("营 业 收 入", ["revenue"]),
        ("营业收入与营业成本", ["revenue", "cost_of_sales"]),
        ("毛利率", ["gross_margin"]),
        ("nothing of the kind", []),
        ("", []),
    ],
)
def test_the_longest_name_takes_its_place(text: str, ids: list[str]) -> None:
    assert [m.id for m in mentions(text)] == ids


def test_items_and_ratios_apart() -> None:
    text = "gross margin and total assets"
    assert [i.id for i in items_in(text)] == ["total_assets"]
    assert [r.id for r in ratios_in(text)] == ["gross_margin"]
    assert ratio("gross_margin").items == ("gross_profit", "revenue")
    assert item("capex").sign == "outflow"
    assert item("capex").statement == "cash_flow"
    assert ratio("growth_rate").of_any_item
    with pytest.raises(KeyError):
        item("no_such_item")


def test_an_ambiguous_name_says_so() -> None:
    (mention,) = mentions("minority interest")
    assert (mention.id, mention.also) == ("net_income_minority", ("minority_interests",))


def test_a_formula_is_a_tree_and_calculates() -> None:
    tree = parse_formula("365 * average(inventory) / (cost_of_sales + change(inventory))")
    assert references(tree) == (
        Reference("inventory", "average"),
        Reference("cost_of_sales"),
        Reference("inventory", "change"),
    )
    figures = {"average": 10.0, "now": 90.0, "change": 10.0}
    assert evaluate(tree, lambda r: figures[r.period]) == pytest.approx(36.5)
    assert parse_formula("-a") == Operation("-", Number(0.0), Reference("a"))
    with pytest.raises(FormulaError, match="zero"):
        evaluate(parse_formula("a / (b - b)"), lambda _: 1.0)


@pytest.mark.parametrize(
    "formula",
    ["", "a +", "a.b", "__import__('os')", "a ** 2", "average(a + b)", "sum(a)", "a < b", "'a'", "[a]",
     "True", "lambda: a", "a" * 500, "(" * 300 + "a" + ")" * 300],
)  # fmt: skip
def test_what_is_no_arithmetic_is_no_formula(formula: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(formula)


def table(**rows: Any) -> Mapping[str, Mapping[str, Any]]:
    return {"test.toml": {"statement": "", "kind": "amount", **rows}}


REVENUE = {"en": ["revenue"], "zh": ["营业收入"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": {"en": ["revenue"]}}, "zh"),
        ({"a": {"en": [], "zh": ["收入"]}}, "en"),
        ({"a": {"en": ["收入"], "zh": ["收入"]}}, "en"),
        ({"a": REVENUE, "b": {"en": ["Revenues"], "zh": ["收入"]}}, "revenue"),
        ({"a": {**REVENUE, "statement": "somewhere"}}, "statement"),
        ({"a": {**REVENUE, "sign": "minus"}}, "sign"),
        ({"a": REVENUE, "r": {"en": ["m"], "zh": ["率"], "formula": "a / b", "unit": "percent"}}, "'b'"),
        ({"a": REVENUE, "r": {"en": ["m"], "zh": ["率"], "formula": "a /", "unit": "percent"}}, "formula"),
        ({"a": REVENUE, "r": {"en": ["m"], "zh": ["率"], "formula": "a", "unit": "litre"}}, "unit"),
        ({"not an id": REVENUE}, "id"),
    ],
)
def test_wrong_data_is_refused(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        read_vocabulary(table(**rows))


def test_a_shared_name_must_be_declared_by_both() -> None:
    one = {**REVENUE, "ambiguous": ["revenue"]}
    two = {"en": ["revenue", "takings"], "zh": ["收入"], "ambiguous": ["revenue"]}
    assert read_vocabulary(table(a=one, b=two)).by_name[("revenue",)] == ("a", "b")
    with pytest.raises(VocabularyError, match="not declared"):
        read_vocabulary(table(a=one, b={**two, "ambiguous": []}))
