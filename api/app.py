"""The HTTP interface as one FastAPI app over the Engine, and the door that the page's server opens to it.

``create_api(engine, ...)`` is the app with its documented routes under /v1. :class:`Door` stands in the
server's routes from the beginning and answers 503 until the house is open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api import adapters, asking, chat, docs_page, evaluations, library
from api.edges import Edges
from api.gate import Gate
from api.pipe import Pipes
from api.problems import DOCUMENTED, ApiError, answer_with_problems, of_error
from rag.errors import WenjuError
from rag.settings import Settings
from rag.tracing import new_request_id, request_id

if TYPE_CHECKING:
    from api.mcp_http import McpDoor
    from evaluation.running import RunDesk
    from rag.engine import Engine

PREFIX = "/v1"
_FORM_KB = 64  # what multipart adds to a file
_ABOUT = """Ask your own documents, get answers that show their evidence.

Send `Authorization: Bearer wj_…`. Errors are `application/problem+json`; their `code` is stable, their
`detail` follows `Accept-Language` (en, zh). `X-Request-ID` is echoed and finds a request in the log.
"""


def create_api(engine: Engine, runs: RunDesk, wake: Callable[[], None] = lambda: None) -> FastAPI:
    """``runs`` are evaluation runs of this process; ``wake`` tells the ingest worker of a new document."""
    limit = _size_limit(engine.settings)
    app = FastAPI(
        title="Wenju 问据",
        version=_version(),
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        responses={status: DOCUMENTED[status] for status in (400, 401, 403, 404, 422, 429, 500, 503)},
        middleware=[Middleware(Edges, size_limit=limit)],
    )
    app.state.engine = engine
    app.state.runs = runs
    app.state.wake = wake
    app.state.size_limit = limit
    app.state.gate = Gate(engine)
    app.state.pipes = Pipes(engine.settings.api.max_answers, engine.settings.api.stall_s)
    answer_with_problems(app)
    for room in (chat, library, asking, evaluations, adapters):
        app.include_router(room.router, max_body_size=engine.settings.api.max_body_kb * 1024)
    app.include_router(library.uploads(_upload_kb(engine.settings) * 1024))
    docs_page.add(app)
    return app


class Door:
    """Where the interface is in the server: at /v1 and /mcp. Closed (503) until :meth:`open`."""

    def __init__(self) -> None:
        self._api: FastAPI | None = None
        self._mcp: McpDoor | None = None
        self._problem: Callable[[], WenjuError] = lambda: ApiError(503, "api.not_open")

    def routes(self) -> Sequence[BaseRoute]:
        """For the server that also serves the page."""
        v1 = Mount(PREFIX, app=self._v1)
        # A path with an (escaped) line end is ours too, and gets our kind of "not found".
        v1.path_regex = re.compile(v1.path_regex.pattern, re.DOTALL)
        return v1, Route("/mcp", endpoint=_Endpoint(self._at_mcp))

    def open(self, engine: Engine, runs: RunDesk, wake: Callable[[], None] = lambda: None) -> None:
        """Serves from now on, unless the settings say otherwise."""
        if not engine.settings.api.enabled:
            self.refuse(ApiError(404, "api.off"))
            return
        from api.mcp_http import McpDoor

        self._api = create_api(engine, runs, wake)
        self._mcp = McpDoor(engine, self._api.state.gate, self._api.state.pipes)

    def refuse(self, problem: WenjuError) -> None:
        """Answers everything with ``problem``."""
        self._problem = lambda: problem

    async def close(self) -> None:
        """Ends what is being written."""
        if self._mcp is not None:
            await self._mcp.close()
        if self._api is not None:
            self._api.state.pipes.close()
        self._api = self._mcp = None

    async def _v1(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(self._api, scope, receive, send)

    async def _at_mcp(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(self._mcp, scope, receive, send)

    async def _serve(self, app: ASGIApp | None, scope: Scope, receive: Receive, send: Send) -> None:
        if app is not None:
            await app(scope, receive, send)
        elif scope["type"] == "http":
            identity = request_id() or new_request_id()
            response = of_error(self._problem(), Headers(scope=scope), identity, scope["path"])
            response.headers["X-Request-ID"] = identity
            await response(scope, receive, send)


class _Endpoint:
    """An ASGI app that Starlette's Route does not take for a function of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _upload_kb(settings: Settings) -> int:
    return settings.ingest.max_file_mb * 1024 + _FORM_KB


def _size_limit(settings: Settings) -> Callable[[str], Mapping[str, str]]:
    """path -> the parameters of "api.too_large"."""
    upload = _upload_kb(settings)

    def limit(path: str) -> Mapping[str, str]:
        if path.rstrip("/").endswith("/documents"):
            return {"limit_kb": str(upload), "setting": "ingest.max_file_mb"}
        return {"limit_kb": str(settings.api.max_body_kb), "setting": "api.max_body_kb"}

    return limit


def _version() -> str:
    try:
        return version("wenju")
    except PackageNotFoundError:
        return "0"
