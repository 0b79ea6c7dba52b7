"""The field's vocabulary: its data holds together, names are found in texts, formulas calculate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from rag.vocabulary import VocabularyError, item, items_in, mentions, ratio, ratios_in, vocabulary
from rag.vocabulary.additions import InvalidTerm, make_term, read_terms, term_from_json, term_to_json
from rag.vocabulary.entries import ANY_ITEM, read_vocabulary
from rag.vocabulary.expansion import MAX_GROUPS, expand, items_of
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


def added(question: str, why: str) -> set[str]:
    return {a.text for g in expand(question).groups for a in g.alternatives if a.why == why}


def test_other_names_and_the_statement_are_added() -> None:
    found = added("What was capex in 2020?", "synonym")
    assert "capital expenditures" in found
    assert "capex" not in found, "the question says it already"
    assert any("cash flows" in text for text in added("What was capex in 2020?", "statement"))
    assert expand("What was capex in 2020?").pages == ("cash_flow",)


def test_a_ratio_looks_for_its_items() -> None:
    assert {"gross profit", "revenue"} <= added("gross margin of Acme", "items")
    assert {"营业收入", "营业成本"} <= added("Acme毛利率是多少", "items")
    assert [i.id for i in items_of(ratio("quick_ratio"))][:2] == ["current_assets", "inventory"]


def test_names_of_the_other_language_are_added() -> None:
    assert "revenue" in added("2019年营业收入是多少", "translation")
    assert "营业收入" in added("What was revenue in 2019?", "translation")


def test_additions_are_weighted_bounded_and_shown() -> None:
    everything = " ".join(n.text for e in ENTRIES[:80] for n in e.names_en[:1])
    found = expand(everything)
    assert 0 < len(found.groups) <= MAX_GROUPS
    assert all(0 < a.weight <= 1 for g in found.groups for a in g.alternatives)
    assert expand("gross margin").shown[0] == "gross profit margin"
    assert len(found.shown) == 12
    assert expand("Who wrote Hamlet?").groups == ()


def test_terms_of_a_collection_are_added() -> None:
    own = (make_term("SKU", ["stock keeping unit", "货号"]), make_term("other", ["else"]))
    (group,) = [g for g in expand("Which SKU sold best?", own=own).groups if g.said and g.said.text == "SKU"]
    assert {a.text for a in group.alternatives} == {"stock keeping unit", "货号"}
    assert "SKU" in {a.text for g in expand("货号有多少？", own=own).groups for a in g.alternatives}
    assert expand("HOW MANY askued?", own=own).groups == ()


def test_a_file_of_terms_names_its_bad_lines() -> None:
    text = "\ufeffterm,synonyms,language\nSKU,stock keeping unit;货号,en\n\n# a\nalone,,\n,x,\n12,a,\nPO,a|b,"
    good, bad = read_terms(text)
    assert [(t.text, t.synonyms) for t in good] == [
        ("SKU", ("stock keeping unit", "货号")),
        ("PO", ("a", "b")),
    ]
    assert [(line, e.code) for line, e in bad] == [
        (5, "vocabulary.no_synonym"),
        (6, "vocabulary.no_word"),
        (7, "vocabulary.no_word"),
    ]
    assert read_terms("") == ([], [])


def test_a_term_survives_its_writing() -> None:
    term = make_term("  SKU ", ["stock  keeping unit", "sku", "货号"])
    assert [n.text for n in term.names] == ["SKU", "stock keeping unit", "货号"]
    assert term_from_json(term_to_json(term)) == term
    for wrong in ("", "[]", '{"names": 3}', '{"names": [1]}', '{"names": []}', '{"names": ["a"]}'):
        with pytest.raises(InvalidTerm):
            term_from_json(wrong)
    with pytest.raises(InvalidTerm, match="too_long"):
        make_term("a" * 81, ["b"])
    with pytest.raises(InvalidTerm, match="too_many"):
        make_term("a", [f"b{chr(97 + i)}" for i in range(25)])
