"""One question's dealings with the answers that are kept: what it is found by, finding it, keeping it.

Promises: of several who ask the same at once, one is answered and the others wait for that answer (and are
answered by themselves when it may not be given to them); an answer is kept only when the library stood still
from the look-up to its end and the search saw all of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from rag.answer import prompts
from rag.answer.arms import Arms
from rag.answer.kept import AnswerCache, AnswerParts, normalised, own_vocabulary, settings_parts
from rag.answer.rules import RuleSet
from rag.answer.similar import Asked, Similar, subject
from rag.cache import cache_key
from rag.errors import WenjuError
from rag.models.chat import ChatFinder
from rag.records import Answer, Scope
from rag.search.index import SearchIndex
from rag.settings import Settings
from rag.store import Store

log = logging.getLogger(__name__)

_LOOK_S = 0.05  # how late a reader who left is noticed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question brings along that its answer depends on."""

    scope: Scope
    use: str
    told: Mapping[prompts.PromptLanguage, prompts.Prompt]
    ignored_chips: Collection[str]
    adapter: str
    rules: RuleSet  # the compliance rules that its answer passes


class Recalls:
    """Makes a :class:`Recall` for each question. Thread-safe; one for an Asker."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        search: SearchIndex,
        chats: ChatFinder,
        arms: Arms,
        kept: AnswerCache,
    ) -> None:
        self.store = store
        self.kept = kept
        self._settings = settings
        self._fixed = settings_parts(settings)
        self._search = search
        self._chats = chats
        self._arms = arms
        cache = settings.cache
        self._similar = Similar(cache.semantic_cosine) if cache.semantic else None

    def of(self, wanted: Wanted, *, anew: bool) -> Recall:
        """``anew``: nothing kept is wanted, and the answer takes its place."""
        return Recall(self, wanted, anew)

    def parts(self, question: str, wanted: Wanted) -> AnswerParts | None:
        """None: what the answer would depend on is not known now. Raises StoreError."""
        model = self._chats.identity()
        basis = self._search.basis()
        if model is None or basis is None:
            return None
        generation, since = self.store.moment()
        scope = wanted.scope
        return AnswerParts(
            question=normalised(question),
            language=prompts.prompt_language(question),
            history="",  # writers are shown the standalone question alone
            collections=tuple(sorted(scope.collection_ids)),
            documents=None if scope.document_ids is None else tuple(sorted(scope.document_ids)),
            ignored_chips=tuple(sorted(wanted.ignored_chips)),
            generation=generation,
            history_of=since,
            index=basis[0],
            reranker=cache_key(
                self._settings.reranker.model_dump_json(exclude={"api_key", "base_url", "timeout_s"}),
                self._search.reranker_name(),
            ),
            vocabulary=cache_key(own_vocabulary(), self._search.own_terms.terms(scope)),
            prompt_use=wanted.use,
            prompts=tuple(f"{code}:{wanted.told[code].version}" for code in sorted(wanted.told)),
            model="\n".join(model),
            adapter=self._arms.identity(wanted.adapter),
            rules=wanted.rules.version,
            **self._fixed,
        )

    def find_similar(self, question: str, parts: AnswerParts, wanted: Wanted) -> tuple[str, Answer] | None:
        """A kept answer to a question that means the same, with that question; None unless the setting asks
        for it. Raises StoreError."""
        if self._similar is None:
            return None
        meaning = self._search.meaning(question, wanted.scope)
        if meaning is None:
            return None
        vector, chips = meaning
        near = self._similar.nearest(self._kind(parts), vector, lambda: subject(question, chips))
        if near is None:
            return None
        found = self.kept.look(near.key, wanted.scope, counted=False)
        return None if found is None else (near.question, found)

    def remember(self, question: str, parts: AnswerParts, key: str, wanted: Wanted) -> None:
        """For :meth:`find_similar` of others."""
        meaning = self._search.meaning(question, wanted.scope) if self._similar is not None else None
        if self._similar is not None and meaning is not None:
            vector, chips = meaning
            self._similar.remember(self._kind(parts), Asked(question, vector, subject(question, chips), key))

    def _kind(self, parts: AnswerParts) -> str:
        return self.kept.key(replace(parts, question=""))

    def stood_still(self, parts: AnswerParts) -> bool:
        """Whether the library is as it was, and as it is searched."""
        basis = self._search.basis()
        return self.store.moment() == (parts.generation, parts.history_of) and (
            basis is not None and basis == (parts.index, parts.generation)
        )


class Recall:
    """Used by the thread that works on the question; :meth:`keep` and :meth:`end` by the reader's."""

    def __init__(self, recalls: Recalls, wanted: Wanted, anew: bool) -> None:
        self._recalls = recalls
        self._wanted = wanted
        self._anew = anew
        self._lock = threading.Lock()
        self._leads = ""  # the key that others wait for
        self._ended = False
        self._parts: AnswerParts | None = None
        self._still = False
        self._question = ""
        self.key = ""
        self.instead_of = ""  # the question in other words whose kept answer was found

    def find(
        self, question: str, stopped: Callable[[], bool], before_waiting: Callable[[], None]
    ) -> Answer | None:
        """The kept answer to the standalone ``question``. When it is being written for somebody else, waits
        for it, after calling ``before_waiting`` (a place in use is given back: who is waited for may need
        it). Never raises for the cache's own part."""
        kept = self._recalls.kept
        if not kept.on:
            return None
        try:
            self._parts = self._recalls.parts(question, self._wanted)
            if self._parts is None:
                return None
            self.key = kept.key(self._parts)
            found = None if self._anew else kept.look(self.key, self._wanted.scope)
            if found is not None:
                return found
            self._still = self._recalls.stood_still(self._parts)
            if self._anew:
                return None
            similar = self._recalls.find_similar(question, self._parts, self._wanted)
            if similar is not None:
                self.instead_of, found = similar
                return found
            self._question = question
            ended = self._lead(self.key)
            if ended is None:
                return None
            before_waiting()
            while not ended.wait(_LOOK_S):
                if stopped():
                    return None
            found = kept.look(self.key, self._wanted.scope)
            if found is not None:
                kept.was_shared()
            return found
        except WenjuError as error:
            log.warning("no look at kept answers: %s", error.code)
            return None

    def keep(self, answer: Answer) -> Answer:
        """The answer with what it can be found by; kept when it may be."""
        if not self.key or answer.from_cache or self._parts is None:
            return replace(answer, cache_key=self.key)
        answer = replace(answer, cache_key=self.key)
        try:
            as_expected = (answer.model, answer.adapter) == (
                self._parts.model.partition("\n")[0],
                self._wanted.adapter,
            )
            may = as_expected and self._still and self._recalls.stood_still(self._parts)
            if may and self._recalls.kept.keep(self.key, answer) and self._question:
                self._recalls.remember(self._question, self._parts, self.key, self._wanted)
        except WenjuError as error:
            log.warning("answer not kept: %s", error.code)
        return answer

    def end(self) -> None:
        """Who waits for this question waits no longer. Safe to call twice."""
        with self._lock:
            self._ended = True
            key, self._leads = self._leads, ""
        if key:
            self._recalls.kept.landed(key)

    def _lead(self, key: str) -> threading.Event | None:
        with self._lock:
            if self._ended:  # the reader has left already: nobody may wait for this
                return None
            other = self._recalls.kept.lead(key)
            if other is None:
                self._leads = key
            return other
