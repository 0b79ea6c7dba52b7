"""Arithmetic over running Chinese text: right from cited statements, or left to the quotes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from test_calculator import passage

from rag.answer.calculator import Result, calculate
from rag.answer.prose import Period, statements
from rag.answer.shelf import Shelf
from rag.answer.verify import verify
from rag.records import Page, Scope

FISHING = (
    "2017年,L省实现海水养殖产量93.1万吨,同比增长3%;海洋捕捞产量53万吨,同比下降3.4%,"
    "比2015年下降9%;远洋渔业产量2.9万吨,同比增长43.3%。"
)
RETAIL = (
    "2021年前三季度,某市社会消费品零售总额4200亿元，比上年同期增加350亿元。其中，网上零售额1260亿元。"
    "截至2021年12月底,全市实有商户81.2万户,比上年末增长1.5%。"
)
YEARS = "2018年至2020年公司研发投入分别为1200万元、1500万元、1800万元。"


def ask(question: str, text: str) -> Result | None:
    page = passage(1, text, "公报.txt", 0)

    def no_page(document_id: int, number: int) -> Page:
        raise AssertionError("running text needs no page")

    nothing = Shelf([page], Scope(frozenset({1})), lambda query, scope, top_k: [], no_page)
    made = calculate(question, nothing, prose_only=True)
    assert made is None or isinstance(made, Result)
    return made


def test_statements_have_item_period_value_and_their_moves() -> None:
    first, second, third = statements(FISHING)
    assert (first.item, first.period, first.text) == ("L省实现海水养殖产量", Period(2017), "93.1万吨")
    assert first.value == 931_000
    assert [s.growth and s.growth.value for s in (first, second)] == [3, Decimal("-3.4")]
    assert third.item == "远洋渔业产量"
    assert FISHING[second.start : second.end] == "海洋捕捞产量53万吨,同比下降3.4%"


def test_periods_are_carried_on_and_the_end_of_the_year_is_the_year() -> None:
    found = {s.item: s for s in statements(RETAIL)}
    assert found["某市社会消费品零售总额"].period == found["网上零售额"].period == Period(2021, "1-9")
    assert found["某市社会消费品零售总额"].change is not None
    assert found["全市实有商户"].period == Period(2021)


@pytest.mark.parametrize(
    ("question", "text", "result"),
    [
        ("2016年L省海水养殖产量为多少万吨?", FISHING, "90.39万吨"),
        ("2016年L省海水养殖产量是海洋捕捞产量的几倍?", FISHING, "1.65 倍"),
        ("2017年L省海水养殖产量比海洋捕捞产量多多少万吨?", FISHING, "40.10万吨"),
        ("2017年L省海洋捕捞产量与远洋渔业产量之和是多少?", FISHING, "55.90万吨"),
        ("2021年前三季度,某市网上零售额占社会消费品零售总额的比重是多少?", RETAIL, "30.00%"),
        ("2021年前三季度,某市社会消费品零售总额的增长率是多少?", RETAIL, "9.09%"),
        ("2020年前三季度某市社会消费品零售总额为多少亿元?", RETAIL, "3850.00亿元"),
        ("2020年底全市实有商户有多少万户?", RETAIL, "80.00万户"),
        ("2020年公司研发投入比2018年增长百分之多少?", YEARS, "50.00%"),
        ("2020年公司研发投入与2019年相比增加了多少万元?", YEARS, "300.00万元"),
    ],
)
def test_what_follows_from_the_text_is_calculated(question: str, text: str, result: str) -> None:
    made = ask(question, text)
    assert made is not None, question
    assert made.calculation.result == result
    verdict = verify(made.text, [passage(1, text, "公报.txt", 0)], calculations=[made.calculation])
    assert [c.support for c in verdict.checks] == ["calculated"]
    assert not verdict.missing


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("2017年L省淡水养殖产量比海洋捕捞产量多多少?", FISHING),  # not named
        ("2016年M省海水养殖产量为多少万吨?", FISHING),  # another province
        ("2015年L省海水养殖产量为多少万吨?", FISHING),  # two years back
        ("2021年上半年某市社会消费品零售总额的增长率是多少?", RETAIL),  # another period
        ("2017年L省海水养殖、海洋捕捞产量占远洋渔业产量的比重?", FISHING),  # several things together
        ("2017年L省海水养殖产量同比增长百分之多少?", FISHING),  # printed: quoted
        ("海水养殖产量为什么增长?", FISHING),
        ("What was the output of 2016?", FISHING),
    ],
)
def test_what_does_not_is_left_to_the_quotes(question: str, text: str) -> None:
    assert ask(question, text) is None
