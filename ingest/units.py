"""A page as units: what a chunk is made of and never cuts (a heading, a sentence, a table row), with the cost
of a cut before each.

Promises: units are in order, don't overlap, begin and end with a non-blank character and hold every
non-blank character of the page. Headings and tables given out of order, overlapping or beyond the text do no
harm.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.records import Heading, Page, Table
from rag.text.language import detect_language
from rag.text.sentences import sentence_spans

CHARS_PER_TOKEN = 24  # one token for more text than this (an unknown word of 9,000 letters) counts as several

# What a cut before a unit costs, where a whole chunk costs 1.
AFTER_HEADING = 4.0  # a heading without its text
AFTER_CAPTION = 3.0  # a table without its caption
AFTER_HEADER_ROW = 4.0
AFTER_TITLE_LINE = 1.5  # a short line without a full stop may be a heading that nobody marked
BLANK_LINE, NEW_LINE, ROW, SENTENCE = 0.1, 0.3, 0.4, 0.5
CLAUSE, WORD, TOKEN = 0.9, 1.3, 2.0
HEADING_INSIDE = 1.3  # a heading in a chunk's middle: two sections in one

_CLAUSE_END = re.compile(r"[，,;；:：、。．)）\]】]+\s*(?=\S)|[\t\n]+|\s[-–—]\s")
_BLANK = re.compile(r"\s+")
_SENTENCE_ENDS = tuple(".。!！?？;；,，")
_PATH_CHARS = 120  # of one heading in a section path
_LONG_HEADING = {False: 120, True: 40}  # characters; by whether it is Chinese
_HEADING_END = re.compile(r"[，。！？；]|[.!?;]\s")


@dataclass(slots=True)
class Unit:
    """``page.text[start:end]``; ``cut`` is the cost of a cut before it, ``inside`` of standing in a chunk but
    not first."""

    start: int
    end: int
    path: tuple[str, ...]
    cut: float
    inside: float = 0.0
    heading: bool = False
    table: int = -1  # index into the page's tables
    header_row: bool = False


class Sections:
    """The headings in force while pages go by."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, str]] = []

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(words for _, words in self._stack)

    def enter(self, level: int, words: str) -> None:
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        self._stack.append((level, _heading_name(words)))


def _heading_name(words: str) -> str:
    """A heading's words for the path. Outlines also name whole paragraphs as headings: such a one is named by
    its first sentence (Chinese: clause), or as much of it as fits."""
    words = " ".join(words.split())
    if len(words) > _LONG_HEADING[detect_language(words) == "zh"]:
        words = _HEADING_END.split(words, maxsplit=1)[0]
    return words[:_PATH_CHARS].rstrip()


