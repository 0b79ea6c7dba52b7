"""The commands under ``wenju serving`` and ``wenju bench``: arguments only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console import guarded
from commands.options import AsJson, DataDir

serving_app = typer.Typer(help="cli.help.serving", no_args_is_help=True)
bench_app = typer.Typer(help="cli.help.bench", no_args_is_help=True)


@serving_app.callback()
def _serving() -> None:
    """A group, also while it holds one command."""


@bench_app.callback()
def _bench() -> None:
    """A group, also while it holds one command."""


@serving_app.command("plan", help="cli.help.serving.plan")
@guarded
def serving_plan(
    profile: Annotated[Path, typer.Argument(metavar="PROFILE.yaml", help="cli.arg.profile")],
    gpu_gib: Annotated[float, typer.Option("--gpu-gib", min=1, help="cli.opt.gpu_gib")] = 24.0,
    model_dir: Annotated[
        Path | None, typer.Option("--model-dir", metavar="DIR", help="cli.opt.model_dir", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    from commands.serving import plan

    plan(profile, gpu_gib=gpu_gib, model_dir=model_dir, as_json=as_json)


@bench_app.command("serving", help="cli.help.bench.serving")
@guarded
def bench_serving(
    context: typer.Context,
    base_url: Annotated[str, typer.Option("--base-url", metavar="URL", help="cli.opt.bench_url")] = "",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="cli.opt.bench_model")] = "",
    key_variable: Annotated[
        str, typer.Option("--key-variable", metavar="NAME", help="cli.opt.bench_key")
    ] = "OPENAI_API_KEY",
    concurrency: Annotated[
        str, typer.Option("--concurrency", metavar="1,8,32", help="cli.opt.bench_concurrency")
    ] = "1,8,32",
    requests: Annotated[
        int, typer.Option("--requests", min=1, max=100_000, help="cli.opt.bench_requests")
    ] = 16,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000, help="cli.opt.bench_rounds")] = 2,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, max=100_000, help="cli.opt.bench_tokens")
    ] = 64,
    prompt_tokens: Annotated[
        int, typer.Option("--prompt-tokens", min=50, max=1_000_000, help="cli.opt.bench_prompt")
    ] = 2000,
    questions: Annotated[
        Path | None,
        typer.Option("--questions", metavar="FILE", help="cli.opt.bench_questions", show_default=False),
    ] = None,
    overhead: Annotated[bool, typer.Option("--overhead", help="cli.opt.bench_overhead")] = False,
    app_url: Annotated[str, typer.Option("--app-url", metavar="URL", help="cli.opt.bench_app")] = "",
    app_key_variable: Annotated[
        str, typer.Option("--app-key-variable", metavar="NAME", help="cli.opt.bench_app_key")
    ] = "WENJU_TOKEN",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.serving import Bench, bench

    before: Path | None = context.find_root().obj
    bench(
        Bench(
            base_url=base_url,
            model=model,
            key_variable=key_variable,
            concurrency=concurrency,
            requests=requests,
            rounds=rounds,
            max_tokens=max_tokens,
            prompt_tokens=prompt_tokens,
            questions=questions,
            overhead=overhead or bool(app_url),
            app_url=app_url,
            app_key_variable=app_key_variable,
        ),
        data_dir if data_dir is not None else before,
        as_json=as_json,
    )
