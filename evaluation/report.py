"""A run as Markdown and as JSON. Pure.

Every figure comes with its n and its 95 % interval; "better" stands only where the interval of the paired
difference excludes zero and the permutation test agrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evaluation.runs import Output
from evaluation.scoring import HEADLINES, MEASURES
from rag.records import EvalResult, EvalRun

SHOWN_CHARS = 160
WORST = 10


def shown(found: Mapping[str, float], measure: str) -> str:
    """ "0.52 (0.38-0.65)", or milliseconds without decimals."""
    places = 0 if _unit(measure) else 2
    mean, low, high = (f"{found[part]:.{places}f}" for part in ("mean", "low", "high"))
    return f"{mean} ({low}-{high})" + _unit(measure)


def _unit(measure: str) -> str:
    known = MEASURES.get(measure)
    return f" {known.unit}" if known and known.unit else ""


def arrow(measure: str) -> str:
    """ "↑" where more is better, "↓" where less is."""
    known = MEASURES.get(measure)
    return "↓" if known and not known.higher_is_better else "↑"


def measures_of(systems: Mapping[str, Mapping[str, Any]], only: Iterable[str] = ()) -> list[str]:
    """Names of the measures that some system has, in the order of HEADLINES, then the rest; or ``only``."""
    there = {name for system in systems.values() for name in system["measures"]}
    if wanted := list(only):
        return [name for name in wanted if name in there]
    ordered = dict.fromkeys((*HEADLINES, *MEASURES))
    return [name for name in ordered if name in there] + sorted(there - set(ordered))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell is escaped."""
    lines = ["| " + " | ".join(map(_cell, header)) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    return "\n".join(lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows])


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def main_table(summary: Mapping[str, Any], only: Iterable[str] = ()) -> str:
    """A row a measure, two columns a system: mean with its interval, n."""
    systems = summary["systems"]
    header = ["measure", *(part for name in systems for part in (name, "n"))]
    rows = []
    for measure in only_headlines(measures_of(systems, only), only):
        row = [f"{measure} {arrow(measure)}"]
        for system in systems.values():
            found = system["measures"].get(measure)
            row += [shown(found, measure), f"{found['n']:.0f}"] if found else ["-", "-"]
        rows.append(row)
    return table(header, rows)


def only_headlines(measures: Sequence[str], only: Iterable[str]) -> list[str]:
    return list(measures) if list(only) else [m for m in measures if m in HEADLINES]


def difference_table(summary: Mapping[str, Any], only: Iterable[str] = (), *, decided: bool = False) -> str:
    """Each system against the baseline; "" with nothing to show. ``decided``: only what is better or
    worse."""
    rows = []
    for name, found in summary["differences"].items():
        for measure in only_headlines(list(found), only):
            d = found[measure]
            if decided and d["verdict"] not in ("better", "worse"):
                continue
            rows.append(
                [name, f"{measure} {arrow(measure)}",
                 f"{d['mean']:+.3f} ({d['low']:+.3f} to {d['high']:+.3f})", f"{d['p']:.4f}",
                 str(d["n"]), f"{d['better']}/{d['worse']}", d["verdict"]]
            )  # fmt: skip
    if not rows:
        return ""
    return table(
        [
            f"against {summary['baseline']}",
            "measure",
            "difference (95 %)",
            "p",
            "n",
            "better/worse",
            "verdict",
        ],
        rows,
    )


def part_table(summary: Mapping[str, Any], part: str, only: Iterable[str] = ()) -> str:
    """By "by_kind" or "by_language"; "" when there is one part."""
    rows = []
    chosen = only_headlines(measures_of(summary["systems"], only), only)
    used = [
        m
        for m in chosen
        if any(m in found for s in summary["systems"].values() for found in s[part].values())
    ]
    for name, system in summary["systems"].items():
        for value, found in system[part].items():
            cells = [f"{found[m]['mean']:.2f} ({found[m]['n']:.0f})" if m in found else "-" for m in used]
            rows.append([name, value, *cells])
    if not rows:
        return ""
    return table(["system", part.removeprefix("by_"), *(f"{m} {arrow(m)}" for m in used)], rows)


