"""The API on the page's own port, in the process as it is started."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_page_and_the_api_share_a_port(app: str) -> None:
    with httpx.Client(base_url=app, trust_env=False) as http:
        assert http.get("/v1/models").json()["data"][0]["id"] == "wenju"
        assert http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 401
        assert http.get("/v1/nowhere").headers["content-type"] == "application/problem+json"
        answer = http.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
            headers={"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"},
        )
        assert answer.status_code == 200
        assert "list_documents" in answer.text
        counted = http.get("/metrics").text
        assert 'route="/v1/models"' in counted
        assert len(answer.headers["x-request-id"]) >= 8


def test_the_reference_is_drawn_from_here(app: str, browser: Browser) -> None:
    elsewhere: list[str] = []
    with browser.new_page() as page:
        page.on("request", lambda r: None if r.url.startswith((app, "data:")) else elsewhere.append(r.url))
        page.goto(f"{app}/v1/docs")
        page.get_by_text("/chat/completions").first.wait_for(timeout=30_000)
    assert elsewhere == []
