"""What Wenju counts and times, for Prometheus: the instruments by name, and functions that feed them.

Promises: no question, user or file name is ever a label value; every label has a bounded set of values
(codes are known message codes, routes are templates, models and adapters the first :data:`MOST_NAMES`;
anything else is "other"); feeding an instrument costs microseconds and never raises. The instruments are this
process's own: each process is a target of its own (docs/monitoring.md), and counts start at zero with it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from rag.messages import CATALOGUE
from rag.records import Answer, Degraded, DocumentStatus

Outcome = Literal["answered", "refused", "incomplete", "error"]
BreakerState = Literal["closed", "trying", "open"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_NAMES = 50  # label values of one kind (models, adapters, routes); later ones are "other"
OTHER = "other"
STAGES = (
    "rewrite", "cache", "wait", "embed", "dense", "lexical", "fuse", "light", "rerank", "settle", "load",
    "calculate", "quote", "generate", "verify", "rules", "keep",
)  # fmt: skip
"""Stages of a question, in the order in which they happen; keys of ``Answer.timings_ms``."""

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0)
_LONG = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_TENTHS = tuple(round(n / 10, 1) for n in range(1, 11))
_BREAKER_VALUES: Mapping[BreakerState, int] = {"closed": 0, "trying": 1, "open": 2}

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"wenju_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"wenju_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"wenju_{name}", text, labels, registry=REGISTRY, buckets=buckets)


QUESTIONS = _counter("questions", "Questions that ended, by how they were answered.", "mode", "outcome")
UNLOGGED = _counter("questions_unlogged", "Questions of evaluation runs, which are not kept as turns.")
ACTIVE = _gauge("questions_active", "Questions being answered now.")
ERRORS = _counter("question_errors", "Questions that ended in an error, by its message code.", "code")
REJECTED = _counter("questions_rejected", "Questions not taken in: the queue was full, by reason.", "reason")
WAITING = _gauge("questions_waiting", "Questions that wait for their turn.")
DURATION = _histogram("question_seconds", "From the question to the end of its answer.", _SLOW, "mode")
FIRST_TOKEN = _histogram(
    "first_token_seconds", "From the question to the answer's first words.", _SLOW, "mode"
)
STAGE = _histogram("stage_seconds", "Time that a question spent in one stage.", _FAST, "stage")
TOKENS = _counter("tokens", "Tokens of chat models, by direction (in, out).", "model", "adapter", "direction")
COST = _counter("cost", "Cost of tokens at the prices of [monitoring].", "model", "adapter", "currency")
PASSAGES = _histogram("retrieved_passages", "Passages found for a question.", (0, 1, 2, 4, 8, 16, 32))
EMPTY = _counter("retrievals_empty", "Questions for which no passage was found.")
SEARCHES = _counter("searches", "Searches without an answer, by outcome.", "outcome")
SEARCH = _histogram("search_seconds", "Time of a search without an answer.", _FAST)
DEGRADED = _counter("degraded", "Parts that were missing while a question was answered.", "part", "code")
CACHE = _counter("cache_lookups", "Look-ups in a cache, by what came of them.", "cache", "result")
CACHE_SAVED = _counter("cache_saved_tokens", "Tokens that answers from the cache did not cost.")
GROUNDEDNESS = _histogram("groundedness", "Share of an answer's claims that passages support.", _TENTHS)
REFUSALS = _counter("refusals", "Questions refused, by the reason's message code.", "code")
FEEDBACK = _counter("feedback", "Ratings of answers (up, down, withdrawn).", "rating")
INGESTED = _counter("ingest_documents", "Documents that this process finished, by final state.", "status")
INGESTED_PAGES = _counter("ingest_pages", "Pages that this process read.")
INGEST = _histogram("ingest_seconds", "Time to read and index one document.", _LONG)
DOCUMENTS = "wenju_documents"  # read from the store when scraped: see watch_documents
QUEUE = "wenju_ingest_queue_depth"
BREAKER = _gauge(
    "breaker_state", "Circuit breaker of an outside system: 0 closed, 1 trying, 2 open.", "system"
)
HTTP = _counter("http_requests", "HTTP requests, by route template.", "route", "method", "status")
HTTP_TIME = _histogram("http_request_seconds", "Time to the first byte of a response.", _SLOW, "route")
BUILD = _gauge("build_info", "Always 1; the version is a label.", "version")


class _Names:
    """The first :data:`MOST_NAMES` names of one kind, made fit for a label. ``paths``: kept whole."""

    def __init__(self, most: int = MOST_NAMES, *, paths: bool = False) -> None:
        self._most = most
        self._paths = paths
        self._odd = re.compile(r"[^A-Za-z0-9._:@+{}/-]+" if paths else r"[^A-Za-z0-9._:@+-]+")
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> str:
        """The label value of ``name``: a folder's last part, 80 characters at most; "" stays ""."""
        found = self._known.get(name)
        if found is not None or not name:
            return found or ""
        last = name.replace("\\", "/").rstrip("/").rpartition("/")[2] if self._folder(name) else name
        with self._lock:
            if len(self._known) >= self._most:
                return OTHER
            return self._known.setdefault(name, self._odd.sub("_", last)[:80])

    def _folder(self, name: str) -> bool:
        return not self._paths and name[:1] in "/.~\\"


