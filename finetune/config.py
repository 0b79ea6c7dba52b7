"""What a training run is told: one YAML file, every key checked, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rag.errors import WenjuError


class TuneError(WenjuError):
    """A training file, its data or the base model cannot be used, or training diverged."""


class LoraTraining(BaseModel):
    """One LoRA run. Where adapters sit by default: query and value projections (Hu et al. 2021,
    arXiv:2106.09685)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_model: str = Field(description="folder of the base model, or its name on a model hub")
    revision: str = Field("", description="revision of the base model on the hub; kept in the card")
    data: Path = Field(description="JSON lines with question, passages and answer")
    output_dir: Path = Field(description="folder of the adapter; must not exist")
    r: int = Field(16, ge=1, le=256, description="rank of the adapter")
    alpha: int = Field(32, ge=1, description="scale: the update is multiplied by alpha / r")
    dropout: float = Field(0.1, ge=0, lt=1)
    target_modules: tuple[str, ...] = Field(("q_proj", "v_proj"), min_length=1)
    steps: int = Field(200, ge=1, description="optimizer steps")
    batch_size: int = Field(4, ge=1, description="records in one forward pass")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes in one optimizer step")
    learning_rate: float = Field(2e-4, gt=0)
    warmup_steps: int = Field(0, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    max_tokens: int = Field(2048, ge=16, description="longer records are left out, never cut")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, else float32"
    )
    device: str = Field("auto", description="auto: CUDA when there, else CPU")
    seed: int = 0

    @field_validator("output_dir", "data")
    @classmethod
    def _expand(cls, path: Path) -> Path:
        return path.expanduser()


def load_config(path: Path) -> LoraTraining:
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
    try:
        config = LoraTraining.model_validate(read)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise TuneError("tune.config", path=path, problem=problems) from error
    folder = path.absolute().parent
    local = folder / config.base_model
    return config.model_copy(
        update={
            "data": folder / config.data,
            "output_dir": folder / config.output_dir,
            "base_model": str(local) if local.is_dir() else config.base_model,
        }
    )
