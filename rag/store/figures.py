"""What was measured of each question, and what an operator asks of it: sums over a range of time.

Rows hold figures, codes and names of models, no words of anybody; where a question's words are wanted they
come from its turn (of equal questions, the latest), and are gone when that is. Everything between ``since_s``
and ``until_s`` (seconds since 1970, the end exclusive). Sums are SQL's; percentiles are computed here from
the durations of the range. The caller has authorised.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast

import numpy as np
import sqlalchemy as sa

from rag.errors import AccessDenied
from rag.records import AnswerMode
from rag.store import codec
from rag.store.base import Room
from rag.store.schema import documents, figures, traces, turns
from rag.tracing import SpanRecord, Trace

PERCENTILES = (50, 95, 99)
TOTAL, FIRST_TOKEN = "total", "first_token"

TraceOrder = Literal["latest", "slowest"]


@dataclass(frozen=True, slots=True)
class Figures:
    """One question. ``first_token_ms`` None: nothing was written. ``cost`` is in the settings' currency."""

    at_s: int
    request_id: str
    question_key: str
    mode: AnswerMode | Literal["none"]
    outcome: str
    total_ms: float
    turn_id: int | None = None
    code: str = ""
    model: str = ""
    adapter: str = ""
    from_cache: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    passages: int = 0
    groundedness: float | None = None
    first_token_ms: float | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()  # "part:code"


