"""The class of every wrong answer of a run: evaluation.errors' rules on results as they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast, get_args

from evaluation.datasets import Question
from evaluation.errors import Case, classify
from evaluation.runs import Output
from rag.records import Answer, AnswerMode, Citation, EvalResult, Passage


def is_wrong(result: EvalResult) -> bool:
    """Asked for an answer, and it is not correct, was refused wrongly, or there was none."""
    if result.answer.get("retrieved_only"):
        return False
    measures = result.measures
    return bool(
        measures.get("correct", 1.0) < 0.5 or measures.get("refused wrongly") or result.answer.get("error")
    )


def error_classes(results: Iterable[EvalResult], library: frozenset[str]) -> dict[int, str]:
    """By result id; "" for what is not wrong. ``library``: names of the files that could be searched."""
    return {r.id: _class(r, library) if is_wrong(r) else "" for r in results}


def _class(result: EvalResult, library: frozenset[str]) -> str:
    question = Question.model_validate(result.question)
    output = Output.from_json(result.answer)
    if output.error:
        return "other"
    case = Case(
        question=question.question,
        answer=answer_of(question, output),
        answers=question.answers,
        pages=question.pages,
        documents=question.documents,
        kind=question.kind,
        expect_refusal=question.expect_refusal,
        library=library,
    )
    return classify(case).error_class


def answer_of(question: Question, output: Output) -> Answer:
    """The session record as far as it was kept: no boxes, no offsets."""
    known = output.mode in get_args(AnswerMode)
    return Answer(
        turn_id=None,
        conversation_id=None,
        question=question.question,
        standalone_question=question.question,
        text=output.text,
        mode=cast(AnswerMode, output.mode) if known else "generative",
        refused=output.refused,
        refusal_code="",
        model=output.model,
        citations=tuple(
            Citation(c.marker, 0, 0, c.document, c.page_start, c.page_end, c.quote, 0, len(c.quote))
            for c in output.citations
        ),
        passages=tuple(
            Passage(
                rank=rank,
                chunk_id=p.chunk_id,
                document_id=p.document_id,
                document=p.document,
                title="",
                page_start=p.page_start,
                page_end=p.page_end,
                section_path=(),
                table_header="",
                text=p.text,
                char_start=0,
                char_end=len(p.text),
                boxes=(),
                language="other",
                page_kind="physical",
                score=p.score,
                cosine=p.cosine,
                bm25=p.bm25,
                rerank_logit=p.rerank_logit,
            )
            for rank, p in enumerate(output.passages, 1)
        ),
        degraded=(),
        incomplete=output.incomplete,
        thinking="",
        prompt_version=output.prompt_version,
        timings_ms=output.timings_ms,
        checks=output.checks,
        groundedness=output.groundedness,
    )
