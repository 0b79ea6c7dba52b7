"""Adapters are really trained, saved, loaded again and found unchanged, on a tiny random Qwen3.

Needs torch, transformers and peft: `make test-integration` runs it in the environment that has them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finetune.config import Training, TuneError
from finetune.training import CARD, Card, train

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        bool(MISSING) and not os.environ.get("WENJU_REQUIRE_INTEGRATION"),
        reason=f"{', '.join(MISSING)} not installed here; `make test-integration` runs this with them",
    ),
]

RECORDS = [
    {
        "question": "How large was revenue in fiscal 2024?",
        "passages": [
            {"text": "Total revenue was 531,128 in fiscal 2024.", "document": "report.pdf", "page": 8}
        ],
        "answer": "Revenue was 531,128 [1].",
    },
    {
        "question": "公司2024年营业收入是多少？",
        "passages": ["2024年，公司实现营业收入186,425万元。", "研发费用20,507万元。"],
        "answer": "营业收入为186,425万元[1]。",
    },
    {
        "question": "What will the weather be?",
        "passages": [],
        "answer": "There is no answer in them.",
    },
]

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen")
    script = ROOT / "scripts" / "make_tiny_qwen.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True, timeout=180)
    return folder


@pytest.fixture
def config(base: Path, tmp_path: Path) -> Training:
    data = tmp_path / "records.jsonl"
    data.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in RECORDS * 3), encoding="utf-8")
    return Training(
        base_model=str(base), data=data, output_dir=tmp_path / "adapter", target_modules=LINEAR, steps=20,
        learning_rate=5e-2, dropout=0.0, batch_size=9, dtype="float32", device="cpu", unapproved=True,
    )  # fmt: skip


def _logits(model: Any, tokenizer: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(**tokenizer("Revenue was 531,128 [1].", return_tensors="pt")).logits


def _loaded(base: Path, adapter: Path) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(plain, adapter).eval()


def test_loss_falls_and_the_adapter_loads_again(config: Training, base: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    steps: list[int] = []
    card = train(config, on_step=lambda step, loss, heldout: steps.append(step))
    assert steps == list(range(1, 21))
    assert sum(card.losses[-3:]) / 3 < card.losses[0] - 0.3, card.losses

    kept = Card.model_validate_json((config.output_dir / CARD).read_text(encoding="utf-8"))
    assert kept.losses == card.losses
    assert (kept.records, kept.left_out) == (9, 0)
    assert len(kept.data_sha256) == 64
    assert kept.config["r"] == 16
    assert not list(config.output_dir.glob("*.bin"))  # safetensors only
    adapter = json.loads((config.output_dir / "adapter_config.json").read_text(encoding="utf-8"))
    assert (adapter["r"], adapter["lora_alpha"], sorted(adapter["target_modules"])) == (
        16,
        32,
        sorted(LINEAR),
    )

    tokenizer = AutoTokenizer.from_pretrained(config.output_dir)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    before = _logits(plain, tokenizer)
    tuned = PeftModel.from_pretrained(plain, config.output_dir).eval()
    after = _logits(tuned, tokenizer)
    again = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config.output_dir
    ).eval()
    assert torch.equal(after, _logits(again, tokenizer))
    assert torch.isfinite(after).all()
    assert (after - before).abs().max() > 1e-3  # it changes what the model says


def test_same_seed_same_losses(config: Training) -> None:
    import torch

    torch.set_num_threads(1)
    short = config.model_copy(update={"steps": 3})
    other = short.model_copy(update={"output_dir": config.output_dir.with_name("again")})
    assert train(short).losses == train(other).losses


def test_prompt_is_masked_and_answer_learned(config: Training, base: Path) -> None:
    from transformers import AutoTokenizer

    from finetune.examples import IGNORED, render
    from finetune.records import Record

    tokenizer = AutoTokenizer.from_pretrained(base)
    example = render(Record.model_validate(RECORDS[0]), tokenizer, 4096)
    assert example is not None
    learned = [
        token for token, label in zip(example.input_ids, example.labels, strict=True) if label != IGNORED
    ]
    assert (
        tokenizer.decode(learned, skip_special_tokens=False)
        == "Revenue was 531,128 [1]." + tokenizer.eos_token
    )
    prompt = tokenizer.decode(example.input_ids[: -len(learned)], skip_special_tokens=False)
    assert "Total revenue was 531,128" in prompt
    assert "Revenue was 531,128 [1]" not in prompt
    assert render(Record.model_validate(RECORDS[0]), tokenizer, 20) is None


def test_what_cannot_be_trained_is_named(config: Training) -> None:
    with pytest.raises(TuneError, match="no_such_layer"):
        train(config.model_copy(update={"target_modules": ("no_such_layer",)}))
    with pytest.raises(TuneError, match="max_tokens"):
        train(config.model_copy(update={"max_tokens": 16}))
    with pytest.raises(TuneError, match="no-such-model"):
        train(config.model_copy(update={"base_model": str(config.data.parent / "no-such-model")}))
    config.output_dir.mkdir()
    with pytest.raises(TuneError, match="exists"):
        train(config)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "qlora"},
        {"method": "full", "learning_rate": 5e-3},
        {"rslora": True, "target_modules": "all-linear", "learning_rate": 1e-2},
        {"dora": True},
        {"gradient_checkpointing": True},
    ],
    ids=lambda changes: next(iter(changes)) + "_" + str(next(iter(changes.values()))),
)
def test_every_method_learns_and_loads_again(config: Training, base: Path, changes: dict[str, Any]) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    config = config.model_copy(update=changes)
    card = train(config)
    assert len(card.losses) == config.steps
    assert sum(card.losses[-3:]) / 3 < card.losses[0] - 0.3, card.losses
    assert 0 < card.trainable <= card.parameters
    assert (card.trainable == card.parameters) == (config.method == "full")
    tokenizer = AutoTokenizer.from_pretrained(config.output_dir)

    def load() -> Any:
        if config.method == "full":
            return AutoModelForCausalLM.from_pretrained(config.output_dir, dtype=torch.float32).eval()
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        return PeftModel.from_pretrained(plain, config.output_dir).eval()

    first = _logits(load(), tokenizer)
    assert torch.isfinite(first).all()
    assert torch.equal(first, _logits(load(), tokenizer))


def test_a_killed_run_goes_on_and_ends_the_same(config: Training) -> None:
    import torch

    torch.set_num_threads(1)
    config = config.model_copy(update={"steps": 8, "save_steps": 2, "target_modules": ("q_proj", "v_proj")})
    whole = train(config.model_copy(update={"output_dir": config.output_dir.with_name("whole")}))

    class Killed(BaseException):
        pass

    def die(step: int, loss: float, heldout: float | None) -> None:
        if step == 5:
            raise Killed

    with pytest.raises(Killed):
        train(config, on_step=die)
    assert not config.output_dir.exists()
    [work] = config.output_dir.parent.glob(".adapter.*.work")
    half = work / "checkpoints" / "checkpoint-6"  # as if the kill had come in the middle of a save
    half.mkdir()
    (half / "trainer_state.json").write_text("{")
    steps: list[int] = []
    again = train(config, on_step=lambda step, loss, heldout: steps.append(step))
    assert steps == [5, 6, 7, 8]
    assert again.losses == pytest.approx(whole.losses, abs=1e-4)
    assert not work.exists()


def test_training_stops_when_the_heldout_loss_does_not_fall(config: Training) -> None:
    import torch

    torch.set_num_threads(1)
    other = config.data.with_name("heldout.jsonl")
    row = {"question": "Which colour?", "passages": ["The sky is blue."], "answer": "zzz qqq xxx 999 [1]."}
    other.write_text(json.dumps(row) + "\n", encoding="utf-8")
    card = train(config.model_copy(update={"heldout": other, "eval_steps": 1, "patience": 2, "steps": 40}))
    assert len(card.heldout_losses) == len(card.losses) < 40


def test_divergence_and_a_missing_template_are_told(config: Training, base: Path, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(TuneError) as error:
        train(config.model_copy(update={"method": "full", "learning_rate": 1e30, "max_gradient_norm": 1e30}))
    assert error.value.code == "tune.not_finite"
    bare = tmp_path / "bare"
    shutil.copytree(base, bare)
    (bare / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((bare / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (bare / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(TuneError) as error:
        train(config.model_copy(update={"base_model": str(bare)}))
    assert error.value.code == "tune.no_template"


def test_the_plan_counts_what_the_model_has(config: Training) -> None:
    from finetune.plan import operations_per_s, plan, smaller

    found = plan(config, operations_per_s=1e9)
    card = train(config.model_copy(update={"steps": 1}))
    assert (found.parameters + found.trainable, found.trainable) == (card.parameters, card.trainable)
    assert found.fits
    assert found.seconds
    assert operations_per_s(config) > 1e8
    taught = plan(config.model_copy(update={"teacher": config.base_model}), operations_per_s=1e9)
    assert taught.weights_gb > 1.5 * found.weights_gb
    assert not plan(config.model_copy(update={"max_tokens": 10**7})).fits
    steps = []
    for _ in range(6):
        steps.append(smaller(config))
        values = dict(part.split(": ") for part in steps[-1].split(", ") if ": " in part)
        config = config.model_copy(
            update={
                k: int(v) if v.isdigit() else v == "true" if v == "true" else v for k, v in values.items()
            }
        )
    assert steps[0] == "gradient_checkpointing: true"
    assert "batch_size: 4" in steps[1]


def test_a_teacher_is_learned_from_and_must_share_the_tokens(
    config: Training, base: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    teacher = tmp_path / "teacher"
    few = config.model_copy(update={"batch_size": 3, "steps": 4, "learning_rate": 1e-3})
    train(few.model_copy(update={"method": "full", "output_dir": teacher}))
    taught = few.model_copy(update={"teacher": str(teacher), "steps": 20, "learning_rate": 1e-2})
    card = train(taught)
    assert len(card.losses) == 20
    assert sum(card.losses[-3:]) < sum(card.losses[:3]), card.losses
    first, second = (_loaded(base, taught.output_dir) for _ in range(2))
    tokenizer = AutoTokenizer.from_pretrained(taught.output_dir)
    assert torch.equal(_logits(first, tokenizer), _logits(second, tokenizer))
    tokens = json.loads((teacher / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["model"]["vocab"] = {f"{token}x": number for token, number in tokens["model"]["vocab"].items()}
    tokens["model"]["merges"] = []
    (teacher / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    with pytest.raises(TuneError) as caught:
        train(taught.model_copy(update={"output_dir": tmp_path / "other"}))
    assert caught.value.code == "tune.teacher_tokens"


def test_a_merged_model_says_what_base_and_adapter_say(config: Training, base: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from finetune.compress import merge

    torch.set_num_threads(1)
    train(config.model_copy(update={"steps": 5}))
    made = merge(config.output_dir, tmp_path / "merged")
    assert (made.difference < 1e-3, made.quantised_difference) == (True, None)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(plain, config.output_dir).eval()
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32).eval()
    assert torch.allclose(_logits(adapted, tokenizer), _logits(whole, tokenizer), atol=1e-3)
    small = merge(config.output_dir, tmp_path / "small", quantise="nf4")
    assert small.bytes < 0.7 * made.bytes
    assert small.quantised_difference is not None
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "small").eval()
    assert torch.isfinite(_logits(loaded, tokenizer)).all()
    with pytest.raises(TuneError) as caught:
        merge(config.output_dir, tmp_path / "merged")
    assert caught.value.code == "tune.exists"
