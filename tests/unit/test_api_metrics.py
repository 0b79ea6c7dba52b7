"""/metrics tells figures to who may know them; every request has an id and is counted by its route."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from api.metrics import metrics_routes
from api.requests import Requests
from rag import metrics, tracing
from rag.settings import MonitoringSettings


def _client(settings: MonitoringSettings | None, host: str = "127.0.0.1") -> TestClient:
    return TestClient(Starlette(routes=metrics_routes(lambda: settings)), client=(host, 50000))


def test_this_machine_may_read_it() -> None:
    for host in ("127.0.0.1", "127.3.2.1", "::1"):
        reply = _client(MonitoringSettings(), host).get("/metrics")
        assert reply.status_code == 200
        assert "wenju_questions_active" in reply.text
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["10.0.0.7", "203.0.113.9", "testclient", "localhost.example.com"])
def test_another_machine_may_not(host: str) -> None:
    reply = _client(MonitoringSettings(), host).get("/metrics")
    assert reply.status_code == 403
    assert "monitoring.metrics_token" in reply.text
    assert "wenju_" not in reply.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_may_not(header: str) -> None:
    reply = _client(MonitoringSettings()).get("/metrics", headers={header: "127.0.0.1"})
    assert reply.status_code == 403


def test_with_a_token_only_who_knows_it() -> None:
    client = _client(MonitoringSettings(metrics_token="s3cret"), "10.0.0.7")
    assert client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    for wrong in ("Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "", "Bearer ", "Bearer \xe4"):
        reply = client.get("/metrics", headers={"Authorization": wrong.encode("latin-1")})
        assert reply.status_code == 401
        assert "wenju_" not in reply.text
    assert _client(MonitoringSettings(metrics_token="s3cret")).get("/metrics").status_code == 401


def test_switched_off_it_is_not_there() -> None:
    assert _client(MonitoringSettings(metrics=False)).get("/metrics").status_code == 404
    assert _client(None).get("/metrics").status_code == 404


def _app() -> TestClient:
    async def item(request: Request) -> Response:
        return JSONResponse({"request_id": tracing.request_id()})

    async def broken(request: Request) -> Response:
        raise RuntimeError("broken")

    routes = [
        Route("/v1/items/{item_id}", item, methods=["GET", "POST"]),
        Mount("/api", routes=[Route("/things/{name}", item), Route("/broken", broken)]),
        Route("/assets/{path:path}", item),
    ]
    return TestClient(
        Starlette(routes=routes, middleware=[Middleware(Requests)]), raise_server_exceptions=False
    )


def _count(**labels: str) -> float:
    return metrics.REGISTRY.get_sample_value("wenju_http_requests_total", labels) or 0.0


def test_requests_are_counted_by_template_and_never_by_path() -> None:
    client = _app()
    one = {"route": "/v1/items/{item_id}", "method": "GET", "status": "200"}
    mounted = {"route": "/api/things/{name}", "method": "GET", "status": "200"}
    failed = {"route": "/api/broken", "method": "GET", "status": "500"}
    missing = {"route": "other", "method": "GET", "status": "404"}
    page = {"route": "page", "method": "GET", "status": "200"}
    before = [_count(**labels) for labels in (one, mounted, failed, missing, page)]
    for path in ("/v1/items/confidential", "/api/things/x", "/api/broken", "/nowhere", "/assets/a/b.js"):
        client.get(path)
    after = [_count(**labels) for labels in (one, mounted, failed, missing, page)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1, 1, 1]
    assert b"confidential" not in metrics.exposition()


def test_a_requests_id_is_given_back_and_known_inside() -> None:
    client = _app()
    reply = client.get("/v1/items/1", headers={"X-Request-ID": "abc-123"})
    assert reply.headers["x-request-id"] == reply.json()["request_id"] == "abc-123"
    reply = client.get("/v1/items/1", headers={"X-Request-ID": "no spaces\tplease"})
    assert reply.headers["x-request-id"] == reply.json()["request_id"] != "no spaces\tplease"
    assert len(client.get("/v1/items/1").headers["x-request-id"]) == 16