model_name = _Names()
adapter_name = _Names()
_routes = _Names(200, paths=True)
_systems = _Names(20)


def code_name(code: str) -> str:
    """A message code without its parameters; "other" for what is none."""
    bare = code.partition("?")[0]
    return bare if bare in CATALOGUE else OTHER


def outcome_of(answer: Answer) -> Outcome:
    return "incomplete" if answer.incomplete else "refused" if answer.refused else "answered"


def note_answer(answer: Answer, *, cost: float = 0.0, currency: str = "", logged: bool = True) -> None:
    """Counts a question that ended, once. ``cost`` is in ``currency``. One that is not ``logged`` (an
    evaluation's) is no reader's question: only what it cost is counted."""
    usage = answer.usage
    if (usage.prompt_tokens or usage.completion_tokens) and not answer.from_cache:
        names = model_name(answer.model), adapter_name(answer.adapter)
        TOKENS.labels(*names, "in").inc(usage.prompt_tokens)
        TOKENS.labels(*names, "out").inc(usage.completion_tokens)
        if cost > 0:
            COST.labels(*names, currency).inc(cost)
    if not logged:
        UNLOGGED.inc()
        return
    QUESTIONS.labels(answer.mode, outcome_of(answer)).inc()
    timings = answer.timings_ms
    if "total" in timings:
        DURATION.labels(answer.mode).observe(timings["total"] / 1000)
    if "first_token" in timings:
        FIRST_TOKEN.labels(answer.mode).observe(timings["first_token"] / 1000)
    for stage in STAGES:
        if stage in timings:
            STAGE.labels(stage).observe(timings[stage] / 1000)
    if answer.from_cache or "cache" in timings:
        note_cache("answers", "hit" if answer.from_cache else "miss")
    PASSAGES.observe(len(answer.passages))
    if not answer.passages:
        EMPTY.inc()
    note_degraded(answer.degraded)
    if answer.groundedness is not None:
        GROUNDEDNESS.observe(answer.groundedness)
    if answer.refused:
        REFUSALS.labels(code_name(answer.refusal_code)).inc()


def note_left() -> None:
    """Counts a question whose reader left before its end."""
    QUESTIONS.labels("none", "incomplete").inc()


def note_error(code: str) -> None:
    """Counts a question that ended in an error, once; one that found no place (load.*) apart as well."""
    if code.startswith("load."):
        REJECTED.labels(code_name(code)).inc()
    QUESTIONS.labels("none", "error").inc()
    ERRORS.labels(code_name(code)).inc()


