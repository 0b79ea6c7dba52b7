"""Request rates of two processes over one real Redis, and with it gone."""

from __future__ import annotations

import time

import pytest
from servers import redis_server

from api.rates import Rates

pytestmark = pytest.mark.integration


def test_rates_are_shared_and_outlive_redis() -> None:
    with redis_server() as url:
        one, two = Rates(url), Rates(url)
        assert [one.take("requests", "ann", 3).allowed, two.take("requests", "ann", 3).allowed] == [
            True,
            True,
        ]
        assert one.take("requests", "ann", 3).allowed
        refused = two.take("requests", "ann", 3)
        assert not refused.allowed
        assert 0 < refused.wait_s <= 60
        assert two.take("requests", "ben", 3).allowed
    began = time.monotonic()
    assert all(one.take("requests", "ann", 3).allowed for _ in range(3))  # counted here from now on
    assert not one.take("requests", "ann", 3).allowed
    assert time.monotonic() - began < 1.0


def test_no_redis_at_the_start_is_no_error() -> None:
    assert Rates("redis://127.0.0.1:1/0").take("requests", "ann", 3).allowed
