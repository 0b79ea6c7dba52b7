"""Repeats, parts of a question, and the order they leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.search.choosing import few_of_each, page_by_page, with_parts, without_repeats
from rag.search.lexical import Described
from rag.search.parts import MAX_PARTS, parts_of

TABLE = ("cash flow", "net income 5363 4869", "capital spending 1577 1373", "dividend paid 3193 2803")


def chunk(*body: str) -> Described:
    return Described(1, 1, "", ("report.pdf",), body)


def test_the_same_table_is_shown_once() -> None:
    described = {1: chunk(*TABLE), 2: chunk(*TABLE), 3: chunk("goodwill 5"), 4: chunk(*TABLE, "total 9")}
    assert without_repeats([1, 2, 3, 4, 5], described, 3) == [1, 3, 5, 2, 4]


def test_other_years_of_a_table_are_no_repeat() -> None:
    other = ("cash flow", "net income 5363 4950", "capital spending 1577 1420", "dividend paid 3193 2671")
    assert without_repeats([1, 2], {1: chunk(*TABLE), 2: chunk(*other)}, 2) == [1, 2]


@given(
    st.lists(st.integers(0, 60), unique=True), st.lists(st.integers(0, 60), max_size=4), st.integers(1, 12)
)
def test_nothing_is_lost_and_the_first_stays(order: list[int], best: list[int], top_k: int) -> None:
    best = [i for i in best if i in order]
    described = {i: chunk(f"line {i % 5}") for i in order if i % 3}
    for found in (without_repeats(order, described, top_k), with_parts(order, best, top_k)):
        assert sorted(found) == sorted(order)
        assert found[:1] == order[:1]
    if top_k >= 2 * len(set(best)):
        assert set(best) <= set(with_parts(order, best, top_k)[:top_k])


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Compare the revenue of Apple and Microsoft in 2019",
         ["Compare the revenue of Apple in 2019", "Compare the revenue of Microsoft in 2019"]),
        ("Sales in 2018, 2019 and 2020?", ["Sales in 2018?", "Sales in 2019?", "Sales in 2020?"]),
        ("2018年、2019年净利润", ["2018年净利润", "2019年净利润"]),
        ("比较四方科技与生物股份的毛利率", ["比较四方科技的毛利率", "比较生物股份的毛利率"]),
        ("四方科技2019年的营业外支出和营业外收入分别是多少？",
         ["四方科技2019年的营业外支出分别是多少？", "四方科技2019年的营业外收入分别是多少？"]),
        ("What is goodwill?", []),
        ("Property, Plant and Equipment in 2019", []),
        ("研发费用和销售费用的定义", []),
        ("", []),
    ],
)  # fmt: skip
def test_parts(question: str, parts: list[str]) -> None:
    assert list(parts_of(question)) == parts


@given(st.text(alphabet="ab和与、年 20189,andvsAB分别比较", max_size=80))
def test_parts_are_bounded(question: str) -> None:
    found = parts_of(question)
    assert len(found) <= MAX_PARTS
    assert len(found) != 1


def on(document: int, page: int) -> Described:
    return Described(document, page, "", ("",), (f"{document} {page}",))


def test_a_page_takes_one_place_until_there_are_no_other_pages() -> None:
    described = {1: on(1, 4), 2: on(1, 4), 3: on(1, 5), 4: on(2, 4), 5: on(1, 5), 6: on(2, 9)}
    assert page_by_page([1, 2, 3, 5, 4, 6], described, 3) == [1, 3, 4, 2, 5, 6]
    assert page_by_page([1, 2, 3, 5, 4, 6], described, 10) == [1, 3, 4, 6, 2, 5]


def test_a_document_without_pages_keeps_its_passages() -> None:
    described = {1: on(1, 1), 2: on(1, 1), 3: on(2, 1), 4: on(1, 1)}
    assert page_by_page([1, 2, 3, 4], described, 2) == [1, 2, 3, 4]


@given(st.lists(st.integers(0, 30), unique=True), st.integers(1, 8), st.integers(1, 5))
def test_pages_move_and_are_never_lost(order: list[int], top_k: int, pages: int) -> None:
    described = {i: on(i % 3, i % pages) for i in order if i % 7}
    found = page_by_page(order, described, top_k)
    assert sorted(found) == sorted(order)
    assert found[:1] == order[:1]


def test_a_document_does_not_fill_the_list_while_others_have_something() -> None:
    described = {i: Described(1 if i < 6 else 2, i, "", ("",), (str(i),)) for i in range(8)}
    assert few_of_each(range(8), described, 4, 2) == [0, 1, 6, 7, 2, 3, 4, 5]
    assert few_of_each(range(8), described, 4, 0) == list(range(8))
    assert few_of_each(range(6), described, 4, 2) == list(range(6)), "no other document: nothing moves"
    assert few_of_each([0, 1, 2, 9, 6], described, 4, 2) == [0, 1, 2, 9, 6], "unknown ones end the look"


@given(st.lists(st.integers(0, 60), unique=True), st.integers(1, 12), st.integers(0, 5))
def test_the_limit_loses_nothing(order: list[int], top_k: int, most: int) -> None:
    described = {i: Described(i % 4, i, "", ("",), (str(i),)) for i in order if i % 7}
    found = few_of_each(order, described, top_k, most)
    assert sorted(found) == sorted(order)
    assert found[:1] == order[:1]


def test_the_best_of_one_part_does_not_push_out_that_of_another() -> None:
    assert with_parts(range(10), [3, 9], 4) == [0, 1, 3, 9, 2, 4, 5, 6, 7, 8]
