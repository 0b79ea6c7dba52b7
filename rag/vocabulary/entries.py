"""The field's vocabulary as data: line items and terms with their names in English and Chinese, the statement
where each stands, ratios with their formulas.

Promises: read once from the files in ``entries_toml`` and checked when read: ids are unique,
every formula parses and names known items, a name belongs to one entry of its language unless every entry
that carries it declares it ``ambiguous``. Of no company in particular.

A data file has ``statement`` and ``kind`` for its items at the top, then a table per entry: ``en`` and ``zh``
(names: a row called so *is* the item), ``seek_en`` and ``seek_zh`` (words worth searching beside them, which
are not names), ``sign``, ``note``, ``ambiguous``. Ratios have ``formula``, ``alternatives`` and ``unit``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, get_args

from rag.records import PageType
from rag.text.normalise import normalise
from rag.text.terms import terms
from rag.vocabulary.formula import FormulaError, parse_formula, references

Kind = Literal["amount", "count", "role", "term"]
Sign = Literal["", "outflow"]
Unit = Literal["percent", "ratio", "times", "days", "amount", "per_share"]
ANY_ITEM = "x"
"""In a formula: the item that the question names ("growth rate of x", "x per employee")."""


class VocabularyError(ValueError):
    """The vocabulary's data is wrong; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name as it is shown; ``terms``: in order, as the lexical index knows them."""

    text: str
    terms: tuple[str, ...]

    @property
    def chinese(self) -> bool:
        return not self.text.isascii()


@dataclass(frozen=True, slots=True)
class Item:
    """A line item, a count, a role or a term. ``sign`` "outflow": printed in brackets or with a minus where
    it stands in its statement, though it is spoken of as a positive amount."""

    id: str
    statement: PageType  # where it stands, "" for no page in particular
    names_en: tuple[Name, ...]
    names_zh: tuple[Name, ...]
    kind: Kind = "amount"
    sign: Sign = ""
    seek_en: tuple[str, ...] = ()
    seek_zh: tuple[str, ...] = ()
    note: str = ""

    @property
    def names(self) -> tuple[Name, ...]:
        return (*self.names_en, *self.names_zh)

    @property
    def amount(self) -> bool:
        """Whether it is counted or paid."""
        return self.kind in ("amount", "count")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure calculated from others. ``formula`` is over item ids; ``alternatives`` serve where its items
    are not printed. "percent": the formula gives a fraction (0.23 is shown as 23 %)."""

    id: str
    names_en: tuple[Name, ...]
    names_zh: tuple[Name, ...]
    formula: str
    unit: Unit
    alternatives: tuple[str, ...] = ()
    seek_en: tuple[str, ...] = ()
    seek_zh: tuple[str, ...] = ()
    note: str = ""

    @property
    def names(self) -> tuple[Name, ...]:
        return (*self.names_en, *self.names_zh)

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of the items of ``formula``, in order."""
        return tuple(dict.fromkeys(r.item for r in references(parse_formula(self.formula))))

    @property
    def of_any_item(self) -> bool:
        """Whether the formula is about whatever item the question names (:data:`ANY_ITEM`)."""
        return ANY_ITEM in self.items

    @property
    def amount(self) -> bool:
        return True


Entry = Item | Ratio


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``by_name``: the terms of an English name, or the text of a Chinese one -> ids of the entries that
    carry it, the first declared first."""

    items: Mapping[str, Item]
    ratios: Mapping[str, Ratio]
    by_name: Mapping[tuple[str, ...] | str, tuple[str, ...]]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (*self.items.values(), *self.ratios.values())

    def entry(self, entry_id: str) -> Entry:
        """Raises KeyError."""
        return self.items[entry_id] if entry_id in self.items else self.ratios[entry_id]


def name_of(text: str) -> Name:
    return Name(text, tuple(terms(text)))


def name_key(name: Name) -> tuple[str, ...] | str:
    """What a name is matched by: case, plural endings and punctuation of English, spaces of Chinese don't
    count."""
    return "".join(normalise(name.text).lower().split()) if name.chinese else name.terms


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The packaged vocabulary, read once. Raises VocabularyError when its data is wrong."""
    tables: dict[str, dict[str, Any]] = {}
    folder = files("rag.vocabulary") / "entries_toml"
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.endswith(".toml"):
            tables[path.name] = tomllib.loads(path.read_text("utf-8"))
    return read_vocabulary(tables)


