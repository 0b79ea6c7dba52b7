"""How far a question has come: what has reached the reader, its place in the line, its limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from rag.answer import compliance, prompts
from rag.answer.meter import Meter
from rag.answer.writing import Outcome
from rag.load import Gate
from rag.records import Degraded, Event, Passage, Retrieved, Rewritten, Thinking, Token, Understood
from rag.settings import LoadSettings


class Admitted:
    """The question has its place: its limits begin."""


class Halted:
    """The service is being stopped."""


@dataclass
class Progress:
    """What has reached the reader so far."""

    question: str
    standalone: str
    told: Mapping[prompts.PromptLanguage, prompts.Prompt]
    passages: tuple[Passage, ...] = ()
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    degraded: list[Degraded] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    understood: Understood = field(default_factory=Understood)
    admitted_at: float | None = None
    retrieved: bool = False
    meter: Meter = field(default_factory=Meter)
    gate: compliance.Gate | None = None  # None: no compliance rule is active

    def overdue(self, load: LoadSettings, now: float) -> tuple[str, float] | None:
        """Code and limit of the stage that took too long."""
        if self.admitted_at is None:
            return None
        if not self.retrieved and now - self.admitted_at > load.retrieve_s:
            return "load.retrieve_slow", load.retrieve_s
        if now - self.admitted_at > load.answer_s:
            return "load.answer_slow", load.answer_s
        return None

    def note(self, event: Event | Outcome) -> None:
        match event:
            case Rewritten(question=question):
                self.standalone = question
            case Retrieved(passages=passages, timings_ms=timings, understood=understood):
                self.passages, self.understood, self.retrieved = passages, understood, True
                self.timings_ms.update({k: v for k, v in timings.items() if k != "total"})
            case Token(text=text):
                self.text.append(text)
            case Thinking(text=text):
                self.thinking.append(text)
            case Degraded():
                self.degraded.append(event)
            case Outcome():
                self.outcome = event
                self.timings_ms.update(event.timings_ms)


class Place:
    """A question's place in the line. Taken and given back by the thread that works on it; given back at the
    end of the ``with``."""

    def __init__(
        self, gate: Gate, user_id: str, left: Callable[[], bool], admitted: Callable[[], None]
    ) -> None:
        self._gate = gate
        self._user_id = user_id
        self._left = left
        self._admitted = admitted
        self._holding = ExitStack()
        self._held = False
        self.waited_ms = 0.0

    def take(self) -> bool:
        """Waits for a place, unless there is one already; False: the reader has left. Raises Busy."""
        if not self._held:
            clock = time.perf_counter()
            self._held = self._holding.enter_context(self._gate.place(self._user_id, self._left))
            self.waited_ms += (time.perf_counter() - clock) * 1000
            if self._held:
                self._admitted()
        return self._held

    def give_back(self) -> None:
        self._held = False
        self._holding.close()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()
