"""One run on the Quality page: its measures, mistakes and questions, and how it compares with another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag.errors import AccessDenied, WenjuError
from rag.records import EvalResult, EvalRun
from ui import quality_result
from ui.boot import current, principal
from ui.language import language, say
from ui.quality_parts import Bar, bars, figure, label, pages, table, toast
from ui.safe import one_line
from ui.texts_quality import measure_name

if TYPE_CHECKING:
    from rag.engine import Engine

OUTCOMES = ("all", "wrong", "right", "refused", "unknown")
STATUSES = {"running": "blue", "done": "green", "stopped": "orange", "failed": "red"}
HEADLINES = ("correct", "page hit@5", "refused wrongly")
ROWS = 12
_RUN = "run"


def _engine() -> Engine:
    engine = current().engine
    assert engine is not None
    return engine


def opened() -> int | None:
    """The run that is looked at; it is in the address."""
    asked = st.query_params.get(_RUN, "")
    return int(asked) if asked.isdecimal() else None


def open_run(run_id: int | None) -> None:
    quality_result.close()
    st.session_state.pop("compare-with", None)
    if run_id is None:
        st.query_params.pop(_RUN, None)
    else:
        st.query_params[_RUN] = str(run_id)


def questions_of(run: EvalRun) -> int:
    """How many questions each system is asked."""
    return run.total // max(1, len(run.systems))


def one() -> None:
    """The run in the address, or the result of it that is open."""
    run_id = opened()
    assert run_id is not None
    if quality_result.shown(run_id):
        return
    st.button(
        say("quality.back"), key="all-runs", type="tertiary", icon=":material/arrow_back:",
        on_click=open_run, args=(None,),
    )  # fmt: skip
    try:
        run = _engine().run(run_id, principal())
    except AccessDenied:
        st.info(say("quality.gone"))
        return
    if note := st.session_state.pop("_run_note", ""):
        st.info(note)
    with st.container(horizontal=True, vertical_alignment="center", key="run-head"):
        st.subheader(one_line(run.name, 60), anchor=False)
        st.badge(say(f"quality.status_{run.status}"), color=STATUSES[run.status])  # type: ignore[arg-type]
        _report(run)
    when = run.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    st.caption(f"{when} · {say('quality.questions_count', count=questions_of(run))}")
    if run.status == "stopped":
        st.caption(say("quality.run_stopped"))
    results = list(_engine().results(run.id, principal()))
    if run.summary:
        _measures(run)
        _differences(run.summary.get("differences", {}), str(run.summary.get("baseline", "")))
        _parts(run)
        _mistakes(results)
    _compare(run, results)
    _questions(run, results)


def _report(run: EvalRun) -> None:
    engine, who = _engine(), principal()

    def results() -> list[EvalResult]:
        engine.note_export("run", str(run.id), who)
        return list(engine.results(run.id, who))

    def as_html() -> bytes:
        from evaluation.report_html import html

        return html(run, results()).encode()

    def as_markdown() -> bytes:
        from evaluation.report import markdown

        return markdown(run, results()).encode()

    def as_json() -> bytes:
        import json

        from evaluation.report import to_json

        return json.dumps(to_json(run, results()), ensure_ascii=False, indent=1).encode()

    with st.popover(say("quality.report"), icon=":material/download:", type="tertiary", key="report"):
        for name, made, mime in (
            ("html", as_html, "text/html"),
            ("md", as_markdown, "text/markdown"),
            ("json", as_json, "application/json"),
        ):
            st.download_button(
                name.upper(), data=made, file_name=f"wenju-run-{run.id}.{name}", mime=mime,
                key=f"report-{name}", width="stretch", on_click="ignore",
            )  # fmt: skip
        if st.button(say("quality.delete_run"), key="delete-run", icon=":material/delete:", width="stretch"):
            try:
                engine.delete_run(run.id, who)
            except WenjuError as error:
                toast(error)
            open_run(None)
            st.rerun()


def _measures(run: EvalRun) -> None:
    from evaluation.report import measures_of
    from evaluation.scoring import HEADLINES as FIRST

    systems = run.summary["systems"]
    every = [m for m in measures_of(systems) if m != "latency"]
    # Word for word with a short right answer: says little of whole sentences, so it stands below.
    literal = ("exact match", "token F1") if "correct" in every else ()
    first = [m for m in every if m in FIRST and m not in literal][:10]
    st.markdown(f"**{say('quality.measures')}**")
    st.caption(say("quality.measures_help"))
    rows = []
    for measure in first:
        for name, system in systems.items():
            found = system["measures"].get(measure)
            if found:
                rows.append(
                    Bar(
                        name if len(systems) > 1 else label(measure),
                        found["mean"],
                        f"{figure(found, measure)} · n={found['n']:.0f}",
                        found["low"],
                        found["high"],
                        label(measure) if len(systems) > 1 else "",
                    )
                )
    bars(rows, "measures")
    with st.expander(say("quality.all_measures"), icon=":material/table_rows:"):
        table(
            [say("quality.measure"), *(part for name in systems for part in (name, "n"))],
            [
                [label(m), *(cell for s in systems.values() for cell in _cells(s["measures"].get(m), m))]
                for m in [
                    *every,
                    *(["latency"] if any("latency" in s["measures"] for s in systems.values()) else []),
                ]
            ],
        )


def _cells(found: Mapping[str, float] | None, measure: str) -> tuple[str, str]:
    return (figure(found, measure), f"{found['n']:.0f}") if found else ("–", "–")


def _differences(differences: Mapping[str, Mapping[str, Any]], baseline: str) -> None:
    for name, found in differences.items():
        st.markdown(f"**{one_line(name, 40)}** — {say('quality.compared', name=one_line(baseline, 40))}")
        difference_table(found)


def difference_table(found: Mapping[str, Mapping[str, Any]]) -> None:
    """A row a measure: difference with its interval, and what may be said of it."""
    from evaluation.scoring import HEADLINES as FIRST

    if not found:
        st.caption(say("quality.nothing_common"))
        return
    n = max(int(d["n"]) for d in found.values())
    st.caption(say("quality.compared_help", n=n))
    rows = []
    for measure, d in found.items():
        if measure in FIRST:
            span = f"{100 * d['mean']:+.0f} ({100 * d['low']:+.0f} … {100 * d['high']:+.0f})"
            rows.append([label(measure), span, f"+{d['better']} / −{d['worse']}", verdict(str(d["verdict"]))])
    table(
        [say("quality.measure"), say("quality.difference"), say("quality.flipped"), say("quality.verdict")],
        rows,
    )


def verdict(word: str) -> str:
    return say(f"quality.verdict_{word if word in ('better', 'worse') else 'same'}")


def _parts(run: EvalRun) -> None:
    systems = run.summary["systems"]
    for part, title in (("by_kind", "quality.by_kind"), ("by_language", "quality.by_language")):
        rows = []
        for name, system in systems.items():
            for value, found in system.get(part, {}).items():
                measure = next((m for m in (*HEADLINES, "refused when it must") if m in found), None)
                if measure:
                    rows.append(
                        Bar(
                            value,
                            found[measure]["mean"],
                            f"{measure_name(measure, language())} "
                            f"{figure(found[measure], measure, interval=False)}"
                            f" · n={found[measure]['n']:.0f}",
                            found[measure]["low"],
                            found[measure]["high"],
                            name if len(systems) > 1 else "",
                        )
                    )
        if rows:
            with st.expander(say(title), icon=":material/bar_chart:"):
                bars(rows, part)
    times = {name: s["latency_ms"] for name, s in systems.items() if s.get("latency_ms")}
    if times:
        most = max(max(t.values()) for t in times.values()) or 1.0
        with st.expander(say("quality.latency"), icon=":material/timer:"):
            bars(
                [
                    Bar(which, ms / most, f"{ms:.0f} ms", group=name if len(times) > 1 else "")
                    for name, t in times.items()
                    for which, ms in t.items()
                ],
                "latency",
            )


def _mistakes(results: Sequence[EvalResult]) -> None:
    counts = Counter(r.error_class for r in results if r.error_class)
    st.markdown(f"**{say('quality.mistakes')}**")
    if not counts:
        st.caption(say("quality.no_mistakes"))
        return
    most = max(counts.values())
    bars(
        [Bar(say(f"mistake.{name}"), n / most, str(n)) for name, n in counts.most_common()],
        "mistakes",
    )


def _compare(run: EvalRun, results: Sequence[EvalResult]) -> None:
    others = {r.id: r for r in _engine().runs(principal(), limit=100) if r.id != run.id and r.summary}
    if not others:
        return
    same = [i for i, r in others.items() if r.dataset == run.dataset]
    ordered = same + [i for i in others if i not in same]
    chosen = st.selectbox(
        say("quality.compare"),
        options=ordered,
        index=None,
        format_func=lambda i: f"{others[i].name} · {others[i].created_at.astimezone():%Y-%m-%d %H:%M} · #{i}",
        placeholder=say("quality.compare_none"),
        key="compare-with",
    )
    if chosen is None:
        return
    from evaluation.gate import paired
    from evaluation.summary import differences

    mine = _of_first(run, results)
    base = _of_first(others[chosen], list(_engine().results(chosen, principal())))
    pairs = paired(mine, base)
    difference_table(differences(*pairs))
    _flips(*pairs)
    from ui.quality_trend import side_by_side  # it opens runs, which this module does

    side_by_side(*pairs, (f"#{run.id} {run.name}", f"#{chosen} {others[chosen].name}"))


def _of_first(run: EvalRun, results: Sequence[EvalResult]) -> list[EvalResult]:
    """The results of the system that is looked at, else of the run's first."""
    names = [str(s.get("name")) for s in run.systems]
    wanted = st.session_state.get("run-system")
    name = wanted if wanted in names else names[0] if names else ""
    return [r for r in results if r.system == name]


