"""A real Prometheus scrapes a running Wenju under questions: rules load, and every panel gets an answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"
TOKEN = "integration-token"

# A process that serves /metrics as the app does and answers questions until it is stopped.
LOAD = """
import sys, threading, time
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from api.metrics import metrics_routes
from api.requests import Requests
from ingest.service import IngestService
from rag import monitoring
from rag.access import LOCAL
from rag.engine import Engine
from rag.records import Done
from rag.settings import Settings
from rag.testing import HashEmbedding

folder, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
settings = Settings(data_dir=folder, chat={"kind": "extractive"}, monitoring={"metrics_token": token})
engine = Engine.open(settings, embedding=HashEmbedding())
monitoring.watch(settings, engine.store, engine)
engine.add_document("a.md", b"# Results\\n\\nRevenue of Harbour plc was 1,577 million euros in 2023.\\n")
IngestService(engine.store, settings, HashEmbedding()).run_until_idle()

def ask():
    number = 0
    while True:
        number += 1
        words = "What was the revenue of Harbour in 2023?" if number % 3 else f"Who chairs Zanzibar {number}?"
        answer = [e for e in engine.ask(words) if isinstance(e, Done)][0].answer
        if number % 5 == 0:
            engine.rate_turn(answer.turn_id, LOCAL, 1 if number % 10 else -1)
        time.sleep(0.2)

threading.Thread(target=ask, daemon=True).start()
app = Starlette(routes=metrics_routes(lambda: settings.monitoring), middleware=[Middleware(Requests)])
uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _get(url: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as reply:
        return bytes(reply.read())


@contextmanager
def _running(command: list[str], log: Path, url: str, **headers: str) -> Iterator[None]:
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            deadline = time.monotonic() + 90
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                try:
                    _get(url, **headers)
                    break
                except OSError:
                    time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that has scraped for a while."""
    folder = tmp_path_factory.mktemp("prometheus")
    app, port = _free_port(), _free_port()
    config = yaml.safe_load((RULES / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    [wenju] = [job for job in config["scrape_configs"] if job["job_name"] == "wenju"]
    (folder / "token").write_text(TOKEN)
    wenju["authorization"]["credentials_file"] = str(folder / "token")
    del wenju["dns_sd_configs"]  # there is no name service here
    wenju["static_configs"] = [{"targets": [f"127.0.0.1:{app}"]}]
    config["scrape_configs"] = [wenju]
    config["rule_files"] = [str(RULES / "rules" / "*.yml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    load = [sys.executable, "-c", LOAD, str(folder / "data"), str(app), TOKEN]
    server = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with (
        _running(
            load, folder / "app.log", f"http://127.0.0.1:{app}/metrics", Authorization=f"Bearer {TOKEN}"
        ),
        _running(server, folder / "prometheus.log", f"{url}/-/ready"),
    ):
        time.sleep(15)
        yield url


def _query(url: str, expression: str) -> list[dict[str, object]]:
    reply = json.loads(_get(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
    assert reply["status"] == "success", reply
    found: list[dict[str, object]] = reply["data"]["result"]
    return found


def test_promtool_accepts_rules_and_configuration() -> None:
    for command in (
        ["check", "rules", "rules/wenju.yml"],
        ["test", "rules", "rules_test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ):
        done = subprocess.run(["promtool", *command], cwd=RULES, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_loaded_and_evaluated(prometheus: str) -> None:
    groups = json.loads(_get(f"{prometheus}/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == 8
    assert {rule["health"] for rule in rules} == {"ok"}


def test_the_service_is_scraped(prometheus: str) -> None:
    assert [r["value"][1] for r in _query(prometheus, 'up{job="wenju"}')] == ["1"]  # type: ignore[index]
    [asked] = _query(prometheus, "sum(wenju_questions_total)")
    assert float(asked["value"][1]) > 10  # type: ignore[index]


def test_every_panel_gets_data(prometheus: str) -> None:
    silent = []
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$__rate_interval", "10s")
                if not _query(prometheus, expression):
                    silent.append((panel["title"], expression))
    assert silent == []
