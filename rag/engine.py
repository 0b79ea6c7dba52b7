"""The one door: page, command line, HTTP and evaluator all call :class:`Engine`.

Promises: opening is cheap (the store is migrated; no model is loaded until used); every read and write takes
a principal and is authorised here, ids of a client included; it is safe to share between threads and users;
what is missing is said aloud (``Degraded`` events, :meth:`Engine.part_statuses`) instead of failing.
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Collection as Names
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from rag.access import LOCAL, readable_scope, require_role
from rag.errors import AccessDenied, DocumentError, TermError, WenjuError
from rag.evaluations import Evaluations
from rag.records import (
    Collection,
    Conversation,
    Document,
    Event,
    OwnTerm,
    Page,
    PartStatus,
    Principal,
    PromptVersion,
    Review,
    Scope,
    StoredChunk,
    Turn,
)
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.answer.asking import Asker
    from rag.answer.prompt_library import PromptLibrary, PromptPreview
    from rag.models.chat import ChatFinder
    from rag.models.protocols import ChatModel, EmbeddingModel
    from rag.pictures import PagePictures
    from rag.search.index import SearchIndex, SearchResult
    from rag.search.own_terms import Imported
    from rag.store import Store

log = logging.getLogger(__name__)

Leg = Literal["dense", "lexical"]
LEGS: tuple[Leg, ...] = ("dense", "lexical")


@dataclass(frozen=True, slots=True)
class Added:
    """``created`` is False when the same bytes are already in that collection (``document`` is then the
    one that is there)."""

    document: Document
    created: bool


class Engine(Evaluations):
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
        self._given_chat = chat
        self._lock = threading.RLock()
        self._search: SearchIndex | None = None
        self._chat_finder: ChatFinder | None = None
        self._asker: Asker | None = None
        self._owns_parts = True
        self._pictures: PagePictures | None = None

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
        if (settings.search, settings.reranker) == (self.settings.search, self.settings.reranker):
            made._search = self.search_index()
        return made

    def close(self) -> None:
        """Ends child processes and closes the store. Safe to call twice."""
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

                self._embedding = load_embedding(self.settings)
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

    def _asking(self) -> Asker:
        with self._lock:
            if self._asker is None:
                from rag.answer.asking import Asker

                self._asker = Asker(
                    self.store, self.settings, self.search_index(), self.embedding, self.chat_finder()
                )
            return self._asker

    def warm_up(self) -> None:
        """Loads what the first question needs (indexes, embedding, chain). Never raises: what cannot be
        loaded shows in :meth:`part_statuses`."""
        steps: tuple[Callable[[], object], ...] = (
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
    ) -> Iterator[Event]:
        """One question -> ``Rewritten, Retrieved, (Thinking | Token | Degraded)*, Done``.

        ``Done.answer`` is the whole record, also after ``stop`` was set (``incomplete``). Closing the
        generator stops generation upstream. With ``log`` the turn is kept, in a new conversation named by
        its first question when ``conversation_id`` is None. ``ignored_chips`` are keys of what the question
        names (``answer.understood.chips``) and must not favour any more. ``use`` is the style of the answer
        (:meth:`prompt_uses`; None: the setting answer.prompt_use). Raises AccessDenied for a conversation,
        document or collection that is not there or not the principal's, and PromptError for an unknown use,
        before the first event.
        """
        scope = self.scope(principal, collection_ids, document_ids)
        if conversation_id is not None:
            self._own_conversation(conversation_id, principal)
        return self._asking().ask(
            question,
            principal,
            scope,
            conversation_id=conversation_id,
            log_turn=log,
            stop=stop,
            ignored_chips=ignored_chips,
            use=use,
            readable=self.scope(principal),
        )

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
        :meth:`ask`."""
        scope = self.scope(principal, collection_ids, document_ids)
        return self.search_index().search(
            query,
            scope,
            top_k=top_k or self.settings.search.top_k,
            legs=tuple(legs),
            ignored_chips=ignored_chips,
        )

    def scope(
        self,
        principal: Principal,
        collection_ids: Iterable[int] | None = None,
        document_ids: Iterable[int] | None = None,
    ) -> Scope:
        """What ``principal`` may read, narrowed to the given collections and documents. Raises AccessDenied
        when a given id is not readable."""
        readable = {c.id: c for c in self.collections(principal)}
        if collection_ids is not None:
            wanted = set(collection_ids)
            if not wanted <= readable.keys():
                raise AccessDenied("store.not_found")
            readable = {key: readable[key] for key in wanted}
        scope = readable_scope(principal, readable.values(), document_ids)
        for document_id in scope.document_ids or ():
            self.store.document(document_id, scope)  # AccessDenied: not there or not yours
        return scope

    # ---------------------------------------------------------------- documents

    def collections(self, principal: Principal = LOCAL) -> list[Collection]:
        return self.store.collections() if principal.roles else []

    def add_document(
        self,
        name: str,
        data: bytes | BinaryIO | Path,
        principal: Principal = LOCAL,
        *,
        collection: str = "default",
        source: str = "",
        password: str | None = None,
    ) -> Added:
        """Stores the bytes and queues the document; a worker takes it from there. Idempotent by content.
        Raises DocumentError for a file over the limit, DiskFull, AccessDenied."""
        if not principal.roles:
            raise AccessDenied("store.not_found")
        limit = self.settings.ingest.max_file_mb * 2**20
        if isinstance(data, Path):
            if data.stat().st_size > limit:
                raise _too_large(name, data.stat().st_size, limit)
            opened: object = data.open("rb")
        elif isinstance(data, bytes):
            opened = io.BytesIO(data)
        else:
            opened = nullcontext(data)
        with opened as stream:  # type: ignore[attr-defined]
            if stream.seekable():
                size = stream.seek(0, io.SEEK_END)
                if size > limit:
                    raise _too_large(name, size, limit)
                settled = self._settled(stream, collection, source)
                if settled is not None:
                    return Added(settled, created=False)
                stream.seek(0)
            sha256, size = self.store.originals.put(stream)
            document, created = self.store.add_document(
                collection_id=self.store.ensure_collection(collection).id,
                name=name,
                sha256=sha256,
                size_bytes=size,
                source=source,
                password=password,
            )
            if stream.seekable() and not self.store.originals.exists(sha256):
                # The same bytes were deleted by somebody else between the two writes above.
                stream.seek(0)
                self.store.originals.put(stream)
        return Added(document, created)

    def _settled(self, stream: BinaryIO, collection: str, source: str) -> Document | None:
        """The ready document that these bytes already are. Writes nothing: taking in a folder again costs a
        hash and a look-up for every file that did not change."""
        known = next((c for c in self.store.collections() if c.name == collection), None)
        if known is None:
            return None
        stream.seek(0)
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
        return self.store.settled_document(collection_id=known.id, sha256=digest.hexdigest(), source=source)

    def documents(self, principal: Principal = LOCAL) -> list[Document]:
        return self.store.documents(self.scope(principal))

    def document(self, document_id: int, principal: Principal = LOCAL) -> Document:
        """Raises AccessDenied: not there, or not yours."""
        return self.store.document(document_id, self.scope(principal))

    def document_pages(self, document_id: int, principal: Principal = LOCAL) -> list[Page]:
        self.document(document_id, principal)
        return self.store.pages(document_id)

    def document_chunks(self, document_id: int, principal: Principal = LOCAL) -> list[StoredChunk]:
        """The chunks as indexed, in order."""
        self.document(document_id, principal)
        return self.store.document_chunks(document_id)

    def edit_about(
        self,
        document_id: int,
        principal: Principal = LOCAL,
        *,
        title: str | None = None,
        company: str | None = None,
        ticker: str | None = None,
        report_type: str | None = None,
        fiscal_year: int | None = None,
        fiscal_period: str | None = None,
        date: str | None = None,
        aliases: Sequence[str] | None = None,
    ) -> Document:
        """Sets what a ready document is about; None leaves a field as it is, "" (for the year 0, for the
        aliases []) says that it is unknown. What was set is kept when the document is read again. Search
        names documents anew within ``search.refresh_s``; the lexical index takes the new head of each chunk,
        vectors keep the head that they were embedded with until the library is re-indexed for another reason.
        Raises AccessDenied, WenjuError ("about.invalid" naming the field, "about.not_ready")."""
        from rag.about import checked

        document = self.document(document_id, principal)
        if document.status != "ready":
            raise WenjuError("about.not_ready", name=document.name)
        values = checked(
            {
                "title": title,
                "company": company,
                "ticker": ticker,
                "report_type": report_type,
                "fiscal_year": fiscal_year,
                "fiscal_period": fiscal_period,
                "date": date,
                "aliases": aliases,
            }
        )
        return self.store.edit_about(document_id, values.pop("title", None) or None, values)

    def delete_document(self, document_id: int, principal: Principal = LOCAL) -> None:
        document = self.document(document_id, principal)
        self.store.delete_document(document_id)
        if not self.store.originals.exists(document.sha256):  # no other document has these bytes
            self._page_pictures().forget(document.sha256)

    def retry_document(
        self, document_id: int, principal: Principal = LOCAL, password: str | None = None
    ) -> None:
        """Queues a document again, with a password when it needs one."""
        self.document(document_id, principal)
        self.store.requeue_document(document_id, password=password)

    def original(self, document_id: int, principal: Principal = LOCAL) -> bytes:
        document = self.document(document_id, principal)
        with self.store.originals.open(document.sha256) as stream:
            return bytes(stream.read())

    def page_picture(
        self, document_id: int, page: int, principal: Principal = LOCAL, *, width_px: int = 1000
    ) -> bytes | None:
        """The page as PNG, ``width_px`` wide; None when the file type has no pictures or the page cannot be
        drawn (show the page's text instead)."""
        document = self.document(document_id, principal)
        shown = document.rendition_sha256 or document.sha256
        with self.store.originals.local_path(shown) as path:
            return self._page_pictures().picture(path, document.sha256, page, width_px)

    def _page_pictures(self) -> PagePictures:
        with self._lock:
            if self._pictures is None:
                from rag.pictures import PagePictures

                self._pictures = PagePictures(self.settings)
            return self._pictures

    # ---------------------------------------------------------------- conversations

    def conversations(self, principal: Principal = LOCAL) -> list[Conversation]:
        """The principal's own, newest first."""
        return self.store.conversations(principal.user_id)

    def turns(self, conversation_id: int, principal: Principal = LOCAL) -> list[Turn]:
        self._own_conversation(conversation_id, principal)
        return self.store.turns(conversation_id)

    def rename_conversation(self, conversation_id: int, title: str, principal: Principal = LOCAL) -> None:
        self._own_conversation(conversation_id, principal)
        self.store.rename_conversation(conversation_id, title)

    def delete_conversation(self, conversation_id: int, principal: Principal = LOCAL) -> None:
        self._own_conversation(conversation_id, principal)
        self.store.delete_conversation(conversation_id)

    def rate_turn(
        self,
        turn_id: int,
        principal: Principal,
        rating: Literal[-1, 0, 1],
        reasons: Sequence[str] = (),
        comment: str = "",
        correction: str = "",
    ) -> None:
        """Keeps the reader's feedback on their own turn, ``correction`` being the right answer in their
        words. Raises AccessDenied for anybody else's."""
        self.store.rate_turn(turn_id, principal.user_id, rating, tuple(reasons), comment, correction)

    def feedback(
        self,
        principal: Principal,
        *,
        rating: Literal[-1, 1] | None = None,
        open_only: bool = False,
        limit: int = 1000,
    ) -> list[Turn]:
        """Everybody's turns with feedback, lately rated first; ``open_only``: thumbs down and corrections
        that nobody has reviewed. Only for evaluators and admins. Raises AccessDenied."""
        require_role(principal, "evaluator", "admin")
        return self.store.rated_turns(rating=rating, open_only=open_only, limit=limit)

    def feedback_turn(self, turn_id: int, principal: Principal) -> Turn:
        """One of the turns of :meth:`feedback`. Raises AccessDenied: not there, not rated, not an
        evaluator."""
        require_role(principal, "evaluator", "admin")
        turn = self.store.turn(turn_id)
        if not turn.rating and not turn.correction:
            raise AccessDenied("store.not_found")
        return turn

    def review_feedback(self, turn_id: int, principal: Principal, review: Review) -> None:
        """Files a turn's feedback as accepted or dismissed; "" opens it again. Raises AccessDenied."""
        self.feedback_turn(turn_id, principal)
        self.store.review_turn(turn_id, review, principal.name)

    def _own_conversation(self, conversation_id: int, principal: Principal) -> None:
        if all(c.id != conversation_id for c in self.conversations(principal)):
            raise AccessDenied("store.not_found")

    # ---------------------------------------------------------------- prompts

    def prompt_uses(self) -> list[str]:
        """The styles a reader may choose from."""
        return self._prompt_library().uses()

    def prompts(self, principal: Principal = LOCAL) -> list[PromptVersion]:
        """The wording that counts, for every use and language. This and what follows: admins only
        (AccessDenied)."""
        return self._prompt_library().current(principal)

    def prompt_versions(self, use: str, language: str, principal: Principal = LOCAL) -> list[PromptVersion]:
        """Every wording, newest first; the one that came with the program last."""
        return self._prompt_library().versions(use, language, principal)

    def save_prompt(
        self, use: str, language: str, text: str, principal: Principal = LOCAL, note: str = ""
    ) -> PromptVersion:
        """A new wording, counting at once; also of a new use. Raises PromptError when it lacks something."""
        return self._prompt_library().save(use, language, text, principal, note)

    def restore_prompt(
        self, use: str, language: str, version_id: int, principal: Principal = LOCAL
    ) -> PromptVersion:
        """Makes an older wording count again (0: the one that came with the program)."""
        return self._prompt_library().restore(use, language, version_id, principal)

    def retire_prompt(self, use: str, principal: Principal = LOCAL) -> None:
        """Takes an own use off the list; its wordings stay."""
        self._prompt_library().retire(use, principal)

    def preview_prompt(
        self,
        use: str,
        text: str,
        question: str,
        principal: Principal = LOCAL,
        *,
        language: str | None = None,
    ) -> PromptPreview:
        """The messages as they would be sent for ``question`` with the passages that are found now.
        ``language``: of the wording; None is the question's own."""
        found = self.search(question, principal)
        return self._prompt_library().preview(
            use, text, question, found.passages, self.settings.chat.context_tokens, principal, language
        )

    def _prompt_library(self) -> PromptLibrary:
        from rag.answer.prompt_library import PromptLibrary

        return PromptLibrary(self.store)

    # ---------------------------------------------------------------- vocabulary

    def own_terms(self, principal: Principal = LOCAL, collection: str | None = None) -> list[OwnTerm]:
        """Terms that admins added, of every collection or of one. This and what follows: admins only
        (AccessDenied); TermError names an unknown collection and what is wrong with a term."""
        return self.search_index().own_terms.listed(principal, self._collections_named(principal, collection))

    def add_term(
        self, term: str, synonyms: Sequence[str], principal: Principal = LOCAL, *, collection: str = "default"
    ) -> OwnTerm:
        """Names of one thing, in any language: a question that uses one of them looks for the others."""
        (where,) = self._collections_named(principal, collection)
        return self.search_index().own_terms.add(principal, where, term, synonyms)

    def import_terms(
        self, text: str, principal: Principal = LOCAL, *, collection: str = "default"
    ) -> Imported:
        """Terms of a CSV text, a term and its synonyms a row. Good rows are kept, bad ones told by line."""
        (where,) = self._collections_named(principal, collection)
        return self.search_index().own_terms.import_text(principal, where, text)

    def remove_term(self, term_id: int, principal: Principal = LOCAL) -> None:
        self.search_index().own_terms.remove(principal, self.collections(principal), term_id)

    def _collections_named(self, principal: Principal, name: str | None) -> list[Collection]:
        require_role(principal, "admin")
        there = self.collections(principal)
        if name is None:
            return there
        found = [c for c in there if c.name == name]
        if not found and name == "default":
            return [self.store.ensure_collection(name)]
        if not found:
            known = ", ".join(c.name for c in there) or "-"
            raise TermError("vocabulary.no_collection", name=name, known=known)
        return found

    # ---------------------------------------------------------------- readiness

    def part_statuses(self) -> list[PartStatus]:
        """Each part, whether it works, and the one command that would mend or improve it. Never raises."""
        from rag.answer.readiness import part_statuses

        return part_statuses(self)


def _too_large(name: str, size: int, limit: int) -> DocumentError:
    return DocumentError(
        "failed", "document.too_large", name=name, size_mb=f"{size / 2**20:.0f}", limit_mb=limit // 2**20
    )
