"""What a kept answer saves: the same questions answered by a model, and given again.

    python benchmarks/cache.py --data-dir DIR [--redis redis://127.0.0.1:6379/0] [--rounds 20]

DIR is a library with the sample reports. The model is a stand-in that speaks the OpenAI wire at the pace of a
small model on a fast GPU (first token after 150 ms, then 50 tokens/s for 40 tokens): a real one on this
machine would be slower, so the ratio is a lower bound. A miss includes retrieval; both include writing the
turn ("shown": until the whole text of a hit is there, before that). Prints p50 and p95 and the ratio.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

FIRST_TOKEN_S, TOKEN_S, TOKENS = 0.15, 0.02, 40
QUESTIONS = (
    "What was the revenue of Calder Ridge in fiscal 2024?",
    "What was the net income of Calder Ridge in fiscal 2024?",
    "What was the operating cash flow of Calder Ridge in fiscal 2024?",
    "How many people does Calder Ridge employ?",
    "What was the cost of revenue of Calder Ridge in fiscal 2024?",
    "What are the segments of Calder Ridge?",
    "What capital expenditure did Calder Ridge make in fiscal 2024?",
    "What are the total assets of Calder Ridge?",
)


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        body = b'{"data": [{"id": "stand-in"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        time.sleep(FIRST_TOKEN_S)
        for number in range(TOKENS):
            self._event({"content": "word " if number < TOKENS - 1 else "[1]."})
            time.sleep(TOKEN_S)
        self._event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "stand-in"}
        self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
        self.wfile.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--redis", default="")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    from rag.engine import Engine
    from rag.records import Answer, Done, Token
    from rag.settings import Settings

    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chat: Any = {"kind": "openai", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}
    settings = Settings(data_dir=given.data_dir, chat=chat, redis_url=given.redis)

    shown: list[float] = []

    def ask(engine: Engine, question: str, *, anew: bool = False) -> tuple[Answer, float]:
        started = time.perf_counter()
        last = None
        for last in engine.ask(question, anew=anew):
            if isinstance(last, Token) and not anew:
                shown.append((time.perf_counter() - started) * 1000)
        took = (time.perf_counter() - started) * 1000
        assert isinstance(last, Done)
        return last.answer, took

    with Engine.open(settings) as engine:
        engine.warm_up()
        ask(engine, QUESTIONS[0])
        shown.clear()
        misses, hits, kept = [], [], []
        for question in QUESTIONS:
            answer, took = ask(engine, question, anew=True)
            misses.append(took)
            if not answer.degraded and not answer.refused:
                kept.append(question)
        assert kept, "no answer may be kept: are the sample reports in the library?"
        for _ in range(given.rounds):
            for question in kept:
                answer, took = ask(engine, question)
                assert answer.from_cache
                hits.append(took)
        found = engine.cache_statistics()
    server.shutdown()
    for name, times in (("miss", misses), ("hit", hits), ("shown", shown)):
        p50, p95 = np.percentile(times, (50, 95))
        print(f"{name:5} n={len(times):4}  p50 {p50:8.2f} ms  p95 {p95:8.2f} ms")
    print(f"a hit takes 1/{np.median(misses) / np.median(hits):.0f} of a miss")
    print(f"{found.hits} hits, {found.saved_completion_tokens} completion tokens not written again")


if __name__ == "__main__":
    main()
