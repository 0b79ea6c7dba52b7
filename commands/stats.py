"""``wenju stats``: what was asked, how fast, how well and at what cost, from the same sums as the Operations
page."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from commands.console import say, text
from rag.store.figures import PERCENTILES

if TYPE_CHECKING:
    from rag.engine import Engine

_LISTED = 10


def stats(engine: Engine, *, days: float, as_json: bool) -> None:
    """Of the last ``days``. As JSON: one object, fields as rag.operations.Overview names them."""
    since = int(time.time() - days * 86_400)
    found = engine.overview(since)
    popular = engine.asked_questions(since, limit=_LISTED)
    unanswered = engine.asked_questions(since, unanswered=True, limit=_LISTED)
    if as_json:
        whole = asdict(found)
        whole["popular"] = [asdict(one) for one in popular]
        whole["unanswered"] = [asdict(one) for one in unanswered]
        print(json.dumps(whole, ensure_ascii=False))
        return
    totals = found.totals
    say(text("cli.stats.questions", days=f"{days:g}", **{k: str(v) for k, v in asdict(totals).items()}))
    if not totals.questions:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def show(heading: str, header: list[str], rows: list[list[str]]) -> None:
        if rows:
            table = Table(*header, title=heading, title_justify="left")
            for row in rows:
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)

    console = Console()
    show(
        text("cli.stats.stages"),
        [text("cli.stats.stage"), *(f"p{p} ms" for p in PERCENTILES), "n"],
        [
            [s.stage, *(f"{v:,.1f}" for v in s.percentiles_ms), str(s.count)]
            for s in sorted(found.stages, key=lambda s: -s.percentiles_ms[1])
        ],
    )
    show(
        text("cli.stats.models"),
        [text("cli.stats.model"), text("cli.stats.adapter"), "n", "in", "out", found.currency],
        [
            [
                m.model or "-",
                m.adapter or "-",
                str(m.questions),
                str(m.tokens_in),
                str(m.tokens_out),
                f"{m.cost:.4f}",
            ]
            for m in found.models
        ],
    )
    for heading, listed in (("popular", popular), ("unanswered", unanswered)):
        show(
            text(f"cli.stats.{heading}"),
            ["n", text("cli.stats.question")],
            [[str(one.count), " ".join(one.question.split())[:200]] for one in listed],
        )
