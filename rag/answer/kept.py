"""Answers that are kept to be given again when the same is asked again.

Promises: what an answer is found by names everything that could change it (:class:`AnswerParts`), so a kept
answer is the one that would be written now; it is kept only when nothing was missing from it (no error, no
Degraded, not stopped, not cut, not a refusal); it is signed with a secret of the library and checked by a
schema, so a value that somebody else put into Redis is a miss; its passages are loaded again inside the
reader's scope before it is shown, so nothing deleted or forbidden comes back. Whatever the cache's own part
does wrong is a miss, never an error.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
import unicodedata
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from rag import metrics
from rag.answer import prompts
from rag.cache import Cache, cache_key
from rag.errors import WenjuError
from rag.records import Answer, CacheStatistics, Scope, Usage
from rag.settings import Settings
from rag.store.codec import dump_answer

if TYPE_CHECKING:
    from rag.store import Store

log = logging.getLogger(__name__)

FORMAT: Literal[1] = 1
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_END = " \t\n?.!。"


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """Everything that can change an answer. A part that is missing here is a wrong answer one day: what
    changes answers gets its own field, and the test that changes each field follows by itself."""

    question: str  # standalone, as :func:`normalised` leaves it
    language: str  # that the answer is written in
    history: str  # what a model is shown of earlier turns beyond the standalone question; "" for nothing
    collections: tuple[int, ...]
    documents: tuple[int, ...] | None  # None: all of the collections
    ignored_chips: tuple[str, ...]
    generation: int  # of the store: what can be found
    history_of: str  # when that generation came to be: a restored library has the same numbers again
    index: str  # fingerprint of what it was made by: embedding model, instruction, chunker
    embedding: str  # the settings of the model that embeds the question
    reranker: str  # its settings and the model that came of them
    search: str  # settings
    answer: str  # settings
    vocabulary: str  # version of the program's own, and the terms that admins added
    prompt_use: str
    prompts: tuple[str, ...]  # fingerprints of the wordings, by language
    model: str  # name and address of the chat model, "" when answers are quotes
    adapter: str  # name and checksum
    sampling: str  # temperature, limits, thinking
    rules: str  # version of the compliance rules
    program: str  # version of Wenju and of what is kept


def answer_key(secret: bytes, parts: AnswerParts) -> str:
    """What an answer is found by: 64 hexadecimal digits over every part. ``secret`` keeps two libraries in
    one Redis apart, whose ids are the same numbers."""
    named = [(f.name, getattr(parts, f.name)) for f in fields(parts)]
    return hmac.new(secret, cache_key(*named).encode(), hashlib.sha256).hexdigest()


def normalised(question: str) -> str:
    """Without differences that cannot matter: white space, full-width forms, the mark at the end. Letters
    keep their case (names are told by it), digits their place."""
    plain = unicodedata.normalize("NFC", question.translate(_FULL_WIDTH))
    return " ".join(plain.split()).rstrip(_END)


def settings_parts(settings: Settings) -> dict[str, str]:
    """The parts of :class:`AnswerParts` that follow from the settings alone, addresses and time limits left
    out."""
    embedding = settings.embedding.model_dump_json(exclude={"api_key", "base_url", "timeout_s", "threads"})
    addresses = {"api_key", "base_url", "discover_urls", "connect_timeout_s", "first_token_timeout_s"}
    elsewhere = {"total_timeout_s", "retries", "fallbacks", "model", "adapter"}  # or parts of their own
    return {
        "embedding": embedding,
        "search": settings.search.model_dump_json(exclude={"refresh_s"}),
        "answer": settings.answer.model_dump_json(exclude={"prompt_use"}),
        "sampling": settings.chat.model_dump_json(exclude=addresses | elsewhere),
        "program": program_version(),
    }


@lru_cache(maxsize=1)
def program_version() -> str:
    try:
        found = version("wenju")
    except PackageNotFoundError:
        found = "?"
    return f"{found}/{FORMAT}"


@lru_cache(maxsize=1)
def own_vocabulary() -> str:
    """Fingerprint of the vocabulary that came with the program."""
    from rag.vocabulary import vocabulary

    return hashlib.sha256(repr(vocabulary()).encode()).hexdigest()[:16]


class _Value(BaseModel):
    """What is put into the cache. ``signature`` is over everything else and the key."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1]
    kept_at: float  # seconds since 1970
    answer: str  # JSON of rag.records.Answer
    signature: str


_VALUE: TypeAdapter[_Value] = TypeAdapter(_Value)


@dataclass(slots=True)
class _Counts:
    hits: int = 0
    misses: int = 0
    kept: int = 0
    evicted: int = 0
    refused: int = 0
    shared: int = 0
    similar: int = 0
    saved_prompt_tokens: int = 0
    saved_completion_tokens: int = 0
    saved_ms: float = 0.0


