"""A chat model in this process: a tiny Qwen3 through HuggingFacePipeline."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from rag.errors import ModelUnavailable
from rag.models.protocols import ChatMessage
from rag.models.transformers_chat import TransformersChat
from rag.settings import Settings

pytestmark = pytest.mark.integration

for module in ("torch", "transformers", "langchain_huggingface"):
    pytest.importorskip(
        module, reason="needs the models extra: .venv-models/bin/python -m pytest tests/integration"
    )

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from make_tiny_qwen import make_tiny_qwen  # noqa: E402

ASK = [ChatMessage("system", "be brief"), ChatMessage("user", "hello")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_qwen(tmp_path_factory.mktemp("tiny"))


def chat(folder: Path, **options: object) -> TransformersChat:
    return TransformersChat(Settings(chat={"kind": "transformers", "model": str(folder), **options}).chat)


def test_streams_in_pieces_and_twice(folder: Path) -> None:
    model = chat(folder, max_tokens=60, temperature=1.0)
    for _ in range(2):
        deltas = list(model.stream(ASK))
        assert deltas[-1].finish_reason == "stop"
    assert sum(bool(d.text) for d in deltas) > 2
    assert model.name == folder.name


def test_closing_ends_generation(folder: Path) -> None:
    model = chat(folder, max_tokens=1500, temperature=1.0)
    for _ in range(20):  # the random model may end by itself
        reply = model.stream(ASK)
        next(reply)
        threads = threading.active_count()
        started = time.monotonic()
        reply.close()
        assert time.monotonic() - started < 3
        assert threading.active_count() <= threads
    assert list(model.stream(ASK))[-1].finish_reason  # the lock was given back


def test_total_limit_and_too_long_a_prompt(folder: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        list(chat(folder, max_tokens=16).stream([ChatMessage("user", "word " * 4000)]))
    assert caught.value.code == "chat.too_long"
    with pytest.raises(ModelUnavailable) as caught:  # noqa: PT012 - one of twenty is slow enough
        for _ in range(20):
            list(chat(folder, max_tokens=1900, temperature=1.0, total_timeout_s=0.05).stream(ASK))
    assert caught.value.code == "chat.total"


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        list(chat(tmp_path).stream(ASK))


def test_a_model_that_cannot_translate_is_done_without(folder: Path) -> None:
    """A random model says nothing that keeps the question's figures: the rules stand in, and it is said."""
    from rag.answer.queries import plan
    from rag.records import Document

    english = Document(
        id=1, collection_id=1, collection="default", name="a.pdf", sha256="1", size_bytes=1,
        status="ready", language="en",
    )  # fmt: skip
    model = chat(folder, max_tokens=60, temperature=1.0)
    started = time.monotonic()
    planned = plan("2018年的资本支出是多少？", [english], model, budget_s=20)
    assert time.monotonic() - started < 25
    assert (planned.queries, [d.code for d in planned.degraded]) == ((), ["degraded.query_translation"])
    slow = chat(folder, max_tokens=1900, temperature=1.0)
    started = time.monotonic()
    late = plan("2018年的资本支出是多少？", [english], slow, budget_s=0.05)
    assert time.monotonic() - started < 5
    assert late.queries == ()
    assert list(slow.stream(ASK))[-1].finish_reason  # the lock was given back
