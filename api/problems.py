"""Every error as problem+json (RFC 9457), in the reader's language, with a code that programs can rely on.

A problem's ``code`` is a message code of :mod:`rag.messages` and the end of its ``type``; ``request_id``
finds it in the log. Under the OpenAI-compatible paths an ``error`` member says the same in OpenAI's form.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from rag.errors import (
    AccessDenied,
    Busy,
    DiskFull,
    DocumentError,
    IndexMismatch,
    ModelError,
    SandboxError,
    SettingsError,
    StoreError,
    WenjuError,
)
from rag.messages import message

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

_OF_CODE: Mapping[str, int] = {
    "store.not_found": 404,
    "people.no_collection": 404,
    "access.token": 401,
    "document.too_large": 413,
    "tune.no_such": 404,
    "tune.name_taken": 409,
    "tune.not_gated": 409,
    "tune.no_server": 409,
    "tune.server": 502,
    "tune.template": 409,
    "tune.changed": 409,
    "tune.unsafe": 409,
    "ui.too_many_runs": 429,
    "ui.run_failed": 500,
}
_OF_TYPE: Sequence[tuple[type[WenjuError], int]] = (
    (AccessDenied, 403),
    (DocumentError, 422),
    (DiskFull, 507),
    (StoreError, 503),
    (IndexMismatch, 503),
    (ModelError, 503),
    (SandboxError, 503),
    (SettingsError, 503),
)


class ApiError(WenjuError):
    """An error of the interface itself: ``status`` is HTTP's, ``headers`` go with the answer."""

    def __init__(
        self, status: int, code: str, /, *, headers: Mapping[str, str] | None = None, **params: object
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(code, **params)


class Problem(BaseModel):
    """An error, as described in RFC 9457."""

    type: str = Field(description="names the kind of problem: urn:wenju:problem:<code>")
    title: str
    status: int
    detail: str = Field(description="what is wrong and what mends it, in the language of Accept-Language")
    code: str
    params: dict[str, str] = Field(default_factory=dict, description="what the detail was made of")
    request_id: str
    errors: list[dict[str, str]] | None = Field(None, description="each wrong field: where, problem")


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {}}, "model": Problem}
    for status in (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 501, 502, 503, 507)
}


def language_of(headers: Mapping[str, str]) -> str:
    """ "zh" or "en": the one that Accept-Language prefers; English when it names neither."""
    best, chosen = 0.0, "en"
    for part in headers.get("accept-language", "").split(","):
        name, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        language = name.strip().lower()[:2]
        if language in ("en", "zh") and quality > best:
            best, chosen = quality, language
    return chosen


def status_of(error: WenjuError) -> int:
    if isinstance(error, ApiError):
        return error.status
    bare = error.code.partition("?")[0]
    if bare in _OF_CODE:
        return _OF_CODE[bare]
    if isinstance(error, Busy):
        return 503 if error.code == "load.draining" else 429
    return next((status for kind, status in _OF_TYPE if isinstance(error, kind)), 422)


def headers_of(error: WenjuError, status: int) -> dict[str, str]:
    headers = dict(getattr(error, "headers", {}))
    if status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if status in (429, 503):
        wait = getattr(error, "retry_after_s", RETRY_AFTER_S)
        headers.setdefault("Retry-After", str(max(1, round(float(wait)))))
    return headers


def body_of(
    status: int,
    code: str,
    params: Mapping[str, str],
    *,
    language: str,
    request_id: str,
    errors: Sequence[Mapping[str, str]] | None = None,
    openai: bool = False,
) -> dict[str, Any]:
    bare = code.partition("?")[0]
    detail = message(code, language, params)
    problem = {
        "type": f"urn:wenju:problem:{bare}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": bare,
        "params": dict(params),
        "request_id": request_id,
        **({"errors": list(errors)} if errors else {}),
    }
    if openai:
        kind = "invalid_request_error" if status < 500 else "server_error"
        problem["error"] = {"message": detail, "type": kind, "code": bare, "param": None}
    return problem


def of_error(error: WenjuError, headers: Mapping[str, str], request_id: str, path: str) -> JSONResponse:
    status = status_of(error)
    if status >= 500:
        log.warning("%s: %s", error.code, error, extra={"request_id": request_id})
    body = body_of(
        status,
        error.code,
        error.params,
        language=language_of(headers),
        request_id=request_id,
        openai=is_openai(path),
    )
    return JSONResponse(body, status, headers=headers_of(error, status), media_type=MEDIA_TYPE)


def is_openai(path: str) -> bool:
    return "/chat/completions" in path or "/models" in path


def answer_with_problems(app: FastAPI) -> None:
    """Turns whatever is raised while a request is served into a problem."""

    @app.exception_handler(WenjuError)
    def known(request: Request, error: WenjuError) -> JSONResponse:
        return of_error(error, request.headers, request.state.request_id, request.url.path)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"where": ".".join(map(str, item["loc"])), "problem": str(item["msg"])}
            for item in error.errors()[:20]
        ]
        problems = "; ".join(f"{e['where']}: {e['problem']}" for e in errors)[:1000]
        body = body_of(
            422,
            "api.invalid",
            {"problems": problems},
            language=language_of(request.headers),
            request_id=request.state.request_id,
            errors=errors,
            openai=is_openai(request.url.path),
        )
        return JSONResponse(body, 422, media_type=MEDIA_TYPE)

    @app.exception_handler(HTTPException)
    def plain(request: Request, error: HTTPException) -> JSONResponse:
        known_as: Mapping[int, tuple[str, Mapping[str, str]]] = {
            400: ("api.unreadable", {}),
            404: ("api.no_route", {"method": request.method, "path": request.url.path}),
            405: ("api.wrong_method", {"method": request.method, "path": request.url.path}),
            413: ("api.too_large", request.app.state.size_limit(request.url.path)),
        }
        code, params = known_as.get(error.status_code, ("api.http", {"problem": str(error.detail)}))
        body = body_of(
            error.status_code,
            code,
            params,
            language=language_of(request.headers),
            request_id=request.state.request_id,
            openai=is_openai(request.url.path),
        )
        headers = dict(error.headers or {})
        if error.status_code == 413:
            headers["Connection"] = "close"  # what is still to come is not wanted
        return JSONResponse(body, error.status_code, headers=headers, media_type=MEDIA_TYPE)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        identity = getattr(request.state, "request_id", "")
        log.error("request %s failed", identity, exc_info=error)
        body = body_of(
            500,
            "api.unexpected",
            {"request_id": identity},
            language=language_of(request.headers),
            request_id=identity,
            openai=is_openai(request.url.path),
        )
        return JSONResponse(body, 500, media_type=MEDIA_TYPE)
