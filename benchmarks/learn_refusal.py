"""Weights of ``rag.answer.answerable``, learned from what ``benchmarks.refusal collect`` wrote: packs with
questions that must be refused and packs whose questions can all be answered.

    python -m benchmarks.learn_refusal OUT.jsonl... [--write rag/answer/answerable_weights.json]

A logistic regression for each language (L2, features standardised); each pack counts by the square root of
its size, both classes the same. The operating point: most refused while of the questions that can be
answered at most ``--bound`` are refused, averaged over the packs, and none of the packs more than 1.6 times
that. Questions that a rule refuses and those that the calculator answers are not learned from, but count in
the figures. Figures are cross-validated (folds share no question, no passage), the operating point chosen
without the fold too; ``without it`` leaves out the whole pack. A language whose cross-validated figures are
no better than what the product did is named with ``--languages`` by who decides that.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.measures import wilson_interval
from rag.answer.answerable import NAMES

FOLDS = 8
MOST_OF_ONE_PACK = 1.6  # times the bound


@dataclass(frozen=True, slots=True)
class Example:
    """``before``: whether the product refused it when the signals were collected."""

    pack: str
    language: str
    group: str
    must: bool
    features: NDArray[np.float64]
    by_rule: bool
    calculated: bool
    before: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """Refused above 0: ``features @ weights + bias``."""

    weights: NDArray[np.float64]
    bias: float

    def refuses(self, example: Example) -> bool:
        if example.calculated or example.by_rule:
            return not example.calculated
        return bool(example.features @ self.weights + self.bias > 0)


def read(paths: Sequence[Path]) -> list[Example]:
    found: list[Example] = []
    for path in paths:
        for line in path.open(encoding="utf-8"):
            row: Mapping[str, Any] = json.loads(line)
            found.append(
                Example(
                    row["pack"],
                    row["language"],
                    f"{row['pack']} {row['group']}",
                    row["must"],
                    np.array([row["features"][name] for name in NAMES]),
                    row["by_rule"],
                    row["calculated"],
                    row["refused"],
                )
            )
    return found


def learn(examples: Sequence[Example], penalty: float, bound: float) -> Learned:
    used = [e for e in examples if not e.calculated and not e.by_rule]
    matrix = np.array([e.features for e in used])
    must = np.array([e.must for e in used], dtype=np.float64)
    weights, bias = _logistic(matrix, must, _importance(used), penalty)
    return Learned(weights, bias - _threshold(used, matrix @ weights + bias, bound))


def _importance(used: Sequence[Example]) -> NDArray[np.float64]:
    sizes: dict[tuple[str, bool], int] = defaultdict(int)
    for e in used:
        sizes[e.pack, e.must] += 1
    found = np.array([sizes[e.pack, e.must] ** -0.5 for e in used])
    must = np.array([e.must for e in used])
    for side in (must, ~must):
        if side.any():
            found[side] *= len(used) / 2 / found[side].sum()
    return found


def _logistic(
    matrix: NDArray[np.float64], must: NDArray[np.float64], importance: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], float]:
    """(weights of the features as they are, bias), by Newton's method."""
    total = importance.sum()
    mean = importance @ matrix / total
    spread = np.sqrt(importance @ (matrix - mean) ** 2 / total) + 1e-6
    scaled = np.column_stack([np.ones(len(matrix)), (matrix - mean) / spread])
    held = penalty * np.eye(scaled.shape[1])
    held[0, 0] = 1e-6
    found = np.zeros(scaled.shape[1])
    for _ in range(60):
        chance = 1 / (1 + np.exp(-(scaled @ found)))
        gradient = scaled.T @ (importance * (chance - must)) + held @ found
        curvature = (scaled * (importance * chance * (1 - chance))[:, None]).T @ scaled + held
        step = np.linalg.solve(curvature, gradient)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    weights = found[1:] / spread
    return weights, float(found[0] - weights @ mean)


def _threshold(used: Sequence[Example], logits: NDArray[np.float64], bound: float) -> float:
    can = {
        pack: np.array([x for e, x in zip(used, logits, strict=True) if e.pack == pack and not e.must])
        for pack in {e.pack for e in used if not e.must}
    }
    for threshold in np.quantile(logits, np.linspace(0, 1, 400)):
        wrong = [float((x > threshold).mean()) for x in can.values()]
        if np.mean(wrong) <= bound and max(wrong) <= MOST_OF_ONE_PACK * bound:
            return float(threshold)
    return float(logits.max())


def cross_validated(
    examples: Sequence[Example], penalty: float, bound: float, *, by_pack: bool
) -> list[bool]:
    """Whether each is refused by what was learned without its fold (its whole pack)."""
    groups = sorted({e.group for e in examples})
    random.Random(1).shuffle(groups)
    fold = {group: str(at % FOLDS) for at, group in enumerate(groups)}
    of = [e.pack if by_pack else fold[e.group] for e in examples]
    learned = {
        f: learn([e for e, g in zip(examples, of, strict=True) if g != f], penalty, bound) for f in set(of)
    }
    return [learned[f].refuses(e) for e, f in zip(examples, of, strict=True)]


def table(examples: Sequence[Example], columns: Mapping[str, Sequence[bool]]) -> list[str]:
    lines = [
        "| pack | "
        + " | ".join(f"{side}, {name}" for side in ("must", "wrongly") for name in columns)
        + " |",
        "| --- " * (1 + 2 * len(columns)) + "|",
    ]
    for pack in dict.fromkeys(e.pack for e in examples):
        cells = []
        for side in (True, False):
            at = [n for n, e in enumerate(examples) if e.pack == pack and e.must is side]
            cells += [_share(sum(refused[n] for n in at), len(at)) for refused in columns.values()]
        lines.append(f"| {pack} | {' | '.join(cells)} |")
    return lines


def _share(hits: int, n: int) -> str:
    if not n:
        return "-"
    low, high = wilson_interval(hits, n)
    return f"{hits}/{n} = {hits / n:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="OUT.jsonl")
    parser.add_argument("--penalty", type=float, default=20.0)
    parser.add_argument("--bound", type=float, default=0.07)
    parser.add_argument("--languages", nargs="+", default=["zh"], help="those that are written")
    parser.add_argument("--write", type=Path, help="where to write the weights learned on everything")
    given = parser.parse_args()
    examples = read(given.paths)
    languages = {}
    for language in sorted({e.language for e in examples}):
        here = [e for e in examples if e.language == language]
        if len({e.must for e in here}) < 2:
            continue
        held = cross_validated(here, given.penalty, given.bound, by_pack=False)
        columns = {"before": [e.before for e in here], "cross-validated": held}
        if len({e.pack for e in here if e.must}) > 1:
            columns["without it"] = cross_validated(here, given.penalty, given.bound, by_pack=True)
        rows = table(here, columns)
        print(f"\n{language}\n" + "\n".join(rows))
        if language in given.languages:
            learned = learn(here, given.penalty, given.bound)
            languages[language] = {
                "figures": rows,
                "bias": round(learned.bias, 4),
                "weights": {name: round(float(w), 4) for name, w in zip(NAMES, learned.weights, strict=True)},
            }
    body = {
        "about": "Weights of rag.answer.answerable.NAMES, learned by benchmarks/learn_refusal.py.",
        "penalty": given.penalty,
        "bound": given.bound,
        "languages": languages,
    }
    if given.write:
        given.write.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
