"""The plots of the Operations page. Each takes rows of plain values under the names that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

Rows = Sequence[Mapping[str, object]]

GOOD, WARN, MUTED, BAD, OTHER = "#2e7d5b", "#c98a1b", "#8a8f98", "#c0392b", "#3566a8"
OUTCOME_COLOURS = {"answered": GOOD, "refused": WARN, "incomplete": MUTED, "error": BAD}
_HEIGHT = 240


def columns_over_time(
    rows: Rows, when: str, count: str, kind: str, *, step_s: int, colours: Mapping[str, str] | None = None
) -> None:
    """Stacked columns, one a stretch of time."""
    import altair as alt

    scale: Any = alt.Undefined
    if colours is not None:
        scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    chart = (
        alt.Chart(_table(rows))
        .mark_bar(size=max(3, min(24, 500 // max(1, len({r[when] for r in rows})))))
        .encode(
            x=alt.X(f"{when}:T", title=None, axis=alt.Axis(format=_format(step_s), labelOverlap=True)),
            y=alt.Y(f"{count}:Q", title=None, axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                f"{kind}:N", scale=scale, legend=alt.Legend(orient="bottom", title=None, columns=2)
            ),
            tooltip=[alt.Tooltip(f"{when}:T", format="%Y-%m-%d %H:%M"), kind, count],
        )
    )
    _show(chart, _HEIGHT)


def lines_over_time(rows: Rows, when: str, value: str, kind: str, *, step_s: int) -> None:
    import altair as alt

    chart = (
        alt.Chart(_table(rows))
        .mark_line(point=True)
        .encode(
            x=alt.X(f"{when}:T", title=None, axis=alt.Axis(format=_format(step_s), labelOverlap=True)),
            y=alt.Y(f"{value}:Q", title=value),
            color=alt.Color(f"{kind}:N", legend=alt.Legend(orient="bottom", title=None, columns=2)),
            tooltip=[
                alt.Tooltip(f"{when}:T", format="%Y-%m-%d %H:%M"),
                kind,
                alt.Tooltip(value, format=".2f"),
            ],
        )
    )
    _show(chart, _HEIGHT)


def bars(rows: Rows, name: str, value: str, kind: str = "", *, order: Sequence[str] | None = None) -> None:
    """Lying bars, in the rows' order; ``kind``: side by side."""
    import altair as alt

    names = list(dict.fromkeys(str(row[name]) for row in rows)) if order is None else list(order)
    kinds = list(dict.fromkeys(str(row[kind]) for row in rows)) if kind else []
    encoding: dict[str, Any] = {
        "x": alt.X(f"{value}:Q", title=value),
        "y": alt.Y(f"{name}:N", title=None, sort=names, axis=alt.Axis(labelLimit=180)),
        "tooltip": [name, *([kind] if kind else []), alt.Tooltip(value, format=",.4~g")],
    }
    if kind:
        encoding["yOffset"] = alt.YOffset(f"{kind}:N", sort=kinds)
        encoding["color"] = alt.Color(
            f"{kind}:N", sort=kinds, legend=alt.Legend(orient="bottom", title=None, columns=3)
        )
    chart = alt.Chart(_table(rows)).mark_bar(color=OTHER).encode(**encoding)
    _show(chart, max(120, len(names) * (16 * max(1, len(kinds)) + 12) + 60))


def waterfall(rows: Rows, name: str, begin: str, end: str, length: str, error: str) -> None:
    """Stages of one question as bars from their beginning to their end, in order."""
    import altair as alt

    names = [str(row[name]) for row in rows]
    chart = (
        alt.Chart(_table(rows))
        .mark_bar(cornerRadius=2)
        .encode(
            x=alt.X(f"{begin}:Q", title=begin),
            x2=f"{end}:Q",
            y=alt.Y(f"{name}:N", title=None, sort=names, axis=alt.Axis(labelLimit=200)),
            color=alt.condition(f"datum['{error}'] != ''", alt.value(BAD), alt.value(OTHER)),
            tooltip=[name, alt.Tooltip(begin, format=",.1f"), alt.Tooltip(length, format=",.1f")],
        )
    )
    _show(chart, max(120, 22 * len(names) + 50))


def _show(chart: Any, height: int) -> None:
    st.altair_chart(chart.properties(height=height), width="stretch")


def _table(rows: Rows) -> Any:
    import pandas as pd  # type: ignore[import-untyped]

    return pd.DataFrame([dict(row) for row in rows])


def _format(step_s: int) -> str:
    return "%H:%M" if step_s < 3600 else "%m-%d %H:%M" if step_s < 86_400 else "%m-%d"
