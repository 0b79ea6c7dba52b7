"""Training of the chat model: LoRA, QLoRA or all weights, with trl's SFTTrainer.

Promises: what is learned from is what serving sends (finetune.examples); the same seed gives the same losses
on one machine; killed at any instant, the same command goes on from the last whole checkpoint; the adapter is
safetensors, written whole or not at all, with a card that says what it was made from. Divergence and lack of
memory end in a TuneError that says what to change.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from finetune import base, plan
from finetune.config import Training, TuneError
from finetune.examples import IGNORED, Example, render_all
from finetune.private import Spent, one_per_unit, train_private
from finetune.probe import probe_hash
from finetune.records import Record, Told, read_records
from rag.answer.prompts import training_version

CARD = "card.json"
_CHECKPOINTS = "checkpoints"
_WHOLE = "whole"  # a file in a checkpoint, written after everything else

OnStep = Callable[[int, float, float | None], None]
"""(step, loss of the step, held-out loss when it was just measured)."""


class Card(BaseModel):
    """What an adapter is: kept beside it as card.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    method: str
    base_model: str
    revision: str
    data_sha256: str
    records: int
    left_out: int  # longer than max_tokens
    prompt_version: str
    probe_sha256: str  # of a fixed conversation's tokens: see finetune.probe
    created_at: datetime
    versions: dict[str, str]
    config: dict[str, Any]
    losses: list[float]  # mean loss of each optimizer step
    heldout_losses: dict[int, float]  # by step
    trainable: int
    parameters: int
    epsilon: float | None = None  # spent, of a differentially private run
    delta: float | None = None
    privacy: dict[str, Any] = {}  # of such a run: unit, noise and so on (finetune.private.Spent)
    approved_by: str = ""  # who approved the data; "": trained without


@dataclass(frozen=True, slots=True)
class Data:
    train: list[Record]
    heldout: list[Record]
    sha256: str
    told: Told | None = None  # the wordings of the prompt; None: those that came with the program
    approved_by: str = ""


def read_data(config: Training) -> Data:
    """A training set's two parts, or one file (and ``heldout``). Raises TuneError: also for what nobody
    approved, unless ``config.unapproved``."""
    from finetune.train_set import approved_by, open_train_set

    if config.data.is_dir():
        train, heldout, card = open_train_set(config.data)
        by = approved_by(config.data, card)
        if not by and not config.unapproved:
            raise TuneError("tune.not_approved", path=config.data, name=card.name)
        return Data(train, heldout, card.sha256, card.told(), by)
    if not config.unapproved:
        raise TuneError("tune.not_a_set", path=config.data)
    train = list(read_records(config.data))
    heldout = list(read_records(config.heldout)) if config.heldout else []
    return Data(train, heldout, hashlib.sha256(config.data.read_bytes()).hexdigest())


def train(config: Training, on_step: OnStep | None = None) -> Card:
    """Trains, writes ``config.output_dir`` (adapter or model, tokenizer, card.json) and returns the card. A
    run that was killed goes on where its last checkpoint stands. Raises TuneError."""
    base.require("torch", "transformers", "peft", "trl", "accelerate")
    if config.output_dir.exists():
        raise TuneError("tune.exists", path=config.output_dir)
    data = read_data(config)
    learned = learn(config, data, on_step)
    model, tokenizer, spent = learned.model, learned.tokenizer, learned.spent
    trainable, total = base.trainable_share(model)
    card = Card(
        method=config.method,
        base_model=config.base_model,
        revision=base.revision_of(model, config),
        data_sha256=data.sha256,
        records=learned.records,
        left_out=len(data.train) - learned.records,
        prompt_version=training_version(data.told),
        approved_by=data.approved_by,
        probe_sha256=probe_hash(tokenizer),
        created_at=datetime.now(UTC),
        versions=base.versions(),
        config=config.model_dump(mode="json"),
        losses=[round(loss, 6) for loss in learned.losses],
        heldout_losses={step: round(loss, 6) for step, loss in learned.heldout_losses.items()},
        trainable=trainable,
        parameters=total,
        epsilon=spent.epsilon if spent else None,
        delta=spent.delta if spent else None,
        privacy=spent.to_json() if spent else {},
    )
    save(config.output_dir, model, tokenizer, card)
    shutil.rmtree(learned.work, ignore_errors=True)
    return card


@dataclass(frozen=True, slots=True)
class Learned:
    """``losses`` of the steps (none of a private run); ``work``: the folder of its checkpoints."""

    model: Any
    tokenizer: Any
    records: int
    losses: list[float]
    heldout_losses: dict[int, float]
    spent: Spent | None
    work: Path


def learn(config: Training, data: Data, on_step: OnStep | None = None) -> Learned:
    """The model with its trained adapter, not yet written anywhere. Raises TuneError."""
    import torch

    torch.manual_seed(config.seed)
    tokenizer = base.load_tokenizer(config)
    kept = one_per_unit(data.train, config.privacy.unit) if config.privacy else data.train
    examples = render_all(kept, tokenizer, config.max_tokens, data.told)
    if not examples:
        raise TuneError("tune.empty", path=config.data, max_tokens=config.max_tokens)
    heldout = render_all(data.heldout, tokenizer, config.max_tokens, data.told)
    work = _work_folder(config, f"{data.sha256} {training_version(data.told)}")
    with memory_told(config):
        model = base.with_adapter(base.load_base(config), config)
        if config.privacy is not None:  # no checkpoints: what was spent could not be told of a resumed run
            model, spent, told = train_private(
                config, config.privacy, model, tokenizer, examples, heldout, on_step
            )
            return Learned(model, tokenizer, len(examples), [], told, spent, work)
        trainer, watcher = _trainer(config, model, tokenizer, examples, heldout, work, on_step)
        with _alone(work):
            resume = last_checkpoint(work / _CHECKPOINTS)
            trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    losses = [loss for _, loss in sorted(watcher.losses.items())]
    return Learned(model, tokenizer, len(examples), losses, dict(watcher.heldout), None, work)


