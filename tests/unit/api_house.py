"""A real server over a small real library: what the tests of the API ask."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from api.app import Door
from evaluation.running import RunDesk
from ingest.service import IngestService
from rag.access import LOCAL
from rag.engine import Engine
from rag.records import Principal, Right
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel

HARBOUR = """# Results

Harbour Logistics plc moved 4.2 million containers in 2023.
Revenue of Harbour Logistics was 1,577 million euros in 2023, after 1,402 million euros in 2022.
"""
CANARY = "# Payroll\n\nThe secret salary of director Quillfeather was 987,654 dollars in 2023.\n"
QUESTION = "What was the revenue of Harbour Logistics in 2023?"
CANARY_QUESTION = "What was the secret salary of director Quillfeather in 2023?"
ALL_RIGHTS: tuple[Right, ...] = ("read", "ask", "write", "feedback", "evaluate", "admin")


@dataclass
class House:
    """``url`` without a path. ``worker`` takes in what was uploaded when ``take_in`` is called."""

    engine: Engine
    url: str
    worker: IngestService

    def take_in(self) -> None:
        self.worker.run_until_idle()

    def token(self, principal: Principal = LOCAL, *, rights: Any = ALL_RIGHTS, **more: Any) -> str:
        return self.engine.create_token(principal, "test", rights=rights, **more)[1]

    def client(self, token: str = "", **headers: str) -> httpx.Client:
        auth = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=f"{self.url}/v1", headers={**auth, **headers}, timeout=30, trust_env=False
        )


@contextmanager
def house(folder: Path, chat: QueueChatModel | None = None, **settings: Any) -> Iterator[House]:
    """A library with two collections ("default" and "payroll") behind a server on a free port."""
    given = Settings(data_dir=folder, **{"chat": {"kind": "extractive"}, **settings})
    embedding = HashEmbedding()
    with Engine.open(given, embedding=embedding, chat=chat) as engine:
        worker = IngestService(engine.store, given, embedding)
        engine.add_document("Harbour 2023.md", HARBOUR.encode())
        engine.add_document("Payroll 2023.md", CANARY.encode(), collection="payroll")
        worker.run_until_idle()
        with serve(engine) as url:
            yield House(engine, url, worker)


@contextmanager
def serve(engine: Engine, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    door, runs = Door(), RunDesk(engine)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        door.open(engine, runs)
        yield
        await door.close()
        runs.stop_all()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = Starlette(routes=door.routes(), lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def chat(question: str, *, model: str = "wenju", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": question}], **more}
