"""What kind of mistake an answer made, by rules: the same ones for questions of a run and for readers' turns.

Promises: pure; a class for every wrong answer, with the rule that chose it. What is known decides, in this
order: the golden answer and its evidence, the reader's reasons, the checks that the answer carries.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

from rag.records import Answer, Citation, EvalResult, Passage, Turn
from rag.text.language import detect_language

ErrorClass = Literal[
    "not_found",
    "refused_wrongly",
    "answered_wrongly",
    "language",
    "wrong_document",
    "wrong_page",
    "format",
    "arithmetic",
    "unsupported",
    "wrong_value",
    "other",
]
ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)

_REASONS: dict[str, ErrorClass] = {
    "wrong_document": "wrong_document",
    "wrong_page": "wrong_page",
    "wrong_value": "wrong_value",
    "arithmetic": "arithmetic",
    "not_supported": "unsupported",
    "in_documents": "refused_wrongly",
    "not_in_documents": "answered_wrongly",
    "language": "language",
    "format": "format",
    "incomplete": "other",
    "other": "other",
}
_CALCULATED = frozenset({"computed", "calculated", "calculation", "arithmetic", "ratio", "multi-step"})
_HARM: dict[ErrorClass, int] = {
    "answered_wrongly": 4,
    "unsupported": 4,
    "arithmetic": 3,
    "wrong_value": 3,
    "wrong_document": 3,
    "wrong_page": 2,
    "refused_wrongly": 2,
    "not_found": 1,
}
_NUMBER = re.compile(r"[-−(]?\d[\d,，]*(?:\.\d+)?")
_SCALES = (1e2, 1e3, 1e4, 1e6, 1e8, 1e9)


@dataclass(frozen=True, slots=True)
class Case:
    """A wrong answer and what is known of the right one; nothing known is empty or None.

    ``pages``: (file name, 1-based page) of the evidence. ``library``: names of the files that were there to
    be searched. ``reasons``: what the reader pressed (``ui.answers.REASONS``).
    """

    question: str
    answer: Answer
    answers: tuple[str, ...] = ()
    pages: frozenset[tuple[str, int]] = frozenset()
    documents: frozenset[str] = frozenset()
    kind: str = ""
    expect_refusal: bool | None = None
    library: frozenset[str] | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """``rule`` names what decided: "gold", "reason" or "checks"."""

    error_class: ErrorClass
    rule: Literal["gold", "reason", "checks", "none"]


def classify(case: Case) -> Finding:
    """The class of a wrong answer: the first rule that knows something decides.

    gold: :func:`from_gold`; reason: the reader's first reason (a wrong value that was calculated is
    "arithmetic"; a refusal that a reader calls wrong is "refused_wrongly"); checks: :func:`from_checks`.
    """
    known = case.pages or case.documents or case.answers or case.expect_refusal is not None
    if known and (found := from_gold(case)):
        return Finding(found, "gold")
    if found := from_reasons(case):
        return Finding(found, "reason")
    if found := from_checks(case.answer):
        return Finding(found, "checks")
    return Finding("other", "none")


def from_gold(case: Case) -> ErrorClass | None:
    """By the golden answer and its evidence:

    - must be refused and was not: answered_wrongly;
    - none of the evidence's files is in the library: not_found;
    - refused although it can be answered: refused_wrongly;
    - a model wrote in another language than the question's: language;
    - nothing that was cited (read, where nothing is cited) is of the evidence's files: wrong_document, or of
      its pages: wrong_page;
    - the right number in another scale (thousands for millions, a fraction for percent): format;
    - the right page, a wrong number, and it had to be calculated: arithmetic;
    - the right page and a claim that its passages do not carry: unsupported, else wrong_value.
    None when the question is not known to need any of these.
    """
    answer = case.answer
    documents = case.documents | {name for name, _ in case.pages}
    if case.expect_refusal:
        return None if answer.refused else "answered_wrongly"
    if documents and case.library is not None and not documents & case.library:
        return "not_found"
    if answer.refused:
        return "refused_wrongly"
    if speaks_another_language(case.question, answer):
        return "language"
    shown: Sequence[Citation | Passage] = answer.citations or answer.passages
    if documents and not any(one.document in documents for one in shown):
        return "wrong_document"
    if case.pages and not any(covers(one, case.pages) for one in shown):
        return "wrong_page"
    if case.answers and wrong_scale(answer.text, case.answers):
        return "format"
    if documents or case.answers:
        if case.kind in _CALCULATED or answer.calculations:
            return "arithmetic"
        return "unsupported" if from_checks(answer) == "unsupported" else "wrong_value"
    return None


def from_reasons(case: Case) -> ErrorClass | None:
    """By what the reader pressed; of several reasons the most telling one (the order of ERROR_CLASSES)."""
    if case.answer.refused and (not case.reasons or set(case.reasons) <= {"other", "incomplete"}):
        return "refused_wrongly"
    named = {_REASONS[r] for r in case.reasons if r in _REASONS} - {"other"}
    if "wrong_value" in named and case.answer.calculations:
        return "arithmetic"
    return min(named, key=ERROR_CLASSES.index, default=None)


def from_checks(answer: Answer) -> ErrorClass | None:
    """By the answer's own verification: a sentence that its passages do not carry, or a number that is in
    none of them and follows from none, is unsupported."""
    if any(
        c.support == "unsupported" or any(n.status == "missing" for n in c.numbers) for c in answer.checks
    ):
        return "unsupported"
    return None


def speaks_another_language(question: str, answer: Answer) -> bool:
    """Whether a model answered in another language than it was asked in. Quotes keep the document's."""
    if answer.mode != "generative":
        return False
    asked, said = detect_language(question), detect_language(answer.text)
    return "other" not in (asked, said) and asked != said


