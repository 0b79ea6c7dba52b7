"""Any OpenAI-compatible endpoint at rising concurrency, and what this app adds to it.

Promises: each question is timed on its own, from the moment its turn comes to its first and its last piece; a
reply that fails is counted with its reason and never hides in an average; direct calls and questions through
the app are asked in alternating rounds with the very same prompts, so that what the machine does meanwhile
hits both. Percentiles are of all requests of a level (nearest rank).
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from rag.answer import prompts
from rag.models.protocols import ChatMessage
from rag.records import Passage
from serving.plan import ServingError

if TYPE_CHECKING:
    from openai import OpenAI

    from rag.engine import Engine

# One question by its number -> the pieces of its reply, as they arrive; raises what went wrong.
Ask = Callable[[int], Iterator[str]]
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Timing:
    """One question. ``first_s``: until its first piece, None when none came. ``error``: "" for none."""

    first_s: float | None
    total_s: float
    pieces: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """Figures of one concurrency. Times in milliseconds; None when no reply had a piece."""

    target: str
    concurrency: int
    requests: int
    errors: int
    reasons: tuple[tuple[str, int], ...]
    first_p50_ms: float | None
    first_p95_ms: float | None
    between_ms: float | None  # mean time between pieces of one reply
    pieces_per_s: float  # of all replies together; one piece is one token on vLLM
    questions_per_s: float
    wall_s: float = field(repr=False)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ask_one(ask: Ask, number: int) -> Timing:
    """One question, timed. Its failure is its result: a load test counts failures."""
    started = time.perf_counter()
    first: float | None = None
    pieces = 0
    error = ""
    try:
        for piece in ask(number):
            if piece:
                first = first or time.perf_counter() - started
                pieces += 1
    except Exception as failure:  # noqa: BLE001 - whatever an endpoint does wrong is counted by its kind
        error = f"{type(failure).__name__}: {' '.join(str(failure).split())[:120]}"
    if not error and first is None:
        error = "empty reply"
    return Timing(first, time.perf_counter() - started, pieces, error)


def drive(ask: Ask, numbers: Sequence[int], concurrency: int) -> tuple[list[Timing], float]:
    """All ``numbers`` with ``concurrency`` at a time -> (timings, seconds in all)."""
    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="load") as pool:
        timings = list(pool.map(lambda number: ask_one(ask, number), numbers))
    return timings, time.perf_counter() - started


def summarise(target: str, concurrency: int, timings: Sequence[Timing], wall_s: float) -> Level:
    good = [t for t in timings if not t.error]
    firsts = [t.first_s * 1000 for t in good if t.first_s is not None]
    between = [
        (t.total_s - t.first_s) / (t.pieces - 1) for t in good if t.first_s is not None and t.pieces > 1
    ]
    return Level(
        target=target,
        concurrency=concurrency,
        requests=len(timings),
        errors=len(timings) - len(good),
        reasons=tuple(Counter(t.error for t in timings if t.error).most_common(3)),
        first_p50_ms=percentile(firsts, 0.5) if firsts else None,
        first_p95_ms=percentile(firsts, 0.95) if firsts else None,
        between_ms=1000 * sum(between) / len(between) if between else None,
        pieces_per_s=sum(t.pieces for t in timings) / wall_s if wall_s else 0.0,
        questions_per_s=len(good) / wall_s if wall_s else 0.0,
        wall_s=wall_s,
    )


def compare(
    targets: dict[str, Ask], levels: Sequence[int], *, questions: int, requests: int, rounds: int = 2
) -> list[Level]:
    """Each level of concurrency against each target, in rounds that alternate (A B, B A, ...). A round asks
    ``requests`` questions, never fewer than twice the concurrency, numbered 0 to ``questions`` - 1 around."""
    found: list[Level] = []
    turn = 0
    for concurrency in levels:
        size = max(requests, 2 * concurrency)
        gathered: dict[str, tuple[list[Timing], float]] = {name: ([], 0.0) for name in targets}
        for number in range(rounds):
            asked = [(turn + i) % questions for i in range(size)]
            turn += size
            order = list(targets) if number % 2 == 0 else list(reversed(targets))
            for name in order:
                timings, wall_s = drive(targets[name], asked, concurrency)
                before, seconds = gathered[name]
                gathered[name] = (before + timings, seconds + wall_s)
        found += [summarise(name, concurrency, *gathered[name]) for name in targets]
    return found


def first_token_ratio(levels: Sequence[Level], ours: str, bare: str) -> dict[int, float]:
    """Concurrency -> median time to the first token through ``ours``, in times of ``bare``'s."""
    at = {(level.target, level.concurrency): level.first_p50_ms for level in levels}
    found: dict[int, float] = {}
    for (name, concurrency), mine in at.items():
        direct = at.get((bare, concurrency))
        if name == ours and mine and direct:
            found[concurrency] = mine / direct
    return found


# ---------------------------------------------------------------- what is asked


def client(base_url: str, api_key: str) -> OpenAI:
    """The official client, without its own retries: a failure is a figure here. A server on this machine is
    never behind a proxy."""
    from openai import DefaultHttpxClient, OpenAI

    http = DefaultHttpxClient(timeout=TIMEOUT_S, trust_env="127.0.0.1" not in base_url)
    return OpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, http_client=http)


