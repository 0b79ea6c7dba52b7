"""Answers without a chat model: the sentences and table rows that carry the question best, quoted and cited.

Promises: every line is a quote that stands word for word in its passage and ends in the passage's marker; a
row comes with its header cells; near-repetitions are left out; what supports the question best comes first.
Nothing is written, only chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.answer.evidence import DEFINING, Asked, covered, plain, term_set, year_support, years
from rag.answer.fit import fit, has_figure, items, kind, of_year, setting, subjects
from rag.answer.rows import QuoteUnit, quote_units, shown
from rag.records import Passage

__all__ = ["Cosines", "Quote", "choose", "compose", "explains", "has_figure"]

Cosines = Callable[[Sequence[str]], Sequence[float]]  # of texts with the question

_RERANKED = 32  # units whose cosine is worth computing
_COSINE_WEIGHT = 0.2  # against word coverage, measured with MiniLM on English filings
_KEEP = 0.8  # of the best unit's score that a further quote must reach
_ADDS = 0.6  # the same of a quote that adds something asked for
_NEW_SHARE = 0.15  # of the question's weight that it must add
_RANK_DECAY = 0.06
_EXPLANATION = 240  # most characters of a sentence that explains without saying "means"
_LONGEST_QUOTE = 700


@dataclass(frozen=True, slots=True)
class Quote:
    unit: QuoteUnit
    score: float


def choose(
    asked: Asked, passages: Sequence[Passage], max_quotes: int, cosines: Cosines | None = None
) -> list[Quote]:
    """The best quotes, best first; further ones only when they are nearly as good or bring something asked
    for that is not there yet. Empty when a figure of a year is asked for and none is of that year.
    ``cosines`` None: words alone decide."""
    scored: list[Quote] = []
    common = subjects(asked, passages)
    settings = [setting(asked, p, common) for p in passages]
    for index, passage in enumerate(passages):
        around = settings[index]
        # A better-placed passage, and one of the asked year, is believed a little more.
        standing = 1.0 / (1.0 + _RANK_DECAY * index) * (1.0 if year_support(asked, passage) else 0.6)
        for unit in quote_units(index, passage):
            fits = fit(asked, unit, around)
            if fits > 0:
                scored.append(Quote(unit, standing * fits * kind(asked, unit, around)))
    scored.sort(key=lambda q: -q.score)
    if cosines is not None and scored:
        first = scored[:_RERANKED]
        near = cosines([_context(q.unit, passages) for q in first])
        scored = [
            Quote(
                q.unit,
                (1 - _COSINE_WEIGHT) * q.score
                + _COSINE_WEIGHT * kind(asked, q.unit, settings[q.unit.passage]) * max(0.0, float(c)),
            )
            for q, c in zip(first, near, strict=True)
        ]
        scored.sort(key=lambda q: -q.score)
    kept: list[Quote] = []
    for quote in scored:
        if len(kept) >= max_quotes or (kept and quote.score < _ADDS * kept[0].score):
            break
        if any(_repeats(quote.unit, other.unit) for other in kept):
            continue
        if not kept or quote.score >= _KEEP * kept[0].score or _adds(asked, quote, kept, passages):
            kept.append(quote)
    dated = asked.number and asked.years
    if dated and not any(of_year(asked, q.unit, settings[q.unit.passage]) for q in kept):
        return []
    return kept


def _adds(asked: Asked, quote: Quote, kept: Sequence[Quote], passages: Sequence[Passage]) -> bool:
    """Whether the quote holds an asked year, a thing asked for or a good part of the question that no kept
    one holds."""
    wanted = asked.years & years(f"{quote.unit.text}\n{quote.unit.header}")
    if wanted - {y for q in kept for y in years(f"{q.unit.text}\n{q.unit.header}")}:
        return True
    if items(asked, quote.unit) - {i for q in kept for i in items(asked, q.unit)}:
        return True

    def held(one: Quote) -> list[frozenset[str]]:
        passage = passages[one.unit.passage]
        return [term_set(one.unit.text), term_set(f"{passage.document}\n{passage.title}")]

    there = {id(u) for u in covered(asked, (s for q in kept for s in held(q)))}
    new = sum(u.weight for u in covered(asked, held(quote)) if id(u) not in there)
    return new >= _NEW_SHARE * asked.weight


def _context(unit: QuoteUnit, passages: Sequence[Passage]) -> str:
    passage = passages[unit.passage]
    section = passage.section_path[-1] if passage.section_path else passage.title
    return f"{section}\n{shown(unit)}"[:600]


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
    if DEFINING.search(best.text):
        return share >= 0.7
    return share >= 0.95 and len(best.text) <= _EXPLANATION


def compose(quotes: Sequence[Quote]) -> list[str]:
    """One line a quote, its marker at the end; several are a list."""
    bullet = "- " if len(quotes) > 1 else ""
    return [f"{bullet}{_shorten(shown(q.unit))} [{q.unit.passage + 1}]" for q in quotes]


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"
