"""Numbers of a document's tables that a question can be asked of: row label, period, value, unit, page.

Promises: pure; a cell is read only where its table says which period each column is and which unit its
numbers
are in, where the row has a value for every column, and where its label is a name of the field and whole (no
note number, no wrapped line, no "Total" that could be of anything). What is in doubt is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation.labels import is_outflow, is_stock, label_of
from rag.records import Language, Page, Table

Timing = Literal["flow", "stock"]

_NUMBER = re.compile(
    r"^(?P<open>\()?\s*(?P<minus>[-−–])?\s*[$¥€£￥]?\s*"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*[%％]?\s*\)?\s*[%％]?$"
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_ENGLISH_DATE = re.compile(rf"({_MONTHS})\s+(\d{{1,2}}),?")
_YEAR_CELL = re.compile(
    rf"^(?:(?:fiscal|fy|year|as of|at)\s*)*(?:(?:{_MONTHS})\s+\d{{1,2}},?\s*)?(?:19|20)\d{{2}}(?:\s*\(.\))?$"
    r"|^(?:19|20)\d{2}\s*年?\s*(?:度|末|年末|\d{1,2}\s*月\s*\d{1,2}\s*日)?$",
    re.IGNORECASE,
)
_RELATIVE = {  # Chinese column heads that count from the report's own year: (years back, timing)
    "期末余额": (0, "stock"), "期初余额": (1, "stock"), "期末数": (0, "stock"), "期初数": (1, "stock"),
    "年末余额": (0, "stock"), "年初余额": (1, "stock"), "本期发生额": (0, "flow"), "上期发生额": (1, "flow"),
    "本期数": (0, "flow"), "上年同期数": (1, "flow"), "本期金额": (0, "flow"), "上期金额": (1, "flow"),
    "本年发生额": (0, "flow"), "上年发生额": (1, "flow"),
}  # fmt: skip
_CHANGE_HEAD = re.compile(
    r"\bvs\b|chang|increase|decrease|variance|%|增减|变动|比例|同比|期增", re.IGNORECASE
)
_NOTE_HEAD = re.compile(r"^(?:note|notes|附注|注释)s?$", re.IGNORECASE)
_NOTE_CELL = re.compile(
    r"^[一二三四五六七八九十]{1,3}[、.．]?\s*[（(]?\d{0,3}[)）]?$|^\d{1,2}(?:[、.]\d{1,2})?$"
)
_PARTIAL = re.compile(
    r"\b(?:three|six|nine|3|6|9|13|26|39|14)[- ](?:months?|weeks?)\b|\bquarters?\b|季度|半年", re.IGNORECASE
)
_STOCK_HEAD = re.compile(r"\bat\b|\bas of\b|年末|期末|月\s*\d{1,2}\s*日", re.IGNORECASE)
_FLOW_HEAD = re.compile(
    r"\b(?:years?|months?|weeks?)\s+ended\b|\bfor the (?:fiscal )?years?\b", re.IGNORECASE
)
_SCALE_EN = re.compile(r"\b(?:in\s+)?(thousands|millions|billions)\b", re.IGNORECASE)
_SCALE_ZH = re.compile(
    r"单位\s*[:：]?\s*(?:人民币)?\s*(百万元|千元|万元|亿元|元)|[（(](百万元|千元|万元|亿元|元)[）)]"
)
SCALES: dict[str, float] = {
    "thousands": 1e3, "millions": 1e6, "billions": 1e9,
    "元": 1.0, "千元": 1e3, "万元": 1e4, "百万元": 1e6, "亿元": 1e8,
}  # fmt: skip
_PARENT = re.compile(r"母公司.{0,4}(?:资产负债表|利润表|现金流量表|所有者权益变动表|财务报表)")
_GROUP = re.compile(r"合并.{0,4}(?:资产负债表|利润表|现金流量表|所有者权益变动表|财务报表)")

_OF_PARTS = re.compile(  # tables whose rows are parts of an item: their labels say less than they seem to
    r"deferred tax|valuation allowance|\blevel [123]\b|fair value|递延所得税|公允价值", re.IGNORECASE
)
_STATEMENT = re.compile(
    r"consolidated (?:balance sheets?|statements? of|results|income)"
    r"|selected (?:consolidated )?financial data"
    r"|合并(?:资产负债表|利润表|现金流量表)|主要(?:会计数据|财务指标|财务数据)|主营业务分析|利润表及现金流量表相关科目",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """``value`` is as printed, ``scale`` its multiplier (1e6 for millions); percentages have the unit "%" and
    scale 1. ``column`` 0 is the newest period of the row."""

    document: str
    language: Language
    label: str
    year: int
    timing: Timing
    date: str  # "June 30" where the column head names a day in English, else ""
    text: str  # as printed: "1,577", "(348)"
    value: float
    unit: str  # "USD", "CNY" or "%"
    unit_text: str  # "millions", "万元", "" for none
    scale: float
    per_share: bool
    page: int
    row: str  # the row as printed, one space between cells
    statement: bool = False  # it stands on a page of the group's own statements or key figures

    @property
    def outflow(self) -> bool:
        """Whether an English statement may print it in parentheses though it is spoken of as an amount."""
        return self.language == "en" and is_outflow(self.label)

    @property
    def base(self) -> float:
        return self.value * self.scale


def read_cells(
    document: str, language: Language, pages: Sequence[Page], fiscal_year: int | None = None
) -> Iterator[Cell]:
    """All cells of a document's tables that can be asked about. ``fiscal_year`` lets columns such as 期末余额
    be dated. Tables of the parent company alone are left out: a question means the group."""
    parent = False
    for page in pages:
        turns = _turns(page.text)
        position = 0
        for table in page.tables or _rows_with_tabs(page.text):
            before = page.text[position : table.start]
            for at, cell in _table_cells(document, language, page, table, before, fiscal_year):
                if not _whose(turns, at, parent):
                    yield cell
            position = table.end
        parent = _whose(turns, len(page.text), parent)


def _rows_with_tabs(text: str) -> tuple[Table, ...]:
    """The tables of a page of plain text: two or more lines with tabs, one below the other."""
    runs = re.finditer(r"(?:^[^\t\n]*\t[^\n]*(?:\n|\Z)){2,}", text, re.MULTILINE)
    return tuple(Table(run.start(), run.end()) for run in runs)


def _turns(text: str) -> list[tuple[int, bool]]:
    """Where statements of the parent company (True) or of the group (False) begin."""
    found = [(m.start(), True) for m in _PARENT.finditer(text)]
    return sorted(found + [(m.start(), False) for m in _GROUP.finditer(text)])


def _whose(turns: Sequence[tuple[int, bool]], at: int, before: bool) -> bool:
    """Whether the statement at a position is the parent company's own."""
    passed = [whose for start, whose in turns if start <= at]
    return passed[-1] if passed else before


