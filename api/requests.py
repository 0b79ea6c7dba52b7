"""ASGI middleware around every HTTP request: its id, and how it is counted.

The id is the caller's ``X-Request-ID`` where it is fit for a log, else a new one; the response carries it,
and logs and traces of whatever the request asked for carry it too. Requests are counted by route template,
never by path: paths hold ids.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag import metrics, tracing

_HEADER = b"x-request-id"
_OURS = ("/api/", "/v1/", "/mcp", "/metrics", "/healthz", "/readyz")
_NOT_COUNTED = 499  # the client left before an answer began


class Requests:
    """Gives each request its id and counts it when it ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        identity = tracing.accepted_request_id(given.decode("latin-1"))
        clock = time.perf_counter()
        first_byte_s, status = 0.0, _NOT_COUNTED

        async def sending(message: Message) -> None:
            nonlocal first_byte_s, status
            if message["type"] == "http.response.start":
                first_byte_s, status = time.perf_counter() - clock, message["status"]
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() != _HEADER]
                message = {**message, "headers": [*kept, (_HEADER, identity.encode())]}
            await send(message)

        try:
            with tracing.request(identity):
                await self._app(scope, receive, sending)
        except Exception:
            status = 500
            raise
        finally:
            seconds = first_byte_s or time.perf_counter() - clock
            metrics.note_http(route_of(scope), scope["method"], status, seconds)


def route_of(scope: Scope) -> str:
    """The template of the route that served ``scope``; "page" for the page and what it loads; "other" for
    what nothing served."""
    route = scope.get("route")
    template = getattr(route, "path_format", None) or getattr(route, "path", None)
    if not isinstance(template, str):
        return metrics.OTHER
    whole = f"{scope.get('root_path', '')}{template}"
    return whole if whole.startswith(_OURS) else "page"
