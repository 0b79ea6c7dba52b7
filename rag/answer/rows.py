"""Table rows and sentences of a passage as units that can be quoted, with what a reader needs beside them.

Promises: a unit's span is exact in the passage's text; a row carries its header cells and unit of measure
when the passage or its table header knows them, so that a number never stands without its year. Rows are
lines with tabs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.records import Passage
from rag.text.sentences import sentence_spans

_AMOUNT = re.compile(
    r"^[($¥￥€£\s-]*[-+(]?\s*[$¥￥€£]?\s*\d[\d,]*(?:\.\d+)?\s*[)%％]?\)?$|^[-—–/]+$|^n/?a$", re.IGNORECASE
)
_PERIOD = re.compile(r"^(?:FY\s?)?(?:19|20)\d{2}(?:年.{0,6})?$", re.IGNORECASE)
_MEASURE = re.compile(
    r"(?<!编制)单位\s*[:：]?\s*(?:人民币)?\s*(?:[千万亿]|百万|十亿)?(?:元|美元|港元|股|人|吨|份|件|台|%)"
    r"|\((?:amounts? |dollars |figures |shares )?(?:are )?in (?:thousands|millions|billions)[^()\n]{0,60}\)"
    r"|in (?:thousands|millions|billions)(?: of [a-z. ]{2,20})?",
    re.IGNORECASE,
)
_CJK_JOIN = re.compile(r"(?<=[\u3400-\u9fff，。；：、）】”])\s*\n\s*(?=[\u3400-\u9fff（【“\d])")


@dataclass(frozen=True, slots=True)
class QuoteUnit:
    """``passage.text[start:end]`` is the quote; ``around`` is what else it can be found by (header, unit)."""

    passage: int  # index in the list of passages
    start: int
    end: int
    text: str
    is_row: bool
    header: str  # the header row's cells, "" when unknown
    measure: str  # e.g. "单位：元", "in millions"


def cells(line: str) -> list[str]:
    """The row's cells; Markdown's bars separate as tabs do."""
    if "\t" not in line and "|" in line:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return [cell.strip() for cell in line.split("\t")]


def is_row(line: str) -> bool:
    return "\t" in line or line.count("|") >= 2 or " | " in line


def is_amount(cell: str) -> bool:
    return bool(_AMOUNT.match(cell)) and not _PERIOD.match(cell)


def quote_units(index: int, passage: Passage) -> list[QuoteUnit]:
    """Every sentence and table row of the passage, in order. A row whose label wraps around it (the line
    before or after holds words only) is one unit with its label."""
    text = passage.text
    spans = [
        (a, b) for s, e in sentence_spans(text) for a, b in _lines(text, s, e) if re.search(r"\w", text[a:b])
    ]
    lines = [text[a:b] for a, b in spans]
    units: list[QuoteUnit] = []
    for place, (start, end) in enumerate(spans):
        line = lines[place]
        # A line of figures only is a row too, whose label stands on the line before.
        if not is_row(line) and not is_amount(line.strip()):
            units.append(QuoteUnit(index, start, end, line, False, "", ""))
            continue
        here = cells(line)
        if not any(is_amount(c) for c in here):
            units.append(QuoteUnit(index, start, end, line, True, "", ""))
            continue
        if is_amount(here[0]) and place > 0 and _is_label(lines[place - 1]):
            start = spans[place - 1][0]
            after = place + 1
            if after < len(lines) and _is_tail(lines[after]):
                end = spans[after][1]
        header = _header(lines[:place], passage.table_header, len(here))
        measure = _measure(lines[:place], passage.table_header)
        units.append(QuoteUnit(index, start, end, text[start:end], True, header, measure))
    return units


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A span of barred rows (Markdown) line by line; any other span as it is."""
    if not any(map(is_row, text[start:end].split("\n"))):
        return [(start, end)]
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"\S[^\n]*", text[start:end]):
        found.append((start + match.start(), start + match.start() + len(match.group().rstrip())))
    return found


def _is_label(line: str) -> bool:
    return (
        not is_row(line) and len(line) <= 60 and not re.search(r"[。.!?！？]$", line) and not is_amount(line)
    )


def _is_tail(line: str) -> bool:
    return _is_label(line) and len(line) <= 12 and (line.startswith("的") or line[:1].islower())


def _header(lines: list[str], table_header: str, width: int) -> str:
    """The nearest row above of about this width that holds no amounts; else of the table's inherited
    header."""
    for line in reversed(lines):
        found = cells(line)
        if len(found) < 2:
            continue
        if not any(is_amount(c) for c in found) and abs(len(found) - width) <= 1:
            return line
    for line in reversed(table_header.split(" / ")):
        found = cells(line)
        if len(found) >= 2 and not any(is_amount(c) for c in found):
            return line
    return ""


def _measure(lines: list[str], table_header: str) -> str:
    for line in (*reversed(lines), table_header):
        match = _MEASURE.search(line)
        if match:
            return match.group().strip("()")
    return ""


def label(unit: QuoteUnit) -> str:
    """What a row is called: its cells before the first amount, and the line that its label wraps from. Of a
    row without amounts the first cell."""
    lines = unit.text.split("\n")
    row = max(lines, key=lambda line: line.count("\t") + line.count("|"))
    words = [line for line in lines if line is not row and not is_row(line)]
    found = [c for c in cells(row) if c]
    if not any(map(is_amount, found)):
        return " ".join([*words, *found[:1]])
    for cell in found:
        if is_amount(cell):
            break
        words.append(cell)
    return " ".join(words)


def shown(unit: QuoteUnit) -> str:
    """The unit as a reader sees it: one line; a row's cells beside their headers."""
    if not unit.is_row:
        return _one_line(unit.text)
    row_lines = unit.text.split("\n")
    row = max(row_lines, key=lambda line: line.count("\t") + line.count("|"))
    label = "".join(line for line in row_lines if line is not row and not is_row(line))
    values = cells(row)
    names = cells(unit.header) if unit.header else []
    if label:
        values = [_one_line(label), *values]
    if len(names) == len(values) - 1:
        names = ["", *names]
    if len(names) == len(values) and len(values) > 1:
        pairs = [
            f"{name} {value}".strip() for name, value in zip(names[1:], values[1:], strict=True) if value
        ]
        body = f"{values[0]} — " + " | ".join(pairs)
    else:
        body = " | ".join(v for v in values if v)
        if names:
            body += f" ({' | '.join(n for n in names if n)})"
    return f"{body} ({unit.measure})" if unit.measure else body


def _one_line(text: str) -> str:
    return " ".join(_CJK_JOIN.sub("", text).split())
