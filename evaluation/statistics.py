"""How sure a figure is: intervals and tests over questions, seeded. Pure.

The question is what is drawn again: systems asked the same questions are compared on the differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
SEED = 20_240_601
LEVEL = 0.95
_BLOCK = 2_000_000  # drawn numbers held at once: 16 MB

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over ``n`` questions with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of (candidate - baseline) over the ``n`` questions that both have, with its 95 % interval and
    the two-sided p of a paired permutation test."""

    mean: float
    low: float
    high: float
    p: float
    n: int

    def verdict(self, higher_is_better: bool = True) -> str:
        """ "better" or "worse" only when the interval excludes zero and p is below 0.05: of three questions
        that all moved one way the bootstrap alone would be sure. Else "no difference shown"."""
        if self.n and (self.low > 0 or self.high < 0) and self.p < 1 - LEVEL:
            return "better" if (self.low > 0) == higher_is_better else "worse"
        return "no difference shown"


def bootstrap_interval(values: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """Percentile bootstrap of the mean (Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter
    13). Of values that are all equal it is that point, however few they are: for rates read
    :func:`evaluation.measures.wilson_interval` beside it. (0, 0, 0, 0) for no values."""
    data = np.asarray(values, dtype=np.float64)
    if not data.size:
        return Interval(0.0, 0.0, 0.0, 0)
    low, high = np.quantile(_means(data, resamples, seed), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(data.mean()), float(low), float(high), data.size)


def compare(
    candidate: Sequence[float], baseline: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED
) -> Difference:
    """Paired: ``candidate[i]`` and ``baseline[i]`` are of the same question. Interval: paired percentile
    bootstrap (Efron, Tibshirani, 1993; for retrieval Sakai, SIGIR 2006). p: paired permutation (sign-flip)
    test (Efron, Tibshirani, 1993, chapter 15; Smucker, Allan, Carterette, CIKM 2007), never below
    1 / (resamples + 1). Raises ValueError for unequal lengths."""
    one, other = np.asarray(candidate, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if one.shape != other.shape:
        raise ValueError(f"not paired: {one.size} and {other.size} values")
    if not one.size:
        return Difference(0.0, 0.0, 0.0, 1.0, 0)
    difference = one - other
    interval = bootstrap_interval(difference.tolist(), resamples, seed)
    return Difference(
        interval.mean, interval.low, interval.high, _sign_flip(difference, resamples, seed), difference.size
    )


def _means(data: Values, resamples: int, seed: int) -> Values:
    """Means of ``resamples`` draws with replacement."""
    random = np.random.default_rng(seed)
    values, counts = np.unique(data, return_counts=True)
    if (
        values.size <= 32
    ):  # how often each value is drawn is multinomial: the same, in a hundredth of the time
        drawn_counts = random.multinomial(data.size, counts / data.size, size=resamples)
        return np.asarray(drawn_counts @ values / data.size)
    means = np.empty(resamples)
    step = max(1, _BLOCK // data.size)
    for start in range(0, resamples, step):
        drawn = random.integers(0, data.size, size=(min(step, resamples - start), data.size))
        means[start : start + step] = data[drawn].mean(axis=1)
    return means


def _sign_flip(difference: Values, resamples: int, seed: int) -> float:
    moved = difference[difference != 0]  # a question that both answer alike tells nothing
    if not moved.size:
        return 1.0
    random = np.random.default_rng(seed)
    seen = abs(moved.sum())
    as_far = 0
    step = max(1, _BLOCK // moved.size)
    for start in range(0, resamples, step):
        signs = random.integers(0, 2, size=(min(step, resamples - start), moved.size)) * 2 - 1
        as_far += int((np.abs(signs @ moved) >= seen - 1e-12).sum())
    return (as_far + 1) / (resamples + 1)


def percentiles(values: Sequence[float], at: Sequence[float] = (50, 90, 95, 99)) -> dict[str, float]:
    """{"p50": ...}, nearest rank (Hyndman, Fan 1996, definition 1): always a value that was seen. {} for
    none."""
    if not values:
        return {}
    found = np.percentile(np.asarray(values, dtype=np.float64), list(at), method="inverted_cdf")
    return {f"p{share:g}": float(value) for share, value in zip(at, found, strict=True)}
