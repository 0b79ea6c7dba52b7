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

from rag.answer import citations, prose_sums
from rag.answer.evidence import term_set
from rag.answer.expressions import Plan, Wanted, wanted_in
from rag.answer.extractive import Quote
from rag.answer.formulas import Result, write_down
from rag.answer.operands import Missing, gather, names_of
from rag.answer.shelf import Shelf, own_year
from rag.answer.sums import plan_for
from rag.records import Citation
from rag.text.language import detect_language
from rag.text.normalise import normalise
from rag.vocabulary import Item, mentions

__all__ = ["Missing", "Result", "about_asked", "beside", "calculate", "cite", "of_prose"]

_DOCUMENTS = 3


def calculate(question: str, shelf: Shelf, *, prose_only: bool = False) -> Result | Missing | None:
    """The calculation or the value that the question asks for; None when it asks for none, or when what was
    found is not certain enough to be shown before the quotes. Tables go before running text; ``prose_only``:
    only running text, where all that is asked must stand around the figures."""
    made = None if prose_only else _of_tables(question, shelf)
    if isinstance(made, Result):
        return made
    return prose_sums.calculate(question, shelf.passages) or made


def _of_tables(question: str, shelf: Shelf) -> Result | Missing | None:
    plan = plan_for(question)
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
    """The quotes worth showing under the calculation: none of a row that it uses, two at most."""
    rows = {f.sighting.passage.text[f.sighting.start : f.sighting.end].strip() for f in made.found}
    return [q for q in quotes if q.unit.text.strip() not in rows][:2]


def of_prose(made: Result) -> bool:
    """Whether the operands stand in running text."""
    return all(found.sighting.figure.row < 0 for found in made.found)


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
