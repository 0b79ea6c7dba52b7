"""Does what was found answer the question? A linear model over what stands where in the passages.

Promises: pure given the question, its passages and quotes; microseconds a sentence; the weights are data
(``answerable_weights.json``, learned by ``benchmarks/refusal.py``) with where they came from, and a language
that is not among them has none. Shares are of the question's weight (0..1); a *window* is a sentence with
its neighbours and what stands around its passage.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rag.answer.evidence import Asked, covers, head, term_set, years
from rag.answer.extractive import Quote
from rag.answer.fields import Field, field_asked
from rag.answer.rows import QuoteUnit, quote_units
from rag.answer.sought import DIGITS, places, sought
from rag.records import Passage

if TYPE_CHECKING:
    from rag.answer.refusal import Signals

NAMES: Final = (
    "sentence",  # covered by the sentence that covers most
    "window",  # by the best window
    "window_kind",  # by the best window whose sentence holds a thing of the sought kind
    "sentence_kind",  # by the best such sentence
    "near",  # by the words that stand nearest to such a thing
    "rest",  # of what is not the subject, by the best sentence whose window holds most of the subject
    "rest_kind",  # the same of sentences that hold such a thing
    "field",  # 1: the question asks for a known field
    "field_held",  # of the subject, by the best window whose sentence gives the field
    "field_kind",  # the same of sentences that hold such a thing as well
    "field_missed",  # 1: a field is asked and no window about the subject gives it
    "agreement",  # nearness summed over the passages that hold the same thing
    "no_kind",  # 1: nothing of the sought kind anywhere
    "passages",  # passages with a sentence that holds such a thing and some of the question, of five
    "best",  # by the passage that covers most
    "with_subject",  # the same among passages that hold the whole subject
    "quotes",  # by the quotes and what stands around them
    "first_quote",  # by the first quote's own words
    "first_score",  # the first quote's score
    "missing",  # 1: names that no passage holds
    "year",  # by the best window of an asked year; as "window" when none is asked
    "wrong_kind",  # 1: the quotes hold nothing of the kind asked for
)
_WITHOUT_FIELD = 0.9  # of the window's share, where no field is asked: neither held nor missed
_SUBJECT = 0.5  # of the subject that a window must hold
_NEAR = 25  # characters to either side
_MOST_THINGS = 12  # of one sentence
_FEW = 0.4
_YEARS = re.compile(r"(?<!\d)((?:19|20)\d{2})(?!\d)")


@dataclass(slots=True)
class _Tally:
    """The best of everything, sentence by sentence."""

    best: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    things: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    there: bool = False
    passages: int = 0

    def raise_to(self, name: str, value: float) -> None:
        if value > self.best[name]:
            self.best[name] = value


class _Weighed:
    """The question's units as arrays."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._weights = np.array([u.weight for u in asked.units])
        self._subject = np.array([u.name_like for u in asked.units], dtype=np.bool_)

    def held(self, *sets: frozenset[str]) -> NDArray[np.bool_]:
        """bool (units,)"""
        return np.array([any(covers(u, s) for s in sets) for u in self.asked.units], dtype=np.bool_)

    def share(self, held: NDArray[np.bool_]) -> float:
        return _share(self._weights, held)

    def subject(self, held: NDArray[np.bool_]) -> float:
        return _share(self._weights * self._subject, held)

    def rest(self, held: NDArray[np.bool_]) -> float:
        return _share(self._weights * ~self._subject, held)

    @property
    def has_subject(self) -> bool:
        return bool(self._subject.any())


def _share(weights: NDArray[np.float64], held: NDArray[np.bool_]) -> float:
    """1 of nothing."""
    total = float(weights.sum())
    return float(weights[held].sum()) / total if total else 1.0


