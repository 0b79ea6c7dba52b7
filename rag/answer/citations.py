"""From a claim to the words that carry it: the quote, its exact place in the document, its boxes on the page.

Promises: ``document_text[c.char_start:c.char_end] == c.quote`` for every citation; pages are those of the
quote, not of the whole passage; without geometry (Word, text) boxes are empty, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rag.answer.evidence import term_set
from rag.records import PAGE_BREAK, Box, Citation, Page, Passage
from rag.text.sentences import sentence_spans
from rag.text.terms import terms

PageOf = Callable[[int, int], Page]  # (document id, page number) -> page

_MARKER = re.compile(r"\[(\d{1,3})\]")
_ENOUGH = 0.34  # of a claim's weight that a further sentence must add to be quoted too
_MAX_SPANS = 2


def claims(text: str) -> list[tuple[str, int]]:
    """(claim, marker) for every marker of an answer: the sentence that it ends, in order."""
    found: list[tuple[str, int]] = []
    start = 0
    previous_end = -1
    for match in _MARKER.finditer(text):
        if text[previous_end : match.start()].strip() or previous_end < 0:
            start = max(previous_end, 0)
        previous_end = match.end()
        before = _MARKER.sub(" ", text[start : match.start()])
        spans = sentence_spans(before)
        # A marker may stand after its full stop or before it: the last sentence that says something.
        said = [before[a:b] for a, b in spans if re.search(r"\w", before[a:b])]
        found.append((said[-1] if said else before.strip(), int(match.group(1))))
    return found


def cite(text: str, passages: Sequence[Passage], page_of: PageOf) -> tuple[Citation, ...]:
    """One citation for each marker and place that it supports, in the order of the answer. Markers without
    a passage are left out (they were taken out of the text before)."""
    made: list[Citation] = []
    seen: set[tuple[int, int, int]] = set()
    for claim, marker in claims(text):
        if not 1 <= marker <= len(passages):
            continue
        passage = passages[marker - 1]
        for start, end in supporting_spans(claim, passage.text):
            if (marker, start, end) not in seen:
                seen.add((marker, start, end))
                made.append(locate(marker, passage, start, end, page_of))
    return tuple(made)


def supporting_spans(claim: str, text: str) -> list[tuple[int, int]]:
    """The one or two sentences or rows of ``text`` that share most with the claim; figures count threefold.
    The first sentence when nothing is shared."""
    spans = sentence_spans(text)
    if not spans:
        return [(0, len(text))] if text else []
    weights: dict[str, float] = {}
    for term in terms(claim):
        weights[term] = 3.0 if term[0].isdigit() else 1.0
    # A term in every sentence of the passage says nothing about which one.
    sets = [term_set(text[a:b]) for a, b in spans]
    for term in weights:
        holders = sum(term in s for s in sets)
        weights[term] /= 1.0 + holders / max(len(sets), 1) * 2
    total = sum(weights.values()) or 1.0
    left = dict(weights)
    chosen: list[int] = []
    while len(chosen) < _MAX_SPANS:
        gains = [
            (sum(left.get(t, 0.0) for t in s) / (1.0 + 0.002 * (b - a)), -i)
            for i, (s, (a, b)) in enumerate(zip(sets, spans, strict=True))
        ]
        gain, place = max(gains)
        if chosen and gain < _ENOUGH * total:
            break
        chosen.append(-place)
        for term in sets[-place]:
            left.pop(term, None)
        if gain <= 0:
            break
    chosen.sort()
    if len(chosen) == 2 and chosen[1] == chosen[0] + 1:
        return [(spans[chosen[0]][0], spans[chosen[1]][1])]
    return [spans[i] for i in chosen]


def locate(marker: int, passage: Passage, start: int, end: int, page_of: PageOf) -> Citation:
    """The citation of ``passage.text[start:end]``."""
    first = passage.page_start + passage.text.count(PAGE_BREAK, 0, start)
    last = passage.page_start + passage.text.count(PAGE_BREAK, 0, end)
    return Citation(
        marker=marker,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        document=passage.document,
        page_start=first,
        page_end=last,
        quote=passage.text[start:end],
        char_start=passage.char_start + start,
        char_end=passage.char_start + end,
        boxes=_boxes(passage, start, end, page_of) if passage.boxes else (),
    )


def _boxes(passage: Passage, start: int, end: int, page_of: PageOf) -> tuple[Box, ...]:
    """The boxes of the lines that the quote touches, page by page."""
    boxes: list[Box] = []
    segment_start = 0
    for offset, segment in enumerate(passage.text.split(PAGE_BREAK)):
        segment_end = segment_start + len(segment)
        lo, hi = max(start, segment_start), min(end, segment_end)
        if lo < hi:
            page = page_of(passage.document_id, passage.page_start + offset)
            at = page.text.find(segment)
            if at >= 0:
                lo, hi = at + lo - segment_start, at + hi - segment_start
                boxes += boxes_within(page, lo, hi)
        segment_start = segment_end + 1
    return tuple(boxes)


def boxes_within(page: Page, start: int, end: int) -> tuple[Box, ...]:
    """The boxes of the lines that ``page.text[start:end]`` touches."""
    return tuple(
        Box(page.number, line.x0, line.y0, line.x1, line.y1)
        for line in page.lines
        if line.start < end and line.end > start
    )
