"""The whole path against a real vLLM server: question, passages, streamed answer, stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from vllm_server import running_requests, vllm_server

from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import ModelUnavailable
from rag.models.chat import ChatFinder
from rag.models.openai_chat import OpenAIChat
from rag.models.protocols import ChatMessage
from rag.records import Done, Retrieved, Token
from rag.settings import Settings
from rag.testing import HashEmbedding

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

TEXT = (
    "Harbour Logistics plc moved 4.2 million containers in 2023. Revenue was 1,577 million euros in 2023.\n"
)
QUESTION = "What was the revenue of Harbour Logistics in 2023?"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with vllm_server(tmp_path_factory.mktemp("vllm")) as server:
        yield server


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    # Without temperature the random model repeats the prompt's last token, a line break, for ever.
    chat = {"base_url": url, "max_tokens": 200, "context_tokens": 400, "temperature": 1.0}
    settings = Settings(data_dir=tmp_path, chat=chat)
    embedding = HashEmbedding()
    with Engine.open(settings, embedding=embedding) as opened:
        opened.add_document("Harbour Logistics 2023.txt", TEXT.encode())
        IngestService(opened.store, settings, embedding).run_until_idle()
        yield opened


def idle(url: str) -> bool:
    for _ in range(100):
        if running_requests(url) == 0:
            return True
        time.sleep(0.1)
    return False


def test_an_answer_streams_through_the_whole_path(engine: Engine, url: str) -> None:
    for rule in engine.rules():  # they let whole sentences out; the random model ends none
        engine.change_rule(rule.id, active=False)
    for _ in range(10):  # the random model may happen to end at once
        events = list(engine.ask(QUESTION, anew=True))
        if sum(isinstance(e, Token) for e in events) > 3:
            break
    else:
        pytest.fail("no answer came in pieces")
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert any(isinstance(e, Retrieved) for e in events)
    # The random model says nothing sensible, but it is what wrote the answer.
    assert (answer.mode, answer.model) == ("generative", "tiny")
    assert answer.text
    assert engine.turns(answer.conversation_id)[-1].answer.text == answer.text
    chat = next(s for s in engine.part_statuses() if s.part == "chat")
    assert (chat.state, chat.params["model"]) == ("ok", "tiny")


def test_stop_ends_generation_upstream(url: str) -> None:
    chat = OpenAIChat(
        Settings(chat={"max_tokens": 1500, "temperature": 1.0}).chat, base_url=url, model="tiny"
    )
    for _ in range(20):  # the random model may happen to end at once
        reply = chat.stream([ChatMessage("user", "Write as long as you can.")])
        next(reply)
        if running_requests(url) == 1:
            break
        reply.close()
    else:
        pytest.fail("no reply lasted long enough to be stopped")
    started = time.monotonic()
    reply.close()
    assert idle(url)
    assert time.monotonic() - started < 3
    assert list(reply) == []


def test_stop_event_and_closed_generator_reach_the_server(engine: Engine, url: str) -> None:
    stop = threading.Event()
    for event in engine.ask(QUESTION, stop=stop):
        if isinstance(event, Token):
            stop.set()
    assert isinstance(event, Done)
    assert idle(url)
    events = engine.ask(QUESTION)
    for event in events:
        if isinstance(event, Token):
            break
    events.close()
    assert idle(url)


def test_thinking_is_switched_in_the_template(url: str) -> None:
    """The tiny model's template writes an empty thought into the prompt only when thinking is off: vLLM's
    count of prompt tokens shows that the argument arrived."""

    def prompt_tokens(enable: bool) -> int:
        body = {
            "model": "tiny",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 1,
            "chat_template_kwargs": {"enable_thinking": enable},
        }
        answer = httpx.post(f"{url}/chat/completions", json=body, timeout=60, trust_env=False).json()
        return int(answer["usage"]["prompt_tokens"])

    def prompt_total() -> float:
        text = httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=5, trust_env=False).text
        lines = [line for line in text.splitlines() if line.startswith("vllm:prompt_tokens_total")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    expected = {enable: prompt_tokens(enable) for enable in (True, False)}
    assert expected[False] > expected[True]
    for enable in (True, False):
        before = prompt_total()
        chat = OpenAIChat(
            Settings(chat={"enable_thinking": enable, "max_tokens": 1}).chat, base_url=url, model="tiny"
        )
        assert [d.finish_reason for d in chat.stream([ChatMessage("user", "hello")])][-1]
        for _ in range(50):  # the count is published a moment later
            if prompt_total() > before:
                break
            time.sleep(0.1)
        assert prompt_total() - before == expected[enable]


def test_unknown_model_and_too_long_a_prompt_have_their_own_words(url: str) -> None:
    problem = ChatFinder(Settings(chat={"base_url": url, "model": "nobody"})).find().problem
    assert problem is not None
    assert problem.code == "chat.model_unlisted"
    assert "tiny" in str(problem)
    settings = Settings(chat={"max_tokens": 16})
    with pytest.raises(ModelUnavailable) as caught:
        list(OpenAIChat(settings.chat, base_url=url, model="nobody").stream([ChatMessage("user", "hello")]))
    assert caught.value.code == "chat.model_unknown"
    with pytest.raises(ModelUnavailable) as caught:
        list(
            OpenAIChat(settings.chat, base_url=url, model="tiny").stream(
                [ChatMessage("user", "word " * 4000)]
            )
        )
    assert caught.value.code == "chat.too_long"


def test_base_url_without_v1_is_understood(url: str) -> None:
    found = ChatFinder(Settings(chat={"base_url": url.removesuffix("/v1")})).find()
    assert (found.url, found.model is not None) == (url, True)
