"""Single questions on the Operations page: their stages one below the other, as long as they took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import streamlit as st

from rag.engine import Engine
from rag.errors import WenjuError
from rag.tracing import SpanRecord, Trace
from ui import operations_charts as charts
from ui.boot import principal
from ui.language import language, say
from ui.safe import plain, shortened

ORDERS = ("latest", "slowest")


def show(engine: Engine, since_s: int, until_s: int, moment: Callable[[int], datetime]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.segmented_control(
            say("ops.order"),
            options=ORDERS,
            default="latest",
            format_func=lambda name: say(f"ops.order_{name}"),
            key="ops-order",
        )
        wanted = st.text_input(
            say("ops.request_id"), key="ops-request", max_chars=64, help=say("ops.request_id_help"), width=260
        ).strip()
    found = engine.traced_questions(
        since_s,
        until_s,
        principal(),
        order="slowest" if order == "slowest" else "latest",
        request_id=wanted,
    )
    if not found:
        st.caption(say("ops.traces_none"))
        return
    rows = [
        {
            say("ops.when"): moment(one.at_s),
            say("ops.question"): shortened(one.question, 200) or say("ops.gone"),
            say("ops.outcome"): say(f"ops.outcome_{one.outcome}"),
            say("ops.milliseconds"): round(one.total_ms),
            say("ops.model"): shortened(one.model, 40) or "–",
            say("ops.request_id"): one.request_id,
        }
        for one in found
    ]
    chosen = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=min(320, 38 * (len(rows) + 1)),
        on_select="rerun",
        selection_mode="single-row",
        key="ops-traces",
    )
    picked = chosen["selection"]["rows"]
    if not picked and len(found) > 1:
        st.caption(say("ops.choose"))
    one = found[picked[0] if picked and picked[0] < len(found) else 0]
    try:
        trace = engine.question_trace(one.id, principal())
    except WenjuError as error:  # its stages made room for later ones meanwhile
        st.info(plain(error.localized(language())))
        return
    st.subheader(say("ops.trace"), anchor=False)
    st.caption(
        say(
            "ops.trace_line",
            when=f"{moment(one.at_s):%Y-%m-%d %H:%M:%S}",
            milliseconds=f"{trace.duration_ms:,.0f}",
            request=one.request_id,
            trace=trace.trace_id,
        )
    )
    _waterfall(trace)


def _waterfall(trace: Trace) -> None:
    depth = _depths(trace)
    name, begin, end, length = say("ops.stage"), say("ops.begin"), "end", say("ops.length")
    rows: list[Mapping[str, object]] = [
        {
            # A mark that nobody sees keeps stages of the same name apart.
            name: "\u2003" * depth[s.span_id] + s.name + "\u200b" * number,
            begin: s.start_ms,
            end: s.start_ms + max(s.duration_ms, trace.duration_ms / 400),
            length: s.duration_ms,
            "error": s.error,
        }
        for number, s in enumerate(trace.spans)
    ]
    charts.waterfall(rows, name, begin, end, length, "error")
    st.dataframe(
        [
            {
                name: "\u2003" * depth[s.span_id] + s.name,
                begin: round(s.start_ms, 1),
                length: round(s.duration_ms, 1),
                say("ops.detail"): _detail(s),
            }
            for s in trace.spans
        ],
        hide_index=True,
        width="stretch",
    )


def _depths(trace: Trace) -> dict[str, int]:
    parents = {s.span_id: s.parent_id for s in trace.spans}
    found: dict[str, int] = {}
    for identity in parents:
        at, depth = parents[identity], 0
        while at in parents and depth < len(parents):
            at, depth = parents[at], depth + 1
        found[identity] = depth
    return found


def _detail(span: SpanRecord) -> str:
    told = [f"{k}={v}" for k, v in span.attributes.items() if k not in ("request_id", "turn_id")]
    return ", ".join([*([span.error] if span.error else []), *told])
