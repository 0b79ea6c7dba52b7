"""Numbers read from text: value, unit, scale, sign, and exact places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text.numbers import chinese_value, parse_numbers, stated_scale


@pytest.mark.parametrize(
    ("text", "value", "unit", "scale"),
    [
        ("1,577", 1577, "", 1),
        ("(1,577)", -1577, "", 1),
        ("$1.6 billion", 1.6e9, "USD", 1e9),
        ("$(3.2) million", -3.2e6, "USD", 1e6),
        ("the $1.6-billion deal", 1.6e9, "USD", 1e9),
        ("US$1,200", 1200, "USD", 1),
        ("RMB 5,000 million", 5e9, "CNY", 1e6),
        ("$3M", 3e6, "USD", 1e6),
        ("12.5%", 0.125, "percent", 0.01),
        ("(1.5)%", -0.015, "percent", 0.01),
        ("-5.3 %", -0.053, "percent", 0.01),
        ("fell (12.5%)", 0.125, "percent", 0.01),
        ("50 basis points", 0.005, "percent", 0.0001),
        ("12.5个百分点", 0.125, "percent", 0.01),
        ("2.5 million shares", 2.5e6, "shares", 1e6),
        ("1.23亿元", 1.23e8, "CNY", 1e8),
        ("1亿2000万元", 1.2e8, "CNY", 1e8),
        ("1.2万亿元", 1.2e12, "CNY", 1e12),
        ("5,000万元", 5e7, "CNY", 1e4),
        ("１，５７７万元", 1.577e7, "CNY", 1e4),
        ("减少（1,234.56）万元", -12345600, "CNY", 1e4),
        ("负1.2亿", -1.2e8, "", 1e8),
        ("三千二百万", 3.2e7, "", 1),
        ("人民币五千万元", 5e7, "CNY", 1),
        ("百分之十二", 0.12, "percent", 0.01),
        ("百分之十二点五", 0.125, "percent", 0.01),
        ("二〇一九年", 2019, "year", 1),
        ("2019年", 2019, "year", 1),
        ("三年", 3, "years", 1),
        ("二十三家", 23, "count", 1),
        ("每股0.52元", 0.52, "CNY", 1),
        ("1.5x", 1.5, "times", 1),
    ],
)
def test_one_number(text: str, value: float, unit: str, scale: float) -> None:
    (found,) = parse_numbers(text)
    assert (found.value, found.unit, found.scale) == (pytest.approx(value), unit, scale)
    assert found.text == text[found.start : found.end]
    assert found.percent == (unit == "percent")
    assert found.negative == (value < 0)


@pytest.mark.parametrize(
    "text",
    [
        "FY2018", "3M", "10-K", "Q3", "COVID-19", "[1]", "Note 12", "Item 7A", "2nd", "version 1.2.3",
        "十一月", "第三季度", "第12届", "一般来说", "进一步提高", "一家公司", "三一重工", "万科", 
        "上千万元", "数十亿元", "千万别", "四川",
    ],
)  # fmt: skip
def test_names_and_marks_are_no_numbers(text: str) -> None:
    assert parse_numbers(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "December 31, 2019",
        "31 December 2019",
        "2019-12-31",
        "12/31/2019",
        "2019年12月31日",
        "二〇一九年十二月三十一日",
    ],
)
def test_a_date_is_its_year(text: str) -> None:
    (found,) = parse_numbers(text)
    assert (found.value, found.unit) == (2019, "year")
    assert found.looks_like_year


@pytest.mark.parametrize(("text", "values"), [
    ("$ 1,577\t(12)\t32,765", [1577, -12, 32765]),
    ("see (1) and (2019)", [1, 2019]),
    ("(1) see (2019)", [2019]),
    ("10-12 in 2018-2019", [10, 12, 2018, 2019]),
    ("5%-10%", [0.05, 0.1]),
    ("1. Revenue rose 5", [5]),
    ("2019年12月31日净利润为1.5亿元", [2019, 1.5e8]),
])  # fmt: skip
def test_several(text: str, values: list[float]) -> None:
    assert [n.value for n in parse_numbers(text)] == pytest.approx(values)


def test_how_exact_a_number_is() -> None:
    (billion,), (share,) = parse_numbers("$1.6 billion"), parse_numbers("12.50%")
    assert (billion.printed, billion.decimals, billion.step) == (1.6, 1, pytest.approx(1e8))
    assert (share.printed, share.decimals, share.step) == (12.5, 2, pytest.approx(1e-4))


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("三千二百万", 32_000_000), ("一百零五", 105), ("十二", 12), ("一亿零五万", 100_050_000), 
     ("两万亿", 2 * 10**12), ("二〇一九", 2019), ("壹佰贰拾叁", 123),
     ("万", None), ("百千", None), ("三四百", None)],
)  # fmt: skip
def test_chinese_value(numeral: str, value: int | None) -> None:
    assert chinese_value(numeral) == value


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("(in millions, except per share)", (1e6, "")),
        ("Dollars in thousands", (1e3, "USD")),
        ("$ in millions", (1e6, "USD")),
        ("(Millions)", (1e6, "")),
        ("单位：万元 币种：人民币", (1e4, "CNY")),
        ("金额单位：人民币元", (1.0, "CNY")),
        ("in the beginning", None),
    ],
)
def test_stated_scale(text: str, stated: tuple[float, str] | None) -> None:
    assert stated_scale(text) == stated


@given(st.text(alphabet="0123456789,.()%-$ \t亿万千百十一二三〇元年月日点负第billionmK股（％１", max_size=40))
def test_places_are_exact_and_apart(text: str) -> None:
    end = 0
    for number in parse_numbers(text):
        assert end <= number.start < number.end <= len(text)
        assert number.text == text[number.start : number.end]
        end = number.end


@given(st.integers(-(10**12), 10**12))
def test_grouping_and_brackets(number: int) -> None:
    written = f"({-number:,})" if number <= -1000 else f"{number:,}"
    assert [n.value for n in parse_numbers(written)] == [float(number)]
