"""The figures of a page or passage: each cell of its tables with its row, its period and its scale.

Promises: a figure's value is in base units ("in millions" and 单位：万元 are multiplied out, brackets are a
minus sign, percentages stay as printed); a period is given only where the header says it; a row whose cells
cannot be set against the header has no periods rather than guessed ones. Pure; Decimal throughout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rag.answer.columns import (
    CHANGE,
    NIL,
    SCALE,
    Column,
    Table,
    aligned,
    cell_value,
    cells,
    power_of,
    read_head,
)
from rag.answer.rows import is_row
from rag.text.normalise import normalise

_PER_UNIT = re.compile(r"per (?:[a-z]+ )?share|per unit|per ads\b|每股|元/股|每10股|\beps\b", re.IGNORECASE)
_COUNT_LABEL = re.compile(
    r"\bnumber of\b|人数|\bheadcount\b|\bemployees\b|户数|数量|\bstores\b", re.IGNORECASE
)
_SHARES_LABEL = re.compile(
    r"\bshares\b.*\b(?:outstanding|issued|basic|diluted)\b|^(?:basic|diluted)$", re.IGNORECASE
)
_CJK_END = re.compile("[\u3400-\u9fff]$")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a table. ``text[start:end]`` of what was read is its row."""

    text: str
    value: Decimal
    step: Decimal
    percent: bool
    label: str
    group: str  # the heading over the row
    column: Column
    start: int
    end: int
    row: int
    scaled: bool  # the scale is known
    parent: bool  # of the parent company alone
    power: int = 0
    place: int = 0  # of the cell among the row's amounts


def figures(
    text: str, *, table_header: str = "", year: int | None = None, parent: bool = False
) -> tuple[Figure, ...]:
    """The figures of ``text`` in order. ``table_header``: header rows that stand before it. ``year``: the
    fiscal year of the document, for columns such as 本期. ``parent``: it goes on from a statement of the
    parent company alone."""
    return _figures(text, table_header, year, parent)


@lru_cache(maxsize=512)
def _figures(text: str, table_header: str, year: int | None, parent: bool) -> tuple[Figure, ...]:
    found: list[Figure] = []
    table = Table(parent=parent)
    for line in table_header.split(" / "):
        read_head(table, line, year)
    lines: list[tuple[int, str]] = []
    at = 0
    for line in text.split("\n"):
        lines.append((at, line))
        at += len(line) + 1
    for place, (_start, line) in enumerate(lines):
        here = cells(line) if is_row(line) else [line.strip()]
        values = [cell_value(c) for c in here]
        first = next((i for i, v in enumerate(values) if v is not None and not _is_period(here, i)), None)
        if first is None or (len(here) == 1 and not (values[0] and _looks_figure(here[0]))):
            read_head(table, line, year)
            continue
        if _all_years(here):
            read_head(table, line, year)
            continue
        table.closed = True
        columns = aligned(table, here, year)
        label, begin, stop = _label(lines, place, here, columns)
        found += _row(table, here, values, columns, label, begin, stop, place)
    return tuple(found)


def _looks_figure(text: str) -> bool:
    return "," in text or "." in text or text.strip().startswith(("(", "（", "$"))


def _is_period(here: Sequence[str], index: int) -> bool:
    text = here[index].strip()
    return bool(re.fullmatch(r"(?:19|20)\d{2}", text)) and "," not in text


def _all_years(here: Sequence[str]) -> bool:
    filled = [i for i, c in enumerate(here) if c]
    return bool(filled) and all(_is_period(here, i) for i in filled)


def _label(
    lines: Sequence[tuple[int, str]], place: int, here: Sequence[str], columns: Sequence[Column | None]
) -> tuple[str, int, int]:
    """(the row's name, start, end): with the lines that it wraps from and to."""
    start, line = lines[place]
    words: list[str] = []
    for i, cell in enumerate(here):
        column = columns[i]
        if column is not None and column.kind == "note":
            continue
        if cell_value(cell) is not None or NIL.match(cell):
            break
        if cell and not re.fullmatch(r"[一二三四五六七八九十]{1,3}、\s?\d+|\d{1,2}|[$¥€£]", cell):
            words.append(cell)
    label = " ".join(words)
    begin, stop = start, start + len(line)
    if place and (not label or label[0] in "的额）)益" or label[:1].islower()):
        before = lines[place - 1][1].strip()
        if before and not is_row(before) and len(before) <= 70 and not re.search(r"[。.:：;；]$", before):
            begin = lines[place - 1][0]
            label = f"{before}{'' if _CJK_END.search(before) else ' '}{label}".strip()
    if place + 1 < len(lines):
        after = lines[place + 1][1].strip()
        short = after and not is_row(after) and len(after) <= 24 and cell_value(after) is None
        open_bracket = label.count("（") > label.count("）") or label.count("(") > label.count(")")
        if short and (
            after[0] in "的额）)益"
            or open_bracket
            or label.endswith("的")
            or (after[0].islower() and begin != start)
        ):
            label, stop = label + after, lines[place + 1][0] + len(lines[place + 1][1])
    return label, begin, stop


def _row(
    table: Table,
    here: Sequence[str],
    values: Sequence[tuple[Decimal, Decimal, bool] | None],
    columns: Sequence[Column | None],
    label: str,
    begin: int,
    stop: int,
    row: int,
) -> list[Figure]:
    found: list[Figure] = []
    own = power_of(label) if re.search(r"[（(].*[)）]|百万|万元", label) else None
    place = 0
    for cell, value, column in zip(here, values, columns, strict=True):
        if value is None or (column is not None and column.kind == "note"):
            continue
        number, step, percent = value
        head = column.text if column else ""
        percent = percent or bool(column and column.kind in ("change", "share") and re.search(r"[%％]", head))
        percent = percent or bool(
            re.search(r"[（(][%％][)）]|(?:率|比例|比重|占比)$", label) and abs(number) < 1000
        )
        heading = re.search(r"[（(][%％][)）]$", table.group) and not CHANGE.search(table.group)
        percent = percent or bool(heading and len(table.group) > 5 and abs(number) < 1000 and "," not in cell)
        power = own if own is not None else power_of(head) if SCALE.search(head) else table.power
        known = power is not None
        if (
            percent
            or _PER_UNIT.search(f"{label} {table.group} {head}")
            or (re.search(r"元[)）]$", label) and own is None)
        ):
            power, known = 0, True
        elif _COUNT_LABEL.search(label) and not _SHARES_LABEL.search(label):
            power, known = 0, False
        scale = power or 0
        found.append(
            Figure(
                cell.strip(), number.scaleb(scale), step.scaleb(scale), percent, " ".join(label.split()),
                table.group, column or Column(""), begin, stop, row, known, table.parent, scale, place,
            )
        )  # fmt: skip
        place += 1
    return found


def flat(label: str) -> str:
    return normalise(label).lower()
