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
from dataclasses import replace
from functools import partial
from typing import Any

from rag import tracing
from rag.answer import chain, citations, compliance, hints, history, prompts, queries, wording
from rag.answer.arms import BASE, LIVE, Arms
from rag.answer.kept import AnswerCache
from rag.answer.progress import Admitted, Halted, Place, Progress
from rag.answer.prompt_library import PromptLibrary
from rag.answer.recall import Recall, Recalls, Wanted
from rag.answer.refusal import Refusal
from rag.answer.rule_book import RuleBook
from rag.answer.shelf import Shelf, whole_passage
from rag.answer.verify import Verdict, inverse_frequency, verify
from rag.answer.writing import Outcome, Writing
from rag.errors import PromptError, WenjuError
from rag.load import Gate, Running
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
    Rewritten,
    Scope,
    Token,
    Turn,
    Usage,
)
from rag.search import several
from rag.search.index import SearchIndex, SearchResult
from rag.settings import Settings
from rag.store import Store
from rag.text.terms import terms
from rag.vocabulary import mentions

log = logging.getLogger(__name__)

MAX_QUESTION_CHARS = 4_000
_POLL_S = 0.05  # how late a stop may be noticed


class Asker:
    """Shared by all users; each question has its own thread. Thread-safe."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        search: SearchIndex,
        embedding: Callable[[], EmbeddingModel],
        chats: ChatFinder,
        gate: Gate,
        running: Running,
        kept: AnswerCache,
    ) -> None:
        self._store = store
        self._settings = settings
        self._search = search
        self._embedding = embedding
        self._chats = chats
        self._prompts = PromptLibrary(store)
        self._rules = RuleBook(store)
        self._arms = Arms(settings.chat, store.live_adapters)
        self._gate = gate
        self._running = running
        self._recalls = Recalls(settings, store, search, chats, self._arms, kept)

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
        anew: bool = False,
        earlier: Sequence[tuple[str, str]] = (),
    ) -> Iterator[Event]:
        """See :meth:`rag.engine.Engine.ask`. The caller has authorised scope and conversation. ``readable``
        is all that the reader may see (hints after a refusal name it); None: the scope. Raises
        WenjuError for an empty or endless question and an unknown use before the first event; the first
        event raises Busy when there is no place."""
        self._gate.check_open()
        question = " ".join(question.replace("\0", " ").split()) if "\n" not in question else question.strip()
        if not question.strip():
            raise WenjuError("answer.empty_question")
        if len(question) > MAX_QUESTION_CHARS:
            raise WenjuError("answer.question_too_long", length=len(question), limit=MAX_QUESTION_CHARS)
        told, problem = self._told(use)
        wanted = Wanted(
            scope=scope,
            use=use or self._settings.answer.prompt_use,
            told=told,
            ignored_chips=ignored_chips,
            adapter=self._arms.of(principal.user_id),
            rules=self._rules.active(),
        )
        return self._events(
            question,
            principal,
            wanted,
            conversation_id,
            log_turn,
            stop,
            problem,
            readable or scope,
            self._recalls.of(wanted, anew=anew),
            earlier,
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
        wanted: Wanted,
        conversation_id: int | None,
        log_turn: bool,
        stop: threading.Event | None,
        problem: PromptError | None,
        readable: Scope,
        recall: Recall,
        told_earlier: Sequence[tuple[str, str]],
    ) -> Iterator[Event]:
        started = time.perf_counter()
        scope, told = wanted.scope, wanted.told
        progress = Progress(question, question, told)
        events: queue.SimpleQueue[Event | Outcome | BaseException | Admitted | Halted] = queue.SimpleQueue()
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
            wanted.adapter,
            lambda: self._search.own_terms.terms(scope),
        )
        progress.meter = writing.meter
        if wanted.rules.rules:
            progress.gate = compliance.Gate(
                wanted.rules,
                prompts.prompt_language(question),
                quoting=lambda: writing.quoting,
                settled=lambda: writing.settled,
            )
        if problem is not None:
            writing.degrade(Degraded("prompt", problem.code, problem.params))

        def work() -> None:
            try:
                with Place(
                    self._gate,
                    principal.user_id,
                    lambda: writing.cancelled,
                    lambda: events.put(Admitted()),
                ) as place:
                    lean_on = partial(self._earlier, conversation_id, readable, scope, told_earlier)
                    events.put(self._work(question, wanted, lean_on, writing, recall, place))
            except BaseException as error:  # noqa: BLE001 - crosses the thread; raised again in the reader's
                events.put(error)

        finished = False
        with self._running.entered(lambda: events.put(Halted())):
            carried = tracing.carried()
            threading.Thread(target=carried.run, args=(work,), name="wenju-ask", daemon=True).start()
            try:
                while progress.outcome is None:
                    if stop is not None and stop.is_set():
                        break
                    overdue = progress.overdue(self._settings.load, time.monotonic())
                    if overdue is not None:
                        code, limit = overdue
                        if not progress.retrieved:
                            finished = True  # nothing is there to keep
                            raise WenjuError(code, seconds=f"{limit:g}")
                        progress.degraded.append(Degraded("load", code, {"seconds": f"{limit:g}"}))
                        yield progress.degraded[-1]
                        break
                    try:
                        event = events.get(timeout=_POLL_S)
                    except queue.Empty:
                        continue
                    if isinstance(event, BaseException):
                        finished = True  # a fault of ours is not a turn
                        raise event
                    if isinstance(event, Admitted):
                        progress.admitted_at = time.monotonic()
                        continue
                    if isinstance(event, Halted):
                        progress.degraded.append(Degraded("load", "load.drained"))
                        yield progress.degraded[-1]
                        break
                    if isinstance(event, Outcome):
                        progress.note(event)
                        continue
                    for shown in progress.gate.take(event) if progress.gate else (event,):
                        progress.note(shown)
                        if isinstance(shown, Token) and "first_token" not in progress.timings_ms:
                            progress.timings_ms["first_token"] = _ms(started)
                        yield shown
                for shown in progress.gate.finish() if progress.gate else ():
                    progress.note(shown)
                    yield shown
                incomplete = progress.outcome is None or progress.outcome.incomplete
                writing.cancel()
                answer = recall.keep(self._finish(progress, incomplete, started))
                recall.end()
                if log_turn:
                    answer = self._keep(progress, answer, principal, conversation_id)
                finished = True
                yield from answer.degraded[len(progress.degraded) :]
                yield Done(answer)
            finally:
                recall.end()
                writing.cancel()
                if not finished and log_turn and progress.passages:
                    # The reader left: the turn is kept all the same, with what had arrived.
                    self._keep(progress, self._finish(progress, True, started), principal, conversation_id)

    def _work(
        self,
        question: str,
        wanted: Wanted,
        lean_on: Callable[[], list[tuple[str, str, str]]],
        writing: Writing,
        recall: Recall,
        place: Place,
    ) -> Outcome:
        from rag.search.retriever import ScopedRetriever

        standalone = question
        earlier = lean_on()
        if earlier and not place.take():  # a model may have to restate it
            return writing.outcome()
        clock = time.perf_counter()
        if earlier:
            standalone = self._standalone(question, earlier, wanted.scope, writing)
        writing.timings_ms["rewrite"] = _ms(clock)
        clock = time.perf_counter()
        with tracing.span("cache"):
            found = recall.find(standalone, lambda: writing.cancelled, place.give_back)
        writing.timings_ms["cache"] = _ms(clock)
        if found is not None:
            if recall.instead_of:
                writing.degrade(Degraded("cache", "degraded.similar", {"question": recall.instead_of}))
            writing.give(standalone, found)
            return writing.outcome()
        if not place.take():
            return writing.outcome()
        writing.timings_ms["wait"] = place.waited_ms
        writing.emit(Rewritten(standalone))
        retriever = ScopedRetriever(
            index=self._search,
            scope=wanted.scope,
            top_k=self._settings.search.top_k,
            ignored_chips=wanted.ignored_chips,
            further=partial(self._further, standalone, wanted.scope, writing),
        )

        def write(asked: str, passages: Sequence[Passage]) -> str:
            assert retriever.last_result is not None
            writing.retrieved(retriever.last_result)
            return writing.write(asked, passages)

        chain.build(retriever, write).invoke({"query": standalone})
        return writing.outcome()

    def _earlier(
        self,
        conversation_id: int | None,
        readable: Scope,
        scope: Scope,
        told: Sequence[tuple[str, str]],
    ) -> list[tuple[str, str, str]]:
        """(question, standalone question, answer) of what a follow-up leans on, oldest first: what the client
        told, else the conversation's turns."""
        limit = self._settings.answer.history_turns
        if not limit:
            return []
        if told:
            return history.retold(told[-limit:], self._names(scope))
        if conversation_id is None:
            return []
        kept = (t for t in self._store.turns(conversation_id)[-limit:] if self._may_lean_on(t, readable))
        return [(t.answer.question, t.answer.standalone_question, t.answer.text) for t in kept]

    def _names(self, scope: Scope) -> list[str]:
        """Names of the scope's documents, longest first."""
        found = {n for d in self._store.documents(scope) for n in (d.name, d.title) if n}
        return sorted(found, key=len, reverse=True)

    def _may_lean_on(self, turn: Turn, readable: Scope) -> bool:
        """An earlier answer from a collection that the reader has lost shapes no later question."""
        if self._settings.accounts.mode == "off":
            return True
        return turn.collection_ids is not None and turn.collection_ids <= readable.collection_ids

    def _standalone(
        self, question: str, earlier: Sequence[tuple[str, str, str]], scope: Scope, writing: Writing
    ) -> str:
        with tracing.span("rewrite", {"turns": len(earlier)}):
            standalone, problem = history.standalone(
                question,
                earlier,
                self._names(scope),
                self._chats.find().model,
                writing.meter,
            )
        if problem is not None:
            writing.degrade(Degraded("chat", "degraded.rewrite"))
        return standalone

    def _further(
        self, question: str, scope: Scope, writing: Writing, first: SearchResult
    ) -> list[several.Further]:
        """What is searched beside the question; nothing unless a chat model can help."""
        budget_s = self._settings.answer.plan_timeout_s
        model = self._chats.find().model if budget_s > 0 else None
        if model is None:
            return []
        clock = time.perf_counter()
        named = {i for chip in first.understood.chips for i in chip.document_ids}
        planned = queries.plan(
            question,
            queries.meant_documents(self._store.documents(scope), named),
            model,
            budget_s=budget_s,
            cancelled=lambda: writing.cancelled,
            meter=writing.meter,
        )
        writing.timings_ms["plan"] = _ms(clock)
        for event in planned.degraded:
            writing.degrade(event)
        writing.translated(planned.translation)
        found = [several.Further(q, several.PART_WEIGHT) for q in planned.parts]
        if planned.translation:
            found.append(several.Further(planned.translation, several.TRANSLATION_WEIGHT, translates=True))
        return found

    def _hints(self, question: str, refusal: Refusal, scope: Scope, readable: Scope) -> tuple[Hint, ...]:
        """What would help; nothing when the store cannot tell just now: a refusal stands without it."""
        try:
            inside = self._store.documents(scope)
            return hints.hints(
                question,
                refusal,
                inside,
                inside if readable == scope else self._store.documents(readable),
                unknown_company=self._search.unknown_company(question, readable),
                unknown_period=self._search.unknown_period(question, readable),
                own=self._search.own_terms.terms(scope),
            )
        except WenjuError as error:
            log.warning("no hints: %s", error.code)
            return ()

    def _finish(self, progress: Progress, incomplete: bool, started: float) -> Answer:
        outcome = progress.outcome or Outcome(mode="generative" if progress.text else "extractive")
        if outcome.kept is not None:
            return replace(
                outcome.kept,
                question=progress.question,
                standalone_question=progress.standalone,
                degraded=tuple(progress.degraded),
                timings_ms={**progress.timings_ms, "total": _ms(started)},
                usage=Usage(),
                from_cache=True,
                request_id=tracing.request_id(),
            )
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
            if progress.gate is not None and progress.gate.changed:
                cited = compliance.still_cited(cited, text)
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
            rule_hits=tuple(f.hit for f in progress.gate.found()) if progress.gate else (),
            rules_version=progress.gate.version if progress.gate else "",
            usage=progress.meter.usage,
            request_id=tracing.request_id(),
        )

    def _verify(self, text: str, outcome: Outcome, progress: Progress) -> Verdict:
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
            standing=progress.gate.standing if progress.gate else (),
        )
        progress.timings_ms["verify"] = _ms(clock)
        return verdict

    def _keep(
        self, progress: Progress, answer: Answer, principal: Principal, conversation_id: int | None
    ) -> Answer:
        """The answer with its ids; unlogged (and saying so) when the store cannot take it."""
        found = progress.gate.found() if progress.gate else ()
        try:
            with tracing.span("keep"):
                kept = self._store.log_turn(
                    answer,
                    principal.user_id,
                    conversation_id,
                    hits=[(f.hit, f.excerpt) for f in found],
                    asked=asked_detail(answer, principal),
                ).answer
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


def asked_detail(answer: Answer, principal: Principal) -> dict[str, Any]:
    """What the audit chain keeps of a question: ids and counts, no words."""
    detail: dict[str, Any] = {
        "mode": answer.mode,
        "model": answer.model,
        "adapter": answer.adapter,
        "documents": sorted({p.document_id for p in answer.passages}),
        "cited": len(answer.citations),
        "incomplete": answer.incomplete,
        "rules": [hit.rule_id for hit in answer.rule_hits],
        "token": principal.token_id,
    }
    return {name: value for name, value in detail.items() if value}


def _ms(since: float) -> float:
    return (time.perf_counter() - since) * 1000
