"""What operators learn of a question: its trace, its figures, its line in the log; nothing of its words."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.service import IngestService
from rag import metrics, tracing
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import ModelUnavailable, StoreError
from rag.observing import cost_of, question_key
from rag.records import Answer, Done, Event, Token, Usage
from rag.settings import MonitoringSettings, PriceSettings, Settings
from rag.testing import HashEmbedding, QueueChatModel, Reply

REPORT = """# Results

Harbour Logistics plc moved 4.2 million containers in 2023.
Revenue of Harbour Logistics was 1,577 million euros in 2023, after 1,402 million euros in 2022.
"""
QUESTION = "What was the revenue of Harbour Logistics in 2023?"
PRICES = {"fake": PriceSettings(input=2.0, output=8.0)}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("observed")
    with Engine.open(Settings(data_dir=folder), embedding=HashEmbedding()) as engine:
        engine.add_document("Harbour Logistics 2023.md", REPORT.encode())
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        assert [d.status for d in engine.documents()] == ["ready"]
    return folder


def _open(library: Path, *replies: Reply, **monitoring: object) -> Engine:
    settings = Settings(
        data_dir=library,
        chat={"kind": "extractive"},
        cache={"answers": False},
        monitoring={"prices": PRICES, **monitoring},
    )
    chat = QueueChatModel(replies, name="fake") if replies else None
    return Engine.open(settings, embedding=HashEmbedding(), chat=chat)


def _answer(events: Iterator[Event]) -> Answer:
    last = list(events)[-1]
    assert isinstance(last, Done)
    return last.answer


def _tree(trace: tracing.Trace) -> set[tuple[str, str]]:
    names = {s.span_id: s.name for s in trace.spans}
    return {(names.get(s.parent_id, ""), s.name) for s in trace.spans}


def test_a_question_leaves_a_trace_of_all_its_stages(library: Path) -> None:
    with _open(library, Reply("Revenue was 1,577 million euros [1].")) as engine:
        answer = _answer(engine.ask(QUESTION, request_id="req-1"))
        engine.observer.flush()
        now = int(time.time())
        [found] = engine.store.traced(0, now + 1, request_id="req-1")
        trace = engine.store.trace(found.id)
    assert answer.request_id == "req-1"
    assert found.question == QUESTION
    assert (found.mode, found.outcome, found.model) == ("generative", "answered", "fake")
    assert {
        ("", "question"),
        ("question", "retrieve"),
        ("retrieve", "embed"),
        ("retrieve", "dense"),
        ("retrieve", "lexical"),
        ("retrieve", "load"),
        ("question", "judge"),
        ("question", "chat"),
        ("question", "verify"),
        ("question", "keep"),
    } <= _tree(trace)
    root = trace.spans[0].attributes
    assert (root["turn_id"], root["mode"]) == (answer.turn_id, "generative")
    assert "Harbour" not in repr(trace)
    [chat] = [s for s in trace.spans if s.name == "chat"]
    assert chat.attributes["model"] == "fake"
    assert float(chat.attributes["first_token_ms"]) >= 0


def test_tokens_are_counted_and_priced(library: Path) -> None:
    labels = {"model": "fake", "adapter": "", "currency": "CNY"}
    before = metrics.REGISTRY.get_sample_value("wenju_cost_total", labels) or 0.0
    since = int(time.time())
    with _open(library, Reply("Revenue was 1,577 million euros [1].")) as engine:
        answer = _answer(engine.ask(QUESTION, request_id="req-2"))
        engine.observer.flush()
        [model] = [m for m in engine.store.by_model(since, since + 100) if m.model == "fake"][:1]
    usage = answer.usage
    assert usage.estimated
    assert usage.prompt_tokens > usage.completion_tokens > 5
    cost = (usage.prompt_tokens * 2 + usage.completion_tokens * 8) / 1e6
    after = metrics.REGISTRY.get_sample_value("wenju_cost_total", labels) or 0.0
    assert after - before == pytest.approx(cost)
    assert model.tokens_in >= usage.prompt_tokens


def test_an_evaluations_questions_are_no_readers_questions(library: Path) -> None:
    labels = {"mode": "extractive", "outcome": "answered"}
    with _open(library) as engine:
        before = metrics.REGISTRY.get_sample_value("wenju_questions_total", labels) or 0.0
        _answer(engine.ask(QUESTION, log=False, request_id="req-3"))
        engine.observer.flush()
        assert engine.store.traced(0, int(time.time()) + 1, request_id="req-3") == []
    assert (metrics.REGISTRY.get_sample_value("wenju_questions_total", labels) or 0.0) == before


def test_a_reader_who_leaves_is_incomplete_and_the_turn_is_known(library: Path) -> None:
    with _open(library, Reply("Revenue was high.", word_s=0.05)) as engine:
        events = engine.ask(QUESTION, request_id="req-4")
        for event in events:
            if isinstance(event, Token):
                break
        events.close()  # type: ignore[attr-defined]
        engine.observer.flush()
        [found] = engine.store.traced(0, int(time.time()) + 1, request_id="req-4")
    assert (found.mode, found.outcome, found.question) == ("none", "incomplete", QUESTION)
    assert metrics.ACTIVE._value.get() == 0


def test_an_error_is_counted_by_its_code(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _open(library) as engine:

        def broken(*_: object, **__: object) -> None:
            raise StoreError("store.locked", database="x", seconds=1)

        monkeypatch.setattr(engine.search_index(), "search", broken)
        with pytest.raises(StoreError):
            list(engine.ask(QUESTION, request_id="req-5"))
        monkeypatch.undo()
        now = int(time.time())
        engine.observer.flush()
        assert [c.name for c in engine.store.counts("code", now - 5, now + 5, step_s=86400)] == [
            "store.locked"
        ]


def test_a_model_that_fails_is_degraded_in_the_figures(library: Path) -> None:
    broken = Reply(error=ModelUnavailable("chat.unreachable", url="http://x", detail="no"))
    since = int(time.time())
    with _open(library, broken) as engine:
        _answer(engine.ask(QUESTION))
        engine.observer.flush()
        assert "chat:chat.unreachable" in engine.store.degraded(since, since + 100)


def test_rows_are_written_behind_the_answer_by_themselves(library: Path) -> None:
    with _open(library) as engine:
        _answer(engine.ask(QUESTION, request_id="req-6"))
        deadline = time.monotonic() + 20
        while not engine.store.traced(0, int(time.time()) + 1, request_id="req-6"):
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.05)


def test_a_store_that_cannot_keep_figures_fails_no_question(
    library: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with _open(library) as engine:

        def full(*_: object, **__: object) -> None:
            raise StoreError("store.locked", database="x", seconds=1)

        monkeypatch.setattr(engine.store, "note_figures", full)
        assert _answer(engine.ask(QUESTION)).text
        engine.observer.flush()
    assert "were not kept: store.locked" in caplog.text


def test_many_at_once_are_all_counted_and_none_is_mixed_up(library: Path) -> None:
    with _open(library) as engine:

        def ask(number: int) -> None:
            _answer(engine.ask(QUESTION, request_id=f"many-{number}"))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.observer.flush()
        found = [t for t in engine.store.traced(0, int(time.time()) + 1) if t.request_id.startswith("many-")]
        assert len(found) == 8
        for one in found:
            trace = engine.store.trace(one.id)
            assert trace.spans[0].attributes["request_id"] == one.request_id
            assert [s.name for s in trace.spans].count("retrieve") == 1


def test_the_log_names_the_request_and_not_the_question(
    library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _open(library) as engine, caplog.at_level(logging.INFO):
        _answer(engine.ask(QUESTION, request_id="req-9"))
    [record] = [r for r in caplog.records if r.message.startswith("question answered")]
    assert record.mode == "extractive"
    assert record.passages > 0
    assert "Harbour" not in caplog.text


def test_a_questions_words_are_in_its_turn_only(library: Path) -> None:
    with _open(library) as engine:
        _answer(engine.ask("Where is the canary Zanzibarium?", request_id="req-10"))
        engine.observer.flush()
    connection = sqlite3.connect(library / "wenju.db")
    for table in ("figures", "traces"):
        rows = connection.execute(f"select * from {table}").fetchall()
        assert rows
        assert "Zanzibarium" not in repr(rows)
    connection.close()
    assert b"Zanzibarium" not in metrics.exposition()


def test_ratings_and_searches_are_counted(library: Path) -> None:
    read = metrics.REGISTRY.get_sample_value
    with _open(library) as engine:
        answer = _answer(engine.ask(QUESTION))
        before = read("wenju_feedback_total", {"rating": "up"}) or 0.0
        searches = read("wenju_searches_total", {"outcome": "found"}) or 0.0
        assert answer.turn_id is not None
        engine.rate_turn(answer.turn_id, LOCAL, 1)
        engine.search("revenue")
        assert read("wenju_feedback_total", {"rating": "up"}) == before + 1
        assert read("wenju_searches_total", {"outcome": "found"}) == searches + 1


def test_a_document_is_counted_when_it_is_done(tmp_path: Path) -> None:
    read = metrics.REGISTRY.get_sample_value
    before = [
        read("wenju_ingest_documents_total", {"status": "ready"}) or 0.0,
        read("wenju_ingest_documents_total", {"status": "unsupported"}) or 0.0,
        read("wenju_ingest_pages_total") or 0.0,
    ]
    with Engine.open(Settings(data_dir=tmp_path), embedding=HashEmbedding()) as engine:
        engine.add_document("a.md", REPORT.encode())
        engine.add_document("a.bin", bytes(range(256)))
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        states = {d.name: d.status for d in engine.documents()}
    after = [
        read("wenju_ingest_documents_total", {"status": "ready"}),
        read("wenju_ingest_documents_total", {"status": states["a.bin"]}),
        read("wenju_ingest_pages_total"),
    ]
    assert states["a.bin"] != "ready"
    assert after[0] - before[0] == 1  # type: ignore[operator]
    assert after[2] - before[2] == 1  # type: ignore[operator]
    assert any(t.name == "ingest" for t in tracing.recent())


def test_prices() -> None:
    usage = Usage(1_000_000, 500_000)
    prices = {
        "base": PriceSettings(input=1.0, output=2.0),
        "adapter": PriceSettings(input=10.0),
        "*": PriceSettings(output=4.0),
    }
    assert cost_of(prices, "base", "", usage) == 2.0
    assert cost_of(prices, "base", "adapter", usage) == 10.0
    assert cost_of(prices, "base", "unpriced", usage) == 2.0
    assert cost_of(prices, "else", "", usage) == 2.0
    assert cost_of({}, "base", "", usage) == 0.0
    assert cost_of(prices, "", "", usage) == 0.0  # quotes cost nothing
    assert MonitoringSettings().prices == {}


def test_the_same_question_has_the_same_key() -> None:
    assert question_key("What was  the revenue?") == question_key("what was the REVENUE")
    assert question_key("２０１９年营收是多少？") == question_key("2019年营收是多少")
    assert question_key("revenue 2018") != question_key("revenue 2019")
