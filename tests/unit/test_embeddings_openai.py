"""Embeddings from a server: a real HTTP server in the test, good and bad."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bert import write_tiny_bert

from rag.errors import ModelUnavailable, SettingsError
from rag.models.embeddings import load_embedding
from rag.models.openai_embedding import EstimatingTokenizer, OpenAIEmbedding
from rag.settings import EmbeddingSettings, Settings

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def good(request: dict[str, Any]) -> tuple[int, Any]:
    """Vectors that tell texts apart, twice as long as unit vectors, as lists of numbers."""
    data = []
    for index, text in enumerate(request["input"]):
        data.append({"object": "embedding", "index": index, "embedding": [2.0, float(len(text)), 0.0]})
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return 200, {"object": "list", "model": request["model"], "data": data, "usage": usage}


class Server:
    def __init__(self) -> None:
        self.answer: Answer = good
        self.requests: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append({**body, "path": self.path, "key": self.headers["Authorization"]})
                status, answer = server.answer(body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def load(url: str, **more: Any) -> OpenAIEmbedding:
    wanted = EmbeddingSettings(kind="openai", base_url=url, model=more.pop("model", "BAAI/bge-m3"), **more)
    model = load_embedding(Settings(embedding=wanted))
    assert isinstance(model, OpenAIEmbedding)
    return model


def test_vectors_come_in_order_and_normalised(server: Server) -> None:
    model = load(server.url, api_key="sesame")
    seen: list[int] = []
    texts = ["x" * (1 + n) for n in range(150)]
    vectors = model.embed_passages(texts, seen.append)
    wanted = np.array([[2.0, len(text), 0.0] for text in texts])
    assert np.allclose(vectors, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
    assert vectors.dtype == np.float32
    assert seen == [64, 128, 150]
    assert max(len(request["input"]) for request in server.requests) == 64
    assert server.requests[-1]["path"] == "/v1/embeddings"
    assert server.requests[-1]["key"] == "Bearer sesame"
    spec = model.spec("c")
    assert (spec.model, spec.dimension, spec.max_tokens, spec.languages) == ("BAAI/bge-m3", 3, 8192, ("*",))
    assert model.embed_passages([]).shape == (0, 3)


def test_queries_get_the_instruction(server: Server) -> None:
    load(server.url, model="BAAI/bge-small-en-v1.5").embed_query("net sales")
    assert server.requests[-1]["input"] == [
        "Represent this sentence for searching relevant passages: net sales"
    ]
    load(server.url, query_instruction="q: ").embed_query("net sales")
    assert server.requests[-1]["input"] == ["q: net sales"]


def test_long_texts_are_cut_and_empty_ones_survive(server: Server, tmp_path: Path) -> None:
    model = load(server.url, model="unknown", max_tokens=10)
    model.embed_passages(["abc " * 100, ""])
    assert server.requests[-1]["input"] == [("abc " * 8).strip(), " "]
    folder = write_tiny_bert(tmp_path / "tiny")
    exact = load(server.url, model="unknown", max_tokens=10, tokenizer=str(folder))
    exact.embed_passages(["net sales " * 100])
    assert server.requests[-1]["input"] == [("net sales " * 4).strip()]


@pytest.mark.parametrize(
    ("answer", "code", "found"),
    [
        (lambda _: (401, {"error": {"message": "no such key"}}), "embedding.server_refused", "401"),
        (lambda _: (404, {"error": {"message": "no model"}}), "embedding.server_refused", "404"),
        (lambda _: (200, b"<html>a proxy</html>"), "embedding.server_garbage", "BAAI/bge-m3"),
        (lambda _: (200, {}), "embedding.server_garbage", "BAAI/bge-m3"),
        (lambda _: (200, {"data": []}), "embedding.server_garbage", "BAAI/bge-m3"),
        (lambda _: (200, {"data": [{"embedding": []}]}), "embedding.server_garbage", "BAAI/bge-m3"),
        (lambda _: (200, {"data": [{"embedding": ["a"]}]}), "embedding.server_garbage", "BAAI/bge-m3"),
        (lambda _: (200, {"data": [{"embedding": [0.0, 0.0]}]}), "embedding.server_garbage", "zero"),
    ],
)
def test_what_is_no_vector_is_refused(server: Server, answer: Answer, code: str, found: str) -> None:
    server.answer = answer
    with pytest.raises(ModelUnavailable) as caught:
        load(server.url)
    assert caught.value.code == code
    assert found in str(caught.value)
    assert server.url in caught.value.localized("zh")


def test_another_dimension_later_is_refused(server: Server) -> None:
    model = load(server.url)
    server.answer = lambda _: (200, {"data": [{"index": 0, "object": "embedding", "embedding": [1.0, 0.0]}]})
    with pytest.raises(ModelUnavailable) as caught:
        model.embed_query("x")
    assert "2 numbers a vector, before it was 3" in str(caught.value)


def test_a_server_that_is_away_and_a_missing_url_are_named() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        load("http://127.0.0.1:9/v1", timeout_s=0.5)
    assert caught.value.code == "embedding.server_unreachable"
    assert "http://127.0.0.1:9/v1" in str(caught.value)
    with pytest.raises(SettingsError) as missing:
        load("")
    assert missing.value.code == "embedding.no_base_url"


@given(st.text())
def test_the_estimate_covers_the_text(text: str) -> None:
    tokenizer = EstimatingTokenizer(100)
    offsets = tokenizer.offsets(text)
    assert tokenizer.count(text) == len(offsets)
    covered = "".join(text[start:end] for start, end in offsets)
    assert covered == "".join(text.split())
