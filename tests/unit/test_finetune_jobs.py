"""Jobs are processes of their own: they train, register and judge without the page, and can be stopped."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_chat_server import serving
from test_finetune_gate import VALUES, Vllm
from test_finetune_live import TOKENS, card

from finetune.config import TuneError
from finetune.cycle import Cycle, run_cycle
from finetune.jobs import Jobs
from finetune.registry import Registry
from finetune.sets import TrainSets
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import AccessDenied, StoreError
from rag.records import Principal
from rag.settings import Settings
from rag.store.tuning import TuneJob
from rag.testing import HashEmbedding

ANALYST = Principal("ann", "ann", frozenset({"analyst"}))
TRAINER = '''#!{python}
"""Stands where the interpreter with torch stands: writes steps, then an adapter."""
import json, sys, time
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file
config = json.loads(Path(sys.argv[5]).read_text())
assert sys.argv[1:5] == ["-m", "cli", "tune", "train"] and sys.argv[6] == "--json", sys.argv
plan = {{"trainable": 4, "parameters": 100, "total_gb": 1.0, "available_gb": 8.0, "fits": True}}
print(json.dumps({{"plan": plan}}), flush=True)
for step in range(1, config["steps"] + 1):
    told = {{"step": step, "steps": config["steps"], "loss": 2.0 / step, "heldout": None}}
    print(json.dumps(told), flush=True)
    time.sleep(config.get("warmup_steps", 0))
if config.get("r") == 3:
    print("Error: the trainer gave up", file=sys.stderr)
    sys.exit(1)
folder = Path(config["output_dir"])
folder.mkdir(parents=True)
save_file({{"lora_A": np.ones((2, 4), dtype=np.float32)}}, folder / "adapter_model.safetensors")
(folder / "adapter_config.json").write_text("{{}}")
(folder / "card.json").write_text({card!r})
'''


@pytest.fixture
def vllm() -> Vllm:
    return Vllm()


@pytest.fixture
def engine(vllm: Vllm, tmp_path: Path) -> Iterator[Engine]:
    assert TOKENS
    trainer = tmp_path / "trainer"
    trainer.write_text(TRAINER.format(python=sys.executable, card=json.dumps(card())), encoding="utf-8")
    trainer.chmod(trainer.stat().st_mode | stat.S_IXUSR)
    with serving(vllm) as url:
        settings = Settings(
            data_dir=tmp_path / "data",
            chat={"base_url": url, "retries": 0},
            tuning={"python": str(trainer), "base_model": "tiny"},
        )
        with Engine.open(settings, embedding=HashEmbedding()) as opened:
            yield opened


@pytest.fixture
def approved(engine: Engine, tmp_path: Path) -> str:
    rows = [
        {
            "question": f"How much revenue did {name} report in 2023?",
            "passages": [
                {"text": f"Revenue of {name} was {value} million euros.", "document": f"{name}.txt"}
            ],
            "answer": f"Revenue was {value} million euros [1].",
        }
        for name, value in VALUES.items()
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = TrainSets(engine).make("july", [str(path)], held_out=0.9)
    TrainSets(engine).approve("july")
    return str(made.id)


def wait(engine: Engine, job: TuneJob, *, until: Any = None, limit_s: float = 60) -> TuneJob:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        now = engine.store.job(job.id)
        if until(now) if until else now.finished_at is not None:
            return now
        time.sleep(0.1)
    raise AssertionError(f"{engine.store.job(job.id)}\n{Path(job.log_path).read_text()}")


def test_a_job_trains_registers_and_judges(engine: Engine, approved: str, vllm: Vllm) -> None:
    jobs, registry = Jobs(engine), Registry(engine.store, engine.settings)
    job = jobs.train("good", approved, "tiny", options={"steps": 3}, gate={"heldout": approved})
    with pytest.raises(StoreError) as caught:
        jobs.train("other", approved, "tiny")
    assert caught.value.code == "tune.busy"
    ended = wait(engine, job)
    assert (ended.status, ended.error) == ("done", {}), Path(job.log_path).read_text()
    assert ended.progress["passed"] is True
    assert registry.adapter("good").state == "candidate"
    assert jobs.curve(ended).losses == {1: 2.0, 2: 1.0, 3: pytest.approx(2 / 3)}
    assert registry.promote("good").state == "live"
    again = wait(engine, jobs.judge("good", {"heldout": approved}))
    assert again.status == "done"


def test_a_job_is_stopped_with_all_that_it_started(engine: Engine, approved: str) -> None:
    jobs = Jobs(engine)
    job = jobs.train("slow", approved, "tiny", options={"steps": 900, "warmup_steps": 1})
    running = wait(engine, job, until=lambda now: now.progress.get("step"))
    assert jobs.stop(job.id)
    assert not jobs.stop(job.id)
    pid = int(running.progress["pid"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.1)
    assert not _alive(pid)
    assert engine.store.job(job.id).status == "stopped"
    assert not Registry(engine.store, engine.settings).adapters()
    assert "tune.stop" in {entry.action for entry in engine.store.actions(action="tune", limit=9)}


def test_what_ends_a_job_is_said(engine: Engine, approved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(engine)
    ended = wait(engine, jobs.train("bad", approved, "tiny", options={"steps": 1, "r": 3}))
    assert (ended.status, ended.error["code"]) == ("failed", "tune.trainer")
    assert "gave up" in ended.error["params"]["problem"]

    job = jobs.train("killed", approved, "tiny", options={"steps": 900, "warmup_steps": 1})
    running = wait(engine, job, until=lambda now: now.progress.get("step"))
    os.kill(int(running.progress["pid"]), signal.SIGKILL)
    monkeypatch.setattr("finetune.jobs.LOST_S", 0.0)
    [lost] = [one for one in jobs.all() if one.id == job.id]
    assert (lost.status, lost.error["code"]) == ("failed", "tune.job_lost")
    assert running.progress["plan"]["trainable"] == 4  # said before the first step


def test_what_was_stopped_goes_on_and_what_is_done_does_not(engine: Engine, approved: str) -> None:
    jobs = Jobs(engine)
    options = {"steps": 2, "warmup_steps": 1}
    job = jobs.train("slow", approved, "tiny", options=options, gate={"dataset": "no such"})
    wait(engine, job, until=lambda now: now.progress.get("step"))
    assert jobs.stop(job.id)
    with pytest.raises(AccessDenied):
        jobs.again(job.id, ANALYST)
    next_one = wait(engine, jobs.again(job.id))
    assert (next_one.kind, next_one.config["training"]) == (job.kind, job.config["training"])
    assert (next_one.status, next_one.error["code"]) == (
        "failed",
        "tune.no_such",
    )  # at the gate: it is trained
    [adapter] = Registry(engine.store, engine.settings).adapters()
    done = wait(engine, jobs.judge(adapter.name, {"heldout": approved}))
    assert done.status == "done"
    with pytest.raises(TuneError) as caught:
        jobs.again(done.id)
    assert caught.value.code == "tune.not_again"


def test_what_cannot_be_started_is_refused_at_once(engine: Engine, approved: str, tmp_path: Path) -> None:
    jobs, sets = Jobs(engine), TrainSets(engine)
    one = sets.get(approved)
    draft = engine.store.add_train_set("draft", one.path, one.sha256, one.card, "eve")
    for code, act in (
        ("tune.not_approved", lambda: jobs.train("x", str(draft.id), "tiny")),
        ("tune.bad_name", lambda: jobs.train("../x", approved, "tiny")),
        ("tune.config", lambda: jobs.train("x", approved, "tiny", options={"steps": 0})),
        ("tune.no_such", lambda: jobs.judge("nobody", {})),
    ):
        with pytest.raises((TuneError, StoreError)) as caught:
            act()
        assert caught.value.code == code
    sets = TrainSets(engine)
    for who in (ANALYST, replace(LOCAL, rights=frozenset({"admin"}), token_id=1)):
        for refused in (
            lambda who=who: jobs.train("x", approved, "tiny", who),
            lambda who=who: jobs.judge("x", {}, who),
            lambda who=who: jobs.stop(1, who),
            lambda who=who: jobs.all(who),
            lambda who=who: sets.all(who),
            lambda who=who: sets.make("x", ["turns"], who),
        ):
            with pytest.raises(AccessDenied):
                refused()
    assert jobs.all() == []


def test_a_cycle_goes_on_where_it_stood(engine: Engine, approved: str, tmp_path: Path) -> None:
    rows = Path(TrainSets(engine).get(approved).path) / "heldout.jsonl"
    cycle = Cycle(name="good", base_model="tiny", sources=(str(rows),), held_out=0.9, least_new=1)
    trained: list[str] = []

    def train(python: str, values: Any) -> None:
        trained.append(values["output_dir"])
        if len(trained) == 1:
            raise TuneError("tune.trainer", code=1, problem="killed")
        from test_finetune_live import make_adapter

        make_adapter(Registry(engine.store, engine.settings), Path(values["output_dir"]).name)

    assert run_cycle(engine, cycle, train).stage == "waiting"
    cycle = cycle.model_copy(update={"least_new": 0})
    where = run_cycle(engine, cycle, train)
    assert (where.stage, where.set_name) == ("approve", "good-1")
    assert run_cycle(engine, cycle, train) == where  # not made twice
    TrainSets(engine).approve("good-1")
    with pytest.raises(TuneError):
        run_cycle(engine, cycle, train)
    where = run_cycle(engine, cycle, train)
    assert (where.stage, where.adapter) == ("refused", "good-1")  # the fake answers well for "good" alone
    assert len(trained) == 2


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().split()[2] != "Z"
