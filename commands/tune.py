"""``wenju tune``: fine-tuning of the chat model."""

from __future__ import annotations

from pathlib import Path

from commands.console import emit, say, text


def train(config_path: Path, *, as_json: bool) -> None:
    """Trains as the YAML file says. Raises TuneError naming what is missing or wrong."""
    from finetune.config import load_config
    from finetune.lora import train_lora

    config = load_config(config_path)
    card = train_lora(config, on_step=lambda step, loss: say(f"  {step}/{config.steps}  loss {loss:.4f}"))
    if as_json:
        emit(card.model_dump(mode="json"))
        return
    say(
        text(
            "tune.done",
            folder=config.output_dir,
            first=f"{card.losses[0]:.3f}",
            last=f"{card.losses[-1]:.3f}",
            steps=config.steps,
            records=card.records,
        )
    )
