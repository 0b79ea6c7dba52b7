"""The OpenAI wire against tiny servers that misbehave in every way that real ones do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rag.errors import ModelUnavailable
from rag.models.chat import ChatFinder, find_chat_model
from rag.models.openai_chat import OpenAIChat
from rag.models.protocols import ChatMessage, Delta
from rag.settings import Settings

ASK = [ChatMessage("system", "be brief"), ChatMessage("user", "hello")]


class Script:
    """What the server does with a chat request, and what it saw."""

    def __init__(self, chat: Callable[[Any], None], models: list[str] | int = 0) -> None:
        self.chat = chat
        self.models: Any = models or ["tiny"]
        self.bodies: list[dict[str, Any]] = []
        self.gone = threading.Event()  # the client closed the connection


@contextmanager
def serving(script: Script, prefix: str = "/v1") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def reply(self, status: int, body: object) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            if self.path != f"{prefix}/models":
                return self.reply(404, {"detail": "Not Found"})
            if isinstance(script.models, int):
                return self.reply(script.models, {"error": {"message": "no"}})
            return self.reply(200, {"data": [{"id": name} for name in script.models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.bodies.append(body)
            script.chat(self)

        def begin(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True

        def event(self, delta: dict[str, Any] | None = None, finish: str | None = None) -> None:
            choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
            self.raw(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n")

        def raw(self, text: str) -> None:
            try:
                self.wfile.write(text.encode())
                self.wfile.flush()
            except OSError:
                script.gone.set()
                raise

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...

    server = Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()


def settings(**chat: Any) -> Settings:
    defaults = {
        "connect_timeout_s": 0.5,
        "first_token_timeout_s": 0.4,
        "total_timeout_s": 5.0,
        "retries": 0,
        "discover_urls": (),
    }
    return Settings(chat={**defaults, **chat})


def model(url: str, **chat: Any) -> OpenAIChat:
    return OpenAIChat(settings(**chat).chat, base_url=url, model=chat.get("model") or "tiny")


def say(*pieces: dict[str, Any], finish: str | None = "stop") -> Callable[[Any], None]:
    def chat(handler: Any) -> None:
        handler.begin()
        for piece in pieces:
            handler.event(piece)
        if finish:
            handler.event(finish=finish)
            handler.raw("data: [DONE]\n\n")

    return chat


def collect(reply: Iterator[Delta]) -> tuple[str, str, str]:
    deltas = list(reply)
    return (
        "".join(d.text for d in deltas),
        "".join(d.thinking for d in deltas),
        "".join(d.finish_reason for d in deltas),
    )


def failure(reply: Iterator[Delta]) -> tuple[str, str]:
    """The error's code and the text that arrived before it."""
    text = ""
    with pytest.raises(ModelUnavailable) as caught:  # noqa: PT012 - what arrives before counts
        for delta in reply:
            text += delta.text
    assert caught.value.localized("zh") != caught.value.localized("en")
    return caught.value.code, text


def test_streams_and_sends_what_it_should() -> None:
    script = Script(say({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}))
    with serving(script) as url:
        assert collect(model(url, enable_thinking=True, max_tokens=7).stream(ASK)) == ("Hello", "", "stop")
    body = script.bodies[0]
    assert body["stream"] is True
    assert body["max_tokens"] == 7
    assert body["chat_template_kwargs"] == {"enable_thinking": True}
    assert [m["role"] for m in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_field_is_thinking(name: str) -> None:
    with serving(Script(say({name: "hm "}, {name: "so"}, {"content": "Yes"}))) as url:
        assert collect(model(url).stream(ASK)) == ("Yes", "hm so", "stop")


def test_inline_thoughts_across_pieces() -> None:
    with serving(Script(say({"content": "<th"}, {"content": "ink>a</thi"}, {"content": "nk>\nb"}))) as url:
        assert collect(model(url).stream(ASK)) == ("b", "a", "stop")


def test_cut_stream_keeps_what_arrived() -> None:
    with serving(Script(say({"content": "half"}, finish=None))) as url:
        assert failure(model(url, retries=2).stream(ASK)) == ("chat.cut", "half")


def test_first_token_and_total_limits() -> None:
    def silent(handler: Any) -> None:
        handler.begin()
        time.sleep(3)

    def endless(handler: Any) -> None:
        handler.begin()
        while True:
            handler.event({"content": "x"})
            time.sleep(0.05)

    with serving(Script(silent)) as url:
        started = time.monotonic()
        assert failure(model(url, connect_timeout_s=0.1).stream(ASK)) == ("chat.first_token", "")
        assert time.monotonic() - started < 2
    with serving(Script(endless)) as url:
        code, text = failure(model(url, total_timeout_s=0.5).stream(ASK))
        assert code == "chat.total"
        assert text.startswith("xx")


def test_garbage_and_errors_in_the_stream() -> None:
    def garbage(handler: Any) -> None:
        handler.begin()
        handler.raw("data: {not json\n\n")

    def error(handler: Any) -> None:
        handler.begin()
        handler.raw('data: {"error": {"message": "engine died", "code": 500}}\n\n')

    with serving(Script(garbage)) as url:
        assert failure(model(url).stream(ASK))[0] == "chat.garbage"
    with serving(Script(error)) as url:
        assert failure(model(url).stream(ASK))[0] == "chat.server_error"


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (401, "bad key", "chat.unauthorised"),
        (404, "The model `tiny` does not exist.", "chat.model_unknown"),
        (404, "Not Found", "chat.not_found"),
        (429, "slow down", "chat.busy"),
        (400, "This model's maximum context length is 2048 tokens", "chat.too_long"),
        (422, "no such thing", "chat.rejected"),
        (503, "loading", "chat.server_error"),
    ],
)
def test_each_refusal_has_its_own_word(status: int, text: str, code: str) -> None:
    script = Script(lambda h: h.reply(status, {"error": {"message": text}}))
    with serving(script) as url:
        assert failure(model(url).stream(ASK)) == (code, "")
    assert len(script.bodies) == 1


