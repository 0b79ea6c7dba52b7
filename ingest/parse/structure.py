"""Visual lines -> the page's text with exact offsets, tables and headings.

Text: lines joined by a newline, a blank line between paragraphs, never inside a table. A word broken by a
hyphen at the end of a line is mended; its second half then counts to the first line.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from ingest.parse.layout import VisualLine
from ingest.parse.pdfium import RawPage
from rag.records import Heading, Line, Page, Table

_BROKEN: Final = re.compile(r"([^\W\d_]{2,})([-\u00ad\u2010\x02\ufffe])$")
_CONTINUES: Final = re.compile(r"^([a-zà-öø-ÿα-ωа-я]{2,})")
# First halves that keep their hyphen ("long-term") unless the joined word occurs on the page: words that no
# longer word begins with.
_KEEPS_HYPHEN: Final = re.compile(
    r"(?:long|short|mid|near|non|self|well|high|low|cross|third|year|real|full|half|one|two|three|four|five|six|"
    r"seven|eight|nine|twenty|thirty)"
)
_NUMERIC_CELL: Final = re.compile(
    r"^[(\[<>~≈±+\-–—−]?\s*(?:US|HK|RMB|NT)?[$€£¥￥₹]?\s*[(\-–—−]?\s*\d[\d,.，．\s]*[)\]]?\s*"
    r"(?:%|％|x|bps|pts?|million|billion|万元|亿元|元|万|亿)?[)\]]?[*†‡]?$"
    r"|^[-–—−]+\s*%?$|^[$€£¥]\s*[-–—−]+$|^(?:N/?A|NM|n/?m|不适用|nil)$"
)
_YEAR_CELL: Final = re.compile(
    r"^(?:FY\s?)?(?:19|20)\d\d\s?(?:年|年度|E|A|F)?(?:\s*\([a-z\d]\))?$|^(?:19|20)\d\d年\d{1,2}月(?:\d{1,2}日)?$"
)
_UNIT_LINE: Final = re.compile(
    r"\b(?:[Mm]illions|[Tt]housands|[Bb]illions)\b|单位\s*[:：]|币种\s*[:：]|人民币(?:百万|千|万|亿)?元"
)
_SENTENCE_END: Final = re.compile(r"[.!?。！？；;:：][\"'”’)\]]*$")
_MAX_HEADER_ROWS: Final = 4
_MAX_LABELS: Final = 25  # rows of a statement in a row that carry no figures
_MAX_ODD: Final = 7  # lines of one long wrapped label


@dataclass(slots=True)
class DraftTable:
    """Lines ``first..last`` (inclusive) of a page; ``header`` is found or inherited later."""

    first: int
    last: int
    header_rows: int = 0
    header: str = ""
    columns: int = 0


@dataclass(slots=True)
class DraftPage:
    """A page between layout and the finished record: what the whole document must be seen for is still
    open."""

    number: int
    width_pt: float
    height_pt: float
    lines: list[VisualLine]
    tables: list[DraftTable] = field(default_factory=list)
    text: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)  # of each line, in text
    headings: list[tuple[int, int, int]] = field(default_factory=list)  # first line, last line, level
    state: str = "text"  # or "blank", "scanned", "garbled", "unread"


def draft_page(number: int, raw: RawPage, lines: list[VisualLine]) -> DraftPage:
    page = DraftPage(number, raw.width_pt, raw.height_pt, lines)
    page.tables = find_tables(lines)
    _write_text(page)
    return page


def finish_page(page: DraftPage) -> Page:
    """The frozen record."""
    spans = page.spans
    return Page(
        number=page.number,
        text=page.text,
        width_pt=round(page.width_pt, 2),
        height_pt=round(page.height_pt, 2),
        lines=tuple(
            Line(start, end, *line.box)
            for line, (start, end) in zip(page.lines, spans, strict=True)
            if end > start
        ),
        headings=tuple(
            Heading(spans[first][0], spans[last][1], level)
            for first, last, level in page.headings
            if spans[last][1] > spans[first][0]
        ),
        tables=tuple(Table(spans[t.first][0], spans[t.last][1], t.header) for t in page.tables),
    )


# ---- tables


def is_numeric(cell: str) -> bool:
    return bool(_NUMERIC_CELL.match(cell.strip()))


def find_tables(lines: list[VisualLine]) -> list[DraftTable]:
    """Runs of rows with several cells; single-cell lines between them (group titles, rows without figures,
    wrapped labels) belong in."""
    tables: list[DraftTable] = []
    i = 0
    while i < len(lines):
        if len(lines[i].cells) < 2:
            i += 1
            continue
        rows = 1
        last = i
        odd = 0  # lines since the last row that are no short labels
        figures = lines[i].cells[1][1]  # where the second column begins
        for j in range(i + 1, min(len(lines), i + 400)):
            line = lines[j]
            if line.block != lines[i].block or j - last > _MAX_LABELS or odd > _MAX_ODD:
                break
            if _leading(lines[j - 1], line) > 60:
                break
            if len(line.cells) >= 2:
                if j - last > 3 and not (_shares_columns(lines[last], line) or _data_row(line)):
                    break
                figures = min(figures, line.cells[1][1]) if rows > 1 else line.cells[1][1]
                rows += 1
                last = j
                odd = 0
            elif _is_paragraph(line, lines[i : last + 1]):
                break
            elif line.x1 > figures + 5:
                odd += 1
        if rows >= 3 or (rows == 2 and _shares_columns(lines[i], lines[last])):
            table = DraftTable(i, last)
            _find_header(lines, table, tables[-1].last if tables else -1)
            tables.append(table)
        i = last + 1
    return tables


def _leading(upper: VisualLine, lower: VisualLine) -> float:
    return lower.baseline - upper.baseline


def _is_paragraph(line: VisualLine, table: list[VisualLine]) -> bool:
    """Running text under a table, as opposed to a long row label: it reaches across the figures."""
    right = max(row.x1 for row in table)
    figures = min((row.cells[1][1] for row in table if len(row.cells) > 1), default=right)
    return line.x1 > figures + 0.5 * (right - figures) and len(line.text) > 60


def _shares_columns(a: VisualLine, b: VisualLine) -> bool:
    edges = [(c[1], c[2]) for c in a.cells[1:]]
    return any(abs(c[2] - x1) < 4 or abs(c[1] - x0) < 4 for c in b.cells[1:] for x0, x1 in edges)


def _data_row(line: VisualLine) -> bool:
    """A row that carries figures (years alone are a header)."""
    cells = [c[0] for c in line.cells]
    if len(cells) < 2:
        return False
    figures = [c for c in cells[1:] if is_numeric(c)]
    return any(not _YEAR_CELL.match(c.strip()) for c in figures)


def _find_header(lines: list[VisualLine], table: DraftTable, taken: int) -> None:
    """The rows above the first row of figures, and the line with the unit above the table."""
    first_data = table.first
    while first_data <= table.last and not _data_row(lines[first_data]):
        first_data += 1
    if first_data > table.last:  # a table of words: its first row is the header
        rows = [table.first]
    else:
        rows = []
        # Titles of groups ("Current assets:") directly above the first figures are no header.
        for i in range(table.first, first_data):
            if len(lines[i].cells) >= 2:
                rows = list(range(table.first, i + 1))
        above = table.first - 1
        label = min(lines[i].x0 for i in range(table.first, table.last + 1))
        while (
            above > taken
            and len(rows) < _MAX_HEADER_ROWS
            and lines[above].block == lines[table.first].block
            and _leading(lines[above], lines[above + 1]) < 2.2 * lines[above].size
            and lines[above].x0 > label + 40
            and len(lines[above].text) < 60
        ):
            rows.insert(0, above)  # "Years ended December 31" centred over the figures
            table.first = above
            above -= 1
    header = [lines[i].text for i in rows[:_MAX_HEADER_ROWS]]
    table.header_rows = len(rows)
    for above in range(table.first - 1, max(taken, table.first - 4), -1):
        if (
            lines[above].block == lines[table.first].block
            and _UNIT_LINE.search(lines[above].text)
            and len(lines[above].text) < 90
        ):
            header.insert(0, lines[above].text)
            break
    table.header = " / ".join(header)[:400]
    table.columns = max(len(lines[i].cells) for i in range(table.first, table.last + 1))


def inherit_headers(pages: list[DraftPage]) -> None:
    """A table without a header of its own takes the one that it goes on from: further up on the page, or at
    the foot of the page before."""
    previous: DraftTable | None = None
    for page in pages:
        if not page.tables:
            if any(len(line.text) > 40 for line in page.lines):
                previous = None
            continue
        end = -1
        for n, table in enumerate(page.tables):
            between = page.lines[end + 1 : table.first]
            prose = any(_SENTENCE_END.search(line.text) and len(line.text) > 50 for line in between)
            bare = not any(
                len(page.lines[i].cells) > 1 for i in range(table.first, table.first + table.header_rows)
            )
            near = len(between) <= (8 if n == 0 else 4)
            goes_on = previous is not None and abs(table.columns - previous.columns) <= 1
            if previous is not None and goes_on and previous.header and bare and not prose and near:
                table.header = previous.header
            previous = table
            end = table.last
        if sum(len(line.text) for line in page.lines[end + 1 :]) >= 200:
            previous = None  # text follows the last table: it does not go on overleaf


# ---- text


def _write_text(page: DraftPage) -> None:
    lines = page.lines
    in_table = [False] * len(lines)
    for table in page.tables:
        for i in range(table.first, table.last):
            in_table[i] = True  # "no blank line after this one"
    texts = [line.text for line in lines]
    _mend_hyphens(lines, texts, in_table)
    pitch = _usual_pitch(lines)
    parts: list[str] = []
    position = 0
    page.spans = []
    for i, text in enumerate(texts):
        page.spans.append((position, position + len(text)))
        parts.append(text)
        position += len(text)
        if i + 1 == len(texts):
            break
        # A line whose words all moved up leaves no empty line behind.
        gap = "" if not texts[i + 1] else "\n"
        if gap and not in_table[i] and _new_paragraph(lines[i], lines[i + 1], pitch):
            gap = "\n\n"
        parts.append(gap)
        position += len(gap)
    page.text = "".join(parts)


def _usual_pitch(lines: list[VisualLine]) -> float:
    """The usual distance between baselines, in multiples of the letter size."""
    pitches = Counter(
        round(_leading(a, b) / a.size, 1)
        for a, b in pairwise(lines)
        if a.block == b.block and a.size > 0 and 0.8 * a.size < _leading(a, b) < 2.5 * a.size
    )
    return pitches.most_common(1)[0][0] if pitches else 1.2


def _new_paragraph(a: VisualLine, b: VisualLine, pitch: float) -> bool:
    if a.block != b.block or a.turn != b.turn:
        return bool(_SENTENCE_END.search(a.text)) or abs(a.size - b.size) > 0.5 or a.bold != b.bold
    if abs(a.size - b.size) > 0.12 * max(a.size, b.size) or a.bold != b.bold:
        return True
    if _leading(a, b) > (max(pitch, 1.0) + 0.35) * max(a.size, b.size):
        return True
    # An indented first line after a full stop.
    return b.x0 - a.x0 > 1.2 * b.size and bool(_SENTENCE_END.search(a.text))


def _mend_hyphens(lines: list[VisualLine], texts: list[str], in_table: list[bool]) -> None:
    vocabulary: set[str] | None = None
    for i in range(len(texts) - 1):
        if in_table[i] or lines[i].turn != lines[i + 1].turn or "\t" in texts[i + 1]:
            continue
        broken = _BROKEN.search(texts[i])
        if broken is None:
            continue
        tail = _CONTINUES.match(texts[i + 1])
        if tail is None:
            continue
        if vocabulary is None:
            vocabulary = set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", " ".join(texts).lower()))
        first, second = broken.group(1).lower(), tail.group(1).lower()
        keep = (
            broken.group(2) in "-\u2010"
            and first + second not in vocabulary
            and (f"{first}-{second}" in vocabulary or (_KEEPS_HYPHEN.fullmatch(first) and len(second) > 3))
        )
        rest = texts[i + 1][tail.end() :]
        # The whole first word moves up, with what sticks to it (a comma, a bracket).
        stuck = re.match(r"\S*", rest)
        assert stuck is not None
        texts[i] = texts[i][: broken.start(2)] + ("-" if keep else "") + tail.group(1) + stuck.group()
        texts[i + 1] = rest[stuck.end() :].lstrip()
