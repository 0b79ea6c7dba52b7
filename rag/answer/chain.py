"""The LangChain chain that every answer goes through: RetrievalQA over our retriever, with our documents
chain.

Promises: ``RetrievalQA.invoke`` is what retrieves and what writes, extractive answers included; the writer
streams through the callback it was built with and the chain's result is the whole text. RetrievalQA is marked
deprecated upstream (langchain-classic, removal in 2.0): this file is the only one that knows it. Importing it
costs about a second; :func:`build` does so when first called.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.records import Passage

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

Writer = Callable[[str, Sequence[Passage]], str]  # (question, passages) -> the answer's text


@lru_cache(maxsize=1)
def _classes() -> tuple[Any, Any]:
    from langchain_classic.chains import RetrievalQA
    from langchain_classic.chains.combine_documents.base import BaseCombineDocumentsChain
    from langchain_core._api import LangChainDeprecationWarning

    from rag.search.retriever import document_to_passage

    class PassagesChain(BaseCombineDocumentsChain):  # type: ignore[misc, no-any-unimported, unused-ignore]
        """Hands the retrieved passages to the writer instead of stuffing them into one string."""

        write: Any

        @property
        def _chain_type(self) -> str:
            return "wenju_passages"

        def combine_docs(self, docs: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
            return self.write(kwargs["question"], [document_to_passage(d) for d in docs]), {}

        async def acombine_docs(self, docs: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
            raise NotImplementedError("answers are streamed from a thread of their own")

    # For developers; readers of our log can do nothing about it.
    warnings.filterwarnings("ignore", ".*RetrievalQA.*", LangChainDeprecationWarning)
    return RetrievalQA, PassagesChain


def build(retriever: BaseRetriever, write: Writer) -> Any:
    """A RetrievalQA whose ``invoke({"query": question})`` retrieves, then writes."""
    retrieval_qa, passages_chain = _classes()
    return retrieval_qa(combine_documents_chain=passages_chain(write=write), retriever=retriever)


def warm_up() -> None:
    """Imports all that the first question would: some modules come only when a chain is invoked."""
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Nothing(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return []

    build(Nothing(), lambda question, passages: "").invoke({"query": "warm up"})
