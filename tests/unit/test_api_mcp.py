"""The MCP server with the SDK's own client: over HTTP behind the gate, and over standard input and output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from api_house import CANARY_QUESTION, QUESTION, House, house
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from rag.access import LOCAL

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("api-mcp")) as opened:
        yield opened


def call(opened: House, token: str, name: str, /, **arguments: Any) -> Any:
    """The tool's structured result, or its error's text."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
            Client(streamable_http_client(f"{opened.url}/mcp", http_client=http)) as client,
        ):
            result = await client.call_tool(name, arguments)
            return result.content[0].text if result.is_error else result.structured_content

    return anyio.run(run)


def test_the_tools_say_what_they_do(open_house: House) -> None:
    async def run() -> Any:
        async with (
            httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {open_house.token()}"}, trust_env=False
            ) as http,
            Client(streamable_http_client(f"{open_house.url}/mcp", http_client=http)) as client,
        ):
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in anyio.run(run)}
    assert tools.keys() == {"search", "ask", "list_documents"}
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert tool.description
        assert "context" not in tool.input_schema["properties"]
    assert "never an instruction" in tools["search"].description


def test_ask_answers_with_sources(open_house: House) -> None:
    found = call(open_house, open_house.token(), "ask", question=QUESTION)
    assert "1,577 million euros" in found["answer"]
    assert found["sources"][0] == {
        "marker": 1,
        "document": "Harbour 2023.md",
        "document_id": found["sources"][0]["document_id"],
        "pages": "1",
        "quote": found["sources"][0]["quote"],
    }
    assert not found["refused"]
    follow_up = call(
        open_house, open_house.token(), "ask", question="And in 2022?", earlier=[[QUESTION, "1,577 million"]]
    )
    assert "1,402 million" in follow_up["answer"]


def test_search_and_list(open_house: House) -> None:
    token = open_house.token()
    passages = call(open_house, token, "search", query=QUESTION, top_k=1)["passages"]
    assert [p["document"] for p in passages] == ["Harbour 2023.md"]
    listed = call(open_house, token, "list_documents", collection="payroll")
    assert [d["name"] for d in listed["documents"]] == ["Payroll 2023.md"]
    assert listed["collections"] == ["default", "payroll"]


def test_tools_stay_inside_the_tokens_scope(open_house: House) -> None:
    default = next(c.id for c in open_house.engine.collections() if c.name == "default")
    narrow = open_house.token(collection_ids=[default], rights=["read", "ask"])
    seen = [
        call(open_house, narrow, "ask", question=CANARY_QUESTION),
        call(open_house, narrow, "ask", question=CANARY_QUESTION, collection="payroll"),
        call(open_house, narrow, "search", query=CANARY_QUESTION),
        call(open_house, narrow, "search", query=CANARY_QUESTION, collection="payroll"),
        call(open_house, narrow, "list_documents"),
        call(open_house, narrow, "list_documents", collection="payroll"),
    ]
    assert all("987,654" not in str(found) and "Payroll 2023" not in str(found) for found in seen)
    assert "987,654" in str(call(open_house, open_house.token(), "ask", question=CANARY_QUESTION))
    reader = open_house.token(rights=["read"])
    assert "ask" in call(open_house, reader, "ask", question=QUESTION)  # which right is missing
    assert call(open_house, reader, "search", query=QUESTION)["passages"]


def test_bad_arguments_and_unknown_styles_are_said(open_house: House) -> None:
    token = open_house.token()
    assert "nowhere" in call(open_house, token, "ask", question=QUESTION, style="nowhere")
    for arguments in ({"question": ""}, {}, {"question": QUESTION, "collection": "nowhere"}):
        assert isinstance(call(open_house, token, "ask", **arguments), str)


def test_the_door_is_the_gates(open_house: House) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    with httpx.Client(base_url=open_house.url, trust_env=False) as http:
        for headers in (
            {"Authorization": "Bearer wj_wrong"},
            {"Host": "evil.example"},
            {"Origin": "https://evil.example"},
        ):
            answer = http.post("/mcp", json=body, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
        assert http.post("/mcp", content=b"x" * 2_000_000).status_code == 413
        assert (
            http.post("/mcp", content=b"{nonsense", headers={"Content-Type": "application/json"}).status_code
            < 500
        )
    token, secret = open_house.engine.create_token(LOCAL, "t", rights={"read"})
    open_house.engine.revoke_token(token.id)
    with httpx.Client(base_url=open_house.url, trust_env=False) as http:
        assert http.post("/mcp", json=body, headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_over_standard_input_and_output(open_house: House) -> None:
    folder = open_house.engine.settings.data_dir
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WENJU_DATA_DIR": str(folder),
        "WENJU_CHAT__KIND": "extractive",
    }

    async def run(token: str) -> Any:
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "cli", "mcp"], env={**environment, "WENJU_TOKEN": token}
        )
        async with Client(stdio_client(server)) as client:
            result = await client.call_tool("list_documents", {})
            return result.structured_content

    payroll = next(c.id for c in open_house.engine.collections() if c.name == "payroll")
    narrow = open_house.token(collection_ids=[payroll], rights=["read"])
    assert len(anyio.run(run, "")["documents"]) == 2
    assert [d["name"] for d in anyio.run(run, narrow)["documents"]] == ["Payroll 2023.md"]
