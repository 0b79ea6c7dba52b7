"""Simulated users over the API: errors, answers that went to the wrong reader, latency, memory.

Each user has a token of their own and a collection of their own with one fact that nobody else has; they ask
(streamed and whole in turn), search, list and rate. An answer that holds another user's fact, or lacks the
user's own, is cross-talk. The server is a process of its own; its resident memory is read every two seconds
and the slope is fitted over the second half. The chat server is played by this process, which quotes what it
is shown, so that a model's speed is not what is measured; ``--extractive`` leaves it out. Users and server
share the machine: latencies are those of the whole.

    python -m benchmarks.api_load --users 50 --minutes 10
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
THINK_S = (0.5, 4.0)  # between two requests of one user
SAMPLE_S = 2.0


def fact_of(user: int) -> str:
    return f"{700_000 + user * 137:,}"


def name_of(user: int) -> str:
    """A company's name that no other has a part of."""
    first = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper")
    second = ("brook", "cliff", "dale", "field", "gate", "haven", "lake", "moor", "ridge", "wick")
    return f"{first[user % 10]}{second[user // 10 % 10]}{'x' * (user // 100)}"


@dataclass
class Tally:
    """What all users saw. Thread-safe."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    first_token_s: list[float] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, status: str, seconds: float) -> None:
        with self.lock:
            self.statuses[f"{kind} {status}"] += 1
            self.seconds.setdefault(kind, []).append(seconds)


class Model(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that quotes the figure of the first passage that it is shown."""

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._send(b'{"object":"list","data":[{"id":"quoter","object":"model"}]}', "application/json")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shown = " ".join(str(m["content"]) for m in asked["messages"])
        found = re.search(r"Net revenue of (\w+) was ([\d,]+) dollars", shown)
        text = (
            f"Net revenue of {found[1]} was {found[2]} dollars in 2024 [1]."
            if found
            else "There is no evidence."
        )
        words = re.findall(r"\s*\S+", text)
        lines = [{"choices": [{"index": 0, "delta": {"content": w}, "finish_reason": None}]} for w in words]
        lines.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "quoter"}
        body = "".join(f"data: {json.dumps({**head, **line})}\n\n" for line in lines) + "data: [DONE]\n\n"
        self._send(body.encode(), "text/event-stream")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(folder: Path, users: int, environment: dict[str, str]) -> list[str]:
    """A library with a collection for each user; their tokens, each for its own collection."""
    from ingest.service import IngestService
    from rag.access import LOCAL
    from rag.engine import Engine
    from rag.settings import Settings

    tokens = []
    with Engine.open(Settings(data_dir=folder, chat={"kind": "extractive"})) as engine:
        for user in range(users):
            text = (
                f"# {name_of(user)} annual report 2024\n\nNet revenue of {name_of(user)} was {fact_of(user)} "
                f"dollars in 2024. The company {name_of(user)} sells timber and paper in nine countries.\n"
            )
            engine.add_document(f"{name_of(user)} 2024.md", text.encode(), collection=f"user-{user}")
        IngestService(engine.store, engine.settings, engine.embedding).run_until_idle()
        by_name = {c.name: c.id for c in engine.collections()}
        for user in range(users):
            rights: Any = ("read", "ask", "feedback")
            _, secret = engine.create_token(
                LOCAL, f"user-{user}", rights=rights, collection_ids=[by_name[f"user-{user}"]]
            )
            tokens.append(secret)
    return tokens


def drive(user: int, token: str, url: str, until: float, tally: Tally, users: int) -> None:
    dice = random.Random(user)
    others = [fact_of(n) for n in range(users) if n != user]
    question = f"What was the net revenue of {name_of(user)} in 2024?"
    auth = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{url}/v1", headers=auth, timeout=120, trust_env=False) as http:
        turn: int | None = None
        while time.monotonic() < until:
            kind = dice.choices(("whole", "stream", "search", "list", "rate"), (4, 4, 2, 1, 1))[0]
            began = time.perf_counter()
            try:
                text, status, turn = one(http, kind, f"{question} Case {dice.randrange(10**6)}.", turn, tally)
            except httpx.HTTPError as error:
                text, status = "", type(error).__name__
            tally.note(kind, status, time.perf_counter() - began)
            if any(fact in text for fact in others):
                with tally.lock:
                    tally.crossed.append(f"user {user} {kind}: {text[:300]}")
            elif status == "200" and kind in ("whole", "stream", "search") and fact_of(user) not in text:
                with tally.lock:
                    tally.missed.append(f"user {user} {kind}: {text[:300]}")
            time.sleep(dice.uniform(*THINK_S))


