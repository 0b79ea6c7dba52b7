"""A trained adapter made into a model of its own: merged, and quantised through bitsandbytes.

Promises: the merged model says what base and adapter say together, to a tolerance that is measured before
anything is written; NF4 weights are written so that they load as they are; whole or not at all, with the
adapter's card beside. What quantising changed is told, not hidden.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune import base
from finetune.config import TuneError, check_config
from finetune.live import check_folder
from finetune.probe import PROBES

TOLERANCE = 2e-2  # of logits whose spread is some units; float32 rounding stays far below


@dataclass(frozen=True, slots=True)
class Merged:
    """``difference``: largest one between logits of base + adapter and of the merged model, before
    quantising; ``quantised_difference`` after, None when it was not; ``same_next``: share of positions
    with the same most likely token; ``bytes``: of the weights written."""

    folder: Path
    difference: float
    quantised_difference: float | None
    same_next: float
    bytes: int


def merge(adapter: Path, output: Path, *, quantise: str = "") -> Merged:
    """Writes ``output``. ``quantise``: "" (the base's width) or "nf4". Raises TuneError."""
    base.require("torch", "transformers", "peft", *(("bitsandbytes",) if quantise else ()))
    if output.exists():
        raise TuneError("tune.exists", path=output)
    card = check_folder(adapter, adapter.parent)
    config = check_config({**card.config, "method": "lora", "privacy": None, "dtype": "float32"}, adapter)
    if card.method == "full":
        raise TuneError("tune.nothing_to_merge", path=adapter)

    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    tokenizer = base.load_tokenizer(config)
    plain = base.load_base(config)
    with_adapter = PeftModel.from_pretrained(plain, str(adapter)).eval()
    before = _logits(with_adapter, tokenizer)
    merged = with_adapter.merge_and_unload()
    after = _logits(merged, tokenizer)
    difference = float((before - after).abs().max())
    if not difference <= TOLERANCE:  # also NaN
        raise TuneError("tune.merge_differs", difference=f"{difference:.4f}", most=TOLERANCE)
    part = output.with_name(output.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    merged.config.use_cache = True
    merged.save_pretrained(part, safe_serialization=True)
    tokenizer.save_pretrained(part)
    quantised = None
    if quantise:
        from transformers import BitsAndBytesConfig

        smaller: Any = AutoModelForCausalLM.from_pretrained(
            part,
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.float32 if config.device == "cpu" else torch.bfloat16,
            ),
            device_map={"": base.device_of(config)},
            use_safetensors=True,
        ).eval()
        last = _logits(smaller, tokenizer)
        quantised = float((before - last).abs().max())
        shutil.rmtree(part)
        smaller.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
        after = last
    words = {**card.model_dump(mode="json"), "merged_from": adapter.name, "quantised": quantise}
    (part / "merged.json").write_text(
        json.dumps(words, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    part.rename(output)
    return Merged(
        folder=output,
        difference=difference,
        quantised_difference=quantised,
        same_next=float((before.argmax(-1) == after.argmax(-1)).float().mean()),
        bytes=sum(path.stat().st_size for path in output.glob("*.safetensors")),
    )


def _logits(model: Any, tokenizer: Any) -> Any:
    """Of the probes' conversations, shape (positions, vocabulary), float32 on the CPU."""
    import torch

    rows = []
    device = next(model.parameters()).device
    for messages in PROBES:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"].to(device)
        with torch.no_grad():
            rows.append(model(input_ids=ids).logits[0].float().cpu())
    return torch.cat(rows)
