"""The columns of a table, from its header rows: of which period each is, and at what scale it is printed.

Promises: a period is given only where the header says it; a row whose cells cannot be set against the header
has no columns rather than guessed ones. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from rag.answer.rows import is_row

_LONGEST_HEAD = 300  # a longer line is running text: nothing in it is looked for
ColumnKind = Literal["amount", "change", "share", "note"]
_CELL = re.compile(
    r"^(?P<open>[(（])?\s?(?P<sign>[-–—])?\s?(?P<mark>US\$|HK\$|RMB|[$¥￥€£])?\s?(?P<inner>[(（])?(?P<minus>[-–—])?"
    r"\s?(?P<digits>\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)\s?(?P<percent>[%％]|x|倍)?\s?(?P<close>[)）])?"
    r"\s?(?P<late>[%％])?\s?[*†]?(?:\s?\([a-z\d]\))?$"
)
NIL = re.compile(r"^[$¥￥€£\s]*[-—–]+$|^(?:n/?[am]|不适用|无)$", re.IGNORECASE)
_YEAR = re.compile(r"(?<![\d.,])(?:FY|CY|F)?\s?'?((?:19|20)\d{2})(?!\d|[.,]\d)", re.IGNORECASE)
_SHORT_YEAR = re.compile(r"\b(?:FY|F|CY)\s?'?(\d{2})\b|'(\d{2})\b", re.IGNORECASE)
SCALE = re.compile(
    r"(?P<zh>万亿|十亿|亿|千万|百万|万|千)\s*(?:元|美元|港元|股|$)|(?P<plain>单位\s*[:：]?\s*(?:人民币)?\s*元)"
    r"|\b(?:in )?(?P<en>thousand|million|billion)s?\b|(?:US|A|NZ|HK)?[$£€¥]\s?['’]?(?P<zeros>000)(?!\d)"
    r"|(?:US|A)?[$£€](?P<letter>m|bn?|mn|k)\b|['’](?P<bare>000)\b",
    re.IGNORECASE,
)
_POWERS = {
    "万亿": 12, "十亿": 9, "亿": 8, "千万": 7, "百万": 6, "万": 4, "千": 3, "thousand": 3, "million": 6,
    "billion": 9, "000": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "k": 3,
}  # fmt: skip
_MEASURE_LINE = re.compile(
    r"单位\s*[:：]|\b(?:amounts?|dollars|expressed|stated|shown|figures|tabular)\b.{0,40}\b(?:thousand|million|billion)s"
    r"|\(?\s*(?:US\$|\$|£|€|RMB)?\s?(?:in )?(?:thousand|million|billion)s\b|人民币\s*(?:百万|千|万|亿)?元"
    r"|[（(](?:人民币)?(?:百万|千|万|亿)元[）)]|[$£€]\s?['’]?000|[$£€]m\b",
    re.IGNORECASE,
)
CHANGE = re.compile(
    r"增减|变动|增长|同比|\bdifference\b|\bchange\b|\bvariance\b|\bgrowth\b"
    r"|\binc(?:rease)?\b.*\bdec|\byoy\b|% ?chg",
    re.IGNORECASE,
)
_AGAINST = re.compile(r"\bvs\b|\bversus\b|\bcompared\b|相比|较", re.IGNORECASE)
_SHARE = re.compile(
    r"占|比例|比重|[%％]|\bpercent|\bof (?:net )?(?:sales|revenues?|total)\b|率", re.IGNORECASE
)
_NOTE = re.compile(r"^(?:附注|注释|notes?|行次|序号)[.:：]?$", re.IGNORECASE)
_THIS = re.compile(r"本期|本年|期末|当期|本报告期|年末余额|current (?:year|period)", re.IGNORECASE)
_LAST = re.compile(r"上年|上期|期初|去年|年初余额|prior (?:year|period)|previous year", re.IGNORECASE)
_PART = re.compile(
    r"(?P<q>three months|quarter|\bq[1-4]\b|\b[1-4]q|季度|1\s?[-—–~至]\s?3\s?月|4\s?[-—–~至]\s?6\s?月)"
    r"|(?P<h>six months|half[- ]year|twenty[- ]six weeks|\bh[12]\b|半年|1\s?[-—–~至]\s?6\s?月)"
    r"|(?P<n>nine months|thirty[- ]nine weeks|1\s?[-—–~至]\s?9\s?月)"
    r"|(?P<w>thirteen weeks)"
    r"|(?P<y>twelve months|years? ended|fiscal years?|fifty[- ](?:two|three) weeks|年度"
    r"|1\s?[-—–~至]\s?12\s?月)",
    re.IGNORECASE,
)
PARENT = re.compile(
    r"母公司(?:资产负债表|利润表|现金流量表|所有者权益|财务报表)|^\W*parent[ -]company\b.{0,60}$"
    r"|parent[ -]company only|condensed financial (?:information|statements) of (?:the )?"
    r"(?:registrant|parent)",
    re.IGNORECASE,
)
_CONSOLIDATED = re.compile(r"合并(?:资产负债表|利润表|现金流量表|所有者权益)|consolidated", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[。.;；!！?？]\s*$")
_RUNNING = re.compile(
    r"(?:年度|季度|中期)报告(?:全文|摘要)?\s*$|\bannual report\b|\bform 10-[kq]\b", re.IGNORECASE
)
"""A report's name at the head of a page: its year is no column's."""


@dataclass(frozen=True, slots=True)
class Column:
    text: str
    year: int | None = None
    part: str = ""  # "" the year or its end, "Q", "H", "9M"
    kind: ColumnKind = "amount"


@dataclass
class Table:
    """What is known above the row that is being read."""

    power: int | None = None
    heads: list[list[str]] = field(default_factory=list)
    columns: list[Column] | None = None
    closed: bool = False  # amounts have come: a new header row begins another table
    caption: str = ""
    group: str = ""
    parent: bool = False


def cells(line: str) -> list[str]:
    """The row's cells, empty ones too: columns keep their places."""
    if "\t" in line:
        return [cell.strip() for cell in line.split("\t")]
    if line.startswith("|") and line.rstrip().endswith("|"):  # Markdown
        line = line.strip()[1:-1]
    return [cell.strip() for cell in line.split("|")]