def one(
    http: httpx.Client, kind: str, question: str, turn: int | None, tally: Tally
) -> tuple[str, str, int | None]:
    """(everything that came back, status, the newest turn's id)."""
    body = {"model": "wenju", "messages": [{"role": "user", "content": question}]}
    if kind == "stream":
        began, text, status = time.perf_counter(), "", ""
        with http.stream("POST", "/chat/completions", json={**body, "stream": True}) as answer:
            status = str(answer.status_code)
            for line in answer.iter_lines():
                if (
                    '"content": "' in line
                    and '"content": ""' not in line
                    and '"delta"' in line
                    and not text.count("\0")
                ):
                    with tally.lock:
                        tally.first_token_s.append(time.perf_counter() - began)
                    text += "\0"
                text += line
        if "[DONE]" not in text or '"error"' in text:
            status = "cut"
        return text, status, turn
    if kind == "whole":
        answer = http.post("/chat/completions", json=body)
        if answer.status_code == 200:
            turn = answer.json()["wenju"]["turn_id"]
    elif kind == "search":
        answer = http.post("/search", json={"query": question})
    elif kind == "rate" and turn is not None:
        answer = http.post(f"/turns/{turn}/feedback", json={"rating": 1})
    else:
        answer = http.get("/documents")
    return answer.text, str(answer.status_code), turn


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def page_pid(parent: int) -> int:
    """The server's own process below `wenju run`."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else parent


def slope_mb_per_minute(samples: list[tuple[float, float]]) -> float:
    if len(samples) < 3:
        return float("nan")
    return 60 * statistics.linear_regression(*zip(*samples, strict=True)).slope


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--extractive", action="store_true", help="no chat model: answers are quotes")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wenju-api-load-") as folder:
        report = measured(Path(folder), given.users, given.minutes, extractive=given.extractive)
    print(json.dumps(report, indent=1))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measured(folder: Path, users: int, minutes: float, *, extractive: bool) -> dict[str, Any]:
    model_port, port = free_port(), free_port()
    model = ThreadingHTTPServer(("127.0.0.1", model_port), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    environment = {
        **os.environ,
        "WENJU_DATA_DIR": str(folder),
        "WENJU_CHAT__KIND": "extractive" if extractive else "openai",
        "WENJU_CHAT__BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        "WENJU_API__REQUESTS_PER_MINUTE": "1000",
        "PYTHONPATH": str(ROOT),
    }
    tokens = prepare(folder, users, environment)
    command = [sys.executable, "-m", "cli", "run", "--port", str(port), "--no-browser"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        pid, tally, samples = page_pid(server.pid), Tally(), []
        warm = Tally()  # models load with the first questions
        drive(0, tokens[0], url, time.monotonic() + 15, warm, users)
        began = time.monotonic()
        until = began + minutes * 60
        crowd = [
            threading.Thread(target=drive, args=(n, tokens[n], url, until, tally, users), daemon=True)
            for n in range(users)
        ]
        for one_user in crowd:
            one_user.start()
        while time.monotonic() < until:
            samples.append((time.monotonic() - began, resident_mb(pid)))
            time.sleep(SAMPLE_S)
        for one_user in crowd:
            one_user.join(130)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        model.shutdown()
    return report_of(tally, samples, users, minutes, extractive=extractive)


def report_of(
    tally: Tally, samples: list[tuple[float, float]], users: int, minutes: float, *, extractive: bool
) -> dict[str, Any]:
    total = sum(tally.statuses.values())
    failed = sum(n for status, n in tally.statuses.items() if not status.endswith((" 200", " 201")))
    late = [s for s in samples if s[0] > minutes * 30]
    return {
        "users": users,
        "minutes": minutes,
        "mode": "extractive" if extractive else "quoting chat server",
        "requests": total,
        "requests_per_s": round(total / (minutes * 60), 2),
        "errors": failed,
        "error_rate": round(failed / max(1, total), 5),
        "statuses": dict(sorted(tally.statuses.items())),
        "cross_talk": len(tally.crossed),
        "cross_talk_examples": tally.crossed[:3],
        "own_fact_missing": len(tally.missed),
        "own_fact_missing_examples": tally.missed[:3],
        "seconds": {k: quantiles(v) for k, v in sorted(tally.seconds.items())},
        "first_token_s": quantiles(tally.first_token_s),
        "memory_mb": {
            "first": round(samples[0][1], 1),
            "middle": round(late[0][1], 1) if late else None,
            "last": round(samples[-1][1], 1),
            "slope_per_minute_second_half": round(slope_mb_per_minute(late), 2),
        },
    }


def quantiles(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {
        "n": len(values),
        "p50": round(cuts[49], 3),
        "p95": round(cuts[94], 3),
        "max": round(max(values), 3),
    }


if __name__ == "__main__":
    main()
