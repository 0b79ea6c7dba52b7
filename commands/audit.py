"""``wenju audit``: who did what and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import ERROR, Exit, console, emit, printable, say, text, usage_error
from rag.access import LOCAL

if TYPE_CHECKING:
    from rag.engine import Engine


def list_entries(
    engine: Engine, *, user_id: str | None, action: str | None, limit: int, as_json: bool
) -> None:
    from rag.audit import record

    entries = engine.audit_entries(LOCAL, user_id=user_id, action=action, limit=limit)
    if as_json:
        for entry in entries:
            emit(record(entry))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("id", "at", "user", "action", "subject", "detail"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        when = entry.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        detail = json.dumps(entry.detail, ensure_ascii=False) if entry.detail else ""
        table.add_row(
            str(entry.id), when, *(printable(w) for w in (entry.user_id, entry.action, entry.subject, detail))
        )
    console(stderr=False).print(table)


def export(engine: Engine, path: Path) -> None:
    """CSV when the file is called so, else JSON lines. Never over a file that is there."""
    rows = 0
    try:
        with path.open("x", encoding="utf-8", newline="") as stream:
            form = "csv" if path.suffix.lower() == ".csv" else "jsonl"
            for line in engine.export_audit(LOCAL, form):  # type: ignore[arg-type]
                rows += 1
                stream.write(line)
    except FileExistsError as error:
        raise usage_error(text("cli.file_there", path=path)) from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise usage_error(f"{path}: {error.strerror or error}") from error
    say(text("cli.audit.exported", rows=rows - (path.suffix.lower() == ".csv"), path=path))


def verify(engine: Engine) -> None:
    state = engine.check_audit()
    if state.broken is not None:
        say(text("cli.audit.broken", id=state.broken))
        raise Exit(ERROR)
    say(text("cli.audit.good", rows=state.rows, id=state.last_id, hash=state.last_hash))


def trim(engine: Engine) -> None:
    say(text("cli.audit.trimmed", rows=engine.keep_audit_short()))
