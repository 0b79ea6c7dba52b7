"""A real app on a free port with an empty data folder, and headless Chromium looking at it."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from real_app import FLAGS, running_app

expect.set_options(timeout=30_000)  # a busy machine draws a page late; none of these tests is about speed

class _SlowModel(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that streams sixty words, ten a second."""

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "slow-model", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        words = ["Research", " and", " development", " [1]."] + [f" word{n}" for n in range(600)]
        try:
            for number, word in enumerate(words):
                delta = {"content": word, **({"role": "assistant"} if number == 0 else {})}
                self._send({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                time.sleep(0.1)
            self._send({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.hung_up.set()  # type: ignore[attr-defined]  # the reader stopped the answer

    def _send(self, piece: dict[str, object]) -> None:
        body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "slow-model", **piece}
        self.wfile.write(f"data: {json.dumps(body)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: install Debian's packages chromium and fonts-noto-cjk")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("app")) as url:
        yield url


@pytest.fixture(scope="session")
def slow_model() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _SlowModel)
    server.hung_up = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="session")
def slow_app(tmp_path_factory: pytest.TempPathFactory, slow_model: ThreadingHTTPServer) -> Iterator[str]:
    base = f"http://127.0.0.1:{slow_model.server_address[1]}/v1"
    chat = {"WENJU_CHAT__KIND": "openai", "WENJU_CHAT__BASE_URL": base, "WENJU_CHAT__MODEL": "slow-model"}
    with running_app(tmp_path_factory.mktemp("slow"), **chat) as url:
        yield url


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page in a fresh browser profile; a script error or a blocked resource fails the test."""
    contexts = []
    failures: list[str] = []

    def opened(url: str, *, width: int = 1440, locale: str = "en-US", dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 844},
            locale=locale,
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on(
            "console",
            lambda line: failures.append(line.text) if "Content Security Policy" in line.text else None,
        )
        page.goto(url)
        page.wait_for_selector("h1")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not failures
