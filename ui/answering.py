"""Answers that are being written, owned by the process and not by a browser tab.

A question runs in its own thread; the page shows a snapshot of it as often as it likes. Rating, scrolling,
switching pages or reloading never ends a running answer: only :meth:`Ticket.stop` does, which sets the
Engine's stop event and so ends generation upstream too.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import WenjuError
from rag.records import Answer, Degraded, Done, Passage, Principal, Retrieved, Rewritten, Thinking, Token

if TYPE_CHECKING:
    from rag.engine import Engine

log = logging.getLogger(__name__)

MAX_RUNNING = 4  # of one reader; more only slow each other down
KEPT = 64  # finished tickets kept for tabs that have not looked yet


@dataclass(frozen=True)
class Snapshot:
    """A running answer at one instant. ``answer`` is set when it ended well, ``error`` when it did not."""

    standalone_question: str
    passages: tuple[Passage, ...] | None
    text: str
    thinking: str
    degraded: tuple[Degraded, ...]
    answer: Answer | None
    error: WenjuError | None
    stopping: bool
    elapsed_s: float


class Ticket:
    """One question on its way. Thread-safe."""

    def __init__(
        self,
        question: str,
        principal: Principal,
        conversation_id: int | None,
        use: str | None = None,
        ignored_chips: tuple[str, ...] = (),
        anew: bool = False,
    ) -> None:
        self.anew = anew
        self.ignored_chips = ignored_chips
        self.id = uuid.uuid4().hex[:16]
        self.question = question
        self.principal = principal
        self.conversation_id = conversation_id
        self.use = use
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._done = threading.Event()
        self._started = time.monotonic()
        self._standalone = ""
        self._passages: tuple[Passage, ...] | None = None
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._degraded: list[Degraded] = []
        self._answer: Answer | None = None
        self._error: WenjuError | None = None

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def stop(self) -> None:
        """Asks the Engine to end; what has arrived is kept and the answer marked incomplete."""
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended within ``timeout_s``."""
        return self._done.wait(timeout_s)

    def snapshot(self) -> Snapshot:
        with self._lock:
            return Snapshot(
                standalone_question=self._standalone,
                passages=self._passages,
                text="".join(self._text),
                thinking="".join(self._thinking),
                degraded=tuple(self._degraded),
                answer=self._answer,
                error=self._error,
                stopping=self._stop.is_set(),
                elapsed_s=time.monotonic() - self._started,
            )

    def run(
        self, engine: Engine, collection_ids: Iterable[int] | None, document_ids: Iterable[int] | None
    ) -> None:
        """Drives the Engine to the end of the answer. Never raises."""
        try:
            for event in engine.ask(
                self.question,
                self.principal,
                conversation_id=self.conversation_id,
                collection_ids=collection_ids,
                document_ids=document_ids,
                ignored_chips=self.ignored_chips,
                stop=self._stop,
                use=self.use,
                anew=self.anew,
            ):
                with self._lock:
                    self._take(event)
        except WenjuError as error:
            self._error = error
        except Exception:  # the thread's last boundary: the page must say that it ended
            log.exception("answering failed")
            self._error = WenjuError("ui.unexpected")
        finally:
            self._done.set()

    def _take(self, event: object) -> None:
        match event:
            case Rewritten(question):
                self._standalone = question
            case Retrieved(passages=passages):
                self._passages = passages
            case Thinking(text):
                self._thinking.append(text)
            case Token(text):
                self._text.append(text)
            case Degraded():
                self._degraded.append(event)
            case Done(answer):
                self._answer = answer
                self.conversation_id = answer.conversation_id


class AnswerDesk:
    """The process's running and lately finished answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, Ticket] = OrderedDict()

    def ask(
        self,
        question: str,
        principal: Principal,
        *,
        conversation_id: int | None = None,
        collection_ids: Iterable[int] | None = None,
        document_ids: Iterable[int] | None = None,
        use: str | None = None,
        ignored_chips: Iterable[str] = (),
        anew: bool = False,
    ) -> Ticket:
        """Starts an answer and returns at once. Raises WenjuError("ui.too_busy")."""
        ticket = Ticket(question, principal, conversation_id, use, tuple(ignored_chips), anew)
        with self._lock:
            running = sum(
                1 for t in self._tickets.values() if not t.done and t.principal.user_id == principal.user_id
            )
            if running >= MAX_RUNNING:
                raise WenjuError("ui.too_busy", count=running)
            self._tickets[ticket.id] = ticket
            for key in [k for k, t in self._tickets.items() if t.done][: max(0, len(self._tickets) - KEPT)]:
                del self._tickets[key]
        threading.Thread(
            target=ticket.run,
            args=(self._engine, collection_ids, document_ids),
            name=f"answer-{ticket.id}",
            daemon=True,
        ).start()
        return ticket

    def ticket(self, ticket_id: str, principal: Principal) -> Ticket | None:
        """The reader's own ticket; None: not there, or not theirs."""
        with self._lock:
            ticket = self._tickets.get(ticket_id)
        return ticket if ticket is not None and ticket.principal.user_id == principal.user_id else None

    def running(self, conversation_id: int, principal: Principal) -> Ticket | None:
        """The answer being written in a conversation, if any: a reloaded tab finds it again."""
        with self._lock:
            for ticket in reversed(self._tickets.values()):
                if (
                    not ticket.done
                    and ticket.conversation_id == conversation_id
                    and ticket.principal.user_id == principal.user_id
                ):
                    return ticket
        return None

    def unfiled(self, principal: Principal) -> list[Ticket]:
        """The reader's running answers whose conversation does not exist yet, oldest first."""
        with self._lock:
            return [
                t
                for t in self._tickets.values()
                if not t.done and t.conversation_id is None and t.principal.user_id == principal.user_id
            ]

    def stop_all(self) -> None:
        with self._lock:
            for ticket in self._tickets.values():
                ticket.stop()
