"""A run as one HTML file: tables, interval plots as inline SVG, every question with its answer.

Self-contained: no script, no remote asset, opens from a mail attachment. Whatever comes from outside
(questions, answers, names) is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evaluation.report import arrow, measures_of, only_headlines, shown
from evaluation.runs import Output
from evaluation.scoring import MEASURES
from rag.records import EvalResult, EvalRun

MAX_QUESTIONS = 500
"""Shown one by one; the JSON report has them all."""

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",
sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;margin:.5rem 0
1.5rem} th,td{border-bottom:1px solid #8884;padding:.25rem .6rem;text-align:left;vertical-align:top}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}.wide{overflow-x:auto}
.better{color:#0a7d33}.worse{color:#b3261e}details{margin:.3rem 0}summary{cursor:pointer}
.muted{opacity:.7}svg text{font:13px system-ui,sans-serif;fill:currentColor}
"""
_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#be185d")


def html(run: EvalRun, results: Sequence[EvalResult] = ()) -> str:
    """The whole page."""
    title = escape(f"Run {run.id}: {run.name}")
    body = [f"<h1>{title}</h1>", _about(run)]
    if run.summary:
        systems = run.summary["systems"]
        names = only_headlines(measures_of(systems), ())
        body += ["<h2>Measures</h2>", interval_plot(systems, [m for m in names if not MEASURES[m].unit])]
        body += [_measures(systems, names), _differences(run.summary), _parts(run.summary, names)]
        body += ["<h2>Refusal and time</h2>", _faults(systems), "<h2>Definitions</h2>", _definitions(names)]
    if results:
        body.append(_questions(results))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _about(run: EvalRun) -> str:
    systems = "".join(
        f"<li><b>{escape(str(s.get('name')))}</b> ({escape(str(s.get('kind')))}; "
        f"{escape(', '.join(f'{k}={v}' for k, v in s.get('options', {}).items()) or 'as set')}) "
        f"<span class=muted>model {escape(str(s.get('identity', {}).get('model') or 'none'))}, "
        f"fingerprint {escape(str(s.get('fingerprint')))}</span></li>"
        for s in run.systems
    )
    return (
        f"<p>Dataset {escape(run.dataset)} <span class=muted>({run.dataset_sha256[:12]})</span>, "
        f"{run.asked} of {run.total} asked, {run.status}, {run.created_at:%Y-%m-%d %H:%M} UTC.</p>"
        f"<ul>{systems}</ul>"
    )


def interval_plot(systems: Mapping[str, Mapping[str, Any]], measures: Sequence[str]) -> str:
    """Means as dots on 0..1 with their 95 % intervals as lines: a group a measure, a colour a system."""
    left, width, step = 190, 560, 15
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(systems)}
    drawn: list[str] = []
    y = 18 * len(systems) + 30
    top = y - 12
    for name, colour in colours.items():
        at = 18 * list(colours).index(name) + 10
        drawn.append(f'<circle cx="{left}" cy="{at}" r="5" fill="{colour}"/>')
        drawn.append(f'<text x="{left + 12}" y="{at + 5}">{escape(name)}</text>')
    for measure in measures:
        there = {n: s["measures"][measure] for n, s in systems.items() if measure in s["measures"]}
        middle = y + step * (len(there) - 1) / 2 + 5
        drawn.append(f'<text x="0" y="{middle}">{escape(f"{measure} {arrow(measure)}")}</text>')
        for name, found in there.items():
            low, mean, high = (left + width * min(1.0, max(0.0, found[p])) for p in ("low", "mean", "high"))
            label = escape(f"{name}: {measure} {shown(found, measure)}, n {found['n']:.0f}")
            drawn.append(
                f'<g><title>{label}</title><line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" '
                f'stroke="{colours[name]}" stroke-width="3"/>'
                f'<circle cx="{mean:.1f}" cy="{y}" r="4" fill="{colours[name]}"/></g>'
            )
            y += step
        drawn.append(f'<line x1="0" x2="{left + width}" y1="{y}" y2="{y}" stroke="#8882"/>')
        y += step
    for tick in range(0, 11, 2):
        x = left + width * tick / 10
        drawn.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{y}" stroke="#8883"/>')
        drawn.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{tick / 10:.1f}</text>')
    box = f'viewBox="0 0 {left + width + 30} {y + 24}" width="{left + width + 30}"'
    return f'<svg {box} role="img" aria-label="Means with 95 % intervals">{"".join(drawn)}</svg>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f'<td class="n">{cell}</td>' for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _measures(systems: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> str:
    rows = []
    for measure in names:
        row = [escape(f"{measure} {arrow(measure)}")]
        for system in systems.values():
            found = system["measures"].get(measure)
            cell = f"{shown(found, measure)} <span class=muted>n {found['n']:.0f}</span>" if found else "-"
            row.append(cell)
        rows.append(row)
    return _table(["measure", *map(escape, systems)], rows)