def cell_value(cell: str) -> tuple[Decimal, Decimal, bool] | None:
    """(value as printed with its sign, worth of the last digit, whether a percentage); None: no number."""
    match = _CELL.match(cell.strip())
    if match is None:
        return None
    digits = match["digits"].replace(",", "").replace("，", "")
    value = Decimal(digits)
    step = Decimal(1).scaleb(-len(digits.partition(".")[2]))
    bracketed = bool((match["open"] or match["inner"]) and match["close"]) or bool(match["inner"])
    if bracketed or match["sign"] or match["minus"]:
        value = -value
    return (
        value,
        step,
        bool((match["percent"] or "") in ("%", "％") and match["percent"]) or bool(match["late"]),
    )


def years_in(text: str) -> list[int]:
    found = [int(y) for y in _YEAR.findall(text)]
    if not found:
        found = [2000 + int(a or b) for a, b in _SHORT_YEAR.findall(text)]
    return found


def power_of(text: str) -> int | None:
    """The power of ten that a remark such as "in millions" multiplies with; None when it names none."""
    match = SCALE.search(text)
    if match is None:
        return None
    if match["plain"]:
        return 0
    word = next(g for g in (match["zh"], match["en"], match["zeros"], match["letter"], match["bare"]) if g)
    return _POWERS[word.lower()]