def features(
    asked: Asked, passages: Sequence[Passage], quotes: Sequence[Quote], signals: Signals
) -> NDArray[np.float64]:
    """float64 (len(NAMES),), in the order of ``NAMES``."""
    weighed = _Weighed(asked)
    kinds = sought(asked.question)
    wanted = field_asked(asked.question)
    tally = _Tally()
    for number, passage in enumerate(passages):
        _look_through(number, passage, weighed, kinds, wanted, tally)
    best = tally.best
    window = best["window"]
    no_field = _WITHOUT_FIELD * window
    found = {
        **{name: best[name] for name in ("sentence", "window", "window_kind", "sentence_kind", "near")},
        "rest": best["rest"],
        "rest_kind": best["rest_kind"],
        "field": float(wanted is not None),
        "field_held": best["field_held"] if wanted else no_field,
        "field_kind": best["field_kind"] if wanted else _WITHOUT_FIELD * best["window_kind"],
        "field_missed": float(wanted is not None and best["field_kind"] < 0.3),
        "agreement": min(2.5, max((sum(n.values()) for n in tally.things.values()), default=0.0)),
        "no_kind": float(bool(kinds) and not tally.there),
        "passages": min(tally.passages, 5) / 5,
        "best": signals.best,
        "with_subject": signals.with_subject,
        "quotes": signals.quote,
        "first_quote": weighed.share(weighed.held(_words(quotes[0].unit))) if quotes else 0.0,
        "first_score": min(1.5, quotes[0].score) if quotes else 0.0,
        "missing": float(bool(signals.missing)),
        "year": best["year"] if asked.years else window,
        "wrong_kind": float(not signals.kind_there),
    }
    return np.array([found[name] for name in NAMES])


def _look_through(
    number: int,
    passage: Passage,
    weighed: _Weighed,
    kinds: tuple[str, ...],
    wanted: Field | None,
    tally: _Tally,
) -> None:
    asked = weighed.asked
    around = weighed.held(term_set(head(passage)))
    own = years(head(passage)) | {int(y) for y in _YEARS.findall(passage.document)}
    units = quote_units(number, passage)
    masks = [weighed.held(_words(unit)) for unit in units]
    most = 0.0
    for at, unit in enumerate(units):
        window = masks[at] | around
        for beside in masks[max(0, at - 1) : at + 2]:
            window = window | beside
        sentence, wide = weighed.share(masks[at]), weighed.share(window)
        tally.raise_to("sentence", sentence)
        tally.raise_to("window", wide)
        subject, rest = weighed.subject(window), weighed.rest(masks[at])
        if subject >= _SUBJECT:
            tally.raise_to("rest", rest)
        things = places(kinds, unit.text, asked.question) if kinds else []
        row = unit.is_row and _row_holds(kinds, unit.text)
        there = bool(things) or not kinds or row
        if wanted is not None and (row or wanted.held.search(unit.text)):
            about = subject if weighed.has_subject else wide
            tally.raise_to("field_held", about)
            if there:
                tally.raise_to("field_kind", about)
        if not there:
            continue
        tally.there = True
        most = max(most, sentence)
        tally.raise_to("sentence_kind", sentence)
        tally.raise_to("window_kind", wide)
        if subject >= _SUBJECT:
            tally.raise_to("rest_kind", rest)
        if asked.years & (years(f"{unit.text}\n{unit.header}") | own):
            tally.raise_to("year", wide)
        if not kinds or unit.is_row:
            tally.raise_to("near", sentence)
        for start, end in things[:_MOST_THINGS]:
            words = term_set(unit.text[max(0, start - _NEAR) : end + _NEAR])
            near = weighed.share(weighed.held(words))
            tally.raise_to("near", near)
            seen = tally.things[unit.text[start:end]]
            seen[number] = max(seen.get(number, 0.0), near)
    tally.passages += most >= _FEW


def _words(unit: QuoteUnit) -> frozenset[str]:
    return term_set(f"{unit.text}\n{unit.header}")


def _row_holds(kinds: tuple[str, ...], text: str) -> bool:
    """A table row's figures may be of any kind."""
    return bool(re.search(r"\d", text)) and any(kind in DIGITS for kind in kinds)


@dataclass(frozen=True, slots=True)
class Model:
    """``weights`` float64 (len(NAMES),) of the features as they are; refused above 0."""

    weights: NDArray[np.float64]
    bias: float

    def logit(self, found: NDArray[np.float64]) -> float:
        """Above 0: the evidence does not answer."""
        return float(found @ self.weights) + self.bias


@lru_cache(maxsize=1)
def _models() -> Mapping[str, Model]:
    body = json.loads((files("rag.answer") / "answerable_weights.json").read_text("utf-8"))
    return {
        language: Model(
            np.array([float(one["weights"].get(name, 0.0)) for name in NAMES]), float(one["bias"])
        )
        for language, one in body["languages"].items()
    }


def learned(language: str) -> Model | None:
    """None for a language that nothing was learned for."""
    return _models().get(language)
