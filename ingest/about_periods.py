"""For which fiscal period a report was written, by what it states.

Promises: a year is named as the company names it: where the text says "fiscal 2022 ended January 28, 2023" or
speaks of "fiscal 2022" throughout, that is 2022; else a year that ends in the first half of January is the
year before, any other the year in which it ends. Quarters are counted from the months that the statements
cover, so that a year may begin in any month.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Final

from rag.records import FiscalPeriod, ReportType
from rag.text.reports import periods_in


@dataclass(frozen=True, slots=True)
class Stated:
    """``date`` is the period's end, or the day of a notice, ISO 8601."""

    year: int | None = None
    part: FiscalPeriod = ""
    date: str = ""


_MONTHS: Final = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS.update({name.lower(): number for number, name in enumerate(calendar.month_abbr) if name})
_MONTH = (
    r"(?P<m>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY = (
    rf"(?:{_MONTH}\s{{0,3}}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,3}}(?P<y>(?:19|20)\d\d)|"
    rf"(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s{{1,3}}{_MONTH.replace('<m>', '<m2>')},?\s{{1,3}}"
    r"(?P<y2>(?:19|20)\d\d))"
)
_ENDED: Final = re.compile(
    r"\b(?P<what>fiscal\s+years?|years?|quarterly\s+period|quarter|period|"
    r"(?:three|six|nine|twelve|thirteen|twenty-six|thirty-nine|fifty-(?:two|three)|\d\d?)[\s-]+(?:months?|weeks?)(?:[\s-]+period)?)"
    r"[\s\W]{0,6}(?:\(?[“\"”]?fiscal\s+year[”\"]?\)?[\s\W]{0,4})?(?:ended|ending)[\s:]{1,4}" + _DAY,
    re.IGNORECASE,
)
_REPORTED: Final = re.compile(
    r"date\s+of\s+(?:earliest\s+event|report)[^:]{0,40}(?:\([^)]{0,60}\))?\s*:?\s{0,4}" + _DAY, re.IGNORECASE
)
_PERIOD_INFO: Final = re.compile(r"period\s+ending\s+(\d{4})-(\d\d)-(\d\d)", re.IGNORECASE)
_ANY_DAY: Final = re.compile(_DAY, re.IGNORECASE)
_TO_DATE: Final = tuple(
    (months, re.compile(rf"\b(?:{words})\b[^.\n]{{0,30}}\bended", re.IGNORECASE))
    for months, words in (
        (9, r"nine[\s-]+months|thirty-nine[\s-]+weeks|39[\s-]+weeks|9[\s-]+months"),
        (6, r"six[\s-]+months|twenty-six[\s-]+weeks|26[\s-]+weeks|6[\s-]+months"),
    )
)
_FISCAL: Final = re.compile(
    r"\bfiscal\s+(?:year\s+)?(?P<y>20\d\d|19\d\d)\b|\bFY\s?'?(?P<s>\d\d|20\d\d)\b", re.I
)
_ORDINALS: Final[dict[str, FiscalPeriod]] = {"first": "Q1", "second": "Q2", "third": "Q3", "fourth": "Q4"}


def english_period(cover: str, info: str, body: str, kind: ReportType, hint: int | None) -> Stated:
    """``hint``: the year in the file's name, which decides between two namings that the text leaves open."""
    head = cover[:8000]
    if kind == "current":
        found = _REPORTED.search(head)
        day = _day(found) if found else None
        return Stated(day.year if day else None, "", day.isoformat() if day else "")
    if kind == "earnings":
        return _release(head, info, body, hint)
    end = None
    for found in _ENDED.finditer(head):
        if kind != "quarterly" or "year" not in found.group("what").lower():
            end = _day(found)
            break
    if end is None and (told := _PERIOD_INFO.search(info)):
        end = _date(*map(int, told.groups()))
    if kind == "quarterly" and end is not None:
        months = next((n for n, pattern in _TO_DATE if pattern.search(body[:60_000])), 3)
        year = name_of_year(_months_later(end, 12 - months), body, hint)
        part: FiscalPeriod = {3: "Q1", 6: "Q2", 9: "Q3"}[months]  # type: ignore[assignment]
        return Stated(year, part, end.isoformat())
    if kind == "half_year" and end is not None:
        return Stated(name_of_year(_months_later(end, 6), body, hint), "H1", end.isoformat())
    if end is not None:
        return Stated(name_of_year(end, body, hint), "FY" if kind == "annual" else "", end.isoformat())
    if kind in ("annual", "half_year", "quarterly"):
        named = [p for p in periods_in("\n".join((info, head[:1500]))) if p.year is not None]
        if named:
            best = next((p for p in named if p.fiscal or p.part), named[0])
            return Stated(best.year, best.part, "")
    if kind in ("proxy", "prospectus"):
        found = _ANY_DAY.search(head)
        day = _day(found) if found else None
        return Stated(day.year if day else None, "", day.isoformat() if day else "")
    return Stated()