def read_head(table: Table, line: str, year: int | None) -> None:
    bare = line.strip()
    if not bare or (not is_row(line) and len(bare) < 60 and _RUNNING.search(bare)):
        return
    if len(bare) > _LONGEST_HEAD and not is_row(line):
        _end(table)
        return
    if PARENT.search(bare):
        table.parent = True
    elif _CONSOLIDATED.search(bare):
        table.parent = False
    here = cells(line) if is_row(line) else [bare]
    filled = [c for c in here if c]
    measured = bool(_MEASURE_LINE.search(bare)) and len(bare) < 200
    if measured and (len(filled) == 1 or "单位" in bare or _MEASURE_LINE.search(here[0])):
        power = power_of(bare)
        if power is not None:
            table.power = power
    if len(filled) == 1:
        text = filled[0]
        spread = years_in(text)
        if not is_row(line) and len(bare) <= 90 and not _SENTENCE_END.search(bare):
            if _PART.search(text) or spread or _THIS.search(text) or _LAST.search(text):
                table.caption = text
                if len(spread) > 1 and len(re.sub(r"[\d\s年末度,，]|and|to", "", text)) < 24:
                    _open(table).append([str(y) for y in spread])
            elif not measured:
                table.group = text
        elif is_row(line):
            if len(here) > 1 and not here[0] and (spread or measured or _PART.search(text)):
                _open(table).append(here)
            elif not measured:
                table.group = text
        elif len(bare) > 90:
            _end(table)
        return
    heads = _open(table)
    if not heads and any(len(c) > 160 for c in filled):
        return
    heads.append(here)
    table.columns = None
    del heads[:-4]


def _end(table: Table) -> None:
    """Running text ends a table."""
    table.heads, table.columns, table.closed = [], None, False
    table.caption = table.group = ""


def _open(table: Table) -> list[list[str]]:
    if table.closed:
        table.heads, table.columns, table.closed = [], None, False
        table.group = ""
    table.columns = None
    return table.heads


def aligned(table: Table, here: Sequence[str], year: int | None) -> list[Column | None]:
    """The column of each cell of a row; None where it has none."""
    nothing: list[Column | None] = [None] * len(here)
    if table.columns is None:
        table.columns = _columns(table, year)
    columns = table.columns
    if not columns:
        return nothing
    width = len(columns)
    if len(here) == width:
        return list(columns)
    if len(here) == width + 1:
        return [None, *columns]
    amounts = [i for i, c in enumerate(here) if cell_value(c) is not None or NIL.match(c.strip())]
    labelled = bool(amounts) and amounts[0] > 0
    # What stands over the labels ("(Millions, except percentages)") is no column of figures.
    filled = columns[1:] if labelled and columns[0].year is None and columns[0].kind != "change" else columns
    periods = [c for c in filled if c.year is not None or c.kind == "change"]
    for these in (periods, [c for c in filled if c.kind != "note"], filled):
        if these and len(amounts) == len(these):
            out = list(nothing)
            for i, column in zip(amounts, these, strict=True):
                out[i] = column
            return out
    dated = [c for c in columns if c.year is not None and c.kind == "amount"]
    odd = _change_among([cell_value(here[i]) for i in amounts]) if len(amounts) == len(dated) + 1 else None
    if odd is not None:
        out = list(nothing)
        left = iter(dated)
        for place, i in enumerate(amounts):
            out[i] = Column("%", kind="change") if place == odd else next(left)
        return out
    first = [cell_value(here[i]) for i in amounts[: len(dated) + 1]]
    if len(dated) == len(amounts) and all(v and v[2] for v in first):
        # Percentages of the years alone: what they changed by is not said.
        out = list(nothing)
        for i, column in zip(amounts, dated, strict=True):
            out[i] = column
        return out
    if len(dated) > 1 and len(amounts) > len(dated) and _is_difference(first, len(dated)):
        out = list(nothing)
        for i, column in zip(amounts, dated, strict=False):
            out[i] = column
        for i in amounts[len(dated) :]:
            out[i] = Column("", kind="change")
        return out
    return nothing


