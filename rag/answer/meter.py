"""Counts the tokens of one question's replies: the server's own count where it gives one, an estimate where
it does not (a reply that was stopped or cut has none)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rag.answer.prompts import estimate_tokens
from rag.models.protocols import ChatMessage, Delta
from rag.records import Usage
from rag.tracing import span


class Meter:
    """Thread-safe; ``usage`` may be read while a reply is still arriving (estimated then)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = Usage()
        self._arriving: tuple[Sequence[ChatMessage], list[str]] | None = None

    @property
    def usage(self) -> Usage:
        """Of all replies so far. ``estimated`` when any of them was."""
        with self._lock:
            if self._arriving is None:
                return self._sum
            messages, written = self._arriving
            return _together(self._sum, _estimate(messages, "".join(written)))

    @contextmanager
    def reply(self, messages: Sequence[ChatMessage], model: str) -> Iterator[Callable[[Delta], None]]:
        """Around one reply, as a stage of the trace; call what it yields with each piece."""
        told: list[Usage] = []
        written: list[str] = []
        clock = time.perf_counter()
        self._arriving = messages, written
        with span("chat", {"model": model}) as made:

            def note(delta: Delta) -> None:
                if (delta.text or delta.thinking) and not written:
                    made.set_attribute("first_token_ms", round((time.perf_counter() - clock) * 1000, 1))
                written.append(delta.text + delta.thinking)
                if delta.usage is not None:
                    told.append(delta.usage)

            try:
                yield note
            finally:
                usage = told[-1] if told else _estimate(messages, "".join(written))
                made.set_attribute("tokens_in", usage.prompt_tokens)
                made.set_attribute("tokens_out", usage.completion_tokens)
                with self._lock:
                    self._sum, self._arriving = _together(self._sum, usage), None


def _together(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.estimated or other.estimated,
    )


def _estimate(messages: Sequence[ChatMessage], written: str) -> Usage:
    """Nothing for a reply of which nothing arrived: most likely nobody answered."""
    if not written:
        return Usage()
    return Usage(sum(estimate_tokens(m.content) for m in messages), estimate_tokens(written), estimated=True)
