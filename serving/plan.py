"""How much of a GPU a serving profile needs: weights and the memory of tokens, before any is rented.

Estimates, from the shape of the model: weights by their width; per token 2 x layers x KV heads x head_dim
values of two bytes, as vLLM's paged cache holds them (Kwon et al. 2023, arXiv:2309.06180); a fixed allowance
for activations, CUDA graphs and libraries. Nothing here was measured on a GPU: vLLM prints the truth when it
starts ("GPU KV cache size").
"""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import WenjuError

GIB = 2**30
OVERHEAD_GIB = 1.5  # activations of max-num-batched-tokens, CUDA graphs, libraries
_LORA_GIB = 0.25  # slots for max-loras adapters of rank 16 and their buffers
QUESTION_TOKENS = 8_000  # a full prompt (6,000 tokens of passages, wording, history) and an answer of 1,024

Width = Literal["bf16", "fp8", "awq"]
# Bytes a parameter outside the embeddings. AWQ: 4 bits, and a float16 scale and a 4-bit zero for each 128.
_BYTES: dict[Width, float] = {"bf16": 2.0, "fp8": 1.0, "awq": 0.52}


class ServingError(WenjuError):
    """A profile cannot be read, or an endpoint cannot be measured."""


class Profile(BaseModel):
    """What the estimate needs of a profile; vLLM's own parser judges the rest (tests/integration)."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, protected_namespaces=())

    model: str
    max_model_len: int = Field(alias="max-model-len", ge=1)
    utilization: float = Field(0.9, alias="gpu-memory-utilization", gt=0, le=1)
    tensor: int = Field(1, alias="tensor-parallel-size", ge=1)
    pipeline: int = Field(1, alias="pipeline-parallel-size", ge=1)
    kv_cache_dtype: str = Field("auto", alias="kv-cache-dtype")
    lora: bool = Field(False, alias="enable-lora")


@dataclass(frozen=True, slots=True)
class Shape:
    """Parameters in millions; ``embedding`` of them stay in bf16 when the rest is quantised."""

    parameters: float
    embedding: float
    layers: int
    kv_heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class Plan:
    """For each GPU, in GiB; ``tokens`` of all running questions together fit into what the weights leave."""

    model: str
    width: Width
    gpus: int
    gpu_gib: float
    weights_gib: float
    kv_kib_per_token: float
    max_model_len: int
    tokens: int

    @property
    def fits(self) -> bool:
        """One question of the greatest length fits: with less, vLLM refuses to start."""
        return self.tokens >= self.max_model_len

    @property
    def longest_at_once(self) -> int:
        """Questions of max-model-len tokens that run at the same time."""
        return self.tokens // self.max_model_len

    @property
    def questions_at_once(self) -> int:
        """Full questions of this app (QUESTION_TOKENS) that run at the same time; more wait, none fails."""
        return self.tokens // min(QUESTION_TOKENS, self.max_model_len)


def read_profile(path: Path) -> Profile:
    """The profile in a YAML file of vLLM's --config. Raises ServingError("serving.profile")."""
    try:
        return Profile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ServingError("serving.profile", path=path, problem=error.strerror or error) from error
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
        raise ServingError("serving.profile", path=path, problem=problem) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ServingError("serving.profile", path=path, problem=" ".join(str(error).split())) from error


def width_of(model: str) -> Width:
    """By the ending that publishers give a variant's name."""
    name = model.lower()
    return "fp8" if name.endswith("-fp8") else "awq" if name.endswith("-awq") else "bf16"


def known_shape(model: str) -> Shape | None:
    """The shape of a model that a profile of ours serves, whatever its width."""
    table = tomllib.loads(resources.files("serving").joinpath("shapes.toml").read_text(encoding="utf-8"))
    base = model.removesuffix("-FP8").removesuffix("-AWQ")
    return Shape(**table[base]) if base in table else None


def shape_of_folder(folder: Path) -> tuple[Shape, float]:
    """(shape, bytes of the weights) of a model in a folder. Raises ServingError("serving.model_dir")."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        heads = int(config["num_attention_heads"])
        hidden = int(config["hidden_size"])
        shape = Shape(
            parameters=0,
            embedding=0,
            layers=int(config["num_hidden_layers"]),
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
        )
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ServingError(
            "serving.model_dir", path=folder, problem=f"{type(error).__name__}: {error}"
        ) from error
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if size == 0:
        raise ServingError("serving.model_dir", path=folder, problem="no .safetensors")
    return shape, float(size)


def plan(profile: Profile, gpu_gib: float, model_dir: Path | None = None) -> Plan:
    """What ``profile`` leaves on GPUs of ``gpu_gib``. The model's shape comes from ``model_dir``, else from
    those known. Raises ServingError("serving.unknown_model") and those of :func:`shape_of_folder`."""
    width = width_of(profile.model)
    if model_dir is not None:
        shape, weights = shape_of_folder(model_dir)
    else:
        known = known_shape(profile.model)
        if known is None:
            raise ServingError("serving.unknown_model", model=profile.model)
        shape = known
        weights = 1e6 * (2 * shape.embedding + _BYTES[width] * (shape.parameters - shape.embedding))
    parts = profile.tensor * profile.pipeline
    layers = math.ceil(shape.layers / profile.pipeline)
    kv_heads = max(1, shape.kv_heads // profile.tensor)
    kv_bytes = 2 * layers * kv_heads * shape.head_dim * (1 if profile.kv_cache_dtype.startswith("fp8") else 2)
    weights_gib = weights / parts / GIB
    left = profile.utilization * gpu_gib - weights_gib - OVERHEAD_GIB - (_LORA_GIB if profile.lora else 0)
    return Plan(
        model=profile.model,
        width=width,
        gpus=parts,
        gpu_gib=gpu_gib,
        weights_gib=weights_gib,
        kv_kib_per_token=kv_bytes / 1024,
        max_model_len=profile.max_model_len,
        tokens=max(0, int(left * GIB / kv_bytes)),
    )