def _is_odd(heading: str) -> bool:
    """Whether a heading inside a table says that its rows count something else than money."""
    if re.search(r"\bshares\b|\brates?\b|\bratios?\b|数量|股数", heading, re.IGNORECASE):
        return True
    of_money = _SCALE_EN.search(heading) or _SCALE_ZH.search(heading)
    return bool(re.search(r"[(%‘’'（]", heading)) and not of_money


@dataclass(frozen=True, slots=True)
class _Columns:
    years: tuple[int, ...]
    timing: Timing | None
    dates: tuple[str, ...]
    cells: int  # value cells of the head, years included
    trailing: bool  # columns of changes follow the years
    head_line: int


def _table_cells(
    document: str, language: Language, page: Page, table: Table, before: str, fiscal_year: int | None
) -> Iterator[tuple[int, Cell]]:
    lines = page.text[table.start : table.end].split("\n")
    head = _head(lines, table.header, fiscal_year)
    if head is None:
        return
    if not _STATEMENT.search(page.text[: table.start][-900:]) and _OF_PARTS.search("\n".join(lines)):
        return
    context = "\n".join([*before.split("\n")[-4:], table.header, *lines[: head.head_line + 2]])
    if _PARTIAL.search("\n".join([table.header, *lines[: head.head_line + 1]])):
        return
    unit = _unit(language, context)
    odd_section = False
    at = table.start
    for number, line in enumerate(lines):
        start, at = at, at + len(line) + 1
        if number <= head.head_line:
            continue
        cells = [c.strip() for c in line.split("\t") if c.strip()]
        if len(cells) < 2:
            # A heading inside the table may change the unit: "Connections ('000):", "(shares in millions)".
            odd_section = _is_odd(line) if cells else odd_section
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        label = label_of(language, cells[0], following)
        values = _values(cells[1:], head)
        if label is None or values is None:
            continue
        percent = any("%" in v or "％" in v for v in values) or bool(re.search(r"[(（][%％][)）]", cells[0]))
        per_share = bool(re.search(r"per (?:common )?share|每股", label, re.IGNORECASE))
        in_label = _SCALE_ZH.search(cells[0].replace("／", "/"))
        own = ("%", "", 1.0) if percent else unit
        if in_label and not percent:
            name = in_label.group(1) or in_label.group(2)
            own = ("CNY", name, SCALES[name])
        if own is None or (odd_section and not percent):
            continue
        if per_share and not percent:
            own = (own[0], "元" if language == "zh" else "", 1.0)
        timing = head.timing or ("stock" if is_stock(label) else "flow")
        if timing == "flow" and re.match(r"deferred|unearned|accumulated", label, re.IGNORECASE):
            continue
        if (timing == "flow") == is_stock(label) and not percent and not per_share:
            continue  # in a table of flows a balance is a change
        for year, date, text in zip(head.years, head.dates, values, strict=True):
            value = number_of(text)
            if value:
                cell = Cell(
                    document, language, label, year, timing, date, text.strip(), value, *own,
                    per_share=per_share, page=page.number, row=" ".join(line.split()),
                    statement=bool(_STATEMENT.search(page.text[: table.start][-900:] + table.header)),
                )  # fmt: skip
                yield start, cell


