"""/v1/docs: the interface to click through, served from here and not from somebody else's server.

Needs the package fastapi-swagger (extra ``api``); without it the page says so, and /v1/openapi.json is
there all the same.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.problems import ApiError

_FILES = "/docs-files"


def add(app: FastAPI) -> None:
    if (found := find_spec("fastapi_swagger")) is None:

        def missing() -> Response:
            raise ApiError(501, "api.extra", missing="fastapi-swagger")

        app.add_api_route("/docs", missing, include_in_schema=False)
        return
    files = Path(str(found.origin)).parent / "resources"

    def page(request: Request) -> Response:
        at = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{at}/openapi.json",
            title=app.title,
            swagger_js_url=f"{at}{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{at}{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{at}{_FILES}/favicon-32x32.png",
        )

    app.add_api_route("/docs", page, include_in_schema=False)
    app.mount(_FILES, StaticFiles(directory=files))
