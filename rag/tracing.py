"""Spans of one question through all its stages, through OpenTelemetry, and the id that ties them to its logs.

Promises: finished traces are kept in a bounded ring in memory, with no collector; a span holds ids, counts
and milliseconds, never a question's or a document's text; :func:`span` outside a trace costs next to nothing
and records nothing. Spans go to a collector too once :func:`export_to` was called.

A generator must not leave its span in the context of whoever iterates it: :class:`Root` is made once, and
entered (``with root.active():``) around each step.
"""

from __future__ import annotations

import contextvars
import logging
import re
import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger(__name__)

Value = str | int | float | bool
RING = 200  # finished traces kept in memory
MAX_SPANS = 400  # of one trace; later ones are dropped
_OPEN = 1000  # traces begun and not yet ended; the oldest is forgotten
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_request: contextvars.ContextVar[str] = contextvars.ContextVar("wenju_request_id", default="")
_root: contextvars.ContextVar[Root | None] = contextvars.ContextVar("wenju_trace", default=None)


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One stage. Times are milliseconds, ``start_ms`` since the trace began. ``error`` names the exception's
    class, "" for none."""

    name: str
    span_id: str
    parent_id: str  # "" for the root
    start_ms: float
    duration_ms: float
    attributes: Mapping[str, Value]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A finished trace, the root first, the others by their start."""

    trace_id: str
    request_id: str
    name: str
    started_at: datetime
    duration_ms: float
    spans: tuple[SpanRecord, ...]


# -- request ids


def request_id() -> str:
    """The id of the request being served in this context; "" outside of one."""
    return _request.get()


def new_request_id() -> str:
    return uuid.uuid4().hex[:16]


def accepted_request_id(given: str) -> str:
    """``given`` when it is fit for logs and headers (letters, digits, ``._-``, at most 64), else a new."""
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


@contextmanager
def request(identity: str) -> Iterator[str]:
    """Inside, :func:`request_id` is ``identity``: logs and traces carry it."""
    token = _request.set(identity)
    try:
        yield identity
    finally:
        _request.reset(token)


# -- spans


class Root:
    """A trace being made. Begin with :func:`begin`, end with :meth:`end`; in between enter :meth:`active`."""

    def __init__(self, name: str, identity: str, attributes: Mapping[str, Value]) -> None:
        from opentelemetry import trace as api

        self.request_id = identity
        self._span = _tracer().start_span(name, context=api.set_span_in_context(api.INVALID_SPAN))
        self._span.set_attributes({"request_id": identity, **attributes})
        self._context = api.set_span_in_context(self._span)
        self._trace: Trace | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Spans opened inside, and in threads started with a copy of the context, are children."""
        from opentelemetry import context as api

        token, root_token, request_token = (
            api.attach(self._context),
            _root.set(self),
            _request.set(self.request_id),
        )
        try:
            yield
        finally:
            _request.reset(request_token)
            _root.reset(root_token)
            api.detach(token)

    def annotate(self, attributes: Mapping[str, Value]) -> None:
        """Adds to what the root span tells."""
        self._span.set_attributes(dict(attributes))

    def end(self, error: str = "", attributes: Mapping[str, Value] | None = None) -> Trace:
        """Safe to call twice: the first counts. Spans that end later are lost."""
        if self._trace is None:
            _settle(self._span, error, attributes or {})
            self._span.end()
            self._trace = _collector.take(self._span, self.request_id)
            _ring.append(self._trace)
        return self._trace


def begin(name: str, identity: str = "", **attributes: Value) -> Root:
    """A new trace, under ``identity`` or the request's id or a new one."""
    return Root(name, identity or request_id() or new_request_id(), attributes)


@contextmanager
def trace(name: str, identity: str = "", **attributes: Value) -> Iterator[Root]:
    """A whole trace around a block of code that does not yield in between."""
    root = begin(name, identity, **attributes)
    error = ""
    try:
        with root.active():
            yield root
    except BaseException as problem:
        error = type(problem).__name__
        raise
    finally:
        root.end(error)


class _Nowhere:
    """A span outside a trace."""

    def set_attribute(self, name: str, value: Value) -> None: ...


_NOWHERE = _Nowhere()


