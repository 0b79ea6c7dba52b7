"""Differentially private training on a tiny model: what it promises, what it costs, what it hides."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.config import Training, TuneError
from finetune.exposure import measure_exposure
from finetune.private import one_per_unit
from finetune.records import Record
from finetune.training import CARD, read_data, train

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("torch", "peft", "opacus") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        bool(MISSING) and not os.environ.get("WENJU_REQUIRE_INTEGRATION"),
        reason=f"{', '.join(MISSING)} not installed here; `make test-integration` runs this with them",
    ),
]
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "question": f"What was item {n}?",
            "passages": [{"text": f"Item {n} was {n + 700}.", "document": f"d{n % 5}.txt"}],
            "answer": f"Item {n} was {n + 700} [1].",
            "conversation": f"c{n // 2}",
            "contributor": ("ann", "bob", "")[n % 3],
        }
        for n in range(start, start + count)
    ]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen")
    words = folder / "words.txt"
    told = [m.content for row in rows(8) for m in Record.model_validate(row).messages()]
    words.write_text("\n".join(told), encoding="utf-8")  # short prompts: quick steps
    script = ROOT / "scripts" / "make_tiny_qwen.py"
    subprocess.run([sys.executable, str(script), str(folder / "tiny"), str(words)], check=True, timeout=180)
    return folder / "tiny"


@pytest.fixture
def config(base: Path, tmp_path: Path) -> Training:
    import torch

    torch.set_num_threads(1)
    for name, found in (("train", rows(40)), ("heldout", rows(12, 200))):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
    return Training(
        base_model=str(base), data=tmp_path / "train.jsonl", heldout=tmp_path / "heldout.jsonl",
        output_dir=tmp_path / "adapter", target_modules=LINEAR, steps=24, learning_rate=2e-2, dropout=0.0,
        batch_size=8, gradient_accumulation=2, dtype="float32", device="cpu", eval_steps=100, patience=0,
        unapproved=True, privacy={"epsilon": 8.0, "delta": 1e-3, "clip": 1.0},
    )  # fmt: skip


def test_what_is_asked_is_spent_learned_and_written_down(config: Training) -> None:
    import torch
    from opacus.accountants import RDPAccountant
    from safetensors.torch import load_file

    seen: dict[int, float] = {}
    card = train(config, on_step=lambda step, loss, heldout: seen.update({step: loss}))
    assert list(seen) == list(range(1, 25))
    assert card.epsilon is not None
    assert 7.0 < card.epsilon <= 8.0
    told = card.privacy
    assert (card.delta, told["unit"], told["units"], told["clip"]) == (1e-3, "record", 40, 1.0)
    accountant = RDPAccountant()  # asked again, by hand
    for _ in range(24):
        accountant.step(noise_multiplier=told["noise_multiplier"], sample_rate=told["sample_rate"])
    assert accountant.get_epsilon(1e-3) == pytest.approx(card.epsilon, rel=1e-6)
    assert card.losses == []  # those of the private records say something of them
    assert card.heldout_losses[24] < card.heldout_losses[0] - 1.0, card.heldout_losses
    weights = load_file(config.output_dir / "adapter_model.safetensors")
    assert all(torch.isfinite(w).all() for w in weights.values())
    assert any(w.abs().max() > 1e-4 for name, w in weights.items() if "lora_B" in name)
    assert json.loads((config.output_dir / CARD).read_text(encoding="utf-8"))["epsilon"] == card.epsilon


def test_the_same_seed_does_not_give_the_same_noise(config: Training) -> None:
    from safetensors.torch import load_file

    found = []
    for name in ("one", "two"):
        changes = {"steps": 2, "output_dir": config.output_dir.with_name(name)}
        train(config.model_copy(update=changes))
        found.append(load_file(config.output_dir.with_name(name) / "adapter_model.safetensors"))
    assert any((found[0][name] != found[1][name]).any() for name in found[0])


def test_promises_that_cannot_be_kept_are_refused(config: Training) -> None:
    for privacy, code in (
        ({"epsilon": 8.0, "delta": 1 / 40}, "tune.delta"),
        ({"epsilon": 1e-7, "delta": 1e-3}, "tune.epsilon"),
    ):
        with pytest.raises(TuneError) as caught:
            train(Training.model_validate({**config.model_dump(), "privacy": privacy}))
        assert caught.value.code == code
    with pytest.raises(ValueError, match="privacy does not go with method other than lora"):
        Training.model_validate({**config.model_dump(), "method": "full"})


def test_units_of_privacy_give_one_record_each() -> None:
    records = [Record.model_validate(row) for row in rows(40)]
    assert one_per_unit(records, "record") == records
    assert len({r.conversation for r in one_per_unit(records, "conversation")}) == 20
    assert len(one_per_unit(records, "conversation")) == 20
    assert len(one_per_unit(records, "document")) == 5
    kept = one_per_unit(records, "contributor")
    assert sorted(r.contributor for r in kept if r.contributor) == ["ann", "bob"]
    assert sum(not r.contributor for r in kept) == 13


def test_canaries_are_remembered_without_privacy_and_not_with_it(config: Training) -> None:
    long = config.model_copy(update={"steps": 40, "learning_rate": 1e-2, "batch_size": 16})
    long = long.model_copy(update={"gradient_accumulation": 1})
    data = read_data(long)
    few = replace(data, train=data.train[:16])  # each canary is drawn in most steps
    report = measure_exposure(long, few, canaries=4, candidates=32)
    print(f"\n{json.dumps(report.to_json(), indent=1)}")
    assert report.sees  # the positive control
    assert report.private.exposure < report.control.exposure  # the noise is another one each time
    assert report.control.membership_auc is not None
    assert report.private.membership_auc is not None
    assert report.control.membership_auc > report.private.membership_auc
    assert report.private.epsilon is not None
    assert math.isfinite(report.private.epsilon)
