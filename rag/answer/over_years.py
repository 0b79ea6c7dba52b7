"""One item over several years: in which of them it was highest or lowest, in how many it lay above or below
an amount or another item.

Promises: every year's figure is cited and shown, so that the comparison can be seen; the years are those
that the question names, else those of the row that was found; all figures are of one company and can be set
against each other (same kind, known scales), or there is no result; a year without a figure is named, never
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rag.answer.asked_sums import bare_phrase, ids_of
from rag.answer.evidence import years
from rag.answer.expressions import Plan, Wanted
from rag.answer.formulas import Result, label_of, markers_of, period_of, shown_amount
from rag.answer.operands import Found, Missing, gather
from rag.answer.shelf import Shelf
from rag.answer.sums import RANGE
from rag.records import Calculation, Operand
from rag.text.language import detect_language
from rag.text.normalise import normalise
from rag.text.numbers import parse_numbers

_MOST_YEARS = 10
_FEWEST_YEARS = 2
_HIGH = r"(?:highest|largest|greatest|biggest|most|best|at its peak|peak(?:ed)?|maximum)"
_LOW = r"(?:lowest|smallest|least|worst|minimum)"
_EXTREME = (
    re.compile(
        r"\b(?:which|what) (?:fiscal |financial )?years?\b(?:[^?]*?)"
        r"\b(?:did|was|were|had|has|have|saw|is|are|of|with)"
        r"\b\s*(?P<x>[^?]+?)\s+(?:(?:was|were|reach(?:ed)?|at|have|see) )?(?:the |its |their )?"
        rf"(?P<how>{_HIGH}|{_LOW})\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:which|what) (?:fiscal |financial )?years?\b[^?]*?"
        r"\b(?:had|has|saw|with|show(?:s|ed)?|record(?:s|ed)?"
        rf"|achieved?|report(?:s|ed)?)\s+(?:the |its |their )(?P<how>{_HIGH}|{_LOW})\s+(?P<x>[^?]+)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\bwhen (?:was|were) (?P<x>[^?]+?) (?:at )?(?:the |its |their )?(?P<how>{_HIGH}|{_LOW})\b",
        re.IGNORECASE,
    ),
)
_COUNT = (
    re.compile(
        r"\b(?:in )?how many (?:of (?:the )?)?(?:fiscal |financial )?years\b[^?]*?"
        r"\b(?:did|was|were|has|have|had|is)\s+"
        r"(?P<x>[^?]+?)\s+(?P<how>exceed(?:ed)?|above|over|more than|greater than|higher than|surpass(?:ed)?"
        r"|below|under|less than|lower than|fall below|fell below)\s+(?P<y>[^?]+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:in )?how many (?:of (?:the )?)?(?:fiscal |financial )?years\b[^?]*?"
        r"\b(?:did|was|were|has|have|had|is)\s+"
        r"(?P<x>[^?]+?)\s+(?:been )?(?P<how>positive|negative)\b(?P<y>)",
        re.IGNORECASE,
    ),
)
_ZH_EXTREME = (
    re.compile(r"哪一?(?:个)?(?:会计)?年度?的?(?P<x>[^，。？?]{2,30}?)(?P<how>最[高大多好低小少差])"),
    re.compile(r"(?P<x>[^，。？?]{2,40}?)(?:在|是)?哪一?(?:个)?(?:会计)?年度?(?P<how>最[高大多好低小少差])"),
    re.compile(
        r"(?P<x>[^，。？?]{2,40}?)(?P<how>最[高大多好低小少差])的?(?:是)?(?:在)?哪一?(?:个)?(?:会计)?年"
    ),
)
_ZH_COUNT = (
    re.compile(
        r"(?P<x>[^，。？?]{2,40}?)(?:有)?(?:几|多少)(?:个)?(?:会计)?年度?(?:的)?(?P<how>超过|高于|大于|多于|低于|少于|小于|不足)"
        r"(?:了)?(?P<y>[^，。？?]{2,30})"
    ),
    re.compile(
        r"(?:有)?(?:几|多少)(?:个)?(?:会计)?年度?(?:的)?(?P<x>[^，。？?]{2,30}?)(?P<how>超过|高于|大于|多于|低于|少于|小于|不足)"
        r"(?:了)?(?P<y>[^，。？?]{2,30})"
    ),
    re.compile(
        r"(?P<x>[^，。？?]{2,40}?)(?:有)?(?:几|多少)(?:个)?(?:会计)?年度?(?:的)?(?P<how>为正|为负)(?P<y>)"
    ),
)
_LOWER = re.compile(r"lowest|smallest|least|worst|minimum|最[低小少差]", re.IGNORECASE)
_BELOW = re.compile(r"below|under|less|lower|negative|低于|少于|小于|不足|为负", re.IGNORECASE)
_EMPTY = frozenset(["the", "its", "their", "it", "they", "there", "公司", "该公司"])
_BETWEEN = re.compile(
    r"\b(?:between|from|over|during|for|in)\s+(?:the )?(?:fiscal )?(?:years? )?(?:FY ?)?"
    r"(?:19|20)\d{2}\s*(?:and|to|-|–|through)\s*"
    r"(?:FY ?)?(?:19|20)\d{2}|\bof the (?:last|past) \w+ (?:fiscal )?years\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """``kind``: what is looked for; ``other`` or ``limit``: what the item is held against, for a count."""

    kind: str  # "highest", "lowest", "above", "below"
    item: Wanted
    years: tuple[int, ...] = ()
    other: Wanted | None = None
    limit: Decimal | None = None  # in base units; a percentage as it is printed
    percent: bool = False  # the limit is one

    @property
    def counts(self) -> bool:
        return self.kind in ("above", "below")

    @property
    def plan(self) -> Plan:
        newest = self.years[-1] if self.years else None
        return Plan(self.item.name, Wanted(self.item.name, self.item.ids, newest), "amount")


def asked_in(question: str, names: Iterable[str] = ()) -> Asked | None:
    """What a question asks of several years; None when it asks for nothing of the kind. ``names``: of
    companies, which are no part of an item's name."""
    flat = normalise(question)
    chinese = detect_language(flat) == "zh"
    when = _years_of(flat)
    for patterns, counts in (
        (_ZH_COUNT if chinese else _COUNT, True),
        (_ZH_EXTREME if chinese else _EXTREME, False),
    ):
        for pattern in patterns:
            match = pattern.search(flat)
            if match is None:
                continue
            item = _wanted(match["x"], names, chinese)
            if item is None:
                continue
            if not counts:
                return Asked("lowest" if _LOWER.search(match["how"]) else "highest", item, when)
            kind = "below" if _BELOW.search(match["how"]) else "above"
            against = match["y"]
            if not against:
                return Asked(kind, item, when, limit=Decimal(0))
            numbers = [n for n in parse_numbers(against) if n.unit != "year"]
            if numbers:
                percent = numbers[0].unit == "percent"
                limit = Decimal(repr(numbers[0].value)) * (100 if percent else 1)
                return Asked(kind, item, when, limit=limit, percent=percent)
            other = _wanted(against, names, chinese)
            return Asked(kind, item, when, other=other) if other is not None else None
    return None