@contextmanager
def span(name: str, attributes: Mapping[str, Value] | None = None) -> Iterator[Span | _Nowhere]:
    """A stage of the trace of this context. ``attributes``: ids, counts, names of models; no user text."""
    if _root.get() is None:
        yield _NOWHERE
        return
    from opentelemetry import trace as api

    made = _tracer().start_span(name, attributes=dict(attributes or {}))
    error = ""
    try:
        with api.use_span(made, record_exception=False, set_status_on_exception=False):
            yield made
    except BaseException as problem:
        error = "" if isinstance(problem, GeneratorExit) else type(problem).__name__
        raise
    finally:
        _settle(made, error, {})
        made.end()


def annotate(**attributes: Value) -> None:
    """Attributes of the trace of this context, if there is one."""
    root = _root.get()
    if root is not None:
        root.annotate(attributes)


def carried(context: contextvars.Context | None = None) -> contextvars.Context:
    """The context to run a thread's work in, so that its spans and logs belong to this request."""
    return context or contextvars.copy_context()


def recent() -> list[Trace]:
    """The traces that ended lately in this process, the latest first."""
    return list(reversed(_ring))


def export_to(endpoint: str, *, headers: Mapping[str, str] | None = None) -> None:
    """Sends every span to the OTLP/HTTP collector at ``endpoint`` too (".../v1/traces"), in the background;
    an unreachable one costs nothing but a log line. Raises ImportError without the extra ``otlp``."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers or {}), timeout=5)
    _provider().add_span_processor(BatchSpanProcessor(exporter))


def flush(timeout_s: float = 5.0) -> None:
    """Sends what waits to be exported."""
    _provider().force_flush(int(timeout_s * 1000))


# -- inside

_ring: deque[Trace] = deque(maxlen=RING)


class _Collector:
    """Gathers the spans of each trace until its root ends. An OpenTelemetry SpanProcessor by its methods."""

    def __init__(self) -> None:
        self._spans: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._lock = threading.Lock()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if span.parent is not None:
            return
        with self._lock:
            self._spans[span.context.trace_id] = []
            while len(self._spans) > _OPEN:
                self._spans.popitem(last=False)

    def _on_ending(self, span: Any) -> None: ...

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None:
            return
        with self._lock:
            kept = self._spans.get(span.context.trace_id)
            if kept is not None and (len(kept) < MAX_SPANS or span.parent is None):
                kept.append(span)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True

    def take(self, root: Span, identity: str) -> Trace:
        """The trace of an ended root."""
        trace_id = root.get_span_context().trace_id
        with self._lock:
            found = self._spans.pop(trace_id, [])
        own: Any = root
        began = own.start_time or 0
        found.sort(key=lambda s: (s.parent is not None, s.start_time or 0))
        spans = tuple(_record(s, began) for s in found)
        length = ((own.end_time or began) - began) / 1e6
        started = datetime.fromtimestamp(began / 1e9, UTC)
        return Trace(f"{trace_id:032x}", identity, own.name, started, length, spans)


def _record(span: ReadableSpan, began: int) -> SpanRecord:
    start, end = span.start_time or began, span.end_time or began
    attributes: dict[str, Value] = {
        k: v for k, v in (span.attributes or {}).items() if isinstance(v, str | int | float | bool)
    }
    error = str(attributes.pop("error.type", ""))
    context: Any = span.context
    return SpanRecord(
        name=span.name,
        span_id=f"{context.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent is not None else "",
        start_ms=(start - began) / 1e6,
        duration_ms=(end - start) / 1e6,
        attributes=attributes,
        error=error,
    )


def _settle(span: Span, error: str, attributes: Mapping[str, Value]) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attributes(dict(attributes))
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))


_collector = _Collector()
_making = threading.Lock()


def _provider() -> TracerProvider:
    """Our own provider, not the process's global one: what other libraries trace is theirs."""
    with _making:  # a cache alone would let two first questions make two
        return _made_provider()


@lru_cache(maxsize=1)
def _made_provider() -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    made = TracerProvider(
        sampler=ALWAYS_ON, resource=Resource({"service.name": "wenju"}), shutdown_on_exit=False
    )
    made.add_span_processor(_collector)  # type: ignore[arg-type]
    return made


@lru_cache(maxsize=1)
def _tracer() -> Tracer:
    return _provider().get_tracer("wenju")
