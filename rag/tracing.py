"""Spans of one question through all its stages, and the id that ties them to its logs.

Promises: finished traces are kept in a bounded ring in memory, with no collector; a span holds ids, counts
and milliseconds, never a question's or a document's text; :func:`span` costs two microseconds, and outside a
trace next to nothing. Once :func:`export_to` was called, a trace that ends goes to a collector too, as
OpenTelemetry spans with the ids that are shown here. (Spans made through OpenTelemetry's own tracer cost 50
microseconds each, a tenth of a search.)

A generator must not leave its span in the context of whoever iterates it: :class:`Root` is made once, and
entered (``with root.active():``) around each step.
"""

from __future__ import annotations

import contextvars
import random
import re
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

Value = str | int | float | bool
RING = 200  # finished traces kept in memory
MAX_SPANS = 400  # of one trace; later ones are dropped
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_request: contextvars.ContextVar[str] = contextvars.ContextVar("wenju_request_id", default="")
_within: contextvars.ContextVar[Span | None] = contextvars.ContextVar("wenju_span", default=None)
_ids = random.SystemRandom()  # a forked process must not repeat its parent's
_ring: deque[Trace] = deque(maxlen=RING)
_processors: list[SpanProcessor] = []


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


class Span:
    """A stage: enter it, and stages opened inside are its children. See :func:`span`."""

    __slots__ = ("_token", "attributes", "ended", "error", "name", "parent_id", "root", "span_id", "started")

    def __init__(self, name: str, root: Root, parent_id: int, attributes: Mapping[str, Value] | None) -> None:
        self.name = name
        self.root = root
        self.attributes: dict[str, Value] = dict(attributes) if attributes else {}
        self.error = ""
        self.span_id = _ids.getrandbits(64) or 1
        self.parent_id = parent_id  # 0 for the root
        self.started = time.perf_counter_ns()
        self.ended = 0
        self._token: contextvars.Token[Span | None] | None = None

    def set_attribute(self, name: str, value: Value) -> None:
        self.attributes[name] = value

    def end(self, error: str = "") -> None:
        self.error = error
        self.ended = time.perf_counter_ns()

    def __enter__(self) -> Span:
        self._token = _within.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._token is not None:
            _within.reset(self._token)
        # GeneratorExit: the reader of a generator went away.
        self.end("" if kind is None or issubclass(kind, GeneratorExit) else kind.__name__)
        self.root.keep(self)


class _Nowhere:
    """A span outside a trace."""

    def set_attribute(self, name: str, value: Value) -> None: ...

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(self, *_problem: object) -> None: ...


_NOWHERE = _Nowhere()


class Root:
    """A trace being made. Begin with :func:`begin`, end with :meth:`end`; in between enter :meth:`active`."""

    def __init__(self, name: str, identity: str, attributes: Mapping[str, Value]) -> None:
        self.request_id = identity
        self._began = time.time_ns()
        self._trace_id = _ids.getrandbits(128) or 1
        self._span = Span(name, self, 0, {"request_id": identity, **attributes})
        self._spans: list[Span] = []
        self._trace: Trace | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Spans opened inside, and in threads started with a copy of the context, are children."""
        token, request_token = _within.set(self._span), _request.set(self.request_id)
        try:
            yield
        finally:
            _request.reset(request_token)
            _within.reset(token)

    def annotate(self, attributes: Mapping[str, Value]) -> None:
        """Adds to what the root span tells."""
        self._span.attributes.update(attributes)

    def keep(self, ended: Span) -> None:
        """A span that has ended; lost when the trace has too, or holds ``MAX_SPANS``."""
        if self._trace is None and len(self._spans) < MAX_SPANS:
            self._spans.append(ended)

    def end(self, error: str = "", attributes: Mapping[str, Value] | None = None) -> Trace:
        """Safe to call twice: the first counts. Spans that end later are lost."""
        if self._trace is None:
            self.annotate(attributes or {})
            self._span.end(error)
            spans = [self._span, *sorted(self._spans, key=lambda s: s.started)]
            self._trace = Trace(
                trace_id=f"{self._trace_id:032x}",
                request_id=self.request_id,
                name=self._span.name,
                started_at=datetime.fromtimestamp(self._began / 1e9, UTC),
                duration_ms=(self._span.ended - self._span.started) / 1e6,
                spans=tuple(self._record(s) for s in spans),
            )
            _ring.append(self._trace)
            for processor in _processors:
                for span in spans:
                    processor.on_end(self._exported(span))
        return self._trace

    def _record(self, span: Span) -> SpanRecord:
        return SpanRecord(
            name=span.name,
            span_id=f"{span.span_id:016x}",
            parent_id=f"{span.parent_id:016x}" if span.parent_id else "",
            start_ms=(span.started - self._span.started) / 1e6,
            duration_ms=(span.ended - span.started) / 1e6,
            attributes=dict(span.attributes),
            error=span.error,
        )

    def _exported(self, span: Span) -> ReadableSpan:
        """The span as OpenTelemetry has it."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

        def context(span_id: int) -> SpanContext:
            return SpanContext(self._trace_id, span_id, False, TraceFlags(TraceFlags.SAMPLED))

        attributes = {**span.attributes, **({"error.type": span.error} if span.error else {})}
        started = self._began + span.started - self._span.started
        return ReadableSpan(
            name=span.name,
            context=context(span.span_id),
            parent=context(span.parent_id) if span.parent_id else None,
            resource=Resource({"service.name": "wenju"}),
            attributes=attributes,
            status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
            start_time=started,
            end_time=started + span.ended - span.started,
        )


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


def span(name: str, attributes: Mapping[str, Value] | None = None) -> Span | _Nowhere:
    """A stage of the trace of this context, to be entered. ``attributes``: ids, counts, names of models; no
    user text."""
    parent = _within.get()
    return _NOWHERE if parent is None else Span(name, parent.root, parent.span_id, attributes)


def annotate(**attributes: Value) -> None:
    """Attributes of the trace of this context, if there is one."""
    inside = _within.get()
    if inside is not None:
        inside.root.annotate(attributes)


def carried(context: contextvars.Context | None = None) -> contextvars.Context:
    """The context to run a thread's work in, so that its spans and logs belong to this request."""
    return context or contextvars.copy_context()


def recent() -> list[Trace]:
    """The traces that ended lately in this process, the latest first."""
    return list(reversed(_ring))


def export_to(endpoint: str, *, headers: Mapping[str, str] | None = None) -> None:
    """Sends every trace to the OTLP/HTTP collector at ``endpoint`` too (".../v1/traces"), in the background;
    an unreachable one costs nothing but a log line. Raises ImportError without the extra ``otlp``."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers or {}), timeout=5)
    _processors.append(BatchSpanProcessor(exporter))


def flush(timeout_s: float = 5.0) -> None:
    """Sends what waits to be exported."""
    for processor in _processors:
        processor.force_flush(int(timeout_s * 1000))
