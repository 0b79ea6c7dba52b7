"""What a training run is told: one YAML file, every key checked, unknown keys refused."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rag.errors import WenjuError

Method = Literal["lora", "qlora", "full"]
ALL_LINEAR = "all-linear"


class TuneError(WenjuError):
    """A training file, its data or the base model cannot be used, or training diverged."""


class Privacy(BaseModel):
    """What a differentially private run guarantees: see finetune.private."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epsilon: float = Field(8.0, gt=0, description="most that may be spent")
    delta: float = Field(gt=0, lt=1, description="below one in the number of units, better a tenth of that")
    clip: float = Field(1.0, gt=0, description="bound of one unit's gradient (L2 norm)")
    unit: Literal["record", "conversation", "document", "contributor"] = Field(
        "record", description="what is protected; of all but records, one record each is learned from"
    )


class Training(BaseModel):
    """One training run. LoRA: Hu et al. 2021, arXiv:2106.09685; QLoRA: Dettmers et al. 2023,
    arXiv:2305.14314; rank-stabilised scale: Kalajdzievski 2023, arXiv:2312.03732; DoRA: Liu et al. 2024,
    arXiv:2402.09353."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = Field("", description="name of a preset; its values hold where the file says nothing")
    method: Method = Field(
        "lora", description="lora; qlora: over a base of 4-bit weights; full: every weight of the base"
    )
    base_model: str = Field(description="folder of the base model, or its name on a model hub")
    revision: str = Field("", description="revision of the base model on the hub; kept in the card")
    data: Path = Field(description="a training set's folder, or JSON lines of question, passages, answer")
    heldout: Path | None = Field(None, description="JSON lines for the held-out loss; a set has its own")
    output_dir: Path = Field(description="folder of the adapter; must not exist")
    r: int = Field(16, ge=1, le=256, description="rank of the adapter")
    alpha: int = Field(32, ge=1, description="scale: the update is multiplied by alpha / r")
    dropout: float = Field(0.1, ge=0, lt=1)
    target_modules: tuple[str, ...] | Literal["all-linear"] = Field(
        ("q_proj", "v_proj"), min_length=1, description='layers with an adapter, or "all-linear"'
    )
    rslora: bool = Field(False, description="scale by alpha / sqrt(r)")
    dora: bool = Field(False, description="learn magnitude and direction apart")
    steps: int = Field(200, ge=1, description="optimizer steps")
    batch_size: int = Field(4, ge=1, description="records in one forward pass")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes in one optimizer step")
    learning_rate: float = Field(2e-4, gt=0)
    warmup_steps: int = Field(0, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    max_tokens: int = Field(2048, ge=16, description="longer records are left out, never cut")
    gradient_checkpointing: bool = Field(False, description="a third slower, far less memory")
    packing: bool = Field(False, description="several records in one row (needs FlashAttention to be exact)")
    group_by_length: bool = Field(True, description="records of like length in one batch")
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = Field(
        "auto", description="auto: FlashAttention where it is installed and a GPU is there, else SDPA"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, else float32"
    )
    device: str = Field("auto", description="auto: CUDA when there, else CPU")
    offload: bool = Field(False, description="weights that do not fit on the GPU lie in main memory")
    optimizer: Literal["auto", "adamw_torch", "paged_adamw_8bit"] = Field(
        "auto", description="auto: paged 8-bit AdamW for qlora on a GPU, else AdamW"
    )
    save_steps: int = Field(50, ge=1, description="steps between checkpoints: what a kill can cost")
    eval_steps: int = Field(25, ge=1, description="steps between looks at the held-out loss")
    patience: int = Field(
        4, ge=0, description="looks without a better held-out loss before stopping; 0: never"
    )
    report_to: tuple[Literal["tensorboard", "mlflow"], ...] = Field((), description="where curves also go")
    seed: int = 0
    teacher: str = Field(
        "",
        description="folder or hub name of a larger model with the same tokenizer: learn from its "
        "probabilities, too",
    )
    teacher_beta: float = Field(
        0.5, ge=0, le=1, description="0: KL divergence from the teacher, 1: to it, between: Jensen-Shannon"
    )
    privacy: Privacy | None = Field(None, description="differentially private, with method lora")
    check_memory: bool = Field(True, description="do not start what is estimated not to fit into memory")
    unapproved: bool = Field(False, description="train on data that nobody approved; the card says so")

    @model_validator(mode="before")
    @classmethod
    def _take_preset(cls, data: Any) -> Any:
        name = data.get("preset") if isinstance(data, dict) else None
        if not name:
            return data
        if name not in presets():
            raise ValueError(f"no preset {name!r}; there are: {', '.join(presets())}")
        return {**presets()[name], **data}

    @model_validator(mode="after")
    def _check_privacy(self) -> Training:
        wrong = [
            name
            for name, is_so in (
                ("method other than lora", self.method != "lora"),
                ("packing", self.packing),
                ("gradient_checkpointing", self.gradient_checkpointing),
                ("offload", self.offload),
                ("dora", self.dora),
                ("teacher", bool(self.teacher)),
            )
            if is_so
        ]
        if self.privacy is not None and wrong:
            raise ValueError(f"privacy does not go with {', '.join(wrong)}")
        if self.teacher and self.packing:
            raise ValueError("teacher does not go with packing")
        return self

    @field_validator("output_dir", "data", "heldout")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path if path is None else path.expanduser()


@lru_cache(maxsize=1)
def presets() -> dict[str, dict[str, Any]]:
    """Name -> values, from presets.toml: base models with settings that fit the GPU named there."""
    return tomllib.loads(files("finetune").joinpath("presets.toml").read_text(encoding="utf-8"))


def load_config(path: Path) -> Training:
    """The training file at ``path``; relative paths in it start at its folder. Raises TuneError."""
    import yaml

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TuneError("tune.config", path=path, problem=error.strerror or error) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TuneError("tune.config", path=path, problem=" ".join(str(error).split())) from error
    if not isinstance(read, dict):
        raise TuneError("tune.config", path=path, problem="expected keys and values")
    config = check_config(read, path)
    folder = path.absolute().parent
    local, teacher = folder / config.base_model, folder / config.teacher
    return config.model_copy(
        update={
            "data": folder / config.data,
            "heldout": None if config.heldout is None else folder / config.heldout,
            "output_dir": folder / config.output_dir,
            "base_model": str(local) if local.is_dir() else config.base_model,
            "teacher": str(teacher) if config.teacher and teacher.is_dir() else config.teacher,
        }
    )


def check_config(values: dict[str, Any], where: object) -> Training:
    """Raises TuneError naming every wrong key of ``where``."""
    try:
        return Training.model_validate(values)
    except ValidationError as error:
        found = ((".".join(map(str, e["loc"])) or "preset", e["msg"]) for e in error.errors())
        problems = "; ".join(f"{key}: {problem}" for key, problem in found)
        raise TuneError("tune.config", path=where, problem=problems) from error
