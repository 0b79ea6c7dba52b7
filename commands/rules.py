"""``wenju rules``: what answers must or must not say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import REFUSED, Exit, console, emit, printable, say, text, usage_error

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Rule


def list_rules(engine: Engine, *, as_json: bool) -> None:
    rules, counts = engine.rules(), engine.rule_hit_counts()
    if as_json:
        for rule in rules:
            emit(_record(rule, counts.get(rule.id, {})))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("id", "on", "kind", "action", "name", "hits", "open"):
        table.add_column(column, overflow="fold")
    for rule in rules:
        found = counts.get(rule.id, {})
        table.add_row(
            str(rule.id), "*" if rule.active else "", rule.kind, str(rule.definition.get("action", "")),
            printable(rule.name), str(sum(found.values())), str(found.get("open", 0)),
        )  # fmt: skip
    console(stderr=False).print(table)


def add(engine: Engine, path: Path) -> None:
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
        name, kind, definition = str(given["name"]), str(given["kind"]), dict(given["definition"])
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise usage_error(text("cli.rules.unreadable", path=path, problem=repr(error))) from error
    made = engine.add_rule(name, kind, definition, active=bool(given.get("active", True)))
    say(text("cli.rules.added", id=made.id))


def switch(engine: Engine, rule_id: int, *, active: bool) -> None:
    engine.change_rule(rule_id, active=active)
    say(text("cli.rules.switched", id=rule_id, state=text("cli.rules.on" if active else "cli.rules.off")))


def remove(engine: Engine, rule_id: int) -> None:
    engine.remove_rule(rule_id)
    say(text("cli.rules.removed", id=rule_id))


def check(engine: Engine, path: Path, *, as_json: bool) -> None:
    """The text as a reader would see it to stdout, the hits to stderr (with ``as_json`` all to stdout)."""
    try:
        words = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error(text("cli.prompts.unreadable", path=path, problem=error)) from error
    tried = engine.try_rules(words)
    if as_json:
        hits = [
            {"rule": f.hit.rule_id, "name": f.hit.rule, "action": f.hit.action, "count": f.hit.count}
            for f in tried.found
        ]
        emit({"text": tried.text, "hits": hits})
    else:
        print(printable(tried.text))
        for f in tried.found:
            say(text("cli.rules.hit", rule=printable(f.hit.rule), action=f.hit.action, count=f.hit.count))
        if not tried.found:
            say(text("cli.rules.none"))
    if tried.found:
        raise Exit(REFUSED)


def _record(rule: Rule, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": rule.id, "name": rule.name, "kind": rule.kind, "active": rule.active, "shipped": rule.shipped,
        "edited": rule.edited, "definition": dict(rule.definition), "hits": counts,
    }  # fmt: skip
