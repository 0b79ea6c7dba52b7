"""Formulas over line items: ``365 * average(inventory) / cost_of_sales``.

Promises: pure; a formula is parsed into a small tree of frozen records, never evaluated as code; whatever is
not arithmetic (+ - * / and brackets) on items, numbers, ``average(item)``, ``change(item)`` and
``previous(item)`` raises FormulaError.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Period = Literal["now", "average", "change", "previous"]
Operator = Literal["+", "-", "*", "/"]
_PERIODS: Mapping[str, Period] = {"average": "average", "change": "change", "previous": "previous"}
_OPERATORS: Mapping[type[ast.operator], Operator] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
MAX_CHARS = 400


class FormulaError(ValueError):
    """Not a formula, or one that divides by zero."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Reference:
    """An item's figure. "now": of the period asked for (for a balance, at its end); "previous": one year
    before; "average": the mean of both; "change": now less previous."""

    item: str
    period: Period = "now"


@dataclass(frozen=True, slots=True)
class Operation:
    operator: Operator
    left: Node
    right: Node


Node = Number | Reference | Operation


@lru_cache(maxsize=512)
def parse_formula(formula: str) -> Node:
    """The formula's tree. Raises FormulaError."""
    if len(formula) > MAX_CHARS:
        raise FormulaError(f"longer than {MAX_CHARS} characters")
    try:
        return _node(ast.parse(formula.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise FormulaError(f"not a formula: {formula!r}") from error


def _node(tree: ast.expr) -> Node:
    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return Number(float(value))
        case ast.Name(id=name):
            return Reference(name)
        case ast.Call(func=ast.Name(id=function), args=[ast.Name(id=name)], keywords=[]) if (
            function in _PERIODS
        ):
            return Reference(name, _PERIODS[function])
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return Operation(_OPERATORS[type(operator)], _node(left), _node(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Operation("-", Number(0.0), _node(operand))
    raise FormulaError(f"not allowed in a formula: {ast.unparse(tree)}")


def references(node: Node) -> tuple[Reference, ...]:
    """Every figure that the formula needs, in order, once."""
    match node:
        case Reference():
            return (node,)
        case Operation(left=left, right=right):
            return tuple(dict.fromkeys((*references(left), *references(right))))
        case _:
            return ()


def evaluate(node: Node, figure: Callable[[Reference], float]) -> float:
    """The formula's value, with ``figure`` giving each reference's. Raises FormulaError for a division by
    zero, and whatever ``figure`` raises."""
    match node:
        case Number(value=value):
            return value
        case Reference():
            return figure(node)
        case Operation(operator=operator, left=left, right=right):
            one, other = evaluate(left, figure), evaluate(right, figure)
            if operator == "+":
                return one + other
            if operator == "-":
                return one - other
            if operator == "*":
                return one * other
            if other == 0:
                raise FormulaError("division by zero")
            return one / other
