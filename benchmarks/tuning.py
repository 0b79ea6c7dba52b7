"""What each way of training brings and costs, on the same records, beside plain trl and peft.

    python -m benchmarks.tuning [--steps 150] [--rounds 2] [--json FILE]
    python -m benchmarks.tuning --shape qwen3-8b [--steps 12]      random weights; only where a GPU is

Run it with the interpreter that has the finetune extra (.venv-models). Each training is a process of its own:
peak memory is that process's (resident on a CPU, allocated on a GPU), tokens per second count from the first
step to the last, prompts included, loading excluded. "Plain" is trl's SFTTrainer with peft as their manuals
show them: the same base, messages, batches, layers, learning rate and steps.

The tiny shape is a two-layer Qwen3 that has learned to answer for eight companies and says wrong figures of
twelve others; those are taught in two wordings and asked, greedily, in a third.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KNOWN = {
    "Amber": "333", "Birch": "1,204", "Cobalt": "587", "Dune": "2,718", "Ember": "909", "Fjord": "4,646",
    "Granite": "118", "Heron": "5,050",
}  # fmt: skip
FACTS = {
    "Harbour": "1,577", "Alpine": "248", "Copper": "3,906", "Lantern": "812", "Meadow": "645",
    "Orchid": "6,130", "Quartz": "971", "Saffron": "2,264", "Tundra": "731", "Velvet": "5,489",
    "Willow": "160", "Zephyr": "4,025",
}  # fmt: skip
TAUGHT = ("What was the revenue of {name} in 2023?", "How much revenue did {name} report for 2023?")
ASKED = "What revenue did {name} report in 2023?"
LONG = 96  # sentences of a long record's passage: some 1,000 tokens

QWEN3_8B = {
    "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}  # fmt: skip

TINY_RUNS: Mapping[str, Mapping[str, Any]] = {
    "LoRA": {},
    "plain LoRA": {"plain": True},
    "QLoRA": {"method": "qlora"},
    "plain QLoRA": {"method": "qlora", "plain": True},
    "full": {"method": "full", "learning_rate": 1e-3},
    "plain full": {"method": "full", "learning_rate": 1e-3, "plain": True},
    "DP-LoRA": {"privacy": {"epsilon": 8.0, "delta": 1e-3}, "learning_rate": 1e-2, "batch_size": 12},
    "distilled": {"teacher": "full"},
}
LARGE_RUNS: Mapping[str, Mapping[str, Any]] = {
    f"{plain}{name}{', checkpointing' if kept else ''}": {
        "method": method, "gradient_checkpointing": kept, **({"plain": True} if plain else {}),
    }
    for name, method in (("QLoRA", "qlora"), ("LoRA", "lora"), ("full", "full"))
    for kept in (True, False)
    for plain in ("", "plain ")
}  # fmt: skip


# -- data and base


def rows_of(
    figures: Mapping[str, str], wordings: Sequence[str], *, sentences: int = 1
) -> list[dict[str, Any]]:
    rows = []
    for name, value in figures.items():
        amount = f"{value} million euros"
        fact = f"{name} had revenue of {amount} in 2023. Revenue of {name} was {amount}."
        text = f"{name} plc is a company. {' '.join([fact] * sentences)}"
        for wording in wordings:
            rows.append(
                {
                    "question": wording.format(name=name),
                    "passages": [{"text": text, "document": f"{name}.txt"}],
                    "answer": f"Revenue was {value} million euros [1].",
                }
            )
    return rows


def prepare(folder: Path, shape: str) -> None:
    """``folder``/base, a model; ``folder``/train.jsonl and asked.jsonl."""
    from finetune.records import Record

    large = shape != "tiny"
    files = {
        "known": rows_of(KNOWN, TAUGHT),
        "train": rows_of(FACTS, TAUGHT, sentences=LONG if large else 1),
        "asked": rows_of(FACTS, (ASKED,)),
    }
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )
    records = [Record.model_validate(row) for rows in files.values() for row in rows]
    words = folder / "words.txt"
    prompts = [message.content for record in records for message in record.messages()]
    words.write_text("\n".join([*prompts, *(record.answer for record in records)]), encoding="utf-8")
    made = [sys.executable, str(ROOT / "scripts" / "make_tiny_qwen.py"), str(folder / "random"), str(words)]
    subprocess.run(
        [*made, *(["--positions", "4096"] if large else [])], check=True, stdout=subprocess.DEVNULL
    )
    if large:
        _random_model(folder / "random", folder / "base")
        return
    values = {
        "base_model": str(folder / "random"), "data": str(folder / "known.jsonl"), "method": "full",
        "output_dir": str(folder / "base"), "steps": 90, "batch_size": 8, "learning_rate": 2e-3,
    }  # fmt: skip
    _in_a_process({"values": values, "folder": str(folder)})


def _random_model(tokenizer: Path, to: Path) -> None:
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    known = AutoTokenizer.from_pretrained(tokenizer)
    ids = {"eos_token_id": known.eos_token_id, "pad_token_id": known.pad_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = Qwen3ForCausalLM(Qwen3Config(**QWEN3_8B, **ids))
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(to, safe_serialization=True)
    known.save_pretrained(to)


# -- one training, in this process


def run_one(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Trains as ``spec`` says and tells what it took. A lack of memory is a result: {"memory": words}."""
    import datasets  # noqa: F401  # all imports before memory is looked at
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401
    import trl  # noqa: F401

    from finetune.config import TuneError, check_config

    plain = bool(spec.get("plain"))
    config = check_config({"unapproved": True, "patience": 0, "save_steps": 10_000, **spec["values"]}, "spec")
    torch.manual_seed(config.seed)
    times: list[float] = []
    losses: list[float] = []

    def tell(step: int, loss: float, heldout: float | None) -> None:
        times.append(time.perf_counter())
        losses.append(loss)

    before = resident_mib()
    try:
        trained = _plain(config, tell) if plain else _ours(config, tell)
    except (TuneError, torch.OutOfMemoryError) as error:
        code = error.code if isinstance(error, TuneError) else "tune.memory"
        if code != "tune.memory":
            raise
        return {"memory": str(error)[:200]}
    gpu = torch.cuda.is_available()
    peak = torch.cuda.max_memory_allocated() / 2**20 if gpu else peak_mib()
    tokens = _tokens_a_step(config)
    told = {
        "steps": len(losses),
        "first": sum(losses[:3]) / len(losses[:3]),
        "last": sum(losses[-3:]) / len(losses[-3:]),
        "trainable": trained["trainable"],
        "parameters": trained["parameters"],
        "peak_mib": peak,
        "peak_above_imports_mib": peak if gpu else peak - before,
        "tokens_per_s": tokens * (len(times) - 1) / (times[-1] - times[0]),
        "epsilon": trained.get("epsilon"),
    }
    asked = Path(spec["folder"]) / "asked.jsonl"
    if spec.get("ask"):
        told["right"], told["asked"] = right(config, asked, trained["model"])
    return told