def _release(head: str, info: str, body: str, hint: int | None) -> Stated:
    """A release of results: the period that its headline names; the end that its first sentences name."""
    # Comparative figures end earlier; an outlook "ending" later is no end.
    ends = [_day(m) for m in _ENDED.finditer(head) if "ended" in m.group().lower()]
    end = max((e for e in ends if e is not None), default=None)
    named = periods_in(head[:3000])
    part: FiscalPeriod = next((p.part for p in named if p.part.startswith("Q")), "")
    year = next((p.year for p in named if (p.part or p.fiscal) and p.year is not None), None)
    told = [p for p in periods_in(info) if p.year is not None]
    if not part:
        part = next((p.part for p in told if p.part), "")
    if not part and (ordinal := re.search(r"\b(first|second|third|fourth)[\s-]quarter\b", head, re.I)):
        part = _ORDINALS[ordinal.group(1).lower()]
    if year is None:
        year = next((p.year for p in told), None)
    if year is None and end is not None:
        year = name_of_year(end, body, hint)
    if end is None and (day := _ANY_DAY.search(info) or _ANY_DAY.search(head)):
        end = _day(day)
    if year is None:
        year = next((p.year for p in named if p.year is not None), None)
    if not part and re.search(r"\bfull[\s-]year\b|\bfiscal\s+20\d\d\s+results\b", head[:1500], re.I):
        part = "FY"
    return Stated(year, part, end.isoformat() if end else "")


def name_of_year(end: date, body: str, hint: int | None = None) -> int:
    """The name of the fiscal year that ends on ``end``. A company that calls the year to January 2023
    "fiscal 2022" speaks of 2022 and 2021, hardly of 2023; one that calls it 2023 hardly speaks of 2021."""
    if end.month > 5:
        return end.year
    said = re.search(
        rf"\bfiscal\s+(?:year\s+)?(20\d\d|19\d\d)\s*(?:\(|,|[“\"]|which|was|is|had|consisted|\s)"
        rf"[^.\n]{{0,60}}?(?:ended|ending|ends)\s+(?:on\s+)?{calendar.month_name[end.month]}\s+{end.day},?\s+{end.year}",
        body,
        re.IGNORECASE,
    )
    if said and int(said.group(1)) in (end.year, end.year - 1):
        return int(said.group(1))
    counts: Counter[int] = Counter()
    for match in _FISCAL.finditer(body):
        year = match.group("y") or match.group("s")
        counts[int(year) if len(year) == 4 else 2000 + int(year)] += 1
    this, before, earlier = counts[end.year], counts[end.year - 1], counts[end.year - 2]
    if this + earlier >= 3 and this != earlier and before:
        return end.year if this > earlier else end.year - 1
    if hint in (end.year, end.year - 1):
        return hint
    return end.year - 1 if (end.month, end.day) <= (1, 15) else end.year


_ZH_END: Final = re.compile(
    r"截至\s*(20\d\d|19\d\d)\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日\s*止\s*(年度|六个月|6个月|三个月|九个月|财政年度)"
)
_ZH_DAY: Final = re.compile(r"(20\d\d|19\d\d)\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_ZH_ENDS: Final[dict[FiscalPeriod, str]] = {
    "FY": "12-31", "H1": "06-30", "Q1": "03-31", "Q3": "09-30", "9M": "09-30", "Q2": "06-30", "Q4": "12-31",
}  # fmt: skip


def chinese_period(cover: str, info: str, body: str, kind: ReportType, hint: int | None) -> Stated:
    """A fiscal year is the calendar year by law in mainland China; a report that ends elsewhere says so."""
    head = cover[:6000]
    if kind in ("annual", "half_year", "quarterly", "earnings"):
        if ended := _ZH_END.search(head):
            end = _date(*(int(g) for g in ended.groups()[:3]))
            if end is not None:
                part: FiscalPeriod = {"annual": "FY", "half_year": "H1"}.get(kind, "")  # type: ignore[assignment]
                year = end.year if kind != "half_year" or end.month >= 6 else end.year - 1
                return Stated(year, part, end.isoformat())
        # The line that names the report names its year: 2019 年年度报告, 二〇一九年年度报告.
        for line in [x for x in f"{head}\n{info}".splitlines() if x.strip()][:40]:
            named = [p for p in periods_in(line) if p.year is not None]
            if named and len(line) <= 60 and re.search(r"报告|報告|年报|年報|季报|季報|业绩", line):
                part = named[0].part or ("FY" if kind == "annual" else "H1" if kind == "half_year" else "")
                if kind == "quarterly" and not part:
                    part = next((p.part for p in periods_in(head[:1500]) if p.part), "")
                ends = f"{named[0].year}-{_ZH_ENDS[part]}" if part in _ZH_ENDS else ""
                return Stated(named[0].year, part, ends)
        near = [p for p in periods_in(head[:1500]) if p.year is not None and (p.fiscal or p.part)]
        if near:
            return Stated(near[0].year, near[0].part or ("FY" if kind == "annual" else ""), "")
        return Stated(hint, "", "")
    days = [_date(*(int(g) for g in m.groups())) for m in _ZH_DAY.finditer(head)]
    day = next((d for d in reversed(days) if d is not None), None)
    return Stated(day.year if day else None, "", day.isoformat() if day else "")


def _day(match: re.Match[str]) -> date | None:
    month = match.group("m") or match.group("m2")
    key = month.lower()[:4] if month.lower().startswith("sept") else month.lower()
    number = _MONTHS.get(key) or _MONTHS.get(key[:3])
    year, day = match.group("y") or match.group("y2"), match.group("d") or match.group("d2")
    return _date(int(year), number or 0, int(day))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _months_later(end: date, months: int) -> date:
    month = end.month - 1 + months
    year = end.year + month // 12
    number = month % 12 + 1
    last = calendar.monthrange(year, number)[1]
    # The last days of a month stay the last days: June 30 and three months more are September 30.
    near_end = end.day >= calendar.monthrange(end.year, end.month)[1]
    return date(year, number, last if near_end else min(end.day, last))
