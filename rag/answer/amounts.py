"""Numbers of a text as amounts that can be compared: value in base units, how finely it is printed.

Promises: 1.2 billion, 1,200 million and 12亿 have one value; years, dates, page and note numbers, list
numbering, durations that name something (3-year) and numbers inside names (10-K, 3M, Q4) are no amounts;
everything is decimal arithmetic. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from rag.text.numbers import Number, parse_numbers

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_NO_AMOUNT = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:\s*,?\s*(?:19|20)\d{{2}})?(?![\d%])"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:\s*,?\s*(?:19|20)\d{{2}})?(?![A-Za-z])"
    r"|(?<![\w,.])(?:19|20)\d{2}[-/.]\d{1,2}(?:[-/.]\d{1,2})?(?![\d%])|(?<![\d.,])\d{1,2}/\d{1,2}/(?:19|20)?\d{2}(?!\d)"
    r"|(?:(?:19|20)\d{2}\s*年\s*)?\d{1,2}\s*[-—–~至]?\s*\d{0,2}\s*月(?:份|末|底|初)?(?:\s*\d{1,2}\s*[日号])?"
    r"|(?<![\d.,])(?:19|20)\d{2}\s*[-—–~至/]\s*(?:19|20)?\d{2}(?=\s*年|\D|$)"
    r"|(?:FY|CY|fiscal(?: year)?)\s?'?(?:19|20)?\d{2}\b"
    r"|(?<![$¥€£\d.,A-Za-z])(?:19|20)\d{2}(?![\d%]|[.,]\d|\s?(?:million|billion|thousand|percent|万|亿|元|人|吨|家|户))"
    r"|\b(?:pages?|pp?\.|notes?|items?|sections?|parts?|exhibits?|tables?|figures?|chapters?|no\.|form|rule|asc|ifrs"
    r"|ias|level|tier|stage|phase|version|step)\s*#?\s?\d+(?:\.\d+)*[A-Za-z]?\b"
    r"|第\s*\d+\s*[页章节条款项名位期]|(?:附注|注释?|表|图|阶段)\s*[（(]?\d+[)）]?"
    r"|[一二三四五六七八九十]、\s?\d+(?=\s|$|[|；;，])"
    r"|\b\d+[- ](?:years?|months?|weeks?|days?|quarters?)[- ](?=[a-z])|\b(?:12|6|9|3) months?\b"
    r"|\b5[23] weeks\b"
    r"|\b36[0565] days\b|36[056]\s?天|\b[1-4]Q\d{2,4}\b|\bQ[1-4]\b|\bH[12]\b|\b\d+(?:st|nd|rd|th)\b"
    r"|https?://\S+|\S+@\S+",
    re.IGNORECASE,
)
_NUMBERING = re.compile(
    r"(?m)^[ \t]*(?:[-*•][ \t]*)?[（(]?\d{1,2}(?:\.\d{1,2})*(?:[)）、]|\.(?=[\s\u3400-\u9fff*])|\.$)"
)
_MARKER = re.compile(r"\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class Amount:
    """``text[start:end]`` with its sign, currency and scale words. ``value`` is in base units, percentages as
    printed (12.5 % is 12.5); ``step`` is what the last printed digit is worth."""

    start: int
    end: int
    text: str
    value: Decimal
    step: Decimal
    percent: bool = False
    points: bool = False  # percentage points
    scale: int | None = None  # power of ten that a scale word gave; None: none was there
    unit: str = ""  # as in rag.text.numbers

    @property
    def bare(self) -> Decimal:
        """The number as printed, without its scale word."""
        return self.value.scaleb(-(self.scale or 0))

    @property
    def digits(self) -> int:
        """Significant digits as printed."""
        return len(str(abs(self.value / self.step).to_integral_value()).strip("0")) or 1


def amounts(text: str) -> tuple[Amount, ...]:
    """The amounts of ``text`` in order."""
    return tuple(_amounts(text))


def _amounts(text: str) -> Iterator[Amount]:
    numbers = parse_numbers(text)
    if not numbers:
        return
    masked = bytearray(len(text))
    for pattern in (_MARKER, _NO_AMOUNT, _NUMBERING):
        for match in pattern.finditer(text):
            masked[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    for number in numbers:
        digits = re.search(r"\d", number.text)
        at = number.start + (digits.start() if digits else 0)
        if not number.looks_like_year and not masked[at]:
            amount = _amount(number)
            if text[max(0, number.start - 3) : number.start] == "百分之" and not number.percent:
                amount = replace(amount, start=number.start - 3, text=f"百分之{number.text}", percent=True)
            yield amount


def _amount(number: Number) -> Amount:
    points = number.percent and re.search(r"点|points?|pp|bp|basis", number.text, re.IGNORECASE) is not None
    scaled = not number.percent and number.scale != 1
    with localcontext() as context:
        context.prec = 40
        value = Decimal(repr(number.value))
        step = Decimal(repr(number.scale)).scaleb(-number.decimals)
        if number.percent:
            value, step = value * 100, step * 100
    power = round(Decimal(repr(number.scale)).log10()) if scaled else None
    return Amount(
        number.start, number.end, number.text, value, step, number.percent, points, power, number.unit
    )  # fmt: skip


def near(claimed: Amount, value: Decimal) -> bool:
    """Whether ``value``, rounded as finely as the claim is printed, is the claim (signs aside)."""
    return abs(abs(claimed.value) - abs(value)) <= claimed.step / 2 * Decimal("1.0001")