def markdown(run: EvalRun, results: Sequence[EvalResult] = (), only: Iterable[str] = ()) -> str:
    """The whole report; with ``results``, the worst answers too."""
    summary, only = run.summary, list(only)
    if not summary:
        return f"# Run {run.id}: {run.name}\n\nNothing was answered yet ({run.status})."
    parts = [
        f"# Run {run.id}: {run.name}",
        f"Dataset `{run.dataset}` ({run.dataset_sha256[:12]}), {run.asked} of {run.total} asked, "
        f"{run.status}, {run.created_at:%Y-%m-%d %H:%M} UTC.",
        "## Measures\n\nMean with its 95 % interval (rates: Wilson; else bootstrap), over n questions.",
        main_table(summary, only),
    ]
    if differences := difference_table(summary, only):
        parts += [
            "## Compared\n\nPaired over the questions that both answered: bootstrap interval "
            '(10,000 resamples), permutation test. "better" only where the interval excludes zero '
            "and p < 0.05.",
            differences,
        ]
    for part, title in (("by_kind", "By kind"), ("by_language", "By language")):
        if found := part_table(summary, part, only):
            parts += [f"## {title}\n\nMean (n).", found]
    parts += ["## Refusal, time, faults", _faults(summary)]
    if results:
        worst = worst_results(results)
        if worst:
            parts += ["## Wrong answers", _worst_table(worst)]
    parts += [
        "## Systems",
        _systems(run),
        "## Definitions",
        definitions(measures_of(summary["systems"], only)),
    ]
    return "\n\n".join(parts) + "\n"


def _faults(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, system in summary["systems"].items():
        refusal = system["refusal"]
        right = (
            f"{refusal['recall']:.2f} of {refusal['must']} / {refusal.get('refused_wrongly', 0):.2f} of "
            f"{refusal['answerable']}"
            if refusal
            else "-"
        )
        times = ", ".join(f"{k} {v:.0f}" for k, v in system["latency_ms"].items()) or "-"
        degraded = ", ".join(f"{code} {n}" for code, n in system["degraded"].items()) or "-"
        precision = f"{refusal['precision']:.2f}" if "precision" in refusal else "-"
        wrong = ", ".join(f"{kind} {n}" for kind, n in system.get("error_classes", {}).items()) or "-"
        rows.append([name, right, precision, times, wrong, str(system["errors"]), degraded])
    return table(
        ["system", "refused when it must / wrongly", "refusal precision", "latency ms", "wrong answers",
         "errors", "degraded"],
        rows,
    )  # fmt: skip


def worst_results(results: Sequence[EvalResult], limit: int = WORST) -> list[EvalResult]:
    """Wrong ones of the first system that answers: not correct, or refused though the answer is there; in the
    order asked."""
    first = next((r.system for r in results if not r.answer.get("retrieved_only")), "")
    wrong = [
        r
        for r in results
        if r.system == first and (r.measures.get("correct", 1.0) < 0.5 or r.measures.get("refused wrongly"))
    ]
    return wrong[:limit]


def _worst_table(results: Sequence[EvalResult]) -> str:
    rows = []
    for result in results:
        output = Output.from_json(result.answer)
        accepted = " / ".join(result.question.get("answers", ())) or (
            "(refuse)" if result.question.get("expect_refusal") else "-"
        )
        rows.append(
            [result.system, result.question_key, _short(str(result.question.get("question", ""))),
             _short(accepted), _short(output.error or output.text), result.error_class or "-"]
        )  # fmt: skip
    return table(["system", "id", "question", "accepted", "answer", "class"], rows)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _systems(run: EvalRun) -> str:
    rows = []
    for system in run.systems:
        identity = system.get("identity", {})
        options = ", ".join(f"{k}={v}" for k, v in system.get("options", {}).items()) or "-"
        embedding = identity.get("embedding", {})
        rows.append(
            [str(system.get("name")), str(system.get("kind")), options, str(identity.get("model") or "-"),
             str(embedding.get("model", "-")), str(identity.get("code", "-")), str(system.get("fingerprint"))]
        )  # fmt: skip
    return table(["system", "kind", "options", "chat model", "embedding", "code", "fingerprint"], rows)


def definitions(measures: Iterable[str]) -> str:
    """What each measure means and where it is defined."""
    rows = [[m, MEASURES[m].about, MEASURES[m].source] for m in measures if m in MEASURES]
    return table(["measure", "meaning", "source"], rows)


def to_json(run: EvalRun, results: Iterable[EvalResult] = ()) -> dict[str, Any]:
    """Run, summary and every result; dates as ISO 8601."""
    return {
        "run": {
            "id": run.id,
            "name": run.name,
            "dataset": run.dataset,
            "dataset_sha256": run.dataset_sha256,
            "status": run.status,
            "asked": run.asked,
            "total": run.total,
            "created_by": run.created_by,
            "created_at": run.created_at.isoformat(),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
            "systems": [dict(system) for system in run.systems],
            "settings": dict(run.settings),
        },
        "summary": dict(run.summary),
        "results": [
            {
                "id": r.id,
                "system": r.system,
                "question_key": r.question_key,
                "question": dict(r.question),
                "answer": dict(r.answer),
                "measures": dict(r.measures),
                "error_class": r.error_class,
            }
            for r in results
        ],
    }
