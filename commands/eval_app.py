"""The commands under ``wenju eval``: arguments only; what they do is in commands.evaluate and evalruns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console import guarded
from commands.options import AsJson, DataDir, chosen_engine

eval_app = typer.Typer(help="cli.help.eval", no_args_is_help=True)

Limit = Annotated[int | None, typer.Option("--limit", min=1, help="cli.opt.limit", show_default=False)]
Run = Annotated[str, typer.Argument(metavar="RUN", help="cli.arg.run")]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="cli.arg.dataset")]
Measures = Annotated[
    list[str] | None, typer.Option("--measure", "-m", metavar="NAME", help="cli.opt.measure")
]
OutFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="cli.opt.eval_out", show_default=False)
]


@eval_app.command("retrieval", help="cli.help.eval.retrieval")
@guarded
def eval_retrieval(
    context: typer.Context,
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="cli.arg.pack")],
    limit: Limit = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.evaluate import retrieval

    with chosen_engine(context, data_dir) as engine:
        retrieval(engine, pack, limit=limit, as_json=as_json)


@eval_app.command("prepare", help="cli.help.eval.prepare")
@guarded
def eval_prepare(
    context: typer.Context,
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="cli.arg.pack_folder")],
    collection: Annotated[
        str, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.collection")
    ] = "default",
    data_dir: DataDir = None,
) -> None:
    from commands.evaluate import prepare

    with chosen_engine(context, data_dir) as engine:
        prepare(engine, pack, collection=collection)


@eval_app.command("run", help="cli.help.eval.run")
@guarded
def eval_run(
    context: typer.Context,
    dataset: DatasetArgument,
    system: Annotated[
        list[str] | None, typer.Option("--system", "-s", metavar="NAME:KEY=VALUE,...", help="cli.opt.system")
    ] = None,
    systems: Annotated[
        Path | None,
        typer.Option("--systems", metavar="FILE.yaml", help="cli.opt.systems", show_default=False),
    ] = None,
    measures: Measures = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="cli.opt.drawn", show_default=False)
    ] = None,
    collection: Annotated[
        str, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.only_one_collection")
    ] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="cli.opt.jobs")] = 2,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="cli.opt.run_name")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="cli.opt.report_dir", show_default=False)
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="cli.opt.fresh")] = False,
    prepare: Annotated[bool, typer.Option("--prepare", help="cli.opt.prepare_first")] = False,
    judge: Annotated[
        str, typer.Option("--judge", metavar="URL", help="cli.opt.judge", show_default=False)
    ] = "",
    judge_model: Annotated[
        str, typer.Option("--judge-model", metavar="NAME", help="cli.opt.judge_model", show_default=False)
    ] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.evalruns import run
    from commands.evaluate import prepare_first

    with chosen_engine(context, data_dir) as engine:
        if prepare:
            prepare_first(engine, dataset, collection=collection)
        run(
            engine,
            dataset,
            described=system or (),
            systems_file=systems,
            measures=measures or (),
            limit=limit,
            collection=collection,
            jobs=jobs,
            name=name,
            out=out,
            fresh=fresh,
            judge=judge,
            judge_model=judge_model,
            as_json=as_json,
        )


@eval_app.command("list", help="cli.help.eval.list")
@guarded
def eval_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.evalruns import list_runs

    with chosen_engine(context, data_dir) as engine:
        list_runs(engine, as_json=as_json)


@eval_app.command("report", help="cli.help.eval.report")
@guarded
def eval_report(
    context: typer.Context,
    run: Run,
    form: Annotated[
        str, typer.Option("--format", metavar="md|html|json|ragas", help="cli.opt.format")
    ] = "md",
    measures: Measures = None,
    out: OutFile = None,
    data_dir: DataDir = None,
) -> None:
    from commands.evalruns import report

    with chosen_engine(context, data_dir) as engine:
        report(engine, run, form=form, measures=measures or (), out=out)


@eval_app.command("measure", help="cli.help.eval.measure")
@guarded
def eval_measure(context: typer.Context, run: Run, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.evalruns import measure

    with chosen_engine(context, data_dir) as engine:
        measure(engine, run, as_json=as_json)


@eval_app.command("ragas", help="cli.help.eval.ragas")
@guarded
def eval_ragas(
    context: typer.Context,
    run: Run,
    judge: Annotated[str, typer.Option("--judge", metavar="URL", help="cli.opt.judge")],
    judge_model: Annotated[
        str, typer.Option("--judge-model", metavar="NAME", help="cli.opt.judge_model")
    ] = "",
    embeddings: Annotated[
        str, typer.Option("--embeddings", metavar="NAME", help="cli.opt.ragas_embeddings")
    ] = "",
    python: Annotated[str, typer.Option("--python", metavar="FILE", help="cli.opt.ragas_python")] = "",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="cli.opt.jobs")] = 4,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.evalruns import ragas

    with chosen_engine(context, data_dir) as engine:
        ragas(
            engine,
            run,
            judge=judge,
            judge_model=judge_model,
            embeddings=embeddings,
            python=python,
            jobs=jobs,
            as_json=as_json,
        )


@eval_app.command("compare", help="cli.help.eval.compare")
@guarded
def eval_compare(
    context: typer.Context,
    candidate: Annotated[str, typer.Argument(metavar="RUN_A", help="cli.arg.run")],
    baseline: Annotated[str, typer.Argument(metavar="RUN_B", help="cli.arg.run_baseline")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.evalruns import compare

    with chosen_engine(context, data_dir) as engine:
        compare(engine, candidate, baseline, as_json=as_json)


@eval_app.command("gate", help="cli.help.eval.gate")
@guarded
def eval_gate(
    context: typer.Context,
    run: Run,
    against: Annotated[str, typer.Option("--against", metavar="RUN", help="cli.opt.against")],
    guard: Annotated[
        list[str] | None, typer.Option("--guard", metavar="MEASURE[:MARGIN]", help="cli.opt.guard")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="MEASURE[:GAIN]", help="cli.opt.target")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.evalruns import gate

    with chosen_engine(context, data_dir) as engine:
        gate(engine, run, against, guards=guard or (), targets=target or (), as_json=as_json)


@eval_app.command("datasets", help="cli.help.eval.datasets")
@guarded
def eval_datasets(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.evaluate import list_datasets

    with chosen_engine(context, data_dir) as engine:
        list_datasets(engine, as_json=as_json)


@eval_app.command("import", help="cli.help.eval.import")
@guarded
def eval_import(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg.questions_file")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="cli.opt.dataset_name")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.evaluate import import_dataset

    with chosen_engine(context, data_dir) as engine:
        import_dataset(engine, path, name=name, as_json=as_json)


@eval_app.command("export", help="cli.help.eval.export")
@guarded
def eval_export(
    context: typer.Context, dataset: DatasetArgument, out: OutFile = None, data_dir: DataDir = None
) -> None:
    from commands.evaluate import export_dataset

    with chosen_engine(context, data_dir) as engine:
        export_dataset(engine, dataset, out=out)


@eval_app.command("template", help="cli.help.eval.template")
@guarded
def eval_template(out: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="cli.arg.template")]) -> None:
    from commands.evaluate import write_template

    write_template(out)
