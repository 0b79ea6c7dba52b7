"""The door of the page: a plain sign-in page, the session cookie, and the guard before everything else.

Promises: with accounts on nothing of the page (its script, files, uploads) is reached without a session or a
provider's signed cookie; the session's secret is in an HttpOnly, SameSite=Lax cookie and nowhere else; forms
of other sites are refused; where to go afterwards is a path of this site. Plain HTML without a script, so
that it comes up at once, on every phone, and password managers know it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.errors import AccessDenied, PeopleError, SettingsError, StoreError, WenjuError
from rag.records import User
from ui.door_page import page
from ui.language import COOKIE as LANGUAGE_COOKIE
from ui.texts import text

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.settings import Settings

log = logging.getLogger(__name__)

COOKIE = "wenju_session"
PROVIDER_COOKIE = "_streamlit_user"  # st.login's own: signed by Streamlit, read as st.user
SIGN_IN, SIGN_OUT, PASSWORD, PROVIDER = "/auth/sign-in", "/auth/sign-out", "/auth/password", "/auth/provider"
# Streamlit's sign-in routes, files of its frontend, and rooms with doors of their own.
OPEN = (
    "/auth/",
    "/oauth2callback",
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/",
    "/api/",
    "/mcp",
    "/static/",
    "/_stcore/health",
    "/favicon",
)
FORM_BYTES = 16_384

EngineNow = Callable[[], "Engine | None"]


class Guard:
    """ASGI middleware: without a session, pages lead to the sign-in page and all else is refused."""

    def __init__(self, app: ASGIApp, engine: EngineNow) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        engine = self._engine()
        if engine is None or not engine.accounts_on():
            await self._app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        try:
            user = await run_in_threadpool(engine.session_user, asked.cookies.get(COOKIE, ""))
        except WenjuError as error:
            await self._refuse(scope, receive, send, 503, error.localized(_language(asked, engine)))
            return
        by_provider = bool(engine.settings.accounts.oidc_metadata_url) and PROVIDER_COOKIE in asked.cookies
        if (user is not None and not user.must_change_password) or (user is None and by_provider):
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and "text/html" in asked.headers.get("accept", ""):
            wanted = scope["path"] + (
                f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            )
            there = PASSWORD if user is not None else SIGN_IN
            target = there if wanted == "/" else f"{there}?{urlencode({'next': wanted})}"
            await RedirectResponse(target, 303)(scope, receive, send)
        else:
            await self._refuse(scope, receive, send, 401, text("door.ended", _language(asked, engine)))

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": "sign in"})
            return
        response = PlainTextResponse(words, status, headers={"Cache-Control": "no-store"})
        await response(scope, receive, send)


def _is_open(path: str) -> bool:
    return any(path == there.rstrip("/") or path.startswith(there) for there in OPEN)


def door_routes(engine_now: EngineNow) -> Sequence[Route]:
    """Signing in and out, and changing one's password."""

    def with_engine(act: Callable[[Request, Engine], Response]) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            engine = engine_now()
            if engine is None or not engine.accounts_on():
                return RedirectResponse("/", 303)
            if request.method == "POST":
                if not _is_ours(request):
                    language = _language(request, engine)
                    return _no_store(PlainTextResponse(text("door.foreign", language), 403))
                if not await _read_form(request):
                    return _no_store(PlainTextResponse("", 413))
            try:
                return _no_store(await run_in_threadpool(act, request, engine))
            except StoreError as error:
                return _no_store(PlainTextResponse(error.localized(_language(request, engine)), 503))

        return answer

    return (
        Route(SIGN_IN, with_engine(_sign_in), methods=["GET", "POST"]),
        Route(SIGN_OUT, with_engine(_sign_out), methods=["POST"]),
        Route(PASSWORD, with_engine(_password), methods=["GET", "POST"]),
        Route(PROVIDER, with_engine(_provider), methods=["GET"]),
    )