def _head(lines: Sequence[str], inherited: str, fiscal_year: int | None) -> _Columns | None:
    """The columns' periods: the first line of the table, or of the head it inherits, that names at least two
    different years, each in a cell of its own."""
    for number, line in [*enumerate(lines[:7]), *((-1, part) for part in inherited.split(" / "))]:
        cells = [c.strip() for c in line.split("\t") if c.strip()]
        dated = [(at, found) for at, cell in enumerate(cells) if (found := _period(cell, fiscal_year))]
        if len(dated) < 2 or len({year for _, (year, _) in dated}) != len(dated):
            continue
        first = dated[0][0]
        if [at for at, _ in dated] != list(range(first, first + len(dated))) or first > 2:
            continue
        if any(not _NOTE_HEAD.match(c) for c in cells[1:first]):
            continue
        # A lone word before the years names the rows; a year column right at the start has none.
        after = cells[first + len(dated) :]
        if any(not _CHANGE_HEAD.search(c) for c in after):
            continue
        around = " ".join([*lines[: number + 1], inherited])
        timings = {timing for _, (_, timing) in dated if timing}
        stock, flow = bool(_STOCK_HEAD.search(around)), bool(_FLOW_HEAD.search(around))
        timing: Timing | None = timings.pop() if len(timings) == 1 else None
        if timing is None and stock != flow:
            timing = "stock" if stock else "flow"
        days = {m.group(0).rstrip(",") for m in _ENGLISH_DATE.finditer(around)}
        day = days.pop() if len(days) == 1 else ""
        own = [_ENGLISH_DATE.search(cells[at]) for at, _ in dated]
        dates = tuple(found.group(0).rstrip(",") if found else day for found in own)
        if not all(dates) and any(d.startswith(("January", "February")) for d in days):
            return None  # which year such a fiscal year is called differs between companies
        return _Columns(
            tuple(year for _, (year, _) in dated), timing, dates, len(dated) + len(after), bool(after), number
        )
    return None


def _period(cell: str, fiscal_year: int | None) -> tuple[int, Timing | None] | None:
    cell = re.sub(r"\s+", " ", cell).strip()
    if _YEAR_CELL.match(cell):
        found = _YEAR.search(cell)
        assert found
        return int(found.group()), "stock" if re.search(r"末|日", cell) else None
    if fiscal_year and (relative := _RELATIVE.get(cell.replace(" ", ""))):
        return fiscal_year - relative[0], relative[1]  # type: ignore[return-value]
    return None


def _unit(language: Language, context: str) -> tuple[str, str, float] | None:
    if language == "zh":
        found = _SCALE_ZH.search(context)
        if not found:
            return None
        name = found.group(1) or found.group(2)
        return "CNY", name, SCALES[name]
    scales = {m.lower() for m in _SCALE_EN.findall(context)}
    if len(scales) != 1:
        return None
    (name,) = scales
    return "USD", name, SCALES[name]


def _values(cells: Sequence[str], head: _Columns) -> list[str] | None:
    """The cells of the dated columns; None when the row does not fit the head."""
    if cells and len(cells) > head.cells and _NOTE_CELL.match(cells[0]):
        cells = cells[1:]
    count = len(head.years)
    if len(cells) != head.cells and not (head.trailing and len(cells) > count):
        return None
    dated = list(cells[:count])
    return dated if len(dated) == count and all(_NUMBER.match(c) for c in dated) else None


def number_of(text: str) -> float | None:
    """The value of a printed number, negative in parentheses; None for anything else."""
    found = _NUMBER.match(text.strip())
    if not found:
        return None
    value = float(found.group("digits").replace(",", ""))
    return -value if found.group("open") or found.group("minus") else value
