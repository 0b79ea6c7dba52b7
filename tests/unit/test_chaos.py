"""Each outside system down at the start, dying in use, slow, answering garbage: the answer still comes where
it honestly can, says what was missing, soon, and everything returns by itself."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ingest.service import IngestService
from rag.breaker import breakers
from rag.engine import Engine
from rag.errors import Busy, StoreError, WenjuError
from rag.messages import message
from rag.models import chat as chat_module
from rag.records import Answer, Degraded, Done, Event, Principal, Token
from rag.settings import Settings
from rag.store.originals import Originals
from rag.testing import HashEmbedding, QueueChatModel, Reply

REPORT = """# Results

Revenue of Harbour Logistics was 1,577 million euros in 2023, after 1,402 million euros in 2022.
\f# People

Harbour Logistics employed 8,412 people at the end of 2023.
"""
ASKED = "What was the revenue of Harbour Logistics in 2023?"
SAID = "Revenue was 1,577 million euros in 2023 [1]."


class Server:
    """Chat, embeddings and reranking in one, that does what ``mode`` says: "ok", "slow", "garbage", "error",
    "cut" (chat: after two words)."""

    def __init__(self, port: int = 0, name: str = "tiny") -> None:
        self.mode = "ok"
        self.slow_s = 3.0
        self.asked = 0
        embedding = HashEmbedding()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.send(200, json.dumps({"data": [{"id": name}]}).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked += 1
                if outer.mode == "slow":
                    time.sleep(outer.slow_s)
                if outer.mode == "garbage":
                    return self.send(200, b"<html>It works!</html>", "text/html")
                if outer.mode == "error":
                    return self.send(500, b'{"error": {"message": "out of memory"}}')
                if self.path.endswith("/embeddings"):
                    texts = body["input"]
                    vectors = [embedding._embed(text).tolist() for text in texts]
                    data = [
                        {"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)
                    ]
                    usage = {"prompt_tokens": 1, "total_tokens": 1}
                    answer = {"object": "list", "data": data, "model": "e", "usage": usage}
                    return self.send(200, json.dumps(answer).encode())
                if self.path.endswith("/rerank"):
                    rows = [
                        {"index": i, "relevance_score": 1.0 / (1 + i)} for i in range(len(body["documents"]))
                    ]
                    return self.send(200, json.dumps({"results": rows}).encode())
                return self.chat()

            def chat(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for number, word in enumerate(SAID.split(" ")):
                    if outer.mode == "cut" and number == 2:
                        return
                    self.event({"content": word if not number else f" {word}"})
                self.event({}, "stop")
                self.wfile.write(b"data: [DONE]\n\n")

            def event(self, delta: dict[str, str], finish: str | None = None) -> None:
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": name}
                self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None: ...

        self._server = Quiet(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.port = int(self._server.server_port)
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def die(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(name: str = "tiny") -> Iterator[Server]:
    server = Server(name=name)
    try:
        yield server
    finally:
        server.die()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "FOUND_FOR_S", 0.2)
    monkeypatch.setattr(chat_module, "MISSED_FOR_S", 0.2)


def opened(folder: Path, chat: dict[str, Any] | None = None, **sections: Any) -> Engine:
    """An engine over a small library, with nothing kept: every question is a new one."""
    limits = {"connect_timeout_s": 0.5, "first_token_timeout_s": 0.4, "total_timeout_s": 5.0, "retries": 0}
    sections = {
        "cache": {"answers": False},
        "load": {"breaker_failures": 2, "breaker_open_s": 0.5},
        "chat": {**limits, "kind": "extractive", **(chat or {})},
        **sections,
    }
    settings = Settings(data_dir=folder, **sections)
    own = None if "embedding" in sections else HashEmbedding()
    engine = Engine.open(settings, embedding=own)
    if not engine.documents():
        engine.add_document("Harbour Logistics 2023.md", REPORT.encode())
        IngestService(engine.store, settings, engine.embedding()).run_until_idle()
    return engine


def ask(engine: Engine, question: str = ASKED, **more: Any) -> tuple[Answer, float]:
    started = time.monotonic()
    *_, last = engine.ask(question, log=False, **more)
    assert isinstance(last, Done)
    return last.answer, time.monotonic() - started


def codes(answer: Answer) -> list[str]:
    assert all(message(d.code, "zh", d.params) != message(d.code, "en", d.params) for d in answer.degraded)
    return [d.code for d in answer.degraded]


def later(check: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---------------------------------------------------------------- the chat server


def test_chat_down_at_the_start_then_there_then_gone_then_back(tmp_path: Path) -> None:
    server = Server()
    port, url = server.port, server.url
    server.die()
    with opened(tmp_path, {"kind": "openai", "base_url": url, "model": "tiny"}) as engine:
        answer, took = ask(engine)
        assert (answer.mode, codes(answer)) == ("extractive", ["chat.unreachable"])
        assert "1,577" in answer.text
        assert took < 5
        for _ in range(2):
            server = Server(port)
            later(lambda: ask(engine)[0].mode == "generative")
            assert codes(ask(engine)[0]) == []
            server.die()
            answer, _took = ask(engine)
            assert answer.mode == "extractive"
            assert answer.degraded[0].part == "chat"


@pytest.mark.parametrize("mode", ["slow", "garbage", "error"])
def test_a_chat_server_that_fails_is_left_alone_and_comes_back(tmp_path: Path, mode: str) -> None:
    with serving() as server:
        chat = {"kind": "openai", "base_url": server.url, "model": "tiny"}
        with opened(tmp_path, chat) as engine:
            server.mode = mode
            for _ in range(2):
                answer, took = ask(engine)
                assert answer.mode == "extractive"
                assert answer.degraded[0].part == "chat"
                assert took < 3
            asked = server.asked
            answer, took = ask(engine)
            assert codes(answer) == ["breaker.open"], "left alone: nobody waits for it"
            assert server.asked == asked
            assert took < 1
            (status,) = [s for s in engine.part_statuses() if s.part == "outside"]
            assert status.code == "breaker.some_open"
            assert server.url in status.params["systems"]
            server.mode = "ok"
            later(lambda: ask(engine)[0].mode == "generative")
            assert all(b.state == "closed" for b in breakers() if b.url == server.url)


def test_a_reply_that_breaks_off_is_marked_incomplete(tmp_path: Path) -> None:
    with serving() as server:
        server.mode = "cut"
        with opened(tmp_path, {"kind": "openai", "base_url": server.url, "model": "tiny"}) as engine:
            answer, _ = ask(engine)
            assert (answer.incomplete, answer.text, codes(answer)[0]) == (True, "Revenue was", "chat.cut")


def test_the_next_model_answers_says_so_and_the_first_returns(tmp_path: Path) -> None:
    with serving("big") as big, serving("small") as small:
        chat = {
            "kind": "openai",
            "base_url": big.url,
            "model": "big",
            "fallbacks": [{"base_url": small.url, "model": "small"}],
        }
        with opened(tmp_path, chat) as engine:
            assert ask(engine)[0].model == "big"
            big.mode = "error"
            answer, _ = ask(engine)
            assert answer.model == "small"
            assert codes(answer) == ["chat.server_error", "degraded.fallback"]
            assert answer.degraded[1].params["model"] == "small"
            small.mode = "garbage"
            answer, _ = ask(engine)
            assert (answer.mode, codes(answer)[-1]) == ("extractive", "chat.garbage")
            small.mode = big.mode = "ok"
            later(lambda: ask(engine)[0].model == "big")
            assert codes(ask(engine)[0]) == []


def test_the_next_model_answers_when_the_first_was_never_there(tmp_path: Path) -> None:
    gone = Server()
    gone.die()
    with serving("small") as small:
        chat = {
            "kind": "openai", "base_url": gone.url, "model": "big",
            "fallbacks": [{"base_url": gone.url, "model": "gone"}, {"base_url": small.url, "model": "small"}],
        }  # fmt: skip
        with opened(tmp_path, chat) as engine:
            answer, _ = ask(engine)
            assert answer.model == "small"
            assert codes(answer) == ["chat.unreachable", "chat.unreachable", "degraded.fallback"]


def test_a_kept_answer_is_given_while_the_chat_server_is_down(tmp_path: Path) -> None:
    server = Server()
    chat = {"kind": "openai", "base_url": server.url, "model": "tiny"}
    with opened(tmp_path, chat, cache={"answers": True}) as engine:
        assert not ask(engine)[0].from_cache
        server.die()
        answer, _ = ask(engine)
        assert (answer.from_cache, answer.model, codes(answer)) == (True, "tiny", [])
        other, _ = ask(engine, "How many people did Harbour Logistics employ?")
        assert (other.mode, other.degraded[0].part) == ("extractive", "chat")


# ---------------------------------------------------------------- embeddings and reranker


@pytest.fixture
def embedding_server(tmp_path: Path) -> Iterator[tuple[Server, dict[str, Any]]]:
    with serving() as server:
        section = {
            "kind": "openai",
            "base_url": server.url,
            "model": "e",
            "languages": ("*",),
            "timeout_s": 5,
        }
        opened(tmp_path, embedding=section).close()
        yield server, section


@pytest.mark.parametrize("mode", ["slow", "garbage", "error"])
def test_an_embeddings_server_that_fails_leaves_the_words(
    tmp_path: Path, embedding_server: tuple[Server, dict[str, Any]], mode: str
) -> None:
    server, section = embedding_server
    load = {"embed_s": 0.5, "breaker_failures": 2, "breaker_open_s": 1.0}
    with opened(tmp_path, embedding=section, load=load) as engine:
        engine.embedding()  # imports its client, which takes longer than the limit set here
        assert codes(ask(engine)[0]) == []
        server.mode = mode
        for number in range(3):
            answer, took = ask(engine, f"{ASKED} {'and so on ' * (number + 1)}")
            assert "1,577" in answer.text
            assert "embedding" in {d.part for d in answer.degraded}
            assert took < 6
        server.mode = "ok"
        later(lambda: codes(ask(engine, f"{ASKED} {time.monotonic()}"[:60])[0]) == [], 20)


def test_an_embeddings_server_that_is_not_there_at_the_start(
    tmp_path: Path, embedding_server: tuple[Server, dict[str, Any]]
) -> None:
    server, section = embedding_server
    server.die()
    with opened(tmp_path, embedding=section, load={"embed_s": 1.0, "breaker_open_s": 0.5}) as engine:
        answer, took = ask(engine)
        assert "1,577" in answer.text
        assert "embedding" in {d.part for d in answer.degraded}
        assert took < 10
        started = time.monotonic()
        ask(engine)
        assert time.monotonic() - started < 5
        back = Server(server.port)
        later(lambda: codes(ask(engine, f"{ASKED} again")[0]) == [], 20)
        back.die()


@pytest.mark.parametrize("mode", ["down", "slow", "garbage", "error"])
def test_a_reranker_that_fails_leaves_the_order_of_the_search(tmp_path: Path, mode: str) -> None:
    with serving() as server:
        reranker = {"kind": "server", "base_url": server.url, "model": "r", "timeout_s": 5}
        load = {"rerank_s": 0.4, "breaker_failures": 2, "breaker_open_s": 0.5}
        if mode == "down":
            gone = Server()
            gone.die()
            reranker["base_url"] = gone.url
        server.mode = mode
        with opened(tmp_path, reranker=reranker, load=load) as engine:
            for _ in range(3):
                answer, took = ask(engine)
                assert "1,577" in answer.text
                assert "reranker" in {d.part for d in answer.degraded}
                assert took < 3
            server.mode = "ok"
            if mode != "down":
                later(lambda: codes(ask(engine)[0]) == [])


# ---------------------------------------------------------------- the object store


class Flaky(MemoryFileSystem):
    """An object store whose client raises its own kind of error while it is down."""

    protocol = "flaky"
    store: dict[str, Any] = {}  # noqa: RUF012
    down = False
    calls = 0

    class Gone(Exception): ...

    def exists(self, *args: Any, **options: Any) -> bool:
        type(self).calls += 1
        if type(self).down:
            raise self.Gone("no route to the bucket")
        return bool(super().exists(*args, **options))


def test_an_object_store_that_is_down_is_said_and_left_alone(tmp_path: Path) -> None:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    load = Settings(load={"breaker_failures": 2, "breaker_open_s": 0.3}).load
    originals = Originals("flaky://bucket", load)
    key = "0" * 64
    assert not originals.exists(key)
    Flaky.down = True
    for _ in range(2):
        with pytest.raises(StoreError, match="no route to the bucket"):
            originals.exists(key)
    calls = Flaky.calls
    with pytest.raises(StoreError) as caught:
        originals.exists(key)
    assert caught.value.code == "breaker.open"
    assert Flaky.calls == calls
    Flaky.down = False
    later(lambda: _exists(originals, key) is False)


def _exists(originals: Originals, key: str) -> bool | None:
    try:
        return originals.exists(key)
    except StoreError:
        return None


# ---------------------------------------------------------------- limits and stopping


def with_model(folder: Path, *replies: Reply | str, **load: Any) -> Engine:
    opened(folder).close()
    settings = Settings(data_dir=folder, chat={"kind": "extractive"}, cache={"answers": False}, load=load)
    return Engine.open(settings, embedding=HashEmbedding(), chat=QueueChatModel(replies))


def test_a_whole_answer_has_a_limit(tmp_path: Path) -> None:
    with with_model(tmp_path, Reply(SAID, word_s=0.3), answer_s=0.8) as engine:
        answer, took = ask(engine)
        assert answer.incomplete
        assert codes(answer)[0] == "load.answer_slow"
        assert answer.text.startswith("Revenue")
        assert took < 2


def test_searching_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with with_model(tmp_path, SAID, retrieve_s=0.3) as engine:
        index = engine.search_index()
        monkeypatch.setattr(type(index), "search", lambda *_, **__: time.sleep(2))
        started = time.monotonic()
        with pytest.raises(WenjuError) as caught:
            ask(engine)
        assert caught.value.code == "load.retrieve_slow"
        assert time.monotonic() - started < 1.5


def test_too_many_at_once_are_told_when_to_come_back(tmp_path: Path) -> None:
    replies = [Reply(SAID, stall_s=0.5)] * 3
    with with_model(tmp_path, *replies, answers=1, waiting=1) as engine:
        threads = [
            threading.Thread(
                target=ask, args=(engine,), kwargs={"principal": Principal(n, n, frozenset({"analyst"}))}
            )
            for n in ("anna", "ben")
        ]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        events = engine.ask(ASKED, log=False)
        with pytest.raises(Busy) as caught:
            next(events)
        assert caught.value.retry_after_s >= 1
        assert engine.load_state().waiting == 1
        for thread in threads:
            thread.join(10)
        assert ask(engine)[0].text == SAID


def test_draining_lets_answers_end_and_takes_no_more(tmp_path: Path) -> None:
    with with_model(tmp_path, Reply(SAID, word_s=0.05)) as engine:
        found: list[Answer] = []
        thread = threading.Thread(target=lambda: found.append(ask(engine)[0]))
        thread.start()
        later(lambda: engine.load_state().running == 1)
        assert engine.drain(5.0)
        thread.join(1)
        assert (found[0].text, found[0].incomplete) == (SAID, False)
        with pytest.raises(Busy) as caught:
            engine.ask(ASKED)
        assert caught.value.code == "load.draining"


def test_draining_ends_what_takes_too_long_and_keeps_it(tmp_path: Path) -> None:
    with with_model(tmp_path, Reply(SAID, word_s=0.4)) as engine:
        seen: list[Event] = []

        def read() -> None:
            seen.extend(engine.ask(ASKED))

        thread = threading.Thread(target=read)
        thread.start()
        later(lambda: any(isinstance(e, Token) for e in seen) or engine.load_state().running == 1)
        time.sleep(0.6)
        started = time.monotonic()
        assert not engine.drain(0.3)
        assert time.monotonic() - started < 3
        thread.join(2)
        last = seen[-1]
        assert isinstance(last, Done)
        assert last.answer.incomplete
        assert Degraded("load", "load.drained") in last.answer.degraded
        assert engine.turns(last.answer.conversation_id or 0)[-1].answer.incomplete
