"""``/metrics`` for Prometheus. Not public: without a token it is told to this machine only, and not to a
proxy on this machine either, which would tell it to everybody.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rag import metrics
from rag.settings import MonitoringSettings

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_NO_STORE = {"Cache-Control": "no-store"}


def metrics_routes(settings: Callable[[], MonitoringSettings | None]) -> Sequence[Route]:
    """``settings`` None: the service could not start; then there is nothing to tell."""

    async def show(request: Request) -> Response:
        known = settings()
        if known is None or not known.metrics:
            return PlainTextResponse("not found\n", 404, headers=_NO_STORE)
        token = known.metrics_token.get_secret_value()
        if token:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
                return PlainTextResponse(
                    "send monitoring.metrics_token: Authorization: Bearer TOKEN\n",
                    401,
                    headers={**_NO_STORE, "WWW-Authenticate": "Bearer"},
                )
        elif not is_local(request):
            return PlainTextResponse(
                "only from this machine; set monitoring.metrics_token to read it from another\n",
                403,
                headers=_NO_STORE,
            )
        body = await run_in_threadpool(metrics.exposition)  # asks the store for the documents' states
        return Response(body, headers={**_NO_STORE, "Content-Type": metrics.CONTENT_TYPE})

    return (Route("/metrics", show),)


def is_local(request: Request) -> bool:
    """Whether the request comes from a process on this machine, on its own behalf."""
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
