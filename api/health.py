"""Two questions an operator's probe asks, as Starlette routes beside the page.

``/healthz``: is the process alive? Always 200. ``/readyz``: can it serve? 200 when the store answers,
503 with the message code when it does not. Neither needs a session, neither tells names or contents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def health_routes(readiness: Callable[[], str]) -> Sequence[Route]:
    """``readiness`` returns "" when the store answers, else a message code; it may block."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(_: Request) -> Response:
        problem = await run_in_threadpool(readiness)
        body = {"status": "ok"} if not problem else {"status": "unavailable", "code": problem}
        return JSONResponse(body, status_code=503 if problem else 200, headers={"Cache-Control": "no-store"})

    return (Route("/healthz", healthz), Route("/readyz", readyz))
