"""Search without an answer, the turns that were asked, and what their readers thought of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from api.gate import Asker, Rater, Reader
from api.once import Key, fingerprint, once
from api.problems import ApiError, language_of
from api.shapes import Missing, TurnOut
from rag.records import Passage, Principal, Understood

if TYPE_CHECKING:
    from rag.engine import Engine

router = APIRouter(tags=["Search and feedback"])

_LONGEST_QUERY = 4000
_ID_MAX = 2**62


class SearchRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    query: str = Field(min_length=1, max_length=_LONGEST_QUERY)
    top_k: int | None = Field(None, ge=1, le=50, description="null: the setting search.top_k")
    collections: list[str] | None = Field(
        None, max_length=100, description="names; null: all that may be read"
    )
    document_ids: list[int] | None = Field(None, max_length=1000)
    legs: list[Literal["dense", "lexical"]] = Field(["dense", "lexical"], min_length=1, max_length=2)
    ignored_chips: list[str] = Field(default_factory=list, max_length=50)


class SearchAnswer(BaseModel):
    """Passages, best first. Scores are comparable within one query only."""

    passages: tuple[Passage, ...]
    understood: Understood
    degraded: list[Missing]
    timings_ms: dict[str, float]


class Feedback(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rating: Literal[-1, 0, 1] = Field(description="thumb down, withdrawn, thumb up")
    reasons: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=10)
    comment: str = Field("", max_length=10_000)
    correction: str = Field("", max_length=10_000, description="the right answer, in the reader's words")


def ids_of(engine: Engine, principal: Principal, names: list[str] | None) -> list[int] | None:
    """Raises ApiError("api.no_collection") for a name that means nothing to the principal."""
    if names is None:
        return None
    known = {c.name: c.id for c in engine.collections(principal)}
    for name in names:
        if name not in known:
            raise ApiError(404, "api.no_collection", name=name[:200])
    return [known[name] for name in names]


@router.post("/search")
def search(request: Request, principal: Reader, asked: SearchRequest) -> SearchAnswer:
    """The passages that match best, without an answer."""
    engine: Engine = request.app.state.engine
    if not asked.query.strip():
        raise ApiError(422, "answer.empty_question")
    language = language_of(request.headers)
    result = engine.search(
        asked.query,
        principal,
        top_k=asked.top_k,
        collection_ids=ids_of(engine, principal, asked.collections),
        document_ids=asked.document_ids,
        legs=asked.legs,
        ignored_chips=asked.ignored_chips,
    )
    return SearchAnswer(
        passages=result.passages,
        understood=result.understood,
        degraded=[Missing.of(d, language) for d in result.degraded],
        timings_ms=dict(result.timings_ms),
    )


TurnId = Annotated[int, Path(ge=1, le=_ID_MAX)]


@router.get("/turns/{turn_id}")
def show_turn(request: Request, principal: Asker, turn_id: TurnId) -> TurnOut:
    """One's own question with its answer and evidence, as far as it may still be read."""
    engine: Engine = request.app.state.engine
    turn = engine.own_turn(turn_id, principal)
    return TurnOut.of(turn, language_of(request.headers), request.state.request_id)


@router.post("/turns/{turn_id}/feedback", response_model=Feedback)
def rate(
    request: Request, principal: Rater, turn_id: TurnId, given: Feedback, key: Key = None
) -> JSONResponse:
    """Keeps what the reader thought of one of their own turns; the newest wins."""
    engine: Engine = request.app.state.engine

    def act() -> tuple[int, dict[str, object]]:
        engine.rate_turn(turn_id, principal, given.rating, given.reasons, given.comment, given.correction)
        return 200, given.model_dump(mode="json")

    return once(request, principal, key, fingerprint("rate", turn_id, given.model_dump_json()), act)
