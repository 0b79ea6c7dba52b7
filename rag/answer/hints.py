"""What would help after a refusal: said in the reader's terms, from what the library holds.

Promises: only documents that the reader may see are named; a hint rests on a fact (a document of that name
that is still being read, scanned or locked; one outside the chosen scope; the years that are there); with no
fact to tell, the next step is to look at the nearest passages and to ask in the documents' own words. At most
three, the most helpful first. Pure: the caller brings the documents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answer.concepts import asks_meaning, formula_told
from rag.answer.evidence import years
from rag.answer.history import shared_name
from rag.answer.prompts import prompt_language
from rag.answer.refusal import Refusal
from rag.records import PENDING, Document, Hint
from rag.vocabulary.additions import Term, terms_named

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_MOST_NAMED = 3
_LEAST = 3  # ideographs or letters that a name must share


def hints(
    question: str,
    refusal: Refusal,
    inside: Sequence[Document],
    readable: Sequence[Document],
    *,
    unknown_company: str = "",
    unknown_period: str = "",
    own: Sequence[Term] = (),
) -> tuple[Hint, ...]:
    """``inside``: documents of the chosen scope; ``readable``: all that the reader may see.
    ``unknown_company``, ``unknown_period``: as :class:`rag.search.index.SearchIndex` finds them over
    ``readable``; ``own``: the collections' own terms."""
    found: list[Hint] = []
    named = [(d, shared) for d in readable if (shared := _named(question, d))]
    # Of several documents that share something, those that share most are meant.
    longest = max((len(shared) for _, shared in named), default=0)
    meant = [d for d, shared in named if len(shared) == longest]
    chosen = {d.id for d in inside}
    if not any(d.status == "ready" for d in readable):
        waiting = any(d.status in PENDING for d in readable)
        found.append(
            Hint("hint.wait_all" if waiting else "hint.upload_first", {}, "wait" if waiting else "upload")
        )
        return tuple(found)
    for document in meant:
        if document.status in PENDING:
            found.append(Hint("hint.being_read", {"name": document.name}, "wait"))
        elif document.status != "ready":
            code = document.status if document.status in ("scanned", "password") else "unreadable"
            found.append(Hint(f"hint.{code}", {"name": document.name}, "library"))
    ready = [d for d in meant if d.status == "ready"]
    if unknown_company and not any(d.about.company for d in meant):
        found.append(_no_company(unknown_company, readable))
        ready = meant = []
    outside = [d for d in ready if d.id not in chosen]
    if outside and len(outside) == len(ready):
        found.append(Hint("hint.outside_scope", {"names": _list([d.name for d in outside])}, "widen"))
    elif ready and (missing := _years_that_lack(question, ready) or _year(unknown_period)):
        held = sorted({y for d in ready for y in _years_of(d)})
        found.append(
            Hint(
                "hint.other_years",
                {
                    "subject": ready[0].about.company or _named(question, ready[0]),
                    "years": _spans(held),
                    "asked": ", ".join(map(str, missing)),
                },
                "upload",
            )
        )
    elif not found and not meant and refusal.code == "refusal.missing_terms":
        found.append(Hint("hint.no_document", {"terms": refusal.params.get("terms", "")}, "upload"))
    language = prompt_language(question)
    if asks_meaning(question) and (told := formula_told(question, language)):
        found.insert(0, Hint("hint.formula", {"name": told[0], "formula": told[1]}, "reword"))
    for term, said in terms_named(question, own)[:1]:
        others = _list([n.text for n in term.names if n != said])
        found.append(Hint("hint.own_term", {"term": said.text, "others": others}, "reword"))
    if refusal.code == "refusal.not_about_documents":
        found.append(Hint("hint.general", {}, "reword"))
    elif not found:
        narrowed = len(inside) < len(readable)
        found.append(
            Hint("hint.narrowed" if narrowed else "hint.nearest", {}, "widen" if narrowed else "reword")
        )
    return tuple(found[:_MOST_NAMED])


def _named(question: str, document: Document) -> str:
    """What of the question names the document: its company, an alias, a piece of its name or title."""
    about = document.about
    for name in (about.company, *about.aliases, about.ticker):
        if len(name) >= 2 and re.search(
            rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", question, re.IGNORECASE
        ):
            return name
    shared = max(
        (
            shared_name(question, name)
            for name in (_EXTENSION.sub("", document.name), document.title, about.company)
        ),
        key=len,
    )
    least = 2 if re.fullmatch(r"[A-Z0-9&]+", shared) else _LEAST
    return shared if len(shared) >= least else ""


def _years_of(document: Document) -> set[int]:
    own = years(f"{_EXTENSION.sub('', document.name).replace('_', ' ')}\n{document.title}")
    return own | ({document.about.fiscal_year} if document.about.fiscal_year else set())


def _years_that_lack(question: str, documents: Sequence[Document]) -> list[int]:
    """The asked years that none of the documents is of (a report also tells of the year before its own)."""
    held = {y for d in documents for y in _years_of(d)}
    if not held:
        return []
    return sorted(y for y in years(question) if y not in held and y + 1 not in held)


def _spans(years: Sequence[int]) -> str:
    """ "2018–2020, 2022": years in order, those in a row together."""
    spans: list[list[int]] = []
    for year in years:
        if spans and year == spans[-1][-1] + 1:
            spans[-1].append(year)
        else:
            spans.append([year])
    return ", ".join(str(s[0]) if len(s) == 1 else f"{s[0]}–{s[-1]}" for s in spans)


def _year(period: str) -> list[int]:
    return [int(period)] if period.isdigit() else []


def _no_company(name: str, readable: Sequence[Document]) -> Hint:
    """No document is about the one that is named; some whom documents are about."""
    there = list(dict.fromkeys(d.about.company for d in readable if d.status == "ready" and d.about.company))
    if not there:
        return Hint("hint.no_document", {"terms": name}, "upload")
    return Hint("hint.no_company", {"company": name, "known": _list(there)}, "upload")


def _list(names: Sequence[str]) -> str:
    shown = [f"“{name}”" for name in names[:_MOST_NAMED]]
    return ", ".join(shown) + (" …" if len(names) > _MOST_NAMED else "")
