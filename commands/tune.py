"""``wenju tune``: fine-tuning of the chat model."""

from __future__ import annotations

from pathlib import Path

from commands.console import emit, say, text


def train(config_path: Path, *, as_json: bool) -> None:
    """Trains as the YAML file says. Raises TuneError naming what is missing or wrong."""
    from finetune.config import load_config
    from finetune.training import train as run

    config = load_config(config_path)

    def tell(step: int, loss: float, heldout: float | None) -> None:
        words = f"  {step}/{config.steps}  loss {loss:.4f}"
        say(words if heldout is None else f"{words}  held out {heldout:.4f}")

    card = run(config, on_step=tell)
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
