"""Which part of a report a page is: a statement of the accounts, their notes, the cover.

Promises: pure; a page is a statement when it carries the statement's title (or goes on from a page that did)
*and* rows of that statement's items with figures: a table of contents or a sentence that speaks of the
balance sheet is none. Where a report has statements of the group and of the parent company alone, only the
group's are typed: they are what is meant unless somebody asks otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.records import PageType
from rag.vocabulary.entries import Item
from rag.vocabulary.mentions import mentions

MIN_ROWS = 3  # distinct items that a titled statement must show on the page
MIN_ROWS_IN_NOTES = 5  # the same after the notes began: condensed statements stand there
MIN_ROWS_UNTITLED = 7  # without a title anywhere
_TITLE_CHARS = 100
_COVER_PAGES = 2
_TITLE_PATTERNS: dict[PageType, str] = {
    "equity": (
        r"statements? of (?:consolidated )?(?:changes in )?(?:(?:share|stock|share ?)(?:holders|owners)"
        r"['’]? ?(?:equity|investment)|equity|owners['’]? equity)|权益变动表"
    ),
    "cash_flow": (r"statements? of (?:consolidated )?cash flows?|cash flow statements?|现金流量表(?!补充)"),
    "balance_sheet": (
        r"balance sheets?|statements? of (?:consolidated )?financial (?:position|condition)"
        r"|资产负债表(?!日)"
    ),
    "income_statement": (
        r"statements? of (?:consolidated )?(?:income|operations|earnings|profit (?:or|and) loss)"
        r"|income statements?|statements? of profit|利润表|损益表"
    ),
    "notes": (
        r"notes to (?:the )?(?:condensed |unaudited )*(?:consolidated )?financial statements"
        r"|(?:合并)?财务报表(?:主要)?项目注释|财务报表附注|会计报表附注|公司基本情况.{0,4}附注"
    ),
}
_TITLES = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _TITLE_PATTERNS.items())
_PARENT = re.compile(r"母公司|本公司资产负债表|parent[ -](?:company )?only|\(parent\)", re.IGNORECASE)
_PARENT_NOTES = re.compile(r"母公司财务报表(?:主要)?项目注释")
_SENTENCE = re.compile(r"[。；;]|\.\s*$|，.*，|,.*,.*,")
_FIGURE = re.compile(
    r"\t\s*[($¥￥€£]*\s*[-(]?\s*[$¥￥€£]?\s*\d[\d,]*(?:\.\d+)?|\s\(?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
)
_COVER = re.compile(
    r"securities and exchange commission|annual report (?:pursuant|on form)|form\s+(?:10-[kq]|8-k|20-f)\b"
    r"|年\s*(?:年度|半年度|度)?\s*报\s*告|(?:第[一三]季度|半年度|年度)报告|股票代码|证券代码|公司代码",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^\W*(?:item\s+9[ab]?\b|part\s+iii\b|第[一二三四五六七八九十]+节\s*备查文件|备查文件目录)", re.IGNORECASE
)
_STATEMENTS: frozenset[PageType] = frozenset(("income_statement", "balance_sheet", "cash_flow"))
# Rows that other statements show too say little: the cash flow statement begins with net income.
_SHARED = frozenset(
    ["net_income", "depreciation_amortization", "depreciation", "amortization", "share_based_compensation",
     "inventory", "accounts_receivable", "accounts_payable", "deferred_tax_expense", "cash_and_equivalents",
     "impairment_assets", "impairment_credit", "investment_income", "financial_expenses"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """What a page hands on to the next: the statement or notes that may go on there."""

    kind: PageType = ""
    parent: bool = False


def page_type(text: str, number: int = 0, before: State = State()) -> tuple[PageType, State]:
    """The type of a page (``number`` from 1; 0 is unknown), and what the next page goes on from. ``text`` has
    a table row a line, cells apart by tabs or wide gaps."""
    blocks = _blocks(text.split("\n"), before)
    best: PageType = ""
    most = 0.0
    for state, lines in blocks:
        if state.kind not in _STATEMENTS or state.parent:
            continue
        own, others = _rows(tuple(lines), state.kind)
        enough = MIN_ROWS_IN_NOTES if before.kind == "notes" else MIN_ROWS
        if own >= enough and own > 0.5 * others and own > most:
            best, most = state.kind, own
    last = blocks[-1][0]
    if best:
        return best, last
    rows = [_rows(tuple(lines), s.kind) for s, lines in blocks if s.kind in _STATEMENTS]
    if any(own >= MIN_ROWS for own, _ in rows):
        return "", last  # the parent company's
    kinds = [s.kind for s, _ in blocks]
    if (
        "equity" in kinds
        and not all(s.parent for s, _ in blocks if s.kind == "equity")
        and _figures(text) >= 5
    ):
        return "equity", last
    if not before.kind and 1 <= number <= _COVER_PAGES and len(text) < 6_000 and _COVER.search(text[:3_000]):
        return "cover", State()
    if last.kind == "notes" and (before.kind == "notes" or _figures(text) or len(text) > 800):
        return "notes", last
    if last.kind == "":
        return _untitled(text), last
    # A title without its rows (a list of contents, a report on the statements) opens nothing.
    return "", State() if last is not before else State("notes" if before.kind == "notes" else "")


def last_statement(text: str) -> State | None:
    """The statement or notes whose title stands last on a page; None when it carries no such title."""
    found = None
    for line in text.split("\n"):
        found = _title(line) or found
    return found


def _blocks(lines: Sequence[str], before: State) -> list[tuple[State, list[str]]]:
    """The page cut at titles; the first block goes on from ``before``."""
    blocks: list[tuple[State, list[str]]] = [(before, [])]
    for line in lines:
        state = _title(line)
        if state is None:
            if _AFTER.match(line) and len(line) < _TITLE_CHARS:
                blocks.append((State(), []))
            blocks[-1][1].append(line)
        elif state != blocks[-1][0] or state.kind != "notes":
            blocks.append((state, []))
    return blocks


def _title(line: str) -> State | None:
    """The statement that a line is the title of."""
    line = line.strip()
    if not 3 <= len(line) <= _TITLE_CHARS or _SENTENCE.search(line) or _FIGURE.search(line):
        return None
    bare = "".join(line.split()) if not line.isascii() else line
    for kind, pattern in _TITLES:
        match = pattern.search(bare)
        if match is None:
            continue
        rest = bare[: match.start()] + bare[match.end() :]
        if len(rest) > (24 if not line.isascii() else 60):
            return None
        if kind == "notes":
            return State("notes", bool(_PARENT_NOTES.search(bare)))
        return State(kind, bool(_PARENT.search(bare)))
    return None


@lru_cache(maxsize=64)
def _rows(lines: tuple[str, ...], kind: PageType) -> tuple[float, float]:
    """How many distinct items of ``kind`` the rows with figures begin with, and how many of the other
    statements (shared ones count half)."""
    own: dict[str, float] = {}
    others: dict[str, float] = {}
    for line in lines:
        figure = _FIGURE.search(line)
        if figure is None:
            continue
        for mention in mentions(line[: figure.start()][:160])[:1]:
            entry = mention.entry
            if isinstance(entry, Item) and entry.statement in _STATEMENTS:
                size = 0.5 if entry.id in _SHARED else 1.0
                # The cash flow statement begins with what it adds back to net income.
                mine = entry.statement == kind or (kind == "cash_flow" and entry.id in _SHARED)
                (own if mine else others)[entry.id] = size
    return sum(own.values()), sum(others.values())


def _untitled(text: str) -> PageType:
    """A statement whose title is a picture or was lost: many of its rows and few of any other's."""
    lines = tuple(text.split("\n"))
    kinds: tuple[PageType, ...] = ("balance_sheet", "income_statement", "cash_flow")
    for kind in kinds:
        own, others = _rows(lines, kind)
        if own >= MIN_ROWS_UNTITLED and own >= 3 * others:
            return kind
    return ""


def _figures(text: str) -> int:
    return len(_FIGURE.findall(text))
