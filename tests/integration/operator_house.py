"""The whole service as an operator starts it: two app processes and a worker over one PostgreSQL, one Redis
and one vLLM, behind the gateway, watched by Prometheus. Every part can be killed and brought back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from gateway import nginx
from servers import PostgresServer, Server, _folder, binary, free_port, redis
from vllm_server import vllm

from rag.engine import Engine
from rag.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SAID = "as shown in the annual report [1]."  # what the tiny model replies to everything
METRICS_TOKEN = "story-token"


@dataclass
class House:
    """``apps`` and ``gateway`` are URLs without a path. ``engine`` is the command line's view of the library:
    one more over the same store."""

    folder: Path
    engine: Engine
    apps: tuple[str, str]
    gateway: str
    prometheus: str
    parts: dict[str, Server]

    @property
    def doors(self) -> dict[str, str]:
        """The ways in, by name."""
        return {"gateway": self.gateway, "app 1": self.apps[0], "app 2": self.apps[1]}

    def client(self, door: str, token: str = "") -> httpx.Client:
        """With paths as "/v1/me"."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.doors[door], headers=headers, timeout=90, trust_env=False, verify=False
        )

    def metric(self, app: str, name: str) -> float:
        """The sum of a metric's samples whose line begins with ``name``, from one app's /metrics."""
        given = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        with self.client(app) as client:
            text = client.get("/metrics", headers=given).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Prometheus's answer."""
        with httpx.Client(trust_env=False, timeout=10) as client:
            reply = client.get(f"{self.prometheus}/api/v1/query", params={"query": expression}).json()
        assert reply["status"] == "success", reply
        found: list[dict[str, Any]] = reply["data"]["result"]
        return found


@contextmanager
def operator_house(folder: Path) -> Iterator[House]:
    """Starts everything, in the order of docs/deploy.md; vLLM, which takes longest, beside the rest."""
    with ExitStack() as stack:
        postgres = PostgresServer(stack.enter_context(_folder()))
        store, redis_url = redis(folder)
        chat, chat_url = vllm(
            folder, "--max-model-len", "4096", "--enable-prefix-caching",
            size=("--positions", "4096", "--says", SAID),
        )  # fmt: skip
        ports = (free_port(), free_port())
        environment = _environment(folder, postgres.url, redis_url, chat_url)
        apps = [_app(f"app{n}", folder, environment, port) for n, port in enumerate(ports, 1)]
        worker = _worker(folder, environment)
        prometheus, prometheus_url = _prometheus(folder, ports)
        everything = [postgres, store, chat, *apps, worker, prometheus]
        for server in everything:
            stack.callback(server.stop)
        chat.begin()
        for server in (postgres, store):
            server.start()
        _create_database(postgres.url)
        for server in (*apps, worker, prometheus):
            server.begin()
        for server in (*apps, worker, prometheus, chat):
            server.wait()
        settings = Settings(
            data_dir=folder / "data",
            database_url=f"{postgres.url}/wenju",
            redis_url=redis_url,
            accounts={"mode": "on"},
        )
        engine = stack.enter_context(Engine.open(settings))
        https, http = free_port(), free_port()
        variables = {
            "WENJU_APP": "; server ".join(f"127.0.0.1:{port}" for port in ports),
            "WENJU_SERVER_NAME": "localhost",
            "WENJU_HTTPS_PORT": https,
            "WENJU_HTTP_PORT": http,
            "WENJU_MAX_UPLOAD": "5m",
            "WENJU_API_RATE": "500r/s",  # all of the story comes from one address
        }
        stack.enter_context(nginx("public", variables, http))
        yield House(
            folder,
            engine,
            (f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"),
            f"https://localhost:{https}",
            prometheus_url,
            {
                "postgresql": postgres,
                "redis": store,
                "vllm": chat,
                "app 1": apps[0],
                "app 2": apps[1],
                "worker": worker,
            },
        )


def _environment(folder: Path, database: str, redis_url: str, chat_url: str) -> dict[str, str]:
    """What compose sets, with the addresses of here."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    given = compose["services"]["app"]["environment"]
    return {
        **os.environ,
        **{k: v for k, v in given.items() if "${" not in str(v)},
        "WENJU_DATA_DIR": str(folder / "data"),
        "WENJU_MODELS_DIR": os.environ.get("WENJU_MODELS_DIR", str(Path("~/.cache/wenju").expanduser())),
        "WENJU_DATABASE_URL": f"{database}/wenju",
        "WENJU_REDIS_URL": redis_url,
        "WENJU_ACCOUNTS__MODE": "on",
        "WENJU_SERVER__HOST": "127.0.0.1",
        "WENJU_CHAT__BASE_URL": chat_url,
        "WENJU_CHAT__CONTEXT_TOKENS": "900",
        "WENJU_CHAT__MAX_TOKENS": "64",
        "WENJU_API__REQUESTS_PER_MINUTE": "100000",
        "WENJU_MONITORING__METRICS_TOKEN": METRICS_TOKEN,
        "WENJU_LOG_FORMAT": "json",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _create_database(url: str) -> None:
    import psycopg

    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute("create database wenju")


def _app(name: str, folder: Path, environment: dict[str, str], port: int) -> Server:
    def ready() -> bool:
        try:
            url = f"http://127.0.0.1:{port}/readyz"
            return httpx.get(url, timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    command = [sys.executable, "-m", "cli", "run", "--no-browser"]
    own = {**environment, "WENJU_SERVER__PORT": str(port)}
    return Server(name, command, folder, ready, environment=own, start_s=120)


def _worker(folder: Path, environment: dict[str, str]) -> Server:
    beat = folder / "beat"
    command = [sys.executable, "-m", "cli", "worker", "--heartbeat", str(beat)]
    return Server("worker", command, folder, beat.exists, environment=environment, start_s=120)


def _prometheus(folder: Path, ports: tuple[int, int]) -> tuple[Server, str]:
    """With the rules of deploy/prometheus and its job for the apps, every second."""
    program, port = binary("prometheus", "prometheus"), free_port()
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    [job] = [job for job in config["scrape_configs"] if job["job_name"] == "wenju"]
    (folder / "metrics_token").write_text(METRICS_TOKEN)
    job["authorization"]["credentials_file"] = str(folder / "metrics_token")
    del job["dns_sd_configs"]  # there is no name service here
    job["static_configs"] = [{"targets": [f"127.0.0.1:{p}" for p in ports]}]
    config["scrape_configs"] = [job]
    config["rule_files"] = [str(ROOT / "deploy" / "prometheus" / "rules" / "*.yml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/-/ready", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Server("prometheus", command, folder, ready), url
