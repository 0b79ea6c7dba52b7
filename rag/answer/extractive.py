"""Answers without a chat model: the sentences and table rows that carry the question best, quoted and cited.

Promises: every line is a quote that stands word for word in its passage and ends in the passage's marker; a
row comes with its header cells; near-repetitions are left out; what supports the question best comes first.
Nothing is written, only chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.answer.evidence import DEFINING, Asked, covered, head, plain, term_set, year_support, years
from rag.answer.rows import QuoteUnit, cells, is_amount, quote_units, shown
from rag.records import Passage

Cosines = Callable[[Sequence[str]], Sequence[float]]  # of texts with the question

_RERANKED = 32  # units whose cosine is worth computing
_COSINE_WEIGHT = 0.45  # against word coverage, measured with MiniLM on English filings
_KEEP = 0.72  # of the best unit's score that a further quote must reach
_LONGEST_QUOTE = 700
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_QUANTITY = re.compile(r"(?<![A-Za-z\d])\d[\d,.]*(?![A-Za-z\d])")
_DATE = re.compile(rf"\d{{1,4}}\s*[年月日]|\d{{1,2}}[/-]\d{{1,2}}|\b(?:{_MONTHS})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quote:
    unit: QuoteUnit
    score: float


def choose(
    asked: Asked, passages: Sequence[Passage], max_quotes: int, cosines: Cosines | None = None
) -> list[Quote]:
    """The best quotes, best first. ``cosines`` None: words alone decide."""
    scored: list[Quote] = []
    for index, passage in enumerate(passages):
        named = term_set(f"{passage.document}\n{passage.title}")
        around = term_set(head(passage))
        # A better-placed passage, and one of the asked year, is believed a little more.
        standing = 1.0 / (1.0 + 0.06 * index) * (1.0 if year_support(asked, passage) else 0.6)
        scored += [
            Quote(u, standing * _kind(asked, u) * _words(asked, u, named, around))
            for u in quote_units(index, passage)
        ]
    scored.sort(key=lambda q: -q.score)
    if cosines is not None and scored:
        first = scored[:_RERANKED]
        near = cosines([_context(q.unit, passages) for q in first])
        scored = [
            Quote(
                q.unit,
                (1 - _COSINE_WEIGHT) * q.score + _COSINE_WEIGHT * _kind(asked, q.unit) * max(0.0, float(c)),
            )
            for q, c in zip(first, near, strict=True)
        ]
        scored.sort(key=lambda q: -q.score)
    kept: list[Quote] = []
    for quote in scored:
        if len(kept) >= max_quotes or quote.score <= 0 or (kept and quote.score < _KEEP * kept[0].score):
            break
        if not any(_repeats(quote.unit, other.unit) for other in kept):
            kept.append(quote)
    return kept


def _context(unit: QuoteUnit, passages: Sequence[Passage]) -> str:
    passage = passages[unit.passage]
    section = passage.section_path[-1] if passage.section_path else passage.title
    return f"{section}\n{shown(unit)}"[:600]


def _words(asked: Asked, unit: QuoteUnit, named: frozenset[str], around: frozenset[str]) -> float:
    """Share of the question that the unit holds. What the document's name holds counts whole for each of its
    units (the subject need not be repeated), its own words whole, what stands around it less; what kind of
    answer is asked for (a figure, a date, a year) raises or lowers it."""
    subject = set(map(id, covered(asked, (named,))))
    inside = {id(u) for u in covered(asked, (term_set(unit.text),))}
    beside = {id(u) for u in covered(asked, (term_set(unit.header), around))}
    own = sum(u.weight for u in asked.units if id(u) in inside and id(u) not in subject)
    if not own and not (inside and len(subject) == len(asked.units)):
        return 0.0
    score = own
    score += sum(u.weight for u in asked.units if id(u) in subject)
    score += 0.4 * sum(u.weight for u in asked.units if id(u) in beside - inside - subject)
    length = len(unit.text)
    return score / asked.weight / (1.0 + max(0, length - 160) / 900)


def _kind(asked: Asked, unit: QuoteUnit) -> float:
    """How well the unit is the kind of thing that was asked for, about 1."""
    score = 1.0
    figure = has_figure(unit.text)
    if asked.number:
        score *= 1.15 if figure else 0.7
    if asked.date:
        score *= 1.15 if _DATE.search(unit.text) else 0.85
    if asked.years:
        stated = years(f"{unit.text}\n{unit.header}")
        score *= 1.15 if stated & asked.years else (0.75 if stated else 1.0)
    if unit.is_row and not unit.header and not any(is_amount(c) for c in cells(unit.text)) and asked.number:
        score *= 0.8  # a header row by itself
    length = len(unit.text)
    if not unit.is_row and not re.search(r"[。.!?！？;；:：]\s*$", unit.text) and length < 30 and not figure:
        score *= 0.6  # a heading
    return score


def has_figure(text: str) -> bool:
    """Whether the text holds a digit that is not part of a year."""
    return bool(_QUANTITY.search(re.sub(r"(?<!\d)(?:19|20)\d{2}(?!\d)", "", text)))


def _repeats(one: QuoteUnit, other: QuoteUnit) -> bool:
    if one.passage == other.passage and one.start < other.end and other.start < one.end:
        return True
    a, b = plain(one.text), plain(other.text)
    if a == b or (min(len(a), len(b)) > 12 and (a in b or b in a)):
        return True
    left, right = term_set(one.text), term_set(other.text)
    return bool(left and right) and len(left & right) / min(len(left), len(right)) > 0.9


def explains(asked: Asked, quotes: Sequence[Quote]) -> bool:
    """Whether the best quote is a sentence that itself says what something is or how things hang together."""
    best = quotes[0].unit
    if best.is_row or len(best.text) < 16:
        return False
    share = sum(u.weight for u in covered(asked, (term_set(best.text),))) / asked.weight
    return share >= (0.7 if DEFINING.search(best.text) else 0.95)


def compose(quotes: Sequence[Quote]) -> list[str]:
    """One line a quote, its marker at the end; several are a list."""
    bullet = "- " if len(quotes) > 1 else ""
    return [f"{bullet}{_shorten(shown(q.unit))} [{q.unit.passage + 1}]" for q in quotes]


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"
