"""LoRA training of the chat model (Hu et al. 2021, arXiv:2106.09685) with peft and transformers.

Promises: the prompt is the one that serving uses, rendered with the model's own chat template; only the
answer's tokens are learned from; records that do not fit are left out and counted, never cut; the same seed
gives the same losses on one machine; the adapter is safetensors, written whole or not at all, with a card
that says what it was made from; weights are loaded without running code of the model's author.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from finetune.config import LoraTraining, TuneError
from finetune.records import Record, read_records

IGNORED = -100  # label that the loss leaves out
CARD = "card.json"


class Card(BaseModel):
    """What an adapter is: kept beside it as card.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    base_model: str
    revision: str
    data_sha256: str
    records: int
    left_out: int  # longer than max_tokens
    prompt_version: str
    created_at: datetime
    versions: dict[str, str]
    config: dict[str, Any]
    losses: list[float]  # mean loss of each optimizer step


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of prompt and answer; ``labels`` are IGNORED over the prompt."""

    input_ids: list[int]
    labels: list[int]


def train_lora(config: LoraTraining, on_step: Callable[[int, float], None] | None = None) -> Card:
    """Trains, writes ``config.output_dir`` (adapter, tokenizer, card.json) and returns the card.
    ``on_step(step, loss)`` follows every optimizer step. Raises TuneError."""
    _require("torch", "transformers", "peft")
    if config.output_dir.exists():
        raise TuneError("tune.exists", path=config.output_dir)
    records = list(read_records(config.data))

    import torch

    random.seed(config.seed)
    torch.manual_seed(config.seed)
    tokenizer, model = _load(config)
    examples = [example for r in records if (example := render(r, tokenizer, config.max_tokens)) is not None]
    if not examples:
        raise TuneError("tune.empty", path=config.data, max_tokens=config.max_tokens)
    losses = _train(config, model, examples, tokenizer.pad_token_id or tokenizer.eos_token_id or 0, on_step)
    card = Card(
        base_model=config.base_model,
        revision=config.revision or str(getattr(model.config, "_commit_hash", None) or ""),
        data_sha256=hashlib.sha256(config.data.read_bytes()).hexdigest(),
        records=len(examples),
        left_out=len(records) - len(examples),
        prompt_version=_prompt_version(),
        created_at=datetime.now(UTC),
        versions=_versions(),
        config=config.model_dump(mode="json"),
        losses=[round(loss, 6) for loss in losses],
    )
    _save(config.output_dir, model, tokenizer, card)
    return card


def render(record: Record, tokenizer: Any, max_tokens: int) -> Example | None:
    """Prompt and answer as the model's chat template writes them; None when longer than ``max_tokens``."""
    messages = [{"role": m.role, "content": m.content} for m in record.messages()]
    prompt: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    prompt_ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids: list[int] = tokenizer(record.answer, add_special_tokens=False)["input_ids"]
    if tokenizer.eos_token_id is not None:
        answer_ids = [*answer_ids, tokenizer.eos_token_id]
    if len(prompt_ids) + len(answer_ids) > max_tokens:
        return None
    return Example(prompt_ids + answer_ids, [IGNORED] * len(prompt_ids) + answer_ids)


def batches(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Positions 0..count-1 in batches of ``size``, shuffled anew for every pass, without end."""
    rng = random.Random(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            order = list(range(count))
            rng.shuffle(order)
            waiting += order
        batch, waiting = waiting[:size], waiting[size:]
        yield batch


def learning_rate_share(step: int, steps: int, warmup: int) -> float:
    """Share of the learning rate at ``step`` (0-based): linear warm-up, then a cosine down to zero."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _load(config: LoraTraining) -> tuple[Any, Any]:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = config.device if config.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    wanted = config.dtype if config.dtype != "auto" else ("bfloat16" if device != "cpu" else "float32")
    common = {"revision": config.revision or None, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(config.base_model, **common)
        model = AutoModelForCausalLM.from_pretrained(
            config.base_model, dtype=getattr(torch, wanted), use_safetensors=True, **common
        )
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:300]
        raise TuneError("tune.config", path=config.base_model, problem=problem) from error
    model.to(device)  # before peft wraps it
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=list(config.target_modules),
        revision=config.revision or None,
    )
    try:
        return tokenizer, get_peft_model(model, lora)
    except ValueError as error:
        raise TuneError(
            "tune.targets", model=config.base_model, targets=", ".join(config.target_modules)
        ) from error


def _train(
    config: LoraTraining,
    model: Any,
    examples: Sequence[Example],
    pad: int,
    on_step: Callable[[int, float], None] | None,
) -> list[float]:
    import torch

    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_share(step, config.steps, config.warmup_steps)
    )
    order = batches(len(examples), config.batch_size, config.seed)
    losses: list[float] = []
    model.train()
    for step in range(1, config.steps + 1):
        total = 0.0
        for _ in range(config.gradient_accumulation):
            batch = _collate([examples[i] for i in next(order)], pad, model.device)
            loss = model(**batch).loss / config.gradient_accumulation
            loss.backward()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise TuneError("tune.not_finite", loss=total, step=step, learning_rate=config.learning_rate)
        torch.nn.utils.clip_grad_norm_(weights, config.max_gradient_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(total)
        if on_step is not None:
            on_step(step, total)
    model.eval()
    return losses


def _collate(examples: Sequence[Example], pad: int, device: Any) -> dict[str, Any]:
    """Padded on the right to the longest of the batch."""
    import torch

    width = max(len(e.input_ids) for e in examples)

    def padded(rows: list[list[int]], filler: int) -> Any:
        return torch.tensor([row + [filler] * (width - len(row)) for row in rows], device=device)

    return {
        "input_ids": padded([e.input_ids for e in examples], pad),
        "attention_mask": padded([[1] * len(e.input_ids) for e in examples], 0),
        "labels": padded([e.labels for e in examples], IGNORED),
    }


def _save(folder: Path, model: Any, tokenizer: Any, card: Card) -> None:
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    model.save_pretrained(beside, safe_serialization=True)
    tokenizer.save_pretrained(beside)
    words = json.dumps(card.model_dump(mode="json"), ensure_ascii=False, indent=2)
    (beside / CARD).write_text(words + "\n", encoding="utf-8")
    beside.rename(folder)


def _prompt_version() -> str:
    from rag.answer.prompts import training_version

    return training_version()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft")}


def _require(*modules: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise TuneError("tune.extra", missing=", ".join(missing))
