"""Circuit breakers: open after failures in a row, one try at a time, back at the first success."""

from __future__ import annotations

import threading

import pytest

from rag.breaker import Breaker, breaker_for, breakers
from rag.errors import ModelUnavailable
from rag.settings import LoadSettings


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("chat", "http://x/v1", failures=3, open_s=10, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="gone"), breaker.call(ModelUnavailable):
            raise OSError("gone")


def test_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    fail(breaker, 2)
    with breaker.call(ModelUnavailable):
        pass
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    with pytest.raises(ModelUnavailable) as caught, breaker.call(ModelUnavailable):
        raise AssertionError("the call must not be made")
    assert caught.value.code == "breaker.open"
    assert "http://x/v1" in str(caught.value)
    assert "gone" in str(caught.value)


def test_one_try_after_the_pause_and_back_at_once(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.problem == ""


def test_a_failed_try_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.1
    fail(breaker)
    assert breaker.state == "open"
    assert not breaker.allows()


def test_a_try_that_never_reports_does_not_close_the_road_for_ever(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.1
    assert breaker.allows()
    clock.now += 9
    assert not breaker.allows()
    clock.now += 2
    assert breaker.allows()


def test_an_answer_that_says_no_proves_that_the_system_lives(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10.1
    with pytest.raises(KeyError), breaker.call(ModelUnavailable, counts=lambda e: isinstance(e, OSError)):
        raise KeyError("refused")
    assert breaker.state == "closed"


def test_many_threads_open_it_once_and_one_tries(breaker: Breaker, clock: Clock) -> None:
    threads = [threading.Thread(target=breaker.failed, args=("gone",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += 10.1
    allowed: list[bool] = []
    threads = [threading.Thread(target=lambda: allowed.append(breaker.allows())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 1


def test_one_for_each_system_and_address() -> None:
    settings = LoadSettings(breaker_failures=1)
    one = breaker_for("chat", "http://one.test/v1", settings)
    assert breaker_for("chat", "http://one.test/v1", settings) is one
    assert breaker_for("chat", "http://two.test/v1", settings) is not one
    one.failed("x")
    assert one.state == "open"
    assert one in breakers()
    one.succeeded()