@dataclass(frozen=True, slots=True)
class Totals:
    """``groundedness`` is the mean of the answers that have one; None when none has."""

    questions: int = 0
    answered: int = 0
    refused: int = 0
    incomplete: int = 0
    errors: int = 0
    from_cache: int = 0
    empty: int = 0  # found no passage
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    groundedness: float | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Questions of one stretch of time that begins at ``start_s``, by what they are counted by."""

    start_s: int
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class StageTimes:
    """``percentiles_ms`` in the order of :data:`PERCENTILES`, over ``count`` questions that had the stage."""

    stage: str
    count: int
    percentiles_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TimesAt:
    start_s: int
    stage: str  # TOTAL or FIRST_TOKEN
    percentiles_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """``model`` "" wrote by quoting."""

    model: str
    adapter: str
    questions: int
    from_cache: int
    tokens_in: int
    tokens_out: int
    cost: float
    groundedness: float | None
    up: int = 0
    down: int = 0


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """Questions that are the same but for case, spaces and punctuation. ``question`` is the latest one's
    words; ``code`` why that one was refused or failed, "" when it was answered."""

    question: str
    count: int
    refused: int
    last_s: int
    code: str
    turn_id: int


@dataclass(frozen=True, slots=True)
class TracedQuestion:
    """A question whose stages are kept. ``question`` is "" when its turn is gone."""

    id: int
    at_s: int
    request_id: str
    question: str
    mode: str
    outcome: str
    code: str
    model: str
    adapter: str
    from_cache: bool
    total_ms: float


class FigureRecords(Room):
    """Mixed into Store."""

    def note_figures(self, noted: Sequence[tuple[Figures, Trace | None]], *, traces_kept: int) -> None:
        """Keeps them, and the stages of the latest ``traces_kept`` questions."""
        with self._db.write(shared=True) as connection:
            last = 0
            for one, trace in noted:
                values = asdict(one)
                values |= {
                    "code": codec.clean(one.code),
                    "model": codec.clean(one.model),
                    "adapter": codec.clean(one.adapter),
                    "stages_ms": codec.dump({k: round(v, 3) for k, v in one.stages_ms.items()}),
                    "degraded": codec.dump(list(one.degraded)),
                }
                last = connection.execute(
                    sa.insert(figures).values(**values).returning(figures.c.id)
                ).scalar_one()
                if trace is not None and traces_kept:
                    spans = codec.dump([_span_to_list(span) for span in trace.spans])
                    connection.execute(
                        sa.insert(traces).values(figures_id=last, trace_id=trace.trace_id, spans=spans)
                    )
            connection.execute(sa.delete(traces).where(traces.c.figures_id <= last - traces_kept))

    def forget_figures(self, before_s: int) -> int:
        """Removes what is older; answers how many questions that were."""
        with self._db.write(shared=True) as connection:
            return connection.execute(sa.delete(figures).where(figures.c.at_s < before_s)).rowcount

    def document_counts(self) -> dict[str, int]:
        """Documents of the whole library by status."""
        rows = self._db.rows(_DOCUMENT_COUNTS)
        return {status: count for status, count in rows}

    # -- sums

    def totals(self, since_s: int, until_s: int) -> Totals:
        query = cast("sa.Select[Any]", _TOTALS)
        *sums, cost, grounded = self._db.rows(query, since=since_s, until=until_s)[0]
        counted = dict(zip(_SUMS, (value or 0 for value in sums), strict=True))
        return Totals(**counted, cost=float(cost or 0.0), groundedness=grounded)

    def counts(
        self,
        by: Literal["outcome", "code", "mode"],
        since_s: int,
        until_s: int,
        *,
        step_s: int,
        offset_s: int = 0,
    ) -> list[Counted]:
        """Questions by time and ``by``. Stretches begin where local time (``offset_s`` ahead of UTC) is a
        multiple of ``step_s``. ``code``: refusals and errors only."""
        rows = self._db.rows(_COUNTS[by], since=since_s, until=until_s, step=step_s, offset=offset_s)
        return [Counted(int(start), name, count) for start, name, count in rows]

    def degraded(self, since_s: int, until_s: int) -> dict[str, int]:
        """Questions that lacked something, by "part:code", the most frequent first."""
        found: dict[str, int] = defaultdict(int)
        for text, count in self._db.rows(_DEGRADED, since=since_s, until=until_s):
            for name in set(codec.load_strings(text)):
                found[name] += count
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    def latencies(
        self, since_s: int, until_s: int, *, step_s: int, offset_s: int = 0
    ) -> tuple[list[StageTimes], list[TimesAt]]:
        """Percentiles of each stage over the whole range, and of the whole and the first token over time."""
        rows = self._db.rows(_DURATIONS, since=since_s, until=until_s)
        stages: dict[str, list[float]] = defaultdict(list)
        over_time: dict[tuple[int, str], list[float]] = defaultdict(list)
        for at_s, total, first, text in rows:
            start = (at_s + offset_s) // step_s * step_s - offset_s
            over_time[start, TOTAL].append(total)
            if first is not None:
                over_time[start, FIRST_TOKEN].append(first)
            for stage, value in json.loads(text).items():
                stages[stage].append(value)
        stages[TOTAL] = [row[1] for row in rows]
        stages[FIRST_TOKEN] = [row[2] for row in rows if row[2] is not None]
        return (
            [StageTimes(stage, len(v), _percentiles(v)) for stage, v in stages.items() if v],
            [TimesAt(start, stage, _percentiles(v)) for (start, stage), v in sorted(over_time.items())],
        )

    def by_model(self, since_s: int, until_s: int) -> list[ModelFigures]:
        """The dearest first, then the busiest. Ratings of the questions asked in that time."""
        rated: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for model, adapter, rating, count in self._db.rows(_RATED_MODELS, since=since_s, until=until_s):
            rated[model, adapter][0 if rating > 0 else 1] += count
        found = []
        for model, adapter, *sums, grounded in self._db.rows(_MODELS, since=since_s, until=until_s):
            questions, cached, tokens_in, tokens_out, cost = (value or 0 for value in sums)
            up, down = rated[model, adapter]
            found.append(
                ModelFigures(
                    model, adapter, questions, cached, tokens_in, tokens_out, float(cost), grounded, up, down
                )
            )
        return sorted(found, key=lambda m: (-m.cost, -m.questions, m.model, m.adapter))

    def ratings(self, since_s: int, until_s: int, *, step_s: int, offset_s: int = 0) -> list[Counted]:
        """Ratings by the time they were given, "up" and "down"."""
        query = sa.select(turns.c.rated_at, turns.c.rating).where(
            turns.c.rated_at >= _moment(since_s), turns.c.rated_at < _moment(until_s), turns.c.rating != 0
        )
        found: dict[tuple[int, str], int] = defaultdict(int)
        with self._db.read() as connection:
            for rated_at, rating in connection.execute(query):
                at_s = int(rated_at.timestamp())
                start = (at_s + offset_s) // step_s * step_s - offset_s
                found[start, "up" if rating > 0 else "down"] += 1
        return [Counted(start, name, count) for (start, name), count in sorted(found.items())]

    def asked(
        self, since_s: int, until_s: int, *, unanswered: bool = False, limit: int = 50
    ) -> list[AskedQuestion]:
        """The most frequent questions first; ``unanswered``: those refused, by how often they were. Questions
        whose turns are gone are left out: nobody knows their words any more."""
        query = _UNANSWERED if unanswered else _POPULAR
        rows = self._db.rows(query, since=since_s, until=until_s, most=limit)
        return [AskedQuestion(*row) for row in rows]

    # -- single questions

    def traced(
        self,
        since_s: int,
        until_s: int,
        *,
        order: TraceOrder = "latest",
        outcome: str = "",
        request_id: str = "",
        limit: int = 50,
    ) -> list[TracedQuestion]:
        """Questions whose stages are kept."""
        query = (
            sa.select(*_TRACED)
            .select_from(_TRACED_FROM)
            .where(figures.c.at_s >= since_s, figures.c.at_s < until_s)
            .order_by((figures.c.total_ms if order == "slowest" else figures.c.id).desc())
            .limit(limit)
        )
        if outcome:
            query = query.where(figures.c.outcome == outcome)
        if request_id:
            query = query.where(figures.c.request_id == request_id)
        with self._db.read() as connection:
            return [TracedQuestion(*row) for row in connection.execute(query)]

    def trace(self, figures_id: int) -> Trace:
        """Raises AccessDenied when its stages are not kept."""
        query = (
            sa.select(
                figures.c.request_id, figures.c.at_s, figures.c.total_ms, traces.c.trace_id, traces.c.spans
            )
            .join(traces, traces.c.figures_id == figures.c.id)
            .where(figures.c.id == figures_id)
        )
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise AccessDenied("store.not_found")
        spans = tuple(_span_of_list(values) for values in json.loads(row.spans))
        name, length = (spans[0].name, spans[0].duration_ms) if spans else ("question", row.total_ms)
        return Trace(row.trace_id, row.request_id, name, _moment(row.at_s), length, spans)


def _span_to_list(span: SpanRecord) -> list[Any]:
    return [
        span.name,
        span.span_id,
        span.parent_id,
        round(span.start_ms, 3),
        round(span.duration_ms, 3),
        dict(span.attributes),
        span.error,
    ]


def _span_of_list(values: Sequence[Any]) -> SpanRecord:
    return SpanRecord(*values)


def _percentiles(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(v) for v in np.percentile(np.fromiter(values, dtype=np.float64), PERCENTILES))


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _number(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger())


_F = figures.c
_INSIDE = (_F.at_s >= _number("since")) & (_F.at_s < _number("until"))


def _counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


_DOCUMENT_COUNTS = sa.select(documents.c.status, sa.func.count()).group_by(documents.c.status)
_SUMS = (
    "questions", "answered", "refused", "incomplete", "errors", "from_cache", "empty", "tokens_in",
    "tokens_out",
)  # fmt: skip
_TOTALS = sa.select(
    sa.func.count(),
    *(_counted(_F.outcome == name) for name in ("answered", "refused", "incomplete", "error")),
    _counted(_F.from_cache),
    _counted((_F.passages == 0) & (_F.outcome != "error")),
    sa.func.sum(_F.tokens_in),
    sa.func.sum(_F.tokens_out),
    sa.func.sum(_F.cost),
    sa.func.avg(_F.groundedness),
).where(_INSIDE)


def _by_time(by: str) -> sa.Select[Any]:
    # Not integer division, which databases do differently for what is not an integer.
    local = _F.at_s + _number("offset")
    start = (_F.at_s - local % _number("step")).label("start")
    column = _F[by]
    query = sa.select(start, column, sa.func.count()).where(_INSIDE).group_by(sa.text("1"), column)
    if by == "code":
        query = query.where(column != "")
    return query.order_by(sa.text("1"), column)


_COUNTS = {by: _by_time(by) for by in ("outcome", "code", "mode")}
_DEGRADED = sa.select(_F.degraded, sa.func.count()).where(_INSIDE, _F.degraded != "[]").group_by(_F.degraded)
_DURATIONS = sa.select(_F.at_s, _F.total_ms, _F.first_token_ms, _F.stages_ms).where(_INSIDE)
_MODELS = (
    sa.select(
        _F.model,
        _F.adapter,
        sa.func.count(),
        _counted(_F.from_cache),
        sa.func.sum(_F.tokens_in),
        sa.func.sum(_F.tokens_out),
        sa.func.sum(_F.cost),
        sa.func.avg(_F.groundedness),
    )
    .where(_INSIDE, (_F.mode == "generative") | (_F.mode == "extractive"))
    .group_by(_F.model, _F.adapter)
)
_RATED_MODELS = (
    sa.select(_F.model, _F.adapter, turns.c.rating, sa.func.count())
    .join(turns, turns.c.id == _F.turn_id)
    .where(_INSIDE, turns.c.rating != 0)
    .group_by(_F.model, _F.adapter, turns.c.rating)
)


def _asked(unanswered: bool) -> sa.Select[Any]:
    refused = _counted(_F.outcome == "refused").label("refused")
    wanted = _INSIDE & (_F.outcome == "refused") if unanswered else _INSIDE
    groups = (
        sa.select(
            sa.func.count().label("times"),
            refused,
            sa.func.max(_F.at_s).label("last_s"),
            sa.func.max(_F.id).label("figures_id"),
        )
        .where(wanted, _F.turn_id.is_not(None))
        .group_by(_F.question_key)
        .order_by(sa.text("times desc"), sa.text("last_s desc"))
        .limit(_number("most"))
        .subquery()
    )
    last = figures.alias("last")
    return (
        sa.select(
            turns.c.question, groups.c.times, groups.c.refused, groups.c.last_s, last.c.code, turns.c.id
        )
        .select_from(groups)
        .join(last, last.c.id == groups.c.figures_id)
        .join(turns, turns.c.id == last.c.turn_id)
        .order_by(groups.c.times.desc(), groups.c.last_s.desc())
    )


_POPULAR, _UNANSWERED = _asked(False), _asked(True)
_TRACED = (
    _F.id,
    _F.at_s,
    _F.request_id,
    sa.func.coalesce(turns.c.question, ""),
    _F.mode,
    _F.outcome,
    _F.code,
    _F.model,
    _F.adapter,
    _F.from_cache,
    _F.total_ms,
)
_TRACED_FROM = figures.join(traces, traces.c.figures_id == figures.c.id).outerjoin(
    turns, turns.c.id == figures.c.turn_id
)
