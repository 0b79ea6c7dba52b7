"""``wenju feedback``: what readers said of answers, for evaluators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import console, emit, printable, say, text
from rag.access import LOCAL

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Turn


def list_feedback(engine: Engine, *, open_only: bool, as_json: bool) -> None:
    """A table of rated turns, lately rated first (JSON lines with ``as_json``)."""
    turns = engine.feedback(LOCAL, open_only=open_only)
    if as_json:
        for turn in turns:
            emit(record(turn))
        return
    if not turns:
        say(text("cli.feedback.none"))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("turn", "rating", "class", "question", "correction", "review"):
        table.add_column(text(f"cli.column.{column}"), overflow="fold")
    for turn in turns:
        found = record(turn)
        table.add_row(
            str(turn.id),
            {1: "+", -1: "-"}.get(turn.rating, ""),
            found["class"],
            printable(turn.answer.question),
            printable(turn.correction),
            turn.review,
        )
    console(stderr=False).print(table)


def export(engine: Engine, path: Path, *, open_only: bool) -> None:
    """JSON lines into ``path``: one a rated turn, with its citations."""
    import json

    turns = engine.feedback(LOCAL, open_only=open_only, limit=1_000_000)
    engine.note_export("feedback", detail={"turns": len(turns)})
    with path.open("w", encoding="utf-8") as stream:
        for turn in turns:
            stream.write(json.dumps(record(turn), ensure_ascii=False) + "\n")
    say(text("cli.feedback.exported", turns=len(turns), path=path))


def record(turn: Turn) -> dict[str, Any]:
    """A rated turn as plain data; ``class`` is the kind of mistake, "" for a thumbs up."""
    from evaluation.errors import classify_turn

    answer = turn.answer
    return {
        "turn": turn.id,
        "user": turn.user_id,
        "asked_at": turn.created_at.isoformat(),
        "rated_at": turn.rated_at.isoformat() if turn.rated_at else None,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "answer": answer.text,
        "refused": answer.refused,
        "model": answer.model,
        "citations": [{"doc": c.document, "page": c.page_start, "quote": c.quote} for c in answer.citations],
        "rating": turn.rating,
        "reasons": list(turn.reasons),
        "comment": turn.comment,
        "correction": turn.correction,
        "class": classify_turn(turn).error_class if turn.rating == -1 or turn.correction else "",
        "review": turn.review,
        "reviewed_by": turn.reviewed_by,
    }
