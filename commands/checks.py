"""``wenju doctor``, ``settings`` and ``version``: what is here, what works, what can be set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from commands.console import ERROR, Exit, console, emit, language, printable, text
from rag.errors import WenjuError
from rag.messages import message

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from rag.records import PartStatus
    from rag.settings import Settings

SECRET_SHOWN = "********"
STYLES = {"ok": "green", "limited": "yellow", "off": "dim", "broken": "bold red"}


def version() -> str:
    try:
        return metadata.version("wenju")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0+unknown"


def doctor(settings: Settings, *, as_json: bool) -> None:
    """One line a part. Exits with 1 when a part is broken."""
    from rag.engine import Engine
    from rag.records import PartStatus

    try:
        with Engine.open(settings) as engine:
            parts = engine.part_statuses()
    except WenjuError as error:
        parts = [PartStatus("store", "broken", error.code, error.params)]
    if as_json:
        for part in parts:
            emit(
                {
                    "part": part.part,
                    "state": part.state,
                    "message": message(part.code, language(), part.params),
                    "remedy": part.remedy or None,
                }
            )
    else:
        _print_parts(parts)
    if any(part.state == "broken" for part in parts):
        raise Exit(ERROR)


def _print_parts(parts: list[PartStatus]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("part", "state", "note"):
        table.add_column(text(f"cli.column.{column}"), overflow="fold")
    for part in parts:
        words = Text(printable(message(part.code, language(), part.params)))
        if part.remedy:
            words.append("\n" + text("cli.remedy", command=part.remedy), style="cyan")
        table.add_row(part.part, Text(text(f"cli.state.{part.state}"), style=STYLES[part.state]), words)
    console(stderr=False).print(table)


@dataclass(frozen=True, slots=True)
class Row:
    section: str
    key: str  # dotted, e.g. "chat.model"
    variable: str
    kind: str
    default: str
    value: str
    meaning: str


def rows(settings: Settings) -> Iterator[Row]:
    """Every setting in the order of the classes, with the value it has in ``settings``."""
    from pydantic import BaseModel

    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for inner, inner_info in type(value).model_fields.items():
                yield _row(name, inner, inner_info, getattr(value, inner))
        else:
            yield _row("", name, info, value)


def _row(section: str, name: str, info: FieldInfo, value: Any) -> Row:
    key = f"{section}.{name}" if section else name
    return Row(
        section=section,
        key=key,
        variable="WENJU_" + key.replace(".", "__").upper(),
        kind=_kind(info),
        default=_shown(info.default),
        value=_shown(value),
        meaning=(info.description or "") + _limits(info),
    )


def _kind(info: FieldInfo) -> str:
    annotation: Any = info.annotation
    if get_origin(annotation) is Literal:
        return " / ".join(map(str, get_args(annotation)))
    name = getattr(annotation, "__name__", "") if get_origin(annotation) is None else str(annotation)
    return {
        "str": "text", "int": "whole number", "float": "number", "bool": "true / false", "Path": "folder",
        "SecretStr": "secret",
    }.get(name, "list of texts" if "tuple" in name else "text")  # fmt: skip


def _limits(info: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{word} {getattr(rule, name):,}"
        for rule in info.metadata
        for name, word in words.items()
        if getattr(rule, name, None) is not None
    ]
    return f" ({', '.join(found)})" if found else ""


def _shown(value: Any) -> str:
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return SECRET_SHOWN if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def print_settings(settings: Settings, *, as_json: bool) -> None:
    if as_json:
        for row in rows(settings):
            emit({"key": row.key, "value": row.value, "default": row.default, "variable": row.variable})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("key", "value", "default", "meaning"):
        table.add_column(text(f"cli.column.{column}"), overflow="fold")
    for row in rows(settings):
        changed = row.value != row.default
        table.add_row(row.key, Text(row.value, style="bold" if changed else ""), row.default, row.meaning)
    console(stderr=False).print(table)


def settings_markdown() -> str:
    """docs/settings.md, from the classes alone: the same on every machine."""
    from rag.settings import Settings

    plain = Settings.model_construct()
    lines = [
        "# Settings",
        "",
        "<!-- Written by `wenju settings --markdown`; change the descriptions in rag/settings.py. -->",
        "",
        "Strongest first: `--data-dir`, `--host` and `--port`; `WENJU_*` variables; `wenju.toml` in the",
        "working folder (or the file that `WENJU_CONFIG` names); secrets as files in `/run/secrets`;",
        "defaults. Unknown keys are refused. `wenju settings` prints the values now in force.",
    ]
    section = None
    for row in rows(plain):
        if row.section != section:
            section = row.section
            heading = f"`[{section}]`" if section else "At the top of the file"
            lines += ["", f"## {heading}", "", "| key | variable | kind | default | meaning |"]
            lines += ["| --- | --- | --- | --- | --- |"]
        name = row.key.rpartition(".")[2]
        default = f"`{row.default}`" if row.default else ""
        cells = (f"`{name}`", f"`{row.variable}`", row.kind, default, row.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