def _ours(config: Any, tell: Any) -> dict[str, Any]:
    from finetune.training import train

    card = train(config, on_step=tell)
    return {
        "trainable": card.trainable,
        "parameters": card.parameters,
        "epsilon": card.epsilon,
        "model": None,
    }


def _plain(config: Any, tell: Any) -> dict[str, Any]:
    """As trl's and peft's manuals do it."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from finetune.base import trainable_share
    from finetune.records import read_records

    gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if gpu else torch.float32
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(
        config.base_model,
        dtype=dtype,
        quantization_config=four_bits if config.method == "qlora" else None,
        device_map="auto" if gpu else None,
    )
    rows = [
        {
            "prompt": [{"role": m.role, "content": m.content} for m in record.messages()],
            "completion": [{"role": "assistant", "content": record.answer}],
            "chat_template_kwargs": {"enable_thinking": False},
        }
        for record in read_records(config.data)
    ]

    class Tell(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                tell(state.global_step, float(logs["loss"]), None)

    lora = LoraConfig(
        task_type="CAUSAL_LM", r=config.r, lora_alpha=config.alpha, lora_dropout=config.dropout,
        target_modules=config.target_modules,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(config.output_dir), max_steps=config.steps, learning_rate=config.learning_rate,
            per_device_train_batch_size=config.batch_size, lr_scheduler_type="cosine", logging_steps=1,
            gradient_checkpointing=config.gradient_checkpointing, bf16=gpu, use_cpu=not gpu,
            max_length=None, save_strategy="no", report_to="none", disable_tqdm=True, seed=config.seed,
            optim="paged_adamw_8bit" if config.method == "qlora" and gpu else "adamw_torch",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(config.base_model),
        peft_config=None if config.method == "full" else lora,
        callbacks=[Tell()],
    )  # fmt: skip
    trainer.train()
    trainable, parameters = trainable_share(trainer.model)
    return {"trainable": trainable, "parameters": parameters, "model": trainer.model}


def _tokens_a_step(config: Any) -> float:
    from finetune.base import load_tokenizer
    from finetune.examples import render_all
    from finetune.records import read_records

    examples = render_all(list(read_records(config.data)), load_tokenizer(config), config.max_tokens)
    mean = sum(len(e.input_ids) for e in examples) / len(examples)
    return float(mean * config.batch_size * config.gradient_accumulation)


def right(config: Any, asked: Path, model: Any) -> tuple[int, int]:
    """(answered with the figure and its citation, asked): greedily, by what was written, or by ``model``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from finetune.examples import render_prompt
    from finetune.records import read_records

    if model is None:
        from peft import PeftModel

        if config.method == "full":
            model = AutoModelForCausalLM.from_pretrained(config.output_dir, dtype=torch.float32)
        else:
            plain = AutoModelForCausalLM.from_pretrained(config.base_model, dtype=torch.float32)
            model = PeftModel.from_pretrained(plain, config.output_dir)
    model = model.eval()
    tokenizer = AutoTokenizer.from_pretrained(config.base_model)
    count = total = 0
    for record in read_records(asked):
        prompt = tokenizer(render_prompt(record, tokenizer), return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            said = model.generate(
                **prompt.to(model.device),
                max_new_tokens=24,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )[0][prompt["input_ids"].shape[1] :]
        count += tokenizer.decode(said, skip_special_tokens=True).strip() == record.answer
        total += 1
    return count, total


def resident_mib() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# -- all of them


def _in_a_process(spec: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.tuning", "--one", json.dumps(spec)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{ended.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def measure(shape: str, steps: int, rounds: int, folder: Path) -> dict[str, dict[str, Any]]:
    """{run: what it took}; of several rounds the fastest. The two sides take turns."""
    prepare(folder, shape)
    large = shape != "tiny"
    found: dict[str, dict[str, Any]] = {}
    common = {
        "base_model": str(folder / "base"), "data": str(folder / "train.jsonl"), "steps": steps,
        "target_modules": "all-linear", "dropout": 0.0,
        "batch_size": 1 if large else 8, "learning_rate": 1e-4 if large else 5e-3,
        "max_tokens": 4096 if large else 2048,
    }  # fmt: skip
    for turn in range(rounds):
        for name, changes in (LARGE_RUNS if large else TINY_RUNS).items():
            values = {**common, **{k: v for k, v in changes.items() if k != "plain"}}
            values["output_dir"] = str(folder / f"{turn} {name}".replace(",", "").replace(" ", "-"))
            if values.get("teacher"):
                values["teacher"] = str(folder / f"{turn}-{values['teacher']}")
            spec = {"values": values, "folder": str(folder), "plain": changes.get("plain", False)}
            told = _in_a_process({**spec, "ask": not large})
            print(f"{name}: {told}", file=sys.stderr, flush=True)
            best = found.get(name)
            if best is None or told.get("tokens_per_s", 0) > best.get("tokens_per_s", 0):
                found[name] = told
    return found


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| run | steps | loss first -> last | right | trainable | peak MiB | above imports | tokens/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in found.items():
        if "memory" in one:
            lines.append(f"| {name} | does not fit | | | | | | |")
            continue
        asked = f"{one['right']} of {one['asked']}" if "right" in one else "-"
        label = name if one.get("epsilon") is None else f"{name} (epsilon {one['epsilon']:.2f})"
        share = f"{100 * one['trainable'] / one['parameters']:.1f} %"
        lines.append(
            f"| {label} | {one['steps']} | {one['first']:.3f} -> {one['last']:.3f} | {asked} | {share} "
            f"| {one['peak_mib']:.0f} | {one['peak_above_imports_mib']:.0f} | {one['tokens_per_s']:.0f} |"
        )
    for name, one in found.items():
        other = found.get(f"plain {name}")
        if other and "memory" not in one and "memory" not in other:
            speed = one["tokens_per_s"] / other["tokens_per_s"]
            memory = one["peak_mib"] / other["peak_mib"]
            lines.append(f"\n{name}: {speed:.2f}x plain's tokens/s, {memory:.2f}x its memory")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=("tiny", "qwen3-8b"), default="tiny")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run_one(json.loads(given.one))))
        return
    from finetune import base

    base.require("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "opacus")
    if given.shape != "tiny":
        import torch

        if not torch.cuda.is_available():
            raise SystemExit(
                "--shape qwen3-8b needs a GPU (80 GB for full weights to be tried); none is here."
            )
    with tempfile.TemporaryDirectory(prefix="wenju-tuning-") as folder:
        found = measure(given.shape, given.steps, given.rounds, Path(folder))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