def calculate(
    question: str, asked: Asked, shelf: Shelf, documents: Sequence[int], known: frozenset[str]
) -> Result | Missing | None:
    """``documents``: to look in, the likeliest first; ``known``: terms that a row's name may hold besides."""
    first: Missing | None = None
    mine: dict[int, Found] = {}
    theirs: dict[int, Found] = {}
    company = ""
    for document in documents:
        about = shelf.of(document)[0].about.company
        if mine and about != company:
            continue
        for wanted, found in ((asked.item, mine), (asked.other, theirs)):
            if wanted is None:
                continue
            lacking = [y for y in asked.years if y not in found]
            made, missing = _figures(wanted, lacking, bool(asked.years), document, shelf, known)
            first = first or missing
            for year, one in made.items():
                found.setdefault(year, one)
        if mine:
            company = about
        if _complete(asked, mine, theirs):
            break
    if not _complete(asked, mine, theirs):
        return replace(first, name=asked.item.name) if first is not None else None
    order = asked.years or tuple(sorted(set(mine) & set(theirs) if asked.other else mine))[-_MOST_YEARS:]
    chosen = [mine[y] for y in order]
    against = [theirs[y] for y in order] if asked.other else []
    if not _comparable([*chosen, *against]) or not _within_reach(asked, chosen):
        return None
    return _written(question, asked, order, chosen, against, shelf)


