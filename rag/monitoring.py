"""What a process does once so that it can be watched: its logs, its spans' way to a collector, its metrics.

Called by the roots (page, command line, worker), never at import. Nothing here can keep a process from coming
up: what cannot be had is said in the log and by ``wenju doctor``.
"""

from __future__ import annotations

import logging
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rag import logs, metrics, tracing
from rag.breaker import breakers
from rag.records import PartStatus

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.settings import Settings
    from rag.store import Store

log = logging.getLogger(__name__)

OTLP_REMEDY = "pip install 'wenju[otlp]'"
_exporting = threading.Lock()
_exported: set[str] = set()


def set_up_logs(settings: Settings, level: str = "") -> None:
    """``level`` is what the root wants when the settings name none: a terminal shows warnings, a
    log collector (JSON) everything."""
    chosen = "log_level" in settings.model_fields_set or settings.log_format == "json"
    logs.set_up(settings.log_level if chosen or not level else level, settings.log_format)


def watch(settings: Settings, store: Store, engine: Engine | None = None) -> None:
    """Feeds what is read from the store when Prometheus asks; exports spans where the settings say."""
    metrics.watch_documents(store.document_counts)
    if engine is not None:
        metrics.refresh_with(_Refresh(engine))
    try:
        metrics.note_version(version("wenju"))
    except PackageNotFoundError:  # run from a folder that was never installed
        metrics.note_version("unknown")
    endpoint = settings.monitoring.otlp_endpoint
    with _exporting:
        if endpoint and endpoint not in _exported:
            try:
                tracing.export_to(endpoint)
                _exported.add(endpoint)
            except ImportError:
                log.warning("spans are not sent to %s: the extra otlp is missing: %s", endpoint, OTLP_REMEDY)


class _Refresh:
    """Sets to what they are now: the line of questions, breakers, tokens that kept answers saved."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._saved = 0

    def __call__(self) -> None:
        try:
            metrics.WAITING.set(self._engine.load_state().waiting)
            for breaker in breakers():
                metrics.note_breaker(breaker.part, breaker.state)
            kept = self._engine.cache_statistics()
            saved = kept.saved_prompt_tokens + kept.saved_completion_tokens
            metrics.CACHE_SAVED.inc(max(0, saved - self._saved))
            self._saved = saved
        except Exception:  # a boundary: what cannot be told now must not take the other figures with it
            log.exception("gauges could not be refreshed")


def unwatch() -> None:
    """Before the store is closed."""
    metrics.watch_documents(None)
    metrics.refresh_with(None)
    if _exported:
        tracing.flush()


def serve_metrics(settings: Settings) -> bool:
    """Opens the worker's own port for Prometheus, when the settings name one. False: none, or it is taken."""
    monitoring = settings.monitoring
    if not monitoring.worker_port:
        return False
    from prometheus_client import start_http_server

    try:
        start_http_server(monitoring.worker_port, monitoring.worker_host, metrics.REGISTRY)
    except OSError as error:
        log.error("metrics are not offered on port %d: %s", monitoring.worker_port, error.strerror or error)
        return False
    return True


def status(settings: Settings) -> PartStatus | None:
    """Of the spans' way to a collector; None when none is asked for."""
    endpoint = settings.monitoring.otlp_endpoint
    if not endpoint:
        return None
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: F401
    except ImportError:
        return PartStatus("tracing", "broken", "monitoring.otlp_missing", {"url": endpoint}, OTLP_REMEDY)
    return PartStatus("tracing", "ok", "monitoring.otlp", {"url": endpoint})
