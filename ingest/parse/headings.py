"""Headings of a PDF: outline entries found on their pages, and lines that look like headings.

What a heading looks like is decided over the whole document: larger or bolder than the body, short, not
part of a table, not repeated at one place on many pages. Chinese numbering (第X节, 一、, （一）) and
"Item 7." give levels.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Final

from ingest.parse.layout import VisualLine
from ingest.parse.structure import DraftPage, is_numeric

OutlineEntry = tuple[str, int, int]  # title, level (1-based), page number (1-based)

_NUMBERED: Final[tuple[tuple[re.Pattern[str], int], ...]] = (
    (re.compile(r"^第\s*[一二三四五六七八九十百〇零\d]+\s*[章节篇編编部]"), 1),
    (re.compile(r"^(?:PART|Part)\s+(?:[IVX]+|\d+)\b"), 1),
    (re.compile(r"^(?:ITEM|Item)\s+\d+[AB]?\s*[.:．]?"), 2),
    (re.compile(r"^[一二三四五六七八九十]{1,3}\s*[、．]"), 2),
    (re.compile(r"^[(（][一二三四五六七八九十]{1,3}[)）]"), 3),
)
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_LEADERS: Final = re.compile(r"[.…·]{4,}|(?:\. ){4,}")
_FULL_STOP: Final = re.compile(r"[.。；;，,]$")
_TICKS: Final = "□√☐☑✓■•●"
_MAX_LEVEL: Final = 6


def _key(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def find_headings(pages: list[DraftPage], outline: list[OutlineEntry]) -> None:
    """Fills ``page.headings``. Levels start at 1; where both know a line, the outline decides."""
    body = _body_size(pages)
    repeated = _repeated(pages)
    bold_share = _bold_share(pages)
    sizes: Counter[float] = Counter()
    styled: list[tuple[DraftPage, int, int, float, bool]] = []  # page, first, last, size, bold
    for page in pages:
        inside = set[int]()
        for table in page.tables:
            inside.update(range(table.first, table.last + 1))
        i = 0
        while i < len(page.lines):
            line = page.lines[i]
            if i in inside or not _may_head(line, body, bold_share, repeated):
                i += 1
                continue
            last = i
            while (
                last + 1 < len(page.lines)
                and last + 1 not in inside
                and _goes_on(page.lines[last], page.lines[last + 1])
            ):
                last += 1
            if last - i < 3:
                large = line.size >= 1.12 * body
                styled.append((page, i, last, round(line.size * 2) / 2 if large else 0.0, line.bold))
                if large:
                    sizes[round(line.size * 2) / 2] += 1
            i = last + 1
    ranks = {size: rank for rank, size in enumerate(sorted(sizes, reverse=True)[:4], start=1)}
    found = _from_outline(pages, outline)
    deepest = max((level for spots in found.values() for _, _, level in spots), default=0)
    for page, first, last, size, _bold in styled:
        level = ranks.get(size, len(ranks) + 1)
        for pattern, fixed in _NUMBERED:
            if pattern.match(page.lines[first].text):
                level = fixed
                break
        else:
            if deepest:
                level += deepest
        spots = found[page.number]
        if all(last < a or first > b for a, b, _ in spots):
            spots.append((first, last, min(level, _MAX_LEVEL)))
    for page in pages:
        page.headings = sorted(found.get(page.number, []))


def _body_size(pages: list[DraftPage]) -> float:
    """The size of running text; small print in pages of tables does not make a heading of every paragraph."""
    weights: Counter[float] = Counter()
    in_tables: Counter[float] = Counter()
    for page in pages:
        inside = {i for table in page.tables for i in range(table.first, table.last + 1)}
        for i, line in enumerate(page.lines):
            (in_tables if i in inside else weights)[round(line.size * 2) / 2] += len(line.text)
    counted = weights or in_tables
    return counted.most_common(1)[0][0] if counted else 10.0


def _bold_share(pages: list[DraftPage]) -> float:
    bold = sum(len(line.text) for page in pages for line in page.lines if line.bold)
    total = sum(len(line.text) for page in pages for line in page.lines)
    return bold / total if total else 0.0


def _repeated(pages: list[DraftPage]) -> set[str]:
    """Running headers and footers: the same words at the top or foot of many pages."""
    if len(pages) < 3:
        return set()
    seen: dict[str, set[int]] = defaultdict(set)
    for page in pages:
        for line in page.lines:
            if line.box[1] < 0.12 or line.box[3] > 0.88:
                seen[_key(line.text)].add(page.number)
    least = max(3, 0.2 * len(pages))
    return {key for key, numbers in seen.items() if len(numbers) >= least}


def _may_head(line: VisualLine, body: float, bold_share: float, repeated: set[str]) -> bool:
    text = line.text
    if len(text) > 140 or len(line.cells) > 2 or len(text) < 2:
        return False
    numbered = any(pattern.match(text) for pattern, _ in _NUMBERED)
    large = line.size >= 1.12 * body
    bold = line.bold and bold_share < 0.4 and line.size >= 0.9 * body
    chinese = _CHINESE.search(text) is not None
    if not (large or bold or (numbered and chinese)):
        return False
    if len(line.cells) == 2 and not numbered:
        return False
    if not _LETTER.search(text) or is_numeric(text) or _LEADERS.search(text) or text[0] in _TICKS:
        return False
    if chinese and (len(text) > 45 or (_FULL_STOP.search(text) and not large)):
        return False
    if not large and not numbered and _FULL_STOP.search(text) and len(text) > 40:
        return False
    if large and len(_LETTER.findall(text)) < 2:
        return False
    return _key(text) not in repeated


def _goes_on(a: VisualLine, b: VisualLine) -> bool:
    """A heading set in several lines."""
    return (
        a.block == b.block
        and abs(a.size - b.size) < 0.3
        and a.bold == b.bold
        and len(b.cells) == 1
        and b.text[0] not in _TICKS
        and 0 < b.baseline - a.baseline < 1.6 * a.size
        and not any(pattern.match(b.text) for pattern, _ in _NUMBERED)
    )


def _from_outline(
    pages: list[DraftPage], outline: list[OutlineEntry]
) -> defaultdict[int, list[tuple[int, int, int]]]:
    found: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    by_page: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for title, level, number in outline:
        key = _key(title)
        if len(key) >= 2:
            by_page[number].append((key, level))
    for number, entries in by_page.items():
        if not 1 <= number <= len(pages):
            continue
        page = pages[number - 1]
        keys = [_key(line.text) for line in page.lines]
        for key, level in entries:
            spot = _locate(key, keys)
            if spot and all(spot[1] < a or spot[0] > b for a, b, _ in found[number]):
                found[number].append((spot[0], spot[1], min(level, _MAX_LEVEL)))
    return found


def _locate(key: str, keys: list[str]) -> tuple[int, int] | None:
    """The line, or two or three lines together, that say the outline's title."""
    for i, line in enumerate(keys):
        if line == key:
            return i, i
    for i, line in enumerate(keys):
        if not line or not key.startswith(line):
            continue
        joined = line
        for j in range(i + 1, min(i + 3, len(keys))):
            joined += keys[j]
            if joined == key:
                return i, j
    for i, line in enumerate(keys):  # the title with its number, or without
        if len(key) >= 6 and len(line) <= len(key) + 12 and (line.endswith(key) or line.startswith(key)):
            return i, i
    return None