def _complete(asked: Asked, mine: dict[int, Found], theirs: dict[int, Found]) -> bool:
    held = set(mine) & set(theirs) if asked.other is not None else set(mine)
    return held >= set(asked.years) if asked.years else len(held) >= _FEWEST_YEARS


def _figures(
    wanted: Wanted, lacking: Sequence[int], told: bool, document: int, shelf: Shelf, known: frozenset[str]
) -> tuple[dict[int, Found], Missing | None]:
    """Year -> figure, and what was not found. Without ``told`` years: those of the row of the newest one."""
    if told:
        made: dict[int, Found] = {}
        missing: Missing | None = None
        for year in sorted(lacking, reverse=True):
            one = Wanted(wanted.name, wanted.ids, year)
            got = gather([one], document, shelf, known)
            if isinstance(got, Missing):
                missing = missing or got
            else:
                made[year] = got[one]
        return made, missing
    newest = Wanted(wanted.name, wanted.ids, None)
    got = gather([newest], document, shelf, known)
    if isinstance(got, Missing):
        return {}, got
    at = got[newest].sighting
    row = {
        s.figure.column.year: Found(wanted, s, got[newest].score, got[newest].stated)
        for s in shelf.sightings(document)
        if s.passage.chunk_id == at.passage.chunk_id
        and s.figure.row == at.figure.row
        and (s.figure.column.kind, s.figure.column.part) == (at.figure.column.kind, at.figure.column.part)
        and s.figure.column.year is not None
    }
    return row, None


def _comparable(found: Sequence[Found]) -> bool:
    figures = [f.sighting.figure for f in found]
    pages = {(f.sighting.passage.document_id, f.sighting.passage.page_start) for f in found}
    alike = len({f.percent for f in figures}) == 1 and len({f.parent for f in figures}) == 1
    return alike and (all(f.scaled for f in figures) or len(pages) == 1)


def _within_reach(asked: Asked, found: Sequence[Found]) -> bool:
    """Whether the limit can be set against the figures: percentages with percentages, an amount with figures
    whose scale is known (a table that does not say "in millions" is no ground to compare with a million)."""
    if not asked.limit:
        return True
    figures = [f.sighting.figure for f in found]
    return all(f.percent == asked.percent and (f.percent or f.scaled) for f in figures)


