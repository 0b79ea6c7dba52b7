"""The Operations page: what was asked over a range of time, how fast and how well it was answered, what it
cost, what was missing, and the stages of single questions. Admins only: the Engine says so again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

import streamlit as st

from rag.engine import Engine
from rag.errors import AccessDenied
from rag.messages import message
from rag.operations import Overview
from rag.records import Principal
from rag.store.figures import FIRST_TOKEN, PERCENTILES, TOTAL, AskedQuestion
from ui import operations_charts as charts
from ui import operations_traces
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import plain, shortened
from ui.sheet import csv_bytes

RANGES = {"hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400, "year": 365 * 86_400}
TABS = ("overview", "speed", "questions", "models", "traces")
OUTCOMES = ("answered", "refused", "incomplete", "error")
FRESH_S = 15  # figures are read again after that
LISTED = 50


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="wide"):
        st.title(say("ops.title"), anchor=False)
        st.caption(say("ops.lead"))
        chosen = st.segmented_control(
            say("ops.range"),
            options=list(RANGES),
            default=None if "ops-range" in st.session_state else "day",
            format_func=lambda name: say(f"ops.range_{name}"),
            key="ops-range",
            label_visibility="collapsed",
        )
        now = int(time.time()) // FRESH_S * FRESH_S + FRESH_S
        since = now - RANGES[chosen or "day"]
        try:
            found = _overview(engine, str(engine.settings.data_dir), since, now, _offset_s(), principal())
        except AccessDenied as error:
            st.info(plain(error.localized(language())), icon=":material/lock:")
            return
        if not found.totals.questions:
            st.info(say("ops.nothing"), icon=":material/schedule:")
            return
        _tiles(found)
        tab = st.segmented_control(
            say("ops.tab"),
            options=TABS,
            default=None if "ops-tab" in st.session_state else "overview",
            format_func=lambda name: say(f"ops.tab_{name}"),
            key="ops-tab",
            label_visibility="collapsed",
        )
        if tab == "speed":
            _speed(found)
        elif tab == "questions":
            _questions(engine, found)
        elif tab == "models":
            _models(engine, found)
        elif tab == "traces":
            operations_traces.show(engine, found.since_s, found.until_s, moment)
        else:
            _over_time(found)


@st.cache_data(ttl=FRESH_S * 2, max_entries=32, show_spinner=False)
def _overview(
    _engine: Engine, library: str, since_s: int, until_s: int, offset_s: int, who: Principal
) -> Overview:
    """``library`` is part of what is kept by: two in one process are two."""
    return _engine.overview(since_s, until_s, who, offset_s=offset_s)


def _offset_s() -> int:
    """How far the reader's clock is ahead of UTC; the browser tells minutes behind."""
    return -60 * (st.context.timezone_offset or 0)


def moment(at_s: int) -> datetime:
    """The reader's local time, without a zone: plots and tables show it as it is."""
    return datetime.fromtimestamp(at_s, timezone(timedelta(seconds=_offset_s()))).replace(tzinfo=None)


def reason(code: str) -> str:
    """A message code in the reader's words, what it would have named left out."""
    return shortened(re.sub(r"<[a-z_]+>", "…", message(code, language(), {})), 60)


