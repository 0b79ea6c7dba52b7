"""``wenju backup`` and ``wenju restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import say, text

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.settings import Settings


def backup(engine: Engine, target: Path) -> None:
    made = engine.back_up(target)
    say(
        text(
            "cli.backup.done",
            documents=made.rows["documents"],
            turns=made.rows["turns"],
            files=made.files,
            size=f"{made.size_bytes / 2**20:.1f}",
            path=made.path,
        )
    )
    if made.missing:
        say(text("cli.backup.missing", count=len(made.missing)))


def restore(settings: Settings, source: Path) -> None:
    from rag.store.restoring import restore as run

    made = run(settings, source)
    say(text("cli.restore.done", documents=made.rows["documents"], turns=made.rows["turns"], path=made.path))
    if made.missing:
        say(text("cli.backup.missing", count=len(made.missing)))
