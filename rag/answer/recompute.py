"""A number that no passage holds, recomputed from numbers that are there: growth, share, sum, average.

Promises: only numbers that the claim itself names, or whose rows and years it names, are tried, and at most
``MAX_TRIES`` combinations: with enough numbers any result comes out of some; the formula is returned with the
numbers as they are printed; tolerance is the claim's last printed digit. Decimal throughout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation, localcontext
from itertools import combinations, islice

from rag.answer.amounts import Amount, near

MAX_TRIES = 4_000
_MOST_NAMED = 8

_GROWS = re.compile(
    r"gr[eo]w|growth|increas|decreas|declin|rose|fell|drop|chang|higher|lower|up\b|down\b|fall|rise|reduc|gain"
    r"|增长|增加|减少|下降|降低|上升|提高|同比|变动|增幅|降幅|回落",
    re.IGNORECASE,
)
_SHARES = re.compile(
    r"percent|%|share|proportion|ratio|margin|times|multiple|turnover|per\b|占|比|率|倍|multiple",
    re.IGNORECASE,
)
_ADDS = re.compile(
    r"\b(?:total|sum|combined|together|altogether|aggregate|in all\b|and\b)|合计|和|与|总计|共|总额|之和",
    re.IGNORECASE,
)
_AVERAGES = re.compile(r"\b(?:average|mean)\b|平均|均值", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """A number that may be calculated with. ``row``: (passage, row of its table); -1: running text."""

    text: str
    value: Decimal
    percent: bool
    years: frozenset[int]
    row: tuple[int, int]
    marker: int
    place: int = 0
    scaled: bool = True  # the scale of its table is known


def recompute(
    claimed: Amount, sentence: str, named: Sequence[Known], rows: Sequence[Known], years: frozenset[int]
) -> tuple[str, tuple[int, ...]] | None:
    """(formula, markers of the passages used) or None. ``named``: numbers that the claim itself (or the one
    before it) gives and that were found; ``rows``: those of rows whose names it uses; ``years``: that it
    names."""
    with localcontext() as context:
        context.prec = 28
        for formula, value, used in islice(_all(claimed, sentence, named, rows, years), MAX_TRIES):
            raw = claimed.scale is not None and not any(k.scaled for k in used)
            if near(claimed, value) or (raw and near(claimed, value.scaleb(claimed.scale or 0))):
                return formula, tuple(sorted({k.marker for k in used if k.marker}))
    return None


_Try = tuple[str, Decimal, tuple[Known, ...]]


def _all(
    claimed: Amount, sentence: str, named: Sequence[Known], rows: Sequence[Known], years: frozenset[int]
) -> Iterator[_Try]:
    own = _distinct(named)[-_MOST_NAMED:]
    if len(own) >= 2:
        for one, other in combinations(own, 2):
            yield from _pair(claimed, sentence, one, other)
            yield from _pair(claimed, sentence, other, one)
        yield from _many(claimed, sentence, own)
    # Numbers that are only near by: the claim must be fine enough not to be met by chance.
    if claimed.digits < (2 if years else 3):
        return
    groups: dict[tuple[int, int], list[Known]] = {}
    for known in rows:
        if known.row[1] >= 0:
            groups.setdefault(known.row, []).append(known)
    for group in groups.values():
        of_years = [k for k in group if k.years & years] if len(years) > 1 else group
        for newer, older in combinations(of_years[:6], 2):
            yield from _pair(claimed, sentence, newer, older)
            yield from _pair(claimed, sentence, older, newer)
        if len(of_years) > 1:
            yield from _many(claimed, sentence, of_years[:6])
    heads = list(groups.values())[:10]
    for one_row in heads:
        for other_row in heads:
            if one_row is other_row:
                continue
            for one in one_row:
                for other in other_row:
                    same = one.years & other.years or one.place == other.place
                    if same and (not years or not one.years or one.years & years):
                        yield from _pair(claimed, sentence, one, other)


def _distinct(named: Sequence[Known]) -> list[Known]:
    seen: set[Decimal] = set()
    kept: list[Known] = []
    for known in named:
        if known.value not in seen:
            seen.add(known.value)
            kept.append(known)
    return kept


def _pair(claimed: Amount, sentence: str, a: Known, b: Known) -> Iterator[_Try]:
    """What may come of ``a`` (the newer, the part) and ``b`` (the older, the whole)."""
    used = (a, b)
    try:
        if claimed.percent:
            if a.percent and b.percent:
                yield f"{a.text} - {b.text}", a.value - b.value, used
                return
            if a.percent or b.percent or not b.value:
                return
            if _GROWS.search(sentence):
                yield f"({a.text} - {b.text}) / {b.text}", (a.value - b.value) / abs(b.value) * 100, used
            if _SHARES.search(sentence):
                yield f"{a.text} / {b.text}", a.value / b.value * 100, used
                yield f"({b.text} - {a.text}) / {b.text}", (b.value - a.value) / b.value * 100, used
            return
        if a.percent != b.percent:
            whole, share = (b, a) if a.percent else (a, b)
            yield f"{whole.text} × {share.text}", whole.value * share.value / 100, used
            return
        if a.percent:
            return
        yield f"{a.text} - {b.text}", a.value - b.value, used
        if _ADDS.search(sentence):
            yield f"{a.text} + {b.text}", a.value + b.value, used
        if b.value and _SHARES.search(sentence):
            yield f"{a.text} / {b.text}", a.value / b.value, used
    except (DivisionByZero, InvalidOperation):
        return


def _many(claimed: Amount, sentence: str, known: Sequence[Known]) -> Iterator[_Try]:
    same = [k for k in known if k.percent == claimed.percent]
    if len(same) < 2:
        return
    total = sum((k.value for k in same), Decimal(0))
    if _AVERAGES.search(sentence):
        terms = " + ".join(k.text for k in same)
        yield f"({terms}) / {len(same)}", total / len(same), tuple(same)
    if not claimed.percent and (len(same) > 2 or _ADDS.search(sentence)):
        yield " + ".join(k.text for k in same), total, tuple(same)
