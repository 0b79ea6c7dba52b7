"""The gateway before a running Wenju, and the guard before vLLM's paths: what passes, and what does not."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from gateway import nginx
from servers import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


def _public(app_port: int) -> tuple[dict[str, object], int, int]:
    https, http = free_port(), free_port()
    variables = {
        "WENJU_APP": f"127.0.0.1:{app_port}",
        "WENJU_SERVER_NAME": "localhost",
        "WENJU_HTTPS_PORT": https,
        "WENJU_HTTP_PORT": http,
        "WENJU_MAX_UPLOAD": "5m",
        "WENJU_API_RATE": "20r/s",
    }
    given = COMPOSE["services"]["gateway"]["environment"]
    assert {*variables, "WENJU_TLS_DIR"} == set(given), "compose sets just what the template asks for"
    return variables, https, http


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"https://localhost:{port}", verify=False, trust_env=False, timeout=20)


def _raw(port: int, method: str, path: str) -> tuple[int, str]:
    """(status, policy) of a request whose path goes out as it is written here."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("content-security-policy", "")
    finally:
        connection.close()


class _Echo(BaseHTTPRequestHandler):
    """Answers every request with what arrived."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        told = {"path": self.path, "method": self.command, "headers": dict(self.headers), "size": len(body)}
        words = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def _echo() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()


def _image_command(dockerfile: str) -> list[str]:
    """CMD of an image, with this environment's Python in the place of the image's."""
    words = (ROOT / "deploy" / dockerfile).read_text("utf-8")
    command: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", words, re.MULTILINE)[-1])
    assert command[0] == "wenju"
    return [sys.executable, "-m", "cli", *command[1:]]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Wenju started by the image's own command, under compose's settings; and its worker."""
    port, folder = free_port(), tmp_path_factory.mktemp("app")
    service = COMPOSE["services"]["app"]
    environment = {
        **os.environ,
        **{k: v for k, v in service["environment"].items() if "${" not in str(v)},
        "WENJU_DATA_DIR": str(folder / "data"),
        "WENJU_MODELS_DIR": os.environ.get("WENJU_MODELS_DIR", str(Path("~/.cache/wenju").expanduser())),
        "WENJU_SERVER__PORT": str(port),
        "WENJU_CHAT__KIND": "extractive",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    beat = folder / "beat"
    worker = [
        str(beat) if word == "/tmp/wenju-worker" else word
        for word in COMPOSE["services"]["worker"]["command"]
    ]
    commands = [_image_command("Dockerfile"), [sys.executable, "-m", "cli", *worker[1:]]]
    log = (folder / "log").open("wb")
    running = [
        subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log) for command in commands
    ]
    try:
        health = _health("app").replace("8501", str(port))
        deadline = time.monotonic() + 120
        while subprocess.run(health, shell=True, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, (folder / "log").read_text("utf-8", "replace")[-3000:]
            assert running[0].poll() is None, (folder / "log").read_text("utf-8", "replace")[-3000:]
            time.sleep(0.3)
        # The worker's check: fails without its file, passes with a live worker.
        assert subprocess.run(_health("worker"), shell=True, capture_output=True, check=False).returncode
        check = _health("worker").replace("/tmp/wenju-worker", str(beat))
        while subprocess.run(check, shell=True, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        yield port
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
        log.close()


def _health(service: str) -> str:
    """The health check of compose as a shell command, with this Python."""
    test = COMPOSE["services"][service]["healthcheck"]["test"]
    assert test[0] == "CMD"
    return shlex.join([sys.executable if word == "python" else word for word in test[1:]])


@pytest.fixture(scope="module")
def public(app: int) -> Iterator[tuple[int, int, Path]]:
    variables, https, http = _public(app)
    with nginx("public", variables, http) as log:
        yield https, http, log


class TestBeforeWenju:
    def test_the_page_comes_over_tls_with_its_headers(self, public: tuple[int, int, Path]) -> None:
        https, http, _ = public
        plain = httpx.get(f"http://127.0.0.1:{http}/?q=1", trust_env=False)
        assert plain.status_code == 308
        assert plain.headers["location"] == "https://localhost/?q=1"
        with _client(https) as client:
            page = client.get("/")
            assert page.status_code == 200
            assert "<title>" in page.text
            policy = page.headers.get_list("content-security-policy")
            assert len(policy) == 1, "the gateway's policy, not two"
            assert "default-src 'self'" in policy[0]
            assert "frame-ancestors 'self'" in policy[0]
            assert page.headers["strict-transport-security"].startswith("max-age=")
            assert page.headers["x-content-type-options"] == "nosniff"
            assert page.headers["server"] == "nginx"
            assert re.fullmatch(r"[0-9a-f]{32}", page.headers["x-request-id"])
            assert client.get("/healthz").status_code == 200

    def test_a_stranger_of_another_name_gets_no_answer(self, public: tuple[int, int, Path]) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", public[0]), 5) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="evil.example")
        with _client(public[0]) as client:
            assert client.get("/", headers={"Host": "evil.example"}).status_code == 421

    def test_streamlit_s_socket_opens_and_no_foreign_origin_s(self, public: tuple[int, int, Path]) -> None:
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = f"wss://localhost:{public[0]}/_stcore/stream"
        with connect(url, ssl=context, origin=f"https://localhost:{public[0]}", proxy=None) as opened:  # type: ignore[arg-type]
            assert opened.protocol.state.name == "OPEN"
        with (
            pytest.raises(InvalidStatus),
            connect(url, ssl=context, origin="https://evil.example", proxy=None),
        ):  # type: ignore[arg-type]
            pass

    def test_a_person_sees_the_page_and_the_browser_refuses_nothing(
        self, public: tuple[int, int, Path]
    ) -> None:
        from playwright.sync_api import sync_playwright

        complaints: list[str] = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
            )
            page = browser.new_context(ignore_https_errors=True).new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.goto(f"https://localhost:{public[0]}/")
            page.get_by_test_id("stSidebar").wait_for(timeout=60_000)
            page.get_by_test_id("stChatInput").wait_for(timeout=60_000)
            browser.close()
        refused = [text for text in complaints if "Content Security Policy" in text or "Refused" in text]
        assert refused == []

    @pytest.mark.parametrize(
        "path",
        [
            "/metrics", "/metrics/", "//metrics", "/x/../metrics", "/%6detrics", "/readyz",
            "/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/mcp",
            "/_stcore/agent/interact", "/_stcore/agent/openapi.json",
            "/v1/adapters", "/v1/adapters/rollback", "/v1/load_lora_adapter", "/v1/unload_lora_adapter",
            "/v1/%6coad_lora_adapter", "/.git/config", "/v1/.env",
        ],
    )  # fmt: skip
    def test_what_is_not_public(self, public: tuple[int, int, Path], path: str) -> None:
        for method in ("GET", "POST"):
            status, policy = _raw(public[0], method, path)
            assert status == 404, (method, path, status)
            assert policy

    def test_methods_that_no_page_needs(self, public: tuple[int, int, Path]) -> None:
        with _client(public[0]) as client:
            for method in ("PUT", "DELETE", "TRACE", "PROPFIND"):
                assert client.request(method, "/").status_code in (403, 405), method

    def test_the_log_holds_no_question_and_no_secret(self, public: tuple[int, int, Path]) -> None:
        with _client(public[0]) as client:
            client.get("/?secret=swordfish", headers={"Authorization": "Bearer wj_opensesame"})
        time.sleep(0.3)
        words = public[2].read_text("utf-8", "replace")
        assert '"path":"/"' in words
        assert "swordfish" not in words
        assert "opensesame" not in words


class TestLimits:
    def test_sizes_rates_and_senders(self) -> None:
        with _echo() as upstream:
            variables, https, http = _public(upstream)
            with nginx("public", variables, http), _client(https) as client:
                small = client.post("/v1/chat/completions", content=b"x" * 1_000_000)
                assert small.json()["size"] == 1_000_000
                large = client.post("/v1/chat/completions", content=b"x" * 3_000_000)
                assert large.status_code == 413
                assert large.headers["content-type"] == "application/problem+json"
                assert large.json()["status"] == 413
                assert client.post("/v1/documents", content=b"x" * 4_000_000).status_code == 200
                assert client.post("/v1/documents", content=b"x" * 6_000_000).status_code == 413
                assert client.put("/_stcore/upload_file/a/b", content=b"x" * 4_000_000).status_code == 200

                forged = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
                told = {
                    k.lower(): v
                    for k, v in client.get("/v1/models", headers=forged).json()["headers"].items()
                }
                assert told["x-forwarded-for"] == "127.0.0.1"
                assert told["x-real-ip"] == "127.0.0.1"
                assert told["x-forwarded-proto"] == "https"
                assert told["host"] == f"localhost:{https}"
                assert "6.6.6.6" not in json.dumps(told)
                assert "connection" not in told or told["connection"].lower() != "upgrade"

                statuses = [client.get("/auth/login").status_code for _ in range(30)]
                assert statuses[0] == 200
                assert 429 in statuses
                told = client.get("/auth/login")
                assert told.headers["retry-after"]
                assert told.json()["title"] == "Too many requests"
                assert client.get("/").status_code == 200, "only the door that was rattled is closed"

    def test_an_app_that_is_away_is_said(self) -> None:
        variables, https, http = _public(free_port())
        with nginx("public", variables, http), _client(https) as client:
            away = client.get("/")
            assert away.status_code == 503
            assert away.headers["retry-after"]
            assert away.json()["title"] == "Not available"


class TestBehindAnIngress:
    def test_prometheus_reads_a_running_wenju_by_the_inside_door(self, app: int) -> None:
        http, inside = free_port(), free_port()
        variables: dict[str, object] = {
            "WENJU_APP": f"127.0.0.1:{app}",
            "WENJU_SERVER_NAME": "wenju.example",
            "WENJU_HTTP_PORT": http,
            "WENJU_INSIDE_PORT": inside,
            "WENJU_INGRESS_CLIENTS": "127.0.0.1/32",
            "WENJU_MAX_UPLOAD": "5m",
            "WENJU_API_RATE": "20r/s",
        }
        with nginx("ingress", variables, inside), httpx.Client(trust_env=False) as client:
            told = client.get(f"http://127.0.0.1:{inside}/metrics")
            assert told.status_code == 200
            assert "wenju_build_info" in told.text
            assert client.get(f"http://127.0.0.1:{inside}/readyz").status_code == 200
            host = {"Host": "wenju.example"}
            assert client.get(f"http://127.0.0.1:{http}/metrics", headers=host).status_code == 404
            assert client.get(f"http://127.0.0.1:{http}/", headers=host).status_code == 200

    def test_the_same_list_and_an_inside_door(self) -> None:
        with _echo() as upstream:
            http, inside = free_port(), free_port()
            variables: dict[str, object] = {
                "WENJU_APP": f"127.0.0.1:{upstream}",
                "WENJU_SERVER_NAME": "wenju.example",
                "WENJU_HTTP_PORT": http,
                "WENJU_INSIDE_PORT": inside,
                "WENJU_INGRESS_CLIENTS": "127.0.0.1/32",
                "WENJU_MAX_UPLOAD": "5m",
                "WENJU_API_RATE": "20r/s",
            }
            url = f"http://127.0.0.1:{http}"
            host = {"Host": "wenju.example", "X-Forwarded-For": "203.0.113.9"}
            with nginx("ingress", variables, inside), httpx.Client(trust_env=False) as client:
                passed = client.get(f"{url}/v1/models", headers=host)
                told = {k.lower(): v for k, v in passed.json()["headers"].items()}
                assert told["x-forwarded-for"] == "203.0.113.9", "who asked, as the Ingress said"
                assert told["x-forwarded-proto"] == "https"
                for path in ("/metrics", "/readyz", "/v1/adapters", "/_stcore/agent/mcp"):
                    assert client.get(f"{url}{path}", headers=host).status_code == 404, path
                assert client.get(f"{url}/", headers={"Host": "evil.example"}).status_code == 421
                for path in ("/metrics", "/readyz", "/healthz"):
                    assert client.get(f"http://127.0.0.1:{inside}{path}").status_code == 200
                assert client.get(f"http://127.0.0.1:{inside}/v1/models").status_code == 404


class TestGuard:
    def test_only_what_the_app_needs_of_vllm_passes(self) -> None:
        with _echo() as upstream:
            app, adapters, metrics = free_port(), free_port(), free_port()
            variables: dict[str, object] = {
                "WENJU_VLLM": f"127.0.0.1:{upstream}",
                "WENJU_GUARD_PORT": app,
                "WENJU_ADAPTER_PORT": adapters,
                "WENJU_METRICS_PORT": metrics,
                "WENJU_ADAPTER_CLIENTS": "127.0.0.1/32",
            }
            assert set(variables) == set(COMPOSE["services"]["guard"]["environment"])
            with nginx("guard", variables, app):
                self._app_port(app)
                self._adapter_port(adapters)
                assert httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).status_code == 200
                assert httpx.get(f"http://127.0.0.1:{metrics}/v1/models", trust_env=False).status_code == 404
            with nginx("guard", {**variables, "WENJU_ADAPTER_CLIENTS": "10.1.2.3/32"}, app):
                url = f"http://127.0.0.1:{adapters}"
                for path in ("/v1/load_lora_adapter", "/v1/models", "/tokenize"):
                    assert httpx.post(f"{url}{path}", trust_env=False).status_code == 403

    def _app_port(self, port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert client.post("/v1/chat/completions", json={}).json()["path"] == "/v1/chat/completions"
            assert client.get("/v1/models").status_code == 200
            assert client.get("/health").status_code == 200
            assert client.get("/v1/chat/completions").status_code == 403
            assert client.post("/v1/chat/completions", content=b"x" * 5_000_000).status_code == 413
            for path in (
                "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/tokenize", "/metrics", "/sleep",
                "/pause", "/collective_rpc", "/update_weights", "/reset_prefix_cache", "/start_profile",
                "/server_info", "/v1/completions", "/v1/responses", "/v1/embeddings", "/docs",
                "/openapi.json", "/v1/models/../load_lora_adapter", "/v1/chat/completions/", "/v1/models/x",
            ):  # fmt: skip
                for method in ("GET", "POST"):
                    got = client.request(method, path)
                    assert got.status_code == 404, (method, path)

    def _adapter_port(self, port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for path in ("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/tokenize"):
                assert client.post(path, json={}).status_code == 200
                assert client.get(path).status_code == 403
            assert client.get("/v1/models").status_code == 200
            for path in ("/v1/chat/completions", "/metrics", "/collective_rpc", "/"):
                assert client.post(path, json={}).status_code == 404