def save(folder: Path, model: Any, tokenizer: Any, card: Card) -> None:
    """Whole or not at all."""
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    model.save_pretrained(beside, safe_serialization=True)
    tokenizer.save_pretrained(beside)
    words = json.dumps(card.model_dump(mode="json"), ensure_ascii=False, indent=2)
    (beside / CARD).write_text(words + "\n", encoding="utf-8")
    beside.rename(folder)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; half-written ones are removed."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        if (path / _WHOLE).is_file():
            found.append((int(path.name.rpartition("-")[2]), path))
        else:
            shutil.rmtree(path, ignore_errors=True)
    return max(found)[1] if found else None


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """No other process writes checkpoints into ``work``. Raises TuneError when one does; a killed one holds
    nothing."""
    import fcntl

    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TuneError("tune.trained_already", path=work) from error
        yield


@contextmanager
def memory_told(config: Training) -> Iterator[None]:
    """Turns any lack of memory into a TuneError with the next smaller setting."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error).lower()
        out = isinstance(error, MemoryError) or "out of memory" in words or "not enough memory" in words
        if not out:
            raise
        raise TuneError("tune.memory", smaller=plan.smaller(config)) from error


def _work_folder(config: Training, data: str) -> Path:
    """Beside the output, named by everything that decides the outcome: another run never resumes from it."""
    free = {"output_dir", "report_to", "save_steps", "unapproved", "check_memory"}
    decisive = config.model_dump(mode="json", exclude=free)
    words = json.dumps([decisive, data], sort_keys=True)
    key = hashlib.sha256(words.encode()).hexdigest()[:12]
    return config.output_dir.with_name(f".{config.output_dir.name}.{key}.work")


def _trainer(
    config: Training,
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    heldout: Sequence[Example],
    work: Path,
    on_step: OnStep | None,
) -> tuple[Any, Any]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    device = base.device_of(config)
    optimizer = config.optimizer
    if optimizer == "auto":
        paged = config.method == "qlora" and device.startswith("cuda")
        optimizer = "paged_adamw_8bit" if paged else "adamw_torch"

    def dataset(rows: Sequence[Example]) -> Any:
        columns = {"input_ids": [r.input_ids for r in rows], "labels": [r.labels for r in rows]}
        return Dataset.from_dict(columns)

    distilled: dict[str, Any] = {}
    if config.teacher:
        from transformers import DataCollatorForSeq2Seq
        from trl.experimental.gkd import GKDConfig, GKDTrainer

        # lmbda 0: over our answers, not the student's own, which would be generated at every step.
        distilled = {"lmbda": 0.0, "beta": config.teacher_beta}
        make: Any = partial(
            GKDTrainer,
            teacher_model=base.load_teacher(config, tokenizer),
            data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED),
        )
        settings_class: Any = GKDConfig
    else:
        make, settings_class = SFTTrainer, SFTConfig
    settings = settings_class(
        output_dir=str(work / _CHECKPOINTS),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_gradient_norm,
        max_length=None,
        packing=config.packing,
        train_sampling_strategy="group_by_length" if config.group_by_length else "random",
        gradient_checkpointing=config.gradient_checkpointing,
        bf16=base.dtype_of(config) == "bfloat16",
        optim=optimizer,
        use_cpu=device == "cpu",
        save_strategy="steps",
        save_steps=config.save_steps,
        save_total_limit=2,
        eval_strategy="steps" if heldout else "no",
        eval_steps=config.eval_steps,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,  # a NaN must be seen
        report_to=list(config.report_to) or "none",
        disable_tqdm=True,
        seed=config.seed,
        data_seed=config.seed,
        dataloader_num_workers=0,
        **distilled,
    )
    watcher = _watcher(config, on_step)
    trainer = make(
        model=model,
        args=settings,
        train_dataset=dataset(examples),
        eval_dataset=dataset(heldout) if heldout else None,
        processing_class=tokenizer,
        callbacks=[watcher],
    )
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer, watcher


def _watcher(config: Training, on_step: OnStep | None) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Losses, early stopping, the mark of a whole checkpoint."""

        def __init__(self) -> None:
            self.losses: dict[int, float] = {}
            self.heldout: dict[int, float] = {}
            self._looks_without_gain = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            for row in state.log_history:  # of a run that goes on
                if "loss" in row:
                    self.losses[int(row["step"])] = float(row["loss"])
                if "eval_loss" in row:
                    self.heldout[int(row["step"])] = float(row["eval_loss"])

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                loss = float(logs["loss"])
                if not math.isfinite(loss):
                    rate = config.learning_rate
                    raise TuneError("tune.not_finite", loss=loss, step=state.global_step, learning_rate=rate)
                self.losses[state.global_step] = loss
                if on_step is not None:
                    on_step(state.global_step, loss, None)

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
            loss = float((metrics or {}).get("eval_loss", math.nan))
            best = min(self.heldout.values(), default=math.inf)
            self.heldout[state.global_step] = loss
            self._looks_without_gain = 0 if loss < best - 1e-4 else self._looks_without_gain + 1
            if config.patience and self._looks_without_gain >= config.patience:
                control.should_training_stop = True
            if on_step is not None:
                on_step(state.global_step, self.losses.get(state.global_step, math.nan), loss)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _WHOLE).touch()

    return Watcher()
