"""What the results of a run add up to: JSON, kept with the run. Pure.

``{"baseline": name, "systems": {name: {...}}, "differences": {name: {measure: {...}}}}``. A system has ``n``,
``measures`` {name: {mean, low, high, n}}, the same ``by_kind`` and ``by_language``, ``latency_ms``
percentiles, ``refusal`` (precision, recall and their counts), and counts of what was ``degraded``, of
``error_classes`` and ``errors``. A difference is candidate minus baseline over the questions that both have:
see evaluation.statistics.Difference.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluation.measures import wilson_interval
from evaluation.scoring import MEASURES
from evaluation.statistics import bootstrap_interval, compare, percentiles
from rag.records import EvalResult


def summarise(results: Sequence[EvalResult], systems: Sequence[str]) -> dict[str, Any]:
    """``systems``: their names, the baseline first; one without results has n 0."""
    of: dict[str, list[EvalResult]] = {name: [] for name in systems}
    for result in results:
        of.setdefault(result.system, []).append(result)
    names = list(of)
    return {
        "baseline": names[0] if names else "",
        "systems": {name: _system(found) for name, found in of.items()},
        "differences": {name: differences(of[name], of[names[0]]) for name in names[1:]},
    }


def _system(results: Sequence[EvalResult]) -> dict[str, Any]:
    times = [r.measures["latency"] for r in results if "latency" in r.measures]
    degraded = Counter(code for r in results for code in r.answer.get("degraded", ()))
    return {
        "n": len(results),
        "measures": means(results),
        "by_kind": _parts(results, lambda r: str(r.question.get("kind", ""))),
        "by_language": _parts(results, lambda r: str(r.question.get("lang", ""))),
        "latency_ms": percentiles(times),
        "refusal": _refusal(results),
        "degraded": dict(degraded.most_common()),
        "error_classes": dict(Counter(r.error_class for r in results if r.error_class).most_common()),
        "errors": sum(bool(r.answer.get("error")) for r in results),
    }


def means(results: Sequence[EvalResult]) -> dict[str, dict[str, float]]:
    """Mean, 95 % interval and n of every measure, in the order of MEASURES. The interval of a rate is
    Wilson's, of anything else the bootstrap's."""
    values: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.measures.items():
            values[name].append(value)
    return {name: interval(values[name]) for name in _ordered(values)}


def interval(values: Sequence[float]) -> dict[str, float]:
    """{mean, low, high, n}."""
    if set(values) <= {0.0, 1.0}:
        total = sum(values)
        low, high = wilson_interval(total, len(values))
        return {"mean": total / len(values) if values else 0.0, "low": low, "high": high, "n": len(values)}
    found = bootstrap_interval(values)
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n}


def _ordered(names: Mapping[str, Any]) -> list[str]:
    known = [name for name in MEASURES if name in names]
    return known + sorted(set(names) - set(known))


def _parts(
    results: Sequence[EvalResult], part_of: Callable[[EvalResult], str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Means by part, when there are at least two parts."""
    parts: dict[str, list[EvalResult]] = defaultdict(list)
    for result in results:
        parts[part_of(result) or "-"].append(result)
    return {name: means(parts[name]) for name in sorted(parts)} if len(parts) > 1 else {}


def _refusal(results: Sequence[EvalResult]) -> dict[str, float]:
    """Refusals that were right among all that can be judged (precision), and right ones among those that had
    to come (recall). {} when no question must be refused."""
    must = [r.measures["refused when it must"] for r in results if "refused when it must" in r.measures]
    wrongly = [r.measures["refused wrongly"] for r in results if "refused wrongly" in r.measures]
    if not must:
        return {}
    right, wrong = sum(must), sum(wrongly)
    found = {"recall": right / len(must), "must": len(must), "answerable": len(wrongly)}
    if right + wrong:
        found["precision"] = right / (right + wrong)
    if wrongly:
        found["refused_wrongly"] = wrong / len(wrongly)
    return found


def differences(candidate: Sequence[EvalResult], baseline: Sequence[EvalResult]) -> dict[str, dict[str, Any]]:
    """By measure, over the questions that both have; {mean, low, high, p, n, verdict, better, worse}:
    ``better`` and ``worse`` count questions."""
    base = {r.question_key: r for r in baseline}
    pairs: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for result in candidate:
        other = base.get(result.question_key)
        for name in result.measures.keys() & (other.measures if other else {}).keys():
            assert other is not None
            pairs[name][0].append(result.measures[name])
            pairs[name][1].append(other.measures[name])
    found = {}
    for name in _ordered(pairs):
        one, two = pairs[name]
        difference = compare(one, two)
        up = not (name in MEASURES and not MEASURES[name].higher_is_better)
        found[name] = {
            "mean": difference.mean,
            "low": difference.low,
            "high": difference.high,
            "p": difference.p,
            "n": difference.n,
            "verdict": difference.verdict(up),
            "better": sum((a > b) == up and a != b for a, b in zip(one, two, strict=True)),
            "worse": sum((a < b) == up and a != b for a, b in zip(one, two, strict=True)),
        }
    return found
