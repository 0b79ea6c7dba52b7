"""Idempotency keys: a write that is sent twice with one key is done once and answered twice.

``Idempotency-Key`` as in the IETF draft of that name. A key belongs to one token (or the local user) and one
request: another body is 409, and so is the same one while the first is under way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Request
from starlette.responses import JSONResponse

from api.problems import ApiError
from rag.records import Principal

LONGEST_KEY = 160
_WAIT_S = 2

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=f"up to {LONGEST_KEY} printable ASCII characters; sent again: answered alike",
    ),
]


def fingerprint(*parts: object) -> str:
    """Names a request by what it asks for."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def once(
    request: Request,
    principal: Principal,
    key: str | None,
    sha256: str,
    act: Callable[[], tuple[int, dict[str, Any]]],
) -> JSONResponse:
    """``act`` returns (status, JSON); it runs once for a key. What it raises is not kept. May block."""
    if key is None:
        status, body = act()
        return JSONResponse(body, status)
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise ApiError(422, "api.idempotency_key", limit=LONGEST_KEY)
    engine = request.app.state.engine
    owned = f"{principal.token_id or 'local'}:{key}"
    kept_s = engine.settings.api.idempotency_hours * 3600
    claim = engine.store.claim_key(principal.user_id, owned, sha256, kept_s=kept_s)
    if claim.state == "other":
        raise ApiError(409, "api.idempotency_other")
    if claim.state == "running":
        raise ApiError(409, "api.idempotency_running", seconds=_WAIT_S, headers={"Retry-After": str(_WAIT_S)})
    if claim.state == "kept":
        return JSONResponse(
            dict(claim.response or {}), claim.status, headers={"Idempotency-Replayed": "true"}
        )
    try:
        status, body = act()
    except BaseException:
        engine.store.release_key(principal.user_id, owned)
        raise
    engine.store.settle_key(principal.user_id, owned, status, body)
    return JSONResponse(body, status)
