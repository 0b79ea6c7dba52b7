"""Evaluation runs for evaluators: start one over a dataset, watch it, read its results.

Over HTTP only systems of this house can be compared, under options that neither read a file, call another
server nor take a key from the environment; the command line can do more.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from api.gate import Evaluator
from api.once import Key, fingerprint, once
from api.problems import ApiError
from api.shapes import RunOut, rounded

if TYPE_CHECKING:
    from evaluation.running import RunDesk
    from evaluation.runs import SystemSpec
    from rag.engine import Engine

router = APIRouter(prefix="/evaluation", tags=["Evaluation"])

KINDS = ("answer", "retrieval", "closed_book")
OPTIONS = re.compile(
    r"use|within|top_k|legs|search\.[a-z0-9_]+|answer\.[a-z0-9_]+|reranker\.(?:kind|top_n)"
    r"|chat\.(?:model|adapter|temperature|max_tokens|enable_thinking|context_tokens)"
)
_KNOWN = (
    "use, within, top_k, legs, search.*, answer.*, reranker.kind, reranker.top_n, chat.model, chat.adapter, "
    "chat.temperature, chat.max_tokens, chat.enable_thinking, chat.context_tokens"
)
_START_S = 10.0
RunId = Annotated[int, Path(ge=1, le=2**62)]


class SystemIn(BaseModel):
    """Something that is asked."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    kind: str = Field("answer", max_length=40, description=", ".join(KINDS))
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, max_length=30, description=f"possible: {_KNOWN}"
    )


class RunIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dataset: str = Field(min_length=1, max_length=400, description="a name of GET /v1/evaluation/datasets")
    systems: list[SystemIn] = Field(min_length=1, max_length=8)
    name: str = Field("", max_length=200)
    limit: int = Field(0, ge=0, le=1_000_000, description="the first so many questions; 0: all")
    collection: str = Field("", max_length=400, description="documents of this collection alone")
    jobs: int = Field(2, ge=1, le=8, description="questions asked at once")


class DatasetOut(BaseModel):
    id: int
    name: str
    questions: int = Field(description="accepted ones: those that are asked")


class Runs(BaseModel):
    data: list[RunOut]


class ResultOut(BaseModel):
    """One question asked of one system."""

    id: int
    system: str
    question_key: str
    question: dict[str, Any]
    answer: dict[str, Any]
    measures: dict[str, float | None]
    error_class: str


class Results(BaseModel):
    data: list[ResultOut]
    has_more: bool


@router.get("/datasets")
def list_datasets(request: Request, principal: Evaluator) -> list[DatasetOut]:
    engine: Engine = request.app.state.engine
    return [DatasetOut(id=d.id, name=d.name, questions=d.accepted) for d in engine.datasets(principal)]


@router.post("/runs", status_code=201, response_model=RunOut)
def start_run(request: Request, principal: Evaluator, asked: RunIn, key: Key = None) -> JSONResponse:
    """Starts a run and returns at once. The same run that was stopped before goes on where it was."""
    from evaluation.datasets import Question
    from evaluation.runs import RunSpec, unique

    engine: Engine = request.app.state.engine
    desk: RunDesk = request.app.state.runs
    systems = unique([_system(system) for system in asked.systems])
    dataset = next((d for d in engine.datasets(principal) if d.name == asked.dataset), None)
    if dataset is None:
        raise ApiError(404, "api.no_dataset", name=asked.dataset[:200])
    if asked.collection and all(c.name != asked.collection for c in engine.collections(principal)):
        raise ApiError(404, "api.no_collection", name=asked.collection[:200])

    def act() -> tuple[int, dict[str, Any]]:
        kept = engine.golden_questions(dataset.id, principal, states=["accepted"])
        questions = [Question.model_validate({**g.question, "id": g.key}) for g in kept]
        spec = RunSpec(
            dataset=dataset.name,
            questions=tuple(questions[: asked.limit or None]),
            systems=tuple(systems),
            name=asked.name,
            collection=asked.collection,
            jobs=asked.jobs,
        )
        ticket = desk.start(spec, principal, quiet=True)
        run_id = ticket.wait_for_id(_START_S)
        if run_id is None:
            raise ticket.progress().error or ApiError(503, "api.run_slow")
        return 201, rounded(RunOut.of(engine.run(run_id, principal)).model_dump(mode="json"))

    return once(request, principal, key, fingerprint("run", asked.model_dump_json()), act)


@router.get("/runs", response_model=Runs)
def list_runs(
    request: Request, principal: Evaluator, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> JSONResponse:
    """One's own, newest first; an admin's: all."""
    engine: Engine = request.app.state.engine
    found = [RunOut.of(run).model_dump(mode="json") for run in engine.runs(principal, limit=limit)]
    return JSONResponse({"data": rounded(found)})


@router.get("/runs/{run_id}", response_model=RunOut)
def show_run(request: Request, principal: Evaluator, run_id: RunId) -> JSONResponse:
    """Its state; how many questions are answered; the summary once it has ended."""
    engine: Engine = request.app.state.engine
    return JSONResponse(rounded(RunOut.of(engine.run(run_id, principal)).model_dump(mode="json")))


@router.post("/runs/{run_id}/stop", response_model=RunOut)
def stop_run(request: Request, principal: Evaluator, run_id: RunId) -> JSONResponse:
    """What was answered is kept."""
    engine: Engine = request.app.state.engine
    run = engine.run(run_id, principal)
    if not request.app.state.runs.stop_run(run_id) and run.status == "running":
        raise ApiError(409, "api.run_not_here", run_id=run_id)
    return JSONResponse(rounded(RunOut.of(engine.run(run_id, principal)).model_dump(mode="json")))


@router.get("/runs/{run_id}/results", response_model=Results)
def list_results(
    request: Request,
    principal: Evaluator,
    run_id: RunId,
    system: Annotated[str | None, Query(max_length=200)] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="the last id of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> JSONResponse:
    """In the order in which they were answered."""
    engine: Engine = request.app.state.engine
    found = list(
        itertools.islice(
            (r for r in engine.results(run_id, principal, system=system) if r.id > after), limit + 1
        )
    )
    data = [
        {
            "id": r.id,
            "system": r.system,
            "question_key": r.question_key,
            "question": dict(r.question),
            "answer": dict(r.answer),
            "measures": dict(r.measures),
            "error_class": r.error_class,
        }
        for r in found[:limit]
    ]
    return JSONResponse({"data": rounded(data), "has_more": len(found) > limit})


def _system(given: SystemIn) -> SystemSpec:
    from evaluation.runs import SystemSpec

    if given.kind not in KINDS:
        raise ApiError(422, "api.system_kind", kind=given.kind, known=", ".join(KINDS))
    for option in given.options:
        if not OPTIONS.fullmatch(option):
            raise ApiError(422, "api.system_option", option=option[:100], known=_KNOWN)
    return SystemSpec.of(given.name, {**given.options, "kind": given.kind})
