"""What a question names: companies, periods, kinds of reports, documents; and which documents those favour.

Promises: pure; only documents inside the scope are ever named, so a chip never widens what is searched and
never tells of a document that the reader may not see; a chip the reader took away favours nothing; what is
not recognised costs nothing, because the scope is searched in any case; names come from the documents (what
they are about, their files, their titles), never from a list of companies.

A figure of FY2018 also stands in the report of FY2019: the report of the year itself comes first, the one of
the year after it next.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from rag.messages import message
from rag.records import Chip, Document, FiscalPeriod, Language, Scope, Understood
from rag.search.names import CompanyNames, Match, TitleNames, known_about
from rag.search.query_terms import query_terms
from rag.text.language import detect_language
from rag.text.reports import Named, Period, periods_in, report_types_in
from rag.text.terms import terms

_SCOPES_KEPT = 64
_FY_ENDS: Final = ("FY", "Q4")
_NEAR = 0.25  # a year's annual report and the release of its last quarter fit that year alike


@dataclass(frozen=True, slots=True)
class Meant:
    """A question as understood. ``named``: every document of what it names; ``best``: those of them that fit
    it best, a set for each company that it names, so that none crowds out another. ``terms``: the lexical
    terms that did the naming; inside the named documents they tell no chunk from another. ``sure``: a company
    was named by its whole name."""

    chips: tuple[Chip, ...] = ()
    named: frozenset[int] = frozenset()
    best: tuple[frozenset[int], ...] = ()
    terms: frozenset[str] = frozenset()
    sure: bool = False
    companies: tuple[str, ...] = ()
    unknown_period: str = ""

    def understood(self, queries: Iterable[str] = (), ignored: Iterable[str] = ()) -> Understood:
        return Understood(chips=self.chips, queries=tuple(queries), ignored=tuple(ignored))


NOTHING: Final = Meant()


class Subjects:
    """What the documents of one scope are about. Immutable."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = {d.id: d for d in documents}
        self._companies = CompanyNames(self._documents.values())
        self._titles = TitleNames(self._documents.values())

    def understand(
        self, question: str, asked: Iterable[str] | None = None, ignored: Collection[str] = ()
    ) -> Meant:
        """``asked``: the question's query terms, where they are known already; ``ignored``: keys of chips
        (:attr:`rag.records.Chip.key`) that favour nothing."""
        if not self._documents:
            return NOTHING
        language = detect_language(question)
        matches = self._companies.named_in(question)
        groups: OrderedDict[int, list[Match]] = OrderedDict()
        for match in matches:
            groups.setdefault(match.company, []).append(match)
        chips: list[Chip] = []
        spans: list[tuple[int, int]] = []
        kept: list[frozenset[int]] = []
        for company, found in groups.items():
            chip = Chip("company", self._companies.label(company), self._companies.documents(company))
            if chip.key not in ignored:
                chips.append(chip)
                kept.append(frozenset(chip.document_ids))
                spans += [(m.start, m.end) for m in found]
        inside = frozenset().union(*kept) if kept else frozenset(self._documents)
        asked_terms = set(query_terms(question)) if asked is None else set(asked)
        naming: set[str] = set()
        if not groups:
            title = self._titles.named_in(question, asked_terms)
            if title is not None:
                chip = Chip("document", title.words, tuple(sorted(title.documents)))
                if chip.key not in ignored:
                    chips.append(chip)
                    kept = [title.documents]
                    inside = title.documents
                    naming |= title.terms
        masked = _mask(question, [(m.start, m.end) for m in matches])
        periods, relative = periods_in(masked), None
        if not any(p.year is not None for p in periods):
            relative = self._relative(masked, inside)
        years = sorted({p.year for p in periods if p.year is not None} | ({relative} if relative else set()))
        part: FiscalPeriod = next((p.part for p in periods if p.part), "")
        kinds = _kinds(masked)
        fits: dict[int, float] = dict.fromkeys(inside, 0.0)
        used: list[tuple[Chip, list[Period] | list[Named]]] = []
        if years or part:
            period, scores = self._by_period(years, part, inside, language)
            if period is not None and period.key not in ignored:
                used.append((period, [p for p in periods if p.year in years or p.part]))
                for key, score in scores.items():
                    fits[key] += score
        for kind in dict.fromkeys(k.kind for k in kinds):
            ids = tuple(sorted(i for i in inside if known_about(self._documents[i]).report_type == kind))
            chip = Chip("report_type", message(f"chip.{kind}", _tongue(language)), ids)
            if ids and len(ids) < len(self._documents) and chip.key not in ignored:
                used.append((chip, [k for k in kinds if k.kind == kind]))
                for key in ids:
                    fits[key] += 2.0
        for chip, where in used:
            chips.append(chip)
            spans += [(s.start, s.end) for s in where]
        if not chips:
            return NOTHING
        best = tuple(b for b in (self._best(ids, fits) for ids in kept or [inside]) if b)
        if not kept:  # a period or a kind of report alone
            inside = frozenset(i for c, _ in used for i in c.document_ids).union(*best)
        for start, end in spans:
            naming |= set(query_terms(question[start:end])) | set(terms(question[start:end]))
        return Meant(
            chips=tuple(chips),
            named=inside,
            best=best,
            terms=frozenset(naming & (asked_terms | naming)),
            sure=any(m.sure for m in matches) and any(c.kind == "company" for c in chips),
            companies=tuple(c.text for c in chips if c.kind == "company"),
            unknown_period=self._unknown_period(years, inside) if groups else "",
        )

    def unknown_company(self, question: str, known: Collection[str] = ()) -> str:
        """See :meth:`rag.search.index.SearchIndex.unknown_company`."""
        if not len(self._companies):
            return ""
        return self._companies.stranger_in(question)

    # -- periods -----------------------------------------------------------------------------------

    def _by_period(
        self, years: list[int], part: FiscalPeriod, inside: Collection[int], language: Language
    ) -> tuple[Chip | None, dict[int, float]]:
        """The chip of the period, and how well each document fits it. Of a span of years the last one
        decides: its report shows the years before it."""
        year = years[-1] if years else None
        scores: dict[int, float] = {}
        for key in inside:
            score = _fit(self._documents[key], year, part)
            if score > 0:
                scores[key] = score
        top = max(scores.values(), default=0.0)
        if not top or (len(scores) == len(self._documents) and min(scores.values()) == top):
            return None, {}
        ids = tuple(sorted(k for k, s in scores.items() if s == top))
        return Chip("period", _period_words(years, part, _tongue(language)), ids), scores

    def _relative(self, question: str, inside: Collection[int]) -> int | None:
        """ "last year", 去年: the newest fiscal year that annual reports tell of, where all companies that
        are meant have the same one."""
        if not any(word in question.lower() for word in _LAST_YEAR):
            return None
        newest: dict[int, int] = {}
        for key in inside:
            about = known_about(self._documents[key])
            company = self._companies.company_of(key)
            if about.report_type == "annual" and about.fiscal_year and company is not None:
                newest[company] = max(newest.get(company, 0), about.fiscal_year)
        return next(iter(newest.values())) if len(set(newest.values())) == 1 else None

    def _unknown_period(self, years: list[int], inside: Collection[int]) -> str:
        """The last year asked for, when it lies outside of what the named documents can tell of."""
        known = {y for key in inside for y in _years_of(self._documents[key])}
        if not years or not known or min(known) - 5 <= years[-1] <= max(known):
            return ""
        return str(years[-1])

    def _best(self, ids: Collection[int], fits: dict[int, float]) -> frozenset[int]:
        top = max((fits.get(i, 0.0) for i in ids), default=0.0)
        return frozenset(i for i in ids if fits.get(i, 0.0) >= top - _NEAR) if top > 0 else frozenset()


