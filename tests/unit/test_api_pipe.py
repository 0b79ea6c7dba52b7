"""From a thread to a coroutine: in order, bounded, and either end may leave."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from api.pipe import Pipe, Pipes
from api.problems import ApiError
from rag.errors import AccessDenied


async def everything(pipe: Pipe[int]) -> list[int]:
    got: list[int] = []
    while items := await pipe.take():
        got.extend(items)
    return got


def test_all_of_it_in_order_and_never_more_than_fits() -> None:
    largest = 0

    async def run() -> list[int]:
        nonlocal largest
        pipes = Pipes(2, 5.0)
        pipe = pipes.start(lambda stop: iter(range(5000)))
        got: list[int] = []
        while items := await pipe.take():
            largest = max(largest, len(items))
            got.extend(items)
        assert await pipe.take() == []  # the end stays the end
        pipes.close()
        return got

    assert asyncio.run(run()) == list(range(5000))
    assert largest <= 64


def test_a_reader_that_leaves_stops_and_closes_the_maker() -> None:
    closed = threading.Event()

    def make(stop: threading.Event) -> Iterator[int]:
        try:
            number = 0
            while not stop.is_set():
                number += 1
                yield number
        finally:
            closed.set()

    async def run() -> None:
        pipes = Pipes(1, 30.0)
        pipe = pipes.start(make)
        assert await pipe.take()
        pipe.leave()
        await asyncio.to_thread(closed.wait, 5)

    asyncio.run(run())
    assert closed.is_set()


def test_a_reader_that_takes_nothing_is_given_up() -> None:
    made, closed = [0], threading.Event()

    def make(stop: threading.Event) -> Iterator[int]:
        try:
            for number in range(100_000):
                made[0] = number
                yield number
        finally:
            closed.set()

    async def run() -> None:
        pipes = Pipes(1, 0.1)
        pipes.start(make)
        await asyncio.to_thread(closed.wait, 5)

    asyncio.run(run())
    assert closed.is_set()
    assert made[0] <= 65  # what fits, and the one in hand


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def make(_: threading.Event) -> Iterator[int]:
        yield 1
        raise AccessDenied("store.not_found")

    async def run() -> None:
        pipe = Pipes(1, 5.0).start(make)
        assert await pipe.take() == [1]
        with pytest.raises(AccessDenied):
            await pipe.take()

    asyncio.run(run())


def test_more_makers_than_there_is_room_for_are_refused() -> None:
    async def run() -> None:
        go = threading.Event()

        def make(_: threading.Event) -> Iterator[int]:
            go.wait(5)
            yield 1

        pipes = Pipes(1, 5.0)
        first = pipes.start(make)
        with pytest.raises(ApiError) as raised:
            pipes.start(make)
        assert (raised.value.status, raised.value.code) == (503, "api.too_busy")
        go.set()
        assert await everything(first) == [1]
        until = time.monotonic() + 5
        while True:  # there is room again
            try:
                assert await everything(pipes.start(make)) == [1]
                break
            except ApiError:
                assert time.monotonic() < until
                await asyncio.sleep(0.01)

    asyncio.run(run())


def test_the_loop_runs_while_the_maker_waits() -> None:
    async def run() -> int:
        def make(_: threading.Event) -> Iterator[int]:
            time.sleep(0.3)
            yield 1

        pipe, ticks = Pipes(1, 5.0).start(make), 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        assert await everything(pipe) == [1]
        ticking.cancel()
        return ticks

    assert asyncio.run(run()) > 5
