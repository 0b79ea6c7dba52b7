"""SIGTERM: drained first, then what the server does by itself; a second one does not wait."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator

import pytest

from rag.load import LoadState
from ui.boot import House
from ui.draining import drain_on_sigterm


class Engine:
    def __init__(self) -> None:
        self.drained = threading.Event()
        self.may_end = threading.Event()

    def load_state(self) -> LoadState:
        return LoadState(1, 0, 0, 1, False, 1)

    def drain(self) -> bool:
        self.drained.set()
        return self.may_end.wait(5)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Signals that reached the server's own handler."""
    found: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda signum, _: found.append(signum))
    yield found
    signal.signal(signal.SIGTERM, before)


def _sigterm() -> None:
    """To this very thread: os.kill lets the kernel choose one, which may take it after the test, when the
    handler is the default one again and ends the process."""
    signal.raise_signal(signal.SIGTERM)


def run(engine: Engine, *, twice: bool, heard: list[int]) -> list[int]:
    """What the server had heard when the drain was under way."""

    async def live() -> list[int]:
        restore = drain_on_sigterm(House(engine=engine), asyncio.get_running_loop())  # type: ignore[arg-type]
        _sigterm()
        assert await asyncio.to_thread(engine.drained.wait, 5)
        if twice:
            _sigterm()
            await asyncio.sleep(0.05)
        meanwhile = list(heard)
        engine.may_end.set()
        for _ in range(100):
            if len(heard) > len(meanwhile):
                break
            await asyncio.sleep(0.02)
        restore()
        return meanwhile

    return asyncio.run(live())


def test_the_server_stops_after_the_drain(heard: list[int]) -> None:
    assert run(Engine(), twice=False, heard=heard) == []
    assert heard == [signal.SIGTERM]
    _sigterm()
    assert len(heard) == 2, "the handler from before is back"


def test_a_second_signal_does_not_wait(heard: list[int]) -> None:
    assert run(Engine(), twice=True, heard=heard) == [signal.SIGTERM]
