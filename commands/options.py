"""Options that many commands share, and the library that they choose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rag.engine import Engine

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="cli.opt.data_dir", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="cli.opt.json")]


def chosen(context: typer.Context, data_dir: Path | None) -> Path | None:
    """--data-dir may stand before or after the command; after wins."""
    before: Path | None = context.find_root().obj
    return data_dir if data_dir is not None else before


@contextmanager
def chosen_engine(context: typer.Context, data_dir: Path | None) -> Iterator[Engine]:
    """The Engine of the :func:`chosen` library, closed at the end."""
    from commands.session import open_engine

    with open_engine(chosen(context, data_dir)) as engine:
        yield engine
