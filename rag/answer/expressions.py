"""What is to be calculated, as a small tree of frozen records: figures to be found, numbers, operations.

Promises: never evaluated as code; arithmetic is decimal. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation, localcontext
from typing import Literal

Shown = Literal["amount", "percent", "points", "ratio", "days"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A figure to be found: what it is called and of which year. ``ids``: of the vocabulary, any will do."""

    name: str
    ids: tuple[str, ...]
    year: int | None


@dataclass(frozen=True, slots=True)
class Number:
    value: Decimal


@dataclass(frozen=True, slots=True)
class Operation:
    operator: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Average:
    parts: tuple[Expression, ...]


Expression = Wanted | Number | Operation | Average


@dataclass(frozen=True, slots=True)
class Plan:
    """``others``: expressions that give the same, for when a figure of the first is not printed."""

    name: str
    expression: Expression
    shown: Shown
    others: tuple[Expression, ...] = ()
    printed: Wanted | None = None  # the result itself may be printed
    places: int | None = None
    power: int | None = None  # of ten, that the answer is asked in
    certain: bool = True  # a missing operand is worth saying
    rest: frozenset[str] = frozenset()  # of a lookup: words beside the item, to be the company's

    @property
    def lookup(self) -> bool:
        return isinstance(self.expression, Wanted)


def wanted_in(expression: Expression) -> tuple[Wanted, ...]:
    """Every figure that the expression needs, in order, each once."""
    return tuple(dict.fromkeys(_wanted(expression)))


def _wanted(expression: Expression) -> Iterator[Wanted]:
    match expression:
        case Wanted():
            yield expression
        case Operation(left=left, right=right):
            yield from _wanted(left)
            yield from _wanted(right)
        case Average(parts=parts):
            for part in parts:
                yield from _wanted(part)


def evaluate(expression: Expression, value: Callable[[Wanted], Decimal]) -> Decimal:
    """The expression's value. Raises ZeroDivisionError."""
    with localcontext() as context:
        context.prec = 34
        try:
            return _evaluate(expression, value)
        except (DivisionByZero, InvalidOperation) as error:
            raise ZeroDivisionError from error


def _evaluate(expression: Expression, value: Callable[[Wanted], Decimal]) -> Decimal:
    match expression:
        case Wanted():
            return value(expression)
        case Number(value=number):
            return number
        case Average(parts=parts):
            return sum((_evaluate(p, value) for p in parts), Decimal(0)) / len(parts)
        case Operation(operator=operator, left=left, right=right):
            one, other = _evaluate(left, value), _evaluate(right, value)
            if operator == "+":
                return one + other
            if operator == "-":
                return one - other
            return one * other if operator == "*" else one / other


def write(expression: Expression, word: Callable[[Wanted], str], average: str, outer: str = "") -> str:
    """The expression in words: ``word`` for each figure, ``average`` as in "average({})"."""
    match expression:
        case Wanted():
            return word(expression)
        case Number(value=number):
            return f"{number.normalize():f}"
        case Average(parts=parts):
            return average.format(", ".join(write(p, word, average) for p in parts))
        case Operation(operator=operator, left=left, right=right):
            one = write(left, word, average, operator)
            other = write(right, word, average, operator + "r")
            text = f"{one} {'×' if operator == '*' else operator} {other}"
            tight = outer[:1] in ("*", "/") and operator in "+-"
            tight = tight or outer in ("-r", "/r", "*r")
            return f"({text})" if tight else text
