"""The shipped fakes behave as the Protocols promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ModelUnavailable
from rag.models.protocols import ChatMessage, ChatModel, Delta, EmbeddingModel, Reranker
from rag.testing import FakeReranker, HashEmbedding, QueueChatModel, Reply, WordTokenizer


def test_the_fakes_fit_the_seams() -> None:
    embedding: EmbeddingModel = HashEmbedding()
    chat: ChatModel = QueueChatModel()
    reranker: Reranker = FakeReranker()
    assert embedding.spec("c").dimension == 256
    assert (chat.name, reranker.name) == ("queue", "fake-reranker")


def test_texts_that_share_words_are_near() -> None:
    model = HashEmbedding()
    passages = [
        "Net sales were 1,577 million in 2018.",
        "The board has nine directors",
        "公司营业收入同比增长",
    ]
    vectors = model.embed_passages(passages)
    for query, wanted in (
        ("net sale of 1577 in 2018?", 0),
        ("directors of the board", 1),
        ("营业收入是多少", 2),
    ):
        assert int((vectors @ model.embed_query(query)).argmax()) == wanted


@given(st.text())
def test_every_text_has_a_unit_vector_and_exact_offsets(text: str) -> None:
    assert float(np.linalg.norm(HashEmbedding().embed_query(text))) == pytest.approx(1, abs=1e-5)
    tokenizer = WordTokenizer()
    offsets = tokenizer.offsets(text)
    assert len(offsets) == tokenizer.count(text)
    assert all(a < b for a, b in offsets)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(offsets))


def test_chat_replies_stream_stop_cut_and_fail() -> None:
    error = ModelUnavailable("chat.unreachable", url="u", detail="d")
    cut = Reply("one two three", cut_after=2)
    chat = QueueChatModel(["Sales rose [1]. 净利润", Reply("x", thinking="hm ok"), cut, Reply(error=error)])
    question = [ChatMessage("user", "?")]
    first = list(chat.stream(question))
    assert "".join(delta.text for delta in first) == "Sales rose [1]. 净利润"
    assert first[-1] == Delta(finish_reason="stop")
    assert [delta.thinking for delta in chat.stream(question) if delta.thinking] == ["hm", " ok"]
    got = []
    with pytest.raises(ModelUnavailable):
        got.extend(delta.text for delta in chat.stream(question))
    stream = chat.stream(question)
    with pytest.raises(ModelUnavailable):
        next(stream)
    assert chat.closed == 0
    assert chat.received == [tuple(question)] * 4
    with pytest.raises(AssertionError):
        chat.stream(question)
    stopping = QueueChatModel(["a b c"], repeat=True)
    for _ in range(2):
        stream = stopping.stream(question)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert stopping.closed == 2


def test_the_reranker_prefers_shared_words() -> None:
    logits = FakeReranker().rerank_logits("net sales", ["the board", "net sales rose"])
    assert logits[1] > logits[0]
