"""Parts and translations that a chat model names for the search: used when faithful, else said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.answer.queries import Planned, asks_several, other_language, parts_in, plan, translation_in
from rag.engine import Engine
from rag.errors import ModelUnavailable
from rag.records import Answer, Degraded, Document, Done, Passage
from rag.search.index import SearchResult
from rag.search.several import PART_WEIGHT, TRANSLATION_WEIGHT, Further, merged
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel, Reply

MANY = "What drove the margin of Acme in 2019, and who audits Borealis?"


def document(key: int, language: str) -> Document:
    return Document(
        id=key, collection_id=1, collection="default", name=f"{key}.pdf", sha256=str(key), size_bytes=1,
        status="ready", language=language,  # type: ignore[arg-type]
    )  # fmt: skip


ENGLISH = [document(1, "en"), document(2, "en")]


def test_only_what_needs_a_model_is_asked_of_it() -> None:
    chat = QueueChatModel()
    assert plan("What was the revenue of Acme in 2019?", ENGLISH, chat, budget_s=5) == Planned()
    assert plan("2019年的营业收入是多少？", [*ENGLISH, document(3, "zh")], chat, budget_s=5) == Planned()
    assert plan(MANY, ENGLISH, None, budget_s=5) == Planned()
    assert plan(MANY, ENGLISH, chat, budget_s=0) == Planned()
    assert chat.received == []


@pytest.mark.parametrize(
    "question",
    [
        MANY,
        "Compare the margins of Acme and Borealis",
        "A公司和B公司的营业收入分别是多少？",
        "利润是多少？原因是什么？",
    ],
)
def test_questions_of_several_parts(question: str) -> None:
    assert asks_several(question)


@pytest.mark.parametrize(
    "question",
    [
        "What was the revenue of Acme in 2019?",
        "公司的主要风险有哪些？",
        "Who audits research and development?",
    ],
)
def test_questions_of_one_part(question: str) -> None:
    assert not asks_several(question)


def test_the_language_to_look_in() -> None:
    assert other_language("2019年的营业收入是多少？", ENGLISH) == "en"
    assert other_language("What was the revenue?", [document(1, "zh")]) == "zh"
    assert other_language("What was the revenue?", [document(1, "zh"), document(2, "en")]) == ""
    assert other_language("2019年的营业收入是多少？", []) == ""


def test_a_translation_keeps_the_figures() -> None:
    question = "3M公司2018财年的资本支出是多少？"
    assert translation_in(question, "What was 3M's capital expenditure in fiscal 2018?", "en")
    assert not translation_in(question, "What was 3M's capital expenditure in fiscal 2019?", "en")
    assert not translation_in(question, "What was 3M's capital expenditure?", "en")
    assert not translation_in(question, "3M公司2018财年的资本支出是多少？", "en")
    assert not translation_in(question, "", "en")


def test_parts_are_made_of_the_question() -> None:
    said = "1. What drove the margin of Acme in 2019?\n- Who audits Borealis?\n"
    assert parts_in(MANY, said) == ("What drove the margin of Acme in 2019?", "Who audits Borealis?")
    assert parts_in(MANY, MANY) == ()
    assert parts_in(MANY, "What drove the margin of Acme in 2021?\nWho audits Borealis in 2020?") == ()
    assert parts_in(MANY, "The weather in Paris is nice today.\nI am a helpful assistant indeed.") == ()
    assert parts_in(MANY, "") == ()


@pytest.mark.parametrize(
    "reply",
    [
        Reply("", error=ModelUnavailable("chat.down", url="x")),
        Reply("late words here", stall_s=2.0),
        Reply("?"),
    ],
)
def test_a_model_that_does_not_deliver_is_said(reply: Reply) -> None:
    started = time.monotonic()
    planned = plan("2019年的营业收入是多少？", ENGLISH, QueueChatModel([reply]), budget_s=0.3)
    assert time.monotonic() - started < 1.5
    assert planned == Planned(degraded=(Degraded("chat", "degraded.query_translation"),))


def passage(key: int, rank: int) -> Passage:
    return Passage(
        rank=rank, chunk_id=key, document_id=1, document="a", title="", page_start=1, page_end=1,
        section_path=(), table_header="", text="x", char_start=0, char_end=1, boxes=(), language="en",
        page_kind="physical", score=1.0, cosine=0.1 * rank,
    )  # fmt: skip


def result(*keys: int, degraded: tuple[Degraded, ...] = ()) -> SearchResult:
    return SearchResult(tuple(passage(k, n) for n, k in enumerate(keys, 1)), degraded, {"total": 1.0})


def test_results_are_made_into_one() -> None:
    uncovered = Degraded("embedding", "search.language_not_covered", {"model": "m"})
    first = result(1, 2, 3, 4, degraded=(uncovered,))
    assert merged(first, [], 4) is first
    part = merged(first, [(Further("b", PART_WEIGHT), result(9, 1))], 4)
    assert part.passages[0].chunk_id == 1
    assert 9 in [p.chunk_id for p in part.passages]
    assert [p.rank for p in part.passages] == [1, 2, 3, 4]
    assert part.degraded == (uncovered,)
    other = merged(first, [(Further("t", TRANSLATION_WEIGHT, translates=True), result(7, 8))], 4)
    assert [p.chunk_id for p in other.passages][:2] == [7, 8]
    assert other.degraded == ()
    assert merged(result(), [(Further("b", 1.0), result())], 4).passages == ()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(Settings(data_dir=tmp_path), embedding=HashEmbedding()) as engine:
        engine.add_document("acme.md", b"Acme capital expenditure in 2018 was 30 million dollars.")
        engine.add_document("other.md", b"Borealis is audited by Northern Lights LLP every year.")
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        yield engine


def last(engine: Engine, question: str) -> Answer:
    *_, done = engine.ask(question, log=False)
    assert isinstance(done, Done)
    return done.answer


def with_chat(engine: Engine, chat: QueueChatModel) -> Engine:
    engine._given_chat = chat
    return engine.variant(engine.settings)


def test_a_chinese_question_over_english_documents_is_translated(engine: Engine) -> None:
    chat = QueueChatModel(
        ["What was Acme's capital expenditure in 2018?", "2018年资本支出为 30 million [1]。"]
    )
    answer = last(with_chat(engine, chat), "Acme公司2018年花了多少钱买设备？")
    assert answer.understood.queries == (
        "Acme公司2018年花了多少钱买设备？",
        "What was Acme's capital expenditure in 2018?",
    )
    assert not answer.refused
    assert answer.passages[0].document == "acme.md"
    assert len(chat.received) == 2


def test_a_question_of_two_parts_is_searched_in_parts(engine: Engine) -> None:
    question = "What was Acme's capital expenditure in 2018, and who audits Borealis?"
    chat = QueueChatModel(
        [
            "What was Acme's capital expenditure in 2018?\nWho audits Borealis?",
            "30 million [1]. Northern Lights LLP [2].",
        ]
    )
    answer = last(with_chat(engine, chat), question)
    assert answer.understood.queries == (
        question,
        "What was Acme's capital expenditure in 2018?",
        "Who audits Borealis?",
    )
    assert {p.document for p in answer.passages} == {"acme.md", "other.md"}


def test_without_its_plan_the_question_is_searched_as_it_is(engine: Engine) -> None:
    chat = QueueChatModel(
        [Reply("", error=ModelUnavailable("chat.down", url="x")), "Acme: 30 million [1]."], repeat=True
    )
    answer = last(with_chat(engine, chat), "Acme公司2018年的资本支出是多少？")
    assert "degraded.query_translation" in [d.code for d in answer.degraded]
    assert answer.understood.queries == ("Acme公司2018年的资本支出是多少？",)
    assert not answer.refused