def provider_secrets(settings: Settings) -> Mapping[str, object] | None:
    """What Streamlit's st.login reads from ``[auth]`` of its secrets; None without a provider."""
    import secrets

    wanted = settings.accounts
    if wanted.mode != "on" or not wanted.oidc_metadata_url:
        return None
    return {
        "auth": {
            "redirect_uri": wanted.oidc_redirect_url,
            "cookie_secret": wanted.oidc_cookie_secret.get_secret_value() or secrets.token_hex(32),
            "client_id": wanted.oidc_client_id,
            "client_secret": wanted.oidc_client_secret.get_secret_value(),
            "server_metadata_url": wanted.oidc_metadata_url,
        }
    }


def check_provider(settings: Settings) -> None:
    """Raises SettingsError when a provider is named and cannot be used."""
    from importlib.util import find_spec

    wanted = settings.accounts
    if provider_secrets(settings) is None:
        return
    given = {
        "accounts.oidc_client_id": wanted.oidc_client_id,
        "accounts.oidc_client_secret": wanted.oidc_client_secret.get_secret_value(),
        "accounts.oidc_redirect_url": wanted.oidc_redirect_url.endswith("/oauth2callback"),
    }
    if missing := [name for name, value in given.items() if not value]:
        raise SettingsError("people.oidc_incomplete", missing=", ".join(missing))
    if find_spec("authlib") is None:
        raise SettingsError("people.oidc_extra")


def source_of(request: HTTPConnection, proxies: int) -> str:
    """The address that an attempt comes from: past ``proxies`` of our own that name who came to them."""
    named = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    if proxies and len(named) >= proxies:
        return named[-proxies][:64]
    return request.client.host if request.client else ""


def safe_path(wanted: str) -> str:
    """``wanted`` where it is a path of this site, else "/"."""
    parts = urlsplit(wanted)
    good = (
        wanted.startswith("/")
        and not wanted.startswith(("//", "/\\"))
        and not parts.scheme
        and not parts.netloc
    )
    return wanted if good and "\\" not in wanted and wanted.isprintable() else "/"


# ---------------------------------------------------------------- what the routes do (in a thread)


def _sign_in(request: Request, engine: Engine) -> Response:
    language = _language(request, engine)
    wanted = safe_path(request.query_params.get("next", "/"))
    if request.method == "GET":
        secret = request.cookies.get(COOKIE, "")
        if engine.session_user(secret) is not None:
            return RedirectResponse(wanted, 303)
        response: Response = _sign_in_page(request, engine, language)
        if secret:  # it has ended
            response.delete_cookie(COOKIE, path="/")
        return response
    form = request.state.form
    source = source_of(request, engine.settings.accounts.proxies)
    try:
        user, secret = engine.sign_in(form.get("name", ""), form.get("password", ""), source)
    except AccessDenied as error:
        status = 429 if error.code == "access.too_many" else 401
        response = _sign_in_page(request, engine, language, error=error, status=status)
        if status == 429:
            response.headers["Retry-After"] = error.params["seconds"]
        return response
    there = PASSWORD if user.must_change_password else wanted
    if user.must_change_password and wanted != "/":
        there = f"{PASSWORD}?{urlencode({'next': wanted})}"
    response = RedirectResponse(there, 303)
    _set_cookie(response, request, engine, secret)
    return response


def _sign_out(request: Request, engine: Engine) -> Response:
    engine.sign_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _password(request: Request, engine: Engine) -> Response:
    language = _language(request, engine)
    wanted = safe_path(request.query_params.get("next", "/"))
    secret = request.cookies.get(COOKIE, "")
    user = engine.session_user(secret)
    if user is None or user.through_oidc:
        return RedirectResponse(SIGN_IN, 303)
    if request.method == "GET":
        return _password_page(request, engine, user, language)
    form = request.state.form
    source = source_of(request, engine.settings.accounts.proxies)
    try:
        if form.get("new", "") != form.get("again", ""):
            raise PeopleError("people.password_twice")
        engine.change_password(user, form.get("old", ""), form.get("new", ""), session=secret, source=source)
    except (AccessDenied, PeopleError) as error:
        return _password_page(request, engine, user, language, error=error)
    return RedirectResponse(wanted, 303)


