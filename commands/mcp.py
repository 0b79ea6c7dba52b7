"""``wenju mcp``: the library as tools for an assistant on this machine, over standard input and output."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rag.access import LOCAL
from rag.errors import AccessDenied, WenjuError
from rag.records import Principal

if TYPE_CHECKING:
    from rag.engine import Engine

TOKEN_VARIABLE = "WENJU_TOKEN"


def serve(engine: Engine, language: str) -> None:
    """Serves until standard input ends. Raises AccessDenied, WenjuError ("api.extra")."""
    if find_spec("mcp") is None:
        raise WenjuError("api.extra", missing="mcp")
    import anyio

    from api.mcp_tools import build
    from api.pipe import Pipes

    secret = os.environ.get(TOKEN_VARIABLE, "")
    caller(engine, secret)  # said at once, not at the first question
    pipes = Pipes(engine.settings.api.max_answers, engine.settings.api.stall_s)
    server = build(engine, lambda _: caller(engine, secret), pipes, language)
    try:
        anyio.run(server.run_stdio_async)
    finally:
        pipes.close()


def caller(engine: Engine, secret: str) -> Principal:
    """Asked anew for every call: a token that was revoked meanwhile ends at once."""
    if secret:
        return engine.token_principal(secret)
    if engine.accounts_on():
        raise AccessDenied("api.mcp_token")
    return LOCAL
