"""Arithmetic that a question asks of its documents, done on cited numbers and shown as a formula.

Promises: all operands come from one document; nothing is guessed: when an operand is not found, the
calculation is not made and the operand is named. A single value that is asked for is looked up the same way.
What is asked is read in ``sums``, the operands are found in ``operands``, the formula is written in
``formulas``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer import asked_formula, citations, over_years, prose_sums
from rag.answer.concepts import asks_meaning
from rag.answer.evidence import term_set
from rag.answer.expressions import Plan, Wanted, wanted_in
from rag.answer.extractive import Quote
from rag.answer.formulas import Result, write_down
from rag.answer.operands import Missing, gather, names_of
from rag.answer.shelf import Shelf, own_year
from rag.answer.sums import DEFINED, plan_for, with_form
from rag.records import Citation
from rag.text.language import detect_language
from rag.text.normalise import normalise
from rag.text.numbers import parse_numbers
from rag.vocabulary import Item, mentions

__all__ = ["Missing", "Result", "about_asked", "beside", "calculate", "cite", "of_prose"]

_DOCUMENTS = 3
_COMBINES = re.compile(r"\b(?:less|minus|plus|net of)\b", re.IGNORECASE)
_SAME = 0.0005  # relative: rounded, and the same figure


def calculate(question: str, shelf: Shelf, *, prose_only: bool = False) -> Result | Missing | None:
    """The calculation or the value that the question asks for; None when it asks for none, or when what was
    found is not certain enough to be shown before the quotes. Tables go before running text; ``prose_only``:
    only running text, where all that is asked must stand around the figures. A question about a term itself
    asks for no figure."""
    if asks_meaning(question):
        return None
    over = None if prose_only else _over_years(question, shelf)
    if over is not None:
        return over
    made = None if prose_only else _of_tables(question, shelf)
    if isinstance(made, Result):
        return made
    return prose_sums.calculate(question, shelf.passages) or made


def _over_years(question: str, shelf: Shelf) -> Result | Missing | None:
    asked = over_years.asked_in(question, _companies(shelf))
    if asked is None or not shelf.passages:
        return None
    documents = _documents(asked.plan, question, shelf)[:_DOCUMENTS]
    return over_years.calculate(question, asked, shelf, documents, term_set(question))


def _companies(shelf: Shelf) -> list[str]:
    """The names of the companies that what was found is about."""
    abouts = {p.about for p in shelf.passages}
    return sorted({n for a in abouts for n in (a.company, *a.aliases) if len(n) > 1})


def _plan(question: str, shelf: Shelf) -> Plan | None:
    """The formula that the question gives, when all of its items are known and it is what is asked, not the
    meaning of a part of it; else what the question's words ask for."""
    asked = plan_for(question)
    given = asked_formula.plan_of(question, _companies(shelf))
    if given is None:
        return asked
    known = all(w.ids for w in wanted_in(given.expression))
    defines = DEFINED.search(question) is not None
    if (known and not defines) or (asked is None and not (defines and _COMBINES.search(question))):
        return with_form(given, question)
    return asked


def _of_tables(question: str, shelf: Shelf) -> Result | Missing | None:
    plan = _plan(question, shelf)
    if plan is None or not shelf.passages:
        return None
    missing: Missing | None = None
    known = term_set(question)
    for document in _documents(plan, question, shelf)[:_DOCUMENTS]:
        for expression in (plan.expression, *plan.others):
            named_only = isinstance(expression, Wanted) and bool(expression.ids)
            if named_only and not _only_asked(plan, document, shelf):
                continue
            found = gather(wanted_in(expression), document, shelf, known)
            if isinstance(found, Missing):
                missing = missing or replace(found, name=plan.name, item=_spoken(found.item, question))
                continue
            return write_down(question, plan, expression, found, shelf)
    return missing if plan.certain and _half_there(missing, plan) else None


def _only_asked(plan: Plan, document: int, shelf: Shelf) -> bool:
    """Whether all that the question says beside the item is whose it is: "net sales of the Europe segment"
    are no net sales."""
    return plan.rest <= names_of(shelf.of(document))


def beside(made: Result, quotes: Sequence[Quote]) -> list[Quote]:
    """The one quote worth showing under the calculation, if there is one: of no row that it uses, and giving
    its result as well. What else was found is about something else."""
    if made.alone:
        return []
    rows = {f.sighting.passage.text[f.sighting.start : f.sighting.end].strip() for f in made.found}
    return [q for q in quotes if q.unit.text.strip() not in rows and _gives(q.unit.text, made)][:1]


def _gives(text: str, made: Result) -> bool:
    """Whether a figure of the text is the calculation's result, as it is printed or in base units."""
    targets = [*[n.value for n in parse_numbers(made.calculation.result)][-1:], made.calculation.value]
    return any(
        abs(abs(number.value) - abs(target)) <= abs(target) * _SAME
        for number in parse_numbers(text)
        for target in targets
        if target
    )


def of_prose(made: Result) -> bool:
    """Whether the operands stand in running text."""
    return all(found.sighting.figure.row < 0 for found in made.found)


def asked_outright(question: str, made: Result) -> bool:
    """Whether the question gives the formula or compares years, and every figure is a known item's."""
    given = made.alone or asked_formula.plan_of(question) is not None
    return given and all(found.wanted.ids for found in made.found)


def about_asked(question: str, made: Result) -> bool:
    """Whether every operand is of a document about a company that the question names."""
    said = f" {normalise(question).lower()} "
    for found in made.found:
        about = found.sighting.passage.about
        names = [n.lower() for n in (about.company, *about.aliases) if len(n) > 1]
        if not any(re.search(rf"(?<![a-z0-9]){re.escape(n)}(?![a-z0-9])", said) for n in names):
            return False
    return True


def cite(made: Result, page_of: citations.PageOf) -> tuple[Citation, ...]:
    """The rows that the operands stand in, in order."""
    cited: dict[tuple[int, int], Citation] = {}
    for found, operand in zip(made.found, made.calculation.operands, strict=True):
        at = found.sighting
        if (at.passage.chunk_id, at.start) not in cited:
            cited[at.passage.chunk_id, at.start] = citations.locate(
                operand.marker, at.passage, at.start, at.end, page_of
            )
    return tuple(cited.values())


def _spoken(name: str, question: str) -> str:
    """The item's name in the question's language, where the vocabulary has one."""
    if detect_language(question) != "zh" or not name.isascii():
        return name
    item = next((m.entry for m in mentions(name) if isinstance(m.entry, Item)), None)
    return item.names_zh[0].text if item is not None else name


def _half_there(missing: Missing | None, plan: Plan) -> bool:
    return missing is not None and any(w.ids for w in wanted_in(plan.expression))


def _documents(plan: Plan, question: str, shelf: Shelf) -> list[int]:
    """The documents to look in, the likeliest first: found early and often, named in the question, of the
    year asked."""
    asked = term_set(question)
    years = [w.year for w in wanted_in(plan.expression) if w.year]
    newest = max(years, default=None)
    score: dict[int, float] = {}
    for passage in shelf.passages:
        score[passage.document_id] = score.get(passage.document_id, 0.0) + 1.0 / (1 + passage.rank)
    for document in score:
        first = shelf.of(document)[0]
        named = term_set(f"{first.document} {first.title} {first.about.company}") & asked
        score[document] += 0.6 * bool({t for t in named if not t.isdigit() and len(t) > 1})
        own = own_year(first)
        if newest and own:
            score[document] += 0.6 if own == newest else 0.3 if own == newest + 1 else 0.0
    return sorted(score, key=lambda d: -score[d])
