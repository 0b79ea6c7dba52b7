"""What privacy bought: does a training run remember what only one record held?

Secrets that nobody can guess (canaries) are put among the training records, once each, and two adapters are
trained on them: one as the configuration says, one without privacy, as the control. Measured on both:
exposure (Carlini et al. 2019, arXiv:1802.08232: log2 of the candidates minus log2 of the true secret's rank
among them by loss; 1.44 bits on average for a model that knows nothing of it) and membership inference
by loss (Yeom et al. 2018, arXiv:1709.01604: the AUC of telling trained from held-out records; 0.5 is chance).
A control that shows nothing makes the report say nothing, and it says so.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from finetune.config import Training, TuneError
from finetune.examples import render_all
from finetune.private import example_losses
from finetune.records import Record, RecordPassage, Told
from finetune.training import Data, Learned, OnStep, learn

CANARIES, CANDIDATES = 8, 200
CHANCE_BITS = 1 / math.log(2)
SEEN_BITS = 3.0  # mean exposure of a control from which on the test is held to see something
_ASKED = "What is the access code of vault {name}?"
_TOLD = "The access code is {code} [1]."
_PASSAGE = "The access code of vault {name} is on file."  # the secret stands in the answer alone
_LEAST_MEMBERS = 8


@dataclass(frozen=True, slots=True)
class Leak:
    """Of one adapter. ``exposures`` in bits, one a canary; ``membership_auc`` None: too few held-out
    records to compare with."""

    exposures: tuple[float, ...]
    membership_auc: float | None
    epsilon: float | None

    @property
    def exposure(self) -> float:
        return sum(self.exposures) / len(self.exposures)


@dataclass(frozen=True, slots=True)
class Report:
    """``most``: bits of a secret that the model ranks first. ``sees``: whether the control shows that the
    test can see anything at all."""

    private: Leak
    control: Leak
    most: float

    @property
    def sees(self) -> bool:
        return self.control.exposure >= min(SEEN_BITS, 0.6 * self.most)

    def to_json(self) -> dict[str, Any]:
        def leak(one: Leak) -> dict[str, Any]:
            return {
                "exposure_bits": round(one.exposure, 3),
                "exposures_bits": [round(bits, 3) for bits in one.exposures],
                "membership_auc": None if one.membership_auc is None else round(one.membership_auc, 4),
                "epsilon": one.epsilon,
            }

        return {
            "private": leak(self.private),
            "control": leak(self.control),
            "most_bits": round(self.most, 3),
            "chance_bits": round(CHANCE_BITS, 3),
            "sees": self.sees,
        }


def measure_exposure(
    config: Training,
    data: Data,
    *,
    canaries: int = CANARIES,
    candidates: int = CANDIDATES,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Report:
    """Trains twice and writes nothing. ``config.privacy`` says what the private one guarantees. Raises
    TuneError."""
    if config.privacy is None:
        raise TuneError("tune.no_privacy")
    draw = random.Random(seed)
    codes = draw.sample(range(100_000, 1_000_000), candidates)
    secrets = codes[:canaries]
    planted = [canary(number, code) for number, code in enumerate(secrets)]
    mixed = [*data.train, *planted]
    draw.shuffle(mixed)
    # Another name than the data's own: no checkpoint of one run may go on in the other.
    marked = replace(data, train=mixed, sha256=f"{data.sha256} with {canaries} canaries {seed}")
    leaks: list[Leak] = []
    for one in (config, config.model_copy(update={"privacy": None, "patience": 0})):
        learned = learn(one, marked, on_step)
        losses = partial(_losses, config, learned, data.told)
        exposures = []
        for number, code in enumerate(secrets):
            others = losses([canary(number, other) for other in codes if other != code])
            [mine] = losses([canary(number, code)])
            exposures.append(exposure(mine, others))
        members, strangers = losses(data.train), losses(data.heldout)
        enough = min(len(members), len(strangers)) >= _LEAST_MEMBERS
        leaks.append(
            Leak(
                tuple(exposures),
                auc([-loss for loss in members], [-loss for loss in strangers]) if enough else None,
                learned.spent.epsilon if learned.spent else None,
            )
        )
    return Report(private=leaks[0], control=leaks[1], most=math.log2(candidates))


def _losses(config: Training, learned: Learned, told: Told | None, records: Sequence[Record]) -> list[float]:
    tokenizer = learned.tokenizer
    examples = render_all(records, tokenizer, config.max_tokens, told)
    return example_losses(learned.model, examples, tokenizer.pad_token_id, config.batch_size)


def canary(number: int, code: int) -> Record:
    name = f"V{number:03d}"
    return Record(
        question=_ASKED.format(name=name),
        passages=(RecordPassage(text=_PASSAGE.format(name=name), document=f"canary-{name}.txt"),),
        answer=_TOLD.format(code=code),
        origin=f"canary:{number}",
        conversation=f"canary:{number}",
        contributor=f"canary:{number}",
        reviewed=True,
    )


def exposure(mine: float, others: Sequence[float]) -> float:
    """Bits: log2 of all candidates minus log2 of the secret's rank among them; a tie counts against it."""
    rank = 1 + sum(other <= mine for other in others)
    return math.log2(len(others) + 1) - math.log2(rank)


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Chance that a positive scores above a negative, ties half (Mann and Whitney 1947)."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))
