"""``wenju audit``, ``wenju rules``, ``wenju backup`` and ``wenju restore``: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console import guarded

audit_app = typer.Typer(help="cli.help.audit", no_args_is_help=True)
rules_app = typer.Typer(help="cli.help.rules", no_args_is_help=True)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="cli.opt.data_dir", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="cli.opt.json")]
RuleId = Annotated[int, typer.Argument(metavar="RULE", help="cli.arg.rule", min=1)]


def _chosen(context: typer.Context, data_dir: Path | None) -> Path | None:
    before: Path | None = context.find_root().obj
    return data_dir if data_dir is not None else before


@audit_app.command("list", help="cli.help.audit.list")
@guarded
def audit_list(
    context: typer.Context,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="cli.opt.audit_user")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="cli.opt.audit_action")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="cli.opt.limit")] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.audit import list_entries
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        list_entries(engine, user_id=user, action=action, limit=limit, as_json=as_json)


@audit_app.command("export", help="cli.help.audit.export")
@guarded
def audit_export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg.out_file")],
    data_dir: DataDir = None,
) -> None:
    from commands.audit import export
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        export(engine, path)


@audit_app.command("verify", help="cli.help.audit.verify")
@guarded
def audit_verify(context: typer.Context, data_dir: DataDir = None) -> None:
    from commands.audit import verify
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        verify(engine)


@audit_app.command("trim", help="cli.help.audit.trim")
@guarded
def audit_trim(context: typer.Context, data_dir: DataDir = None) -> None:
    from commands.audit import trim
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        trim(engine)


@rules_app.command("list", help="cli.help.rules.list")
@guarded
def rules_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.rules import list_rules
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        list_rules(engine, as_json=as_json)


@rules_app.command("add", help="cli.help.rules.add")
@guarded
def rules_add(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg.rule_file")],
    data_dir: DataDir = None,
) -> None:
    from commands.rules import add
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        add(engine, path)


@rules_app.command("on", help="cli.help.rules.on")
@guarded
def rules_on(context: typer.Context, rule: RuleId, data_dir: DataDir = None) -> None:
    from commands.rules import switch
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        switch(engine, rule, active=True)


@rules_app.command("off", help="cli.help.rules.off")
@guarded
def rules_off(context: typer.Context, rule: RuleId, data_dir: DataDir = None) -> None:
    from commands.rules import switch
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        switch(engine, rule, active=False)


@rules_app.command("remove", help="cli.help.rules.remove")
@guarded
def rules_remove(context: typer.Context, rule: RuleId, data_dir: DataDir = None) -> None:
    from commands.rules import remove
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        remove(engine, rule)


@rules_app.command("check", help="cli.help.rules.check")
@guarded
def rules_check(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg.text_file")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    from commands.rules import check
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        check(engine, path, as_json=as_json)


@guarded
def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="cli.arg.backup")],
    data_dir: DataDir = None,
) -> None:
    from commands.backup import backup as run
    from commands.session import open_engine

    with open_engine(_chosen(context, data_dir)) as engine:
        run(engine, target)


@guarded
def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="cli.arg.restore")],
    data_dir: DataDir = None,
) -> None:
    from commands.backup import restore as run
    from commands.session import settings

    run(settings(_chosen(context, data_dir)), source)
