"""Which entries of the vocabulary a text names.

Promises: pure; an English name is matched by its terms in a row, a Chinese one as it is written (white space
within it does not count); each place of a text is taken once, by the longest name that starts there, so that
"cost of sales" is no "sales" and "inventory turnover" no "turnover"; entries in the order of the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.text.normalise import normalise
from rag.text.terms import terms
from rag.vocabulary.entries import Entry, Item, Name, Ratio, name_key, vocabulary

_FUNCTION = frozenset(["of", "and", "the", "for", "to", "from", "by", "in", "a", "e"])
_CJK_SPACE = re.compile(r"(?<=[\u3400-\u9fff）)（(、])\s+(?=[\u3400-\u9fff（()）])")


@dataclass(frozen=True, slots=True)
class Mention:
    """An entry that a text names. ``name``: as it is named there; ``others``: the entry's other names, both
    languages; ``also``: ids of other entries that go by the same name."""

    name: Name
    entry: Entry
    others: tuple[Name, ...]
    also: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def amount(self) -> bool:
        """Whether it is a thing that is counted or paid."""
        return self.entry.amount


@dataclass(frozen=True, slots=True)
class _Known:
    """Every name by how it begins, the longest first."""

    english: dict[str, tuple[tuple[Name, tuple[str, ...]], ...]]
    chinese: dict[str, tuple[tuple[str, Name, tuple[str, ...]], ...]]


@lru_cache(maxsize=1)
def _known() -> _Known:
    english: dict[str, list[tuple[Name, tuple[str, ...]]]] = {}
    chinese: dict[str, list[tuple[str, Name, tuple[str, ...]]]] = {}
    words = vocabulary()
    seen = set()
    for entry in words.entries:
        for name in entry.names:
            key = name_key(name)
            if key in seen:
                continue
            seen.add(key)
            owners = words.by_name[key]
            if isinstance(key, str):
                chinese.setdefault(key[:2], []).append((key, name, owners))
            else:
                english.setdefault(key[0], []).append((name, owners))
    return _Known(
        {k: tuple(sorted(v, key=lambda pair: -len(pair[0].terms))) for k, v in english.items()},
        {k: tuple(sorted(v, key=lambda found: -len(found[0]))) for k, v in chinese.items()},
    )


@lru_cache(maxsize=16_384)
def mentions(text: str) -> tuple[Mention, ...]:
    """The entries that a text names, each once, in the order of their first places: English ones, then
    Chinese ones."""
    flat = normalise(text).lower()
    found: dict[str, Mention] = {}
    for name, owners in (*_english(terms(flat)), *(() if flat.isascii() else _chinese(flat))):
        if owners[0] not in found:
            entry = vocabulary().entry(owners[0])
            others = tuple(n for n in entry.names if n.terms != name.terms)
            found[owners[0]] = Mention(name, entry, others, owners[1:])
    return tuple(found.values())


def _english(words: Sequence[str]) -> list[tuple[Name, tuple[str, ...]]]:
    by_first = _known().english
    found = []
    at = 0
    while at < len(words):
        step = 1
        for name, owners in by_first.get(words[at], ()):
            size = len(name.terms)
            if tuple(words[at : at + size]) == name.terms:
                found.append((name, owners))
                step = size
                break
        at += step
    return found


def _chinese(flat: str) -> list[tuple[Name, tuple[str, ...]]]:
    by_first = _known().chinese
    flat = _CJK_SPACE.sub("", flat)
    found = []
    at = 0
    while at < len(flat) - 1:
        step = 1
        for text, name, owners in by_first.get(flat[at : at + 2], ()):
            if flat.startswith(text, at):
                found.append((name, owners))
                step = len(text)
                break
        at += step
    return found


def items_in(text: str) -> tuple[Item, ...]:
    """The items that a text names."""
    return tuple(m.entry for m in mentions(text) if isinstance(m.entry, Item))


def ratios_in(text: str) -> tuple[Ratio, ...]:
    """The ratios that a text names."""
    return tuple(m.entry for m in mentions(text) if isinstance(m.entry, Ratio))


def content(name: Name) -> frozenset[str]:
    """The name's terms that say something."""
    return frozenset(t for t in name.terms if t not in _FUNCTION)
