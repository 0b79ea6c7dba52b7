"""What to search beside a question's own words: other names of what it asks for, the items that a ratio is
calculated from, the statement where an item stands, and the names in the other language.

Promises: pure; names of one thing are *alternatives* of each other, to be scored by the best of them, not by
their sum (a text is not better for using three names of the same thing); the other language's names are the
way from a Chinese question to an English document and back that needs no model; bounded (``MAX_GROUPS``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rag.records import Language, PageType
from rag.text.language import detect_language
from rag.vocabulary.additions import Term, terms_named
from rag.vocabulary.entries import ANY_ITEM, Entry, Item, Name, vocabulary
from rag.vocabulary.formula import parse_formula, references
from rag.vocabulary.mentions import mentions

Why = Literal["synonym", "items", "statement", "translation"]
WEIGHTS: dict[Why, float] = {"synonym": 0.5, "items": 0.3, "statement": 0.2, "translation": 1.0}
"""Against 1 for the question's own words; how they were chosen: docs/experiments.md."""
NAMES: dict[Why, int] = {"synonym": 3, "items": 2, "translation": 2}
"""How many names of an entry are alternatives: the data gives the commonest first."""
MAX_GROUPS = 16
_STATEMENTS: dict[PageType, tuple[str, str]] = {
    "income_statement": ("consolidated statements of income operations earnings", "合并利润表"),
    "balance_sheet": ("consolidated balance sheets", "合并资产负债表"),
    "cash_flow": ("consolidated statements of cash flows", "合并现金流量表"),
}


@dataclass(frozen=True, slots=True)
class Addition:
    """A phrase to search, ``weight`` 0..1 against the question's own words."""

    text: str
    weight: float
    why: Why
    language: Language


@dataclass(frozen=True, slots=True)
class Group:
    """Names of one thing. ``said``: as the question names it, None for what it does not name itself."""

    said: Name | None
    alternatives: tuple[Addition, ...]


@dataclass(frozen=True, slots=True)
class Expansion:
    """``pages``: types of pages where what is asked for stands."""

    groups: tuple[Group, ...] = ()
    pages: tuple[PageType, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """What a reader is told was added: names, not what only says which page is meant; at most 12."""
        texts = [a.text for g in self.groups for a in g.alternatives if a.why != "statement"]
        return tuple(dict.fromkeys(texts))[:12]


@lru_cache(maxsize=4096)
def expand(question: str, language: Language | None = None, own: tuple[Term, ...] = ()) -> Expansion:
    """``language`` is the question's, found out when not given; ``own``: terms that the searched collections
    add to the packaged vocabulary."""
    mine: Language = language or detect_language(question)
    mine = "zh" if mine == "zh" else "en"
    other: Language = "en" if mine == "zh" else "zh"
    named = mentions(question)
    groups: list[Group] = []
    for term, said in terms_named(question, own):
        texts = [n for n in term.names if n.text != said.text]
        found = [Addition(n.text, 1.0, "synonym", "zh" if n.chinese else "en") for n in texts]
        groups.append(Group(said, tuple(found)))
    parts = tuple(dict.fromkeys(part for m in named for part in items_of(m.entry)))
    for mention in named:
        said_text = mention.name.text
        additions = [
            *_additions(mention.entry, "synonym", mine, said_text, seek=True),
            *_additions(mention.entry, "translation", other, said_text),
        ]
        groups.append(Group(mention.name, tuple(additions)))
    pages: dict[PageType, None] = {}
    for part in parts:
        additions = [*_additions(part, "items", mine), *_additions(part, "translation", other)]
        groups.append(Group(None, tuple(additions)))
    for entry in (*(m.entry for m in named), *parts):
        if isinstance(entry, Item) and entry.statement in _STATEMENTS:
            pages[entry.statement] = None
    for page in pages:
        english, chinese = _STATEMENTS[page]
        weight = WEIGHTS["statement"]
        both = (Addition(english, weight, "statement", "en"), Addition(chinese, weight, "statement", "zh"))
        groups.append(Group(None, both))
    return Expansion(tuple(g for g in groups if g.alternatives)[:MAX_GROUPS], tuple(pages))


def _additions(
    entry: Entry, why: Why, language: Language, said: str = "", *, seek: bool = False
) -> Iterator[Addition]:
    names = entry.names_zh if language == "zh" else entry.names_en
    words = [name.text for name in names[: NAMES[why]]]
    if seek:
        words += entry.seek_zh if language == "zh" else entry.seek_en
    for text in words:
        if text != said:
            yield Addition(text, WEIGHTS[why], why, language)


def items_of(entry: Entry) -> Sequence[Item]:
    """The items that a ratio's formulas need; none of an item or where the formula leaves the item open."""
    return tuple(dict.fromkeys(_items_of(entry)))


def _items_of(entry: Entry) -> Iterator[Item]:
    if isinstance(entry, Item):
        return
    for formula in (entry.formula, *entry.alternatives):
        for reference in references(parse_formula(formula)):
            if reference.item != ANY_ITEM:
                yield vocabulary().items[reference.item]
