"""The load test against stand-ins of a chat endpoint: through the app and past it, with the same prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_chat_server import Script, say, serving
from typer.testing import CliRunner

from ingest.service import IngestService
from rag.engine import Engine
from rag.models.openai_chat import OpenAIChat
from rag.settings import Settings
from rag.testing import HashEmbedding
from serving import load
from serving.plan import ServingError

TEXT = (
    "Harbour Logistics plc moved 4.2 million containers in 2023. Revenue was 1,577 million euros in 2023.\n"
)
NOTHING = "xyzzy plugh frobnicate"
QUESTION = "How many containers did Harbour Logistics move?"


@pytest.fixture
def library(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path, cache={"answers": False})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        engine.add_document("Harbour Logistics 2023.txt", TEXT.encode())
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()
    return settings


def _record(settings: Settings, *questions: str) -> list[tuple[str, Any]]:
    def opened(recorder: load.Recorder) -> Engine:
        return Engine.open(settings, embedding=HashEmbedding(), chat=recorder)

    return load.record_prompts(opened, questions)


def test_the_endpoint_gets_the_very_prompt_that_the_app_sends(library: Settings) -> None:
    script = Script(say({"content": "4.2 million "}, {"content": "[1]"}))
    with serving(script) as url:
        kept = _record(library, QUESTION, NOTHING)
        assert [question for question, _ in kept] == [QUESTION], "what never reaches the model is left out"
        direct = load.endpoint(load.client(url, ""), "tiny", [kept[0][1]], max_tokens=64)
        assert list(direct(0)) == ["4.2 million ", "[1]", ""]
        chat = OpenAIChat(library.chat, base_url=url, model="tiny")
        with Engine.open(library, embedding=HashEmbedding(), chat=chat) as engine:
            timing = load.ask_one(load.through_engine(engine, [QUESTION]), 0)
            assert timing.error == ""
            assert timing.first_s is not None
        straight, through = script.bodies
        assert straight["messages"] == through["messages"]


def test_a_reply_that_fails_is_an_error_on_both_roads(library: Settings) -> None:
    with serving(Script(say({"content": "cut"}, finish=None))) as url:
        messages = _record(library, QUESTION)[0][1]
        direct = load.endpoint(load.client(url, ""), "tiny", [messages], max_tokens=64)
        assert load.ask_one(direct, 0).error
        chat = OpenAIChat(library.chat, base_url=url, model="tiny")
        with Engine.open(library, embedding=HashEmbedding(), chat=chat) as engine:
            assert "chat.cut" in load.ask_one(load.through_engine(engine, [QUESTION]), 0).error
    gone = OpenAIChat(library.chat, base_url=url, model="tiny")
    with Engine.open(library, embedding=HashEmbedding(), chat=gone) as engine:
        error = load.ask_one(load.through_engine(engine, [QUESTION]), 0).error
        assert "chat.unreachable" in error, "quotes in the model's place do not count as its answer"


def test_no_question_that_reaches_the_model_is_said(library: Settings) -> None:
    with pytest.raises(ServingError, match="--questions FILE"):
        _record(library, NOTHING)


@pytest.mark.parametrize(
    "pieces",
    [
        ({"role": "assistant", "content": ""}, {"content": "one"}, {"content": " two"}),  # vLLM, TGI
        ({"role": "assistant", "content": "", "reasoning_content": None}, {"content": "one two"}),  # SGLang
        ({"reasoning_content": "hm"}, {"content": "one"}),  # a reasoning parser
        ({"reasoning": "hm"}, {"content": "one"}),
    ],
)
def test_the_command_speaks_to_the_servers_that_are_about(pieces: tuple[dict[str, Any], ...]) -> None:
    import cli

    script = Script(say(*pieces), models=["served"])
    with serving(script) as url:
        options = ["--concurrency", "1,3", "--requests", "3", "--rounds", "1", "--prompt-tokens", "100"]
        done = CliRunner().invoke(cli.app, ["bench", "serving", "--base-url", url, *options, "--json"])
        assert done.exit_code == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(line["concurrency"], line["requests"], line["errors"]) for line in lines] == [
            (1, 3, 0),
            (3, 6, 0),
        ]
        assert all(line["first_p50_ms"] > 0 for line in lines)
        assert {body["model"] for body in script.bodies} == {"served"}


def test_the_command_says_what_failed_in_words(tmp_path: Path) -> None:
    import cli

    run = CliRunner().invoke
    with serving(Script(lambda handler: handler.reply(500, {"error": {"message": "out of memory"}}))) as url:
        options = ["--concurrency", "1", "--requests", "2", "--rounds", "1", "--prompt-tokens", "100"]
        done = run(cli.app, ["bench", "serving", "--base-url", url, *options])
        assert done.exit_code == 3
        assert "out of memory" in done.stderr
    empty = tmp_path / "none.txt"
    empty.write_text("\n")
    for options, said in (
        (["--concurrency", "0"], "from 1 to 512"),
        (["--base-url", "http://127.0.0.1:9/v1"], "cannot be measured"),
        (["--base-url", url, "--model", "m", "--overhead", "--questions", str(empty)], "one question a line"),
    ):
        done = run(cli.app, ["--data-dir", str(tmp_path / "data"), "bench", "serving", *options])
        assert done.exit_code in (1, 2), options
        assert said in done.stderr