def _short(number: float) -> str:
    """At most five characters: 950, 35.2k, 1.2M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if unit == 'k' else size):.1f}{unit}"
    return f"{number:,.0f}"


def _tiles(found: Overview) -> None:
    totals = found.totals
    total = next((s for s in found.stages if s.stage == TOTAL), None)
    share = f"{totals.answered / totals.questions:.0%}"
    tiles = [
        (say("ops.questions"), f"{totals.questions:,}"),
        (say("ops.answered_share"), share),
        (say("ops.half"), f"{total.percentiles_ms[0] / 1000:.2f} s" if total else "–"),
        (say("ops.most"), f"{total.percentiles_ms[1] / 1000:.2f} s" if total else "–"),
        (say("ops.cached"), f"{totals.from_cache / totals.questions:.0%}"),
        (say("ops.grounded"), f"{totals.groundedness:.0%}" if totals.groundedness is not None else "–"),
        (say("ops.tokens"), _short(totals.tokens_in + totals.tokens_out)),
        (
            f"{say('ops.cost')} ({found.currency})",
            _short(totals.cost) if totals.cost >= 1e4 else f"{totals.cost:,.2f}",
        ),
    ]
    with st.container(horizontal=True, key="ops-tiles"):
        for label, value in tiles:
            st.metric(label, value, border=True, width=170)


def _over_time(found: Overview) -> None:
    when, count = say("ops.when"), say("ops.count")
    kind = say("ops.outcome")
    rows = [
        {when: moment(c.start_s), kind: say(f"ops.outcome_{c.name}"), count: c.count} for c in found.outcomes
    ]
    colours = {say(f"ops.outcome_{name}"): charts.OUTCOME_COLOURS[name] for name in OUTCOMES}
    _headed("ops.outcomes", rows)
    charts.columns_over_time(rows, when, count, kind, step_s=found.step_s, colours=colours)
    code = say("ops.code")
    rows = [{when: moment(c.start_s), code: reason(c.name), count: c.count} for c in found.codes]
    if rows:
        _headed("ops.codes", rows)
        charts.columns_over_time(rows, when, count, code, step_s=found.step_s)
    rating = say("ops.rating")
    rows = [
        {when: moment(c.start_s), rating: say(f"ops.rating_{c.name}"), count: c.count} for c in found.ratings
    ]
    if rows:
        colours = {say("ops.rating_up"): charts.GOOD, say("ops.rating_down"): charts.BAD}
        _headed("ops.feedback", rows)
        charts.columns_over_time(rows, when, count, rating, step_s=found.step_s, colours=colours)
    part = say("ops.part")
    missing = [
        {part: f"{name.partition(':')[0]}: {reason(name.partition(':')[2])}", count: number}
        for name, number in found.degraded.items()
    ]
    _headed("ops.degraded", missing)
    if missing:
        charts.bars(missing[:20], part, count)
    else:
        st.caption(say("ops.degraded_none"))


def _speed(found: Overview) -> None:
    when, seconds, kind = say("ops.when"), say("ops.seconds"), say("ops.measure")
    names = {TOTAL: say("ops.total"), FIRST_TOKEN: say("ops.first_token")}
    rows = [
        {
            when: moment(at.start_s),
            kind: f"{names[at.stage]}, {say('ops.percentile', percent=percent)}",
            seconds: at.percentiles_ms[n] / 1000,
        }
        for at in found.times
        for n, percent in enumerate(PERCENTILES[:2])
    ]
    _headed("ops.speed", rows)
    charts.lines_over_time(rows, when, seconds, kind, step_s=found.step_s)
    stage, length = say("ops.stage"), say("ops.milliseconds")
    slowest = sorted(found.stages, key=lambda s: -s.percentiles_ms[1])
    rows = [
        {
            stage: names.get(s.stage, s.stage),
            kind: say("ops.percentile", percent=percent),
            length: round(s.percentiles_ms[n], 2),
            say("ops.count"): s.count,
        }
        for s in slowest
        for n, percent in enumerate(PERCENTILES)
    ]
    _headed("ops.stages", rows)
    charts.bars(rows, stage, length, kind)


def _questions(engine: Engine, found: Overview) -> None:
    for key, unanswered in (("ops.popular", False), ("ops.unanswered", True)):
        listed = engine.asked_questions(
            found.since_s, found.until_s, principal(), unanswered=unanswered, limit=LISTED
        )
        rows = [_question_row(one, unanswered) for one in listed]
        _headed(key, rows)
        if rows:
            st.dataframe(rows, hide_index=True, width="stretch")
        else:
            st.caption(say(f"{key}_none"))


def _question_row(one: AskedQuestion, unanswered: bool) -> Mapping[str, object]:
    row: dict[str, object] = {
        say("ops.question"): shortened(one.question, 300),
        say("ops.times"): one.count,
        say("ops.last"): moment(one.last_s),
    }
    if unanswered:
        row[say("ops.code")] = reason(one.code)
    else:
        row[say("ops.refused")] = one.refused
    return row


def _models(engine: Engine, found: Overview) -> None:
    cost = f"{say('ops.cost')} ({found.currency})"
    rows = [
        {
            say("ops.model"): shortened(m.model, 60) or say("ops.quotes"),
            say("ops.adapter"): shortened(m.adapter, 40) or "–",
            say("ops.questions"): m.questions,
            say("ops.cached"): m.from_cache,
            say("ops.tokens_in"): m.tokens_in,
            say("ops.tokens_out"): m.tokens_out,
            cost: round(m.cost, 4),
            say("ops.grounded"): None if m.groundedness is None else round(m.groundedness, 3),
            say("ops.up"): m.up,
            say("ops.down"): m.down,
        }
        for m in found.models
    ]
    _headed("ops.models", rows)
    st.dataframe(rows, hide_index=True, width="stretch")
    model, count, kind = say("ops.model"), say("ops.tokens"), say("ops.measure")
    tokens: list[Mapping[str, object]] = [
        {
            model: " · ".join(n for n in (shortened(m.model, 40), shortened(m.adapter, 30)) if n),
            kind: name,
            count: n,
        }
        for m in found.models
        if m.model
        for name, n in ((say("ops.tokens_in"), m.tokens_in), (say("ops.tokens_out"), m.tokens_out))
    ]
    if tokens:
        charts.bars(tokens, model, count, kind)
    if not engine.settings.monitoring.prices:
        st.caption(say("ops.no_prices"))
    kept = engine.cache_statistics()
    st.subheader(say("ops.cache"), anchor=False)
    st.markdown(
        say(
            "ops.cache_line",
            hits=f"{kept.hits:,}",
            looked=f"{kept.hits + kept.misses:,}",
            rate="–" if kept.hit_rate is None else f"{kept.hit_rate:.0%}",
            tokens=f"{kept.saved_prompt_tokens + kept.saved_completion_tokens:,}",
            seconds=f"{kept.saved_ms / 1000:,.0f}",
            kept=f"{kept.kept:,}",
        )
    )


def _headed(key: str, rows: Sequence[Mapping[str, object]]) -> None:
    """A heading, and beside it what stands below as a file."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(say(key), anchor=False)
        if rows:
            st.download_button(
                say("ops.export"),
                data=csv_bytes(rows),
                file_name=f"{key.replace('ops.', 'wenju-')}-{datetime.now(UTC):%Y%m%d}.csv",
                mime="text/csv",
                icon=":material/download:",
                type="tertiary",
                key=f"export-{key}",
                on_click="ignore",
            )
