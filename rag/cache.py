"""A small cache: in process, or Redis when ``settings.redis_url`` is set.

Promises: values are JSON and are checked by the caller's schema when read, so a poisoned or outdated value
is a miss; a slow, full or dead Redis costs at most 50 ms a call, then nothing for a while, and is said in
``status()``; meanwhile the in-process cache answers. The cache is never the only place of anything.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from rag.breaker import Breaker
from rag.records import PartStatus
from rag.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT_S = 0.05
RETRY_AFTER_S = 5.0
MAX_VALUE_BYTES = 1_000_000
TTL_S = 7 * 24 * 3600
MAX_BURIED = 10_000
_PREFIX = "wenju:1:"


class Cache(Protocol):
    """Thread-safe. Neither method raises for anything that the cache's own part does wrong."""

    def get(self, key: str, schema: TypeAdapter[T]) -> T | None:
        """The value, or None when it is absent, expired or fails its schema."""
        ...

    def put(self, key: str, value: T, schema: TypeAdapter[T]) -> None: ...

    def delete(self, key: str) -> None:
        """The key is a miss from now on, in this process also while what it is kept in does not answer."""
        ...

    def status(self) -> PartStatus: ...


def cache_key(*parts: object) -> str:
    """A key that contains every part: SHA-256 over their unambiguous representations."""
    return hashlib.sha256(repr(tuple(str(p) for p in parts)).encode("utf-8", "surrogatepass")).hexdigest()


class ProcessCache:
    """Least recently used values of this process; holds ``capacity`` of them, as JSON."""

    def __init__(self, capacity: int = 2_000) -> None:
        self._capacity = capacity
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, schema: TypeAdapter[T]) -> T | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
        return _decode(found, schema)

    def put(self, key: str, value: T, schema: TypeAdapter[T]) -> None:
        encoded = schema.dump_json(value)
        if len(encoded) > MAX_VALUE_BYTES:
            return
        with self._lock:
            self._values[key] = encoded
            self._values.move_to_end(key)
            while len(self._values) > self._capacity:
                self._values.popitem(last=False)

    def delete(self, key: str) -> None:
        with self._lock:
            self._values.pop(key, None)

    def status(self) -> PartStatus:
        return PartStatus("cache", "ok", "cache.in_process")


class RedisCache:
    """Shared by all processes; falls back to an in-process cache while Redis does not answer."""

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, retry_after_s: float = RETRY_AFTER_S
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._local = ProcessCache()
        self._buried: OrderedDict[str, None] = OrderedDict()  # deleted while Redis did not answer
        self._client: Any = None
        self._problem = ""
        self._breaker = Breaker("redis", _without_password(url), failures=1, open_s=retry_after_s)
        self._lock = threading.Lock()

    def get(self, key: str, schema: TypeAdapter[T]) -> T | None:
        if key in self._buried:
            self.delete(key)
            return None
        found = self._call("get", _PREFIX + key)
        if found is not None and isinstance(found, bytes):
            return _decode(found, schema)
        return self._local.get(key, schema) if self._problem else None

    def put(self, key: str, value: T, schema: TypeAdapter[T]) -> None:
        encoded = schema.dump_json(value)
        if len(encoded) > MAX_VALUE_BYTES:
            return
        if self._call("set", _PREFIX + key, encoded, ex=TTL_S) is None:
            self._local.put(key, value, schema)
        else:
            self._buried.pop(key, None)

    def delete(self, key: str) -> None:
        self._local.delete(key)
        if self._call("delete", _PREFIX + key) is not None:
            self._buried.pop(key, None)
            return
        with self._lock:
            self._buried[key] = None
            while len(self._buried) > MAX_BURIED:
                self._buried.popitem(last=False)

    def status(self) -> PartStatus:
        """Asks Redis now, breaker or not."""
        self._call("ping", now=True)
        params = {"url": _without_password(self._url)}
        if self._problem:
            return PartStatus("cache", "limited", "cache.redis_down", {**params, "problem": self._problem})
        return PartStatus("cache", "ok", "cache.redis", params)

    def _call(self, name: str, *args: Any, now: bool = False, **options: Any) -> Any:
        """Redis's answer; None when it has none or cannot be asked (then ``_problem`` says why). ``now``:
        also while it is left alone."""
        if not now and not self._breaker.allows():
            return None
        try:
            import redis
        except ImportError:
            self._fail("the Python package redis is not installed (pip install 'wenju[scale]')")
            return None
        try:
            with self._lock:
                if self._client is None:
                    self._client = redis.Redis.from_url(
                        self._url,
                        socket_timeout=self._timeout_s,
                        socket_connect_timeout=self._timeout_s,
                        retry_on_timeout=False,
                    )
                client = self._client
            answer = getattr(client, name)(*args, **options)
        except (redis.RedisError, OSError, ValueError) as error:
            self._fail(f"{type(error).__name__}: {error}")
            return None
        self._breaker.succeeded()
        if self._problem:
            log.info("redis answers again")
            self._problem = ""
            self._local = ProcessCache()  # others may have deleted since what it holds
        return answer

    def _fail(self, problem: str) -> None:
        if not self._problem:
            log.warning("redis does not answer, going on without: %s", problem)
        self._problem = problem
        self._breaker.failed(problem)


def open_cache(settings: Settings) -> Cache:
    """Redis when ``redis_url`` is set, else in process. Connects to nothing yet."""
    url = settings.redis_url.get_secret_value()
    return RedisCache(url) if url else ProcessCache()


def _decode(encoded: bytes, schema: TypeAdapter[T]) -> T | None:
    try:
        return schema.validate_json(encoded)
    except ValidationError:
        return None


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
