"""Query terms, fusion and the lexical view."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.records import Scope
from rag.search.fusion import reciprocal_rank_fusion
from rag.search.lexical import LexicalEntry, LexicalIndex
from rag.search.query_terms import MAX_TERMS, lexical_query, query_terms

ALL = Scope(frozenset({1, 2}))


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("What is the dividend per share?", ["dividend", "per", "share"]),
        ("FY2018 revenue", ["fy2018", "2018", "revenue"]),
        ("FY18", ["fy18", "2018"]),
        ("请问净利润是多少？", ["净利", "利润"]),
        ("公司的法定代表人是谁", ["公司", "法定", "定代", "代表", "表人"]),
        ("其他应付款是多少", ["其他", "他应", "应付", "付款"]),
        ("What is it?", ["what", "is", "it"]),
        ("1,577.00", ["1577"]),
        ("Total assets? Answer in USD millions.", ["total", "asset"]),
        ("Gross margin? Round your answer to two decimal places.", ["gross", "margin"]),
        ("2019年营业收入保留两位小数", ["2019", "营业", "业收", "收入"]),
        ("", []),
        ("?!…", []),
    ],
)
def test_asking_words_bring_nothing(question: str, terms: list[str]) -> None:
    assert list(query_terms(question)) == terms


def ways(question: str) -> list[set[str]]:
    return [set(way) for group in lexical_query(question).alternatives for way in group.ways]


def test_short_forms_are_spelled_out() -> None:
    found = lexical_query("SG&A in FY2020")
    assert found.weights == {"fy2020": 1.0, "2020": 1.0}
    spelled = [way for way in found.alternatives[0].ways if "administrative" in way]
    assert 0 < spelled[0]["administrative"] < 1


def test_the_other_language_is_asked_too() -> None:
    assert {"revenue"} in ways("2019年营业收入是多少？")
    assert {"营业", "业收", "收入"} in ways("What was revenue in 2019?")
    assert ways("Who wrote Hamlet?") == []


def test_the_best_name_counts_not_their_sum(lexical: LexicalIndex) -> None:
    entries = [
        LexicalEntry(7, 40, 1, "", "net sales 12 and other figures of the year"),
        LexicalEntry(8, 40, 1, "", "net sales 12 turnover 13 total revenue 14 of"),
    ]
    lexical.apply((), entries, 9)
    found = dict(lexical.search(lexical_query("net sales"), Scope(frozenset({1}), frozenset({40})), 5))
    assert found[8] == pytest.approx(found[7], rel=0.15)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_makes_bounded_terms(text: str) -> None:
    found = query_terms(text * 20)
    assert len(found) <= MAX_TERMS
    assert all(term.split() == [term] and weight > 0 for term, weight in found.items())


def test_fusion_adds_reciprocal_ranks() -> None:
    fused = reciprocal_rank_fusion({"dense": [1, 2], "lexical": [2, 3]}, {"dense": 1.0, "lexical": 2.0}, 60)
    assert fused == [(2, 1 / 62 + 2 / 61), (3, 2 / 62), (1, 1 / 61)]


@given(
    st.dictionaries(st.sampled_from(["dense", "lexical"]), st.lists(st.integers(0, 30), unique=True)),
    st.floats(0, 3),
)
def test_fusion_is_deterministic_and_complete(rankings: dict[str, list[int]], weight: float) -> None:
    weights = {"dense": weight, "lexical": 1.0}
    fused = reciprocal_rank_fusion(rankings, weights, 60)
    assert fused == reciprocal_rank_fusion(dict(reversed(rankings.items())), weights, 60)
    counted = {i for leg, ids in rankings.items() if weights[leg] > 0 for i in ids}
    assert {i for i, _ in fused} == counted
    scores = [s for _, s in fused]
    assert scores == sorted(scores, reverse=True)


@pytest.fixture
def lexical(tmp_path: Path) -> LexicalIndex:
    index, problem = LexicalIndex.open(tmp_path, "spec")
    assert (problem, index.generation) == ("", -1)
    entries = [
        LexicalEntry(1, 10, 1, "3M_2018_10K.pdf", "purchases of property, plant and equipment 1,577"),
        LexicalEntry(2, 10, 1, "3M_2018_10K.pdf", "dividends declared per share 5.44"),
        LexicalEntry(3, 20, 2, "年报.pdf 财务报告", "公司净利润为 12,345.60 万元"),
        LexicalEntry(4, 30, 2, "notes.txt", "AND OR NOT body:equipment title:\"x\" [a TO b] ~ ^ * ?"),
    ]  # fmt: skip
    index.apply((), entries, 5)
    return index


def ids(index: LexicalIndex, question: str, scope: Scope = ALL, k: int = 10) -> list[int]:
    return [i for i, _ in index.search(query_terms(question), scope, k)]


def test_numbers_names_and_chinese_are_found(lexical: LexicalIndex) -> None:
    assert ids(lexical, "1577")[0] == 1
    assert ids(lexical, "$1,577.00")[0] == 1
    assert ids(lexical, "3M dividends")[0] == 2
    assert ids(lexical, "净利润是多少")[0] == 3
    assert ids(lexical, "12345.6")[0] == 3
    assert ids(lexical, "nothing like this 火星") == []


def test_the_scope_is_inside_the_query(lexical: LexicalIndex) -> None:
    assert ids(lexical, "equipment", Scope(frozenset({1}))) == [1]
    assert ids(lexical, "equipment", Scope(frozenset({1, 2}), frozenset({30}))) == [4]
    assert ids(lexical, "equipment", Scope(frozenset())) == []
    assert ids(lexical, "equipment", Scope(frozenset({1}), frozenset())) == []
    assert ids(lexical, "equipment", Scope(frozenset({-1, 99}))) == []


def test_replaced_and_removed(lexical: LexicalIndex) -> None:
    lexical.apply([1, 4], [LexicalEntry(1, 10, 1, "", "cash flow")], 6)
    assert ids(lexical, "equipment") == []
    assert ids(lexical, "cash") == [1]
    assert len(lexical) == 3
    assert lexical.published_generation() == 6


HOSTILE = [
    'body:"x" AND (', "*:*", "[* TO *]", "a" * 100_000, "\x00\x01", "(((((", "~~~^^^", "\\", '"', "😀" * 50,
    "\ud800", "chunk:1", "-equipment", "+1", "{a TO b}", "%s %d {0}", "' OR 1=1 --", "../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("question", HOSTILE)
def test_query_syntax_is_never_parsed(lexical: LexicalIndex, question: str) -> None:
    found = lexical.search(query_terms(question), ALL, 10)
    assert len(found) <= 4
    assert {1, 2, 3} - {i for i, _ in found}, "a text is not a query for everything"


def test_minus_is_not_an_operator(lexical: LexicalIndex) -> None:
    assert 1 in ids(lexical, "-equipment")


def test_reopened_by_another_process(lexical: LexicalIndex, tmp_path: Path) -> None:
    other, problem = LexicalIndex.open(tmp_path, "spec")
    assert (problem, other.generation, len(other)) == ("", 5, 4)
    lexical.apply((), [LexicalEntry(5, 10, 1, "", "goodwill")], 7)
    assert ids(other, "goodwill") == []
    other.reload()
    assert ids(other, "goodwill") == [5]
    assert other.generation == 7


def test_another_spec_is_set_aside(lexical: LexicalIndex, tmp_path: Path) -> None:
    other, problem = LexicalIndex.open(tmp_path, "another")
    assert problem
    assert (other.generation, len(other)) == (-1, 0)


def test_what_the_index_keeps_of_a_chunk(lexical: LexicalIndex) -> None:
    entry = LexicalEntry(
        7, 10, 1, "Cash flow", "Net income\t5,363\nCapital spending\t(1,577)", 60, "cash_flow"
    )
    lexical.apply((), [entry], 8)
    (kept,) = lexical.describe([7, 999]).values()
    assert (kept.document_id, kept.page, kept.page_type) == (10, 60, "cash_flow")
    assert (kept.head, kept.body) == (("cash flow",), ("net income 5363", "capital spending 1577"))
    assert lexical.search(query_terms("capital spending"), ALL, 1)[0][0] == 7