def _provider(request: Request, engine: Engine) -> Response:
    """Where st.login would send the browser, without a page in between."""
    if not engine.settings.accounts.oidc_metadata_url:
        return RedirectResponse(SIGN_IN, 303)
    from streamlit.auth_util import encode_provider_token

    return RedirectResponse(f"/auth/login?{urlencode({'provider': encode_provider_token('default')})}", 303)


def _sign_in_page(
    request: Request, engine: Engine, language: str, *, error: WenjuError | None = None, status: int = 200
) -> Response:
    accounts = engine.settings.accounts
    provider = ""
    if accounts.oidc_metadata_url:
        provider = accounts.oidc_label or urlsplit(accounts.oidc_metadata_url).hostname or "OpenID"
    refused = request.query_params.get("refused", "")
    problem = error.localized(language) if error else ""
    if not problem and refused in ("access.oidc_refused", "access.session_ended"):
        problem = AccessDenied(refused).localized(language)
    fields = [
        (
            "name",
            "text",
            text("door.name", language),
            "username",
            request.state.form.get("name", "") if error else "",
        ),
        ("password", "password", text("door.password", language), "current-password", ""),
    ]
    return HTMLResponse(
        page(
            language,
            title=text("door.title", language),
            lead=text("door.lead", language),
            action=_here(request, SIGN_IN),
            fields=fields,
            button=text("door.enter", language),
            problem=problem,
            provider=(PROVIDER, text("door.provider", language, name=provider)) if provider else None,
            languages=_languages(request, SIGN_IN),
        ),
        status,
    )


def _password_page(
    request: Request, engine: Engine, user: User, language: str, *, error: WenjuError | None = None
) -> Response:
    least = engine.settings.accounts.min_password_chars
    fields = [
        ("old", "password", text("door.old", language), "current-password", ""),
        ("new", "password", text("door.new", language), "new-password", ""),
        ("again", "password", text("door.again", language), "new-password", ""),
    ]
    lead = "door.change_lead" if user.must_change_password else "door.change_own"
    return HTMLResponse(
        page(
            language,
            title=text("door.change", language),
            lead=text(lead, language),
            action=_here(request, PASSWORD),
            fields=fields,
            button=text("door.save", language),
            problem=error.localized(language) if error else "",
            note=text("door.rule", language, least=least),
            languages=_languages(request, PASSWORD),
            username=user.name,
        ),
        400 if error else 200,
    )


def _set_cookie(response: Response, request: Request, engine: Engine, secret: str) -> None:
    accounts = engine.settings.accounts
    scheme = request.url.scheme
    if accounts.proxies:
        scheme = request.headers.get("x-forwarded-proto", scheme)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(accounts.session_hours * 3600),
        path="/",
        httponly=True,
        samesite="lax",
        secure=accounts.secure_cookie == "on" or scheme == "https",
    )


def _is_ours(request: Request) -> bool:
    """Whether a form was sent by a page of this site: browsers say so, one way or another."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


async def _read_form(request: Request) -> bool:
    """Puts a small form into ``request.state.form``; False when it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES:
            return False
    request.state.form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return True


def _here(request: Request, path: str, **more: str) -> str:
    kept = {k: v for k, v in request.query_params.items() if k in ("next", "lang")} | more
    return f"{path}?{urlencode(kept)}" if kept else path


def _languages(request: Request, path: str) -> list[tuple[str, str]]:
    return [(_here(request, path, lang=code), name) for code, name in (("zh", "中文"), ("en", "English"))]


def _language(request: HTTPConnection, engine: Engine) -> str:
    asked = request.query_params.get("lang", "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if asked in ("zh", "en"):
        return asked
    if engine.settings.language in ("zh", "en"):
        return engine.settings.language
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