def covers(place: Citation | Passage, pages: AbstractSet[tuple[str, int]]) -> bool:
    """Whether a citation or passage spans one of ``pages``."""
    return any((place.document, number) in pages for number in range(place.page_start, place.page_end + 1))


def wrong_scale(text: str, answers: Iterable[str]) -> bool:
    """Whether the answer holds a golden number times or divided by 100, 1,000, 10,000, a million, 100
    million or a billion (within 0.1 %) and not the number itself."""
    said, meant = [abs(n) for n in _numbers(text)], [abs(n) for a in answers for n in _numbers(a)]
    if not said or not meant or any(_near(s, m) for s in said for m in meant):
        return False
    return any(_near(s * k, m) or _near(s, m * k) for s in said for m in meant for k in _SCALES)


def _near(one: float, other: float) -> bool:
    return one != 0 and other != 0 and abs(one - other) <= 0.001 * max(one, other)


def _numbers(text: str) -> list[float]:
    bare = re.sub(r"\[\d+\]", " ", text)
    found = (m.group().strip("-−(").replace(",", "").replace("，", "") for m in _NUMBER.finditer(bare))
    # Bare years say which period, not how much.
    return [float(n) for n in found if n and not (len(n) == 4 and n.isdigit() and 1900 <= int(n) <= 2100)]


def harm(finding: ErrorClass, answer: Answer) -> float:
    """How bad, for ordering the worst first: invented answers before wrong values before needless refusals;
    of the same class what was said with most confidence (groundedness) first."""
    return _HARM.get(finding, 0) + (answer.groundedness or 0.0)


def turn_case(turn: Turn, library: AbstractSet[str] | None = None) -> Case:
    """A reader's thumbs-down as a case: the correction is the golden answer."""
    return Case(
        question=turn.answer.standalone_question or turn.answer.question,
        answer=turn.answer,
        # The correction alone does not say which page is right: reasons and checks decide first.
        library=frozenset(library) if library is not None else None,
        reasons=turn.reasons,
    )


def classify_turn(turn: Turn) -> Finding:
    """The class of a thumbs-down. A correction with the same number in another scale is "format", unless the
    reader pressed a reason."""
    found = classify(turn_case(turn))
    if found.rule != "reason" and turn.correction and wrong_scale(turn.answer.text, (turn.correction,)):
        return Finding("format", "gold")
    return found


Outcome = Literal["right", "wrong", "unknown"]


def outcome(result: EvalResult) -> Outcome:
    """Whether a result of a run is right, as far as its measures say: refused where it had to be and not
    where the answer is known, then "correct", then (for search alone) an evidence page among the first five
    passages."""
    found = result.measures
    if result.answer.get("error") or found.get("refused wrongly") or found.get("refused when it must") == 0:
        return "wrong"
    for name in ("refused when it must", "correct", "page hit@5", "passage hit@5", "document hit@5"):
        if name in found:
            return "right" if found[name] >= 0.5 else "wrong"
    return "unknown"


def by_month(dated: Iterable[tuple[datetime, ErrorClass]]) -> list[tuple[date, Counter[ErrorClass]]]:
    """Counts a calendar month (its first day), oldest first; months without mistakes in between are there."""
    found: dict[date, Counter[ErrorClass]] = {}
    for when, error_class in dated:
        found.setdefault(date(when.year, when.month, 1), Counter())[error_class] += 1
    if not found:
        return []
    month, last = min(found), max(found)
    rows = []
    while month <= last:
        rows.append((month, found.get(month, Counter())))
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return rows
