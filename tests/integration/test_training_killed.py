"""A trainer that is killed (SIGKILL) between two steps and in the middle of a save, as a process of its own.

Started again, it goes on from its last whole checkpoint, never from a half-written one, and ends with the
losses of a run that nobody disturbed: dropout, order of records and learning rate included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tuning_facts import FACTS, TAUGHT, record_of, trainer, words_of
from vllm_server import ROOT

from finetune.records import dump_records

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

STEPS, SAVE = 14, 3
LIMIT_S = 150


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("killed")
    words = folder / "words.txt"
    words.write_text(words_of(), encoding="utf-8")
    made = [trainer(), str(ROOT / "scripts" / "make_tiny_qwen.py"), str(folder / "tiny"), str(words)]
    subprocess.run(made, check=True, capture_output=True, timeout=180)
    data = folder / "records.jsonl"
    data.write_bytes(dump_records(record_of(name, asked) for name in FACTS for asked in TAUGHT[:2]))
    return {
        "base_model": str(folder / "tiny"), "data": str(data), "method": "full", "steps": STEPS,
        "save_steps": SAVE, "batch_size": 4, "learning_rate": 1e-3, "seed": 7, "device": "cpu",
        "dtype": "float32", "unapproved": True, "patience": 0,
    }  # fmt: skip


class Run:
    """`wenju tune train --json` and what it said."""

    def __init__(self, values: dict[str, Any], output: Path) -> None:
        self.output = output
        config = output.with_suffix(".yaml")
        config.write_text(json.dumps({**values, "output_dir": str(output)}), encoding="utf-8")  # JSON is YAML
        self.said, self.log = output.with_suffix(".jsonl"), output.with_suffix(".log")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with self.said.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [trainer(), "-m", "cli", "tune", "train", str(config), "--json"],
                env=environment, cwd=ROOT, stdout=out, stderr=log, start_new_session=True,
            )  # fmt: skip

    def steps(self) -> list[int]:
        lines = self.said.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        return [row["step"] for row in rows if "loss" in row]

    def checkpoints(self) -> dict[int, bool]:
        """Step -> whether it was written to its end."""
        found = self.output.parent.glob(f".{self.output.name}.*.work/checkpoints/checkpoint-*")
        return {int(path.name.rpartition("-")[2]): (path / "whole").exists() for path in found}

    def kill_when(self, reached: Callable[[], bool], pause_s: float) -> None:
        until = time.monotonic() + LIMIT_S
        while not reached():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < until, self.log.read_text()[-2000:]
            time.sleep(pause_s)
        os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL

    def card(self) -> dict[str, Any]:
        assert self.process.wait(LIMIT_S) == 0, self.log.read_text()[-2000:]
        card: dict[str, Any] = json.loads((self.output / "card.json").read_text(encoding="utf-8"))
        return card


def test_a_trainer_killed_twice_ends_as_if_nobody_had_disturbed_it(
    values: dict[str, Any], tmp_path: Path
) -> None:
    whole = Run(values, tmp_path / "whole").card()["losses"]
    assert len(whole) == STEPS
    assert whole[-1] < whole[0] - 0.5

    output = tmp_path / "killed"
    run = Run(values, output)
    run.kill_when(lambda: run.steps()[-1:] >= [SAVE + 1], 0.05)
    [(saved, intact)] = run.checkpoints().items()
    assert (saved, intact) == (SAVE, True)
    assert not output.exists()

    again = Run(values, output)
    again.kill_when(lambda: not all(again.checkpoints().values()), 0.0005)  # in the middle of a save
    half = [step for step, intact in again.checkpoints().items() if not intact]
    assert half == [2 * SAVE], again.checkpoints()
    assert again.steps()[0] == SAVE + 1
    assert not output.exists()

    last = Run(values, output)
    card = last.card()
    assert last.steps()[0] == SAVE + 1  # the half-written checkpoint of step 6 was not used
    assert card["losses"] == pytest.approx(whole, abs=2e-4)
    assert not list(tmp_path.glob(".killed.*.work"))


def test_what_cannot_fit_is_not_begun_and_two_do_not_train_the_same(
    values: dict[str, Any], tmp_path: Path
) -> None:
    long = Run({**values, "max_tokens": 50_000_000}, tmp_path / "long")
    assert long.process.wait(LIMIT_S) == 3
    [line] = long.said.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["plan"]["fits"] is False
    assert "gradient_checkpointing: true" in long.log.read_text().splitlines()[-1]  # what would fit better

    one = Run({**values, "steps": 2000}, tmp_path / "both")
    until = time.monotonic() + LIMIT_S
    while not one.steps():
        assert one.process.poll() is None, one.log.read_text()[-2000:]
        assert time.monotonic() < until
        time.sleep(0.1)
    try:
        other = Run({**values, "steps": 2000}, tmp_path / "both")
        assert other.process.wait(LIMIT_S) == 1
        assert "Another process is at this very training" in other.log.read_text()
    finally:
        os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait(10)
