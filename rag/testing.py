"""Deterministic fakes that honour the Protocols of :mod:`rag.models.protocols`.

They ship with the package so that whoever builds on Wenju can test without weights, network or GPU.
``HashEmbedding`` is a bag of hashed terms: texts that share words are near each other, so searches
over it find what a person would expect; it knows nothing of meaning. ``QueueChatModel`` answers from
a queue. Same input, same output, on every machine.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rag.errors import ModelUnavailable, WenjuError
from rag.models.protocols import ChatMessage, Delta, Vectors
from rag.records import EmbeddingSpec

_TOKEN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|\w+?(?=[\u3400-\u9fff])|\w+|[^\w\s]")
_CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_COMMON = frozenset(
    re.findall(
        r"\S+",
        """a an and are as at be been by did do does for from had has have how in is it its of on or that the
        their this to was were what when where which who why will with
        的 了 是 在 和 与 及 为 吗 呢 多 少 什 么 哪""",
    )
)


class WordTokenizer:
    """One token a word, punctuation mark or CJK character; two special tokens, as BERT has."""

    def __init__(self, max_tokens: int = 256) -> None:
        self._max_tokens = max_tokens

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    @property
    def special_tokens(self) -> int:
        return 2

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in _TOKEN.finditer(text)]

    def count(self, text: str) -> int:
        return sum(1 for _ in _TOKEN.finditer(text))


def _features(text: str) -> Iterator[str]:
    """Lower-cased words without plural s and thousands separators; CJK characters and their bigrams."""
    previous = ""
    for token in _TOKEN.findall(re.sub(r"(?<=\d),(?=\d{3})", "", text.lower())):
        if token in _COMMON:
            previous = ""
            continue
        if _CJK.fullmatch(token):
            if previous:
                yield previous + token
            yield token
            previous = token
        else:
            previous = ""
            if token[0].isalnum():
                yield token[:-1] if len(token) > 3 and token.endswith("s") else token


@lru_cache(maxsize=100_000)
def _bucket(feature: str, dimension: int) -> tuple[int, float]:
    digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return number % dimension, 1.0 if number >> 63 else -1.0


class HashEmbedding:
    """An EmbeddingModel of hashed terms. ``model``, ``revision`` and ``languages`` may be set to play
    another model; ``fail`` makes every call raise it; ``delay_s`` is slept for each passage."""

    def __init__(
        self,
        dimension: int = 256,
        *,
        max_tokens: int = 256,
        model: str = "hash",
        revision: str = "1",
        languages: tuple[str, ...] = ("*",),
        query_instruction: str = "",
        delay_s: float = 0.0,
        fail: WenjuError | None = None,
    ) -> None:
        self.dimension = dimension
        self.model = model
        self.revision = revision
        self.languages = languages
        self.query_instruction = query_instruction
        self.delay_s = delay_s
        self.fail = fail
        self.passages_embedded = 0
        self.queries_embedded = 0
        self._tokenizer = WordTokenizer(max_tokens)
        self._lock = threading.Lock()

    @property
    def tokenizer(self) -> WordTokenizer:
        return self._tokenizer

    def spec(self, chunker: str) -> EmbeddingSpec:
        return EmbeddingSpec(
            model=self.model,
            revision=self.revision,
            dimension=self.dimension,
            max_tokens=self._tokenizer.max_tokens,
            normalized=True,
            query_instruction=self.query_instruction,
            languages=self.languages,
            chunker=chunker,
        )

    def covers(self, language: str) -> bool:
        return "*" in self.languages or language in self.languages

    def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            if self.fail is not None:
                raise self.fail
            if self.delay_s:
                time.sleep(self.delay_s)
            vectors[row] = self._embed(text)
            if on_progress is not None:
                on_progress(row + 1)
        with self._lock:
            self.passages_embedded += len(texts)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        if self.fail is not None:
            raise self.fail
        with self._lock:
            self.queries_embedded += 1
        return self._embed(text)

    def _embed(self, text: str) -> Vectors:
        vector = np.zeros(self.dimension, dtype=np.float32)
        counts: dict[str, int] = {}
        for feature in _features(text):
            counts[feature] = counts.get(feature, 0) + 1
        for feature, count in counts.items():
            index, sign = _bucket(feature, self.dimension)
            vector[index] += sign * (1.0 + np.log(count))
        norm = float(np.linalg.norm(vector))
        if norm == 0.0:  # no words at all: still a unit vector
            vector[0] = norm = 1.0
        return vector / np.float32(norm)


class FakeReranker:
    """Logit = 10 x the share of the query's terms found in the passage, minus 5. ``fail`` is raised."""

    def __init__(self, *, fail: WenjuError | None = None) -> None:
        self.fail = fail
        self.calls: list[tuple[str, tuple[str, ...]]] = []

    @property
    def name(self) -> str:
        return "fake-reranker"

    def rerank_logits(self, query: str, passages: Sequence[str]) -> list[float]:
        self.calls.append((query, tuple(passages)))
        if self.fail is not None:
            raise self.fail
        wanted = set(_features(query))
        return [10.0 * len(wanted & set(_features(p))) / max(1, len(wanted)) - 5.0 for p in passages]


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted reply. ``error`` is raised before the first piece; ``cut_after`` raises
    ModelUnavailable after that many words; ``stall_s`` is slept before the first piece and
    ``word_s`` before every word."""

    text: str = ""
    thinking: str = ""
    finish_reason: str = "stop"
    error: WenjuError | None = None
    cut_after: int | None = None
    stall_s: float = 0.0
    word_s: float = 0.0


class QueueChatModel:
    """A ChatModel that streams scripted replies word by word, in order; the last one repeats when
    ``repeat`` is true, otherwise an empty queue raises AssertionError. A callable reply computes its
    text from the messages. ``received`` holds the messages of every call, ``closed`` counts the
    streams that the caller closed before their end."""

    def __init__(
        self,
        replies: Iterable[str | Reply | Callable[[Sequence[ChatMessage]], str | Reply]] = (),
        *,
        name: str = "queue",
        repeat: bool = False,
    ) -> None:
        self._replies = deque(replies)
        self._name = name
        self._repeat = repeat
        self._lock = threading.Lock()
        self.received: list[tuple[ChatMessage, ...]] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return self._name

    def queue(self, reply: str | Reply) -> None:
        """Add one more reply at the end."""
        with self._lock:
            self._replies.append(reply)

    def stream(self, messages: Sequence[ChatMessage]) -> Iterator[Delta]:
        with self._lock:
            self.received.append(tuple(messages))
            if not self._replies:
                raise AssertionError("QueueChatModel was asked once more than it has replies")
            scripted = (
                self._replies[0] if self._repeat and len(self._replies) == 1 else self._replies.popleft()
            )
        if callable(scripted):
            scripted = scripted(messages)
        reply = Reply(scripted) if isinstance(scripted, str) else scripted
        return self._stream(reply)

    def _stream(self, reply: Reply) -> Iterator[Delta]:
        finished = False
        try:
            if reply.stall_s:
                time.sleep(reply.stall_s)
            if reply.error is not None:
                finished = True
                raise reply.error
            for piece in _words(reply.thinking):
                yield Delta(thinking=piece)
            for number, piece in enumerate(_words(reply.text)):
                if reply.cut_after is not None and number >= reply.cut_after:
                    finished = True
                    raise ModelUnavailable("chat.cut", url=self._name)
                if reply.word_s:
                    time.sleep(reply.word_s)
                yield Delta(text=piece)
            finished = True
            yield Delta(finish_reason=reply.finish_reason)
        finally:
            if not finished:
                with self._lock:
                    self.closed += 1


def _words(text: str) -> list[str]:
    """``text`` cut before each word, or after each CJK character; the pieces join to ``text``."""
    return re.findall(r"[\u3000-\u9fff\uff00-\uffef]|\s*[^\s\u3000-\u9fff\uff00-\uffef]+|\s+", text)
