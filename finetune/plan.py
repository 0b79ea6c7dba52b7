"""What a training run will need, before it starts: trainable share, memory, time; and what would fit instead.

Estimates, from counts: weights and gradients by their width, AdamW's two moments in float32 (Kingma and Ba
2015), activations of a decoder layer after Korthikanti et al. 2022 (arXiv:2205.05198, equation 2 without the
attention matrix, which SDPA and FlashAttention never hold), logits in float32, 6 floating-point operations a
parameter and token (Kaplan et al. 2020, arXiv:2001.08361). A teacher adds its weights, a private run a
gradient of each record in a batch. Every record counts as max_tokens long. Measured runs in
docs/experiments.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.config import Training, TuneError

_NF4_BYTES = 0.55  # 4 bits and, doubly quantised, their scales
_CGROUP = Path("/sys/fs/cgroup")
_OVERHEAD_GB = 0.8  # allocator, kernels, buffers


@dataclass(frozen=True, slots=True)
class Plan:
    """Gigabytes of 2**30 bytes. ``seconds``: what the whole run takes at least (nothing but its products, at
    the speed measured here); None when that was not measured."""

    parameters: int
    trainable: int
    weights_gb: float
    optimizer_gb: float
    activations_gb: float
    available_gb: float
    seconds: float | None

    @property
    def total_gb(self) -> float:
        return self.weights_gb + self.optimizer_gb + self.activations_gb + _OVERHEAD_GB

    @property
    def fits(self) -> bool:
        return self.total_gb <= self.available_gb


def plan(config: Training, *, operations_per_s: float | None = None) -> Plan:
    """Reads the base model's config.json and counts on the meta device: no weights are loaded. Raises
    TuneError."""
    from finetune import base

    base.require("torch", "transformers", "peft")
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def shape_of(name: str, revision: str = "") -> Any:
        try:
            return AutoConfig.from_pretrained(name, revision=revision or None, trust_remote_code=False)
        except (OSError, ValueError) as error:
            problem = " ".join(str(error).split())[:300]
            raise TuneError("tune.config", path=name, problem=problem) from error

    def count(shape: Any) -> tuple[Any, int]:
        model = AutoModelForCausalLM.from_config(shape, trust_remote_code=False)
        return model, sum(p.numel() for p in model.parameters())

    shape = shape_of(config.base_model, config.revision)
    with torch.device("meta"):
        model, total = count(shape)
        taught = count(shape_of(config.teacher))[1] if config.teacher else 0
        adapted = base.with_adapter(model, config.model_copy(update={"method": "lora"}))
        added = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    full = config.method == "full"
    trainable = total if full else added
    width = 4 if base.dtype_of(config) == "float32" else 2
    weights = total * (_NF4_BYTES if config.method == "qlora" else width) + (0 if full else added * width)
    weights += taught * width
    optimizer = trainable * (width + 8)
    if config.privacy is not None:
        optimizer += config.batch_size * added * 4
    hidden, layers, vocabulary = shape.hidden_size, shape.num_hidden_layers, shape.vocab_size
    tokens = config.batch_size * config.max_tokens
    layer = 34 * tokens * hidden * (width / 2)
    kept = layers * tokens * hidden * width + layer
    activations = kept if config.gradient_checkpointing else layers * layer
    activations += tokens * vocabulary * 4 * 2
    work = (6.0 * total + 2.0 * taught) * tokens * config.gradient_accumulation * config.steps
    work *= 4 / 3 if config.gradient_checkpointing else 1
    gb = 2.0**30
    return Plan(
        parameters=total,
        trainable=trainable,
        weights_gb=weights / gb,
        optimizer_gb=optimizer / gb,
        activations_gb=activations / gb,
        available_gb=available_gb(base.device_of(config)),
        seconds=work / operations_per_s if operations_per_s else None,
    )


def available_gb(device: str) -> float:
    """Memory of the device that a new process may take now, inside the limit of a container."""
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.mem_get_info(device)[0]) / 2**30
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        most, used = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        free = min(free, max(0, int(most) - int(used)))
    except (OSError, ValueError):  # none, or "max"
        pass
    return free / 2**30


def operations_per_s(config: Training) -> float:
    """What the device does in large products of matrices, measured now in about a quarter of a second."""
    import torch

    from finetune import base

    device = base.device_of(config)
    side = 4096 if device.startswith("cuda") else 768
    one = torch.ones(side, side, device=device, dtype=getattr(torch, base.dtype_of(config)))

    def run(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            made = one @ one
        float(made[0, 0])  # waits for a GPU
        return time.perf_counter() - began

    run(2)
    times = max(1, int(0.2 / max(1e-6, run(1))))
    return 2.0 * side**3 * times / run(times)


def smaller(config: Training) -> str:
    """The setting to change next when memory does not suffice, as a line of the training file."""
    if not config.gradient_checkpointing:
        return "gradient_checkpointing: true"
    if config.batch_size > 1:
        half = config.batch_size // 2
        return f"batch_size: {half}, gradient_accumulation: {config.gradient_accumulation * 2}"
    if config.method == "full":
        return "method: lora"
    if config.method == "lora":
        return "method: qlora"
    if config.max_tokens > 512:
        return f"max_tokens: {config.max_tokens // 2}"
    return "a smaller base_model"
