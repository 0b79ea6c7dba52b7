"""ASGI layers around the routes: request ids, answers' extra headers, sizes known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import MEDIA_TYPE, body_of, is_openai, language_of
from rag.tracing import accepted_request_id, request, request_id

REQUEST_ID = "X-Request-ID"


class Edges:
    """Gives each request its id (the client's own ``X-Request-ID`` where it is fit for logs) and refuses,
    before its body is read, one that says itself that it is too large."""

    def __init__(self, app: ASGIApp, size_limit: Callable[[str], Mapping[str, str]]) -> None:
        self._app = app
        self._size_limit = size_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Around the whole server there is one already.
        identity = request_id() or accepted_request_id(headers.get(REQUEST_ID, ""))
        extra: dict[str, str] = {REQUEST_ID: identity}
        scope.setdefault("state", {}).update(request_id=identity, extra_headers=extra)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in extra.items():
                    answered[name] = value
                answered.setdefault("Cache-Control", "no-store")
            await send(message)

        with request(identity):
            size = headers.get("content-length", "0")
            limit = self._size_limit(scope["path"])
            if size.isdecimal() and int(size) > 1024 * int(limit["limit_kb"]):
                body = body_of(
                    413,
                    "api.too_large",
                    limit,
                    language=language_of(headers),
                    request_id=identity,
                    openai=is_openai(scope["path"]),
                )
                response = JSONResponse(body, 413, media_type=MEDIA_TYPE)
                await response(scope, receive, sending)
                return
            await self._app(scope, receive, sending)