def _written(
    question: str,
    asked: Asked,
    order: Sequence[int],
    mine: Sequence[Found],
    theirs: Sequence[Found],
    shelf: Shelf,
) -> Result | None:
    language = "zh" if detect_language(question) == "zh" else "en"
    every = (*mine, *theirs)
    markers, added = markers_of([f.sighting.passage for f in every], shelf)
    name = label_of(mine[-1]) if language == "zh" or not asked.item.ids else asked.item.name
    values = [f.value for f in mine]

    def told(year: int, found: Found) -> str:
        marker = markers[found.sighting.passage.chunk_id]
        return f"{period_of(year, language)} {shown_amount(found, language)} [{marker}]"

    row = [told(y, f) for y, f in zip(order, mine, strict=True)]
    comma, stop, colon = ("，", "。", "：") if language == "zh" else (", ", ". ", ": ")
    if asked.counts:
        limits = [f.value for f in theirs] if theirs else [asked.limit or Decimal(0)] * len(values)
        held = [
            y
            for y, value, limit in zip(order, values, limits, strict=True)
            if (value < limit if asked.kind == "below" else value > limit)
        ]
        than = _against(asked, theirs, mine[-1], language)
        which = f" ({comma.join(period_of(y, language) for y in held)})" if held else ""
        if language == "zh":
            sign = "低于" if asked.kind == "below" else "高于"
            head = f"{len(order)}年中有{len(held)}年{name}{sign}{than}{which}"
        else:
            said = f"was {asked.kind} {than} in {len(held)} of {len(order)} years{which}"
            head = f"{name[:1].upper()}{name[1:]} {said}"
        if theirs:
            row = [f"{one} / {told(y, f)}" for one, y, f in zip(row, order, theirs, strict=True)]
        result = f"{len(held)}年" if language == "zh" else f"{len(held)} of {len(order)} years"
        formula = f"count({name} {'<' if asked.kind == 'below' else '>'} {than})"
        value = float(len(held))
    else:
        best = min(values) if asked.kind == "lowest" else max(values)
        held = [y for y, value in zip(order, values, strict=True) if value == best]
        one = mine[list(order).index(held[0])]
        shown = shown_amount(one, language)
        when = comma.join(period_of(y, language) for y in held)
        if language == "zh":
            head = f"{name}{'最低' if asked.kind == 'lowest' else '最高'}的是{when}：{shown}"
        else:
            head = f"{name[:1].upper()}{name[1:]} was {asked.kind} in {when}: {shown}"
        head += f" [{markers[one.sighting.passage.chunk_id]}]"
        result = f"{when}{colon}{shown}"
        span = f"{period_of(order[0], language)}–{period_of(order[-1], language)}"
        formula = f"{'min' if asked.kind == 'lowest' else 'max'}({name} {span})"
        value = float(best)
    every_year = "各年" if language == "zh" else "By year"
    # A count stands in one sentence with the figures that carry it.
    text = (
        f"{head}{colon}{comma.join(row)}"
        if asked.counts
        else f"{head}{stop}{every_year}{colon}{comma.join(row)}"
    )
    operands = tuple(
        Operand(
            f.sighting.figure.text,
            float(f.value),
            label_of(f),
            period_of(f.sighting.figure.column.year, language),
            markers[f.sighting.passage.chunk_id],
        )
        for f in every
    )
    expression = ", ".join(f.sighting.figure.text for f in every)
    calculation = Calculation(name, formula, expression, value, result, operands)
    return Result(text, calculation, every, added, alone=True)


def _against(asked: Asked, theirs: Sequence[Found], like: Found, language: str) -> str:
    if theirs:
        return label_of(theirs[-1]) if language == "zh" or not asked.other else asked.other.name
    limit = asked.limit or Decimal(0)
    return shown_amount(like, language, limit) if limit else "0"


def _years_of(question: str) -> tuple[int, ...]:
    span = RANGE.search(question)
    stated = sorted(years(question))
    spanned = (span or _BETWEEN.search(question)) and len(stated) == _FEWEST_YEARS
    if spanned and stated[1] - stated[0] < _MOST_YEARS:
        return tuple(range(stated[0], stated[1] + 1))
    return tuple(stated) if _FEWEST_YEARS <= len(stated) <= _MOST_YEARS else ()


def _wanted(phrase: str, names: Iterable[str], chinese: bool) -> Wanted | None:
    for name in sorted(names, key=len, reverse=True):
        phrase = re.sub(rf"{re.escape(name)}(?:['’]s)?", " ", phrase, flags=re.IGNORECASE)
    phrase = re.sub(r"^(?:.*\b(?:years|year)\b)?\s*(?:did|was|were|has|had|have)\s+", "", phrase, flags=re.I)
    bare = bare_phrase(phrase, chinese)
    if len(bare) < 2 or bare.lower() in _EMPTY:
        return None
    return Wanted(bare, ids_of(bare, chinese), None)