def _is_difference(values: Sequence[tuple[Decimal, Decimal, bool] | None], at: int) -> bool:
    """Whether the number at a place is what the first is more than the second: changes follow the years."""
    numbers = [v[0] if v else None for v in values]
    one, other, change = numbers[0], numbers[1], numbers[at]
    if one is None or other is None or not change:
        return False
    assert values[0] is not None
    return abs(one - other - change) <= 2 * values[0][1]


def _change_among(values: Sequence[tuple[Decimal, Decimal, bool] | None]) -> int | None:
    """The place of the number that is the change in percent between the first two others."""
    numbers = [v[0] if v else None for v in values]
    for place, number in enumerate(numbers):
        others = [n for i, n in enumerate(numbers) if i != place]
        if number is None or len(others) < 2 or others[0] is None or not others[1]:
            continue
        if abs((others[0] - others[1]) / abs(others[1]) * 100 - number) <= Decimal("0.011"):
            return place
    return None


def _columns(table: Table, year: int | None) -> list[Column]:
    heads = [h for h in table.heads if any(h)]
    if not heads:
        return []
    base = max(heads, key=lambda h: (sum(bool(_dated(c)) for c in h), len(h)))
    at = next(i for i, h in enumerate(heads) if h is base)
    if any(map(_dated, base)):
        # What stands above the periods belongs to them only when it speaks of periods or changes too.
        above = [h for h in heads[max(0, at - 2) : at] if any(_dated(c) or CHANGE.search(c) for c in h)]
        heads = [*above, *heads[at:]]
    width = len(base)
    texts = [[] for _ in range(width)]  # type: list[list[str]]
    captions = [table.caption] if table.caption else []
    for head in heads:
        filled = [c for c in head if c]
        if len(head) == width and (len(filled) > 1 or head is base):
            for i, cell in enumerate(head):
                if cell:
                    texts[i].append(cell)
            continue
        if len(filled) == 1:
            captions.append(filled[0])
            continue
        # A row of fewer cells spans: each covers as many columns.
        first = 1 if base[0] == "" or not years_in(base[0]) else 0
        slots = width - first
        spans = filled if len(filled) != len(head) or slots % len(head) else head
        if spans and slots % len(spans) == 0:
            each = slots // len(spans)
            for i in range(slots):
                texts[first + i].insert(0, spans[i // each])
        elif len(spans) == slots + 1:
            for i in range(slots):
                texts[first + i].insert(0, spans[i + 1])
    around = " ".join(captions)
    columns = [_column(" ".join(parts), around, year) for parts in texts]
    outer = set(years_in(around))
    if len(outer) == 1 and not any(c.year for c in columns):
        whole = outer.pop()
        columns = [replace(c, year=whole) if c.text and c.kind == "amount" else c for c in columns]
    return columns


def _dated(cell: str) -> bool:
    return bool(years_in(cell) or _PART.search(cell) or _THIS.search(cell) or _LAST.search(cell))


def _column(text: str, around: str, year: int | None) -> Column:
    bare = text.strip()
    if _NOTE.match(bare):
        return Column(bare, kind="note")
    found = years_in(bare)
    stated: int | None = found[-1] if found else None
    if stated is None and year is not None:
        stated = year - 1 if _LAST.search(bare) else year if _THIS.search(bare) else None
    kind: ColumnKind = "amount"
    if (len(found) > 1 and _AGAINST.search(bare)) or (
        CHANGE.search(bare) and (not found or len(found) > 1 or "%" in bare or "增减" in bare)
    ):
        kind, stated = "change", None
    elif _SHARE.search(bare):
        kind = "share"
    own = _PART.search(bare) or _PART.search(around)
    part = ""
    if own:
        part = "Q" if own["q"] or own["w"] else "H" if own["h"] else "9M" if own["n"] else ""
    return Column(bare, stated, part, kind)
