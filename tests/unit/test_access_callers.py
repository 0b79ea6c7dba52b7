"""Every room that serves people says for whom it calls the Engine: a forgotten principal is the local user's,
who may do everything."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from rag.engine import Engine

ROOT = Path(__file__).parents[2]
ROOMS = sorted(p for room in ("ui", "api") for p in (ROOT / room).rglob("*.py"))
ENGINES = {"engine", "_engine", "opened"}

# Method -> where its principal stands among the arguments.
ASKED_FOR = {
    name: list(inspect.signature(method).parameters).index("principal") - 1
    for name, method in inspect.getmembers(Engine, inspect.isfunction)
    if not name.startswith("_") and "principal" in inspect.signature(method).parameters
}


def is_engine(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in ENGINES
    if isinstance(node, ast.Attribute):
        return node.attr in ENGINES
    return isinstance(node, ast.Call) and is_engine(node.func)


def forgotten(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        if name not in ASKED_FOR or not is_engine(node.func.value):
            continue
        given = len(node.args) > ASKED_FOR[name] or any(isinstance(a, ast.Starred) for a in node.args)
        if not given and all(k.arg not in ("principal", None) for k in node.keywords):
            found.append(f"{node.lineno}: {name}")
    return found


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_engine_is_told_for_whom(path: Path) -> None:
    assert forgotten(path.read_text(encoding="utf-8")) == []


def test_a_forgotten_principal_is_found() -> None:
    assert len(ASKED_FOR) > 40
    assert forgotten("engine.documents()") == ["1: documents"]
    assert forgotten("house.engine.turns(3)") == ["1: turns"]
    assert (
        forgotten("engine.documents(principal()); engine.turns(3, who); engine.ask('x', principal=who)") == []
    )
