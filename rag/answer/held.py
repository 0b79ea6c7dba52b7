"""What a passage holds, made ready for checking claims against it: its words, its numbers with their years.

Promises: a number of a table carries the year of its column and the row's name, one of running text the
years of its clause ("..., respectively" is read in order); nothing is guessed where the passage is silent.
Pure; what was read once is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from rag.answer.amounts import Amount, amounts
from rag.answer.columns import Column
from rag.answer.evidence import head, term_set, years
from rag.answer.figures import Figure, figures
from rag.answer.rows import is_row
from rag.records import Passage
from rag.text.sentences import sentence_spans
from rag.vocabulary import mentions

_CLAUSE = re.compile(r"[，,；;：:](?!\d)|\band\b|\bcompared (?:with|to)\b|\bversus\b|\bfrom\b")
_CJK = re.compile("[\u3400-\u9fff]")
_RESPECTIVELY = re.compile(r"\brespectively\b|分别", re.IGNORECASE)
_THIS_YEAR = re.compile(r"报告期|本期|本年(?!增|比)|当年")


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that a passage holds. ``years``: empty when nothing tells."""

    text: str
    value: Decimal
    bare: Decimal  # as printed, without its scale
    step: Decimal
    percent: bool | None  # None: the passage does not say
    scaled: bool
    years: frozenset[int]
    label: str
    groups: frozenset[str]  # ids of the vocabulary
    row: int  # of the table; -1: running text
    column: Column | None = None
    change: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    terms: frozenset[str]
    around: frozenset[str]
    sentences: tuple[tuple[str, frozenset[str]], ...]
    facts: tuple[Fact, ...]
    own_years: frozenset[int]  # that the document is about
    flat: str  # everything, lower-cased
    companies: tuple[str, ...]


def hold(passage: Passage) -> Held:
    """What the passage holds."""
    return _hold(
        passage.text,
        passage.table_header,
        f"{head(passage)}\n{passage.about.company}\n{' '.join(passage.about.aliases)}",
        f"{passage.document}\n{passage.title}",
        passage.about.fiscal_year,
        tuple(c for c in (passage.about.company, *passage.about.aliases) if c),
    )


@lru_cache(maxsize=512)
def _hold(
    text: str, table_header: str, around: str, named: str, year: int | None, companies: tuple[str, ...]
) -> Held:
    own = frozenset({year} if year else years(named))
    rows = figures(text, table_header=table_header, year=max(own) if own else None)
    facts = [_of_figure(f, own) for f in rows]
    spans = sentence_spans(text)
    sentences = []
    for start, end in spans:
        sentence = text[start:end]
        sentences.append((sentence, term_set(sentence)))
        if not any(f.start < end and start < f.end for f in rows) and not is_row(sentence):
            facts += _of_sentence(sentence, own)
    # A table's title or header may hold the figure that is cited.
    facts += _of_sentence(table_header, own) if table_header and not is_row(table_header) else []
    return Held(
        terms=term_set(text),
        around=term_set(around),
        sentences=tuple(sentences),
        facts=tuple(facts),
        own_years=own,
        flat=f"{text}\n{around}".lower(),
        companies=companies or _companies(named),
    )


def _companies(named: str) -> tuple[str, ...]:
    """What the name of a document says whom it is about, as far as that can be told: its first part."""
    first = re.split(r"[_\s]|(?=\d{4})|[：:]", named.split("\n")[0])[0]
    return (first,) if len(first) >= 2 else ()


def _of_figure(figure: Figure, own: frozenset[int]) -> Fact:
    bare = figure.value.scaleb(-figure.power)
    label = f"{figure.group} {figure.label}" if len(figure.label) < 12 else figure.label
    year = figure.column.year
    stated = frozenset({year} if year else ()) | frozenset(years(figure.label))
    if not stated and own and _CJK.search(figure.label):
        # A Chinese report gives its own year first; what follows may be the year before.
        stated = own if figure.place == 0 else own | {y - 1 for y in own}
    unsure = not figure.percent and "," not in figure.text and abs(bare) < 1000
    return Fact(
        figure.text,
        figure.value,
        bare,
        figure.step,
        None if unsure else figure.percent,
        figure.scaled,
        stated,
        f"{label} {figure.column.text}",
        frozenset(m.id for m in mentions(f"{figure.label} {figure.column.text}")),
        figure.row,
        figure.column,
        figure.column.kind == "change",
    )


def _of_sentence(sentence: str, own: frozenset[int]) -> list[Fact]:
    found = amounts(sentence)
    if not found:
        return []
    whole = frozenset(years(sentence))
    in_order = _in_order(sentence, found) if _RESPECTIVELY.search(sentence) else {}
    groups = frozenset(m.id for m in mentions(sentence))
    if not whole and own and _THIS_YEAR.search(sentence):
        whole = own
    cuts = [0, *(m.end() for m in _CLAUSE.finditer(sentence)), len(sentence)]
    facts: list[Fact] = []
    for amount in found:
        mine = whole
        if amount.start in in_order:
            mine = frozenset({in_order[amount.start]})
        elif len(whole) > 1:
            inside = next(((a, b) for a, b in pairwise(cuts) if a <= amount.start < b), (0, len(sentence)))
            mine = frozenset(years(sentence[inside[0] : inside[1]])) or whole
        facts.append(
            Fact(
                amount.text, amount.value, amount.bare, amount.step, amount.percent, True, mine, sentence,
                groups, -1,
            )
        )  # fmt: skip
    return facts


def _in_order(sentence: str, found: Sequence[Amount]) -> dict[int, int]:
    """Where amounts and years of a "respectively" go in pairs: start of amount -> year."""
    stated = years_in_order(sentence)
    if len(stated) < 2 or len(found) % len(stated):
        return {}
    return {amount.start: stated[i % len(stated)] for i, amount in enumerate(found)}


def years_in_order(text: str) -> list[int]:
    return [int(y) for y in re.findall(r"(?<![\d.,])((?:19|20)\d{2})(?![\d%]|[.,]\d)", text)]
