"""The loop on a timer: collect, clean, approve, train, gate, promote; each step once, each resumable.

Promises: what is there already is not made again, whatever ended the run before; it stops for a person's yes
to the data, and again before the adapter goes live unless the file says ``promote: true``; with too little
new feedback nothing is made at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.config import TuneError
from finetune.jobs import trainer_python, training_config
from finetune.registry import PROMOTABLE, Registry
from finetune.sets import TrainSets
from finetune.work import gate_by
from rag.access import LOCAL
from rag.engine import Engine
from rag.records import Principal
from rag.store.tuning import TrainSet

Stage = Literal["waiting", "approve", "refused", "propose", "live"]


class Cycle(BaseModel):
    """The file of ``wenju tune cycle``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    base_model: str
    sources: tuple[str, ...] = ("turns", "golden")
    held_out: float = Field(0.2, ge=0.05, le=0.9)
    least_new: int = Field(
        20, ge=1, description="reviewed answers since the last set before a new one is made"
    )
    training: dict[str, Any] = {}
    gate: dict[str, Any] = {}  # {"dataset": name}, guards, targets; empty: the set's held-out records
    promote: bool = False
    share: float = Field(1.0, gt=0, le=1)


@dataclass(frozen=True, slots=True)
class Where:
    """Where the cycle stands. ``adapter`` "" before there is one; ``new``: reviewed answers not yet used."""

    stage: Stage
    set_name: str
    adapter: str = ""
    new: int = 0


Trainer = Callable[[str, Mapping[str, Any]], None]
"""(interpreter, training values): trains or raises TuneError."""


def load_cycle(path: Path) -> Cycle:
    """Raises TuneError naming what is wrong."""
    import yaml

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TuneError("tune.config", path=path, problem=error.strerror or error) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TuneError("tune.config", path=path, problem=" ".join(str(error).split())) from error
    try:
        cycle = Cycle.model_validate(read)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise TuneError("tune.config", path=path, problem=problems) from error
    local = path.absolute().parent / cycle.base_model
    return cycle.model_copy(update={"base_model": str(local)}) if local.is_dir() else cycle


def run_cycle(engine: Engine, cycle: Cycle, train: Trainer, principal: Principal = LOCAL) -> Where:
    """Goes as far as it may. Raises TuneError, and the next run goes on there."""
    sets, registry = TrainSets(engine), Registry(engine.store, engine.settings)
    state = _State(engine, cycle.name)
    current = _current(sets, state, principal)
    if current is None:
        new = _reviewed(engine, principal) - state.used
        if new < cycle.least_new:
            return Where("waiting", "", new=new)
        made = sets.make(f"{cycle.name}-{state.round + 1}", cycle.sources, principal, held_out=cycle.held_out)
        state.began(made.id, _reviewed(engine, principal))
        current = made
    if current.state != "approved":
        return Where("approve", current.name)
    name = f"{cycle.name}-{state.round}"
    adapters = {a.name: a for a in registry.adapters(principal)}
    if name not in adapters:
        folder = registry.root / name
        if not folder.exists():
            values = training_config(current, cycle.base_model, folder, cycle.training)
            train(trainer_python(engine.settings), values)
        registry.register(name, folder, principal)
    adapter = registry.adapter(name, principal)
    if adapter.state == "trained":
        gate_by(engine, name, cycle.gate or {"heldout": str(current.id)}, principal)
        adapter = registry.adapter(name, principal)
    if adapter.state == "refused":
        state.ended()
        return Where("refused", current.name, name)
    if adapter.state != "live" and adapter.state in PROMOTABLE:
        if not cycle.promote:
            state.ended()
            return Where("propose", current.name, name)
        registry.promote(name, principal, share=cycle.share)
    state.ended()
    return Where("live", current.name, name)


def _reviewed(engine: Engine, principal: Principal) -> int:
    """Answers that a person put right or liked, and another accepted."""
    return sum(turn.review == "accepted" for turn in engine.feedback(principal))


def _current(sets: TrainSets, state: _State, principal: Principal) -> TrainSet | None:
    """The set of the round that is under way; None: none is, or it is gone."""
    if state.set_id is None:
        return None
    return next((one for one in sets.all(principal) if one.id == state.set_id), None)


class _State:
    """What the rounds of one cycle have come to, in a file beside the sets."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._path = engine.settings.data_dir / "tune_cycles" / f"{name}.json"
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            kept = {}
        except (OSError, ValueError) as error:
            raise TuneError("tune.config", path=self._path, problem=error) from error
        self.round = int(kept.get("round", 0))
        self.used = int(kept.get("used", 0))
        self.set_id: int | None = kept.get("set_id")

    def began(self, set_id: int, used: int) -> None:
        self.round, self.set_id, self.used = self.round + 1, set_id, used
        self._keep()

    def ended(self) -> None:
        self.set_id = None
        self._keep()

    def _keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        words = {
            "round": self.round,
            "set_id": self.set_id,
            "used": self.used,
            "at": datetime.now(UTC).isoformat(),
        }
        beside = self._path.with_suffix(".part")
        beside.write_text(json.dumps(words) + "\n", encoding="utf-8")
        os.replace(beside, self._path)
