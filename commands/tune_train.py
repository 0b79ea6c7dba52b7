"""``wenju tune train`` and its kin: what needs the environment with torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import Exit, console, emit, note, say, text

if TYPE_CHECKING:
    from finetune.config import Training
    from finetune.plan import Plan
    from finetune.training import OnStep
    from rag.engine import Engine


def train(config_path: Path, *, unapproved: bool, as_json: bool) -> None:
    """Trains as the YAML file says; what it will need is said first, and what cannot fit is not begun (exit
    code 3). Raises TuneError naming what is missing or wrong."""
    from finetune.config import load_config
    from finetune.training import read_data
    from finetune.training import train as run

    config = load_config(config_path)
    if unapproved:
        config = config.model_copy(update={"unapproved": True})
    if config.unapproved:
        note(text("tune.unapproved", path=config.data))
    read_data(config)  # what is wrong with it is said before anything is counted
    _plan_first(config, as_json=as_json)
    with _steps(config.steps, as_json=as_json) as tell:
        card = run(config, on_step=tell)
    if as_json:
        emit(card.model_dump(mode="json"))
        return
    if card.left_out:
        note(text("tune.left_out", count=card.left_out, max_tokens=config.max_tokens))
    if card.privacy:
        say(text("tune.private_done", folder=config.output_dir, **_rounded(card.privacy)))
        return
    say(
        text(
            "tune.done",
            folder=config.output_dir,
            first=f"{card.losses[0]:.3f}",
            last=f"{card.losses[-1]:.3f}",
            steps=len(card.losses),
            records=card.records,
        )
    )


def _plan_first(config: Training, *, as_json: bool) -> None:
    from commands.console import SOME_FAILED
    from finetune.plan import operations_per_s, smaller
    from finetune.plan import plan as estimate

    found = estimate(config, operations_per_s=operations_per_s(config))
    if as_json:
        emit({"plan": _plan_record(found, config)})
    else:
        _say_plan(found)
    if config.check_memory and not found.fits:
        sizes = {"total": f"{found.total_gb:.1f}", "available": f"{found.available_gb:.1f}"}
        say(text("tune.does_not_fit", smaller=smaller(config), **sizes))
        raise Exit(SOME_FAILED)


@contextmanager
def _steps(steps: int, *, as_json: bool) -> Iterator[OnStep]:
    """Tells each step: JSON lines, a bar on a terminal, else a line."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    def words(loss: float, heldout: float | None) -> str:
        return f"loss {loss:.4f}" + ("" if heldout is None else f"  held out {heldout:.4f}")

    if as_json:
        yield lambda step, loss, heldout: emit(
            {"step": step, "steps": steps, "loss": loss, "heldout": heldout}
        )
    elif not sys.stderr.isatty():
        yield lambda step, loss, heldout: say(f"  {step}/{steps}  {words(loss, heldout)}")
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console()) as bar:
            task = bar.add_task("", total=steps)
            last: float | None = None

            def show(step: int, loss: float, heldout: float | None) -> None:
                nonlocal last
                last = last if heldout is None else heldout
                bar.update(task, completed=step, description=words(loss, last))

            yield show


def merge(folder: Path, output: Path, *, quantise: str, as_json: bool) -> None:
    from finetune.compress import merge as run

    made = run(folder, output, quantise=quantise)
    told = {
        "folder": str(made.folder),
        "difference": made.difference,
        "quantised_difference": made.quantised_difference,
        "same_next": made.same_next,
        "bytes": made.bytes,
    }
    if as_json:
        emit(told)
        return
    shown = _rounded({**told, "megabytes": made.bytes / 1e6, "same": 100 * made.same_next})
    say(text("tune.merged", **shown))


def retriever(engine: Engine, path: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from finetune.retriever import load_retrieval, train_retriever

    config = load_retrieval(path)
    judged = train_retriever(engine, config)
    if as_json:
        emit({"folder": str(config.output_dir), **asdict(judged)})
        return
    code = f"tune.retriever_{config.kind}"
    say(text("tune.retriever_done", folder=config.output_dir, **_rounded(asdict(judged))))
    say(text(code, folder=config.output_dir))


def exposure(config_path: Path, *, unapproved: bool, canaries: int, as_json: bool) -> None:
    """Two trainings with planted secrets; nothing is written. Exits with 3 when the control shows nothing."""
    from commands.console import SOME_FAILED
    from finetune.config import load_config
    from finetune.exposure import measure_exposure
    from finetune.training import read_data

    config = load_config(config_path)
    if unapproved:
        config = config.model_copy(update={"unapproved": True})

    def tell(step: int, loss: float, heldout: float | None) -> None:
        say(f"  {step}/{config.steps}  loss {loss:.4f}")

    report = measure_exposure(config, read_data(config), canaries=canaries, on_step=tell)
    if as_json:
        emit(report.to_json())
    else:
        for label, leak in (("tune.leak_private", report.private), ("tune.leak_control", report.control)):
            auc = "-" if leak.membership_auc is None else f"{leak.membership_auc:.2f}"
            bits = f"{leak.exposure:.1f}"
            print(text(label, bits=bits, most=f"{report.most:.1f}", auc=auc, epsilon=leak.epsilon or "-"))
    if not report.sees:
        say(text("tune.leak_blind"))
        raise Exit(SOME_FAILED)


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in values.items()}


def plan(config_path: Path, *, as_json: bool) -> None:
    """What the training will need. Exits with 3 when it does not fit, saying what would be smaller."""
    from commands.console import SOME_FAILED
    from finetune.config import load_config
    from finetune.plan import operations_per_s, smaller
    from finetune.plan import plan as estimate

    config = load_config(config_path)
    found = estimate(config, operations_per_s=operations_per_s(config))
    if as_json:
        emit(_plan_record(found, config))
    else:
        _say_plan(found)
    if not found.fits:
        sizes = {"total": f"{found.total_gb:.1f}", "available": f"{found.available_gb:.1f}"}
        say(text("tune.does_not_fit", smaller=smaller(config), **sizes))
        raise Exit(SOME_FAILED)


def _plan_record(found: Plan, config: Training) -> dict[str, Any]:
    from finetune.plan import smaller

    return {
        "parameters": found.parameters,
        "trainable": found.trainable,
        "weights_gb": round(found.weights_gb, 3),
        "optimizer_gb": round(found.optimizer_gb, 3),
        "activations_gb": round(found.activations_gb, 3),
        "total_gb": round(found.total_gb, 3),
        "available_gb": round(found.available_gb, 3),
        "seconds": None if found.seconds is None else round(found.seconds, 1),
        "fits": found.fits,
        "smaller": "" if found.fits else smaller(config),
    }


def _say_plan(found: Plan) -> None:
    say(
        text(
            "tune.plan",
            trainable=f"{found.trainable:,}",
            parameters=f"{found.parameters:,}",
            share=f"{100 * found.trainable / found.parameters:.2f}",
            total=f"{found.total_gb:.1f}",
            available=f"{found.available_gb:.1f}",
            weights=f"{found.weights_gb:.1f}",
            optimizer=f"{found.optimizer_gb:.1f}",
            activations=f"{found.activations_gb:.1f}",
        )
    )
    if found.seconds is not None:
        say(text("tune.plan_time", time=_clock(found.seconds)))


def _clock(seconds: float) -> str:
    """ "45 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
