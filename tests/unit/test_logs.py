"""Log lines: text for people, JSON for collectors, the request's id in both."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from rag import logs, tracing

log = logging.getLogger("rag.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_json_lines(stream: io.StringIO) -> None:
    logs.set_up("INFO", "json", stream)
    with tracing.request("req-7"):
        log.info("question %s in %.0f ms", "answered", 12.3, extra={"turn_id": 5, "model": "千问"})
    try:
        raise ValueError("x\ny")
    except ValueError:
        log.exception("failed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("time").startswith("20")
    assert first == {
        "level": "INFO",
        "logger": "rag.test",
        "message": "question answered in 12 ms",
        "request_id": "req-7",
        "turn_id": 5,
        "model": "千问",
    }
    assert "ValueError: x\ny" in second["exc_info"]
    assert second["request_id"] == ""


def test_text_lines(stream: io.StringIO) -> None:
    logs.set_up("WARNING", "text", stream)
    log.info("unseen")
    log.warning("outside")
    with tracing.request("req-8"):
        log.warning("inside")
    lines = stream.getvalue().splitlines()
    assert [line.partition("rag.test: ")[2] for line in lines] == ["outside", "[req-8] inside"]


def test_setting_up_again_replaces_and_libraries_are_quiet(stream: io.StringIO) -> None:
    logs.set_up("INFO", "json", io.StringIO())
    logs.set_up("INFO", "text", stream)
    logging.getLogger("httpx").info("GET http://chat/v1")
    log.info("once")
    assert stream.getvalue().count("\n") == 1
