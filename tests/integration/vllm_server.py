"""A real vLLM server (CPU build) with a tiny Qwen3, for tests. Set up by scripts/vllm-cpu-env.sh.

``WENJU_TEST_VLLM_URL`` names one that runs already; else one is started, on a free port, and ended.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from servers import Server, free_port

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "vllm-cpu-env.sh"
INSTALLED = Path(os.environ.get("WENJU_VLLM_VENV") or ROOT / ".venv-vllm") / ".installed-from"
START_S = 240


def require_or_skip(what: str, command: str) -> None:
    """Fails where integration tests must run, skips elsewhere."""
    text = f"{what} is missing here; run: {command}"
    if os.environ.get("WENJU_REQUIRE_INTEGRATION") == "1":
        pytest.fail(text)
    pytest.skip(text)


def vllm(folder: Path, *options: str, words: str = "", size: Sequence[str] = ()) -> tuple[Server, str]:
    """A server, not started, that serves a tiny Qwen3 (made in ``folder``/tiny) as "tiny"; its URL, ending in
    /v1. Arguments as in :func:`vllm_server`."""
    if not INSTALLED.exists():
        require_or_skip("the CPU build of vLLM", f"{SCRIPT.relative_to(ROOT)} install")
    model = folder / "tiny"
    made: list[str | Path] = [SCRIPT, "model", model]
    if words:
        (folder / "words.txt").write_text(words, encoding="utf-8")
        made.append(folder / "words.txt")
    made += size
    subprocess.run(made, check=True, capture_output=True, timeout=300)
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code == 200
        return False

    command = [str(SCRIPT), "serve", str(model), str(port), *options]
    return Server("vllm", command, folder, ready, start_s=START_S), f"{url}/v1"


@contextlib.contextmanager
def vllm_server(
    folder: Path,
    *options: str,
    words: str = "",
    size: Sequence[str] = (),
    teach: Callable[[Path], None] | None = None,
) -> Iterator[str]:
    """The URL (ending in /v1) of a server that serves a tiny Qwen3, ``folder``/tiny, as "tiny". ``words``:
    text that its tokenizer also learns from; such a server is always one of its own. ``size``: options of
    make_tiny_qwen.py. ``teach`` may change the model's folder before it is served."""
    given = os.environ.get("WENJU_TEST_VLLM_URL")
    if given and not words:
        yield given
        return
    server, url = vllm(folder, *options, words=words, size=size)
    if teach is not None:
        teach(folder / "tiny")
    try:
        server.start()
        yield url
    finally:
        server.stop()


def running_requests(url: str) -> float:
    """vLLM's own count of the requests that it generates for at the moment."""
    text = httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=5, trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith("vllm:num_requests_running")]
    assert lines, "vLLM no longer reports vllm:num_requests_running"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
