"""Training and judging in the background, started from the Tuning page or the command line.

Promises: one job at a time on one library; a job is a process of its own, so that a reloaded page, a closed
browser and a restarted app leave it at work; what it does is in the store within a second and line by line in
its log; stopping ends everything that it started and keeps checkpoints, so that the same job goes on there; a
job whose process died is said to be lost, never shown as running.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune.config import TuneError, check_config
from finetune.registry import Registry
from finetune.sets import TrainSets
from rag.access import LOCAL, require_right
from rag.engine import Engine
from rag.records import Principal
from rag.settings import Settings
from rag.store.tuning import OPEN_JOBS, TrainSet, TuneJob

TRAIN, GATE = "train", "gate"
ROOT = Path(__file__).resolve().parent.parent
LOST_S = 30.0  # a running job tells that it lives every second
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Curve:
    """``losses`` by step, and held-out ones where they were measured."""

    losses: Mapping[int, float]
    heldout: Mapping[int, float]


class Jobs:
    """For the roles "evaluator" and "admin"."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def root(self) -> Path:
        return (self._engine.settings.data_dir / "tune_jobs").absolute()

    def all(self, principal: Principal = LOCAL) -> list[TuneJob]:
        """Newest first; those whose process died are marked."""
        require_right(principal, "evaluate")
        found = self._engine.store.jobs()
        if any(_lost(job) for job in found):
            for job in found:
                if _lost(job):
                    self._engine.store.update_job(
                        job.id, status="failed", error={"code": "tune.job_lost", "params": {"job": job.id}}
                    )
            found = self._engine.store.jobs()
        return found

    def train(
        self,
        name: str,
        named_set: str,
        base_model: str,
        principal: Principal = LOCAL,
        *,
        options: Mapping[str, Any] | None = None,
        gate: Mapping[str, Any] | None = None,
    ) -> TuneJob:
        """Trains an adapter ``name`` on an approved set, registers it and, with ``gate`` ({"dataset": name}
        or {"heldout": set}), judges it. ``options``: further keys of a training file. Raises TuneError,
        StoreError("tune.busy")."""
        require_right(principal, "evaluate")
        registry = Registry(self._engine.store, self._engine.settings)
        if not _NAME.fullmatch(name):
            raise TuneError("tune.bad_name", name=name)
        if any(a.name == name for a in registry.adapters(principal)):
            raise TuneError("tune.name_taken", name=name)
        chosen = TrainSets(self._engine).get(named_set, principal)
        config = training_config(chosen, base_model, registry.root / name, options or {})
        trainer_python(self._engine.settings)  # said now, not in a log
        return self._start(TRAIN, {"name": name, "training": config, "gate": dict(gate or {})}, principal)

    def judge(self, name: str, gate: Mapping[str, Any], principal: Principal = LOCAL) -> TuneJob:
        """Gates a registered adapter. Raises TuneError, StoreError."""
        require_right(principal, "evaluate")
        Registry(self._engine.store, self._engine.settings).adapter(name, principal)
        return self._start(GATE, {"name": name, "gate": dict(gate)}, principal)

    def again(self, job_id: int, principal: Principal = LOCAL) -> TuneJob:
        """Starts a job that failed, was stopped or died once more, with the settings of then: training goes
        on from its last checkpoint. Raises TuneError, StoreError."""
        require_right(principal, "evaluate")
        self.all(principal)  # one that died is marked as failed
        job = self._engine.store.job(job_id)
        if job.status not in ("failed", "stopped"):
            raise TuneError("tune.not_again", job=job_id)
        if job.kind == TRAIN:
            trainer_python(self._engine.settings)
        kept = {key: value for key, value in job.config.items() if key not in ("roles", "settings")}
        return self._start(job.kind, kept, principal)

    def stop(self, job_id: int, principal: Principal = LOCAL) -> bool:
        """The job ends within a second or two; False: it had ended already."""
        require_right(principal, "evaluate")
        stopped = self._engine.store.update_job(job_id, status="stopped")
        if stopped:
            self._engine.store.note_action(principal.user_id, "tune.stop", str(job_id), {})
        return stopped

    def curve(self, job: TuneJob) -> Curve:
        """From the job's log, as far as it is written."""
        losses: dict[int, float] = {}
        heldout: dict[int, float] = {}
        for row in read_log(Path(job.log_path)):
            if isinstance(row.get("step"), int) and isinstance(row.get("loss"), float):
                losses[row["step"]] = row["loss"]
                if isinstance(row.get("heldout"), float):
                    heldout[row["step"]] = row["heldout"]
        return Curve(losses, heldout)

    def _start(self, kind: str, config: Mapping[str, Any], principal: Principal) -> TuneJob:
        self.all(principal)  # a lost one does not block
        self.root.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        log = self.root / f"{now:%Y%m%d-%H%M%S-%f}.log"
        roles = sorted(principal.roles)
        started = {**config, "roles": roles, "settings": _environment(self._engine.settings)}
        job = self._engine.store.add_job(kind, started, str(log), principal.user_id)
        command = [sys.executable, "-m", "cli", "--data-dir", str(self._engine.settings.data_dir.absolute())]
        try:
            with log.open("ab") as out:
                subprocess.Popen(
                    [*command, "tune", "job", str(job.id)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **_environment(self._engine.settings), "PYTHONPATH": str(ROOT)},
                    start_new_session=True,  # lives on without the app
                )
        except OSError as error:
            problem = {"code": "tune.job_failed", "params": {"problem": str(error)}}
            self._engine.store.update_job(job.id, status="failed", error=problem)
            raise TuneError("tune.job_failed", problem=error) from error
        return job


