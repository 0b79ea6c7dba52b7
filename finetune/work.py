"""What the process of a job does: trains in the environment that has torch, registers, judges.

Promises: every second it tells that it lives and looks whether it was stopped; whatever ends it is written to
the job, as a code of rag.messages where it has one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from finetune.config import TuneError
from finetune.gate import gate
from finetune.jobs import GATE, ROOT, TRAIN, roles_of, trainer_python
from finetune.registry import Registry
from finetune.sets import TrainSets
from finetune.train_set import open_train_set
from rag.engine import Engine
from rag.errors import WenjuError
from rag.records import Principal
from rag.store.tuning import TuneJob

log = logging.getLogger(__name__)

_BEAT_S = 1.0
_GRACE_S = 10.0  # between asking the trainer to end and ending it


class Stopped(Exception):
    """Somebody stopped the job."""


class Work:
    """One job's progress, told to the store from a thread of its own."""

    def __init__(self, engine: Engine, job: TuneJob) -> None:
        self.engine = engine
        self.job = job
        self.stop = threading.Event()
        self._progress: dict[str, Any] = {}
        self._done = threading.Event()
        self._beat = threading.Thread(target=self._tell, name="wenju-job", daemon=True)

    def __enter__(self) -> Work:
        self._store(status="running")
        self._beat.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._beat.join(10)

    def told(self, **progress: Any) -> None:
        self._progress = {**self._progress, **progress}

    def check(self) -> None:
        """Raises Stopped when it was stopped."""
        if self.stop.is_set():
            raise Stopped

    def end(self, **values: Any) -> None:
        self._done.set()
        self._beat.join(10)
        self._store(**values)

    def _store(self, **values: Any) -> None:
        progress = {**self._progress, "at": datetime.now(UTC).isoformat(), "pid": os.getpid()}
        if not self.engine.store.update_job(self.job.id, progress=progress, **values):
            self.stop.set()  # it has ended in the store: somebody stopped it

    def _tell(self) -> None:
        while not self._done.wait(_BEAT_S):
            try:
                self._store()
            except WenjuError as error:  # a store that is busy now is not in a second
                log.warning("progress not kept: %s", error.code)


def run_job(engine: Engine, job_id: int) -> bool:
    """Does the job to its end. False: it failed or was stopped."""
    job = engine.store.job(job_id)
    steps: Mapping[str, Callable[[Work, Principal], None]] = {TRAIN: _train, GATE: _gate}
    with Work(engine, job) as work:
        try:
            work.check()
            steps[job.kind](work, roles_of(job))
        except Stopped:
            log.warning("job %d was stopped", job_id)
            return False
        except WenjuError as error:
            params = {key: str(value) for key, value in error.params.items()}
            work.end(status="failed", error={"code": error.code, "params": params})
            return False
        except Exception as error:
            log.exception("job %d failed", job_id)
            problem = f"{type(error).__name__}: {error}"[:500]
            work.end(status="failed", error={"code": "tune.job_failed", "params": {"problem": problem}})
            return False
        work.end(status="done")
        return True


def _train(work: Work, principal: Principal) -> None:
    config = work.job.config
    name, training = str(config["name"]), dict(config["training"])
    folder = Path(training["output_dir"])
    if not folder.exists():
        work.told(phase="train", step=0, steps=int(training.get("steps", 0)))
        run_trainer(
            trainer_python(work.engine.settings), training, Path(work.job.log_path).with_suffix(".yaml"), work
        )
    registry = Registry(work.engine.store, work.engine.settings)
    if all(a.name != name for a in registry.adapters(principal)):
        registry.register(name, folder, principal)
    work.told(phase="registered")
    if config.get("gate"):
        _gate(work, principal)


def run_trainer(python: str, training: Mapping[str, Any], path: Path, work: Work) -> None:
    """``wenju tune train`` in the environment with torch; its steps become the job's progress. Raises
    Stopped, and TuneError with the trainer's own message."""
    path.write_text(json.dumps(dict(training)), encoding="utf-8")  # JSON is YAML
    command = [python, "-m", "cli", "tune", "train", str(path), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    trainer = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace", start_new_session=True, cwd=ROOT,
    )  # fmt: skip
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    said: list[str] = []

    def read_steps() -> None:
        for line in trainer.stdout or ():
            lines.put(line)
        lines.put(None)

    def read_words() -> None:
        for line in trainer.stderr or ():
            said.append(line.rstrip())
            print(line.rstrip(), file=sys.stderr, flush=True)

    readers = [threading.Thread(target=read, daemon=True) for read in (read_steps, read_words)]
    for reader in readers:
        reader.start()
    try:
        while True:
            work.check()
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                continue
            if line is None:
                break
            _take_step(line, work)
    except BaseException:
        _end(trainer)
        raise
    code = trainer.wait()
    readers[1].join(5)
    if code != 0:
        words = [line for line in said if line.strip()]
        raise TuneError("tune.trainer", code=code, problem=(words or ["-"])[-1][:500])


def _take_step(line: str, work: Work) -> None:
    with contextlib.suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict) and isinstance(row.get("plan"), dict):
            work.told(plan=row["plan"])
        elif isinstance(row, dict) and "step" in row:
            work.told(
                **{key: row[key] for key in ("step", "steps", "loss", "heldout") if row.get(key) is not None}
            )
            print(line.rstrip(), flush=True)  # into the log: the curve


def _end(trainer: subprocess.Popen[str]) -> None:
    """The trainer and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(trainer.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            trainer.wait(_GRACE_S)
            return


def _gate(work: Work, principal: Principal) -> None:
    config = work.job.config
    name, source = str(config["name"]), config["gate"]
    work.told(phase="gate", done=0, questions=0)

    def show(done: int, total: int, what: str) -> None:
        work.told(done=done, questions=total)
        work.check()

    gated = gate_by(work.engine, name, source, principal, on_progress=show, stop=work.stop)
    work.check()
    work.told(phase="gated", passed=gated.passed)


def gate_by(
    engine: Engine,
    name: str,
    source: Mapping[str, Any],
    principal: Principal,
    on_progress: Callable[[int, int, str], None] | None = None,
    stop: threading.Event | None = None,
) -> Any:
    """:func:`finetune.gate.gate` on {"dataset": name} (golden questions) or {"heldout": set}; "guards" and
    "targets" as lists. Raises TuneError."""
    from evaluation.datasets import Question

    dataset, heldout = str(source.get("dataset") or ""), str(source.get("heldout") or "")
    questions: Any = ()
    records: Any = ()
    if dataset:
        known = next((d for d in engine.datasets(principal) if d.name == dataset), None)
        if known is None:
            raise TuneError("tune.no_such", what=f"golden:{dataset}")
        kept = engine.golden_questions(known.id, principal, states=["accepted"])
        questions = tuple(Question.model_validate({**k.question, "id": k.key}) for k in kept)
    elif heldout:
        records = open_train_set(Path(TrainSets(engine).get(heldout, principal).path))[1]
    return gate(
        engine,
        Registry(engine.store, engine.settings),
        name,
        principal,
        questions=questions,
        heldout=records,
        source=dataset or f"heldout:{heldout}",
        guards=list(source.get("guards") or ()),
        targets=list(source.get("targets") or ()),
        on_progress=on_progress,
        stop=stop,
    )


def stop_here(signal_number: int, _: object) -> NoReturn:
    """For SIGTERM: end like Ctrl-C, so that what was started is ended, too."""
    raise KeyboardInterrupt(f"signal {signal_number} at {time.time():.0f}")
