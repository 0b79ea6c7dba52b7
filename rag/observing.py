"""What the Engine does around each question and search so that operators see it: a trace, metrics, a line in
the log, and a row of figures in the store.

Promises: observing never changes what a reader gets, and never fails a question; rows are written behind the
answer, by a thread of their own, about a second later (a process that is killed loses that second of
figures, never a turn); a question's words go nowhere but into its turn: the row holds a hash, equal for equal
questions. Questions that are not logged (evaluation runs) count by their tokens, not as readers' questions.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag import metrics, tracing
from rag.errors import WenjuError
from rag.records import Answer, Done, Event, Usage
from rag.settings import MonitoringSettings, PriceSettings
from rag.store.figures import Figures
from rag.text.normalise import normalise

if TYPE_CHECKING:
    from rag.search.index import SearchResult
    from rag.store import Store

log = logging.getLogger(__name__)

FLUSH_S = 1.0
_WAITING = 2000  # rows that wait for a slow database; later ones are dropped, said in the log
_DAY_S = 86_400
_NOISE = re.compile(r"[\W_]+")


def question_key(question: str) -> str:
    """Equal for questions that differ only in case, width, spaces and punctuation."""
    plain = _NOISE.sub(" ", normalise(question).casefold()).strip()
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


def cost_of(prices: Mapping[str, PriceSettings], model: str, adapter: str, usage: Usage) -> float:
    """What the tokens cost at the adapter's price, else the model's, else that of "*", else nothing."""
    price = (prices.get(adapter) if adapter else None) or prices.get(model) or prices.get("*")
    if price is None or not model:
        return 0.0
    return (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6


class Observer:
    """One for an Engine. Thread-safe."""

    def __init__(self, store: Store, settings: MonitoringSettings) -> None:
        self._store = store
        self._settings = settings
        self._rows: queue.Queue[tuple[Figures, tracing.Trace | None]] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closing = threading.Event()
        self._tidied_at = 0.0

    # -- what is observed

    def question(
        self, events: Iterator[Event], question: str, *, identity: str = "", logged: bool = True
    ) -> Iterator[Event]:
        """``events`` as they are, observed. ``identity``: the request's id; "": the context's, or new."""
        root = tracing.begin("question", identity)
        at_s, clock = int(time.time()), time.perf_counter()
        answer: Answer | None = None
        error = ""
        metrics.ACTIVE.inc()
        try:
            while True:
                with root.active():
                    event = next(events, None)
                if event is None:
                    return
                if isinstance(event, Done):
                    answer = event.answer
                yield event
        except WenjuError as problem:
            error = problem.code
            raise
        except Exception as problem:
            error = type(problem).__name__
            raise
        finally:
            with root.active():
                close = getattr(events, "close", None)
                if close is not None:  # the reader left: the turn is kept in here
                    close()
            metrics.ACTIVE.dec()
            try:
                self._ended(root, question, answer, error, at_s, (time.perf_counter() - clock) * 1000, logged)
            except Exception:  # a boundary: observing must never fail a question
                log.exception("a question was not observed")

    @contextmanager
    def search(self) -> Iterator[Callable[[SearchResult], None]]:
        """Around a search that no answer was asked of; call what it yields with the result."""
        found: list[SearchResult] = []
        clock = time.perf_counter()
        with tracing.trace("search"):
            yield found.append
        for result in found:
            seconds = time.perf_counter() - clock
            metrics.note_search(seconds, found=len(result.passages), degraded=result.degraded)

    # -- rows

    def flush(self, timeout_s: float = 5.0) -> None:
        """Writes what waits. Not raising: see the module's promises."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._write_waiting(deadline)

    def close(self) -> None:
        self._closing.set()
        writer = self._writer
        if writer is not None:
            writer.join(5)
        self.flush()

    def _ended(
        self,
        root: tracing.Root,
        question: str,
        answer: Answer | None,
        error: str,
        at_s: int,
        total_ms: float,
        logged: bool,
    ) -> None:
        cost = 0.0
        if answer is None:
            outcome: metrics.Outcome = "error" if error else "incomplete"
            trace = root.end(error, {"outcome": outcome})
            turn_id = trace.spans[0].attributes.get("turn_id") if trace.spans else None
            if error:
                metrics.note_error(error)
            else:
                metrics.note_left()
            figures = Figures(
                at_s=at_s,
                request_id=root.request_id,
                question_key=question_key(question),
                mode="none",
                outcome=outcome,
                total_ms=total_ms,
                turn_id=turn_id if isinstance(turn_id, int) else None,
                code=error.partition("?")[0],
            )
        else:
            outcome = metrics.outcome_of(answer)
            trace = root.end(attributes=_attributes(answer, outcome))
            usage = answer.usage if not answer.from_cache else Usage()
            cost = cost_of(self._settings.prices, answer.model, answer.adapter, usage)
            metrics.note_answer(answer, cost=cost, currency=self._settings.currency, logged=logged)
            figures = Figures(
                at_s=at_s,
                request_id=root.request_id,
                question_key=question_key(question),
                mode=answer.mode,
                outcome=outcome,
                total_ms=answer.timings_ms.get("total", total_ms),
                turn_id=answer.turn_id,
                code=answer.refusal_code.partition("?")[0],
                model=answer.model,
                adapter=answer.adapter,
                from_cache=answer.from_cache,
                tokens_in=usage.prompt_tokens,
                tokens_out=usage.completion_tokens,
                cost=cost,
                passages=len(answer.passages),
                groundedness=answer.groundedness,
                first_token_ms=answer.timings_ms.get("first_token"),
                stages_ms={k: v for k, v in answer.timings_ms.items() if k in metrics.STAGES},
                degraded=tuple(f"{d.part}:{d.code.partition('?')[0]}" for d in answer.degraded),
            )
        with tracing.request(root.request_id):
            log.info(
                "question %s in %.0f ms",
                outcome,
                figures.total_ms,
                extra={
                    "trace_id": trace.trace_id,
                    "turn_id": figures.turn_id,
                    "mode": figures.mode,
                    "outcome": outcome,
                    "code": figures.code,
                    "model": figures.model,
                    "adapter": figures.adapter,
                    "passages": figures.passages,
                    "tokens_in": figures.tokens_in,
                    "tokens_out": figures.tokens_out,
                    "total_ms": round(figures.total_ms, 1),
                },
            )
        if logged:
            self._add(figures, trace)

    def _add(self, figures: Figures, trace: tracing.Trace) -> None:
        try:
            self._rows.put_nowait((figures, trace if self._settings.traces_kept else None))
        except queue.Full:
            log.warning("figures of a question were dropped: %d wait for the database", _WAITING)
            return
        with self._lock:
            if self._writer is None and not self._closing.is_set():
                self._writer = threading.Thread(target=self._write_on, name="wenju-figures", daemon=True)
                self._writer.start()

    def _write_on(self) -> None:
        while not self._closing.wait(FLUSH_S):
            with self._lock:
                self._write_waiting(time.monotonic() + 30)

    def _write_waiting(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            batch: list[tuple[Figures, tracing.Trace | None]] = []
            while len(batch) < 200 and not self._rows.empty():
                batch.append(self._rows.get_nowait())
            if not batch:
                return
            try:
                self._store.note_figures(batch, traces_kept=self._settings.traces_kept)
                if time.monotonic() - self._tidied_at > _DAY_S:
                    self._tidied_at = time.monotonic()
                    self._store.forget_figures(int(time.time()) - self._settings.days_kept * _DAY_S)
            except WenjuError as problem:
                log.warning("figures of %d questions were not kept: %s", len(batch), problem.code)


def _attributes(answer: Answer, outcome: str) -> dict[str, tracing.Value]:
    """What the root span tells: ids, counts and codes."""
    found: dict[str, tracing.Value] = {
        "outcome": outcome,
        "mode": answer.mode,
        "passages": len(answer.passages),
        "citations": len(answer.citations),
        "from_cache": answer.from_cache,
    }
    if answer.turn_id is not None:
        found["turn_id"] = answer.turn_id
    if answer.model:
        found["model"] = answer.model
    if answer.adapter:
        found["adapter"] = answer.adapter
    if answer.refusal_code:
        found["code"] = answer.refusal_code.partition("?")[0]
    if answer.groundedness is not None:
        found["groundedness"] = round(answer.groundedness, 3)
    if answer.usage.prompt_tokens:
        found["tokens_in"], found["tokens_out"] = answer.usage.prompt_tokens, answer.usage.completion_tokens
    if answer.degraded:
        found["degraded"] = ", ".join(sorted({d.part for d in answer.degraded}))
    return found
