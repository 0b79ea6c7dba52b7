"""Our embedding models as LangChain's ``Embeddings``, for chains and vector stores that want one."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from rag.models.protocols import EmbeddingModel


class LangchainEmbeddings(Embeddings):
    """Unit vectors as lists of floats; passages and queries go the model's own two ways."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.model = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self.model.embed_passages(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = self.model.embed_query(text).tolist()
        return vector
