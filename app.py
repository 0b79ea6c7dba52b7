"""Composition root of the page: `streamlit run app.py` or `wenju run`.

One port serves the page, signing in (``/auth/...``), ``/healthz``, ``/readyz`` and ``/metrics``. The lifespan
opens Settings -> Engine -> ingest worker and closes them in reverse; what cannot be opened is shown as a
page, never as a traceback. The looks come from ``.streamlit/config.toml`` beside this file, or from the copy
in the installed package.
"""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from anyio import to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.app import Door
from api.headers import SecurityHeaders
from api.health import health_routes
from api.metrics import metrics_routes
from api.requests import Requests
from ui import boot
from ui.door import Guard, door_routes, provider_secrets
from ui.draining import drain_on_sigterm

log = logging.getLogger("wenju.page")

_ROOT = Path(__file__).resolve().parent


def streamlit_options() -> dict[str, Any]:
    """The page's looks and manners as Streamlit options by dotted name."""

    def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in table.items():
            if isinstance(value, Mapping):
                found |= flat(value, f"{prefix}{key}.")
            else:
                found[f"{prefix}{key}"] = value
        return found

    return flat(tomllib.loads((_ROOT / "ui" / "config.toml").read_text(encoding="utf-8")))


def _apply_options() -> None:
    """Options that Streamlit did not find by itself (an installed Wenju, another working folder)."""
    from streamlit import config

    if not (_ROOT / ".streamlit" / "config.toml").is_file():
        for name, value in streamlit_options().items():
            if not config.is_manually_set(name):
                config.set_option(name, value)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    from streamlit import config

    house = await to_thread.run_sync(partial(boot.open_house, watched=True))
    boot.install(house)
    restore = drain_on_sigterm(house, asyncio.get_running_loop())
    if house.engine is not None and house.runs is not None:
        wake = house.service.wake if house.service is not None else lambda: None
        door.open(house.engine, house.runs, wake)
    elif house.problem is not None:
        door.refuse(house.problem)
    if house.engine is not None:
        config.set_option("server.maxUploadSize", house.engine.settings.ingest.max_file_mb)
    try:
        yield
    finally:
        restore()
        await door.close()
        await to_thread.run_sync(boot.close_house, house)
        boot.install(None)


def on_script_error(error: Exception) -> bool:
    """Readers see a sentence; the log has the traceback."""
    from ui.language import say

    log.error("page failed", exc_info=error)
    st.error(say("error.page"), icon=":material/error:")
    return True


def _provider_secrets() -> Mapping[str, Any] | None:
    """For st.login; wrong settings are shown by the page, which reads them again."""
    from rag.errors import SettingsError
    from rag.settings import load_settings

    try:
        return provider_secrets(load_settings())
    except SettingsError:
        return None


async def _front(request: Request) -> Response:
    """The chat is the front page; who types its name is taken there instead of to "page not found"."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


_apply_options()
door = Door()
app = st.App(
    _ROOT / "ui" / "main.py",
    routes=[
        Route("/chat", _front),
        *health_routes(boot.readiness),
        *metrics_routes(boot.monitoring),
        *door_routes(boot.engine),
        *door.routes(),
    ],
    middleware=[
        Middleware(Requests),
        Middleware(SecurityHeaders),
        Middleware(Guard, engine=boot.engine),
    ],
    secrets=_provider_secrets(),
    lifespan=lifespan,
    on_script_error=on_script_error,
)
