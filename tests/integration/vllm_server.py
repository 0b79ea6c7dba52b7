"""A real vLLM server (CPU build) with a tiny Qwen3, for tests. Set up by scripts/vllm-cpu-env.sh.

``WENJU_TEST_VLLM_URL`` names one that runs already; else one is started, on a free port, and ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def vllm_server(folder: Path, *options: str, words: str = "", size: Sequence[str] = ()) -> Iterator[str]:
    """The URL (ending in /v1) of a server that serves a tiny Qwen3, ``folder``/tiny, as "tiny". ``words``:
    text that its tokenizer also learns from; such a server is always one of its own. ``size``: options of
    make_tiny_qwen.py."""
    given = os.environ.get("WENJU_TEST_VLLM_URL")
    if given and not words:
        yield given
        return
    if not INSTALLED.exists():
        require_or_skip("the CPU build of vLLM", f"{SCRIPT.relative_to(ROOT)} install")
    model, log = folder / "tiny", folder / "vllm.log"
    made: list[str | Path] = [SCRIPT, "model", model]
    if words:
        (folder / "words.txt").write_text(words, encoding="utf-8")
        made.append(folder / "words.txt")
    made += size
    subprocess.run(made, check=True, capture_output=True, timeout=300)
    port = _free_port()
    with log.open("wb") as out:
        server = subprocess.Popen(
            [SCRIPT, "serve", model, str(port), *options],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_S
        url = f"http://127.0.0.1:{port}"
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code == 200:
                    break
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"vLLM did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")
            time.sleep(0.5)
        yield f"{url}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


def running_requests(url: str) -> float:
    """vLLM's own count of the requests that it generates for at the moment."""
    text = httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=5, trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith("vllm:num_requests_running")]
    assert lines, "vLLM no longer reports vllm:num_requests_running"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
