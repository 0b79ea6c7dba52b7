"""``wenju search`` and ``wenju ask``: passages and answers for people and for programs."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.batch import run_batch
from commands.console import ERROR, REFUSED, Exit, emit, language, note, printable, say, text, usage_error
from commands.session import collection_ids, document_ids
from rag.messages import message
from rag.records import Answer, Degraded, Done, Passage, Thinking, Token, Understood

if TYPE_CHECKING:
    from rag.engine import Engine

SNIPPET_CHARS = 300


def check_batch(question: str | None, batch: Path | None, out: Path | None) -> None:
    """Exits with 2 unless there is either a question or both --batch and --out."""
    if (batch is None) == (not (question or "").strip()) or (batch is None) != (out is None):
        raise usage_error(text("cli.batch.usage"))


def hits_json(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    return [
        {
            "rank": passage.rank,
            "document": passage.document,
            "page_start": passage.page_start,
            "page_end": passage.page_end,
            "text": passage.text,
            "score": round(passage.score, 6),
        }
        for passage in passages
    ]


def understood_json(understood: Understood) -> dict[str, Any]:
    """What the question was understood to name, and what was searched."""
    return {
        "chips": [
            {"key": chip.key, "kind": chip.kind, "text": chip.text, "documents": len(chip.document_ids)}
            for chip in understood.chips
        ],
        "queries": list(understood.queries),
        "added": list(understood.added),
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "answer": answer.text,
        "refused": answer.refused,
        "refusal_code": answer.refusal_code,
        "hints": [
            {"code": h.code, "text": message(h.code, language(), h.params), "action": h.action}
            for h in answer.hints
        ],
        "mode": answer.mode,
        "model": answer.model,
        "prompt_version": answer.prompt_version,
        "from_cache": answer.from_cache,
        "citations": [
            {
                "marker": citation.marker,
                "document": citation.document,
                "page_start": citation.page_start,
                "page_end": citation.page_end,
                "quote": citation.quote,
            }
            for citation in answer.citations
        ],
        "groundedness": answer.groundedness,
        "checks": [
            {
                "text": answer.text[check.start : check.end],
                "support": check.support,
                "score": check.score,
                "markers": list(check.markers),
                "reason": message(check.reason, language()) if check.reason else "",
                "numbers": [
                    {"text": n.text, "status": n.status, "markers": list(n.markers), "formula": n.formula}
                    for n in check.numbers
                ],
            }
            for check in answer.checks
        ],
        "calculations": [
            {
                "name": made.name,
                "formula": made.formula,
                "expression": made.expression,
                "value": made.value,
                "result": made.result,
                "operands": [
                    {
                        "text": o.text,
                        "value": o.value,
                        "label": o.label,
                        "period": o.period,
                        "marker": o.marker,
                    }
                    for o in made.operands
                ],
            }
            for made in answer.calculations
        ],
        "hits": hits_json(answer.passages),
        "understood": understood_json(answer.understood),
        "timings_ms": {name: round(ms, 2) for name, ms in answer.timings_ms.items()},
    }


def search(
    engine: Engine,
    query: str | None,
    *,
    top_k: int,
    collections: Sequence[str],
    documents: Sequence[str],
    as_json: bool,
    batch: Path | None,
    out: Path | None,
    jobs: int,
    fail_when_empty: bool,
) -> None:
    in_collections = collection_ids(engine, collections)
    in_documents = document_ids(engine, documents)

    def found(question: str) -> tuple[dict[str, Any], tuple[Degraded, ...]]:
        result = engine.search(
            question, top_k=top_k, collection_ids=in_collections, document_ids=in_documents
        )
        record = {
            "query": question,
            "hits": hits_json(result.passages),
            "understood": understood_json(result.understood),
        }
        return record, tuple(result.degraded)

    if batch is not None and out is not None:
        raise Exit(run_batch(batch, out, lambda question: found(question)[0], jobs=jobs))
    assert query is not None
    record, degraded = found(query)
    _say_degraded(degraded)
    if as_json:
        emit(record)
    for hit in [] if as_json else record["hits"]:
        print(f"{hit['rank']:>2}  {printable(hit['document'])}, {_pages(hit)}  [{hit['score']:.4f}]")
        print(textwrap.indent(_snippet(hit["text"]), "    "))
    if not record["hits"]:
        ready = sum(document.status == "ready" for document in engine.documents())
        say(text("cli.nothing_found", ready=ready))
        if fail_when_empty:
            raise Exit(REFUSED)


def ask(
    engine: Engine,
    question: str | None,
    *,
    collections: Sequence[str],
    documents: Sequence[str],
    as_json: bool,
    batch: Path | None,
    out: Path | None,
    jobs: int,
    keep: bool,
    fail_on_refusal: bool,
    use: str | None = None,
    anew: bool = False,
) -> None:
    in_collections = collection_ids(engine, collections)
    in_documents = document_ids(engine, documents)
    if batch is not None and out is not None:

        def answered(question: str) -> dict[str, Any]:
            for event in engine.ask(
                question,
                log=False,
                collection_ids=in_collections,
                document_ids=in_documents,
                use=use,
                anew=anew,
            ):
                if isinstance(event, Done):
                    return answer_json(event.answer)
            raise AssertionError("Engine.ask ended without Done")

        raise Exit(run_batch(batch, out, answered, jobs=jobs))

    answer: Answer | None = None
    thinking = False
    assert question is not None
    for event in engine.ask(
        question, log=keep, collection_ids=in_collections, document_ids=in_documents, use=use, anew=anew
    ):
        if isinstance(event, Token) and not as_json:
            sys.stdout.write(printable(event.text))
            sys.stdout.flush()
        elif isinstance(event, Thinking) and not thinking:
            thinking = True
            say(text("cli.thinking"))
        elif isinstance(event, Degraded):
            _say_degraded((event,))
        elif isinstance(event, Done):
            answer = event.answer
    assert answer is not None
    if as_json:
        emit(answer_json(answer))
    else:
        _print_sources(answer)
    if answer.incomplete:
        say(text("cli.incomplete"))
        raise Exit(ERROR)
    if answer.refused and fail_on_refusal:
        raise Exit(REFUSED)


def _print_sources(answer: Answer) -> None:
    print()
    if answer.mode == "extractive":
        print(text("cli.extractive"))
    if answer.from_cache:
        print(text("cli.kept"))
    for check in answer.checks:
        if check.support == "unsupported":
            why = message(check.reason, language()) if check.reason else ""
            print(text("cli.unsupported", sentence=_snippet(answer.text[check.start : check.end]), why=why))
    if answer.groundedness is not None:
        print(text("cli.grounded", share=round(answer.groundedness * 100)))
    if answer.citations:
        print(f"\n{text('cli.sources')}")
        for citation in answer.citations:
            where = _pages({"page_start": citation.page_start, "page_end": citation.page_end})
            quote = textwrap.indent(_snippet(citation.quote), "    ")
            print(f"[{citation.marker}] {printable(citation.document)}, {where}\n{quote}")
    elif answer.refused and answer.passages:
        print(f"\n{text('cli.nearest')}")
        for hit in hits_json(answer.passages[:3]):
            print(f"- {printable(hit['document'])}, {_pages(hit)}")
            print(textwrap.indent(_snippet(hit["text"]), "    "))


def _say_degraded(degraded: Sequence[Degraded]) -> None:
    for event in degraded:
        note(printable(message(event.code, language(), event.params)))


def _pages(hit: dict[str, Any]) -> str:
    start, end = hit["page_start"], hit["page_end"]
    return text("cli.page", page=start) if start == end else text("cli.pages", start=start, end=end)


def _snippet(words: str) -> str:
    words = printable(" ".join(words.split()))
    return words if len(words) <= SNIPPET_CHARS else words[: SNIPPET_CHARS - 1].rstrip() + "…"
