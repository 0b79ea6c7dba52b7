"""A reranker behind a server: a real HTTP server in the test, in both forms, good and bad."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rag.errors import ModelUnavailable, SettingsError
from rag.models.protocols import Reranker
from rag.models.reranker import load_reranker
from rag.settings import Settings

Answer = Callable[[dict[str, Any]], tuple[int, Any]]
PASSAGES = ["b", "aaa", "cc"]


def jina(body: dict[str, Any]) -> tuple[int, Any]:
    """Best first, as Jina, Cohere and vLLM answer; the longest passage is the best."""
    if "documents" not in body:
        return 422, {"detail": "documents: field required"}
    rows = [{"index": i, "relevance_score": len(d) / 10} for i, d in enumerate(body["documents"])]
    return 200, {"model": body["model"], "results": sorted(rows, key=lambda r: -r["relevance_score"])}


def tei(body: dict[str, Any]) -> tuple[int, Any]:
    if "texts" not in body:
        return 422, {"error": "missing field `texts`"}
    return 200, [{"index": i, "score": len(t) / 10} for i, t in reversed(list(enumerate(body["texts"])))]


class Server:
    def __init__(self) -> None:
        self.answer: Answer = jina
        self.requests: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append({**body, "path": self.path, "key": self.headers["Authorization"]})
                status, answer = server.answer(body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reranker(self, **options: Any) -> Reranker:
        wanted = {"kind": "server", "base_url": self.url, "model": "m", "api_key": "k", **options}
        found = load_reranker(Settings(reranker=wanted))
        assert found is not None
        return found


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_scores_come_in_input_order(server: Server) -> None:
    assert server.reranker().rerank_logits("q", PASSAGES) == [0.1, 0.3, 0.2]
    (request,) = server.requests
    assert (request["path"], request["key"], request["query"]) == ("/rerank", "Bearer k", "q")
    assert server.reranker().rerank_logits("q", []) == []
    assert len(server.requests) == 1


def test_the_other_form_is_found_out_once(server: Server) -> None:
    server.answer = tei
    reranker = server.reranker(base_url=f"{server.url}/rerank/")
    assert reranker.rerank_logits("q", PASSAGES) == [0.1, 0.3, 0.2]
    assert reranker.rerank_logits("q", PASSAGES) == [0.1, 0.3, 0.2]
    assert ["texts" in r for r in server.requests] == [False, True, True]


def test_auto_takes_the_server_that_is_named(server: Server) -> None:
    assert server.reranker(kind="auto").name == "m"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>", b"", {}, {"results": []}, {"results": [{"index": 0, "relevance_score": 1.0}]},
        {"results": [{"index": 0, "relevance_score": 1.0}] * 3},
        {"results": [{"index": i, "relevance_score": "high"} for i in range(3)]},
        {"results": [{"index": i + 1, "relevance_score": 0.5} for i in range(3)]},
        b'[{"index": 0, "score": NaN}, {"index": 1, "score": 1}, {"index": 2, "score": 1}]', [1, 2, 3],
    ],
)  # fmt: skip
def test_garbage_is_an_error(server: Server, answer: Any) -> None:
    server.answer = lambda body: (200, answer)
    with pytest.raises(ModelUnavailable) as raised:
        server.reranker().rerank_logits("q", PASSAGES)
    assert raised.value.code == "reranker.server_garbage"


@pytest.mark.parametrize("status", [401, 404, 422, 500, 503])
def test_refusals_say_the_status(server: Server, status: int) -> None:
    server.answer = lambda body: (status, {"detail": "no"})
    with pytest.raises(ModelUnavailable) as raised:
        server.reranker().rerank_logits("q", PASSAGES)
    assert raised.value.code == "reranker.server_refused"
    assert str(status) in str(raised.value)


def test_a_slow_server_is_given_up(server: Server) -> None:
    def slow(body: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.6)
        return jina(body)

    server.answer = slow
    with pytest.raises(ModelUnavailable) as raised:
        server.reranker(timeout_s=0.1).rerank_logits("q", PASSAGES)
    assert raised.value.code == "reranker.server_unreachable"


def test_nobody_listens_and_no_address(server: Server) -> None:
    with pytest.raises(ModelUnavailable):
        server.reranker(base_url="http://127.0.0.1:9").rerank_logits("q", PASSAGES)
    with pytest.raises(SettingsError):
        server.reranker(base_url="")
