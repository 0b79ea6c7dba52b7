"""SIGTERM with answers running: readiness fails first, no new question is taken, what runs may end.

Promises: the server's own handler runs after that, so that nothing else about stopping changes; a second
SIGTERM does not wait; SIGINT (Ctrl-C) never does.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ui.boot import House

log = logging.getLogger(__name__)


def drain_on_sigterm(house: House, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Takes SIGTERM over from whoever has it; what is returned gives it back. Does nothing outside of the
    main thread, where signals cannot be taken."""
    engine = house.engine
    if engine is None or threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = signal.getsignal(signal.SIGTERM)
    begun = threading.Event()

    def stop() -> None:
        """What SIGTERM did before, in the main thread."""
        if callable(before):
            before(signal.SIGTERM, None)
        else:
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

    def drain() -> None:
        state = engine.load_state()
        log.warning("stopping: %d answers run, %d questions wait", state.running, state.waiting)
        engine.drain()
        loop.call_soon_threadsafe(stop)

    def handle(signum: int, frame: FrameType | None) -> None:
        if begun.is_set():
            stop()
            return
        begun.set()
        threading.Thread(target=drain, name="drain", daemon=True).start()

    signal.signal(signal.SIGTERM, handle)

    def restore() -> None:
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)

    return restore
