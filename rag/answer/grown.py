"""Passages grown by what stands around them: the rest of their table and its notes first, then the lines
before and after, as far as a token budget goes.

Promises: a passage stays a piece of its page, so that offsets, citations and boxes hold; numbers of passages
and their order never change; no grown passage runs into another one of its page; the best grow first.
Pure: the caller brings the pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer.citations import PageOf, boxes_within
from rag.answer.prompts import estimate_tokens
from rag.errors import WenjuError
from rag.records import PAGE_BREAK, Page, Passage

_NOTE = re.compile(
    r"^\s*(?:\(?[*†‡§#]\)?|\(\d{1,2}\)|\([a-z]\)|notes?\b|注[:：\d(（]|[（(]?注|[①-⑩])", re.IGNORECASE
)
_CAPTION_LINES = 2  # above a table: its name, its unit
_OVERHEAD = 40  # tokens of a fence and its names


def grow(passages: Sequence[Passage], page_of: PageOf, budget: int, most: int) -> tuple[Passage, ...]:
    """``passages`` with up to ``most`` further tokens each, while all of them together stay within ``budget``
    tokens. Those whose page is gone, or that lie on several, stay as they are."""
    left = budget - sum(estimate_tokens(p.text) + _OVERHEAD for p in passages)
    made = list(passages)
    taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
    places: list[tuple[Page, int] | None] = [_place(p, page_of) for p in passages]
    for passage, place in zip(passages, places, strict=True):
        if place is not None:
            key = (passage.document_id, place[0].number)
            taken.setdefault(key, []).append((place[1], place[1] + len(passage.text)))
    for n, (passage, place) in enumerate(zip(passages, places, strict=True)):
        if left <= 0:
            break
        if place is None:
            continue
        page, start = place
        mine = (start, start + len(passage.text))
        others = [span for span in taken[(passage.document_id, page.number)] if span != mine]
        begin, end = _spread(page, *mine, others, min(left, most))
        if (begin, end) == mine:
            continue
        left -= estimate_tokens(page.text[begin:end]) - estimate_tokens(passage.text)
        shift = passage.char_start - start
        taken[(passage.document_id, page.number)].append((begin, end))
        made[n] = replace(
            passage,
            text=page.text[begin:end],
            char_start=begin + shift,
            char_end=end + shift,
            boxes=boxes_within(page, begin, end) if passage.boxes else (),
        )
    return tuple(made)


def _place(passage: Passage, page_of: PageOf) -> tuple[Page, int] | None:
    """The passage's page and where on it the passage begins; None when it cannot be told for certain."""
    if passage.page_start != passage.page_end or PAGE_BREAK in passage.text or not passage.text:
        return None
    try:
        page = page_of(passage.document_id, passage.page_start)
    except WenjuError:
        return None  # deleted meanwhile
    at = page.text.find(passage.text)
    if at < 0 or page.text.find(passage.text, at + 1) >= 0:
        return None
    return page, at


def _spread(
    page: Page, start: int, end: int, others: Sequence[tuple[int, int]], tokens: int
) -> tuple[int, int]:
    """The span of whole lines around ``start``, ``end`` that ``tokens`` more allow and no other passage
    holds: the table's lines, then those after and before in turn."""
    least = max((e for _, e in others if e <= start), default=0)
    most = min((s for s, _ in others if s >= end), default=len(page.text))
    if any(s < end and start < e for s, e in others):
        return start, end
    table = _table(page, start, end)
    begin, stop = start, end
    spent = 0
    forward = True
    closed = {True: False, False: False}
    while not all(closed.values()):
        if closed[forward]:
            forward = not forward
        step = _next(page.text, stop, most) if forward else _before(page.text, begin, least)
        if step is None:
            closed[forward] = True
            continue
        cost = estimate_tokens(
            page.text[min(step, stop) : max(step, stop)] if forward else page.text[step:begin]
        )
        if spent + cost > tokens:
            closed[forward] = True
            continue
        spent += cost
        if forward:
            stop = step
        else:
            begin = step
        # The table first, on whichever side there is more of it; then both sides in turn.
        inside = {True: stop < table[1], False: begin > table[0]}
        forward = True if inside[True] else False if inside[False] else not forward
    while stop > end and page.text[stop - 1].isspace():
        stop -= 1
    while begin < start and page.text[begin].isspace():
        begin += 1
    return begin, stop


def _table(page: Page, start: int, end: int) -> tuple[int, int]:
    """The table that the span lies in, with its caption and its notes; the span itself when in none."""
    found = next((t for t in page.tables if t.start < end and start < t.end), None)
    if found is None:
        return start, end
    first, last = min(found.start, start), max(found.end, end)
    for _ in range(_CAPTION_LINES):
        step = _before(page.text, first, 0)
        first = first if step is None else step
    while (step := _next(page.text, last, len(page.text))) is not None and _NOTE.match(
        page.text[last:step].strip()
    ):
        last = step
    return first, last


def _next(text: str, at: int, limit: int) -> int | None:
    """Where the next line ends; None when there is none before ``limit``."""
    while at < limit and text[at] == "\n":
        at += 1
    if at >= limit:
        return None
    found = text.find("\n", at)
    stop = len(text) if found < 0 else found
    return stop if stop <= limit else None


def _before(text: str, at: int, limit: int) -> int | None:
    """Where the line before begins; None when there is none after ``limit``."""
    while at > limit and text[at - 1] == "\n":
        at -= 1
    if at <= limit:
        return None
    start = text.rfind("\n", 0, at) + 1
    return start if start >= limit else None
