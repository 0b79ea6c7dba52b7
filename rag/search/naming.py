"""Which documents a question names: "3M FY2018", "Best Buy", "四方科技2019年" against file names and titles.

Promises: pure; a year or a form alone names nothing; a word that many documents carry counts little; what is
not recognised costs nothing, because the whole scope is searched in any case.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rag.records import Document
from rag.search.query_terms import query_terms, words_apart
from rag.text.terms import terms

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_CAPITALS = re.compile(r"\b[A-Z]{3,}\b")
_LATIN = re.compile(r"[^\W\d_]+|\d+", re.UNICODE)
_MOST_SHARE = 0.4  # a word in the names of more documents than this names none of them
_FORMS = frozenset(
    [
        "annual",
        "report",
        "quarterly",
        "earning",
        "result",
        "form",
        "10k",
        "10q",
        "8k",
        "20f",
        "年度",
        "度报",
        "报告",
    ]
) | frozenset(["年报", "季度", "半年", "公告", "公司", "股份", "有限"])


@dataclass(frozen=True, slots=True)
class Named:
    """Documents that the question names (``all``), those of them that fit it best (year, form), and
    the terms that named them: inside those documents, they tell no chunk from another."""

    all: frozenset[int]
    best: frozenset[int]
    terms: frozenset[str]


class DocumentNames:
    """The names of a library's documents. Immutable."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_term: dict[str, set[int]] = defaultdict(set)
        count = 0
        for document in documents:
            count += 1
            name = _EXTENSION.sub("", document.name)
            for term in {*terms(name), *terms(document.title)}:
                self._by_term[term].add(document.id)
        self._count = count
        self._names = {term for term in self._by_term if term.isalpha() and term.isascii()}

    def named_in(self, question: str, asked: Iterable[str] | None = None) -> Named | None:
        """None when the question names no document, or all of them. ``asked``: its query terms, where they
        are known already."""
        if self._count < 2:
            return None
        scores: dict[int, float] = defaultdict(float)
        naming: set[int] = set()
        by: set[str] = set()
        asked = query_terms(question) if asked is None else asked
        for term in _terms_of(question, asked):
            found = self._by_term.get(term, ())
            if not found:
                continue
            weight = math.log((self._count + 1) / len(found))
            for document in found:
                scores[document] += weight
            by.add(term)
            if len(found) <= max(1, self._count * _MOST_SHARE) and _is_name(term):
                naming |= found
        for capitals in set(_CAPITALS.findall(question)):  # MGM for MGMRESORTS
            low = capitals.lower()
            starting = [t for t in self._names if t.startswith(low) and t != low]
            if low not in self._by_term and 1 <= len(starting) <= 2:
                for document in set().union(*(self._by_term[t] for t in starting)):
                    scores[document] += math.log((self._count + 1) / len(starting))
                    naming.add(document)
                by.add(low)
        if not naming or len(naming) == self._count:
            return None
        top = max(scores[d] for d in naming)
        best = frozenset(d for d in naming if scores[d] >= top - 1e-9)
        joined = {w for w in asked if any(w in t for t in by if t.isascii() and t.isalpha())}
        return Named(frozenset(naming), best, frozenset(by | joined))


def _terms_of(question: str, asked: Iterable[str]) -> set[str]:
    """The question's terms, and neighbouring words written as one: Best Buy for BESTBUY."""
    found = set(asked)
    words = [w.lower() for w in _LATIN.findall(words_apart(question))]
    for size in (2, 3):
        found.update("".join(words[i : i + size]) for i in range(len(words) - size + 1))
    return found


def _is_name(term: str) -> bool:
    return not term.isdigit() and term not in _FORMS and not re.fullmatch(r"fy\d+|q[1-4]|\d{4}q[1-4]", term)
