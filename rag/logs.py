"""Logs of a process: one line an event, as text or as JSON, each with the id of the request it belongs to.

A line never holds a question, an answer or a secret: those who log keep to ids, counts and milliseconds.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

from rag.tracing import request_id

_CHATTY = ("alembic", "httpcore", "httpx", "openai", "urllib3", "watchdog")  # at INFO they log every request
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(request)s%(message)s"
_JSON = ("asctime", "levelname", "name", "message", "request_id")


class _WithRequest(logging.Filter):
    """Adds the request's id to every record that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        identity = request_id()
        record.request_id = identity
        record.request = f"[{identity}] " if identity else ""
        return True


def set_up(level: str, form: Literal["text", "json"] = "text", stream: TextIO | None = None) -> None:
    """All logs of this process go to ``stream`` (standard error) from here on, instead of where they went."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_WithRequest())
    handler.setFormatter(_json() if form == "json" else logging.Formatter(_TEXT))
    handler.set_name("wenju")
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == "wenju"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    quiet = logging.NOTSET if level == "DEBUG" else logging.WARNING
    for name in _CHATTY:
        logging.getLogger(name).setLevel(quiet)
    # Libraries' own farewells and futures are not for operators.
    logging.getLogger("py.warnings").setLevel(logging.NOTSET if level == "DEBUG" else logging.ERROR)


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    made: logging.Formatter = JsonFormatter(
        [*_JSON],
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=[*_RESERVED],
        json_ensure_ascii=False,
    )
    return made


_RESERVED = {*logging.makeLogRecord({}).__dict__, "request", "taskName"}
