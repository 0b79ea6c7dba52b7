"""Terms that an admin adds to the vocabulary of a collection: names of one thing in English and Chinese.

Promises: pure; a term is checked before it is kept and when it is read; a file of terms is read row by row
and every bad row is named by its line, the good ones kept.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from rag.text.normalise import normalise
from rag.text.terms import terms
from rag.vocabulary.entries import Name, name_key, name_of
from rag.vocabulary.mentions import mentions

MAX_NAMES = 20
MAX_NAME_CHARS = 80
MAX_ROWS = 5_000
_SEPARATORS = re.compile(r"[;；|]")


class InvalidTerm(ValueError):
    """``code`` says what is wrong (a key of rag.messages), ``params`` names it."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(f"{code}: {params}")
        self.code = code
        self.params = {k: str(v) for k, v in params.items()}


@dataclass(frozen=True, slots=True)
class Term:
    """Names of one thing; the first is the term itself."""

    names: tuple[Name, ...]

    @property
    def text(self) -> str:
        return self.names[0].text

    @property
    def synonyms(self) -> tuple[str, ...]:
        return tuple(n.text for n in self.names[1:])


def make_term(term: str, synonyms: Iterable[str]) -> Term:
    """A checked term: trimmed, without repeats. Raises InvalidTerm: no synonym besides the term itself, a
    name without a letter or too long, too many."""
    found: dict[tuple[str, ...] | str, Name] = {}
    for given in (term, *synonyms):
        text = " ".join(normalise(given).split())
        if not text and given is not term:
            continue
        if not any(c.isalpha() for c in text):
            raise InvalidTerm("vocabulary.no_word", name=given.strip()[:40])
        if len(text) > MAX_NAME_CHARS:
            raise InvalidTerm("vocabulary.too_long", name=text[:40], limit=MAX_NAME_CHARS)
        name = name_of(text)
        found.setdefault(name_key(name), name)
    if len(found) < 2:
        raise InvalidTerm("vocabulary.no_synonym", name=term.strip()[:40])
    if len(found) > MAX_NAMES:
        raise InvalidTerm("vocabulary.too_many", name=term.strip()[:40], limit=MAX_NAMES)
    return Term(tuple(found.values()))


def term_to_json(term: Term) -> str:
    return json.dumps({"names": [n.text for n in term.names]}, ensure_ascii=False)


def term_from_json(text: str) -> Term:
    """Raises InvalidTerm for anything else than what :func:`term_to_json` wrote."""
    try:
        names = json.loads(text)["names"]
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or not names:
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidTerm("vocabulary.unreadable") from error
    return make_term(names[0], names[1:])


def read_terms(text: str) -> tuple[list[Term], list[tuple[int, InvalidTerm]]]:
    """Terms of a CSV text, and (line, what is wrong) of each bad row. A row is a term, then its synonyms: in
    further cells, or in one cell separated by ; or |. A first row that begins with "term" is a header; a
    column of it called "language" is left out (a name's language is seen from its writing). Empty rows
    and rows beginning with # are skipped."""
    good: list[Term] = []
    bad: list[tuple[int, InvalidTerm]] = []
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    skipped: set[int] = set()
    first = True
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return good, bad
        except csv.Error as error:
            bad.append((reader.line_num, InvalidTerm("vocabulary.bad_row", problem=error)))
            continue
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if first and cells[0].lower() in ("term", "terms", "词", "词条", "术语"):
            skipped = {i for i, cell in enumerate(cells) if cell.lower() in ("language", "语言")}
            first = False
            continue
        first = False
        if len(good) + len(bad) >= MAX_ROWS:
            bad.append((reader.line_num, InvalidTerm("vocabulary.too_many_rows", limit=MAX_ROWS)))
            return good, bad
        kept = [cell for i, cell in enumerate(cells) if i not in skipped]
        synonyms = [part for cell in kept[1:] for part in _SEPARATORS.split(cell)]
        try:
            good.append(make_term(kept[0] if kept else "", synonyms))
        except InvalidTerm as error:
            bad.append((reader.line_num, error))


def terms_named(question: str, own: Iterable[Term]) -> list[tuple[Term, Name]]:
    """The terms that a question names, each with the longest of its names that stands there."""
    found: list[tuple[Term, Name]] = []
    flat, words = "".join(normalise(question).lower().split()), ""
    for term in own:
        words = words or " ".join(("", *terms(question), ""))
        there = [n for n in term.names if _stands_in(n, flat, words)]
        if there:
            found.append((term, max(there, key=lambda n: len(n.text))))
    return found


def in_known_words(question: str, own: Iterable[Term]) -> str:
    """The question with own names of what the packaged vocabulary knows put in the vocabulary's words:
    with "流水 = 营业收入", 2024年流水 is 2024年营业收入. Other own names stay."""
    for term, said in terms_named(question, own):
        if mentions(said.text):
            continue
        known = [n for n in term.names if n != said and any(m.name == n for m in mentions(n.text))]
        same = [n for n in known if n.chinese == said.chinese]
        at = question.lower().find(said.text.lower())
        if same and at >= 0:
            question = question[:at] + same[0].text + question[at + len(said.text) :]
    return question


def _stands_in(name: Name, flat: str, words: str) -> bool:
    key = name_key(name)
    return key in flat if isinstance(key, str) else bool(key) and f" {' '.join(key)} " in words
