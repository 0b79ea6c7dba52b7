"""The sandboxed module: ``python -m ingest.parse.worker`` reads files for
:class:`ingest.parse.SandboxedParser`.

Requests: {"op": "parse", "path", "name", "limits", "password", "reader"} streams ``{"progress": [done,
total]}`` and one ``{"page": {...}}`` a page, and ends with the document without its pages; {"op":
"decrypt", "path", "name", "password", "out"} writes a PDF without protection.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from ingest.parse.wire import page_to_wire, summary_to_wire
from rag.sandbox import Emit, serve

if TYPE_CHECKING:
    from rag.settings import IngestSettings

_PROGRESS_EVERY_S = 0.2


def handle(request: dict[str, Any], emit: Emit) -> dict[str, Any]:
    if request["op"] == "decrypt":
        from ingest.parse.pdf import save_decrypted

        save_decrypted(Path(request["path"]), request["name"], request["password"], Path(request["out"]))
        return {}
    from ingest.parse import parse

    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_EVERY_S or done == total:
            last = now
            emit({"progress": [done, total]})

    # The settings were checked by the parent; pydantic would double the child's start-up.
    limits = cast("IngestSettings", SimpleNamespace(**request["limits"]))
    parsed = parse(
        Path(request["path"]),
        request["name"],
        limits,
        request.get("password"),
        progress,
        reader=request.get("reader", "auto"),
    )
    for page in parsed.pages:
        emit({"page": page_to_wire(page)})
    return summary_to_wire(parsed)


if __name__ == "__main__":
    serve(handle)
