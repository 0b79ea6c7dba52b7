"""Chat completions as the official openai client and LangChain see them, against a real server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest
from api_house import CANARY_QUESTION, QUESTION, House, chat, house
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from rag.access import LOCAL
from rag.errors import ModelUnavailable
from rag.messages import message
from rag.testing import QueueChatModel, Reply

SENTENCE = "Revenue of Harbour Logistics was 1,577 million euros in 2023."


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("api-chat")) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(quiet: House) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{quiet.url}/v1", api_key=quiet.token(), max_retries=0) as made:
        yield made


def ask(
    client: openai.OpenAI, question: str, model: str = "wenju", **more: object
) -> openai.types.chat.ChatCompletion:
    return client.chat.completions.create(  # type: ignore[call-overload,no-any-return]
        model=model, messages=[{"role": "user", "content": question}], **more
    )


def test_openai_client_gets_an_answer_with_its_evidence(client: openai.OpenAI, quiet: House) -> None:
    done = ask(client, QUESTION, temperature=0.2, seed=3)
    assert done.choices[0].message.content == f"{SENTENCE[:-1]}, after 1,402 million euros in 2022. [1]"
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    evidence = done.model_extra["wenju"] if done.model_extra else {}
    assert evidence["citations"][0]["document"] == "Harbour 2023.md"
    assert evidence["passages"][0]["text"].startswith("# Results")
    assert evidence["groundedness"] == 1.0
    assert evidence["mode"] == "extractive"
    assert not evidence["refused"]
    assert evidence["timings_ms"]["total"] > 0
    assert evidence["ignored"] == ["seed", "temperature"]
    turn = quiet.engine.own_turn(evidence["turn_id"])
    assert turn.answer.text == done.choices[0].message.content
    assert done.system_fingerprint == f"turn-{turn.id}"


def test_a_kept_answer_says_so_and_anew_goes_past_it(client: openai.OpenAI) -> None:
    question = "What was the revenue of Harbour Logistics in the year 2023?"
    given = []
    for own in ({}, {}, {"anew": True}):
        done = ask(client, question, extra_body={"wenju": own})
        assert done.choices[0].message.content
        given.append(done.model_extra["wenju"]["from_cache"] if done.model_extra else None)
    assert given == [False, True, False]


def test_openai_client_streams(client: openai.OpenAI) -> None:
    chunks = list(ask(client, QUESTION, stream=True, stream_options={"include_usage": True}))
    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(texts).startswith(SENTENCE[:-1])
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert len({c.id for c in chunks}) == 1
    extensions = [c.model_extra["wenju"] for c in chunks if c.model_extra and "wenju" in c.model_extra]
    assert extensions[0]["event"] == "retrieved"
    assert extensions[0]["passages"]
    assert extensions[-1]["citations"][0]["document"] == "Harbour 2023.md"


def test_refusal_says_why_and_what_helps(client: openai.OpenAI) -> None:
    evidence = (ask(client, "Who won the chess world cup of 1887 in Reykjavik?").model_extra or {})["wenju"]
    assert evidence["refused"]
    assert evidence["mode"] == "refused"
    assert evidence["hints"]


def test_earlier_messages_are_the_context(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(
        model="wenju",
        messages=[
            {"role": "system", "content": "You are a pirate."},
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": "1,577 million euros [1]"},
            {"role": "user", "content": [{"type": "text", "text": "And in 2022?"}]},
        ],
    )
    evidence = (done.model_extra or {})["wenju"]
    assert evidence["standalone_question"] == "What was the revenue of Harbour Logistics in 2022?"
    assert "1,402 million" in (done.choices[0].message.content or "")
    assert evidence["ignored"] == ["messages.system"]


def test_a_kept_conversation_goes_on(client: openai.OpenAI) -> None:
    first = (ask(client, QUESTION).model_extra or {})["wenju"]
    again = ask(client, "And in 2022?", extra_body={"wenju": {"conversation_id": first["conversation_id"]}})
    evidence = (again.model_extra or {})["wenju"]
    assert evidence["conversation_id"] == first["conversation_id"]
    assert evidence["standalone_question"] == "What was the revenue of Harbour Logistics in 2022?"


def test_a_collection_is_a_model(client: openai.OpenAI) -> None:
    names = [m.id for m in client.models.list()]
    assert {"wenju", "wenju:analyst", "wenju/default", "wenju/payroll", "wenju/payroll:analyst"} <= set(names)
    assert client.models.retrieve("wenju/payroll").id == "wenju/payroll"
    here = ask(client, CANARY_QUESTION, "wenju/payroll")
    assert "987,654" in (here.choices[0].message.content or "")
    elsewhere = (ask(client, CANARY_QUESTION, "wenju/default").model_extra or {})["wenju"]
    assert elsewhere["refused"]
    assert "987,654" not in json.dumps(elsewhere)


def test_style_comes_with_the_model_or_the_extension(client: openai.OpenAI) -> None:
    by_name = (ask(client, QUESTION, "wenju:analyst").model_extra or {})["wenju"]
    by_field = (ask(client, QUESTION, extra_body={"wenju": {"style": "analyst"}}).model_extra or {})["wenju"]
    plain = (ask(client, QUESTION).model_extra or {})["wenju"]
    assert by_name["prompt_version"] == by_field["prompt_version"] != plain["prompt_version"]


@pytest.mark.parametrize(
    "model", ["gpt-4o", "wenju/nowhere", "wenju:nostyle", "wenju/", "", ":", "wenju/default:"]
)
def test_unknown_model_is_404(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        ask(client, QUESTION, model)
    assert raised.value.code == "api.no_model"
    assert "/v1/models" in str(raised.value)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tools"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
    ],
)
def test_what_would_change_the_kind_of_answer_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, object], name: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, QUESTION, **more)
    assert raised.value.code == "api.unsupported"
    assert name in str(raised.value)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "hi"}],
        [{"role": "user", "content": "  "}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}],
    ],
)
def test_no_question_is_400(quiet: House, messages: list[object]) -> None:
    with quiet.client(quiet.token()) as http:
        answer = http.post("/chat/completions", json={"model": "wenju", "messages": messages})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_langchain_works_unchanged(quiet: House) -> None:
    model = ChatOpenAI(
        base_url=f"{quiet.url}/v1", api_key=SecretStr(quiet.token()), model="wenju", max_retries=0
    )
    answer = model.invoke(QUESTION)
    assert "1,577 million euros" in str(answer.content)
    pieces = list(
        model.stream([("human", QUESTION), ("ai", "1,577 million euros"), ("human", "And in 2022?")])
    )
    assert "1,402 million" in "".join(str(p.content) for p in pieces)
    for metadata in (answer.response_metadata, *(p.response_metadata for p in pieces if p.response_metadata)):
        if fingerprint := metadata.get("system_fingerprint"):
            break
    with quiet.client(quiet.token()) as http:
        turn = http.get(f"/turns/{fingerprint.removeprefix('turn-')}").json()
    assert turn["wenju"]["citations"][0]["document"] == "Harbour 2023.md"


# -- with a chat model


def test_thinking_and_tokens_stream_as_they_come(tmp_path: Path) -> None:
    said = " ".join([f"{SENTENCE[:-1]} [1]."] * 3)  # rules let a sentence out when it is whole
    model = QueueChatModel([Reply(said, thinking="let me see", word_s=0.05)])
    with house(tmp_path, model) as opened, opened.client(opened.token()) as http:
        arrived: list[float] = []
        reasoning = ""
        with http.stream("POST", "/chat/completions", json=chat(QUESTION, stream=True)) as answer:
            for line in answer.iter_lines():
                if '"content": "' in line and '"content": ""' not in line:
                    arrived.append(time.monotonic())
                if "reasoning_content" in line:
                    delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
                    reasoning += delta["reasoning_content"]
        assert reasoning == "let me see"
        assert arrived[-1] - arrived[0] > 0.2  # not at once at the end


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_writing_upstream(tmp_path: Path, stream: bool) -> None:
    model = QueueChatModel([Reply("The word stands here [1]. " * 80, word_s=0.05)])
    with house(tmp_path, model) as opened:
        token = opened.token()
        with httpx.Client(timeout=httpx.Timeout(5, read=1.0), trust_env=False) as http:

            def leave_early() -> None:
                with http.stream(
                    "POST",
                    f"{opened.url}/v1/chat/completions",
                    json=chat(QUESTION, stream=stream),
                    headers={"Authorization": f"Bearer {token}"},
                ) as answer:
                    for line in answer.iter_lines():
                        if '"content": "' in line and "word" in line:
                            return

            if stream:
                leave_early()
            else:
                with pytest.raises(httpx.ReadTimeout):
                    leave_early()
        until = time.monotonic() + 5  # the whole answer would take 20 s
        while model.closed == 0 and time.monotonic() < until:
            time.sleep(0.02)
        assert model.closed == 1


def test_an_error_before_the_first_word_has_its_status(tmp_path: Path) -> None:
    with house(tmp_path) as opened, opened.client(opened.token()) as http:
        answer = http.post("/chat/completions", json=chat("x" * 5000, stream=True))
        assert answer.status_code == 422
        assert answer.json()["code"] == "answer.question_too_long"


def test_a_model_that_breaks_off_leaves_what_arrived(tmp_path: Path) -> None:
    model = QueueChatModel([Reply("Revenue was 1,577 million euros in 2023 [1].", cut_after=3)])
    with house(tmp_path, model) as opened, opened.client(opened.token()) as http:
        done = http.post("/chat/completions", json=chat(QUESTION)).json()
    assert done["choices"][0]["finish_reason"] == "length"
    assert done["wenju"]["incomplete"]


def test_a_model_that_is_away_gives_way_to_quotes_said_aloud(tmp_path: Path) -> None:
    model = QueueChatModel([Reply(error=ModelUnavailable("chat.unreachable", url="http://x/v1"))])
    with house(tmp_path, model) as opened, opened.client(opened.token(), **{"Accept-Language": "zh"}) as http:
        done = http.post("/chat/completions", json=chat(QUESTION)).json()
    assert "1,577 million euros" in done["choices"][0]["message"]["content"]
    said = done["wenju"]["degraded"][0]
    assert said["message"].startswith(message("chat.unreachable", "zh", {"url": "http://x/v1"})[:4])


def test_many_at_once_get_their_own_answers(tmp_path: Path) -> None:
    def echo(messages: object) -> Reply:
        asked = str(messages[-1].content)  # type: ignore[index]
        number = asked.rsplit("number ", 1)[-1].split("?")[0].strip()
        return Reply(f"Revenue was 1,577 million euros [1]. Echo {number}.", word_s=0.005)

    model = QueueChatModel([echo], repeat=True)
    with house(tmp_path, model, cache={"answers": False}) as opened:
        token = opened.token()

        def one(number: int) -> bool:
            with opened.client(token) as http:
                question = f"What was the revenue of Harbour Logistics in 2023, number {number}?"
                done = http.post("/chat/completions", json=chat(question)).json()
                return f"Echo {number}." in done["choices"][0]["message"]["content"]

        with ThreadPoolExecutor(12) as pool:
            assert all(pool.map(one, range(100, 136)))
        turns = [opened.engine.turns(c.id)[0] for c in opened.engine.conversations(LOCAL)]
        assert all(t.answer.question.split("number ")[-1].split("?")[0] in t.answer.text for t in turns)


def test_a_slow_answer_blocks_nobody(tmp_path: Path) -> None:
    model = QueueChatModel([Reply("Slow answer [1].", stall_s=2.0)])
    with house(tmp_path, model) as opened, opened.client(opened.token()) as http:
        slow = threading.Thread(
            target=lambda: http.post("/chat/completions", json=chat(QUESTION)), daemon=True
        )
        slow.start()
        time.sleep(0.3)
        began = time.monotonic()
        with opened.client(opened.token()) as other:
            assert other.get("/models").status_code == 200
        assert time.monotonic() - began < 1.0
        slow.join()