def note_degraded(parts: Iterable[Degraded]) -> None:
    for part in parts:
        DEGRADED.labels(_systems(part.part), code_name(part.code)).inc()


def note_search(seconds: float, *, found: int, degraded: Iterable[Degraded] = ()) -> None:
    """Counts a search that no answer was asked of."""
    SEARCHES.labels("found" if found else "empty").inc()
    SEARCH.observe(seconds)
    note_degraded(degraded)


def note_cache(cache: str, result: Literal["hit", "miss", "error"], *, saved_tokens: int = 0) -> None:
    """``cache`` is "answers", "vectors", ...: a name of the program, never of a user."""
    CACHE.labels(_systems(cache), result).inc()
    if saved_tokens > 0:
        CACHE_SAVED.inc(saved_tokens)


def note_rating(rating: int) -> None:
    FEEDBACK.labels("up" if rating > 0 else "down" if rating < 0 else "withdrawn").inc()


def note_ingested(status: DocumentStatus, *, pages: int = 0, seconds: float | None = None) -> None:
    INGESTED.labels(status).inc()
    INGESTED_PAGES.inc(pages)
    if seconds is not None:
        INGEST.observe(seconds)


def note_breaker(system: str, state: BreakerState) -> None:
    BREAKER.labels(_systems(system)).set(_BREAKER_VALUES[state])


def note_http(route: str, method: str, status: int, seconds: float) -> None:
    """``route`` is a template of the program ("/v1/documents/{id}"), never a path as it was asked for."""
    known = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else OTHER
    template = _routes(route)
    HTTP.labels(template, known, str(status)).inc()
    HTTP_TIME.labels(template).observe(seconds)


def note_version(version: str) -> None:
    BUILD.labels(version).set(1)


class _Documents(Collector):
    """Documents by state, asked of the store when Prometheus asks: right in every process at any time."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(DOCUMENTS, "Documents in the library, by state.", labels=("status",))
        yield GaugeMetricFamily(QUEUE, "Documents that wait or are worked on.")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        documents, queue = self.describe()
        try:
            counts = self._counts()
        except Exception:  # noqa: BLE001 - a store that is down must not take the other figures with it
            return
        for status, count in sorted(counts.items()):
            documents.add_metric((status,), count)
        queue.add_metric((), sum(counts.get(status, 0) for status in ("queued", "parsing", "embedding")))
        yield documents
        yield queue


_watched: _Documents | None = None
_watching = threading.Lock()


def watch_documents(counts: Callable[[], Mapping[str, int]] | None) -> None:
    """Where :data:`DOCUMENTS` and :data:`QUEUE` come from, instead of before; None: nowhere."""
    global _watched
    with _watching:
        if _watched is not None:
            REGISTRY.unregister(_watched)
        _watched = _Documents(counts) if counts is not None else None
        if _watched is not None:
            REGISTRY.register(_watched)


_refresh: Callable[[], None] | None = None


def refresh_with(refresh: Callable[[], None] | None) -> None:
    """What sets gauges to what they are now, before :func:`exposition`; it must not raise."""
    global _refresh
    _refresh = refresh


def exposition() -> bytes:
    """Everything, in Prometheus's text format."""
    if _refresh is not None:
        _refresh()
    return generate_latest(REGISTRY)


def instrument_names() -> frozenset[str]:
    """Every name that Prometheus may be asked for: dashboards and alert rules are checked against it."""
    names: set[str] = set()
    for metric in (*REGISTRY.collect(), *_Documents(dict).describe()):
        if metric.type == "counter":
            names |= {f"{metric.name}_total", f"{metric.name}_created"}
        elif metric.type == "histogram":
            names |= {f"{metric.name}_{part}" for part in ("bucket", "count", "sum", "created")}
        else:
            names.add(metric.name)
    return frozenset(names)
