"""Differentially private training: DP-SGD on the adapter's weights (Abadi et al. 2016, arXiv:1607.00133),
with Opacus and its accountant.

Promises: each unit of privacy (a record; or a conversation, document or contributor, of which then one
record is kept) is drawn into a step by chance (Poisson) and its gradient clipped by itself; the noise is the
least that keeps the asked epsilon at the asked delta over all steps; delta is below one in the number of
units; the noise comes from the operating system's randomness, not from the seed that stands on the card;
losses of the private records are not kept. What was spent is what the accountant says (Renyi, Mironov 2017,
arXiv:1702.07476).
"""

from __future__ import annotations

import hashlib
import itertools
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune import base
from finetune.config import Privacy, Training, TuneError
from finetune.examples import IGNORED, Example
from finetune.records import Record

if TYPE_CHECKING:
    from finetune.training import OnStep

ACCOUNTANT = "rdp"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a private run guarantees, for the card. ``clip``: bound of one unit's gradient (L2 norm)."""

    epsilon: float
    delta: float
    unit: str
    units: int
    noise_multiplier: float
    sample_rate: float
    steps: int
    clip: float
    accountant: str = ACCOUNTANT

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def one_per_unit(records: Sequence[Record], unit: str) -> list[Record]:
    """At most one record of each unit, chosen by hash: leaving a unit out then changes one record. Records of
    no conversation, document or contributor stand for themselves."""
    if unit == "record":
        return list(records)
    seen: set[str] = set()
    chosen: set[int] = set()
    for row in sorted(range(len(records)), key=lambda row: _order(records[row])):
        record = records[row]
        named = {
            "conversation": {record.conversation},
            "document": set(record.documents),
            "contributor": {record.contributor},
        }[unit] - {""}
        if not named & seen:
            chosen.add(row)
            seen |= named
    return [record for row, record in enumerate(records) if row in chosen]


def _order(record: Record) -> str:
    return hashlib.sha256(f"unit {record.id} {record.origin}".encode()).hexdigest()


def train_private(
    config: Training,
    privacy: Privacy,
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    heldout: Sequence[Example],
    on_step: OnStep | None = None,
) -> tuple[Any, Spent, dict[int, float]]:
    """Trains ``model`` (already wrapped by peft, on its device) and returns it, what was spent, and held-out
    losses by step (0: before). Raises TuneError for a delta that promises nothing and for an adapter that
    came out empty or broken."""
    base.require("opacus")
    import torch
    from opacus import PrivacyEngine
    from opacus.accountants.utils import get_noise_multiplier
    from torch.utils.data import DataLoader, TensorDataset

    count = len(examples)
    if privacy.delta >= 1 / count:
        raise TuneError("tune.delta", delta=privacy.delta, units=count, most=f"{0.1 / count:.1e}")
    logical = min(config.batch_size * config.gradient_accumulation, count)
    loader = DataLoader(
        TensorDataset(*padded(examples, tokenizer.pad_token_id)),
        batch_size=logical,
        generator=_unpredictable("cpu"),
    )
    rate = 1 / len(loader)  # what Opacus samples with
    try:
        noise = get_noise_multiplier(
            target_epsilon=privacy.epsilon,
            target_delta=privacy.delta,
            sample_rate=rate,
            steps=config.steps,
            accountant=ACCOUNTANT,
        )
    except ValueError as error:
        raise TuneError("tune.epsilon", epsilon=privacy.epsilon, delta=privacy.delta) from error
    device = base.device_of(config)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
    model.train()
    engine = PrivacyEngine(accountant=ACCOUNTANT)
    wrapped, optimizer, loader = engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=noise,
        max_grad_norm=privacy.clip,
        poisson_sampling=True,
        noise_generator=_unpredictable(device),
    )
    told = {0: mean_loss(model, heldout, tokenizer.pad_token_id, config.batch_size)} if heldout else {}
    step = 0
    while step < config.steps:
        for batch in itertools.islice(loader, config.steps - step):
            for group in optimizer.param_groups:  # cosine, like the other methods
                group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))
            size = config.batch_size
            pieces = [[part[n : n + size] for part in batch] for n in range(0, max(1, len(batch[0])), size)]
            total = 0.0
            for number, piece in enumerate(pieces, 1):
                losses = _example_losses(wrapped, [part.to(device) for part in piece])
                losses.mean().backward()
                total += float(losses.detach().sum())
                optimizer.signal_skip_step(number < len(pieces))  # clipped and summed; noise with the last
                optimizer.step()
                optimizer.zero_grad()
            step += 1
            heldout_loss = None
            if heldout and (step % config.eval_steps == 0 or step == config.steps):
                heldout_loss = told[step] = mean_loss(model, heldout, tokenizer.pad_token_id, size)
            if on_step is not None:
                on_step(step, total / max(1, len(batch[0])), heldout_loss)
    wrapped.remove_hooks()
    _check_weights(weights)
    spent = Spent(
        epsilon=float(engine.get_epsilon(privacy.delta)),
        delta=privacy.delta,
        unit=privacy.unit,
        units=count,
        noise_multiplier=float(noise),
        sample_rate=rate,
        steps=config.steps,
        clip=privacy.clip,
    )
    return model, spent, told


