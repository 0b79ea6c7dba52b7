"""A measure over runs: how a system did on a dataset, run after run. Pure.

Promises: only finished runs count; runs over other questions than the latest (the dataset was changed, or
only some were asked) are there and marked, because their figures cannot be set against each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rag.records import EvalRun


@dataclass(frozen=True, slots=True)
class Point:
    """One run's figure with its 95 % interval over ``n`` questions. ``same``: the same questions were asked
    as in the latest run."""

    run_id: int
    run: str
    when: datetime
    mean: float
    low: float
    high: float
    n: int
    same: bool


def traced(runs: Iterable[EvalRun]) -> dict[tuple[str, str], list[str]]:
    """(dataset, system) of which at least two runs are finished -> the measures that two of them have; those
    looked at last come first."""
    seen: dict[tuple[str, str], dict[str, int]] = {}
    for run in _finished(runs):
        for system, found in run.summary["systems"].items():
            measures = seen.setdefault((run.dataset, system), {})
            for measure in found["measures"]:
                measures[measure] = measures.get(measure, 0) + 1
    traced = {key: [m for m, n in measures.items() if n > 1] for key, measures in seen.items()}
    return {key: measures for key, measures in traced.items() if measures}


def points(runs: Iterable[EvalRun], dataset: str, system: str, measure: str) -> list[Point]:
    """The measure's figures, oldest first."""
    mine = [
        run
        for run in reversed(_finished(runs))
        if run.dataset == dataset and measure in run.summary["systems"].get(system, {}).get("measures", {})
    ]
    made = []
    for run in mine:
        found = run.summary["systems"][system]["measures"][measure]
        same = (run.dataset_sha256, run.total // max(len(run.systems), 1)) == (
            mine[-1].dataset_sha256,
            mine[-1].total // max(len(mine[-1].systems), 1),
        )
        made.append(
            Point(
                run.id,
                run.name,
                run.created_at,
                found["mean"],
                found["low"],
                found["high"],
                int(found["n"]),
                same,
            )
        )
    return made


def _finished(runs: Iterable[EvalRun]) -> list[EvalRun]:
    """Newest first."""
    done = [r for r in runs if r.status == "done" and r.summary.get("systems")]
    return sorted(done, key=lambda r: (r.created_at, r.id), reverse=True)