def served_model(openai: OpenAI, base_url: str, named: str = "") -> str:
    """``named``, or the first model that the endpoint lists. Raises ServingError("serving.endpoint")."""
    from openai import OpenAIError

    if named:
        return named
    try:
        listed = [model.id for model in openai.models.list().data or []]
    except (OpenAIError, ValueError, AttributeError) as error:
        problem = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise ServingError("serving.endpoint", url=base_url, problem=problem) from error
    if not listed:
        raise ServingError(
            "serving.endpoint", url=base_url, problem="no model is listed; name one with --model"
        )
    return listed[0]


def endpoint(
    openai: OpenAI,
    model: str,
    messages: Sequence[Sequence[ChatMessage]],
    *,
    max_tokens: int,
    temperature: float = 0.0,
    extra_body: dict[str, Any] | None = None,
) -> Ask:
    """Question ``n`` is ``messages[n]``, sent straight to the endpoint and streamed."""

    def ask(number: int) -> Iterator[str]:
        sent: Any = [{"role": m.role, "content": m.content} for m in messages[number]]
        stream = openai.chat.completions.create(
            model=model,
            messages=sent,
            stream=True,
            max_tokens=max_tokens,
            temperature=temperature,
            extra_body=extra_body,
        )
        ended = False
        for chunk in stream:
            for choice in chunk.choices[:1]:
                delta = choice.delta
                yield (
                    delta.content
                    or getattr(delta, "reasoning_content", "")
                    or getattr(delta, "reasoning", "")
                    or ""
                )
                ended = ended or bool(choice.finish_reason)
        if not ended:
            raise ServingError("serving.cut")

    return ask


def through_engine(engine: Engine, questions: Sequence[str]) -> Ask:
    """Question ``n`` through the whole app: understanding, retrieval, prompt, the streamed reply, its checks.
    What comes without the model (quotes, an answer kept from before) is an error: it would flatter."""
    from rag.records import Done, Thinking, Token

    def ask(number: int) -> Iterator[str]:
        for event in engine.ask(questions[number], log=False, anew=True):
            if isinstance(event, Token | Thinking):
                yield event.text
            elif isinstance(event, Done):
                answer = event.answer
                broken = [part.code for part in answer.degraded if part.part == "chat"]
                if answer.from_cache or answer.mode == "extractive" or broken not in ([], ["chat.length"]):
                    why = ", ".join(broken) or ("cache" if answer.from_cache else answer.mode)
                    raise ServingError("serving.no_model", why=why)

    return ask


class Recorder:
    """A chat model that keeps the messages it was given and says one word."""

    name = "recorder"

    def __init__(self) -> None:
        self.kept: list[list[ChatMessage]] = []
        self._lock = threading.Lock()

    def stream(self, messages: Sequence[ChatMessage]) -> Iterator[Any]:
        from rag.models.protocols import Delta

        with self._lock:
            self.kept.append(list(messages))
        yield Delta(text="recorded")
        yield Delta(finish_reason="stop")


def record_prompts(
    open_engine: Callable[[Recorder], Engine], questions: Sequence[str]
) -> list[tuple[str, list[ChatMessage]]]:
    """The questions for which the app asks its model exactly once, with what it sends. Raises
    ServingError("serving.no_question") when there is none."""
    recorder = Recorder()
    found: list[tuple[str, list[ChatMessage]]] = []
    engine = open_engine(recorder)
    try:
        for question in questions:
            recorder.kept.clear()
            for _ in engine.ask(question, log=False, anew=True):
                pass
            if len(recorder.kept) == 1:
                found.append((question, recorder.kept[0]))
    finally:
        engine.close()
    if not found:
        raise ServingError("serving.no_question", asked=len(questions))
    return found


_WORDS = ("revenue", "profit", "segment", "margin", "dividend", "interest", "lease", "inventory", "goodwill")


def made_up_prompts(count: int, tokens: int, *, seed: int = 0) -> list[list[ChatMessage]]:
    """Prompts as the app writes them over made-up passages, about ``tokens`` tokens each, no two alike."""
    random = Random(seed)
    found = []
    for number in range(count):
        passages: list[Passage] = []
        left = tokens
        while left > 0:
            text = " ".join(
                f"{random.choice(_WORDS).title()} {random.choice(_WORDS)} was {random.randint(10, 9999)} "
                f"million in {random.randint(1990, 2030)}."
                for _ in range(min(30, max(1, left // 12)))
            )
            left -= prompts.estimate_tokens(text)
            passages.append(_passage(len(passages), text))
        found.append(prompts.build(f"What was the {random.choice(_WORDS)} of company {number}?", passages))
    return found


def _passage(number: int, text: str) -> Passage:
    return Passage(
        rank=number + 1,
        chunk_id=number,
        document_id=number,
        document=f"Report {number}.pdf",
        title="",
        page_start=1,
        page_end=1,
        section_path=(),
        table_header="",
        text=text,
        char_start=0,
        char_end=len(text),
        boxes=(),
        language="en",
        page_kind="physical",
        score=1.0,
    )
