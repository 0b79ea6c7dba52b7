"""The Quality page's look over time: a measure over runs with its intervals, and two runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from evaluation.scoring import HEADLINES
from evaluation.trend import Point, points, traced
from rag.records import EvalResult, EvalRun
from ui.language import say
from ui.quality_parts import Bar, bars, figure, label, table
from ui.quality_run import open_run
from ui.safe import one_line, shortened

SHOWN_RUNS = 20
SHOWN_ROWS = 200
_OUTCOMES = {
    "right": "quality.side_right",
    "wrong": "quality.side_wrong",
    "unknown": "quality.side_unknown",
}


def over_runs(runs: Sequence[EvalRun]) -> None:
    """Nothing until some system has two finished runs over one dataset."""
    series = traced(runs)
    if not series:
        return
    with st.expander(say("quality.trend"), icon=":material/timeline:", key="trend"):
        dataset, system = st.selectbox(
            say("quality.trend_of"),
            options=list(series),
            format_func=lambda key: f"{one_line(key[0], 60)} · {one_line(key[1], 30)}",
            key="trend-series",
        )
        first = [m for m in HEADLINES if m in series[dataset, system]]
        measure = st.selectbox(
            say("quality.measure"),
            options=first + [m for m in series[dataset, system] if m not in first],
            format_func=label,
            key="trend-measure",
        )
        found = points(runs, dataset, system, measure)[-SHOWN_RUNS:]
        most = max((p.high for p in found), default=0.0) if measure == "latency" else 1.0
        bars([_bar(point, measure, most or 1.0) for point in found], "trend-bars")
        if not all(point.same for point in found):
            st.caption(say("quality.trend_other"))
        st.caption(_verdict(found))
        with st.container(horizontal=True, key="trend-runs"):
            for point in found[-4:]:
                st.button(
                    f"#{point.run_id} {one_line(point.run, 30)}",
                    key=f"trend-run-{point.run_id}",
                    type="tertiary",
                    on_click=open_run,
                    args=(point.run_id,),
                )


def _bar(point: Point, measure: str, most: float) -> Bar:
    shown = figure({"mean": point.mean, "low": point.low, "high": point.high}, measure)
    mark = "" if point.same else " *"
    when = f"{point.when.astimezone():%Y-%m-%d %H:%M} #{point.run_id}{mark}"
    return Bar(when, point.mean / most, f"{shown} · n={point.n}", point.low / most, point.high / most)


def _verdict(found: Sequence[Point]) -> str:
    """What the intervals of the first and the latest comparable run say, which is less than a paired
    comparison does."""
    same = [p for p in found if p.same]
    if len(same) < 2:
        return say("quality.trend_alone")
    first, last = same[0], same[-1]
    apart = first.high < last.low or last.high < first.low
    return say("quality.trend_apart" if apart else "quality.trend_within")


def side_by_side(mine: Sequence[EvalResult], base: Sequence[EvalResult], names: tuple[str, str]) -> None:
    """Every question that both were asked, with both answers; ``mine`` and ``base`` in the same order."""
    from evaluation.errors import outcome

    with st.expander(say("quality.side_by_side"), icon=":material/compare_arrows:", key="side-by-side"):
        rows = []
        for one, other in list(zip(mine, base, strict=True))[:SHOWN_ROWS]:
            rows.append(
                [
                    shortened(str(one.question.get("question", "")), 200),
                    *(f"{say(_OUTCOMES[outcome(r)])} · {_said(r)}" for r in (one, other)),
                ]
            )
        table([say("quality.question"), *(shortened(name, 60) for name in names)], rows)
        if len(mine) > SHOWN_ROWS:
            st.caption(say("quality.side_more", more=len(mine) - SHOWN_ROWS))


def _said(result: EvalResult) -> str:
    answer = result.answer
    words = str(answer.get("error") or answer.get("text") or "")
    return shortened(words, 240) if words else "–"
