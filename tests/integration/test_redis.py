"""The shared cache against a real Redis: shared, poisoned, flushed, slow and gone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter
from servers import redis_server

from rag.cache import RedisCache

pytestmark = pytest.mark.integration


class Value(BaseModel):
    number: int


VALUE: TypeAdapter[Value] = TypeAdapter(Value)


def test_shared_poisoned_flushed_paused_and_gone() -> None:
    import redis

    with redis_server() as url:
        one, two = RedisCache(url, retry_after_s=0.1), RedisCache(url, retry_after_s=0.1)
        one.put("a", Value(number=1), VALUE)
        assert two.get("a", VALUE) == Value(number=1)
        assert two.get("b", VALUE) is None
        assert two.status().code == "cache.redis"

        client = redis.Redis.from_url(url)
        (key,) = client.keys("*")
        assert 0 < client.ttl(key) <= 7 * 24 * 3600
        for poison in (b"\x80\x04K\x01.", b"{", b'{"number": "x"}', b"null", b"\xff\xfe"):
            client.set(key, poison)
            assert two.get("a", VALUE) is None
        client.delete(key)
        client.lpush(key, "a list where a string should be")
        assert two.get("a", VALUE) is None
        time.sleep(0.15)
        client.flushall()
        assert one.get("a", VALUE) is None

        client.execute_command("CLIENT", "PAUSE", "1500", "ALL")
        started = time.monotonic()
        one.put("slow", Value(number=2), VALUE)
        assert one.get("slow", VALUE) == Value(number=2), "the process remembers meanwhile"
        assert time.monotonic() - started < 0.5
        deadline = time.monotonic() + 10
        while one.status().state != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        one.put("after", Value(number=3), VALUE)
        assert two.get("after", VALUE) == Value(number=3)
    time.sleep(0.15)
    one.put("gone", Value(number=4), VALUE)
    assert one.get("gone", VALUE) == Value(number=4)
    assert one.status().state == "limited"


def test_a_search_goes_on_without_its_cache(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))
    from search_library import Library

    with redis_server() as url:
        cache = RedisCache(url)
        library = Library(tmp_path)
        library.add("a.pdf", ["the quick brown fox"])
        index = library.index(cache=cache)
        assert len(index.search("fox", library.scope(), top_k=1).passages) == 1
        assert library.index(cache=RedisCache(url)).search("fox", library.scope(), top_k=1).passages
        assert library.embedding.queries_embedded == 1
    result = index.search("quick fox", library.scope(), top_k=1)
    assert len(result.passages) == 1
    assert result.degraded == ()


REPORT = """# Results

Revenue of Harbour Logistics was 1,577 million euros in 2023, after 1,402 million euros in 2022.
"""
ASKED = "What was the revenue of Harbour Logistics in 2023?"
SAID = "Revenue was 1,577 million euros in 2023 [1]."


def test_answers_in_a_redis_that_is_shared_poisoned_flushed_slow_and_gone(tmp_path: Path) -> None:
    import redis

    from ingest.service import IngestService
    from rag.access import LOCAL
    from rag.engine import Engine
    from rag.records import Answer, Done
    from rag.settings import Settings
    from rag.testing import HashEmbedding, QueueChatModel

    def ask(engine: Engine, question: str = ASKED) -> Answer:
        *_, last = engine.ask(question)
        assert isinstance(last, Done)
        assert last.answer.text == SAID, "never wrong"
        return last.answer

    with redis_server() as url:
        settings = Settings(data_dir=tmp_path, redis_url=url, chat={"kind": "extractive"})
        with (
            Engine.open(settings, embedding=HashEmbedding(), chat=QueueChatModel([SAID], repeat=True)) as one,
            Engine.open(settings, embedding=HashEmbedding(), chat=QueueChatModel([SAID], repeat=True)) as two,
        ):
            one.add_document("Harbour Logistics 2023.md", REPORT.encode())
            IngestService(one.store, settings, HashEmbedding()).run_until_idle()
            assert not ask(one).from_cache
            shared = ask(two)
            assert shared.from_cache, "kept by one process, given by another"
            two.rate_turn(shared.turn_id or 0, LOCAL, -1)
            assert not ask(one).from_cache, "called wrong in one, forgotten by both"

            client = redis.Redis.from_url(url)
            (key,) = client.keys("*answer:*")
            good = client.get(key)
            assert isinstance(good, bytes)
            changed = good.replace(b"1,577", b"9,999")
            assert changed != good
            for poison in (changed, b"null", b"{", b"\x80\x04K\x01.", good[:-40]):
                client.set(key, poison)
                assert not ask(two).from_cache
                assert ask(two).from_cache
            (status,) = [s for s in two.part_statuses() if s.part == "answers"]
            assert (status.state, status.code) == ("limited", "kept.refused"), "said aloud"

            client.flushall()
            assert not ask(two).from_cache
            assert ask(one).from_cache

            client.execute_command("CLIENT", "PAUSE", "1500", "ALL")
            started = time.monotonic()
            ask(one)
            assert time.monotonic() - started < 1.4, "50 ms a wait, not until Redis is back"
            deadline = time.monotonic() + 20
            while not ask(one).from_cache:
                assert time.monotonic() < deadline
                time.sleep(0.3)
            client.shutdown(nosave=True)
            ask(one)
            assert ask(one).from_cache, "this process remembers meanwhile"
            (status,) = [s for s in one.part_statuses() if s.part == "cache"]
            assert (status.state, status.code) == ("limited", "cache.redis_down")
            again = ask(one)
            one.rate_turn(again.turn_id or 0, LOCAL, -1)
            assert not ask(one).from_cache
