"""What every embedding model says of itself, whichever library runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rag.models.protocols import Tokenizer
from rag.records import EmbeddingSpec


class Identified(ABC):
    """The part of EmbeddingModel that follows from what a model knows of itself. A model sets the fields."""

    _name: str
    _revision: str  # "" where it cannot be known
    _dimension: int
    _query_instruction: str
    _languages: tuple[str, ...]

    @property
    @abstractmethod
    def tokenizer(self) -> Tokenizer: ...

    def spec(self, chunker: str) -> EmbeddingSpec:
        return EmbeddingSpec(
            model=self._name,
            revision=self._revision,
            dimension=self._dimension,
            max_tokens=self.tokenizer.max_tokens,
            normalized=True,
            query_instruction=self._query_instruction,
            languages=self._languages,
            chunker=chunker,
        )

    def covers(self, language: str) -> bool:
        return "*" in self._languages or language in self._languages
