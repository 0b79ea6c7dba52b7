"""One question from beginning to end, as a stream of typed events.

Promises: exactly one ``Done`` ends the stream of a question that ran to its end or was stopped; what was
missing is said (``Degraded``) before it; a model that fails before its first word gives way to quotes, one
that fails later leaves what arrived, marked incomplete; the turn is kept also when the reader left.

The work (restating, RetrievalQA) runs in a thread of its own and puts events into a queue, so that a stop
or a closed generator takes effect at once, wherever the work is waiting.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rag import tracing
from rag.answer import chain, citations, hints, history, prompts, wording
from rag.answer.arms import BASE, LIVE, Arms
from rag.answer.prompt_library import PromptLibrary
from rag.answer.refusal import Refusal
from rag.answer.shelf import Shelf, whole_passage
from rag.answer.verify import Verdict, inverse_frequency, verify
from rag.answer.writing import Outcome, Writing
from rag.errors import PromptError, WenjuError
from rag.models.chat import ChatFinder
from rag.models.protocols import EmbeddingModel
from rag.records import (
    Answer,
    Degraded,
    Done,
    Event,
    Hint,
    Page,
    Passage,
    Principal,
    Retrieved,
    Rewritten,
    Scope,
    Thinking,
    Token,
    Understood,
    Usage,
)
from rag.search.index import SearchIndex
from rag.settings import Settings
from rag.store import Store
from rag.text.terms import terms
from rag.vocabulary import mentions

log = logging.getLogger(__name__)

MAX_QUESTION_CHARS = 4_000
_POLL_S = 0.05  # how late a stop may be noticed


@dataclass
class _Progress:
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

    def note(self, event: Event | Outcome) -> None:
        match event:
            case Rewritten(question=question):
                self.standalone = question
            case Retrieved(passages=passages, timings_ms=timings, understood=understood):
                self.passages, self.understood = passages, understood
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


class Asker:
    """Shared by all users; each question has its own thread. Thread-safe."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        search: SearchIndex,
        embedding: Callable[[], EmbeddingModel],
        chats: ChatFinder,
    ) -> None:
        self._store = store
        self._settings = settings
        self._search = search
        self._embedding = embedding
        self._chats = chats
        self._prompts = PromptLibrary(store)
        self._arms = Arms(settings.chat, store.live_adapters)

    def warm_up(self) -> None:
        """Does before the first question what else it would wait for: importing the chain (about a second),
        reading the vocabulary, and compiling the embedding model for passages, which quotes are weighed
        with (searching compiles it for queries only)."""
        chain.warm_up()
        mentions("revenue 营业收入")
        self._embedding().embed_passages(["warm up"])

    def shares(self) -> dict[str, float]:
        """The adapters that answer, newest first, with their shares (0..1) of the users that no newer one
        took; one that the settings name has all."""
        named = self._settings.chat.adapter
        if named not in (LIVE, BASE):
            return {named: 1.0}
        return {a.name: a.share for a in self._arms.live()} if named == LIVE else {}

    def ask(
        self,
        question: str,
        principal: Principal,
        scope: Scope,
        *,
        conversation_id: int | None,
        log_turn: bool,
        stop: threading.Event | None,
        use: str | None = None,
        ignored_chips: Collection[str] = (),
        readable: Scope | None = None,
    ) -> Iterator[Event]:
        """See :meth:`rag.engine.Engine.ask`. The caller has authorised scope and conversation. ``readable``
        is all that the reader may see (hints after a refusal name it); None: the scope. Raises
        WenjuError for an empty or endless question and an unknown use before the first event."""
        question = " ".join(question.replace("\0", " ").split()) if "\n" not in question else question.strip()
        if not question.strip():
            raise WenjuError("answer.empty_question")
        if len(question) > MAX_QUESTION_CHARS:
            raise WenjuError("answer.question_too_long", length=len(question), limit=MAX_QUESTION_CHARS)
        told, problem = self._told(use)
        return self._events(
            question,
            principal,
            scope,
            conversation_id,
            log_turn,
            stop,
            told,
            problem,
            tuple(ignored_chips),
            readable or scope,
        )

    def _told(
        self, use: str | None
    ) -> tuple[Mapping[prompts.PromptLanguage, prompts.Prompt], PromptError | None]:
        """The prompts of a use. A use that the settings name wrongly gives way to the concise one, said
        aloud; one that the reader names wrongly raises PromptError."""
        try:
            return self._prompts.pair(use or self._settings.answer.prompt_use), None
        except PromptError as error:
            if use:
                raise
            return self._prompts.pair(wording.CONCISE), error

    def _events(
        self,
        question: str,
        principal: Principal,
        scope: Scope,
        conversation_id: int | None,
        log_turn: bool,
        stop: threading.Event | None,
        told: Mapping[prompts.PromptLanguage, prompts.Prompt],
        problem: PromptError | None,
        ignored_chips: Sequence[str],
        readable: Scope,
    ) -> Iterator[Event]:
        started = time.perf_counter()
        progress = _Progress(question, question, told)
        events: queue.SimpleQueue[Event | Outcome | BaseException] = queue.SimpleQueue()
        writing = Writing(
            self._settings,
            self._search,
            self._embedding,
            self._chats,
            self._page_of(),
            events.put,
            told,
            lambda passages: Shelf(
                passages, scope, self._look_for, self._page_of(), partial(self._chunks_of, scope)
            ),
            lambda asked, refusal: self._hints(asked, refusal, scope, readable),
            self._arms.of(principal.user_id),
        )
        if problem is not None:
            writing.degrade(Degraded("prompt", problem.code, problem.params))

        def work() -> None:
            try:
                events.put(self._work(question, scope, conversation_id, writing, ignored_chips))
            except BaseException as error:  # noqa: BLE001 - crosses the thread; raised again in the reader's
                events.put(error)

        carried = tracing.carried()
        threading.Thread(target=carried.run, args=(work,), name="wenju-ask", daemon=True).start()
        finished = False
        try:
            while progress.outcome is None:
                if stop is not None and stop.is_set():
                    break
                try:
                    event = events.get(timeout=_POLL_S if stop is not None else None)
                except queue.Empty:
                    continue
                if isinstance(event, BaseException):
                    finished = True  # a fault of ours is not a turn
                    raise event
                progress.note(event)
                if isinstance(event, Token) and "first_token" not in progress.timings_ms:
                    progress.timings_ms["first_token"] = _ms(started)
                if not isinstance(event, Outcome):
                    yield event
            incomplete = progress.outcome is None or progress.outcome.incomplete
            writing.cancel()
            answer = self._finish(progress, writing.meter.usage, incomplete, started)
            if log_turn:
                answer = self._keep(answer, principal, conversation_id)
            finished = True
            yield from answer.degraded[len(progress.degraded) :]
            yield Done(answer)
        finally:
            writing.cancel()
            if not finished and log_turn and progress.passages:
                # The reader left: the turn is kept all the same, with what had arrived.
                left = self._finish(progress, writing.meter.usage, True, started)
                self._keep(left, principal, conversation_id)

    def _work(
        self,
        question: str,
        scope: Scope,
        conversation_id: int | None,
        writing: Writing,
        ignored_chips: Sequence[str],
    ) -> Outcome:
        from rag.search.retriever import ScopedRetriever

        standalone = question
        clock = time.perf_counter()
        limit = self._settings.answer.history_turns
        if conversation_id is not None and limit:
            turns = [t.answer for t in self._store.turns(conversation_id)[-limit:]]
            names = sorted(
                {n for d in self._store.documents(scope) for n in (d.name, d.title) if n},
                key=len,
                reverse=True,
            )
            with tracing.span("rewrite", {"turns": len(turns)}):
                standalone, problem = history.standalone(
                    question,
                    [(a.question, a.standalone_question, a.text) for a in turns],
                    names,
                    self._chats.find().model,
                    writing.meter,
                )
            if problem is not None:
                writing.degrade(Degraded("chat", "degraded.rewrite"))
        writing.timings_ms["rewrite"] = _ms(clock)
        writing.emit(Rewritten(standalone))
        retriever = ScopedRetriever(
            index=self._search,
            scope=scope,
            top_k=self._settings.search.top_k,
            ignored_chips=ignored_chips,
        )

        def write(asked: str, passages: Sequence[Passage]) -> str:
            assert retriever.last_result is not None
            writing.retrieved(retriever.last_result)
            return writing.write(asked, passages)

        chain.build(retriever, write).invoke({"query": standalone})
        return writing.outcome()

    def _hints(self, question: str, refusal: Refusal, scope: Scope, readable: Scope) -> tuple[Hint, ...]:
        """What would help; nothing when the store cannot tell just now: a refusal stands without it."""
        try:
            inside = self._store.documents(scope)
            return hints.hints(
                question, refusal, inside, inside if readable == scope else self._store.documents(readable)
            )
        except WenjuError as error:
            log.warning("no hints: %s", error.code)
            return ()

    def _finish(self, progress: _Progress, usage: Usage, incomplete: bool, started: float) -> Answer:
        outcome = progress.outcome or Outcome(mode="generative" if progress.text else "extractive")
        text = "".join(progress.text).strip()
        degraded = list(progress.degraded)
        cited = outcome.citations
        if outcome.mode == "generative" and not outcome.refused:
            try:
                cited = citations.cite(text, progress.passages, self._page_of())
            except WenjuError as error:  # a document deleted meanwhile: the text stands, its places are gone
                degraded.append(Degraded("citations", error.code, error.params))
            if text and not incomplete and not cited:
                degraded.append(Degraded("citations", "degraded.citations_none"))
        with tracing.span("verify"):
            verdict = self._verify(text, outcome, progress)
        if verdict.missing and cited:
            numbers = ", ".join(verdict.missing[:8])
            degraded.append(Degraded("citations", "degraded.citations_unsupported", {"numbers": numbers}))
        return Answer(
            turn_id=None,
            conversation_id=None,
            question=progress.question,
            standalone_question=progress.standalone,
            text=text,
            mode="refused" if outcome.refused else outcome.mode,
            refused=outcome.refused,
            refusal_code=outcome.refusal_code,
            model=outcome.model,
            adapter=outcome.adapter,
            citations=cited,
            passages=progress.passages,
            degraded=tuple(degraded),
            incomplete=incomplete,
            thinking="".join(progress.thinking).strip(),
            prompt_version=progress.told[prompts.prompt_language(progress.standalone)].version,
            timings_ms={**progress.timings_ms, "total": _ms(started)},
            checks=verdict.checks,
            groundedness=verdict.groundedness,
            calculations=outcome.calculations,
            understood=progress.understood,
            hints=outcome.hints,
            usage=usage,
            request_id=tracing.request_id(),
        )

    def _verify(self, text: str, outcome: Outcome, progress: _Progress) -> Verdict:
        """The answer's sentences and numbers held against its passages; nothing for a refusal."""
        if outcome.refused or not text or not progress.passages:
            return Verdict()
        clock = time.perf_counter()
        weights = None
        try:
            frequencies, total = self._search.term_frequencies(sorted(set(terms(text))))
            weights = inverse_frequency(frequencies, total) if total else None
        except WenjuError as error:
            log.warning("answer checked without the index's word counts: %s", error.code)
        verdict = verify(
            text,
            progress.passages,
            question=progress.standalone,
            calculations=outcome.calculations,
            weights=weights,
        )
        progress.timings_ms["verify"] = _ms(clock)
        return verdict

    def _keep(self, answer: Answer, principal: Principal, conversation_id: int | None) -> Answer:
        """The answer with its ids; unlogged (and saying so) when the store cannot take it."""
        try:
            with tracing.span("keep"):
                kept = self._store.log_turn(answer, principal.user_id, conversation_id).answer
            tracing.annotate(turn_id=kept.turn_id or 0)
            return kept
        except WenjuError as error:
            log.warning("turn not kept: %s", error.code)
            lost = Degraded("store", "degraded.not_logged", {"detail": str(error)})
            return replace(answer, degraded=(*answer.degraded, lost))

    def _look_for(self, query: str, scope: Scope, top_k: int) -> Sequence[Passage]:
        return self._search.search(query, scope, top_k=top_k).passages

    def _chunks_of(self, scope: Scope, document_id: int, number: int) -> list[Passage]:
        return [whole_passage(c) for c in self._store.page_chunks(document_id, number, scope)]

    def _page_of(self) -> Callable[[int, int], Page]:
        pages: dict[tuple[int, int], Page] = {}

        def page_of(document_id: int, number: int) -> Page:
            key = (document_id, number)
            if key not in pages:
                pages[key] = self._store.page(document_id, number)
            return pages[key]

        return page_of


def _ms(since: float) -> float:
    return (time.perf_counter() - since) * 1000