class Ruler:
    """How many tokens a span of the page has, from one pass of the tokenizer."""

    def __init__(self, offsets: Sequence[tuple[int, int]]) -> None:
        self.starts = [start for start, _ in offsets]

    def size(self, start: int, end: int) -> int:
        tokens = bisect_left(self.starts, end) - bisect_left(self.starts, start)
        return max(tokens, -(-(end - start) // CHARS_PER_TOKEN))

    def end_of(self, start: int, tokens: int) -> int:
        """Where a text from ``start`` ends that has at most ``tokens`` tokens (at least one character on)."""
        first = bisect_left(self.starts, start)
        limit = start + tokens * CHARS_PER_TOKEN
        if first + tokens < len(self.starts):
            limit = min(limit, self.starts[first + tokens])
        return max(limit, start + 1)


def page_units(page: Page, sections: Sections) -> list[Unit]:
    """The units of a page; ``sections`` moves on."""
    units: list[Unit] = []
    end = 0
    for start, region in _regions(page):
        _add_sentences(units, page.text, end, start, sections)
        end = region.end
        if isinstance(region, Heading):
            _add_heading(units, page.text, start, region, sections)
        else:
            _add_rows(units, page, start, region, sections)
    _add_sentences(units, page.text, end, len(page.text), sections)
    for unit, before in zip(units[1:], units, strict=False):
        unit.cut = max(unit.cut, _cut_cost(page.text, before, unit))
    return units


def _regions(page: Page) -> Iterator[tuple[int, Heading | Table]]:
    """Headings and tables in order, clipped to the text and to one another; a heading in a table is a row."""
    length = len(page.text)
    tables = sorted((t for t in page.tables if t.start < t.end), key=lambda t: t.start)
    headings = [h for h in page.headings if not any(t.start <= h.start < t.end for t in tables)]
    regions: list[Heading | Table] = [*tables, *headings]
    end = 0
    for region in sorted(regions, key=lambda r: (r.start, r.end)):
        start = max(region.start, end, 0)
        end_of_region = min(region.end, length)
        if start < end_of_region and page.text[start:end_of_region].strip():
            end = end_of_region
            yield start, replace(region, end=end_of_region)


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without blanks at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _add_sentences(units: list[Unit], text: str, start: int, end: int, sections: Sections) -> None:
    if start >= end:
        return
    path = sections.path
    for first, last in sentence_spans(text[start:end]):
        units.append(Unit(start + first, start + last, path, 0.0))


def _add_heading(units: list[Unit], text: str, start: int, heading: Heading, sections: Sections) -> None:
    first, last = _bare(text, start, heading.end)
    sections.enter(heading.level, text[first:last])
    units.append(Unit(first, last, sections.path, 0.0, inside=HEADING_INSIDE, heading=True))


def _add_rows(units: list[Unit], page: Page, start: int, table: Table, sections: Sections) -> None:
    index = next(i for i, t in enumerate(page.tables) if t.start <= start < max(t.end, t.start + 1))
    header = " ".join(table.header.split())
    path = sections.path
    position = start
    seen_header = False
    for line in page.text[start : table.end].splitlines(keepends=True):
        first, last = _bare(page.text, position, position + len(line))
        position += len(line)
        if first >= last:
            continue
        is_header = not seen_header and bool(header) and " ".join(page.text[first:last].split()) == header
        seen_header = seen_header or is_header
        units.append(Unit(first, last, path, 0.0, table=index, header_row=is_header))


def _cut_cost(text: str, before: Unit, unit: Unit) -> float:
    if before.heading:
        deeper = len(unit.path) > len(before.path)
        return AFTER_HEADING if deeper or not unit.heading else SENTENCE
    if unit.heading:
        return 0.0
    if before.header_row:
        return AFTER_HEADER_ROW
    gap = text[before.end : unit.start]
    if unit.table != before.table:
        caption = unit.table >= 0 and before.end - before.start <= 160
        return (
            AFTER_CAPTION
            if caption and not text.endswith(_SENTENCE_ENDS, before.start, before.end)
            else BLANK_LINE
        )
    if unit.table >= 0:
        return ROW
    if "\n" in gap:
        if before.end - before.start < 80 and not text.endswith(_SENTENCE_ENDS, before.start, before.end):
            return AFTER_TITLE_LINE
        return BLANK_LINE if gap.count("\n") > 1 else NEW_LINE
    return SENTENCE


def split_unit(text: str, unit: Unit, ruler: Ruler, budget: int) -> Iterator[Unit]:
    """``unit`` in pieces of at most ``budget`` tokens, cut after clauses, else words, else tokens."""
    start = unit.start
    cut = unit.cut
    pieces = 0
    while ruler.size(start, unit.end) > budget:
        limit = ruler.end_of(start, budget)
        if limit >= unit.end:
            break
        end, cost = _last_break(text, start, limit)
        yield _piece(text, unit, start, end, cut, pieces)
        pieces += 1
        cut = cost
        start = end
        while text[start].isspace():
            start += 1
    yield _piece(text, unit, start, unit.end, cut, pieces)


def halves(text: str, unit: Unit) -> list[Unit]:
    """``unit`` in two, for text whose tokens cannot be told apart."""
    middle = (unit.start + unit.end) // 2
    first, second = _bare(text, unit.start, middle), _bare(text, middle, unit.end)
    return [replace(unit, end=first[1]), replace(unit, start=second[0], cut=TOKEN, inside=0.0)]


def _piece(text: str, unit: Unit, start: int, end: int, cut: float, number: int) -> Unit:
    while text[end - 1].isspace():
        end -= 1
    if number == 0:
        return replace(unit, end=end)
    return replace(unit, start=start, end=end, cut=cut, inside=0.0, header_row=False)


def _last_break(text: str, start: int, limit: int) -> tuple[int, float]:
    """The last good place to cut in the later half of ``text[start:limit]`` and what it costs."""
    middle = (start + limit) // 2
    for pattern, cost in ((_CLAUSE_END, CLAUSE), (_BLANK, WORD)):
        ends = [match.end() for match in pattern.finditer(text, middle, limit)]
        if ends and text[start : ends[-1]].strip():
            return ends[-1], cost
    return limit, TOKEN