def _differences(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, found in summary["differences"].items():
        for measure in only_headlines(list(found), ()):
            d = found[measure]
            verdict = f'<span class="{escape(d["verdict"].split()[0])}">{escape(d["verdict"])}</span>'
            rows.append(
                [escape(name), escape(f"{measure} {arrow(measure)}"),
                 f"{d['mean']:+.3f} ({d['low']:+.3f} to {d['high']:+.3f})", f"{d['p']:.4f}", str(d["n"]),
                 f"{d['better']}/{d['worse']}", verdict]
            )  # fmt: skip
    if not rows:
        return ""
    header = [
        f"against {escape(summary['baseline'])}", "measure", "difference (95 %)", "p", "n", "better/worse",
        "verdict",
    ]  # fmt: skip
    return "<h2>Compared, question by question</h2>" + _table(header, rows)


def _parts(summary: Mapping[str, Any], names: Sequence[str]) -> str:
    made = []
    for part, title in (("by_kind", "By kind"), ("by_language", "By language")):
        rows = [
            [escape(name), escape(value)]
            + [f"{f[m]['mean']:.2f} ({f[m]['n']:.0f})" if m in f else "-" for m in names]
            for name, system in summary["systems"].items()
            for value, f in system[part].items()
        ]
        if rows:
            header = ["system", part.removeprefix("by_"), *(escape(f"{m} {arrow(m)}") for m in names)]
            made.append(f"<h2>{title}</h2>" + _table(header, rows))
    return "".join(made)


def _faults(systems: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, system in systems.items():
        refusal = system["refusal"]
        pair = (
            f"{refusal['recall']:.2f} of {refusal['must']} / {refusal.get('refused_wrongly', 0):.2f} of "
            f"{refusal['answerable']}"
            if refusal
            else "-"
        )
        times = ", ".join(f"{k} {v:.0f}" for k, v in system["latency_ms"].items()) or "-"
        degraded = ", ".join(f"{escape(code)} {n}" for code, n in system["degraded"].items()) or "-"
        classes = system.get("error_classes", {})
        wrong = ", ".join(f"{escape(kind)} {n}" for kind, n in classes.items()) or "-"
        rows.append([escape(name), pair, times, wrong, str(system["errors"]), degraded])
    header = ["system", "refused when it must / wrongly", "latency ms", "wrong answers", "errors", "degraded"]
    return _table(header, rows)


def _definitions(names: Sequence[str]) -> str:
    rows = [
        [escape(m), escape(MEASURES[m].about), escape(MEASURES[m].source)] for m in names if m in MEASURES
    ]
    return _table(["measure", "meaning", "source"], rows).replace(' class="n"', "")


def _questions(results: Sequence[EvalResult]) -> str:
    made = ["<h2>Questions</h2>"]
    if len(results) > MAX_QUESTIONS:
        made.append(
            f"<p class=muted>The first {MAX_QUESTIONS} of {len(results)}; the JSON report has all.</p>"
        )
    for result in results[:MAX_QUESTIONS]:
        output = Output.from_json(result.answer)
        correct = result.measures.get("correct")
        mark = "·" if correct is None else ("✓" if correct >= 0.5 else "✗")
        cited = "; ".join(f"{c.document}, {c.page_start}-{c.page_end}" for c in output.citations) or "-"
        found = "; ".join(f"{p.document}, {p.page_start}-{p.page_end}" for p in output.passages[:10]) or "-"
        accepted = " / ".join(map(str, result.question.get("answers", ()))) or "-"
        measures = ", ".join(f"{k} {v:.2f}" for k, v in result.measures.items())
        made.append(
            f"<details><summary>{mark} <b>{escape(result.system)}</b> {escape(result.question_key)}: "
            f"{escape(str(result.question.get('question', '')))}</summary>"
            f"<p><b>Accepted:</b> {escape(accepted)}</p>"
            f"<p><b>Answer:</b> {escape(output.error or output.text)}</p>"
            f"<p><b>Cited:</b> {escape(cited)}</p><p><b>Found:</b> {escape(found)}</p>"
            f"<p class=muted>{escape(measures)}</p></details>"
        )
    return "".join(made)
