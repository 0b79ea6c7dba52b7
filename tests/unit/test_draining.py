"""SIGTERM: drained first, then what the server does by itself; a second one does not wait.

In a process of its own: the signal is meant for whole processes, and the one that runs the tests is not its
business.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import asyncio, json, signal, sys, threading
from rag.load import LoadState
from ui.boot import House
from ui.draining import drain_on_sigterm


class Engine:
    def __init__(self):
        self.drained = threading.Event()
        self.may_end = threading.Event()

    def load_state(self):
        return LoadState(1, 0, 0, 1, False, 1)

    def drain(self):
        self.drained.set()
        return self.may_end.wait(20)


def sigterm():
    signal.raise_signal(signal.SIGTERM)


async def live():
    restore = drain_on_sigterm(House(engine=engine), asyncio.get_running_loop())
    sigterm()
    assert await asyncio.to_thread(engine.drained.wait, 20)
    if twice:
        sigterm()
        await asyncio.sleep(0.05)
    meanwhile = len(heard)
    engine.may_end.set()
    for _ in range(1000):
        if len(heard) > meanwhile:
            break
        await asyncio.sleep(0.02)
    restore()
    return meanwhile


engine, twice, heard = Engine(), sys.argv[1] == "twice", []
signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))  # the server's own handler
meanwhile = asyncio.run(live())
drained = len(heard)
sigterm()
print(json.dumps({"meanwhile": meanwhile, "drained": drained, "restored": len(heard)}))
"""


def heard(times: str) -> dict[str, int]:
    """How often the server's own handler had heard of it: while answers still ran, after the drain, and after
    one more signal when the handler was given back."""
    command = [sys.executable, "-c", SERVER, times]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counts


def test_the_server_stops_after_the_drain() -> None:
    assert heard("once") == {"meanwhile": 0, "drained": 1, "restored": 2}


def test_a_second_signal_does_not_wait() -> None:
    counts = heard("twice")
    assert counts["meanwhile"] == 1
    assert counts["restored"] == counts["drained"] + 1
