"""What tells a good candidate from a bad one, as numbers: the features of the light reranker. Pure.

Promises: features look at the terms that the lexical index keeps, never at the store; each lies in about
0..1, so that the weights can be compared; no feature knows a company, a document or a language by name.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.search.lexical import Described

NAMES: Final = (
    "fused",  # the fused score, 1 for the first
    "cosine",  # less the best of this question, in units of 0.2
    "cosine_known",
    "covered",  # share of the question's weighted terms that the chunk holds
    "covered_head",  # the same in its sections and table header
    "line",  # share that its best line holds
    "label",  # the best line as a row label: share held times share of the label that is asked
    "heading",  # the best line without figures (a heading, a caption)
    "pairs",  # share of the question's neighbouring terms that stand there as in the question
    "year",  # share of the question's years that it shows
    "year_head",  # ... that its table header shows
    "figures",  # share of digits
    "figures_asked",  # the same, where a figure is asked
    "page",  # share of the question that its page's candidates hold together
    "items",  # share of the asked items that a line of it begins with, under any of their names
    "items_in",  # ... that it names anywhere
    "page_items",  # share of them that its page's candidates begin lines with
    "statement",  # it stands on the statement where the asked items stand
    "notes",  # it stands in the notes, where a statement's item is asked
    "front",  # it stands among the document's first pages
    "best_document",  # its document fits best what the question names
    "named_document",  # ... is one of those that the question names
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_FIGURE_ASKED = re.compile(
    r"\bhow (?:much|many|large|high)\b|\b(?:amount|total|ratio|rate|margin|percent\w*|number|value|sum"
    r"|average|growth|change[ds]?|increase|decrease|usd|million|billion|proportion|difference)\b"
    r"|多少|几|比例|比率|金额|增长|合计|总额|率",
    re.IGNORECASE,
)
_NO_DIGITS = {ord(c): None for c in "0123456789"}
_FRONT_PAGES = 3
_KEPT = 2048  # chunks whose lines stay taken apart: some 10 KB each
_GAP = 3  # small words between two terms: plant and equipment


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question looks for. ``weights``: term -> how much it says (query weight times idf); ``pairs``:
    neighbouring terms of the question; ``statements``: page types where the asked items stand."""

    weights: Mapping[str, float]
    pairs: tuple[str, ...]
    years: frozenset[str]
    figure: bool
    statements: frozenset[str]
    items: tuple[tuple[str, ...], ...] = ()  # of each asked item, its names as terms between spaces
    best: frozenset[int] = frozenset()  # documents, as in rag.search.understanding.Meant
    named: frozenset[int] = frozenset()

    @property
    def total(self) -> float:
        return sum(self.weights.values()) or 1.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that a leg found. ``fused``: its fused score; ``cosine``: None where the dense leg did not find
    it."""

    chunk_id: int
    fused: float
    cosine: float | None


def asked_of(
    question: str,
    weights: Mapping[str, float],
    order: Sequence[str],
    frequencies: Mapping[str, int],
    chunks: int,
    *,
    quiet: Collection[str] = (),
    statements: Collection[str] = (),
    items: Sequence[Sequence[str]] = (),
) -> Asked:
    """``weights``: the question's terms as the lexical index is asked for them; ``order``: all its terms in
    their order, small words too; ``frequencies``: chunks that hold each term, of ``chunks``; ``quiet``: terms
    that name documents, which tell no chunk from another; ``statements``, ``items``: as in Asked."""
    years = frozenset(t for t in weights if _YEAR.fullmatch(t))
    kept = {
        term: weight * math.log((chunks + 1.0) / (frequencies.get(term, 0) + 0.5))
        for term, weight in weights.items()
        if term not in years and term not in quiet
    }
    kept = {t: w for t, w in kept.items() if w > 0}
    places = [at for at, term in enumerate(order) if term in kept]
    pairs = dict.fromkeys(f" {' '.join(order[a : b + 1])} " for a, b in pairwise(places) if b - a <= _GAP)
    return Asked(
        kept,
        tuple(pairs),
        years,
        bool(_FIGURE_ASKED.search(question)),
        frozenset(statements),
        tuple(map(tuple, items)),
    )


def features(
    asked: Asked, candidates: Sequence[Candidate], described: Mapping[int, Described]
) -> NDArray[np.float64]:
    """float64 (len(candidates), len(NAMES)); a candidate that is not described gets only its scores."""
    found = [[0.0] * len(NAMES) for _ in candidates]
    top = max((c.fused for c in candidates), default=1.0) or 1.0
    best_cosine = max((c.cosine for c in candidates if c.cosine is not None), default=0.0)
    held: dict[tuple[int, int], set[str]] = defaultdict(set)
    begun: dict[tuple[int, int], set[int]] = defaultdict(set)
    total = asked.total
    for row, c in zip(found, candidates, strict=True):
        row[0] = c.fused / top
        row[1] = 0.0 if c.cosine is None else (c.cosine - best_cosine) / 0.2
        row[2] = float(c.cosine is not None)
        if c.chunk_id in described:
            d = described[c.chunk_id]
            terms, items = _describe(row, asked, total, d)
            row[20] = float(d.document_id in asked.best)
            row[21] = float(d.document_id in asked.named)
            held[d.document_id, d.page] |= terms
            begun[d.document_id, d.page] |= items
    for row, c in zip(found, candidates, strict=True):
        if c.chunk_id in described:
            d = described[c.chunk_id]
            row[13] = sum([asked.weights[t] for t in held[d.document_id, d.page]]) / total
            if asked.items:
                row[16] = len(begun[d.document_id, d.page]) / len(asked.items)
    return np.array(found, dtype=np.float64).reshape(len(candidates), len(NAMES))


@dataclass(frozen=True, slots=True)
class _Read:
    """A chunk's lines taken apart once, for all questions. ``holds``: term -> the lines that hold it;
    ``labels``: the words of each line that begin with no digit; ``lengths``: words of each line;
    ``digits``: their share of the text."""

    holds: Mapping[str, Sequence[int]]
    labels: tuple[tuple[str, ...], ...]
    lengths: tuple[int, ...]
    head: frozenset[str]
    body: str
    digits: float


@lru_cache(maxsize=_KEPT)
def _read(chunk: Described) -> _Read:
    holds: dict[str, list[int]] = {}
    labels: list[tuple[str, ...]] = []
    lengths: list[int] = []
    for number, line in enumerate(chunk.body):
        words = line.split(" ")
        for word in dict.fromkeys(words):
            holds.setdefault(word, []).append(number)
        labels.append(tuple(w for w in words if not w[:1].isdigit()))
        lengths.append(len(words))
    head = frozenset(" ".join(chunk.head[1:]).split(" ")) if len(chunk.head) > 1 else frozenset()
    body = f" {' '.join(chunk.body)} "
    digits = 1.0 - len(body.translate(_NO_DIGITS)) / len(body)
    return _Read(holds, tuple(labels), tuple(lengths), head, body, digits)


def _describe(row: list[float], asked: Asked, total: float, chunk: Described) -> tuple[set[str], set[int]]:
    weights = asked.weights
    read = _read(chunk)
    held: set[str] = set()
    shares: dict[int, float] = {}
    for term, weight in weights.items():
        lines = read.holds.get(term)
        if lines is not None:
            held.add(term)
            for number in lines:
                shares[number] = shares.get(number, 0.0) + weight
    line_best = label_best = heading_best = 0.0
    for number in sorted(shares):
        share = shares[number] / total
        line_best = max(line_best, share)
        label = read.labels[number]
        if label and share > 0.5 * label_best:
            precision = sum([w in weights for w in label]) / len(label)
            label_best = max(label_best, share * precision)
            if len(label) == read.lengths[number] <= 12:
                heading_best = max(heading_best, share * precision)
    row[3] = sum([weights[t] for t in held]) / total
    row[4] = sum([weights[t] for t in weights if t in read.head]) / total
    row[5], row[6], row[7] = line_best, label_best, heading_best
    body = read.body
    if asked.pairs:
        # Looking words up is cheaper than looking through the text for a pair that cannot be there.
        row[8] = sum([_may_hold(read, pair) and pair in body for pair in asked.pairs]) / len(asked.pairs)
    if asked.years:
        row[9] = sum([y in read.holds for y in asked.years]) / len(asked.years)
        table = f" {chunk.head[-1]} " if len(chunk.head) > 2 else ""
        row[10] = sum([f" {y} " in table for y in asked.years]) / len(asked.years)
    row[11] = read.digits
    row[12] = read.digits * asked.figure
    row[17] = float(bool(chunk.page_type) and chunk.page_type in asked.statements)
    row[18] = float(bool(asked.statements) and chunk.page_type == "notes")
    row[19] = float(chunk.page <= _FRONT_PAGES)
    begun: set[int] = set()
    if asked.items:
        named = 0
        for number, names in enumerate(asked.items):
            there = [n for n in names if n.partition(" ")[0] in read.holds and f" {n} " in body]
            if there:
                named += 1
                if any(_begins(chunk.body, read, name) for name in there):
                    begun.add(number)
        row[14], row[15] = len(begun) / len(asked.items), named / len(asked.items)
    return held, begun


def _begins(body: Sequence[str], read: _Read, name: str) -> bool:
    """Whether a line begins with the words of ``name``."""
    lines = read.holds[name.partition(" ")[0]]
    return any(body[n] == name or body[n].startswith(f"{name} ") for n in lines)


def _may_hold(read: _Read, pair: str) -> bool:
    first, last = _ends(pair)
    return first in read.holds and last in read.holds


@lru_cache(maxsize=4096)
def _ends(pair: str) -> tuple[str, str]:
    words = pair.split()
    return words[0], words[-1]
