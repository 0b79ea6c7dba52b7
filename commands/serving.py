"""``wenju serving plan`` and ``wenju bench serving``: what a chat server needs and gives."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import SOME_FAILED, Exit, console, emit, note, say, text, usage_error

if TYPE_CHECKING:
    from rag.engine import Engine
    from serving.load import Ask, Level, Recorder

BARE, ENGINE, API = "bare", "engine", "api"


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure; the arguments of the command."""

    base_url: str
    model: str
    key_variable: str
    concurrency: str
    requests: int
    rounds: int
    max_tokens: int
    prompt_tokens: int
    questions: Path | None
    overhead: bool
    app_url: str
    app_key_variable: str


def plan(profile: Path, *, gpu_gib: float, model_dir: Path | None, as_json: bool) -> None:
    """Prints the estimate. Exits with 3 when not one question of max-model-len fits."""
    from serving.plan import plan as estimate
    from serving.plan import read_profile

    found = estimate(read_profile(profile), gpu_gib, model_dir)
    if as_json:
        at_once = {"longest_at_once": found.longest_at_once, "questions_at_once": found.questions_at_once}
        emit({**asdict(found), **at_once, "fits": found.fits, "estimated": True})
    else:
        print(
            text(
                "serving.plan",
                model=found.model,
                width=found.width,
                gpus=found.gpus,
                gpu=f"{found.gpu_gib:g}",
                weights=f"{found.weights_gib:.1f}",
                kv=f"{found.kv_kib_per_token:g}",
                tokens=f"{found.tokens:,}",
                longest=found.longest_at_once,
                length=f"{found.max_model_len:,}",
                questions=found.questions_at_once,
            )
        )
    if not found.fits:
        say(text("serving.too_small"))
        raise Exit(SOME_FAILED)


def bench(asked: Bench, data_dir: Path | None, *, as_json: bool) -> None:
    """Drives the endpoint (and this app) and prints the figures. Exits with 3 when a request failed."""
    from commands.session import settings
    from serving import load

    levels = _levels(asked.concurrency)
    loaded = settings(data_dir, log_level="ERROR")
    url = (asked.base_url or loaded.chat.base_url).rstrip("/")
    if not url:
        raise usage_error(text("serving.no_url"))
    key = os.environ.get(asked.key_variable, "") or loaded.chat.api_key.get_secret_value()
    openai = load.client(url, key)
    model = load.served_model(openai, url, asked.model)
    chat = loaded.chat.model_copy(
        update={"kind": "openai", "base_url": url, "model": model, "max_tokens": asked.max_tokens}
    )
    # Every question is answered anew, and as many at once as are asked: the figures are of answering.
    cache = loaded.cache.model_copy(update={"answers": False})
    load_limits = loaded.load.model_copy(update={"answers": max(loaded.load.answers, *levels)})
    loaded = loaded.model_copy(update={"chat": chat, "cache": cache, "load": load_limits})
    # As the app asks: without thinking unless its settings say so.
    extra = {"chat_template_kwargs": {"enable_thinking": chat.enable_thinking}}
    if not asked.overhead:
        made = load.made_up_prompts(max(asked.requests, 2 * max(levels)), asked.prompt_tokens)
        direct = load.endpoint(openai, model, made, max_tokens=asked.max_tokens, extra_body=extra)
        _measure({BARE: direct}, levels, len(made), asked, as_json=as_json)
        return

    from rag.engine import Engine

    def recording(recorder: Recorder) -> Engine:
        return Engine.open(loaded, chat=recorder)

    wanted = _questions(asked.questions)
    kept = load.record_prompts(recording, wanted)
    if len(kept) < len(wanted):
        note(text("serving.skipped", skipped=len(wanted) - len(kept), asked=len(wanted)))
    questions = [question for question, _ in kept]
    direct = load.endpoint(
        openai,
        model,
        [messages for _, messages in kept],
        max_tokens=asked.max_tokens,
        temperature=chat.temperature,
        extra_body=extra,
    )
    with Engine.open(loaded) as engine:
        engine.warm_up()
        targets = {BARE: direct, ENGINE: load.through_engine(engine, questions)}
        if asked.app_url:
            targets[API] = _through_api(asked, questions)
        _measure(targets, levels, len(questions), asked, as_json=as_json)


def _through_api(asked: Bench, questions: Sequence[str]) -> Ask:
    from rag.models.protocols import ChatMessage
    from serving import load

    app = load.client(asked.app_url.rstrip("/"), os.environ.get(asked.app_key_variable, ""))
    served = load.served_model(app, asked.app_url)
    alone = [[ChatMessage("user", question)] for question in questions]
    return load.endpoint(app, served, alone, max_tokens=asked.max_tokens)


def _levels(words: str) -> list[int]:
    try:
        levels = [int(word) for word in words.split(",")]
    except ValueError:
        levels = []
    if not levels or min(levels) < 1 or max(levels) > 512:
        raise usage_error(text("serving.concurrency", found=words))
    return levels


def _questions(path: Path | None) -> list[str]:
    """Questions of a file; without one those of the sample library. Raises ServingError."""
    from serving.plan import ServingError

    if path is None:
        from importlib import resources

        lines = resources.files("samples").joinpath("golden.jsonl").read_text(encoding="utf-8").splitlines()
    else:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ServingError("serving.questions_file", path=path, problem=error) from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if line.lstrip().startswith("{"):
            try:
                found.append(str(json.loads(line)["question"]))
            except (ValueError, KeyError, TypeError) as error:
                problem = f"{number}: {type(error).__name__}"
                raise ServingError("serving.questions_file", path=path, problem=problem) from error
        else:
            found.append(line.strip())
    if not found:
        raise ServingError("serving.questions_file", path=path, problem="0")
    return found


def _measure(
    targets: dict[str, Ask], levels: Sequence[int], questions: int, asked: Bench, *, as_json: bool
) -> None:
    from serving import load

    found = load.compare(targets, levels, questions=questions, requests=asked.requests, rounds=asked.rounds)
    ratios = {name: load.first_token_ratio(found, name, BARE) for name in targets if name != BARE}
    if as_json:
        for level in found:
            times = ratios.get(level.target, {}).get(level.concurrency)
            emit({**asdict(level), "first_token_ratio": times})
    else:
        _table(found)
        for ratio in ratios.values():
            words = ", ".join(f"{concurrency}: {value:.2f}" for concurrency, value in ratio.items())
            print(text("serving.ratio", ratios=words))
    errors = sum(level.errors for level in found)
    if errors:
        reasons = "; ".join(sorted({reason for level in found for reason, _ in level.reasons}))
        say(text("serving.failed", errors=errors, reasons=reasons))
        raise Exit(SOME_FAILED)


def _table(levels: Sequence[Level]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(text("serving.columns").split("|")):
        table.add_column(heading, justify="right" if number else "left")
    for level in levels:
        table.add_row(
            text(f"serving.{level.target}"),
            str(level.concurrency),
            str(level.requests),
            str(level.errors),
            _number(level.first_p50_ms),
            _number(level.first_p95_ms),
            _number(level.between_ms, 1),
            f"{level.pieces_per_s:.0f}",
            f"{level.questions_per_s:.2f}",
        )
    console(stderr=False).print(table)


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
