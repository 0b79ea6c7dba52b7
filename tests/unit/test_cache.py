"""The cache: misses instead of errors, poisoned values are misses, a dead Redis costs next to nothing."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from rag.cache import ProcessCache, RedisCache, cache_key, open_cache
from rag.search.cached_vector import CACHED_VECTOR, CachedVector, decode_vector, encode_vector
from rag.settings import Settings


class Value(BaseModel):
    number: int


VALUE: TypeAdapter[Value] = TypeAdapter(Value)
OTHER: TypeAdapter[list[str]] = TypeAdapter(list[str])


def test_least_recently_used_goes_first() -> None:
    cache = ProcessCache(capacity=2)
    cache.put("a", Value(number=1), VALUE)
    cache.put("b", Value(number=2), VALUE)
    assert cache.get("a", VALUE) == Value(number=1)
    cache.put("c", Value(number=3), VALUE)
    assert [cache.get(k, VALUE) is not None for k in "abc"] == [True, False, True]
    assert cache.status().state == "ok"


def test_a_value_that_fails_its_schema_is_a_miss() -> None:
    cache = ProcessCache()
    cache.put("a", Value(number=1), VALUE)
    assert cache.get("a", OTHER) is None


def test_keys_keep_their_parts_apart() -> None:
    assert cache_key("ab", "c") != cache_key("a", "bc")
    assert cache_key("a", 1) == cache_key("a", "1")
    assert len(cache_key("\ud800")) == 64


def test_many_threads() -> None:
    cache = ProcessCache(capacity=50)

    def work(seed: int) -> None:
        for i in range(300):
            cache.put(str((i * seed) % 90), Value(number=i), VALUE)
            cache.get(str(i % 90), VALUE)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(cache.get(str(i), VALUE) is not None for i in range(90)) == 50


def test_settings_choose(tmp_path: Path) -> None:
    assert isinstance(open_cache(Settings(data_dir=tmp_path)), ProcessCache)
    assert isinstance(open_cache(Settings(data_dir=tmp_path, redis_url="redis://x")), RedisCache)


def test_without_redis_the_process_remembers() -> None:
    cache = RedisCache("redis://user:secret@127.0.0.1:1/0")
    cache.put("a", Value(number=1), VALUE)
    assert cache.get("a", VALUE) == Value(number=1)
    status = cache.status()
    assert (status.state, status.code) == ("limited", "cache.redis_down")
    assert "secret" not in str(status)


def test_a_silent_server_costs_one_short_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        cache = RedisCache(f"redis://127.0.0.1:{server.getsockname()[1]}/0", retry_after_s=60)
        started = time.monotonic()
        for number in range(50):
            cache.put(str(number), Value(number=number), VALUE)
        assert time.monotonic() - started < 2.0, "one wait of 50 ms and not fifty"
        assert cache.get("7", VALUE) == Value(number=7)


@pytest.mark.parametrize("url", ["nonsense", "http://x", "redis://:::bad"])
def test_a_wrong_url_is_said_not_raised(url: str) -> None:
    cache = RedisCache(url)
    assert cache.get("a", VALUE) is None
    assert cache.status().state == "limited"


def test_vectors_are_checked() -> None:
    vector = np.asarray([0.6, 0.8], dtype=np.float32)
    good = encode_vector(vector)
    decoded = decode_vector(good, 2)
    assert decoded is not None
    assert np.array_equal(decoded, vector)
    assert decode_vector(good, 3) is None
    assert decode_vector(CachedVector(data="!!"), 2) is None
    assert decode_vector(encode_vector(vector * 9), 2) is None
    assert decode_vector(encode_vector(np.asarray([np.nan, 1], dtype=np.float32)), 2) is None
    with pytest.raises(ValidationError):
        CACHED_VECTOR.validate_json('{"data": 5}')
