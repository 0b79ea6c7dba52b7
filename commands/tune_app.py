"""The commands under ``wenju tune``: arguments only; what they do is in commands.tune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import guarded
from commands.options import AsJson, DataDir, chosen_engine

if TYPE_CHECKING:
    pass

tune_app = typer.Typer(help="cli.help.tune", no_args_is_help=True)
data_app = typer.Typer(help="cli.help.tune.data", no_args_is_help=True)
tune_app.add_typer(data_app, name="data")

Config = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="cli.arg.config")]
SetName = Annotated[str, typer.Argument(metavar="NAME", help="cli.arg.train_set")]
AdapterName = Annotated[str, typer.Argument(metavar="NAME", help="cli.arg.adapter")]


@data_app.command("make", help="cli.help.tune.data.make")
@guarded
def data_make(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.arg.train_set_new")],
    sources: Annotated[
        list[str] | None, typer.Option("--from", metavar="turns,golden,FILE", help="cli.opt.tune_from")
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.05, max=0.9, help="cli.opt.tune_held_out")
    ] = 0.2,
    keep_unreviewed: Annotated[
        bool, typer.Option("--keep-unreviewed", help="cli.opt.tune_unreviewed")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.make_set(
            engine, name, sources or (), held_out=held_out, keep_unreviewed=keep_unreviewed, as_json=as_json
        )


@data_app.command("distill", help="cli.help.tune.data.distill")
@guarded
def data_distill(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.arg.train_set_new")],
    of: Annotated[str, typer.Option("--set", metavar="SET", help="cli.opt.distill_set")],
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="cli.opt.distill_model")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="cli.opt.distill_url")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.distill_set(engine, name, of=of, url=url, model=model, as_json=as_json)


@data_app.command("list", help="cli.help.tune.data.list")
@guarded
def data_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.list_sets(engine, as_json=as_json)


@data_app.command("show", help="cli.help.tune.data.show")
@guarded
def data_show(
    context: typer.Context, name: SetName, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.show_set(engine, name, as_json=as_json)


@data_app.command("approve", help="cli.help.tune.data.approve")
@guarded
def data_approve(
    context: typer.Context, name: SetName, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.approve_set(engine, name, as_json=as_json)


@tune_app.command("plan", help="cli.help.tune.plan")
@guarded
def tune_plan(config: Config, as_json: AsJson = False) -> None:
    from commands.tune_train import plan

    plan(config, as_json=as_json)


@tune_app.command("train", help="cli.help.tune.train")
@guarded
def tune_train(
    config: Config,
    unapproved: Annotated[bool, typer.Option("--unapproved", help="cli.opt.tune_unapproved")] = False,
    as_json: AsJson = False,
) -> None:
    from commands.tune_train import train

    train(config, unapproved=unapproved, as_json=as_json)


@tune_app.command("merge", help="cli.help.tune.merge")
@guarded
def tune_merge(
    folder: Annotated[Path, typer.Argument(metavar="ADAPTER", help="cli.arg.adapter_folder")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="cli.arg.merged")],
    nf4: Annotated[bool, typer.Option("--nf4", help="cli.opt.nf4")] = False,
    as_json: AsJson = False,
) -> None:
    from commands.tune_train import merge

    merge(folder, output, quantise="nf4" if nf4 else "", as_json=as_json)


@tune_app.command("retriever", help="cli.help.tune.retriever")
@guarded
def tune_retriever(
    context: typer.Context, config: Config, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    from commands import tune_train

    with chosen_engine(context, data_dir) as engine:
        tune_train.retriever(engine, config, as_json=as_json)


@tune_app.command("exposure", help="cli.help.tune.exposure")
@guarded
def tune_exposure(
    config: Config,
    canaries: Annotated[int, typer.Option("--canaries", min=1, max=64, help="cli.opt.tune_canaries")] = 8,
    unapproved: Annotated[bool, typer.Option("--unapproved", help="cli.opt.tune_unapproved")] = False,
    as_json: AsJson = False,
) -> None:
    from commands.tune_train import exposure

    exposure(config, unapproved=unapproved, canaries=canaries, as_json=as_json)


@tune_app.command("cycle", help="cli.help.tune.cycle")
@guarded
def tune_cycle(
    context: typer.Context, config: Config, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.cycle(engine, config, as_json=as_json)


@tune_app.command("jobs", help="cli.help.tune.jobs")
@guarded
def tune_jobs(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.list_jobs(engine, as_json=as_json)


@tune_app.command("stop", help="cli.help.tune.stop")
@guarded
def tune_stop(
    context: typer.Context,
    job: Annotated[int, typer.Argument(metavar="JOB", help="cli.arg.job")],
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.stop_job(engine, job)


@tune_app.command("again", help="cli.help.tune.again")
@guarded
def tune_again(
    context: typer.Context,
    job: Annotated[int, typer.Argument(metavar="JOB", help="cli.arg.job")],
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.again(engine, job)


@tune_app.command("job", hidden=True, help="cli.help.tune.job")
@guarded
def tune_job(
    context: typer.Context,
    job: Annotated[int, typer.Argument(metavar="JOB", help="cli.arg.job")],
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.run_job(engine, job)


@tune_app.command("register", help="cli.help.tune.register")
@guarded
def tune_register(
    context: typer.Context,
    name: AdapterName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="cli.arg.adapter_folder")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.register(engine, name, folder, as_json=as_json)


@tune_app.command("adapters", help="cli.help.tune.adapters")
@guarded
def tune_adapters(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.list_adapters(engine, as_json=as_json)


@tune_app.command("gate", help="cli.help.tune.gate")
@guarded
def tune_gate(
    context: typer.Context,
    name: AdapterName,
    dataset: Annotated[str, typer.Option("--dataset", metavar="DATASET", help="cli.opt.gate_dataset")] = "",
    heldout: Annotated[str, typer.Option("--heldout", metavar="SET", help="cli.opt.gate_heldout")] = "",
    guard: Annotated[
        list[str] | None, typer.Option("--guard", metavar="MEASURE[:MARGIN]", help="cli.opt.guard")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="MEASURE[:GAIN]", help="cli.opt.target")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.gate(
            engine,
            name,
            dataset=dataset,
            heldout=heldout,
            guards=guard or (),
            targets=target or (),
            as_json=as_json,
        )


@tune_app.command("promote", help="cli.help.tune.promote")
@guarded
def tune_promote(
    context: typer.Context,
    name: AdapterName,
    share: Annotated[float, typer.Option("--share", help="cli.opt.tune_share")] = 1.0,
    other_prompt: Annotated[bool, typer.Option("--other-prompt", help="cli.opt.tune_other_prompt")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.promote(engine, name, share=share, other_prompt=other_prompt, as_json=as_json)


@tune_app.command("rollback", help="cli.help.tune.rollback")
@guarded
def tune_rollback(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.rollback(engine, as_json=as_json)


@tune_app.command("serve-live", help="cli.help.tune.serve_live")
@guarded
def tune_serve_live(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import tune

    with chosen_engine(context, data_dir) as engine:
        tune.serve_live(engine, as_json=as_json)
