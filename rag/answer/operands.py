"""The figures that a calculation needs, found among those within reach and named like what is asked.

Promises: every operand stands in a table row that is named like what is asked, in a column of the year
asked; a statement's own row goes before others; two rows that fit equally are no operand; figures of the
parent company alone are taken only for a question that names it (whoever prints them prints the group's too).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rag.answer.evidence import term_set
from rag.answer.expressions import Wanted
from rag.answer.shelf import Shelf, Sighting
from rag.records import Passage
from rag.text.terms import terms
from rag.vocabulary import Item, mentions
from rag.vocabulary.entries import vocabulary

ENOUGH = 0.8
"""How far (0..1) a row must be named like what is asked before it is calculated with."""
_LIGHT_WORDS = """
total net of and the in for to a on at from by with s other company consolidated its including amount value
year ended
"""
_LIGHT = frozenset(_LIGHT_WORDS.split())
EITHER_WAY = re.compile(r"income|profit|net loss|cash|earnings|利润|亏损|现金|收益", re.IGNORECASE)
_PARENT_TERMS = term_set("母公司")
_TOTAL = re.compile(r"\btotal\b|合计|总", re.IGNORECASE)
_ZH_NOISE = re.compile(
    r"^(?:[一二三四五六七八九十]{1,3}[、.]|其中[:：]?|[减加][:：]|[（(]\d+[)）]|\d+[、.])|[（(][^（）()]*[)）]|[\s:：]"
)
_BRACKETS = re.compile(r"\([^()]*\)|（[^（）]*）")
_STATEMENT_WORDS = {
    "income_statement": "consolidated statements of income operations 合并利润表 主要会计数据",
    "balance_sheet": "consolidated balance sheets 合并资产负债表 主要会计数据",
    "cash_flow": "consolidated statements of cash flows 合并现金流量表 主要会计数据",
}


@dataclass(frozen=True, slots=True)
class Found:
    wanted: Wanted
    sighting: Sighting
    score: float
    stated: bool = True  # it stands in the statement where such a figure stands

    @property
    def value(self) -> Decimal:
        return self.sighting.figure.value


@dataclass(frozen=True, slots=True)
class Missing:
    """What kept a calculation from being made."""

    name: str
    item: str
    year: int | None


def gather(
    wanted: Sequence[Wanted], document: int, shelf: Shelf, known: frozenset[str]
) -> dict[Wanted, Found] | Missing:
    named = known | names_of(shelf.of(document))
    alone = known >= _PARENT_TERMS or "parent" in known
    found: dict[Wanted, Found] = {}

    def look() -> list[Sighting]:
        return [s for s in shelf.sightings(document) if alone or not s.figure.parent]

    seen = look()
    together = _together(wanted, seen, named)
    for one in wanted:
        beside = _same_row(one, found, seen)
        if beside is not None:
            found[one] = beside
            continue
        pages = {f.sighting.passage.page_start for w, f in found.items() if _alike(w, one)}
        best = _best(one, seen, named, together, pages)
        tries = 0
        # A figure that does not stand in its statement is taken only when the statement cannot be found.
        while (best is None or (not best.stated and not tries)) and tries < 2:
            tries += 1
            if shelf.look_for(_query(one, tries), document):
                seen = look()
                together = _together(wanted, seen, named)
                best = _best(one, seen, named, together, pages)
        if best is None and shelf.turn_over(document, _of_statement(one, seen)):
            seen = look()
            together = _together(wanted, seen, named)
            best = _best(one, seen, named, together, pages)
        if best is None:
            return Missing("", one.name, one.year)
        found[one] = best
    return found


def _of_statement(wanted: Wanted, seen: Sequence[Sighting]) -> list[int]:
    """The pages of the statement where the item stands, as far as they were read."""
    item = _item(wanted)
    if item is None:
        return []
    return list(dict.fromkeys(s.passage.page_start for s in seen if _stands_in(item, s.passage)))


def _same_row(wanted: Wanted, found: dict[Wanted, Found], seen: Sequence[Sighting]) -> Found | None:
    """The figure of another year in the row where the item was found."""
    for other, there in found.items():
        if (other.name, other.ids) != (wanted.name, wanted.ids) or wanted.year is None:
            continue
        at = there.sighting
        for sighting in seen:
            figure = sighting.figure
            here = sighting.passage.chunk_id == at.passage.chunk_id and figure.row == at.figure.row
            same = figure.column.kind == at.figure.column.kind and figure.column.part == at.figure.column.part
            if here and same and figure.column.year == wanted.year:
                return Found(wanted, sighting, there.score, there.stated)
    return None


def _alike(one: Wanted, other: Wanted) -> bool:
    """Whether both stand in the same statement."""
    a, b = _item(one), _item(other)
    return a is None or b is None or a.statement == b.statement


def _together(wanted: Sequence[Wanted], seen: Sequence[Sighting], known: frozenset[str]) -> Counter[int]:
    """Page -> how many of the wanted figures stand on it."""
    there = {
        (s.passage.page_start, one)
        for s in seen
        for one in wanted
        if s.figure.column.year == one.year and _named(one, s, known) >= ENOUGH
    }
    return Counter(page for page, _ in there)


def names_of(passages: Sequence[Passage]) -> frozenset[str]:
    if not passages:
        return frozenset()
    first = passages[0]
    return term_set(f"{first.document} {first.title} {first.about.company}")


def _query(wanted: Wanted, tries: int) -> str:
    item = next((vocabulary().items[i] for i in wanted.ids if i in vocabulary().items), None)
    names = [wanted.name]
    if item is not None:
        names += [n.text for n in (*item.names_en[:2], *item.names_zh[:1])]
        if tries == 1:
            names = [_STATEMENT_WORDS.get(item.statement, ""), *names[:2]]
    return " ".join(dict.fromkeys(filter(None, names))) + (f" {wanted.year}" if wanted.year else "")


def _best(
    wanted: Wanted,
    seen: Sequence[Sighting],
    known: frozenset[str],
    together: Counter[int],
    pages: Collection[int] = (),
) -> Found | None:
    """The figure that is named most like what is wanted, of its year. None below :data:`ENOUGH`. ``pages``:
    where others of its statement were found."""
    item = _item(wanted)
    newest = max((s.figure.column.year or 0 for s in seen), default=0) or None
    year = wanted.year or newest
    close: list[tuple[float, Sighting, bool]] = []
    rows: dict[tuple[int, int], list[Sighting]] = {}
    for sighting in seen:
        figure = sighting.figure
        if figure.column.kind == "change" or figure.column.part or figure.column.year != year or year is None:
            continue
        score = _named(wanted, sighting, known)
        if score < ENOUGH or _wrong_sign(figure.value, item):
            continue
        page = sighting.passage.page_start
        stated = item is None or not item.statement or _stands_in(item, sighting.passage)
        score += (0.15 if stated else 0.0) - 0.004 * sighting.order
        score += 0.04 * (min(together[page], 4) - 1) + (0.2 if page in pages else 0.0)
        repeated = {o.passage.page_start for o in seen if o.figure.value == figure.value}
        score += 0.02 * min(len(repeated) - 1, 3)  # a report gives its main figures several times
        rows.setdefault((sighting.passage.chunk_id, figure.row), []).append(sighting)
        close.append((score, sighting, stated))
    passed_over = False
    for score, sighting, stated in sorted(close, key=lambda c: -c[0]):
        meant = _meant(wanted, rows[sighting.passage.chunk_id, sighting.figure.row])
        if meant is None:  # a segment in each column, say; the statement's own row has one figure a year
            passed_over = True
            continue
        best = Found(wanted, meant, score, stated)
        if (passed_over and not (stated and item is not None)) or _ambiguous(best, close):
            return None
        return best
    return None


def _meant(wanted: Wanted, row: Sequence[Sighting]) -> Sighting | None:
    """Of the figures of the year in one row the one that is asked: the only one, or the one whose column says
    so."""
    if len({s.figure.value for s in row}) == 1:
        return row[0]
    asked = set(terms(wanted.name))
    fitting = [s for s in row if asked & {t for t in terms(s.figure.column.text) if not t.isdigit()}]
    return fitting[0] if len(fitting) == 1 else None


def _ambiguous(best: Found, others: Sequence[tuple[float, Sighting, bool]]) -> bool:
    """Whether another row of the same page is named as well and says another number."""
    mine = best.sighting
    return any(
        score > best.score - 0.01
        and other.passage.page_start == mine.passage.page_start
        and other.passage.document_id == mine.passage.document_id
        and other.figure.row != mine.figure.row
        and abs(other.figure.value - mine.figure.value) > abs(mine.figure.value) / 100
        for score, other, _ in others
    )


def _item(wanted: Wanted) -> Item | None:
    return next((vocabulary().items[i] for i in wanted.ids if i in vocabulary().items), None)


def _wrong_sign(value: Decimal, item: Item | None) -> bool:
    """A depreciation in brackets is a line of some other table."""
    if item is None or value >= 0 or item.sign == "outflow" or item.kind != "amount":
        return False
    return not EITHER_WAY.search(" ".join(n.text for n in item.names))


def _stands_in(item: Item, passage: Passage) -> bool:
    """Whether the passage is of the statement where the item stands."""
    if passage.page_type:
        return passage.page_type == item.statement
    words = " ".join((*passage.section_path[-2:], passage.table_header, passage.text[:200])).lower()
    clues = {
        "income_statement": r"statements? of (?:consolidated )?(?:income|operations|earnings)|利润表"
        r"|income statement",
        "balance_sheet": r"balance sheet|financial position|资产负债表",
        "cash_flow": r"cash flows?|现金流量表",
    }
    return item.statement in clues and re.search(clues[item.statement], words) is not None


def _named(wanted: Wanted, sighting: Sighting, known: frozenset[str]) -> float:
    """0..1: how far the row (or the row and its column) is called like what is wanted."""
    figure = sighting.figure
    by_item = _as_item(wanted, figure.label, figure.group) if wanted.ids else 0.0
    by_words = _as_words(wanted.name, figure.label, figure.group, figure.column.text, known, sighting.page)
    if _TOTAL.search(wanted.name) and not _TOTAL.search(figure.label):
        by_words -= 0.3
    return max(by_item, by_words)


def _as_item(wanted: Wanted, label: str, group: str) -> float:
    """By the vocabulary: the row is the item when a name of it is all of its label but small words."""
    best = 0.0
    for text in dict.fromkeys((label, f"{group}{label}" if re.search("[\u3400-\u9fff]", label) else label)):
        for mention in mentions(text):
            if not {mention.id, *mention.also} & set(wanted.ids):
                continue
            if mention.name.chinese:
                bare = _ZH_NOISE.sub("", _ZH_NOISE.sub("", text))
                rest = len(bare.replace(mention.name.text, "").strip("合计总额的"))
                best = max(best, 1.0 if rest == 0 else 1.0 - 0.08 * rest)
                continue
            bare_terms = [t for t in _bare_terms(text) if not t.isdigit()]
            own = set(mention.name.terms)
            rest = sum(t not in own for t in bare_terms)
            best = max(best, 1.0 if rest == 0 else 1.0 - 0.12 * rest)
    return best


@lru_cache(maxsize=8192)
def _bare_terms(text: str) -> tuple[str, ...]:
    """The terms that say something, without what stands in brackets."""
    return tuple(t for t in terms(_BRACKETS.sub(" ", text)) if t not in _LIGHT)


def _as_words(
    name: str, label: str, group: str, column: str, known: frozenset[str], page: frozenset[str]
) -> float:
    """By words: all that is asked must stand in the row, its heading or its column, and little else in the
    row's name; where the row's whole name is asked, the rest may stand elsewhere on the page."""
    asked = [t for t in _bare_terms(name) if not _year(t)]
    if not asked:
        return 0.0
    row = term_set(label)
    around = row | term_set(group) | term_set(column)
    recall = sum(t in around for t in asked) / len(asked)
    own = [t for t in _bare_terms(label) if not t.isdigit()]
    if not own or not any(t in row for t in asked):
        return 0.0
    extra = sum(t not in asked and t not in known for t in own)
    if recall < 0.99 and not (recall >= 0.8 and len(asked) >= 5):
        named = all(t in asked for t in own) and recall >= 0.5
        return 0.85 if named and all(t in around or t in page for t in asked) else 0.0
    return 0.97 * recall - 0.1 * extra - (0.0 if all(t in row for t in asked) else 0.03)


def _year(term: str) -> bool:
    return term.isdigit() and len(term) == 4 and term[:2] in ("19", "20")