def _unpredictable(device: str) -> Any:
    """A generator that nobody can seed again: who knows the noise can take it off."""
    import torch

    return torch.Generator(device=device).manual_seed(secrets.randbits(63))


def padded(examples: Sequence[Example], pad: int) -> tuple[Any, Any, Any]:
    """(input ids, labels, attention mask), each of shape (examples, longest), int64."""
    import torch

    width = max(len(e.input_ids) for e in examples)

    def rows(values: Sequence[Sequence[int]], fill: int) -> Any:
        return torch.tensor([[*v, *[fill] * (width - len(v))] for v in values], dtype=torch.int64)

    return (
        rows([e.input_ids for e in examples], pad),
        rows([e.labels for e in examples], IGNORED),
        rows([[1] * len(e.input_ids) for e in examples], 0),
    )


def _example_losses(model: Any, batch: Sequence[Any]) -> Any:
    """Mean loss of each example's answer tokens, by itself: an average over the batch's tokens would let one
    example's length change the others' gradients, which no clipping bounds. A batch that chance left empty
    is a row without a loss, so that the step's noise is added all the same."""
    import torch

    ids, labels, mask = batch
    if not len(ids):
        ids = torch.zeros((1, ids.shape[1]), dtype=torch.int64, device=ids.device)
        labels = torch.full_like(ids, IGNORED)
        mask = torch.ones_like(ids)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    wanted = labels[:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), wanted, ignore_index=IGNORED, reduction="none"
    )
    return losses.sum(1) / (wanted != IGNORED).sum(1).clamp(min=1)


def example_losses(model: Any, examples: Sequence[Example], pad: int, batch_size: int) -> list[float]:
    """Mean loss of each example's answer tokens, dropout off; in order."""
    import torch

    training = model.training
    model.eval()
    device = next(model.parameters()).device
    found: list[float] = []
    with torch.no_grad():
        for start in range(0, len(examples), batch_size):
            batch = padded(examples[start : start + batch_size], pad)
            found += _example_losses(model, [part.to(device) for part in batch]).tolist()
    model.train(training)
    return found


def mean_loss(model: Any, examples: Sequence[Example], pad: int, batch_size: int) -> float:
    losses = example_losses(model, examples, pad, batch_size)
    return sum(losses) / len(losses)


def _check_weights(weights: Sequence[Any]) -> None:
    """Opacus has been seen to train adapters that hold nothing, with a normal-looking loss."""
    import torch

    if not all(bool(torch.isfinite(w).all()) for w in weights) or not any(bool(w.any()) for w in weights):
        raise TuneError("tune.private_broken")
