"""What goes out over HTTP: the documented shapes, made from the Engine's records.

Nothing of the machine leaves it: no path that a file was read from, no hash of an original, no lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from rag.messages import message
from rag.records import (
    About,
    Answer,
    AnswerMode,
    Calculation,
    Chip,
    Citation,
    Degraded,
    Document,
    DocumentStatus,
    EvalRun,
    Language,
    PageKind,
    Passage,
    Right,
    SentenceCheck,
    Turn,
    Usage,
)


class Missing(BaseModel):
    """Something was missing and the answer came all the same."""

    part: str
    code: str
    message: str

    @classmethod
    def of(cls, degraded: Degraded, language: str) -> Missing:
        words = message(degraded.code, language, degraded.params)
        return cls(part=degraded.part, code=degraded.code, message=words)


class HintOut(BaseModel):
    """What would help after a refusal."""

    code: str
    action: str
    message: str


class Evidence(BaseModel):
    """What an answer stands on: the extension field ``wenju`` of a chat completion."""

    turn_id: int | None = Field(description="for feedback and GET /v1/turns/{turn_id}; null: not kept")
    conversation_id: int | None
    standalone_question: str = Field(description="what was searched for: a follow-up made whole")
    mode: AnswerMode
    refused: bool
    refusal_code: str
    hints: list[HintOut]
    groundedness: float | None = Field(description="share of claims that passages support, 0 to 1")
    incomplete: bool
    citations: tuple[Citation, ...] = Field(description="marker [n] in the text -> passage, page, boxes")
    passages: tuple[Passage, ...] = Field(description="shown to the model, best first; [1] is the first")
    checks: tuple[SentenceCheck, ...]
    calculations: tuple[Calculation, ...]
    chips: tuple[Chip, ...] = Field(description="what the question was understood to name")
    degraded: list[Missing]
    model: str = Field(description='the chat model that wrote the answer; "": quotes')
    adapter: str
    prompt_version: str
    from_cache: bool
    timings_ms: Mapping[str, float]
    request_id: str
    ignored: list[str] = Field(default_factory=list, description="parameters that had no effect")

    @classmethod
    def of(cls, answer: Answer, language: str, request_id: str, ignored: list[str] | None = None) -> Evidence:
        return cls(
            turn_id=answer.turn_id,
            conversation_id=answer.conversation_id,
            standalone_question=answer.standalone_question,
            mode=answer.mode,
            refused=answer.refused,
            refusal_code=answer.refusal_code,
            hints=[
                HintOut(code=h.code, action=h.action, message=message(h.code, language, h.params))
                for h in answer.hints
            ],
            groundedness=answer.groundedness,
            incomplete=answer.incomplete,
            citations=answer.citations,
            passages=answer.passages,
            checks=answer.checks,
            calculations=answer.calculations,
            chips=answer.understood.chips,
            degraded=[Missing.of(d, language) for d in answer.degraded],
            model=answer.model,
            adapter=answer.adapter,
            prompt_version=answer.prompt_version,
            from_cache=answer.from_cache,
            timings_ms=answer.timings_ms,
            request_id=answer.request_id or request_id,
            ignored=ignored or [],
        )


class TurnOut(BaseModel):
    """A question that was asked, its answer, and what its reader thought of it."""

    id: int
    conversation_id: int
    created_at: datetime
    question: str
    text: str
    rating: Literal[-1, 0, 1]
    reasons: tuple[str, ...]
    comment: str
    correction: str
    usage: Usage
    wenju: Evidence

    @classmethod
    def of(cls, turn: Turn, language: str, request_id: str) -> TurnOut:
        return cls(
            id=turn.id,
            conversation_id=turn.conversation_id,
            created_at=turn.created_at,
            question=turn.answer.question,
            text=turn.answer.text,
            rating=turn.rating,
            reasons=turn.reasons,
            comment=turn.comment,
            correction=turn.correction,
            usage=turn.answer.usage,
            wenju=Evidence.of(turn.answer, language, request_id),
        )


class DocumentOut(BaseModel):
    """A file of the library. It can be asked about once ``status`` is "ready"."""

    id: int
    name: str
    collection: str
    status: DocumentStatus
    done: bool = Field(description="whether the status is final")
    size_bytes: int
    media_type: str
    title: str
    language: Language
    page_kind: PageKind
    page_count: int
    pages_done: int
    chunk_count: int
    chunks_done: int
    about: About
    error: Missing | None = Field(description="why it could not be taken in")
    warnings: list[str]
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, document: Document, language: str) -> DocumentOut:
        error = None
        if document.error_code:
            code, params = document.error_code, {"name": document.name, **document.error_params}
            error = Missing(part="document", code=code, message=message(code, language, params))
        return cls(
            id=document.id,
            name=document.name,
            collection=document.collection,
            status=document.status,
            done=document.status not in ("queued", "parsing", "embedding"),
            size_bytes=document.size_bytes,
            media_type=document.media_type,
            title=document.title,
            language=document.language,
            page_kind=document.page_kind,
            page_count=document.page_count,
            pages_done=document.pages_done,
            chunk_count=document.chunk_count,
            chunks_done=document.chunks_done,
            about=document.about,
            error=error,
            warnings=[message(code, language) for code in document.warnings],
            created_at=document.created_at,
            updated_at=document.updated_at,
        )


class CollectionOut(BaseModel):
    id: int
    name: str
    model: str = Field(description="what to name as model in a chat completion to ask of it alone")


class RunOut(BaseModel):
    """An evaluation run. ``summary`` is empty until it ends."""

    id: int
    name: str
    dataset: str
    status: str
    asked: int
    total: int
    systems: list[dict[str, Any]]
    summary: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, run: EvalRun) -> RunOut:
        return cls(
            id=run.id,
            name=run.name,
            dataset=run.dataset,
            status=run.status,
            asked=run.asked,
            total=run.total,
            systems=[dict(system) for system in run.systems],
            summary=dict(run.summary),
            created_at=run.created_at,
            finished_at=run.finished_at,
        )


class Me(BaseModel):
    """Whom the request came from, and what it may do."""

    name: str
    roles: list[str]
    rights: list[Right]
    collections: list[str] = Field(description="that may be read")


def rounded(value: Any) -> Any:
    """JSON without NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
