"""Fiscal periods and kinds of reports, as people, file names and covers write them. Pure.

Promises: Chinese and English; nothing is guessed: a year alone is a calendar year that is named, and the
caller knows whether it stands for a fiscal one; patterns are linear in the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rag.records import FiscalPeriod, ReportType

FIRST_YEAR, LAST_YEAR = 1980, 2099


@dataclass(frozen=True, slots=True)
class Period:
    """A period that is named: ``text[start:end]``. ``year`` is None for "the second quarter" alone, ``part``
    is "" when only a year is named. ``fiscal``: it was said to be one ("FY2018", "2019年度")."""

    start: int
    end: int
    year: int | None
    part: FiscalPeriod = ""
    fiscal: bool = False


_ORDINAL: Final = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4,
    "一": 1, "二": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4,
}  # fmt: skip
_DIGITS: Final = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_Y = r"(?:19[89]|20\d)\d"
_QUARTER = r"(?P<q>[1-4])"
_ORD = r"(?P<o>first|second|third|fourth|1st|2nd|3rd|4th)"
_FY = r"(?:(?:fy|fiscal(?:\s+year)?)\s?'?\s?|(?P<cal>calendar\s+(?:year\s+)?|cy\s?))"
_YEAR = rf"(?P<y>{_Y})"
_SHORT = r"['’]?(?P<s>\d\d)"
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Q2 2023, Q2 of FY2022, Q2'23, 2Q23, FY2023Q1, 2023Q2, second quarter (of) (fiscal) 2023
        rf"(?<![A-Za-z0-9])(?:Q{_QUARTER}|(?P<h>[12])H|H(?P<h2>[12]))[\s,/_-]*(?:of\s+)?['’]?(?:{_FY})?['’]?\s?(?:{_YEAR}|(?P<s>\d\d))(?!\d)",
        rf"(?<![A-Za-z0-9]){_QUARTER}Q[\s_-]*(?:of\s+)?['’]?(?:{_FY})?['’]?(?:{_YEAR}|(?P<s>\d\d))(?!\d)",
        rf"(?<![0-9A-Za-z])(?P<f>FY\s?['’]?)?{_YEAR}[\s_-]?(?:Q{_QUARTER}|H(?P<h>[12]))(?![0-9A-Za-z])",
        rf"(?<![0-9A-Za-z])(?P<f>FY\s?['’]?)(?P<s>\d\d)[\s_-]?(?:Q{_QUARTER}|H(?P<h>[12]))(?![0-9A-Za-z])",
        rf"\b{_ORD}[\s-]+quarter(?:ly)?(?:\s+(?:results\s+)?(?:of|for|in))?(?:\s+the)?(?:\s+{_FY})?[\s,-]*{_YEAR}\b",
        rf"\b{_YEAR}[\s-]+{_ORD}[\s-]+quarter\b",
        rf"\b(?P<half>first|second)[\s-]+half(?:\s+(?:of|in))?(?:\s+the)?(?:\s+{_FY})?[\s,-]*{_YEAR}\b",
        rf"(?<![A-Za-z0-9])(?:{_QUARTER}Q|Q(?P<q2>[1-4]))(?![A-Za-z0-9])",
        rf"\b{_ORD}[\s-]+quarter\b",
        rf"(?<![A-Za-z])(?:fy|fiscal(?:\s+years?)?)\s?[-_]?['’]?\s?(?:{_YEAR}|(?P<s>\d\d))(?!\d)",
        rf"(?<![\d.,$€£¥]){_YEAR}\s?年\s?(?:度)?\s?(?:第?(?P<o>[一二三四1-4])\s?季度?|(?P<o3>[一三])季报|(?P<zh1>上半年|半年度?|中期|中报)|(?P<zh2>下半年)|(?P<zh9>前三季度|1\s?[-—至]\s?9月))",
        rf"(?<![\d.,$€£¥]){_YEAR}\s?(?P<nian>年度|财年|年年度|年年报|年报)",
        rf"(?<![\d.,$€£¥]){_YEAR}\s?年",
        r"(?<![\d〇零○一二三四五六七八九])(?P<zhy>[二][〇零○]\s?[〇零○一二]\s?[〇零○一二三四五六七八九])\s?年",
        r"(?<![\d年月第])(?P<s>[0-4]\d)年(?![前来后内间])",
        rf"(?<![\d.,$€£¥/-]){_YEAR}(?!\d|,\d|%|[/-]\d|\.\d)",
        r"第(?P<o>[一二三四])季度",
        r"(?P<zh1>半年度|上半年)",
    )
)  # fmt: skip


def periods_in(text: str) -> tuple[Period, ...]:
    """The periods that ``text`` names, in order of appearance; longer names win over parts of them."""
    taken = bytearray(len(text))
    found: list[Period] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            period = _period(match)
            if period is not None:
                taken[start:end] = b"\1" * (end - start)
                found.append(period)
    return tuple(sorted(found, key=lambda p: p.start))


def _period(match: re.Match[str]) -> Period | None:
    groups = {k: v for k, v in match.groupdict().items() if v}
    year: int | None = None
    if "y" in groups:
        year = int(groups["y"])
    elif "s" in groups:
        year = 2000 + int(groups["s"])
    elif "zhy" in groups:
        year = int("".join(groups["zhy"].split()).translate(_DIGITS))
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    part: FiscalPeriod = ""
    ordinal = groups.get("q") or groups.get("q2") or groups.get("o") or groups.get("o3")
    half = groups.get("h") or groups.get("h2") or groups.get("half")
    if ordinal:
        part = _QUARTERS[_ORDINAL[ordinal.lower()]]
    elif half:
        part = "H1" if half.lower() in ("1", "first") else "H2"
    elif "zh1" in groups:
        part = "H1"
    elif "zh2" in groups:
        part = "H2"
    elif "zh9" in groups:
        part = "9M"
    words = match.group().lower()
    fiscal = "cal" not in groups and ("fy" in words or "fiscal" in words or "nian" in groups)
    return Period(match.start(), match.end(), year, part, fiscal)


_QUARTERS: Final[dict[int, FiscalPeriod]] = {1: "Q1", 2: "Q2", 3: "Q3", 4: "Q4"}

_APART, _ENDS = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_KINDS: Final[tuple[tuple[ReportType, tuple[str, ...]], ...]] = (
    (
        "half_year",
        (
            r"半年度?报告?|半年報|中期报告|中期報告|中报",
            r"\b(?:half[\s-]?year(?:ly)?|semi[\s-]?annual|interim)\s+(?:financial\s+)?report\b",
        ),
    ),
    (
        "quarterly",
        (rf"{_APART}10[\s-]?Q{_ENDS}", r"季度?报告?|季度報告|季報", r"\bquarterly\s+(?:report|filing)\b"),
    ),
    (
        "earnings",
        (
            r"\bearnings?\s+(?:press\s+)?(?:release|report|announcement|call)\b",
            r"\bearnings\b(?=\W*$)",
            r"\bresults\s+(?:press\s+)?release\b",
            r"业绩(?:快报|公告|公报)|業績公告",
        ),
    ),
    (
        "annual",
        (
            rf"{_APART}(?:10[\s-]?K(?:405|T)?|20[\s-]?F|40[\s-]?F)(?:/A)?{_ENDS}",
            r"年度报告|年度報告|年报|年報",
            r"\bannual\s+(?:report|filing)\b",
        ),
    ),
    ("current", (rf"{_APART}(?:8[\s-]?K|6[\s-]?K)(?:/A)?{_ENDS}", r"\bcurrent\s+report\b", "临时公告")),
    (
        "prospectus",
        (
            r"招股(?:说明书|书|意向书|章程)|募集说明书",
            rf"{_APART}(?:424B\d?|S-1|F-1)(?:/A)?{_ENDS}",
            r"\bprospectus\b",
        ),
    ),
    ("proxy", (rf"{_APART}DEF\s?14A{_ENDS}", r"\bproxy\s+statement\b")),
)
_TYPES: Final = tuple((kind, re.compile("|".join(ways), re.IGNORECASE)) for kind, ways in _KINDS)


@dataclass(frozen=True, slots=True)
class Named:
    """A kind of report that is named: ``text[start:end]``."""

    start: int
    end: int
    kind: ReportType


def report_types_in(text: str) -> tuple[Named, ...]:
    """The kinds of reports that ``text`` names, in order of appearance. "半年度报告" is no annual report."""
    taken = bytearray(len(text))
    found: list[Named] = []
    for kind, pattern in _TYPES:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Named(start, end, kind))
    return tuple(sorted(found, key=lambda n: n.start))
