"""Engine.ask from the question to the kept turn, over a small real library."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import AccessDenied, ModelUnavailable, WenjuError
from rag.messages import message
from rag.records import Answer, Degraded, Done, Event, Principal, Retrieved, Rewritten, Thinking, Token
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel, Reply

REPORT = """# Results

Harbour Logistics plc moved 4.2 million containers in 2023.
Revenue of Harbour Logistics was 1,577 million euros in 2023, after 1,402 million euros in 2022.
The board proposes a dividend of 0.85 euros a share.
\f# People

At the end of 2023 the group employed 8,412 people.
The training budget was raised to 12 million euros.
"""
BERICHT = """# 主要财务数据

单位：万元
项目\t2023年\t2022年
营业收入\t12,345\t11,000
净利润\t1,234\t1,100

青禾科技2023年研发人员为412人。
"""
OTHER = Principal("other", "other", frozenset({"analyst"}))
NOBODY = Principal("nobody", "nobody")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    settings = Settings(data_dir=folder, chat={"kind": "extractive"})
    embedding = HashEmbedding()
    with Engine.open(settings, embedding=embedding) as engine:
        engine.add_document("Harbour Logistics 2023.md", REPORT.encode())
        engine.add_document("青禾科技2023年年度报告.md", BERICHT.encode(), collection="zh")
        IngestService(engine.store, settings, embedding).run_until_idle()
        assert [d.status for d in engine.documents()] == ["ready", "ready"]
    return folder


@pytest.fixture
def ask_with(library: Path) -> Iterator[object]:
    engines: list[Engine] = []

    def make(chat: QueueChatModel | None = None, **settings: object) -> Engine:
        given = Settings(data_dir=library, chat={"kind": "extractive"}, **settings)
        engines.append(Engine.open(given, embedding=HashEmbedding(), chat=chat))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def run(events: Iterator[Event]) -> tuple[list[Event], Answer]:
    seen = list(events)
    assert isinstance(seen[-1], Done)
    assert sum(isinstance(e, Done) for e in seen) == 1
    assert "".join(e.text for e in seen if isinstance(e, Token)).strip() == seen[-1].answer.text
    return seen, seen[-1].answer


def check_citations(engine: Engine, answer: Answer) -> None:
    assert answer.citations
    for citation in answer.citations:
        text = engine.store.document_text(citation.document_id)
        assert text[citation.char_start : citation.char_end] == citation.quote
        page = engine.store.page(citation.document_id, citation.page_start)
        assert citation.quote in page.text
        assert f"[{citation.marker}]" in answer.text


def test_extractive_answer_quotes_and_cites(ask_with) -> None:
    engine = ask_with()
    seen, answer = run(engine.ask("What was the revenue of Harbour Logistics in 2023?"))
    assert isinstance(seen[0], Rewritten)
    assert isinstance(seen[1], Retrieved)
    assert (answer.mode, answer.model, answer.refused) == ("extractive", "", False)
    assert "1,577 million euros" in answer.text.split("\n")[0]
    assert answer.citations[0].page_start == 1
    check_citations(engine, answer)
    assert {"rewrite", "lexical", "fuse", "generate", "first_token", "total"} <= answer.timings_ms.keys()


def test_table_row_comes_with_year_and_unit(ask_with) -> None:
    engine = ask_with()
    _, answer = run(engine.ask("青禾科技2023年的净利润是多少？"))
    assert answer.text.startswith("净利润，2023年：1,234万元 [")
    assert answer.citations[0].quote.startswith("净利润\t1,234")
    check_citations(engine, answer)


@pytest.mark.parametrize(
    ("question", "code", "named"),
    [
        ("What was the revenue of Zeppelin Airways in 2023?", "refusal.missing_terms", "Zeppelin Airways"),
        ("贵州茅台2023年的营业收入是多少？", "refusal.missing_terms", "贵州茅台"),
        ("青禾科技2031年的净利润是多少？", "refusal.missing_terms", "2031"),
        ("Who painted the ceiling and why?", "refusal.weak_evidence", ""),
    ],
)
def test_refuses_what_the_documents_do_not_hold(ask_with, question: str, code: str, named: str) -> None:
    _, answer = run(ask_with().ask(question))
    language = "zh" if "的" in question else "en"
    assert answer.refused
    assert answer.mode == "refused"
    assert answer.text.startswith(message("refusal.text", language))
    assert answer.citations == ()
    assert named in answer.text
    if named:
        assert answer.refusal_code == code


def test_nothing_readable_is_a_refusal_not_an_error(ask_with) -> None:
    nothing = replace(OTHER, collection_ids=frozenset())
    _, answer = run(ask_with().ask("What was the revenue?", nothing, log=False))
    assert answer.refusal_code == "refusal.nothing_found"


def test_generative_answer_streams_checked_text(ask_with) -> None:
    chat = QueueChatModel(
        [Reply("Revenue was 1,577 million euros in 2023 [1]. Wrong [7].", thinking="hm hm")]
    )
    engine = ask_with(chat)
    seen, answer = run(engine.ask("What was the revenue of Harbour Logistics in 2023?"))
    assert (answer.mode, answer.model) == ("generative", "queue")
    assert "[7]" not in answer.text
    assert answer.thinking == "hm hm"
    assert any(isinstance(e, Thinking) for e in seen)
    assert [d.code for d in answer.degraded] == ["degraded.citations_unknown"]
    assert "1,577 million euros" in answer.citations[0].quote
    check_citations(engine, answer)
    prompt = chat.received[0]
    assert prompt[0].role == "system"
    assert "1,577" in prompt[1].content
    assert answer.turn_id is not None
    kept = engine.turns(answer.conversation_id)[-1].answer
    assert kept.text == answer.text


def test_figures_that_no_passage_holds_are_said(ask_with) -> None:
    chat = QueueChatModel(["Revenue was 9,999 million euros [1]."])
    _, answer = run(ask_with(chat).ask("What was the revenue of Harbour Logistics in 2023?"))
    lost = next(d for d in answer.degraded if d.code == "degraded.citations_unsupported")
    assert lost.params == {"numbers": "9,999 million euros"}


def test_the_models_refusal_is_recognised(ask_with) -> None:
    chat = QueueChatModel([message("refusal.text", "en")])
    _, answer = run(ask_with(chat).ask("What was the revenue of Harbour Logistics in 2023?"))
    assert (answer.refused, answer.refusal_code) == (True, "refusal.model")


@pytest.mark.parametrize(
    "reply", [Reply(error=ModelUnavailable("chat.unreachable", url="u", detail="d")), Reply("")]
)
def test_a_model_that_says_nothing_gives_way_to_quotes(ask_with, reply: Reply) -> None:
    _, answer = run(ask_with(QueueChatModel([reply])).ask("What was the revenue of Harbour Logistics?"))
    assert answer.mode == "extractive"
    assert "1,577" in answer.text
    assert answer.degraded[0].part == "chat"


def test_a_cut_reply_keeps_what_arrived(ask_with) -> None:
    chat = QueueChatModel([Reply("Revenue was 1,577 million euros", cut_after=3)])
    _, answer = run(ask_with(chat).ask("What was the revenue of Harbour Logistics in 2023?"))
    assert answer.incomplete
    assert answer.text == "Revenue was 1,577"
    assert answer.degraded[0].code == "chat.cut"


def test_stop_ends_at_once_and_is_kept(ask_with) -> None:
    chat = QueueChatModel([Reply("Revenue " + "was " * 500, word_s=0.02)])
    engine = ask_with(chat)
    stop = threading.Event()
    seen: list[Event] = []
    for event in engine.ask("What was the revenue of Harbour Logistics in 2023?", stop=stop):
        seen.append(event)
        if isinstance(event, Token):
            stop.set()
            started = time.monotonic()
    assert time.monotonic() - started < 1.0
    assert isinstance(seen[-1], Done)
    answer = seen[-1].answer
    assert answer.incomplete
    assert answer.text.startswith("Revenue")
    assert engine.turns(answer.conversation_id)[-1].answer.incomplete
    wait_for(lambda: chat.closed == 1)


def test_a_reader_who_leaves_ends_generation_and_the_turn_is_kept(ask_with) -> None:
    chat = QueueChatModel([Reply("Revenue " + "was " * 500, word_s=0.02)])
    engine = ask_with(chat)
    before = len(engine.conversations())
    events = engine.ask("What was the revenue of Harbour Logistics in 2023?")
    for event in events:
        if isinstance(event, Token):
            break
    events.close()
    wait_for(lambda: chat.closed == 1)
    assert len(engine.conversations()) == before + 1
    assert engine.turns(engine.conversations()[0].id)[-1].answer.incomplete


def test_follow_up_is_restated_by_rule_and_by_model(ask_with) -> None:
    engine = ask_with()
    _, first = run(engine.ask("What was the revenue of Harbour Logistics in 2023?"))
    seen, second = run(engine.ask("And in 2022?", conversation_id=first.conversation_id))
    assert seen[0] == Rewritten("What was the revenue of Harbour Logistics in 2022?")
    assert second.question == "And in 2022?"
    chat = QueueChatModel(["What was the dividend of Harbour Logistics?", "0.85 euros a share [1]."])
    engine = ask_with(chat)
    seen, _ = run(engine.ask("And its dividend?", conversation_id=first.conversation_id))
    assert seen[0] == Rewritten("What was the dividend of Harbour Logistics?")


def test_other_peoples_things_are_not_there(ask_with) -> None:
    engine = ask_with()
    _, answer = run(engine.ask("What was the revenue of Harbour Logistics in 2023?"))
    denied = [
        lambda: engine.ask("x", OTHER, conversation_id=answer.conversation_id),
        lambda: engine.turns(answer.conversation_id, OTHER),
        lambda: engine.delete_conversation(answer.conversation_id, OTHER),
        lambda: engine.rate_turn(answer.turn_id, OTHER, 1),
        lambda: engine.feedback(OTHER),
        lambda: engine.feedback_turn(answer.turn_id, OTHER),
        lambda: engine.review_feedback(answer.turn_id, OTHER, "accepted"),
        lambda: engine.ask("x", document_ids=[9_999]),
        lambda: engine.ask("x", collection_ids=[9_999]),
        lambda: engine.document(engine.documents()[0].id, NOBODY),
        lambda: engine.add_document("x.txt", b"x", NOBODY),
        lambda: engine.documents(NOBODY),
        lambda: engine.search("x", NOBODY),
        lambda: engine.ask("x", NOBODY),
    ]
    for attempt in denied:
        with pytest.raises(AccessDenied):
            attempt()


def test_evaluators_review_what_readers_corrected(ask_with) -> None:
    engine = ask_with()
    judge = Principal("eve", "Eve", frozenset({"evaluator"}))
    _, answer = run(engine.ask("What was the revenue of Harbour Logistics in 2023?", OTHER))
    with pytest.raises(AccessDenied):  # nobody has said anything of it: it is the reader's alone
        engine.feedback_turn(answer.turn_id, judge)
    engine.rate_turn(answer.turn_id, OTHER, -1, ["wrong_value"], correction="1,577 million euros")
    waiting = engine.feedback(judge, open_only=True)
    assert [(t.id, t.correction) for t in waiting] == [(answer.turn_id, "1,577 million euros")]
    engine.review_feedback(answer.turn_id, judge, "accepted")
    assert engine.feedback(judge, open_only=True) == []
    assert engine.feedback_turn(answer.turn_id, judge).reviewed_by == "Eve"


def test_scope_narrows_the_answer(ask_with) -> None:
    engine = ask_with()
    zh = next(c for c in engine.collections() if c.name == "zh")
    events = engine.ask("What was the revenue of Harbour Logistics?", collection_ids=[zh.id], log=False)
    _, answer = run(events)
    assert answer.refused
    assert all(p.document.startswith("青禾") for p in answer.passages)


@pytest.mark.parametrize("question", ["", "  \n ", "x" * 5_000])
def test_questions_that_are_none(ask_with, question: str) -> None:
    with pytest.raises(WenjuError):
        ask_with().ask(question)


def test_many_readers_at_once(ask_with) -> None:
    engine = ask_with()
    questions = ["What was the revenue of Harbour Logistics in 2023?", "青禾科技2023年的净利润是多少？"] * 4
    answers: dict[int, Answer] = {}

    def one(number: int) -> None:
        *_, done = engine.ask(questions[number], log=False)
        answers[number] = done.answer

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(("1,577" if n % 2 == 0 else "1,234") in answers[n].text for n in range(len(questions)))


def test_warming_up_leaves_nothing_for_the_first_question(library: Path) -> None:
    embedded: list[str] = []

    class Watched(HashEmbedding):
        def embed_passages(self, texts, on_progress=None):
            embedded.extend(texts)
            return super().embed_passages(texts, on_progress)

    settings = Settings(data_dir=library, chat={"kind": "extractive"})
    with Engine.open(settings, embedding=Watched()) as engine:
        engine.warm_up()
        assert embedded  # a model that compiles for passages apart has done so
        before = {m for m in sys.modules if m.startswith(("langchain", "langsmith"))}
        list(engine.ask("What was the revenue of Harbour Logistics in 2023?"))
        assert {m for m in sys.modules if m.startswith(("langchain", "langsmith"))} == before


def test_engine_reads_and_statuses(ask_with) -> None:
    engine = ask_with()
    engine.warm_up()
    document = engine.documents()[0]
    assert engine.document_pages(document.id)
    assert engine.document_chunks(document.id)
    assert engine.original(document.id)
    assert engine.page_picture(document.id, 1) is None
    parts = {s.part: s for s in engine.part_statuses()}
    assert parts.keys() >= {"chat", "embeddings", "index", "store", "cache", "ocr", "languages"}
    assert parts["index"].state == "ok"
    for status in parts.values():
        for language in ("en", "zh"):
            text = message(status.code, language, status.params)
            assert text != status.code
            assert "<" not in text


def test_uploading_twice_says_so_and_limits_hold(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"}, ingest={"max_file_mb": 1})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        assert engine.add_document("a.txt", b"same bytes").created
        assert not engine.add_document("b.txt", b"same bytes").created
        with pytest.raises(WenjuError, match=r"big\.txt"):
            engine.add_document("big.txt", b"x" * (2**20 + 1))


def test_a_named_server_that_is_down_is_said(library: Path) -> None:
    chat = {"base_url": "http://127.0.0.1:9/v1", "connect_timeout_s": 0.3}
    with Engine.open(Settings(data_dir=library, chat=chat), embedding=HashEmbedding()) as engine:
        seen, answer = run(engine.ask("What was the revenue of Harbour Logistics in 2023?", LOCAL, log=False))
        assert answer.mode == "extractive"
        assert [e.code for e in seen if isinstance(e, Degraded)] == ["chat.unreachable"]


def wait_for(condition) -> None:
    for _ in range(100):
        if condition():
            return
        time.sleep(0.02)
    assert condition()
