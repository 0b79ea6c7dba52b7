"""Spans -> visual lines in reading order, with the cells of table rows kept apart.

1. Spans on one baseline become a row; superscripts and subscripts join the row they hang on.
2. A row falls into segments at wide gaps.
3. Where the content stream writes one side of the page and then the other, and both sides hold prose, the
page has columns: each is read to its end. Table rows, written across, stay rows. 4. A row's segments are
joined by tabs; a lone currency sign or closing bracket joins its number.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import Final

from ingest.parse.clean import clean
from ingest.parse.pdfium import RawPage, Span, unturned

_CJK: Final = re.compile("[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]")
_RTL: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTERS: Final = re.compile(r"[^\W\d_]{2,}|[\u3400-\u9fff]")
_OPENS_NUMBER: Final = re.compile(r"^[$€£¥₹]$|^\($|^[$€£¥]\($|^(US|HK|C|A)\$$|^RMB$")
_NUMBER_START: Final = re.compile(r"^[(\-–—.\d$€£¥]")
_CLOSES_NUMBER: Final = re.compile(r"^(\)%?|%\)?|pts?|bps|x|\)\*?)$")
_NUMBER: Final = re.compile(r"^[^\w]*\d[\d,.\s()%/:*–—-]*[^\w]*$|^[-–—$]+\s*$|^(N/?A|NM|n/?m)$")
_FIGURE: Final = re.compile(r"^[$€£¥(\-–—)%.,\d]+$")
# What stands before a hanging paragraph: a bullet, a number, a footnote sign, a chapter, a box to tick.
_MARKER: Final = re.compile(
    r"^(?:[•●○▪■□◆▶➢✓√☐☑*†‡§–—-]|[(（]?(?:\d{1,2}|[A-Za-z]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3})[)）.、]|"
    r"(?:\d{1,2}\.){1,4}\d{0,2}|第[一二三四五六七八九十百\d]+[章节条篇]|(?:Item|ITEM|Note|NOTE)\s\d+[A-C]?\.?|[□√☐☑✓■]\S{1,4})$"
)
_MIN_SIDE: Final = 4  # lines on each side before a page is believed to have columns


class Cell:
    """A stretch of a row without a wide gap."""

    __slots__ = ("baseline", "bold", "order", "size", "text", "x0", "x1", "y0", "y1")

    def __init__(self, spans: list[Span]) -> None:
        main = spans[0]
        x0, y0, x1, y1, order, bold, most = main.x0, main.y0, main.x1, main.y1, main.order, main.bold, 0.0
        if len(spans) > 1:
            for span in spans:
                if span.x0 < x0:
                    x0 = span.x0
                if span.y0 < y0:
                    y0 = span.y0
                if span.x1 > x1:
                    x1 = span.x1
                if span.y1 > y1:
                    y1 = span.y1
                if span.order < order:
                    order = span.order
                if bold and not span.bold and len(span.text) > 1:
                    bold = False
                ink = span.size * len(span.text)
                if ink > most:
                    most, main = ink, span
            bold = bold and main.bold
        self.x0, self.y0, self.x1, self.y1, self.order, self.bold = x0, y0, x1, y1, order, bold
        self.size = main.size
        self.baseline = main.baseline
        self.text = _joined(spans).replace("\x02", "-").replace("\ufffe", "-")

    @property
    def is_prose(self) -> bool:
        """Words rather than figures: what columns of text are made of."""
        text = self.text
        if len(text) < 12 or _NUMBER.match(text):
            return False
        return len(_LETTERS.findall(text)) >= 3


class VisualLine:
    """One line of the page as read: its cells, and the block (column) that it belongs to."""

    __slots__ = (
        "baseline",
        "block",
        "bold",
        "box",
        "cells",
        "order",
        "size",
        "text",
        "turn",
        "x0",
        "x1",
        "y0",
        "y1",
    )

    def __init__(self, cells: list[Cell], block: int, turn: int, page: RawPage) -> None:
        self.x0 = min(c.x0 for c in cells)
        self.y0 = min(c.y0 for c in cells)
        self.x1 = max(c.x1 for c in cells)
        self.y1 = max(c.y1 for c in cells)
        self.size = max(c.size for c in cells)
        self.baseline = cells[0].baseline
        self.bold = all(c.bold for c in cells)
        self.block = block
        self.turn = turn
        self.order = cells[0].order
        self.cells = _merge_signs(cells)
        self.text = clean("\t".join(c[0] for c in self.cells)).replace("\n", " ").strip()
        shown = unturned((self.x0, self.y0, self.x1, self.y1), turn, page.width_pt, page.height_pt)
        width, height = max(page.width_pt, 1.0), max(page.height_pt, 1.0)
        self.box = (
            _fraction(shown[0], width),
            _fraction(shown[1], height),
            _fraction(shown[2], width),
            _fraction(shown[3], height),
        )


def _fraction(value: float, whole: float) -> float:
    """Kept to a hundred-thousandth (a hundredth of a point): pages travel as JSON."""
    return round(min(1.0, max(0.0, value / whole)), 5)


def lay_out(page: RawPage) -> list[VisualLine]:
    """The lines of a page in reading order. Text turned another way than most of the page comes last."""
    turns = Counter[int]()
    for span in page.spans:
        turns[span.turn] += len(span.text)
    lines: list[VisualLine] = []
    block = 0
    for turn, _ in turns.most_common():
        spans = [s for s in page.spans if s.turn == turn] if len(turns) > 1 else page.spans
        width = page.width_pt if turn in (0, 2) else page.height_pt
        rows = [_cells(row) for row in _rows(spans)]
        for group in _reading_order(rows, width):
            block += 1
            for cells in _join_centred(group):
                line = VisualLine(cells, block, turn, page)
                if line.text:
                    lines.append(line)
    return lines


def _rows(spans: list[Span]) -> list[list[Span]]:
    """Spans by baseline, top to bottom; each row left to right."""
    ordered = sorted(spans, key=lambda s: s.baseline)
    rows: list[list[Span]] = []
    bases: list[float] = []
    sizes: list[float] = []
    for span in ordered:
        size = span.size
        if rows and span.baseline - bases[-1] <= 0.22 * (size if size > sizes[-1] else sizes[-1]):
            rows[-1].append(span)
            if size > sizes[-1] * 1.15:
                sizes[-1] = size
                bases[-1] = span.baseline
        else:
            rows.append([span])
            bases.append(span.baseline)
            sizes.append(size)
    _attach_scripts(rows, bases, sizes)
    _attach_figures(rows, bases, sizes)
    result = []
    for row in rows:
        if row:
            row.sort(key=lambda s: s.x0)
            result.append(row)
    return result


def _attach_scripts(rows: list[list[Span]], bases: list[float], sizes: list[float]) -> None:
    """Small rows a little above or below a larger one, touching one of its spans, belong to it."""
    for i, row in enumerate(rows):
        for j in (i + 1, i - 1):
            if not 0 <= j < len(rows) or not rows[j] or sizes[i] > 0.85 * sizes[j]:
                continue
            if abs(bases[i] - bases[j]) > 0.6 * sizes[j]:
                continue
            near = 0.6 * sizes[j]
            if all(len(s.text) <= 6 and any(-near <= s.x0 - t.x1 <= near for t in rows[j]) for s in row):
                rows[j].extend(row)
                row.clear()
                break


def _attach_figures(rows: list[list[Span]], bases: list[float], sizes: list[float]) -> None:
    """Figures set a little lower or higher than the label on their left belong to its row."""
    for i in range(len(rows) - 1):
        a, b = rows[i], rows[i + 1]
        size = max(sizes[i], sizes[i + 1])
        if not a or not b or bases[i + 1] - bases[i] > 0.65 * size:
            continue
        below = rows[i + 2] if i + 2 < len(rows) and bases[i + 2] - bases[i + 1] < 0.95 * size else []
        if below and min(s.x0 for s in b) > max(s.x1 for s in (*a, *below)):
            continue  # between the two lines of a label: see _join_centred
        for label, figures in ((a, b), (b, a)):
            if (
                min(s.x0 for s in figures) > max(s.x1 for s in label)
                and all(_FIGURE.match(s.text) for s in figures)
                and not all(_FIGURE.match(s.text) for s in label)
            ):
                b.extend(a)
                a.clear()
                break


def _cells(row: list[Span]) -> list[Cell]:
    """A row cut at its wide gaps. In justified prose all gaps are wide: there the cut must be wider."""
    if len(row) == 1:
        return [Cell(row)]
    gaps = []
    reach = row[0].x1
    for span in row[1:]:
        gaps.append(span.x0 - reach)
        if span.x1 > reach:
            reach = span.x1
    usual = 0.0
    if len(gaps) >= 5:
        usual = sorted(gaps)[len(gaps) // 2]
    cells: list[Cell] = []
    current = [row[0]]
    for span, gap in zip(row[1:], gaps, strict=True):
        last = current[-1]
        size = span.size if span.size > last.size else last.size
        if (
            gap > 0.95 * size
            and (usual >= size or gap > 2.2 * usual)
            and not (span.glued and span.order == last.order + 1)
        ):
            cells.append(Cell(current))
            current = [span]
        elif not _painted_twice(span, current):
            current.append(span)
    cells.append(Cell(current))
    return cells


def _painted_twice(span: Span, before: list[Span]) -> bool:
    """Fake bold and shadows paint the same words again, a hair away."""
    if span.x0 >= before[-1].x1:
        return False
    near = 0.25 * span.size
    return any(
        other.text == span.text and abs(other.x0 - span.x0) < near and abs(other.x1 - span.x1) < near
        for other in before[-4:]
    )


def _joined(spans: list[Span]) -> str:
    if len(spans) == 1:
        return spans[0].text
    if not all(s.text.isascii() for s in spans) and sum(len(_RTL.findall(s.text)) for s in spans) * 2 > sum(
        len(s.text) for s in spans
    ):
        spans = sorted(spans, key=lambda s: -s.x1)
        return " ".join(s.text for s in spans)
    parts = [spans[0].text]
    before = spans[0]
    for span in spans[1:]:
        gap = span.x0 - before.x1
        if span.order == before.order + 1:
            space = not span.glued
            if space and gap < 0.3 * span.size and _CJK.match(before.text[-1:]) and _CJK.match(span.text[:1]):
                space = False
        else:
            space = gap > 0.12 * span.size
        if space:
            parts.append(" ")
        parts.append(span.text)
        before = span
    return "".join(parts)


def _join_centred(rows: list[list[Cell]]) -> list[list[Cell]]:
    """A label in two lines with its figures set between them becomes one row."""
    result: list[list[Cell]] = []
    i = 0
    while i < len(rows):
        if i + 2 < len(rows) and len(rows[i]) == 1 and len(rows[i + 2]) == 1:
            upper, figures, lower = rows[i][0], rows[i + 1], rows[i + 2][0]
            near = 0.95 * upper.size
            if (
                figures[0].x0 > max(upper.x1, lower.x1)
                and abs(upper.x0 - lower.x0) < 2.5 * upper.size
                and 0 < figures[0].baseline - upper.baseline < near
                and 0 < lower.baseline - figures[0].baseline < near
                and all(_FIGURE.match(cell.text.replace(" ", "")) for cell in figures)
            ):
                upper.text += ("" if _CJK.match(upper.text[-1:]) else " ") + lower.text
                upper.x0, upper.x1 = min(upper.x0, lower.x0), max(upper.x1, lower.x1)
                upper.y1 = max(upper.y1, lower.y1)
                upper.baseline = figures[0].baseline
                result.append([upper, *figures])
                i += 3
                continue
        result.append(rows[i])
        i += 1
    return result


def _merge_signs(cells: list[Cell]) -> list[tuple[str, float, float]]:
    """(text, x0, x1) of each cell; "$" joins the number after it, ")" and "%" the one before."""
    merged: list[tuple[str, float, float]] = []
    if len(cells) == 2 and (_MARKER.match(cells[0].text) and not _NUMBER.match(cells[1].text)):
        return [(f"{cells[0].text} {cells[1].text}", cells[0].x0, cells[1].x1)]
    for cell in cells:
        text = cell.text
        if merged:
            last, x0, _ = merged[-1]
            if _OPENS_NUMBER.match(last) and _NUMBER_START.match(text):
                merged[-1] = (last + ("" if last.endswith(("(", "$")) else " ") + text, x0, cell.x1)
                continue
            if len(last) == 1 and len(text) == 1 and _CJK.match(last) and _CJK.match(text):
                merged[-1] = (last + text, x0, cell.x1)  # 项  目: one word set apart
                continue
            if _CLOSES_NUMBER.match(text) and last[-1:].isdigit():
                merged[-1] = (last + text, x0, cell.x1)
                continue
        merged.append((text, cell.x0, cell.x1))
    return merged


# ---- reading order


def _reading_order(rows: list[list[Cell]], width: float) -> list[list[list[Cell]]]:
    """Groups of rows in the order in which a person reads them; a group is one column or a full-width
    part."""
    gutter = _gutter(rows, width)
    if gutter is None:
        return [rows] if rows else []
    x, first, last = gutter
    left: list[list[Cell]] = []
    right: list[list[Cell]] = []
    for row in rows[first:last]:
        a = [c for c in row if (c.x0 + c.x1) / 2 < x]
        b = [c for c in row if (c.x0 + c.x1) / 2 >= x]
        if a:
            left.append(a)
        if b:
            right.append(b)
    parts = (rows[:first], left, right, rows[last:])
    return [group for part in parts if part for group in _reading_order(part, width)]


def _gutter(rows: list[list[Cell]], width: float) -> tuple[float, int, int] | None:
    """(x, first row, last row + 1) of the best column gutter; None when the text runs across."""
    starts = sorted(c.x0 for row in rows for c in row if c.x0 > 0.12 * width and c.is_prose)
    if len(starts) < _MIN_SIDE:
        return None
    best: tuple[float, int, int] | None = None
    best_count = 0
    i = 0
    while i < len(starts):
        stop = bisect_left(starts, starts[i] + 4.0)
        if stop - i >= 3:
            found = _run(rows, starts[i])
            if found is not None and found[2] > best_count:
                best, best_count = (starts[i] - 1.0, found[0], found[1]), found[2]
        i = stop
    return best


def _run(rows: list[list[Cell]], x: float) -> tuple[int, int, int] | None:
    """The longest run of rows that leave a gutter before ``x`` free and read as two columns."""
    best: tuple[int, int, int] | None = None
    first = 0
    for stop in range(len(rows) + 1):
        if stop < len(rows) and not any(c.x0 < x - 5.0 and c.x1 > x - 1.0 for c in rows[stop]):
            continue
        found = _columns(rows, first, stop, x)
        if found is not None and (best is None or found[2] > best[2]):
            best = found
        first = stop + 1
    return best


def _columns(rows: list[list[Cell]], first: int, stop: int, x: float) -> tuple[int, int, int] | None:
    if stop - first < _MIN_SIDE:
        return None
    sides: list[tuple[int, bool, int, bool]] = []  # order in the stream, right side?, row, prose?
    for r in range(first, stop):
        for cell in rows[r]:
            sides.append((cell.order, cell.x0 >= x - 5.0, r, cell.is_prose))
    prose_left = [s for s in sides if s[3] and not s[1]]
    prose_right = [s for s in sides if s[3] and s[1]]
    if len(prose_left) < _MIN_SIDE or len(prose_right) < _MIN_SIDE:
        return None
    if len(prose_left) + len(prose_right) < 0.6 * len(sides):
        return None
    sides.sort()
    changes = sum(1 for a, b in pairwise(sides) if a[1] != b[1])
    both = len({s[2] for s in prose_left} & {s[2] for s in prose_right})
    if changes > max(3, 0.15 * min(len(prose_left), len(prose_right))):
        return None  # written across: rows of a table, or one cell after the other
    # The gutter spans from the first to the last row where the right side speaks.
    begin = min(min(s[2] for s in prose_right), min(s[2] for s in prose_left))
    if both == 0 and max(s[2] for s in prose_left) < min(s[2] for s in prose_right):
        return None  # one below the other: an indented part, not a column
    top_right = min(s[2] for s in sides if s[1])
    begin = max(first, min(begin, top_right)) if top_right - first < 3 else top_right
    return begin, stop, len(prose_left) + len(prose_right)
