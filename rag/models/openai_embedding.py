"""Embeddings from any OpenAI-compatible server (vLLM, Ollama, TEI, a cloud), through LangChain's client.

Requests carry a bounded number of texts, are repeated with back-off and end within ``timeout_s`` each.
What is not a list of equally long vectors of numbers is refused. Texts are cut here to the model's
length: servers answer an over-long text with an error. Without the model's ``tokenizer.json`` tokens
are estimated on the high side (one for three letters or digits, one for any other character), so chunks
come out somewhat smaller than they might be, never larger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr

from rag.breaker import Breaker, breaker_for
from rag.errors import ModelUnavailable, SettingsError
from rag.models import known
from rag.models.batching import QueryBatcher
from rag.models.identity import Identified
from rag.models.protocols import Tokenizer, Vectors
from rag.models.tokenizer import HuggingFaceTokenizer
from rag.settings import Settings

REQUEST_TEXTS = 64
RETRIES = 3
_PIECE = re.compile(r"[A-Za-z0-9]{1,3}|[^\sA-Za-z0-9]")


class EstimatingTokenizer:
    """Counts more tokens than common byte-pair and word-piece vocabularies make of the same text."""

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    @property
    def special_tokens(self) -> int:
        return 2

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [piece.span() for piece in _PIECE.finditer(text)]

    def count(self, text: str) -> int:
        return sum(1 for _ in _PIECE.finditer(text))


class OpenAIEmbedding(Identified):
    """An :class:`rag.models.protocols.EmbeddingModel`; thread-safe. The dimension is asked for once,
    when it is made: ModelUnavailable when the server does not answer as it should."""

    def __init__(
        self,
        client: Any,
        *,
        url: str,
        model: str,
        tokenizer: Tokenizer,
        query_instruction: str,
        passage_prefix: str,
        languages: tuple[str, ...],
        breaker: Breaker | None = None,
    ) -> None:
        self._breaker = breaker or Breaker("embeddings", url)
        self._client = client
        self._url = url
        self._name = model
        self._revision = ""  # a server does not tell
        self._tokenizer = tokenizer
        self._query_instruction = query_instruction
        self._passage_prefix = passage_prefix
        self._languages = languages
        self._queries: QueryBatcher[str] = QueryBatcher(self._embed)
        self._dimension = 0
        self._dimension = int(self._embed(["1"]).shape[1])

    @property
    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    @property
    def backend(self) -> str:
        return self._url

    def embed_query(self, text: str) -> Vectors:
        return self._queries.embed(self._query_instruction + text)

    def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for start in range(0, len(texts), REQUEST_TEXTS):
            some = texts[start : start + REQUEST_TEXTS]
            vectors[start : start + len(some)] = self._embed([self._passage_prefix + text for text in some])
            if on_progress is not None:
                on_progress(start + len(some))
        return vectors

    def _embed(self, texts: list[str]) -> Vectors:
        with self._breaker.call(ModelUnavailable, _is_outage), self._errors():
            found = self._client.embed_documents([self._cut(text) for text in texts])
            try:
                vectors = np.asarray(found, dtype=np.float32)
            except (ValueError, TypeError):
                raise self._garbage("vectors of different lengths or not of numbers") from None
        if vectors.ndim != 2 or vectors.shape[0] != len(texts) or vectors.shape[1] == 0:
            raise self._garbage(f"shape {vectors.shape} for {len(texts)} texts")
        if self._dimension and vectors.shape[1] != self._dimension:
            raise self._garbage(f"{vectors.shape[1]} numbers a vector, before it was {self._dimension}")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise self._garbage("vectors that are zero or not finite")
        unit: Vectors = vectors / lengths
        return unit

    def _cut(self, text: str) -> str:
        room = self._tokenizer.max_tokens - self._tokenizer.special_tokens
        if len(text) <= room:  # no token is shorter than a character
            return text or " "  # servers refuse an empty text
        offsets = self._tokenizer.offsets(text)
        return text if len(offsets) <= room else text[: offsets[room - 1][1]]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import openai
        from pydantic import ValidationError

        try:
            yield
        except openai.APIConnectionError as error:  # time-outs included
            detail = str(error.__cause__ or error)
            raise ModelUnavailable("embedding.server_unreachable", url=self._url, detail=detail) from error
        except openai.APIStatusError as error:
            raise ModelUnavailable(
                "embedding.server_refused",
                url=self._url,
                model=self._name,
                status=error.status_code,
                detail=str(error.message)[:300],
            ) from error
        except (openai.OpenAIError, ValidationError) as error:
            raise self._garbage(error) from error
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            IndexError,
        ) as error:  # a body of another kind
            raise self._garbage(error) from error

    def _garbage(self, detail: object) -> ModelUnavailable:
        return ModelUnavailable(
            "embedding.server_garbage", url=self._url, model=self._name, detail=str(detail)[:300]
        )


def _is_outage(error: BaseException) -> bool:
    """Whether the server cannot do its work; not when it refuses this request."""
    if not isinstance(error, ModelUnavailable) or error.code != "embedding.server_refused":
        return True
    return error.params["status"][:1] == "5"


def load_openai_embedding(settings: Settings) -> OpenAIEmbedding:
    """The model of ``[embedding] base_url``. SettingsError without a URL; ModelUnavailable when the
    server cannot be used."""
    wanted = settings.embedding
    if not wanted.base_url:
        raise SettingsError("embedding.no_base_url")
    from langchain_openai import OpenAIEmbeddings

    fact = known.find_known(wanted.model)
    max_tokens = wanted.max_tokens or (fact.max_tokens if fact else 512)
    tokenizer: Tokenizer = EstimatingTokenizer(max_tokens)
    if wanted.tokenizer:
        tokenizer = HuggingFaceTokenizer(Path(wanted.tokenizer).expanduser(), max_tokens)
    key = wanted.api_key.get_secret_value() or "none"  # servers without keys still want a header
    options: dict[str, Any] = {
        "model": wanted.model,
        "base_url": wanted.base_url,
        "api_key": SecretStr(key),
        "timeout": wanted.timeout_s,
        "max_retries": RETRIES,
        "chunk_size": REQUEST_TEXTS,
        "check_embedding_ctx_length": False,  # it would send token ids, which other servers do not take
    }
    client = OpenAIEmbeddings(**options)  # as a dict: its aliases are unknown to the type checker
    instruction = wanted.query_instruction
    if instruction is None:
        instruction = fact.query_instruction if fact else ""
    return OpenAIEmbedding(
        client,
        url=wanted.base_url,
        model=wanted.model,
        tokenizer=tokenizer,
        query_instruction=instruction,
        passage_prefix=fact.passage_prefix if fact else "",
        languages=wanted.languages or (fact.languages if fact else known.ANY_LANGUAGE),
        breaker=breaker_for("embeddings", wanted.base_url, settings.load),
    )