def _flips(mine: Sequence[EvalResult], base: Sequence[EvalResult]) -> None:
    from evaluation.errors import outcome

    flipped = [
        (one, outcome(one))
        for one, other in zip(mine, base, strict=True)
        if {outcome(one), outcome(other)} == {"right", "wrong"}
    ]
    st.markdown(f"**{say('quality.flipped')}**")
    if not flipped:
        st.caption(say("quality.no_flips"))
    with st.container(key="flips", gap="small"):
        for result, now in sorted(flipped, key=lambda pair: pair[1], reverse=True)[:40]:
            right = now == "right"
            color, change = (
                ("green", say("quality.now_right")) if right else ("red", say("quality.now_wrong"))
            )
            st.button(
                f":{color}-badge[{change}] {one_line(str(result.question.get('question', '')), 110)}",
                key=f"flip-{result.id}",
                type="tertiary",
                width="stretch",
                on_click=quality_result.open_result,
                args=(result.id,),
            )


def _questions(run: EvalRun, results: Sequence[EvalResult]) -> None:
    from evaluation.errors import outcome

    st.markdown(f"**{say('quality.questions')}**")
    names = [str(s.get("name")) for s in run.systems]
    with st.container(horizontal=True, vertical_alignment="bottom", key="result-filters"):
        words = st.text_input(
            say("quality.search"), key="result-search", placeholder=say("quality.search"),
            label_visibility="collapsed", icon=":material/search:",
        )  # fmt: skip
        kind = st.segmented_control(
            say("quality.outcome"), options=OUTCOMES, default="all", key="result-outcome",
            format_func=lambda o: say(f"quality.outcome_{o}"), label_visibility="collapsed",
        )  # fmt: skip
        system = names[0] if names else ""
        if len(names) > 1:
            system = st.selectbox(
                say("quality.system"), options=names, key="run-system", label_visibility="collapsed"
            )
        classes = sorted({r.error_class for r in results if r.error_class})
        mistake = None
        if classes:
            mistake = st.selectbox(
                say("quality.mistakes"), options=classes, index=None, key="result-class",
                format_func=lambda c: say(f"mistake.{c}"), placeholder=say("quality.class_any"),
                label_visibility="collapsed",
            )  # fmt: skip
    found = []
    for result in results:
        judged = outcome(result)
        refused = bool(result.answer.get("refused"))
        fits = kind in (None, "all", judged) or (kind == "refused" and refused)
        text = str(result.question.get("question", "")).lower()
        fits = fits and result.system == system and mistake in (None, result.error_class)
        if fits and all(w in text for w in (words or "").lower().split()):
            found.append((result, judged))
    if not found:
        st.caption(say("quality.no_match"))
        return
    st.session_state["_result_order"] = [result.id for result, _ in found]
    with st.container(key="results", gap="small"):
        for result, judged in found[pages(len(found), ROWS, "results-page")]:
            icon = {"right": ":green[:material/check_circle:]", "wrong": ":red[:material/cancel:]"}.get(
                judged, ":gray[:material/help:]"
            )
            badge = f" :gray-badge[{say(f'mistake.{result.error_class}')}]" if result.error_class else ""
            st.button(
                f"{icon} {one_line(str(result.question.get('question', '')), 130)}{badge}",
                key=f"result-{result.id}", type="tertiary", width="stretch",
                on_click=quality_result.open_result, args=(result.id,),
            )  # fmt: skip
