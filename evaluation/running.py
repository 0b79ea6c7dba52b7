"""Evaluation runs owned by the process and not by a browser tab or a request: started, watched, stopped."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import WenjuError
from rag.records import Principal

if TYPE_CHECKING:
    from evaluation.runner import Ran
    from evaluation.runs import RunSpec
    from rag.engine import Engine
    from rag.records import EvalRun

log = logging.getLogger(__name__)

MAX_RUNNING = 2  # of one person


@dataclass(frozen=True)
class Progress:
    """``ran`` is set when it ended well (also when stopped), ``error`` when it did not."""

    done: int
    total: int
    stopping: bool
    ran: Ran | None
    error: WenjuError | None


class RunTicket:
    """One run on its way. ``quiet``: whoever started it asks for its state by the run's id. Thread-safe."""

    def __init__(self, spec: RunSpec, principal: Principal, *, quiet: bool = False) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.spec, self.principal, self.quiet = spec, principal, quiet
        self.run_id: int | None = None
        self._known = threading.Event()
        self._stop, self._done = threading.Event(), threading.Event()
        self._counts = (0, 0)
        self._ran: Ran | None = None
        self._error: WenjuError | None = None

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def stop(self) -> None:
        """What was answered is kept; the same run again goes on from there."""
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        return self._done.wait(timeout_s)

    def wait_for_id(self, timeout_s: float) -> int | None:
        """The run's id, once it has one; None when it ended without, or not in time."""
        self._known.wait(timeout_s)
        return self.run_id

    def progress(self) -> Progress:
        return Progress(*self._counts, self._stop.is_set(), self._ran, self._error)

    def run(self, engine: Engine) -> None:
        """Drives the run to its end. Never raises."""
        from evaluation.runner import run

        def count(done: int, total: int, _: str) -> None:
            self._counts = (done, total)

        def begun(run: EvalRun) -> None:
            self.run_id = run.id
            self._known.set()

        try:
            self._ran = run(
                engine, self.spec, self.principal, stop=self._stop, on_progress=count, on_run=begun
            )
        except WenjuError as error:
            self._error = error
        except Exception:  # the thread's last boundary: the page must say that it ended
            log.exception("evaluation run failed")
            self._error = WenjuError("ui.run_failed")
        finally:
            self._done.set()
            self._known.set()


class RunDesk:
    """The process's running and lately finished runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._tickets: dict[str, RunTicket] = {}

    def start(self, spec: RunSpec, principal: Principal, *, quiet: bool = False) -> RunTicket:
        """Starts and returns at once. Raises WenjuError("ui.too_many_runs")."""
        ticket = RunTicket(spec, principal, quiet=quiet)
        with self._lock:
            self._tickets = {key: t for key, t in self._tickets.items() if not (t.quiet and t.done)}
            mine = [t for t in self._tickets.values() if t.principal.user_id == principal.user_id]
            if sum(not t.done for t in mine) >= MAX_RUNNING:
                raise WenjuError("ui.too_many_runs", count=MAX_RUNNING)
            self._tickets[ticket.id] = ticket
        threading.Thread(
            target=ticket.run, args=(self._engine,), name=f"run-{ticket.id}", daemon=True
        ).start()
        return ticket

    def tickets(self, principal: Principal) -> list[RunTicket]:
        """The person's own that are not quiet, oldest first; finished ones until they are taken."""
        with self._lock:
            return [
                t for t in self._tickets.values() if t.principal.user_id == principal.user_id and not t.quiet
            ]

    def stop_run(self, run_id: int) -> bool:
        """Stops the run where it goes in this process; the caller has authorised it. False: it does not."""
        with self._lock:
            found = [t for t in self._tickets.values() if t.run_id == run_id and not t.done]
        for ticket in found:
            ticket.stop()
        return bool(found)

    def take(self, ticket_id: str) -> None:
        """Lets go of a finished one."""
        with self._lock:
            self._tickets.pop(ticket_id, None)

    def stop_all(self) -> None:
        with self._lock:
            for ticket in self._tickets.values():
                ticket.stop()
