"""``wenju audit``, ``wenju rules``, ``wenju backup`` and ``wenju restore``: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console import guarded
from commands.options import AsJson, DataDir, chosen, chosen_engine

audit_app = typer.Typer(help="cli.help.audit", no_args_is_help=True)
rules_app = typer.Typer(help="cli.help.rules", no_args_is_help=True)

RuleId = Annotated[int, typer.Argument(metavar="RULE", help="cli.arg.rule", min=1)]


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

    with chosen_engine(context, data_dir) as engine:
        list_entries(engine, user_id=user, action=action, limit=limit, as_json=as_json)


@audit_app.command("export", help="cli.help.audit.export")
@guarded
def audit_export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg.out_file")],
    data_dir: DataDir = None,
) -> None:
    from commands.audit import export

    with chosen_engine(context, data_dir) as engine:
        export(engine, path)


@audit_app.command("verify", help="cli.help.audit.verify")
@guarded
def audit_verify(context: typer.Context, data_dir: DataDir = None) -> None:
    from commands.audit import verify

    with chosen_engine(context, data_dir) as engine:
        verify(engine)


@audit_app.command("trim", help="cli.help.audit.trim")
@guarded
def audit_trim(context: typer.Context, data_dir: DataDir = None) -> None:
    from commands.audit import trim

    with chosen_engine(context, data_dir) as engine:
        trim(engine)


@rules_app.command("list", help="cli.help.rules.list")
@guarded
def rules_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands.rules import list_rules

    with chosen_engine(context, data_dir) as engine:
        list_rules(engine, as_json=as_json)


@rules_app.command("add", help="cli.help.rules.add")
@guarded
def rules_add(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg.rule_file")],
    data_dir: DataDir = None,
) -> None:
    from commands.rules import add

    with chosen_engine(context, data_dir) as engine:
        add(engine, path)


@rules_app.command("on", help="cli.help.rules.on")
@guarded
def rules_on(context: typer.Context, rule: RuleId, data_dir: DataDir = None) -> None:
    from commands.rules import switch

    with chosen_engine(context, data_dir) as engine:
        switch(engine, rule, active=True)


@rules_app.command("off", help="cli.help.rules.off")
@guarded
def rules_off(context: typer.Context, rule: RuleId, data_dir: DataDir = None) -> None:
    from commands.rules import switch

    with chosen_engine(context, data_dir) as engine:
        switch(engine, rule, active=False)


@rules_app.command("remove", help="cli.help.rules.remove")
@guarded
def rules_remove(context: typer.Context, rule: RuleId, data_dir: DataDir = None) -> None:
    from commands.rules import remove

    with chosen_engine(context, data_dir) as engine:
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

    with chosen_engine(context, data_dir) as engine:
        check(engine, path, as_json=as_json)


@guarded
def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="cli.arg.backup")],
    data_dir: DataDir = None,
) -> None:
    from commands.backup import backup as run

    with chosen_engine(context, data_dir) as engine:
        run(engine, target)


@guarded
def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="cli.arg.restore")],
    data_dir: DataDir = None,
) -> None:
    from commands.backup import restore as run
    from commands.session import settings

    run(settings(chosen(context, data_dir)), source)
