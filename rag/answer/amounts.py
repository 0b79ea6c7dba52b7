"""Numbers of a text as amounts that can be compared: value in base units, how finely it is printed, what kind.

Promises: 1.2 billion, 1,200 million and 12亿 have one value; years, dates, page and note numbers, list
numbering and numbers inside names (10-K, 3M, Q4) are no amounts; everything is decimal arithmetic. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext

from rag.text.normalise import normalise

_CORE = re.compile(
    r"(?<![\d.,A-Za-z_])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!\d|,\d{3}(?!\d))"
)
_SCALES = {
    "thousand": 3, "thousands": 3, "k": 3, "'000": 3, "千": 3, "万": 4, "million": 6, "millions": 6, "mn": 6,
    "mm": 6, "m": 6, "百万": 6, "千万": 7, "亿": 8, "billion": 9, "billions": 9, "bn": 9, "b": 9, "十亿": 9,
    "百亿": 10, "千亿": 11, "trillion": 12, "trillions": 12, "tn": 12, "万亿": 12,
}  # fmt: skip
_SCALE = re.compile(
    r"\s?(?P<zh>万亿|千亿|百亿|十亿|千万|百万|亿|万|千(?![瓦克米升]))"
    r"|\s?-?(?P<en>(?:thousand|million|billion|trillion)s?|mn|bn|tn|mm)(?![A-Za-z])"
    r"|(?P<letter>[mkbMKB])(?![A-Za-z])",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"\s?(?P<points>个百分点|percentage[ -]points?|ppts?\b|pp\b)|\s?(?P<percent>%|％|per\s?cent\b|percent\b|pct\b)"
    r"|\s?(?P<basis>bps?\b|basis points?)",
    re.IGNORECASE,
)
_CURRENCY_BEFORE = re.compile(
    r"(?P<sign>-)?(?P<mark>US\$|HK\$|RMB|USD|CNY|EUR|GBP|[$¥€£])\s?(?P<inner>-)?\s?$", re.IGNORECASE
)
_UNIT_AFTER = re.compile(
    r"\s?(?P<unit>元/股|元|美元|港元|欧元|人民币|dollars?|yuan|RMB|USD|股|人|户|家|台|吨|件|x|times|倍)",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?:bn|mn|tn|mm|[mkbx]|pp|ppts?|bps?|pct|[a-z]*wh?|t|kg|km|tons?)(?![A-Za-z])", re.IGNORECASE)
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
    r"|第\s*\d+\s*[页页章节条款项名位期]|(?:附注|注释?|表|图|阶段)\s*[（(]?\d+[)）]?"
    r"|\b\d+[- ](?:years?|months?|weeks?|days?|quarters?)[- ](?=[a-z])|\b(?:12|6|9|3) months?\b|\b5[23] weeks\b"
    r"|\b36[0565] days\b|36[056]\s?天|\b[1-4]Q\d{2,4}\b|\bQ[1-4]\b|\bH[12]\b|\b\d+(?:st|nd|rd|th)\b"
    r"|https?://\S+|\S+@\S+",
    re.IGNORECASE,
)
_NUMBERING = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]*)?[（(]?\d{1,2}(?:\.\d{1,2})*(?:[)）、]|\.(?=[\s\u3400-\u9fff*])|\.$)")
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
    points: bool = False
    scale: int | None = None  # power of ten that a scale word gave; None: none was there
    unit: str = ""

    @property
    def bare(self) -> Decimal:
        """The number as printed, without its scale word."""
        return self.value / (Decimal(10) ** (self.scale or 0))

    @property
    def digits(self) -> int:
        """Significant digits as printed."""
        return len(str(abs(self.value / self.step).to_integral_value()).strip("0")) or 1


def amounts(text: str) -> tuple[Amount, ...]:
    """The amounts of ``text`` in order."""
    return tuple(_amounts(text))


def _amounts(text: str) -> Iterator[Amount]:
    flat = text if text.isascii() else _narrow(text)
    if len(flat) != len(text):
        flat = text
    masked = list(flat)
    for pattern in (_MARKER, _NO_AMOUNT, _NUMBERING):
        for match in pattern.finditer(flat):
            masked[match.start() : match.end()] = "\x01" * (match.end() - match.start())
    held = "".join(masked)
    for match in _CORE.finditer(held):
        found = _amount(held, match, text)
        if found is not None:
            yield found


def _narrow(text: str) -> str:
    """Full-width digits and marks as ASCII, character by character: offsets stay."""
    return "".join(c if c.isascii() else (n if len(n := normalise(c)) == 1 else c) for c in text).replace("−", "-")


def _amount(held: str, match: re.Match[str], text: str) -> Amount | None:
    start, end = match.span()
    before = held[max(0, start - 8) : start]
    currency = _CURRENCY_BEFORE.search(before)
    sign = 1
    if currency:
        start -= len(before) - currency.start()
        sign = -1 if currency["sign"] or currency["inner"] else 1
    elif before.endswith("-"):
        if before[-2:-1].isalnum() or before[-2:-1] in ")%":
            if before[-2:-1].isalpha() and before[-2:-1].isascii():
                return None  # COVID-19
        else:
            sign, start = -1, start - 1
    following = held[end : end + 2]
    glued = _GLUED.match(held, end)
    if following[:1].isascii() and following[:1].isalpha() and not glued:
        return None  # 3D, 110kV
    if following[:1] == "-" and following[1:2].isascii() and following[1:2].isalpha() and not _SCALE.match(held, end):
        return None  # 10-K
    if glued and held[end] in "mMkKbB" and not currency:
        word = glued.group()
        if word in ("M", "B", "K", "m", "k", "b"):
            return None  # 3M is a company
    digits = held[match.start() : match.end()].replace(",", "")
    value = Decimal(digits)
    step = Decimal(1).scaleb(-len(digits.partition(".")[2]))
    percent = points = False
    scale: int | None = None
    unit = currency["mark"] if currency else ""
    proportion = _PERCENT.match(held, end)
    if proportion:
        percent, points, end = True, bool(proportion["points"]), proportion.end()
        if proportion["basis"]:
            value, step, points = value / 100, step / 100, True
    elif held[max(0, start - 3) : start] == "百分之":
        percent, start = True, start - 3
    else:
        scaled = _SCALE.match(held, end)
        if scaled:
            word = (scaled["zh"] or scaled["en"] or scaled["letter"]).lower()
            scale, end = _SCALES[word], scaled.end()
            with localcontext() as context:
                context.prec = 40
                value, step = value.scaleb(scale), step.scaleb(scale)
        counted = _UNIT_AFTER.match(held, end)
        if counted and not (counted["unit"] == "x" and held[counted.end() : counted.end() + 1].isalnum()):
            unit, end = counted["unit"], counted.end()
    return Amount(start, end, text[start:end], sign * value, step, percent, points, scale, unit)


def near(claimed: Amount, value: Decimal) -> bool:
    """Whether ``value``, rounded as finely as the claim is printed, is the claim (signs aside)."""
    return abs(abs(claimed.value) - abs(value)) <= claimed.step / 2 * Decimal("1.0001")
