"""The one door: page, command line, HTTP and evaluator all call :class:`Engine`.

Promises: opening is cheap (the store is migrated; no model is loaded until used); every read and write takes
a principal and is authorised here, ids of a client included; it is safe to share between threads and users;
what is missing is said aloud (``Degraded`` events, :meth:`Engine.part_statuses`) instead of failing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Collection as Names
from typing import TYPE_CHECKING, Literal

from rag.access import LOCAL, require_right
from rag.audit import Audits
from rag.compliance import Compliance
from rag.conversations import Conversations
from rag.documents import Documents
from rag.errors import ModelUnavailable
from rag.evaluations import Evaluations
from rag.load import Gate, LoadState, Running
from rag.observing import Observer
from rag.operations import Operations
from rag.people import People
from rag.records import CacheStatistics, Event, PartStatus, Principal
from rag.settings import Settings
from rag.wordings import Wordings

if TYPE_CHECKING:
    from rag.answer.asking import Asker
    from rag.answer.kept import AnswerCache
    from rag.models.chat import ChatFinder
    from rag.models.protocols import ChatModel, EmbeddingModel
    from rag.pictures import PagePictures
    from rag.search.index import SearchIndex, SearchResult
    from rag.store import Store

log = logging.getLogger(__name__)

Leg = Literal["dense", "lexical"]
DRAIN_END_S = 5.0  # for answers that were ended: their turns are written
LEGS: tuple[Leg, ...] = ("dense", "lexical")


class Engine(
    Documents, Conversations, Wordings, Evaluations, People, Compliance, Audits, Operations
):
    """Everything a floor above may do. Build with :meth:`open`, end with :meth:`close` (or ``with``)."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        embedding: EmbeddingModel | None = None,
        chat: ChatModel | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self._embedding = embedding
        self._no_embedding: ModelUnavailable | None = None
        self._no_embedding_until = 0.0
        self._given_chat = chat
        self._lock = threading.RLock()
        self._search: SearchIndex | None = None
        self._chat_finder: ChatFinder | None = None
        self._asker: Asker | None = None
        self._kept: AnswerCache | None = None
        self._owns_parts = True
        self.observer = Observer(store, settings.monitoring)
        self._pictures: PagePictures | None = None
        self._gate = Gate(settings.load)
        self._running = Running()

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        embedding: EmbeddingModel | None = None,
        chat: ChatModel | None = None,
    ) -> Engine:
        """Opens (and migrates) the store. ``embedding`` and ``chat`` replace the models that the settings
        name; ``chat`` is then used for every answer. Raises StoreError, SchemaTooNew."""
        from rag.store import Store

        return cls(settings, Store.open(settings), embedding=embedding, chat=chat)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def variant(self, settings: Settings) -> Engine:
        """The same library and embedding model under other settings, to compare them. It lives no longer than
        this engine, which keeps what they share: closing it closes nothing. Same search settings: one
        index."""
        made = Engine(
            settings,
            self.store,
            embedding=self.embedding(),
            chat=self._given_chat if settings.chat == self.settings.chat else None,
        )
        made._owns_parts = False
        made._gate, made._running = self._gate, self._running  # one line for one process
        if (settings.search, settings.reranker) == (self.settings.search, self.settings.reranker):
            made._search = self.search_index()
        return made

    def close(self) -> None:
        """Ends child processes and closes the store. Safe to call twice."""
        self.observer.close()
        if not self._owns_parts:
            return
        with self._lock:
            if self._pictures is not None:
                self._pictures.close()
            for part in (self._search, self.store):
                close = getattr(part, "close", None)
                if close is not None:
                    close()

    # ---------------------------------------------------------------- parts, built when first used

    def embedding(self) -> EmbeddingModel:
        """The embedding model, loaded once. Raises ModelNotInstalled, ModelUnavailable."""
        with self._lock:
            if self._embedding is None:
                from rag.models.embeddings import load_embedding

                if self._no_embedding is not None and time.monotonic() < self._no_embedding_until:
                    raise self._no_embedding  # nobody waits again for a server that was just asked in vain
                try:
                    self._embedding = load_embedding(self.settings)
                except ModelUnavailable as error:
                    self._no_embedding = error
                    self._no_embedding_until = time.monotonic() + self.settings.load.breaker_open_s
                    raise
            return self._embedding

    def search_index(self) -> SearchIndex:
        with self._lock:
            if self._search is None:
                from rag.search.index import SearchIndex

                self._search = SearchIndex(self.store, self.settings, self.embedding)
            return self._search

    def chat_finder(self) -> ChatFinder:
        with self._lock:
            if self._chat_finder is None:
                from rag.models.chat import ChatFinder

                self._chat_finder = ChatFinder(self.settings, given=self._given_chat)
            return self._chat_finder

    def _kept_answers(self) -> AnswerCache:
        with self._lock:
            if self._kept is None:
                from rag.answer.kept import AnswerCache
                from rag.cache import ProcessCache

                shared = bool(self.settings.redis_url.get_secret_value())
                kept_in = self.search_index().cache if shared else ProcessCache(self.settings.cache.capacity)
                self._kept = AnswerCache(self.settings, self.store, kept_in)
            return self._kept

    def _asking(self) -> Asker:
        with self._lock:
            if self._asker is None:
                from rag.answer.asking import Asker

                self._asker = Asker(
                    self.store,
                    self.settings,
                    self.search_index(),
                    self.embedding,
                    self.chat_finder(),
                    self._gate,
                    self._running,
                    self._kept_answers(),
                )
            return self._asker

    def warm_up(self) -> None:
        """Loads what the first question needs (indexes, embedding, chain). Never raises: what cannot be
        loaded shows in :meth:`part_statuses`."""
        steps: tuple[Callable[[], object], ...] = (
            self.keep_audit_short,
            lambda: self.embedding().embed_query("warm up"),
            lambda: self.search_index().refresh(),
            lambda: self._asking().warm_up(),
            lambda: getattr(self.chat_finder().find().model, "warm_up", lambda: None)(),
        )
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - a boundary: start-up must not die of one part
                log.warning("warm-up step failed: %s", error)

    # ---------------------------------------------------------------- questions

    def ask(
        self,
        question: str,
        principal: Principal = LOCAL,
        *,
        conversation_id: int | None = None,
        collection_ids: Iterable[int] | None = None,
        document_ids: Iterable[int] | None = None,
        ignored_chips: Names[str] = (),
        log: bool = True,
        stop: threading.Event | None = None,
        use: str | None = None,
        anew: bool = False,
        earlier: Sequence[tuple[str, str]] = (),
        request_id: str = "",
    ) -> Iterator[Event]:
        """One question -> ``Rewritten, Retrieved, (Thinking | Token | Degraded)*, Done``.

        ``Done.answer`` is the whole record, also after ``stop`` was set (``incomplete``). Closing the
        generator stops generation upstream. With ``log`` the turn is kept, in a new conversation named by
        its first question when ``conversation_id`` is None. ``ignored_chips`` are keys of what the question
        names (``answer.understood.chips``) and must not favour any more. ``use`` is the style of the answer
        (:meth:`prompt_uses`; None: the setting answer.prompt_use). Raises AccessDenied for a conversation,
        document or collection that is not there or not the principal's, PromptError for an unknown use, and
        Busy while the service is being stopped, before the first event; taking the first event raises Busy
        when there is no place for the question (``retry_after_s`` says when to come again). An answer that
        was kept is given again (``answer.from_cache``) unless ``anew``. ``request_id`` is the caller's, for
        logs and traces; "": a new one. ``earlier``: (question, answer) pairs that a client kept itself,
        oldest first: a follow-up leans on them and not on the conversation's own turns.
        """
        require_right(principal, "ask")
        scope = self.scope(principal, collection_ids, document_ids)
        if conversation_id is not None:
            self._own_conversation(conversation_id, principal)
        events = self._asking().ask(
            question,
            principal,
            scope,
            conversation_id=conversation_id,
            log_turn=log,
            stop=stop,
            ignored_chips=ignored_chips,
            use=use,
            readable=self.scope(principal),
            anew=anew,
            earlier=earlier,
        )
        return self.observer.question(events, question, identity=request_id, logged=log)

    def adapter_shares(self) -> dict[str, float]:
        """The LoRA adapters that answer now, newest first, with their shares (0..1) of the users that no
        newer one took; {}: the chat model as it is."""
        return self._asking().shares()

    def search(
        self,
        query: str,
        principal: Principal = LOCAL,
        *,
        top_k: int | None = None,
        collection_ids: Iterable[int] | None = None,
        document_ids: Iterable[int] | None = None,
        legs: Sequence[Leg] = LEGS,
        ignored_chips: Names[str] = (),
    ) -> SearchResult:
        """The passages of the principal's scope that match best, best first. ``ignored_chips``: as in
        :meth:`ask`. Raises AccessDenied."""
        require_right(principal, "read")
        scope = self.scope(principal, collection_ids, document_ids)
        with self.observer.search() as note:
            result = self.search_index().search(
                query,
                scope,
                top_k=top_k or self.settings.search.top_k,
                legs=tuple(legs),
                ignored_chips=ignored_chips,
            )
            note(result)
        return result

    # ---------------------------------------------------------------- load

    def cache_statistics(self) -> CacheStatistics:
        """Kept answers, counted in this process since it started."""
        return self._kept_answers().statistics()

    def forget_answer(self, key: str) -> None:
        """The answer with this ``cache_key`` is not given again."""
        self._kept_answers().evict(key)

    def load_state(self) -> LoadState:
        """How many answers run and how many questions wait in this process."""
        return self._gate.state()

    def drain(self, limit_s: float | None = None) -> bool:
        """Takes no more questions; waits until those that run have ended, after ``limit_s`` (None:
        load.drain_s) ends them, marked incomplete. Whether all ended by themselves."""
        self._gate.close()
        if self._running.wait_empty(self.settings.load.drain_s if limit_s is None else limit_s):
            return True
        log.warning("%d answers were ended to stop", self._running.halt())
        self._running.wait_empty(DRAIN_END_S)
        return False

    # ---------------------------------------------------------------- readiness

    def part_statuses(self) -> list[PartStatus]:
        """Each part, whether it works, and the one command that would mend or improve it. Never raises."""
        from rag.answer.readiness import part_statuses

        return part_statuses(self)