def test_tries_again_only_before_the_first_token() -> None:
    calls: list[int] = []

    def flaky(handler: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            handler.reply(503, {"error": {"message": "loading"}})
        else:
            say({"content": "at last"})(handler)

    with serving(Script(flaky)) as url:
        assert collect(model(url, retries=2).stream(ASK))[0] == "at last"
    assert len(calls) == 3


def test_a_server_that_refuses_template_arguments_gets_none() -> None:
    script = Script(lambda h: None)

    def strict(handler: Any) -> None:
        if "chat_template_kwargs" in script.bodies[-1]:
            handler.reply(400, {"error": {"message": "Unrecognized request argument: chat_template_kwargs"}})
        else:
            say({"content": "ok"})(handler)

    script.chat = strict
    with serving(script) as url:
        chat = model(url)
        assert collect(chat.stream(ASK))[0] == "ok"
        assert collect(chat.stream(ASK))[0] == "ok"
    assert len(script.bodies) == 3


def test_close_from_another_thread_ends_the_connection() -> None:
    script = Script(lambda h: None)

    def endless(handler: Any) -> None:
        handler.begin()
        while True:
            handler.event({"content": "x"})
            time.sleep(0.02)

    script.chat = endless
    with serving(script) as url:
        reply = model(url).stream(ASK)
        next(reply)
        seen: list[str] = []
        reader = threading.Thread(target=lambda: seen.extend(d.text for d in reply))
        reader.start()
        time.sleep(0.1)
        reply.close()
        reader.join(2)
        assert not reader.is_alive()
        assert script.gone.wait(2)


def test_unreachable() -> None:
    assert failure(model("http://127.0.0.1:9/v1").stream(ASK))[0] == "chat.unreachable"


# -- finding


def test_finds_with_and_without_v1_and_takes_the_first_chat_model() -> None:
    script = Script(say({"content": "hi"}), models=["nomic-embed-text", "qwen3"])
    with serving(script) as url:
        for given in (url, url.removesuffix("/v1"), f"{url}/chat/completions"):
            found = ChatFinder(settings(base_url=given)).find()
            assert found.model is not None
            assert (found.model.name, found.url) == ("qwen3", url)


def test_discovers_a_local_server_that_starts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.models.chat.MISSED_FOR_S", 0.0)
    monkeypatch.setattr("rag.models.chat.FOUND_FOR_S", 0.0)
    script = Script(say({"content": "hi"}))
    with serving(script) as url:
        finder = ChatFinder(settings(discover_urls=("http://127.0.0.1:9/v1", url)))
        first = finder.find().model
        assert first is not None
        assert finder.find().model is first
    assert finder.find().model is None
    assert finder.find().problem is None


def test_says_what_is_wrong_with_a_named_server() -> None:
    assert find_chat_model(settings()) is None
    assert find_chat_model(settings(kind="extractive", base_url="http://127.0.0.1:9")) is None
    problems = {
        "chat.unreachable": settings(base_url="http://127.0.0.1:9/v1"),
        "chat.bad_url": settings(base_url="localhost:8000"),
        "chat.no_base_url": settings(kind="openai"),
        "chat.no_model_folder": settings(kind="transformers"),
    }
    for code, given in problems.items():
        problem = ChatFinder(given).find().problem
        assert problem is not None
        assert problem.code == code
    with serving(Script(say(), models=["a", "b"])) as url:
        problem = ChatFinder(settings(base_url=url, model="c")).find().problem
        assert problem is not None
        assert problem.code == "chat.model_unlisted"
        assert "a, b" in str(problem)
    with serving(Script(say(), models=401)) as url:
        problem = ChatFinder(settings(base_url=url)).find().problem
        assert problem is not None
        assert problem.code == "chat.unauthorised"


def test_transformers_extra_missing_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    found = ChatFinder(settings(kind="transformers", model="/nowhere/tiny")).find()
    assert found.model is not None
    with pytest.raises(Exception, match=r"pip install 'wenju\[models\]'"):
        next(iter(found.model.stream(ASK)))
