"""The commands under ``wenju users``, ``collections`` and ``tokens``: arguments only; what they do is in
commands.people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import guarded
from commands.options import AsJson, DataDir, chosen_engine

if TYPE_CHECKING:
    pass

users_app = typer.Typer(help="cli.help.users", no_args_is_help=True)
collections_app = typer.Typer(help="cli.help.collections", no_args_is_help=True)
tokens_app = typer.Typer(help="cli.help.tokens", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="cli.arg.user")]
Roles = Annotated[list[str], typer.Argument(metavar="ROLE", help="cli.arg.roles")]
Shelf = Annotated[str, typer.Argument(metavar="COLLECTION", help="cli.arg.collection")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="cli.opt.user")]


@users_app.command("list", help="cli.help.users.list")
@guarded
def users_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.list_users(engine, as_json=as_json)


@users_app.command("add", help="cli.help.users.add")
@guarded
def users_add(
    context: typer.Context,
    name: Name,
    roles: Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="cli.opt.role")] = None,
    shown_name: Annotated[str, typer.Option("--full-name", metavar="TEXT", help="cli.opt.full_name")] = "",
    oidc: Annotated[bool, typer.Option("--oidc", help="cli.opt.oidc")] = False,
    data_dir: DataDir = None,
) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.add_user(engine, name, roles=roles or ["analyst"], shown_name=shown_name, oidc=oidc)


@users_app.command("role", help="cli.help.users.role")
@guarded
def users_role(context: typer.Context, name: Name, roles: Roles, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.set_roles(engine, name, roles)


@users_app.command("off", help="cli.help.users.off")
@guarded
def users_off(context: typer.Context, name: Name, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.set_active(engine, name, False)


@users_app.command("on", help="cli.help.users.on")
@guarded
def users_on(context: typer.Context, name: Name, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.set_active(engine, name, True)


@users_app.command("password", help="cli.help.users.password")
@guarded
def users_password(context: typer.Context, name: Name, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.reset_password(engine, name)


@collections_app.command("list", help="cli.help.collections.list")
@guarded
def collections_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.list_collections(engine, as_json=as_json)


@collections_app.command("add", help="cli.help.collections.add")
@guarded
def collections_add(context: typer.Context, name: Shelf, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.add_collection(engine, name)


@collections_app.command("share", help="cli.help.collections.share")
@guarded
def collections_share(
    context: typer.Context,
    collection: Shelf,
    user: Name,
    write: Annotated[bool, typer.Option("--write", help="cli.opt.write")] = False,
    data_dir: DataDir = None,
) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.share(engine, collection, user, may_write=write)


@collections_app.command("unshare", help="cli.help.collections.unshare")
@guarded
def collections_unshare(
    context: typer.Context, collection: Shelf, user: Name, data_dir: DataDir = None
) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.unshare(engine, collection, user)


@tokens_app.command("list", help="cli.help.tokens.list")
@guarded
def tokens_list(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.list_tokens(engine, as_json=as_json)


@tokens_app.command("create", help="cli.help.tokens.create")
@guarded
def tokens_create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.arg.token")],
    rights: Annotated[
        list[str] | None, typer.Option("--right", metavar="RIGHT", help="cli.opt.right")
    ] = None,
    collections: Annotated[
        list[str] | None, typer.Option("--collection", "-c", metavar="NAME", help="cli.opt.only_collection")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, max=3650, help="cli.opt.days")] = None,
    user: User = None,
    data_dir: DataDir = None,
) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.create_token(
            engine, name, rights=rights or ["read", "ask"], collections=collections, days=days, user=user
        )


@tokens_app.command("revoke", help="cli.help.tokens.revoke")
@guarded
def tokens_revoke(
    context: typer.Context,
    token: Annotated[int, typer.Argument(metavar="NUMBER", help="cli.arg.token_number")],
    data_dir: DataDir = None,
) -> None:
    from commands import people

    with chosen_engine(context, data_dir) as engine:
        people.revoke_token(engine, token)
