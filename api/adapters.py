"""LoRA adapters: which there are, which answer, and switching between them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.gate import Admin, Evaluator
from api.shapes import rounded

if TYPE_CHECKING:
    from finetune.registry import Registry
    from rag.engine import Engine
    from rag.store.tuning import Adapter

router = APIRouter(prefix="/adapters", tags=["Adapters"])


class AdapterOut(BaseModel):
    """``state``: trained, candidate (passed the gate), refused (did not), live, retired."""

    name: str
    base_model: str
    state: str
    share: float = Field(description="of the users that no newer adapter took, 0 to 1")
    gate: dict[str, Any] = Field(description="what the gate found")
    created_at: datetime
    live_since: datetime | None

    @classmethod
    def of(cls, adapter: Adapter) -> AdapterOut:
        return cls(
            name=adapter.name,
            base_model=adapter.base_model,
            state=adapter.state,
            share=adapter.share,
            gate=rounded(dict(adapter.gate)),
            created_at=adapter.created_at,
            live_since=adapter.live_since,
        )


class Adapters(BaseModel):
    data: list[AdapterOut]
    shares: dict[str, float] = Field(description="who answers now, newest first; {}: the base model alone")


class Promotion(BaseModel):
    model_config = ConfigDict(extra="forbid")
    share: float = Field(1.0, gt=0, le=1, description="of the users who are answered by it from now on")


class RolledBack(BaseModel):
    live: AdapterOut | None = Field(description="null: the base model answers")


AdapterName = Annotated[str, Path(min_length=1, max_length=200)]


def _registry(request: Request) -> Registry:
    from finetune.registry import Registry

    engine: Engine = request.app.state.engine
    return Registry(engine.store, engine.settings)


@router.get("")
def list_adapters(request: Request, principal: Evaluator) -> Adapters:
    """Newest first."""
    engine: Engine = request.app.state.engine
    found = _registry(request).adapters(principal)
    return Adapters(data=[AdapterOut.of(a) for a in found], shares=engine.adapter_shares())


@router.post("/rollback")
def roll_back(request: Request, principal: Admin) -> RolledBack:
    """Back to what was live before the newest live adapter."""
    adapter = _registry(request).rollback(principal)
    return RolledBack(live=AdapterOut.of(adapter) if adapter is not None else None)


@router.get("/{name}")
def show_adapter(request: Request, principal: Evaluator, name: AdapterName) -> AdapterOut:
    return AdapterOut.of(_registry(request).adapter(name, principal))


@router.post("/{name}/promote")
def promote(request: Request, principal: Admin, name: AdapterName, asked: Promotion) -> AdapterOut:
    """The chat server is told and checked first: one that is down leaves everything as it was."""
    return AdapterOut.of(_registry(request).promote(name, principal, share=asked.share))
