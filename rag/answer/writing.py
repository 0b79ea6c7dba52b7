"""The writer inside the chain: passages in, events out. By a chat model when there is one, else by quoting.

Promises: the model's text reaches the reader only through :class:`MarkerStream`; a refusal is the one
refusal text with a reason; ``cancel`` from any thread ends the model's reply at once.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rag.answer import calculator, citations, extractive, prompts, wording
from rag.answer.evidence import Asked, essence, understand
from rag.answer.grown import grow
from rag.answer.markers import MarkerStream
from rag.answer.meter import Meter
from rag.answer.refusal import Refusal, Signals, by_rule, decide, decide_quotes, learned_model, measure
from rag.answer.shelf import Shelf
from rag.budget import within
from rag.errors import ModelError, WenjuError
from rag.messages import message
from rag.models.chat import ChatFinder
from rag.models.protocols import ChatModel, Delta, EmbeddingModel
from rag.records import (
    Answer,
    AnswerMode,
    Calculation,
    Citation,
    Degraded,
    Event,
    Hint,
    Passage,
    Retrieved,
    Rewritten,
    Thinking,
    Token,
    Understood,
)
from rag.search.index import SearchIndex, SearchResult
from rag.search.query_terms import query_terms
from rag.settings import Settings
from rag.text.language import detect_language
from rag.tracing import span
from rag.vocabulary.additions import Term, in_known_words, terms_named

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How the writing ended."""

    mode: AnswerMode
    refused: bool = False
    refusal_code: str = ""
    model: str = ""
    adapter: str = ""
    citations: tuple[Citation, ...] = ()
    incomplete: bool = False
    calculations: tuple[Calculation, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    hints: tuple[Hint, ...] = ()
    kept: Answer | None = None  # an answer that was there already


class _NoAdapter(Exception):
    """The server does not know the adapter; nothing was said yet."""


class Writing:
    """One question's writing. ``emit`` takes events in order; used by one thread, but for ``cancel``."""

    def __init__(
        self,
        settings: Settings,
        search: SearchIndex,
        embedding: Callable[[], EmbeddingModel],
        chats: ChatFinder,
        page_of: citations.PageOf,
        emit: Callable[[Event], None],
        told: Mapping[prompts.PromptLanguage, prompts.Prompt] | None = None,
        shelf: Callable[[Sequence[Passage]], Shelf] | None = None,
        helpful: Callable[[str, Refusal], tuple[Hint, ...]] | None = None,
        adapter: str = "",
        own: Callable[[], Sequence[Term]] = tuple,
    ) -> None:
        self._settings = settings
        self._search = search
        self._embedding = embedding
        self._chats = chats
        self._page_of = page_of
        self.emit = emit
        self._told = told  # the prompts of the chosen use; None: the concise ones
        self._shelf = shelf  # what may be calculated with; None: nothing is
        self._understood = Understood()
        self._vectors = True  # whether the embedding model answered when passages were looked for
        self._helpful = helpful  # what would help after a refusal
        self._adapter = adapter  # the LoRA adapter that shall answer; "": the model as it is
        self._translation = ""
        self._own = own  # the own terms of the collections that are searched
        self.quoting = False  # what is sent out now is quoted from documents
        self.settled = False  # what is sent out now are the program's own words, or were checked before
        self._cancelled = threading.Event()
        self._reply: Iterator[Delta] | None = None
        self._outcome = Outcome("extractive")
        self.timings_ms: dict[str, float] = {}
        self.meter = Meter()

    def cancel(self) -> None:
        """Ends the reply, from any thread; nothing more is emitted of it."""
        self._cancelled.set()
        reply = self._reply
        close = getattr(reply, "close", None)
        if close is not None:
            with contextlib.suppress(
                ValueError
            ):  # a plain generator at work in its own thread: it looks itself
                close()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def outcome(self) -> Outcome:
        return replace(self._outcome, timings_ms=dict(self.timings_ms))

    def translated(self, question: str) -> None:
        """The question in the documents' language: what was found is held against it. "": it was not
        translated."""
        self._translation = question

    def degrade(self, event: Degraded) -> None:
        self.emit(event)

    def retrieved(self, result: SearchResult) -> None:
        """Called by the retriever with what it found."""
        self._understood = result.understood
        self.emit(Retrieved(result.passages, result.timings_ms, result.understood))
        for event in result.degraded:
            self.emit(event)
        self._vectors = not any(event.part == "embedding" for event in result.degraded)

    def give(self, question: str, kept: Answer) -> None:
        """An answer that was there already, as events: as if it were found and written now. It passed the
        rules that count now: their version is part of what it is found by."""
        self.settled = True
        self.emit(Rewritten(question))
        self.emit(Retrieved(kept.passages, {}, kept.understood))
        if kept.thinking:
            self.emit(Thinking(kept.thinking))
        self.emit(Token(kept.text))
        self._outcome = Outcome(kept.mode, model=kept.model, adapter=kept.adapter, kept=kept)

    def write(self, question: str, passages: Sequence[Passage]) -> str:
        """The answer's text; its pieces went out as ``Token`` events before."""
        if self._cancelled.is_set():
            return ""
        started = time.perf_counter()
        judged = self._translation or question
        with span("judge"):
            asked = self._understand(judged)
            signals = measure(asked, passages, covers=self._covers(judged))
            refusal = decide(signals, self._settings.answer)
        found = self._chats.find()
        try:
            made = self._calculate(judged, passages, signals, refusal)
            if made is not None:
                passages, refusal = (*passages, *made.added), None
            spared = found.problem is not None and self._chats.has_spares
            if found.model is None and not spared and refusal is not None and not refusal.certain:
                refusal = self._before_quotes(judged, asked, signals, refusal)
            if refusal is not None and (refusal.certain or (found.model is None and not spared)):
                self._say_missing_chat(found.problem)
                return self._refuse(question, refusal)
            given = passages
            if found.model is not None or spared:
                given = self._grown(passages)
            if found.model is not None:
                text = self._generate_adapted(question, list(given), found.model, made)
            else:
                text = None
                self._say_missing_chat(found.problem)
            if text is None and (found.model is not None or spared):
                text = self._generate_instead(question, list(given), made)
            if text is not None:
                return text
            if refusal is not None:
                return self._refuse(question, refusal)
            return self._quote(question, asked, passages, made)
        finally:
            self.timings_ms["generate"] = (time.perf_counter() - started) * 1000

    def _before_quotes(
        self, question: str, asked: Asked, signals: Signals, refusal: Refusal
    ) -> Refusal | None:
        """None where learned weights judge the quotes instead of the thresholds."""
        if learned_model(self._settings.answer, prompts.prompt_language(question)) is None:
            return refusal
        return by_rule(asked, signals, self._settings.answer)

    def _grown(self, passages: Sequence[Passage]) -> Sequence[Passage]:
        """The passages as a chat model reads them, and as they are shown from now on."""
        most = self._settings.answer.grow_tokens
        if most <= 0:
            return passages
        with span("grow"):
            made = grow(passages, self._page_of, self._settings.chat.context_tokens, most)
        if made != tuple(passages):
            self.emit(Retrieved(made, {}, self._understood))
        return made

    def _calculate(
        self, question: str, passages: Sequence[Passage], signals: Signals, refusal: Refusal | None
    ) -> calculator.Result | None:
        """What the question asks to be calculated or looked up, from cited figures; says which figure is not
        there. Passages that it adds go out as found.

        A question about somebody who is not in the library must not get somebody else's figure, so one that
        would be refused is calculated only where its names are there: over running text, where all that is
        asked stands in one passage (last year's figure follows from this year's and its growth); from
        tables, when little of a long question was found but each figure is of a company that it names, or
        when a formula or a comparison of years of known items is asked outright."""
        if self._shelf is None or not passages or (refusal is not None and signals.missing):
            return None
        clock = time.perf_counter()
        tables = refusal is None or not signals.years
        try:
            asked = in_known_words(question, self._own())
            with span("calculate"):
                made = calculator.calculate(asked, self._shelf(passages), prose_only=not tables)
        except WenjuError as error:
            log.warning("nothing calculated: %s", error.code)
            made = None
        self.timings_ms["calculate"] = (time.perf_counter() - clock) * 1000
        if isinstance(made, calculator.Missing):
            if refusal is None:
                params = {"name": made.name, "item": made.item, "year": str(made.year or "")}
                self.emit(Degraded("calculator", "degraded.operand_missing", params))
            return None
        if (
            made is not None
            and refusal is not None
            and not (
                calculator.of_prose(made)
                or calculator.about_asked(question, made)
                or calculator.asked_outright(question, made)
            )
        ):
            return None
        if made is not None and made.added:
            self.emit(Retrieved((*passages, *made.added), {}, self._understood))
        return made

    # -- by a model

    def _generate_adapted(
        self, question: str, passages: list[Passage], model: ChatModel, made: calculator.Result | None
    ) -> str | None:
        """By the adapter where one is to answer; by the model as it is, said aloud, when the server has no
        such adapter (it was started anew, or unloaded it)."""
        if self._adapter:
            adapted = self._chats.adapted(self._adapter)
            if adapted is not None:
                try:
                    return self._generate(question, passages, adapted, made, base=model)
                except _NoAdapter:
                    pass
            self.emit(Degraded("chat", "degraded.adapter", {"adapter": self._adapter}))
        return self._generate(question, passages, model, made)

    def _generate_instead(
        self, question: str, passages: list[Passage], made: calculator.Result | None
    ) -> str | None:
        """By the first fallback that can, said aloud; None when none can."""
        for spare in self._chats.spares():
            if self._cancelled.is_set():
                return ""
            if spare.model is None:
                self._say_missing_chat(spare.problem)
                continue
            self.emit(Degraded("chat", "degraded.fallback", {"model": spare.model.name}))
            text = self._generate(question, passages, spare.model, made)
            if text is not None:
                return text
        return None

    def _generate(
        self,
        question: str,
        passages: list[Passage],
        model: ChatModel,
        made: calculator.Result | None,
        base: ChatModel | None = None,
    ) -> str | None:
        """The model's text; None when it gave nothing and quotes should stand in. ``base``: what ``model`` is
        an adapter of; _NoAdapter when the server does not know it."""
        kept = prompts.fit(passages, self._settings.chat.context_tokens)
        if made is not None and any(o.marker > len(kept) for o in made.calculation.operands):
            made = None  # its figures would not be in front of the model
        facts = (made.text,) if made is not None else ()
        markers = MarkerStream(len(kept))
        pieces: list[str] = []
        finish_reason = ""
        problem: ModelError | None = None
        try:
            for delta in self._deltas(model, question, kept, facts):
                if delta.thinking:
                    self.emit(Thinking(delta.thinking))
                if delta.text:
                    self._token(markers.feed(delta.text), pieces)
                finish_reason = delta.finish_reason or finish_reason
        except ModelError as error:
            if base is not None and error.code == "chat.model_unknown" and not pieces:
                raise _NoAdapter from error
            problem = error
            self._chats.failed(error)
            self.emit(Degraded("chat", error.code, error.params))
        except Exception as error:
            log.exception("chat model %s failed", model.name)
            problem = ModelError("chat.failed", detail=f"{type(error).__name__}: {error}"[:300])
            self.emit(Degraded("chat", problem.code, problem.params))
        if self._cancelled.is_set():
            return "".join(pieces)
        self._token(markers.finish(), pieces)
        text = "".join(pieces).strip()
        if not text:
            if problem is None:
                self.emit(Degraded("chat", "chat.empty", {"model": model.name}))
            return None
        if problem is None and finish_reason == "length":
            self.emit(Degraded("chat", "chat.length"))
        if markers.unknown:
            unknown = ", ".join(f"[{n}]" for n in markers.unknown)
            self.emit(Degraded("citations", "degraded.citations_unknown", {"markers": unknown}))
        refused = problem is None and prompts.is_refusal(text)
        used = made if not refused else None
        if not refused and problem is None and finish_reason != "length":
            text += self._warn(question, text)
        self._outcome = Outcome(
            "refused" if refused else "generative",
            refused=refused,
            refusal_code="refusal.model" if refused else "",
            hints=self._helpful(question, Refusal("refusal.model")) if refused and self._helpful else (),
            model=(base or model).name,
            adapter=model.name if base is not None else "",
            incomplete=problem is not None or finish_reason == "length",
            calculations=(replace(used.calculation, line=used.text),) if used is not None else (),
        )
        return text

    def _deltas(
        self, model: ChatModel, question: str, passages: list[Passage], facts: Sequence[str]
    ) -> Iterator[Delta]:
        messages = prompts.build(
            question, passages, self._prompt(question), facts, self._same_names(question)
        )
        with self.meter.reply(messages, model.name) as note:
            reply: Any = model.stream(messages)
            self._reply = reply
            try:
                for delta in reply:
                    if self._cancelled.is_set():
                        return
                    note(delta)
                    yield delta
            finally:
                close = getattr(reply, "close", None)
                if close is not None:
                    close()

    def _token(self, text: str, pieces: list[str]) -> None:
        if text:
            pieces.append(text)
            if not self._cancelled.is_set():
                self.emit(Token(text))

    def _prompt(self, question: str) -> prompts.Prompt | None:
        return self._told[prompts.prompt_language(question)] if self._told is not None else None

    def _warn(self, question: str, text: str) -> str:
        """The standing risk warning, sent out, where the style has one and the text lacks it; else "" ."""
        prompt = self._prompt(question)
        if prompt is None or not prompt.warns:
            return ""
        standing = wording.risk_text(prompt.language)
        if wording.holds(text, standing):
            return ""
        self.emit(Token(f"\n\n{standing}"))
        return f"\n\n{standing}"

    # -- without one

    def _quote(
        self,
        question: str,
        asked: Asked,
        passages: Sequence[Passage],
        calculated: calculator.Result | None = None,
    ) -> str:
        started = time.perf_counter()
        judged = self._translation or question
        covers = self._covers(judged)
        weighed = covers and self._vectors and _all_covered(passages, self._embedding)
        cosines = self._cosines(judged) if weighed else None
        with span("quote"):
            quotes = self._choose(asked, passages, cosines)
        self.timings_ms["quote"] = (time.perf_counter() - started) * 1000
        if calculated is not None:
            quotes = calculator.beside(calculated, quotes)
        else:
            signals = measure(asked, passages, quotes, covers=covers)
            language = prompts.prompt_language(judged)
            refusal = decide_quotes(asked, passages, quotes, signals, self._settings.answer, language)
            if refusal is not None:
                return self._refuse(question, refusal)
        lines = [*((calculated.text,) if calculated is not None else ()), *extractive.compose(quotes)]
        text = "\n".join(lines)
        self.quoting = True
        for number, line in enumerate(lines):
            self.emit(Token(line if number == 0 else f"\n{line}"))
        text += self._warn(question, text)
        if (prompt := self._prompt(question)) is not None and prompt.warns:
            self.emit(Degraded("chat", "degraded.analyst_quotes"))
        made = tuple(
            citations.locate(
                q.unit.passage + 1, passages[q.unit.passage], q.unit.start, q.unit.end, self._page_of
            )
            for q in quotes
        )
        if calculated is not None:
            made = (*calculator.cite(calculated, self._page_of), *made)
        calculations = (calculated.calculation,) if calculated is not None else ()
        self._outcome = Outcome("extractive", citations=made, calculations=calculations)
        return text

    def _choose(
        self, asked: Asked, passages: Sequence[Passage], cosines: extractive.Cosines | None
    ) -> list[extractive.Quote]:
        """Without the meaning of sentences when the embeddings server has died since the search."""
        most = self._settings.answer.max_sentences
        try:
            return extractive.choose(asked, passages, most, cosines)
        except ModelError as error:
            self.emit(Degraded("embedding", error.code, error.params))
        except TimeoutError:
            limit = {"seconds": f"{self._settings.load.embed_s:g}"}
            self.emit(Degraded("embedding", "load.embed_slow", limit))
        return extractive.choose(asked, passages, most, None)

    def _cosines(self, question: str) -> extractive.Cosines:
        def cosines(texts: Sequence[str]) -> list[float]:
            model = self._embedding()
            return [float(c) for c in model.embed_passages(texts) @ model.embed_query(question)]

        if self._settings.embedding.kind != "openai":
            return cosines
        limit = self._settings.load.embed_s
        return lambda texts: within(limit, lambda: cosines(texts))

    def _refuse(self, question: str, refusal: Refusal) -> str:
        language = prompts.prompt_language(question)
        self.settled = True
        text = f"{prompts.refusal_text(language)}\n\n{message(refusal.code, language, refusal.params)}"
        found = self._helpful(question, refusal) if self._helpful is not None else ()
        text += "".join(f"\n\n{message(h.code, language, h.params)}" for h in found)
        self.emit(Token(text))
        self._outcome = Outcome("refused", refused=True, refusal_code=refusal.code, hints=found)
        return text

    def _say_missing_chat(self, problem: ModelError | None) -> None:
        if problem is not None:
            self.emit(Degraded("chat", problem.code, problem.params))

    def _understand(self, question: str) -> Asked:
        wanted = list(query_terms(essence(question)))
        frequencies, total = self._search.term_frequencies(wanted)
        return understand(question, wanted, frequencies, total, self._own())

    def _same_names(self, question: str) -> list[tuple[str, ...]]:
        return [tuple(n.text for n in term.names) for term, _ in terms_named(question, self._own())]

    def _covers(self, question: str) -> bool:
        language = detect_language(question)
        try:
            return language == "other" or self._embedding().covers(language)
        except WenjuError:
            return False


def _all_covered(passages: Sequence[Passage], embedding: Callable[[], EmbeddingModel]) -> bool:
    return all(p.language == "other" or embedding().covers(p.language) for p in passages)
