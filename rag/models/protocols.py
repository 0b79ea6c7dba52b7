"""The seams to outside models. Each has at least one real implementation and a shipped fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.records import EmbeddingSpec, Usage

Vectors = NDArray[np.float32]


class Tokenizer(Protocol):
    """The embedding model's own tokenizer."""

    @property
    def max_tokens(self) -> int:
        """The most tokens the model reads, special tokens included."""
        ...

    @property
    def special_tokens(self) -> int:
        """How many special tokens are added around one text."""
        ...

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        """(start, end) character offsets of every token, without special tokens, never truncated."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text`` without special tokens, never truncated."""
        ...


class EmbeddingModel(Protocol):
    """Texts -> unit vectors. Thread-safe."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    def spec(self, chunker: str) -> EmbeddingSpec:
        """The identity of the vectors, given the chunker's fingerprint."""
        ...

    def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """float32, shape (len(texts), dimension), L2-normalised, in input order. ``on_progress`` is
        called with the number of texts done so far. Batching by length happens inside."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimension,), L2-normalised, the query instruction applied."""
        ...

    def covers(self, language: str) -> bool:
        """Whether the model was trained on this language ("zh", "en", "other")."""
        ...


class Reranker(Protocol):
    @property
    def name(self) -> str: ...

    def rerank_logits(self, query: str, passages: Sequence[str]) -> list[float]:
        """One relevance logit a passage, higher is better, in input order."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A streamed piece of a chat model's reply; exactly one of the two is non-empty, except for the
    last piece, which carries ``finish_reason``."""

    text: str = ""
    thinking: str = ""
    finish_reason: str = ""  # "stop" | "length" | ...
    usage: Usage | None = None  # of the whole reply, with the last piece, where the model counts


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: str  # "system" | "user" | "assistant"
    content: str


class ChatModel(Protocol):
    """A chat model. ``stream`` yields until the reply ends; closing the iterator stops generation
    upstream. Raises ModelUnavailable (connect, first token, total time, garbage, cut stream)."""

    @property
    def name(self) -> str:
        """What is shown to the reader, e.g. "Qwen/Qwen3-8B"."""
        ...

    def stream(self, messages: Sequence[ChatMessage]) -> Iterator[Delta]: ...
