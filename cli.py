"""The command line: ``wenju ingest | search | ask | documents | doctor | run ...``.

A composition root: it builds the one Settings and hands an Engine to the commands. Nothing heavy is imported
before a command runs, so help answers at once. Exit codes are in ``commands.console``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.compliance_app import audit_app, backup, restore, rules_app
from commands.console import environment_language, guarded, set_language, text, usage_error
from commands.eval_app import eval_app
from commands.options import AsJson, DataDir, chosen, chosen_engine
from commands.people_app import collections_app, tokens_app, users_app
from commands.serving_app import bench_app, serving_app
from commands.tune_app import tune_app

# Help texts are message codes: `main` puts the reader's language in their place.
app = typer.Typer(
    name="wenju", help="cli.help", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
export_app = typer.Typer(help="cli.help.export", no_args_is_help=True)
import_app = typer.Typer(help="cli.help.import", no_args_is_help=True)
prompts_app = typer.Typer(help="cli.help.prompts", no_args_is_help=True)
app.add_typer(export_app, name="export")
app.add_typer(import_app, name="import")
app.add_typer(eval_app, name="eval")
app.add_typer(tune_app, name="tune")
app.add_typer(audit_app, name="audit")
app.add_typer(rules_app, name="rules")
app.command("backup", help="cli.help.backup")(backup)
app.command("restore", help="cli.help.restore")(restore)
app.add_typer(serving_app, name="serving")
app.add_typer(bench_app, name="bench")
app.add_typer(prompts_app, name="prompts")
app.add_typer(users_app, name="users")
app.add_typer(collections_app, name="collections")
app.add_typer(tokens_app, name="tokens")
feedback_app = typer.Typer(help="cli.help.feedback", no_args_is_help=True)
app.add_typer(feedback_app, name="feedback")
vocabulary_app = typer.Typer(help="cli.help.vocabulary", no_args_is_help=True)
app.add_typer(vocabulary_app, name="vocabulary")

Collections = Annotated[
    list[str] | None, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.only_collection")
]
OneCollection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.collection")]
Documents = Annotated[
    list[str] | None, typer.Option("--document", "-d", metavar="NAME", help="cli.opt.only_document")
]
Batch = Annotated[Path | None, typer.Option("--batch", metavar="FILE", help="cli.opt.batch")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="cli.opt.out")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="cli.opt.jobs")]
FailOnRefusal = Annotated[bool, typer.Option("--fail-on-refusal", help="cli.opt.fail_on_refusal")]
Use = Annotated[str, typer.Argument(metavar="USE", help="cli.arg.use")]
PromptLanguage = Annotated[str, typer.Argument(metavar="zh|en", help="cli.arg.prompt_language")]
Names = Annotated[list[str], typer.Argument(metavar="DOCUMENT", help="cli.arg.document")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="cli.arg.dir")]


@app.callback()
def root(context: typer.Context, data_dir: DataDir = None) -> None:
    context.obj = data_dir


@app.command(help="cli.help.ingest")
@guarded
def ingest(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="cli.arg.paths")],
    collection: Annotated[
        str, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.collection")
    ] = "default",
    password: Annotated[
        str | None, typer.Option("--password", metavar="TEXT", help="cli.opt.password")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.ingest import ingest as run

    with chosen_engine(context, data_dir) as engine:
        run(engine, paths, collection=collection, password=password, as_json=as_json)


@app.command(help="cli.help.search")
@guarded
def search(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="cli.arg.query")] = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, max=1000, help="cli.opt.top_k")] = 8,
    collection: Collections = None,
    document: Documents = None,
    batch: Batch = None,
    out: Out = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
    fail_on_refusal: FailOnRefusal = False,
    data_dir: DataDir = None,
) -> None:
    from commands.query import check_batch
    from commands.query import search as run

    check_batch(query, batch, out)
    with chosen_engine(context, data_dir) as engine:
        run(
            engine,
            query,
            top_k=top_k,
            collections=collection or (),
            documents=document or (),
            as_json=as_json,
            batch=batch,
            out=out,
            jobs=jobs,
            fail_when_empty=fail_on_refusal,
        )


@app.command(help="cli.help.ask")
@guarded
def ask(
    context: typer.Context,
    question: Annotated[str | None, typer.Argument(help="cli.arg.question")] = None,
    collection: Collections = None,
    document: Documents = None,
    batch: Batch = None,
    out: Out = None,
    jobs: Jobs = 1,
    keep: Annotated[bool, typer.Option("--keep", help="cli.opt.keep")] = False,
    use: Annotated[
        str | None, typer.Option("--use", metavar="USE", help="cli.opt.use", show_default=False)
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="cli.opt.anew")] = False,
    as_json: AsJson = False,
    fail_on_refusal: FailOnRefusal = False,
    data_dir: DataDir = None,
) -> None:
    from commands.query import ask as run
    from commands.query import check_batch

    check_batch(question, batch, out)
    with chosen_engine(context, data_dir) as engine:
        run(
            engine,
            question,
            collections=collection or (),
            documents=document or (),
            as_json=as_json,
            batch=batch,
            out=out,
            jobs=jobs,
            keep=keep,
            fail_on_refusal=fail_on_refusal,
            use=use,
            anew=anew,
        )


@app.command(help="cli.help.documents")
@guarded
def documents(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.library import list_documents

    with chosen_engine(context, data_dir) as engine:
        list_documents(engine, as_json=as_json)


@app.command(help="cli.help.delete")
@guarded
def delete(context: typer.Context, names: Names, data_dir: DataDir = None) -> None:
    from commands.library import delete as run

    with chosen_engine(context, data_dir) as engine:
        run(engine, names)


@app.command(help="cli.help.doctor")
@guarded
def doctor(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.checks import doctor as run
    from commands.session import settings

    run(settings(chosen(context, data_dir), log_level="ERROR"), as_json=as_json)


@app.command(help="cli.help.stats")
@guarded
def stats(
    context: typer.Context,
    days: Annotated[float, typer.Option("--days", min=0.01, max=3660, help="cli.opt.days")] = 7.0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.stats import stats as run

    with chosen_engine(context, data_dir) as engine:
        run(engine, days=days, as_json=as_json)


@app.command(help="cli.help.reindex")
@guarded
def reindex(context: typer.Context, data_dir: DataDir = None) -> None:
    from commands.library import reindex as run

    with chosen_engine(context, data_dir) as engine:
        run(engine)


@export_app.command("faiss", help="cli.help.export.faiss")
@guarded
def export_faiss(context: typer.Context, folder: Folder, data_dir: DataDir = None) -> None:
    from commands.library import export_faiss as run

    with chosen_engine(context, data_dir) as engine:
        run(engine, folder)


@import_app.command("faiss", help="cli.help.import.faiss")
@guarded
def import_faiss(context: typer.Context, folder: Folder, data_dir: DataDir = None) -> None:
    from commands.library import import_faiss as run

    with chosen_engine(context, data_dir) as engine:
        run(engine, folder)


@app.command(help="cli.help.worker")
@guarded
def worker(
    context: typer.Context,
    log_level: Annotated[str, typer.Option("--log-level", help="cli.opt.log_level")] = "INFO",
    heartbeat: Annotated[
        Path | None, typer.Option("--heartbeat", metavar="FILE", help="cli.opt.heartbeat", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    from commands.serve import run_worker
    from commands.session import settings

    if log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise usage_error(text("cli.opt.log_level"))
    run_worker(settings(chosen(context, data_dir), log_level=log_level), heartbeat)


@app.command(help="cli.help.mcp")
@guarded
def mcp(context: typer.Context, data_dir: DataDir = None) -> None:
    from commands.console import language
    from commands.mcp import serve

    with chosen_engine(context, data_dir) as engine:
        serve(engine, language())


@app.command(help="cli.help.run")
@guarded
def run(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="cli.opt.port", show_default=False)
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="cli.opt.host", show_default=False)] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="cli.opt.browser")] = True,
    data_dir: DataDir = None,
) -> None:
    from commands.serve import run_page
    from commands.session import settings

    loaded = settings(chosen(context, data_dir))
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = loaded.server.model_copy(update=given)
    run_page(loaded.model_copy(update={"server": server}), open_browser=browser)


@app.command("settings", help="cli.help.settings")
@guarded
def show_settings(
    context: typer.Context,
    markdown: Annotated[bool, typer.Option("--markdown", help="cli.opt.markdown")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.checks import print_settings, settings_markdown
    from commands.session import settings

    if markdown:
        sys.stdout.write(settings_markdown())
    else:
        print_settings(settings(chosen(context, data_dir)), as_json=as_json)


@eval_app.command("generate", help="cli.help.eval.generate")
@guarded
def eval_generate(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=5000, help="cli.opt.count")] = 40,
    model: Annotated[bool, typer.Option("--model", help="cli.opt.by_model")] = False,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="cli.opt.drafts_in")
    ] = "generated",
    seed: Annotated[int, typer.Option("--seed", help="cli.opt.seed")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.jsonl", help="cli.opt.drafts_out")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.golden import generate

    with chosen_engine(context, data_dir) as engine:
        generate(engine, count=count, use_model=model, dataset=dataset, seed=seed, out=out, as_json=as_json)


@eval_app.command("review", help="cli.help.eval.review")
@guarded
def eval_review(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="cli.opt.drafts_in")
    ] = "generated",
    data_dir: DataDir = None,
) -> None:
    from commands.golden import review

    with chosen_engine(context, data_dir) as engine:
        review(engine, dataset=dataset)


@feedback_app.command("list", help="cli.help.feedback.list")
@guarded
def feedback_list(
    context: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="cli.opt.open_only")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.feedback import list_feedback

    with chosen_engine(context, data_dir) as engine:
        list_feedback(engine, open_only=open_only, as_json=as_json)


@feedback_app.command("export", help="cli.help.feedback.export")
@guarded
def feedback_export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="cli.arg.out_jsonl")],
    open_only: Annotated[bool, typer.Option("--open", help="cli.opt.open_only")] = False,
    data_dir: DataDir = None,
) -> None:
    from commands.feedback import export

    with chosen_engine(context, data_dir) as engine:
        export(engine, path, open_only=open_only)


@eval_app.command("injection", help="cli.help.eval.injection")
@guarded
def eval_injection(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.console import SOME_FAILED, Exit
    from commands.evaluate import injection

    with chosen_engine(context, data_dir) as engine:
        if not injection(engine, as_json=as_json):
            raise Exit(SOME_FAILED)


@vocabulary_app.command("list", help="cli.help.vocabulary.list")
@guarded
def vocabulary_list(
    context: typer.Context,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.only_collection")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.vocabulary import list_terms

    with chosen_engine(context, data_dir) as engine:
        list_terms(engine, collection=collection, as_json=as_json)


@vocabulary_app.command("add", help="cli.help.vocabulary.add")
@guarded
def vocabulary_add(
    context: typer.Context,
    term: Annotated[str, typer.Argument(metavar="TERM", help="cli.arg.term")],
    synonyms: Annotated[list[str], typer.Argument(metavar="SYNONYM", help="cli.arg.synonyms")],
    collection: OneCollection = "default",
    data_dir: DataDir = None,
) -> None:
    from commands.vocabulary import add

    with chosen_engine(context, data_dir) as engine:
        add(engine, term, synonyms, collection=collection)


@vocabulary_app.command("remove", help="cli.help.vocabulary.remove")
@guarded
def vocabulary_remove(
    context: typer.Context,
    term_id: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="cli.arg.term_id")],
    data_dir: DataDir = None,
) -> None:
    from commands.vocabulary import remove

    with chosen_engine(context, data_dir) as engine:
        remove(engine, term_id)


@vocabulary_app.command("import", help="cli.help.vocabulary.import")
@guarded
def vocabulary_import(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE.csv", help="cli.arg.terms_csv")],
    collection: OneCollection = "default",
    data_dir: DataDir = None,
) -> None:
    from commands.vocabulary import import_file

    with chosen_engine(context, data_dir) as engine:
        import_file(engine, path, collection=collection)


@prompts_app.command("list", help="cli.help.prompts.list")
@guarded
def prompts_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.prompts import list_prompts

    with chosen_engine(context, data_dir) as engine:
        list_prompts(engine, as_json=as_json)


@prompts_app.command("show", help="cli.help.prompts.show")
@guarded
def prompts_show(
    context: typer.Context,
    use: Use,
    language: PromptLanguage,
    version: Annotated[
        int | None, typer.Option("--version", min=0, help="cli.opt.prompt_version", show_default=False)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.prompts import show

    with chosen_engine(context, data_dir) as engine:
        show(engine, use, language, version=version, as_json=as_json)


@prompts_app.command("edit", help="cli.help.prompts.edit")
@guarded
def prompts_edit(
    context: typer.Context,
    use: Use,
    language: PromptLanguage,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="cli.opt.prompt_file")
    ] = None,
    words: Annotated[str, typer.Option("--note", metavar="TEXT", help="cli.opt.note")] = "",
    data_dir: DataDir = None,
) -> None:
    from commands.prompts import edit

    with chosen_engine(context, data_dir) as engine:
        edit(engine, use, language, file=file, note=words)


@prompts_app.command("restore", help="cli.help.prompts.restore")
@guarded
def prompts_restore(
    context: typer.Context,
    use: Use,
    language: PromptLanguage,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="cli.arg.prompt_version", min=0)],
    data_dir: DataDir = None,
) -> None:
    from commands.prompts import restore

    with chosen_engine(context, data_dir) as engine:
        restore(engine, use, language, version)


@prompts_app.command("remove", help="cli.help.prompts.remove")
@guarded
def prompts_remove(context: typer.Context, use: Use, data_dir: DataDir = None) -> None:
    from commands.prompts import remove

    with chosen_engine(context, data_dir) as engine:
        remove(engine, use)


@app.command("version", help="cli.help.version")
@guarded
def show_version() -> None:
    from commands.checks import version

    print(f"wenju {version()}")


def _translate(command: Any) -> None:
    """Puts the texts of the reader's language in the place of the codes, in the whole command tree."""
    for item in (command, *command.params):
        if (getattr(item, "help", None) or "").startswith("cli."):
            item.help = text(item.help)
    for child in getattr(command, "commands", {}).values():
        _translate(child)


def main() -> None:
    set_language(environment_language(os.environ))
    command = typer.main.get_command(app)
    _translate(command)
    command()


if __name__ == "__main__":
    main()
