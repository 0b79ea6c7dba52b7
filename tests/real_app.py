"""A real app on a free port, for tests that look at it in a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_app(folder: Path, *, port: int = 0, **settings: str) -> Iterator[str]:
    """`streamlit run app.py` from ``folder``; yields its address once it is ready. ``port`` 0: a free one."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("WENJU_")},
        "WENJU_DATA_DIR": str(folder / "data"),
        "WENJU_CHAT__KIND": "extractive",
        "PYTHONPATH": str(ROOT),
        **settings,
    }
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    options = ["--server.port", str(port), "--server.headless", "true"]
    with (folder / "app.log").open("wb") as output:
        process = subprocess.Popen(
            command + options, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + START_S
        while True:
            assert process.poll() is None, (folder / "app.log").read_text()
            assert time.monotonic() < until, (folder / "app.log").read_text()
            try:
                with urllib.request.urlopen(f"{url}/healthz", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
