"""``wenju eval``: how right is it, on a pack of questions with known evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import console, emit, language, note, text
from rag.messages import message

if TYPE_CHECKING:
    from rag.engine import Engine


def retrieval(engine: Engine, pack: Path, *, limit: int | None, as_json: bool) -> None:
    """Prints a Markdown table (or one JSON object) of page recall. Raises DatasetError."""
    from evaluation.retrieval import run

    with console().status("") as status:

        def show(done: int, total: int) -> None:
            status.update(f"{done}/{total}")

        report = run(engine, pack, limit=limit, on_progress=show if sys.stderr.isatty() else None)
    if as_json:
        emit(report.to_json())
        return
    print(report.to_markdown())
    note(text("cli.eval.asked", asked=report.questions, skipped=report.skipped))
    for code, times in report.degraded.items():
        note(f"{message(code, language())} ({times})")