class AnswerCache:
    """One for a process. Thread-safe."""

    def __init__(self, settings: Settings, store: Store, cache: Cache) -> None:
        self._settings = settings.cache
        self._store = store
        self._cache = cache
        self._lock = threading.Lock()
        self._secret: bytes | None = None
        self._counts = _Counts()
        self._flights: dict[str, threading.Event] = {}

    @property
    def on(self) -> bool:
        return self._settings.answers

    def key(self, parts: AnswerParts) -> str:
        """Raises StoreError."""
        return answer_key(self._key_secret(), parts)

    def look(self, key: str, scope: Scope, *, counted: bool = True) -> Answer | None:
        """The kept answer, when it is ours, young enough and all of its passages are in ``scope`` now.
        ``counted`` False: a look beside another one, which was counted as a miss already."""
        value = self._cache.get(_name(key), _VALUE)
        if value is None:
            if counted:
                self._missed()
            return None
        answer = self._opened(key, value)
        if answer is None:
            self._count(refused=1)
            log.warning("a kept answer is not what was kept, it is left out")
            self._cache.delete(_name(key))
            self._missed("error")
            return None
        if time.time() - value.kept_at > self._settings.ttl_s or not self._readable(answer, scope):
            self._cache.delete(_name(key))
            self._missed()
            return None
        saved = saved_usage(answer)
        self._count(
            hits=1,
            misses=0 if counted else -1,
            similar=0 if counted else 1,
            saved_prompt_tokens=saved.prompt_tokens,
            saved_completion_tokens=saved.completion_tokens,
            saved_ms=float(answer.timings_ms.get("total", 0.0)),
        )
        metrics.note_cache("answers", "hit", saved_tokens=saved.prompt_tokens + saved.completion_tokens)
        return answer

    def _missed(self, result: Literal["miss", "error"] = "miss") -> None:
        self._count(misses=1)
        metrics.note_cache("answers", result)

    def keep(self, key: str, answer: Answer) -> bool:
        """Whether it was kept: only a whole answer that lacked nothing is."""
        if not keepable(answer):
            return False
        bare = replace(answer, turn_id=None, conversation_id=None, request_id="", cache_key="")
        text = dump_answer(bare)
        kept_at = time.time()
        signature = self._sign(key, kept_at, text)
        self._cache.put(
            _name(key), _Value(format=FORMAT, kept_at=kept_at, answer=text, signature=signature), _VALUE
        )
        self._count(kept=1)
        return True

    def evict(self, key: str) -> None:
        """Forgets an answer that a reader called wrong."""
        if key:
            self._cache.delete(_name(key))
            self._count(evicted=1)

    def lead(self, key: str) -> threading.Event | None:
        """None: nobody is answering this now, and until :meth:`landed` the caller is who does. Else what is
        set when the one who does has ended."""
        with self._lock:
            ended = self._flights.get(key)
            if ended is None:
                self._flights[key] = threading.Event()
            return ended

    def landed(self, key: str) -> None:
        with self._lock:
            ended = self._flights.pop(key)
        ended.set()

    def was_shared(self) -> None:
        """An answer was given to somebody who had waited while it was written."""
        self._count(shared=1)

    def statistics(self) -> CacheStatistics:
        with self._lock:
            counts = asdict(self._counts)
        asked = counts["hits"] + counts["misses"]
        return CacheStatistics(
            **counts,
            on=self.on,
            semantic=self._settings.semantic,
            hit_rate=counts["hits"] / asked if asked else None,
            status=self._cache.status(),
        )

    def _count(self, **more: float) -> None:
        with self._lock:
            for name, amount in more.items():
                setattr(self._counts, name, getattr(self._counts, name) + amount)

    def _readable(self, answer: Answer, scope: Scope) -> bool:
        """Whether every passage is there, inside the scope, with the words that the answer rests on (a
        passage may have grown beyond its chunk, within its document)."""
        try:
            there = self._store.passages([p.chunk_id for p in answer.passages], scope)
        except WenjuError:
            return False
        return all(
            p.chunk_id in there
            and there[p.chunk_id].document_id == p.document_id
            and there[p.chunk_id].text in p.text
            for p in answer.passages
        )

    def _opened(self, key: str, value: _Value) -> Answer | None:
        """None: not signed with the library's secret for this very key, or not an answer."""
        if not hmac.compare_digest(value.signature, self._sign(key, value.kept_at, value.answer)):
            return None
        try:
            return _ANSWER.validate_json(value.answer)
        except ValidationError:  # of another version
            return None

    def _sign(self, key: str, kept_at: float, text: str) -> str:
        signed = f"{FORMAT}\0{key}\0{kept_at!r}\0{text}".encode()
        return hmac.new(self._key_secret(), signed, hashlib.sha256).hexdigest()

    def _key_secret(self) -> bytes:
        if self._secret is None:
            self._secret = self._store.secret("answer-cache")
        return self._secret


def keepable(answer: Answer) -> bool:
    """Whether an answer may be given again: whole, lacking nothing, and not a refusal (what would help
    against one changes with every upload)."""
    return bool(
        answer.text
        and not answer.incomplete
        and not answer.degraded
        and not answer.refused
        and answer.mode in ("generative", "extractive")
        and not answer.from_cache
    )


def saved_usage(answer: Answer) -> Usage:
    """Tokens that giving it again saves: as the server counted them, else estimated; none for quotes."""
    if answer.mode != "generative":
        return Usage()
    if answer.usage.completion_tokens:
        return answer.usage
    read = sum(prompts.estimate_tokens(p.text) for p in answer.passages)
    return Usage(read, prompts.estimate_tokens(answer.text), estimated=True)


def _name(key: str) -> str:
    return f"answer:{key}"
