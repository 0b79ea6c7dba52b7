"""What the Engine tells an operator: figures of everybody's questions over a range of time, single traces.

Promises: admins only; nothing here holds a question's words except the lists of questions, which come from
the turns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rag.access import LOCAL, require_right
from rag.records import Principal
from rag.store.figures import (
    AskedQuestion,
    Counted,
    ModelFigures,
    StageTimes,
    TimesAt,
    Totals,
    TracedQuestion,
)
from rag.tracing import Trace

if TYPE_CHECKING:
    from rag.observing import Observer
    from rag.settings import Settings
    from rag.store import Store

STEPS_S = (60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400)
MOST_STEPS = 60  # stretches of a range, at most


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything over one range of time but single questions. Times are seconds since 1970."""

    since_s: int
    until_s: int
    step_s: int
    currency: str
    totals: Totals
    outcomes: tuple[Counted, ...]
    codes: tuple[Counted, ...]
    stages: tuple[StageTimes, ...]
    times: tuple[TimesAt, ...]
    models: tuple[ModelFigures, ...]
    ratings: tuple[Counted, ...]
    degraded: dict[str, int]  # "part:code" -> questions


def step_of(since_s: int, until_s: int) -> int:
    """The shortest step that divides the range into :data:`MOST_STEPS` stretches at most."""
    wanted = (until_s - since_s) / MOST_STEPS
    return next((step for step in STEPS_S if step >= wanted), STEPS_S[-1])


class Operations:
    """Mixed into Engine."""

    store: Store
    settings: Settings
    observer: Observer

    def overview(
        self, since_s: int, until_s: int | None = None, principal: Principal = LOCAL, *, offset_s: int = 0
    ) -> Overview:
        """``until_s`` None: now. ``offset_s``: how far local time is ahead of UTC. Raises AccessDenied."""
        require_right(principal, "admin")
        self.observer.flush()
        until = int(time.time()) + 1 if until_s is None else until_s
        step = step_of(since_s, until)
        store = self.store
        stages, times = store.latencies(since_s, until, step_s=step, offset_s=offset_s)
        return Overview(
            since_s=since_s,
            until_s=until,
            step_s=step,
            currency=self.settings.monitoring.currency,
            totals=store.totals(since_s, until),
            outcomes=tuple(store.counts("outcome", since_s, until, step_s=step, offset_s=offset_s)),
            codes=tuple(store.counts("code", since_s, until, step_s=step, offset_s=offset_s)),
            stages=tuple(stages),
            times=tuple(times),
            models=tuple(store.by_model(since_s, until)),
            ratings=tuple(store.ratings(since_s, until, step_s=step, offset_s=offset_s)),
            degraded=store.degraded(since_s, until),
        )

    def asked_questions(
        self,
        since_s: int,
        until_s: int | None = None,
        principal: Principal = LOCAL,
        *,
        unanswered: bool = False,
        limit: int = 50,
    ) -> list[AskedQuestion]:
        """Everybody's questions, the most frequent first. Raises AccessDenied."""
        require_right(principal, "admin")
        until = int(time.time()) + 1 if until_s is None else until_s
        return self.store.asked(since_s, until, unanswered=unanswered, limit=limit)

    def traced_questions(
        self,
        since_s: int,
        until_s: int | None = None,
        principal: Principal = LOCAL,
        *,
        order: Literal["latest", "slowest"] = "latest",
        request_id: str = "",
        limit: int = 50,
    ) -> list[TracedQuestion]:
        """Questions whose stages are kept. Raises AccessDenied."""
        require_right(principal, "admin")
        until = int(time.time()) + 1 if until_s is None else until_s
        return self.store.traced(since_s, until, order=order, request_id=request_id, limit=limit)

    def question_trace(self, figures_id: int, principal: Principal = LOCAL) -> Trace:
        """The stages of one of :meth:`traced_questions`. Raises AccessDenied."""
        require_right(principal, "admin")
        return self.store.trace(figures_id)
