"""The line of waiting questions: bounded, fair between users, told how long, drained in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import Busy
from rag.load import Gate
from rag.settings import LoadSettings


def gate(**limits: float) -> Gate:
    return Gate(LoadSettings.model_validate({"wait_s": 5.0, **limits}))


class Line:
    """Users who wait in threads of their own, and the order in which they got their places."""

    def __init__(self, made: Gate) -> None:
        self._gate = made
        self.served: list[str] = []
        self._threads: list[threading.Thread] = []

    def join(self, user: str) -> None:
        before = self._gate.state().waiting

        def wait() -> None:
            with self._gate.place(user.rstrip("0123456789")):
                self.served.append(user)

        thread = threading.Thread(target=wait)
        self._threads.append(thread)
        thread.start()
        deadline = time.monotonic() + 5
        while self._gate.state().waiting == before:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def finish(self) -> list[str]:
        for thread in self._threads:
            thread.join(10)
        return self.served


@contextmanager
def taken(made: Gate, *users: str) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        for user in users:
            stack.enter_context(made.place(user))
        yield stack


def test_a_flood_of_one_user_keeps_nobody_from_being_next() -> None:
    made = gate(answers=1)
    line = Line(made)
    with taken(made, "other"):
        for user in ("flood1", "flood2", "flood3", "flood4", "anna1", "ben1", "anna2"):
            line.join(user)
        assert made.state().waiting == 7
        assert made.state().waiting_users == 3
    assert line.finish() == ["flood1", "anna1", "ben1", "flood2", "anna2", "flood3", "flood4"]
    assert made.state().running == 0


def test_who_has_fewer_running_is_next() -> None:
    made = gate(answers=3)
    line = Line(made)
    with taken(made, "flood", "flood"):
        with taken(made, "other"):
            line.join("flood1")
            line.join("anna1")
        deadline = time.monotonic() + 5
        while not line.served and time.monotonic() < deadline:
            time.sleep(0.001)
        assert line.served[0] == "anna1"
    assert line.finish() == ["anna1", "flood1"]


@pytest.mark.parametrize(
    ("limits", "before", "code"),
    [
        ({"answers": 1, "waiting": 0}, 0, "load.busy"),
        ({"answers": 1, "waiting": 2}, 2, "load.busy"),
        ({"answers": 1, "waiting": 9, "waiting_per_user": 2}, 2, "load.busy_user"),
    ],
)
def test_a_full_line_says_when_to_come_back(limits: dict[str, float], before: int, code: str) -> None:
    made = gate(**limits)
    line = Line(made)
    with taken(made, "other"):
        for number in range(before):
            line.join(f"anna{number}")
        with pytest.raises(Busy) as caught, made.place("anna"):
            pass
        assert caught.value.code == code
        assert 1 <= caught.value.retry_after_s <= 120
        assert str(caught.value.retry_after_s) in caught.value.localized("en")
        assert str(caught.value.retry_after_s) in caught.value.localized("zh")
        with pytest.raises(Busy), made.place("anna"):
            pass
    line.finish()
    with made.place("anna"):
        pass


def test_a_wait_ends_at_its_limit_or_when_the_reader_leaves() -> None:
    made = gate(answers=1, wait_s=0.15)
    with taken(made, "other"):
        with pytest.raises(Busy, match=r"waited 0\.15 s"), made.place("anna"):
            pass
        with made.place("anna", stopped=lambda: True) as placed:
            assert not placed
        assert made.state().waiting == 0
    with made.place("anna") as placed:
        assert placed


def test_closing_sends_the_line_away_and_lets_the_running_end() -> None:
    made = gate(answers=1)
    refused: list[Busy] = []

    def wait() -> None:
        try:
            with made.place("anna"):
                pass
        except Busy as error:
            refused.append(error)

    with taken(made, "other"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not made.state().waiting:
            time.sleep(0.001)
        made.close()
        waiting.join(5)
        assert [e.code for e in refused] == ["load.draining"]
        with pytest.raises(Busy):
            made.check_open()
        assert made.state().running == 1
    assert made.state().running == 0
    assert made.state().draining


def test_the_wait_that_is_told_follows_how_long_answers_take() -> None:
    made = gate(answers=1)
    before = made.state().retry_after_s
    for _ in range(30):
        with made.place("anna"):
            pass
    assert made.state().retry_after_s == 1 < before


def test_an_error_inside_gives_the_place_back() -> None:
    made = gate(answers=1)
    with pytest.raises(ZeroDivisionError), made.place("anna"):
        raise ZeroDivisionError
    with made.place("anna"):
        pass
    assert made.state().running == 0


@settings(max_examples=15, deadline=None)
@given(users=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), limit=st.integers(1, 4))
def test_never_more_than_the_limit_and_everybody_is_served(users: list[str], limit: int) -> None:
    made = gate(answers=limit, waiting=64, waiting_per_user=64, wait_s=20)
    most, now, served = [0], [0], [0]
    lock = threading.Lock()

    def ask(user: str) -> None:
        with made.place(user) as placed:
            assert placed
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.0005)
            with lock:
                now[0] -= 1
                served[0] += 1

    threads = [threading.Thread(target=ask, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert served[0] == len(users)
    assert most[0] <= limit
    assert (made.state().running, made.state().waiting) == (0, 0)