def read_vocabulary(tables: Mapping[str, Mapping[str, Any]]) -> Vocabulary:
    """The vocabulary of parsed data files, by file name. Raises VocabularyError."""
    items: dict[str, Item] = {}
    ratios: dict[str, Ratio] = {}
    ambiguous: dict[str, frozenset[tuple[str, ...] | str]] = {}
    for file, table in tables.items():
        for entry_id, row in table.items():
            if not isinstance(row, Mapping):
                continue
            where = f"{file}: {entry_id}"
            if entry_id in items or entry_id in ratios or entry_id == ANY_ITEM or not entry_id.isidentifier():
                raise VocabularyError(f"{where}: this id is taken or not allowed")
            try:
                if "formula" in row:
                    ratios[entry_id] = _ratio(entry_id, row)
                else:
                    items[entry_id] = _item(entry_id, {**_defaults(table), **row})
            except (KeyError, TypeError, ValueError) as error:
                raise VocabularyError(f"{where}: {error}") from error
            ambiguous[entry_id] = frozenset(name_key(name_of(n)) for n in row.get("ambiguous", ()))
    by_name: dict[tuple[str, ...] | str, tuple[str, ...]] = {}
    entries: tuple[Entry, ...] = (*items.values(), *ratios.values())
    for entry in entries:
        for name in entry.names:
            key = name_key(name)
            if not key or entry.id in by_name.get(key, ()):
                raise VocabularyError(f"{entry.id}: {name.text!r} is empty or there twice")
            by_name[key] = (*by_name.get(key, ()), entry.id)
    for key, owners in by_name.items():
        undeclared = [o for o in owners if key not in ambiguous[o]]
        if len(owners) > 1 and undeclared:
            raise VocabularyError(f"{key!r} means {owners}, not declared in {undeclared}")
    for ratio in ratios.values():
        for formula in (ratio.formula, *ratio.alternatives):
            unknown = {r.item for r in references(parse_formula(formula))} - items.keys() - {ANY_ITEM}
            if unknown:
                raise VocabularyError(f"{ratio.id}: unknown items {sorted(unknown)}")
    return Vocabulary(items, ratios, by_name)


def _defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if not isinstance(value, Mapping)}


def _names(row: Mapping[str, Any], key: str) -> tuple[Name, ...]:
    found = tuple(name_of(text) for text in row[key])
    if not found or any(n.chinese != (key == "zh") for n in found if key == "en" or n.chinese):
        raise ValueError(f"{key}: names are missing or in another language")
    return found


def _item(entry_id: str, row: Mapping[str, Any]) -> Item:
    if row["statement"] not in get_args(PageType) or row["kind"] not in get_args(Kind):
        raise ValueError("unknown statement or kind")
    if row.get("sign", "") not in get_args(Sign):
        raise ValueError("unknown sign")
    return Item(
        id=entry_id,
        statement=row["statement"],
        names_en=_names(row, "en"),
        names_zh=_names(row, "zh"),
        kind=row["kind"],
        sign=row.get("sign", ""),
        seek_en=tuple(row.get("seek_en", ())),
        seek_zh=tuple(row.get("seek_zh", ())),
        note=row.get("note", ""),
    )


def _ratio(entry_id: str, row: Mapping[str, Any]) -> Ratio:
    if row["unit"] not in get_args(Unit):
        raise ValueError(f"unknown unit {row['unit']!r}")
    for formula in (row["formula"], *row.get("alternatives", ())):
        try:
            parse_formula(formula)
        except FormulaError as error:
            raise ValueError(str(error)) from error
    return Ratio(
        id=entry_id,
        names_en=_names(row, "en"),
        names_zh=_names(row, "zh"),
        formula=row["formula"],
        unit=row["unit"],
        alternatives=tuple(row.get("alternatives", ())),
        seek_en=tuple(row.get("seek_en", ())),
        seek_zh=tuple(row.get("seek_zh", ())),
        note=row.get("note", ""),
    )
