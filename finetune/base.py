"""The base model and its adapter in torch: loaded without running code of the model's author.

Promises: weights come from safetensors; the device is chosen before peft wraps the model; a folder that is no
model, or lacks the layers named, is a TuneError that says so.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from finetune.config import Training, TuneError

LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "opacus")


def require(*modules: str) -> None:
    """Raises TuneError naming the extra that brings what is missing."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise TuneError("tune.extra", missing=", ".join(missing))


def versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def device_of(config: Training) -> str:
    import torch

    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype_of(config: Training) -> str:
    """ "bfloat16" or "float32"."""
    if config.dtype != "auto":
        return config.dtype
    return "float32" if device_of(config) == "cpu" else "bfloat16"


def load_tokenizer(config: Training) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            config.base_model, revision=config.revision or None, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise _unusable(config, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(config: Training) -> Any:
    """The base model on its device, frozen for qlora's 4-bit weights."""
    import torch
    from transformers import AutoModelForCausalLM

    device = device_of(config)
    options: dict[str, Any] = {
        "dtype": getattr(torch, dtype_of(config)),
        "revision": config.revision or None,
        "use_safetensors": True,
        "trust_remote_code": False,
        "attn_implementation": _attention(config, device),
    }
    if config.method == "qlora":
        from transformers import BitsAndBytesConfig

        require("bitsandbytes")
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, dtype_of(config)),
        )
        options["device_map"] = {"": device}
    if config.offload and device != "cpu":
        options["device_map"] = "auto"
    try:
        model = AutoModelForCausalLM.from_pretrained(config.base_model, **options)
    except (OSError, ValueError) as error:
        raise _unusable(config, error) from error
    if "device_map" not in options:
        model.to(device)  # before peft wraps it
    model.config.use_cache = False
    return model


def load_teacher(config: Training, tokenizer: Any) -> Any:
    """The teacher, frozen, beside the base. Raises TuneError when its tokens are not the base's: their
    probabilities could not be compared."""
    asked = config.model_copy(
        update={
            "base_model": config.teacher,
            "revision": "",
            "method": "lora",
            "gradient_checkpointing": False,
        }
    )
    if load_tokenizer(asked).get_vocab() != tokenizer.get_vocab():
        raise TuneError("tune.teacher_tokens", teacher=config.teacher, model=config.base_model)
    return load_base(asked).eval().requires_grad_(False)


def with_adapter(model: Any, config: Training) -> Any:
    """``model`` wrapped for lora and qlora; all weights trainable for full."""
    if config.method == "full":
        return model
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if config.method == "qlora":
        model = prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=config.gradient_checkpointing
        )
    elif config.gradient_checkpointing:
        model.enable_input_require_grads()
    targets = config.target_modules
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        use_rslora=config.rslora,
        use_dora=config.dora,
        revision=config.revision or None,
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise TuneError(
            "tune.targets",
            model=config.base_model,
            targets=targets if isinstance(targets, str) else ", ".join(targets),
        ) from error


def trainable_share(model: Any) -> tuple[int, int]:
    """(trainable, all) parameters; 4-bit weights count as what they stand for."""
    trainable = total = 0
    for parameter in model.parameters():
        count = parameter.numel()
        if parameter.__class__.__name__ == "Params4bit":
            count *= 2
        total += count
        trainable += count if parameter.requires_grad else 0
    return trainable, total


def revision_of(model: Any, config: Training) -> str:
    return config.revision or str(getattr(model.config, "_commit_hash", None) or "")


def _attention(config: Training, device: str) -> str:
    if config.attention != "auto":
        return config.attention
    flash = device.startswith("cuda") and find_spec("flash_attn") is not None
    return "flash_attention_2" if flash else "sdpa"


def _unusable(config: Training, error: Exception) -> TuneError:
    problem = " ".join(str(error).split())[:300]
    return TuneError("tune.config", path=Path(config.base_model).as_posix(), problem=problem)