def training_config(
    chosen: TrainSet, base_model: str, output_dir: Path, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What a training file would say, checked. Raises TuneError; also for a set that nobody approved."""
    if chosen.state != "approved":
        raise TuneError("tune.not_approved", path=chosen.path, name=chosen.name)
    values = {**options, "base_model": base_model, "data": chosen.path, "output_dir": str(output_dir)}
    check_config(values, base_model)
    return values


def trainer_python(settings: Settings) -> str:
    """The interpreter that has torch. Raises TuneError naming the extra and the setting."""
    named = settings.tuning.python
    if named:
        if not Path(named).expanduser().is_file():
            raise TuneError("tune.no_python", path=named)
        return str(Path(named).expanduser())
    if find_spec("torch") is not None and find_spec("trl") is not None:
        return sys.executable
    beside = ROOT / ".venv-models" / "bin" / "python"
    if beside.is_file():
        return str(beside)
    raise TuneError("tune.no_python", path="tuning.python")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a log, in order; what else stands there is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        if line.startswith("{"):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                rows.append(row)
    return rows


def last_lines(path: Path, count: int = 30) -> str:
    """The end of a log for a person: without the lines meant for programs."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines if line.strip() and not line.startswith("{"))[-4000:].strip()


def _environment(settings: Settings) -> dict[str, str]:
    """What a child must be told to find the same servers, apart from secrets: it inherits those."""
    told = {
        "WENJU_CHAT__BASE_URL": settings.chat.base_url,
        "WENJU_CHAT__MODEL": settings.chat.model,
        "WENJU_TUNING__SERVER_URL": settings.tuning.server_url,
        "WENJU_TUNING__PYTHON": settings.tuning.python,
        "WENJU_TUNING__ADAPTERS_DIR": str(settings.tuning.adapters_dir or ""),
    }
    return {key: value for key, value in told.items() if value}


def _lost(job: TuneJob) -> bool:
    if job.status not in OPEN_JOBS:
        return False
    seen = job.progress.get("at")
    last = datetime.fromisoformat(str(seen)) if seen else job.created_at
    return (datetime.now(UTC) - last).total_seconds() > LOST_S


def roles_of(job: TuneJob) -> Principal:
    """Whoever started the job, with the roles of then."""
    roles: Sequence[str] = job.config.get("roles") or ()
    return Principal(job.created_by, job.created_by, frozenset(roles))