_LAST_YEAR: Final = (
    "last year",
    "latest year",
    "most recent year",
    "last fiscal year",
    "去年",
    "上一年度",
    "最近一年",
    "最新年度",
)


class Library:
    """The subjects of every scope. Immutable but for what it remembers; thread-safe."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._documents = tuple(documents)
        self._lock = Lock()
        self._known: OrderedDict[tuple[frozenset[int], frozenset[int] | None], Subjects] = OrderedDict()

    def subjects(self, scope: Scope) -> Subjects:
        """Of the documents inside ``scope``; the last few scopes are remembered."""
        key = (scope.collection_ids, scope.document_ids)
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
                return found
        found = Subjects(
            d
            for d in self._documents
            if d.collection_id in scope.collection_ids
            and (scope.document_ids is None or d.id in scope.document_ids)
        )
        with self._lock:
            self._known[key] = found
            while len(self._known) > _SCOPES_KEPT:
                self._known.popitem(last=False)
        return found


def _mask(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """``text`` with the spans blanked out, offsets unchanged: a company called "10K" is no report."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _kinds(question: str) -> tuple[Named, ...]:
    """Kinds of reports that are asked for. "The last annual meeting" is none."""
    return tuple(n for n in report_types_in(question) if n.kind not in ("", "other"))


def _years_of(document: Document) -> set[int]:
    """The years that a document's period may be called by: as the company does, and by its end."""
    about = known_about(document)
    found = {about.fiscal_year} if about.fiscal_year else set()
    if about.date[:4].isdigit():
        found.add(int(about.date[:4]))
    return found


def _fit(document: Document, year: int | None, part: FiscalPeriod) -> float:
    """How well a document's period fits the one asked for, 0 for not at all."""
    about = known_about(document)
    score = 0.0
    if year is not None:
        if about.fiscal_year == year:
            score = 3.0
        elif year in _years_of(document):
            score = 2.0
        elif about.fiscal_year == year + 1 and about.report_type == "annual":
            score = 0.8
        else:
            return 0.0
    if part in ("", "FY"):
        # Figures of a year: its annual report, then the release of its last quarter.
        if about.report_type == "annual" or (not about.report_type and about.fiscal_period == "FY"):
            return score + 0.5 if score else 0.0
        return score + (0.3 if about.fiscal_period in _FY_ENDS else 0.0) if score else 0.0
    if (
        about.fiscal_period == part
        or (part == "H1" and about.fiscal_period == "Q2")
        or (part == "9M" and about.fiscal_period == "Q3")
    ):
        return score + 1.5
    if part in ("Q4", "H2") and about.report_type == "annual":
        return score + 0.4 if score else 0.0
    return score * 0.5


def _period_words(years: list[int], part: FiscalPeriod, language: str) -> str:
    if not years:
        return message(f"chip.part.{part}", language) if part else ""
    first, last = years[0], years[-1]
    if language == "zh":
        span = f"{first}–{last}年" if first != last else f"{last}年"
        return f"{span} {message(f'chip.part.{part}', language)}" if part and part != "FY" else span
    span = f"FY{first}–{last}" if first != last else f"FY{last}"
    return f"{part} {span}" if part and part != "FY" else span


def _tongue(language: Language) -> str:
    return "zh" if language == "zh" else "en"
