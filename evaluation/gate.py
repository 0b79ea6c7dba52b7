"""May the candidate go live? Guards that must not get worse, targets that must get better. Pure.

A *guard* ``MEASURE`` or ``MEASURE:margin`` holds when the whole 95 % interval of the paired difference lies
above -margin (non-inferiority: Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987, one side; margin 0.02 unless
given). A *target* ``MEASURE`` or ``MEASURE:gain`` is reached when
the candidate is better (evaluation.statistics) and the mean is at least the gain. Differences count in the
good direction: fewer wrong refusals are a gain. What was measured on fewer than ten questions of both fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.scoring import MEASURES
from evaluation.summary import differences
from rag.errors import WenjuError
from rag.records import EvalResult

DEFAULT_MARGIN = 0.02
LEAST_QUESTIONS = 10


class GateError(WenjuError):
    """A guard or target cannot be read, or names no measure."""


@dataclass(frozen=True, slots=True)
class Condition:
    kind: Literal["guard", "target"]
    measure: str
    amount: float  # margin of a guard, least gain of a target

    @classmethod
    def parse(cls, kind: Literal["guard", "target"], text: str) -> Condition:
        """``MEASURE`` or ``MEASURE:number``. Raises GateError."""
        measure, colon, number = text.partition(":")
        measure = measure.strip()
        try:
            amount = float(number) if colon else (DEFAULT_MARGIN if kind == "guard" else 0.0)
        except ValueError as error:
            raise GateError(
                "eval.bad_condition", condition=text, problem=f"{number!r} is no number"
            ) from error
        if measure not in MEASURES or not 0 <= amount < float("inf"):
            known = ", ".join(MEASURES)
            raise GateError("eval.bad_condition", condition=text, problem=f"the measures are: {known}")
        return cls(kind, measure, amount)


@dataclass(frozen=True, slots=True)
class Judged:
    """``mean``, ``low``, ``high``: the difference in the good direction, over ``n`` questions."""

    condition: Condition
    passed: bool
    mean: float
    low: float
    high: float
    n: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        c = self.condition
        return {
            "kind": c.kind, "measure": c.measure, "amount": c.amount, "passed": self.passed,
            "mean": self.mean, "low": self.low, "high": self.high, "n": self.n, "reason": self.reason,
        }  # fmt: skip


def paired(
    candidate: Sequence[EvalResult], baseline: Sequence[EvalResult]
) -> tuple[list[EvalResult], list[EvalResult]]:
    """The results of questions that are the same in both: same key, same words, same accepted answers."""
    base = {r.question_key: r for r in baseline}
    both = [
        (one, base[one.question_key])
        for one in candidate
        if one.question_key in base and _same(one.question, base[one.question_key].question)
    ]
    return [one for one, _ in both], [other for _, other in both]


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("question", "answers", "expect_refusal"))


def judge(
    candidate: Sequence[EvalResult], baseline: Sequence[EvalResult], conditions: Sequence[Condition]
) -> list[Judged]:
    """Each condition over the questions that both answered. The gate is open when all passed."""
    found = differences(*paired(candidate, baseline))
    return [_judged(condition, found.get(condition.measure)) for condition in conditions]


def _judged(condition: Condition, difference: Mapping[str, Any] | None) -> Judged:
    if difference is None or difference["n"] < LEAST_QUESTIONS:
        n = int(difference["n"]) if difference else 0
        reason = f"measured on {n} questions of both, at least {LEAST_QUESTIONS} are needed"
        return Judged(condition, False, 0.0, 0.0, 0.0, n, reason)
    mean, low, high = difference["mean"], difference["low"], difference["high"]
    if not MEASURES[condition.measure].higher_is_better:
        mean, low, high = -mean, -high, -low
    if condition.kind == "guard":
        passed = low >= -condition.amount
        reason = (
            "no worse than the margin"
            if passed
            else f"may be worse by {-low:.3f}, allowed {condition.amount:g}"
        )
    else:
        shown = difference["verdict"] == "better"
        passed = shown and mean >= condition.amount
        reason = (
            "better"
            if passed
            else "not shown to be better"
            if not shown
            else f"better by {mean:.3f}, wanted {condition.amount:g}"
        )
    return Judged(condition, passed, mean, low, high, difference["n"], reason)
