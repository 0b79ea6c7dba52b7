"""The MCP server over streamable HTTP at /mcp, behind the same gate as /v1.

Each request is served for itself (no sessions): any process answers any request. The SDK is imported when the
first request comes; without it (extra ``api``) the path says what to install.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.edges import Edges
from api.gate import Gate
from api.pipe import Pipes
from api.problems import ApiError, of_error
from rag.errors import WenjuError
from rag.records import Principal

if TYPE_CHECKING:
    from rag.engine import Engine

PATH = "/mcp"


class McpDoor:
    """An ASGI app. Closed with :meth:`close`."""

    def __init__(self, engine: Engine, gate: Gate, pipes: Pipes) -> None:
        self._engine, self._gate, self._pipes = engine, gate, pipes
        self._limit_kb = engine.settings.api.max_body_kb
        limit = {"limit_kb": str(self._limit_kb), "setting": "api.max_body_kb"}
        self._app: ASGIApp = Edges(self._serve, lambda _: limit)
        self._served: ASGIApp | None = None
        self._opening = asyncio.Lock()
        self._closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            if find_spec("mcp") is None:
                raise ApiError(501, "api.extra", missing="mcp")
            extra: dict[str, str] = scope["state"]["extra_headers"]
            scope["state"]["principal"] = await run_in_threadpool(self._gate.admit, request, extra)
            served = await self._sdk()
        except WenjuError as error:
            identity: str = scope["state"]["request_id"]
            await of_error(error, request.headers, identity, scope["path"])(scope, receive, send)
            return
        await served({**scope, "path": PATH, "root_path": ""}, receive, send)

    async def _sdk(self) -> ASGIApp:
        """The SDK's app, its session manager running in a task of its own."""
        async with self._opening:
            if self._served is None:
                from mcp.server.transport_security import TransportSecuritySettings

                from api.mcp_tools import build

                server = build(self._engine, _principal_of, self._pipes)
                app = server.streamable_http_app(
                    streamable_http_path=PATH,
                    stateless_http=True,
                    max_request_body_size=self._limit_kb * 1024,
                    # Host and Origin are the gate's: a token may come from anywhere.
                    transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
                )
                begun = asyncio.Event()

                async def run() -> None:
                    async with server.session_manager.run():
                        begun.set()
                        await self._closing.wait()

                self._running = asyncio.create_task(run(), name="mcp")
                await begun.wait()
                self._served = app
            return self._served

    async def close(self) -> None:
        self._closing.set()
        if self._running is not None:
            await self._running


def _principal_of(context: Any) -> Principal:
    """Who was admitted with the HTTP request that the tool call came in."""
    request = context.request_context.request
    found: Principal = request.state.principal
    return found
