"""Lexical terms: one writing, one term."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text.terms import _ASCII_TOKEN, _TOKEN, index_lines, index_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,577", ["1577"]),
        ("(1,577)", ["1577"]),
        ("$1,577.00 million", ["1577", "million"]),
        ("12.5%", ["12.5"]),
        ("12.50", ["12.5"]),
        ("1,2,3", ["1", "2", "3"]),
        ("Filings filing Companies company's", ["filing", "filing", "company", "company"]),
        ("boxes losses taxes analysis", ["box", "loss", "tax", "analysis"]),
        ("U.S. R&D", ["us", "r&d"]),
        ("Form 10-K", ["form", "10", "k", "10k"]),
        ("10K", ["10k"]),
        ("2021-2022", ["2021", "2022"]),
        ("café Ｆｕｌｌ１２３", ["cafe", "full123"]),
        ("营业收入", ["营业", "业收", "收入"]),
        ("营业收\n入", ["营业", "业收", "收入"]),
        ("合  计", ["合计"]),
        ("年", ["年"]),
        ("2021年净利润", ["2021", "年净", "净利", "利润"]),
        ("净利润\t1,577.25", ["净利", "利润", "1577.25"]),
        ("\u200b收\u200b入", ["收入"]),
        ("", []),
        (" \n—…", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@given(st.text(alphabet="abkus019 .,'&-_%()\n", max_size=40))
def test_ascii_tokens_are_the_general_ones(text: str) -> None:
    assert _ASCII_TOKEN.findall(text) == _TOKEN.findall(text)


@given(st.text(max_size=60))
def test_terms_hold_no_space_and_ignore_case_and_width(text: str) -> None:
    found = terms(text)
    assert all(term and not any(c.isspace() for c in term) for term in found)
    assert terms(text) == found


@given(st.integers(0, 10**12))
def test_grouped_and_plain_numbers_agree(number: int) -> None:
    assert terms(f"{number:,}") == terms(str(number)) == [str(number)]


@pytest.mark.parametrize(
    "written",
    [
        ["1.5亿元", "15,000万", "150,000,000", "$150 million", "0.15 billion",
         "１５０，０００，０００", "150000000.00"],
        ["三千二百万元", "3,200万元", "32 million", "0.32亿"],
        ["二〇一九年", "2019年", "FY 2019"],
        ["December 31, 2019", "31 December 2019", "Dec. 31, 2019", "2019-12-31", "2019/12/31",
         "2019年12月31日", "二〇一九年十二月三十一日"],
    ],
)  # fmt: skip
def test_ways_of_writing_meet(written: list[str]) -> None:
    assert set.intersection(*(set(index_terms(text)) for text in written))


@pytest.mark.parametrize(
    "text", ["一般来说", "in May", "31 boxes", "version 2019-13-45", "million", "第三千"]
)
def test_nothing_is_read_into_other_words(text: str) -> None:
    assert index_terms(text) == terms(text)


def test_typography_changes_nothing() -> None:
    assert terms("the “Company’s” R&D — 10\u2011K\u00a0·•") == terms('the "Company\'s" R&D - 10-K')


def test_lines_of_terms() -> None:
    assert index_lines("Net sales\t1,577\n\n营业收\n入") == [
        ["net", "sale", "1577"],
        ["营业", "业收", "收入"],
    ]
