"""Models as systems: closed book, any server with and without our passages, a judge, RAGAS' data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from search_library import Library as TinyLibrary
from test_chat_server import Script, say, serving

from evaluation import runner
from evaluation.datasets import Question
from evaluation.judge import open_judge
from evaluation.ragas_adapter import ragas_lines
from evaluation.runs import Output, RunSpec, SystemSpec
from evaluation.systems import Library, build
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import ModelUnavailable
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel

QUESTION = Question.model_validate(
    {"id": "a", "question": "What dividends did Alpha pay per share?", "answers": ["5.44"],
     "evidence": [{"doc": "alpha.txt", "page": 1}], "lang": "en"}
)  # fmt: skip
NEVER = threading.Event()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    library = TinyLibrary(tmp_path / "data")
    library.add("alpha.txt", ["Alpha paid dividends of 5.44 dollars per share."])
    library.add("beta.txt", ["Beta spent 1,577 million dollars on capital expenditure."])
    library.store.close()
    return library.settings.data_dir


def opened(folder: Path, chat: Any = None, **settings: Any) -> Engine:
    return Engine.open(
        Settings(data_dir=folder, chat={"kind": "extractive"}, **settings),
        embedding=HashEmbedding(64),
        chat=chat,
    )


def test_closed_book_sees_no_passage(folder: Path) -> None:
    chat = QueueChatModel(["It was 5.44 dollars.", "I do not know."])
    with opened(folder, chat) as engine:
        system = build(SystemSpec("closed_book", "closed_book"), engine, LOCAL, Library.of(engine, LOCAL))
        known, unknown = (system.ask(QUESTION, NEVER) for _ in range(2))
    assert (known.text, known.refused, known.mode, known.citations, known.depth) == (
        "It was 5.44 dollars.", False, "closed_book", (), 0,
    )  # fmt: skip
    assert unknown.refused
    assert "5.44" not in "".join(message.content for message in chat.received[0])
    assert system.identity["model"] == "queue"


@pytest.fixture
def server() -> Iterator[tuple[Script, str]]:
    script = Script(say({"content": "It was 5.44 [1] or 3 [9]."}), models=["one", "two"])
    with serving(script) as url:
        yield script, url


def test_any_server_is_asked_alone_or_with_our_passages(folder: Path, server: tuple[Script, str]) -> None:
    script, url = server
    alone = SystemSpec("alone", "endpoint", {"url": url, "model": "two"})
    given = SystemSpec(
        "given", "endpoint", {"url": url, "model": "one", "passages": "true", "within": "document"}
    )
    with opened(folder) as engine:
        ran = runner.run(engine, RunSpec("t", (QUESTION,), (alone, given), jobs=1))
        kept = {r.system: Output.from_json(r.answer) for r in engine.results(ran.run.id)}
        lines = list(ragas_lines(engine, list(engine.results(ran.run.id))))
    first, second = (str(body["messages"]) for body in script.bodies)
    assert [body["model"] for body in script.bodies] == ["two", "one"]
    assert "paid dividends" not in first
    assert "Alpha paid dividends of 5.44" in second
    assert (kept["alone"].citations, kept["alone"].mode) == ((), "closed_book")
    assert [(c.document, c.page_start, c.marker) for c in kept["given"].citations] == [("alpha.txt", 1, 1)]
    assert [p.document for p in kept["given"].passages] == ["alpha.txt"]
    assert ran.run.summary["systems"]["given"]["measures"]["citation precision"]["mean"] == 1.0
    assert lines[1]["retrieved_contexts"] == ["Alpha paid dividends of 5.44 dollars per share."]
    assert (lines[1]["reference"], lines[0]["retrieved_contexts"]) == ("5.44", [])


def test_quotes_never_pass_for_a_model_that_is_away(folder: Path, server: tuple[Script, str]) -> None:
    _, url = server
    with opened(folder) as engine:
        library = Library.of(engine, LOCAL)
        wanted = SystemSpec(
            "m", "answer", {"chat.kind": "openai", "chat.base_url": url, "chat.model": "gone"}
        )
        with pytest.raises(ModelUnavailable, match="gone"):
            build(wanted, engine, LOCAL, library).ask(QUESTION, NEVER)
        there = SystemSpec("m", "answer", {"chat.kind": "openai", "chat.base_url": url, "chat.model": "two"})
        answered = build(there, engine, LOCAL, library).ask(QUESTION, NEVER)
        assert (answered.mode, answered.model) == ("generative", "two")
        with pytest.raises(ModelUnavailable):
            build(SystemSpec("e", "endpoint", {"url": "http://127.0.0.1:9/v1"}), engine, LOCAL, library)


def test_another_searchs_ranking_is_measured(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("a Q0 beta 1 2.0 t\na Q0 alpha 2 1.0 t\n", encoding="utf-8")
    asked = QUESTION.model_copy(update={"evidence": (), "gold_passages": ("alpha",)})
    with opened(folder) as engine:
        spec = RunSpec("t", (asked,), (SystemSpec.parse(f"theirs:kind=ranking,path={path}"),))
        ran = runner.run(engine, spec)
        (kept,) = engine.results(ran.run.id)
    assert kept.measures == {"passage hit@1": 0.0}  # two are ranked: nothing is known of rank 5


def test_a_judge_over_http(server: tuple[Script, str]) -> None:
    script, url = server
    script.chat = say({"content": '{"reason": "same figure", "verdict": "right"}'})
    judge = open_judge(url, "two")
    judged = judge.judged(QUESTION, Output(text="5.44 dollars", mode="generative"))
    assert (judged.judge["correct"], judged.judge["model"]) == (1.0, "two")
    assert len(script.bodies) == 2
    with pytest.raises(ModelUnavailable):
        open_judge("http://127.0.0.1:9/v1", "x")

