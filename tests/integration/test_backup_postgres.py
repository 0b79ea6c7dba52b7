"""A backup made from SQLite restores into PostgreSQL and back; the chain and the rules hold there too."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import postgresql_server

from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import StoreError
from rag.records import Answer, Done
from rag.settings import Settings
from rag.store.restoring import restore
from rag.testing import HashEmbedding, QueueChatModel, Reply

pytestmark = pytest.mark.integration

REPORT = b"# Results\n\nRevenue of Harbour Logistics was 1,577 million euros in 2023.\n"
QUESTION = "What was the revenue of Harbour Logistics in 2023?"
BAD = "Revenue was 1,577 million euros in 2023 [1]. The shares offer guaranteed returns [1]."


@pytest.fixture
def database_url() -> Iterator[str]:
    import psycopg

    with postgresql_server() as server:
        name = f"backup_{uuid.uuid4().hex}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f'create database "{name}"')
        yield f"{server}/{name}"


def opened(settings: Settings, reply: str = "") -> Engine:
    chat = QueueChatModel([Reply(reply)] * 9) if reply else None
    return Engine.open(settings, embedding=HashEmbedding(), chat=chat)


def answered(engine: Engine) -> Answer:
    done = list(engine.ask(QUESTION))[-1]
    assert isinstance(done, Done)
    return done.answer


def test_there_and_back(database_url: str, tmp_path: Path) -> None:
    extractive = {"kind": "extractive"}
    light = Settings(data_dir=tmp_path / "light", chat=extractive)  # type: ignore[arg-type]
    heavy = Settings(
        data_dir=tmp_path / "heavy",
        database_url=database_url,
        chat=extractive,  # type: ignore[arg-type]
    )
    again = Settings(data_dir=tmp_path / "again", chat=extractive)  # type: ignore[arg-type]
    with opened(light) as engine:
        engine.add_document("Harbour 2023.md", REPORT)
        IngestService(engine.store, light, HashEmbedding()).run_until_idle()
        first = answered(engine)
        engine.back_up(tmp_path / "one.wenju")
    restore(heavy, tmp_path / "one.wenju")
    with opened(heavy) as engine:
        assert answered(engine).text == first.text
        assert engine.check_audit().broken is None
        threads = [threading.Thread(target=answered, args=(engine,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = engine.check_audit()
        assert (state.broken, state.rows) == (None, 10)  # add, ask, export, then seven questions
        assert engine.add_document("more.md", b"# More\n\nMore.\n").document.id == 2
        engine.back_up(tmp_path / "two.wenju")
    other = heavy.model_copy(update={"data_dir": tmp_path / "other"})
    with pytest.raises(StoreError) as refused:
        restore(other, tmp_path / "two.wenju")
    assert refused.value.code == "backup.not_empty"
    assert not (tmp_path / "other").exists()
    restore(again, tmp_path / "two.wenju")
    with opened(again) as engine:
        assert answered(engine).text == first.text
        assert engine.check_audit().broken is None
        assert engine.add_document("third.md", b"# Third\n\nThird.\n").document.id == 3


def test_rules_and_their_queue(database_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    with opened(settings, BAD) as engine:
        engine.add_document("Harbour 2023.md", REPORT)
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()
        answer = answered(engine)
        assert "guaranteed" not in answer.text
        (hit,) = engine.rule_hits(state="open")
        engine.review_hit(hit.id, "dismissed", note="n")
        assert engine.rule_hit_counts() == {hit.hit.rule_id: {"dismissed": 1}}
        assert answer.conversation_id is not None
        engine.delete_conversation(answer.conversation_id)
        assert engine.rule_hits()[0].turn_id is None
        assert engine.check_audit().broken is None
