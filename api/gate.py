"""Who asks: an API token's owner, or the one local user of a laptop without accounts.

Promises: a token that is wrong, expired, revoked or of somebody switched off is 401; without a token only a
request that was made on this very machine counts as local, and only while there are no accounts. A page of
another website in the same browser can't pass for it: neither by a form, a script or a picture (Origin and
Sec-Fetch-Site), nor by a name of its own that leads here (Host), nor through a proxy that stands in front
(forwarding headers).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problems import ApiError
from api.rates import Rates
from rag.access import LOCAL, require_right
from rag.errors import AccessDenied
from rag.records import Principal, Right

if TYPE_CHECKING:
    from rag.engine import Engine

_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_LONGEST_TOKEN = 512

bearer = HTTPBearer(
    auto_error=False,
    description="An API token, `wj_…`. Without accounts it may be left out on the machine itself.",
)


class Gate:
    """Of one app. Thread-safe; :meth:`admit` may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settings = engine.settings
        self._rates = Rates(engine.settings.redis_url.get_secret_value())

    def admit(self, request: Request, headers: dict[str, str]) -> Principal:
        """Counts the request. ``headers`` are filled with what the answer says about rates. Raises
        ApiError (401, 429)."""
        principal = self._principal(request)
        who = f"token:{principal.token_id}" if principal.token_id is not None else f"user:{principal.user_id}"
        rate = self._rates.take("requests", who, self._settings.api.requests_per_minute)
        headers["X-RateLimit-Limit-Requests"] = str(rate.limit)
        headers["X-RateLimit-Remaining-Requests"] = str(rate.left)
        headers["X-RateLimit-Reset-Requests"] = f"{rate.wait_s}s"
        if not rate.allowed:
            raise ApiError(
                429,
                "api.rate_limit",
                limit=rate.limit,
                seconds=rate.wait_s,
                headers={**headers, "Retry-After": str(rate.wait_s)},
            )
        return principal

    def _principal(self, request: Request) -> Principal:
        address = request.client.host if request.client is not None else "-"
        given = request.headers.getlist("authorization")
        if not given:
            if self._engine.accounts_on() or not is_local(request, self._settings.server.host):
                raise ApiError(401, "api.needs_token")
            return LOCAL
        allowed = self._settings.api.failures_per_minute
        now = self._rates.look("failures", address, allowed)
        if not now.allowed:
            raise ApiError(
                429,
                "api.too_many_failures",
                seconds=now.wait_s,
                headers={"Retry-After": str(now.wait_s)},
            )
        kind, _, secret = given[0].strip().partition(" ")
        secret = secret.strip()
        if len(given) > 1 or kind.lower() != "bearer" or not secret or len(secret) > _LONGEST_TOKEN:
            raise ApiError(401, "api.bad_authorization")
        try:
            return self._engine.token_principal(secret)
        except AccessDenied:
            self._rates.take("failures", address, allowed)
            raise


def is_local(request: Request, listens_on: str) -> bool:
    """Whether the request was made by a program (or our own page) on this machine."""
    headers = request.headers
    server = request.scope.get("server")
    client = request.client
    if not is_loopback(listens_on) or any(name in headers for name in _FORWARDING):
        return False
    if server is None or client is None or not is_loopback(server[0]) or not is_loopback(client.host):
        return False
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(_host(f"//{hosts[0]}")):
        return False
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}"):
        return False
    return headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def admitted(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal:
    """The principal of the request. Rates go out with the answer, also with one that is made by hand."""
    headers: dict[str, str] = request.state.extra_headers
    principal: Principal = request.app.state.gate.admit(request, headers)
    return principal


Who = Annotated[Principal, Depends(admitted)]


def needs(*rights: Right) -> Callable[[Principal], Principal]:
    """A dependency: the principal, who has all of ``rights``. The Engine checks again."""

    def check(principal: Who) -> Principal:
        require_right(principal, *rights)
        return principal

    return check


Reader = Annotated[Principal, Depends(needs("read"))]
Asker = Annotated[Principal, Depends(needs("ask"))]
Writer = Annotated[Principal, Depends(needs("write"))]
Rater = Annotated[Principal, Depends(needs("feedback"))]
Evaluator = Annotated[Principal, Depends(needs("evaluate"))]
Admin = Annotated[Principal, Depends(needs("admin"))]
