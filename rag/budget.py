"""A limit on how long somebody waits for a call that cannot be interrupted."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` returns or raises, run in a thread of its own with this context. Raises TimeoutError when
    it takes longer; the call then goes on unheard: what it calls needs limits and a breaker of its own."""
    found: list[T] = []
    failed: list[BaseException] = []
    context = contextvars.copy_context()

    def work() -> None:
        try:
            found.append(context.run(call))
        except BaseException as error:  # noqa: BLE001 - crosses the thread; raised again below
            failed.append(error)

    thread = threading.Thread(target=work, name="within", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"not within {seconds:g} s")
    return found[0]
