"""The sandbox: a child that dies, hangs or eats memory never hurts the parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import DocumentError, SandboxError
from rag.sandbox import Sandbox

CHILD = """
import os, sys, time
from rag.errors import DocumentError
from rag.sandbox import serve
served = 0
def handle(request, emit):
    global served
    served += 1
    op = request["op"]
    if op == "echo":
        print("a library prints to standard output")
        os.write(1, b"and so does native code\\n")
        return {"value": request["value"], "pid": os.getpid(), "served": served}
    if op == "count":
        for n in range(request["n"]):
            emit({"progress": [n + 1, request["n"]]})
            time.sleep(request.get("pause", 0))
        return {"done": request["n"]}
    if op == "hang":
        while True: pass
    if op == "die":
        os.abort()
    if op == "eat":
        held = []
        while True: held.append(bytearray(8 << 20))
    if op == "hold":
        handle.held = bytearray(request["mb"] << 20)
        return {"pid": os.getpid()}
    if op == "state":
        raise DocumentError("corrupt", "document.corrupt", name="x.pdf", kind="PDF", reason="r")
    if op == "bug":
        raise KeyError("the file says: secret")
    if op == "socket":
        import socket
        socket.socket()
    if op == "program":
        import subprocess
        subprocess.run(["true"])
    if op == "environment":
        return {"names": sorted(os.environ)}
    if op == "limits":
        import resource
        soft = {n: resource.getrlimit(n)[0] for n in (resource.RLIMIT_CORE, resource.RLIMIT_CPU)}
        return {"core": soft[resource.RLIMIT_CORE], "cpu": soft[resource.RLIMIT_CPU]}
    raise ValueError(op)
serve(handle)
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("child")
    (folder / "sandbox_test_child.py").write_text(CHILD)
    sys.path.insert(0, str(folder))
    yield "sandbox_test_child"
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def shared(module: str) -> Iterator[Sandbox]:
    with Sandbox(module, memory_mb=512, timeout_s=10) as sandbox:
        yield sandbox


def test_answers_and_keeps_its_child(shared: Sandbox) -> None:
    first = shared.request({"op": "echo", "value": "问据 \U0001f600 \n"})
    second = shared.request({"op": "echo", "value": 2})
    assert (first["value"], second["value"]) == ("问据 \U0001f600 \n", 2)
    assert first["pid"] == second["pid"] == shared.pid != os.getpid()


def test_passes_every_line_in_order(shared: Sandbox) -> None:
    lines: list[dict[str, object]] = []
    assert shared.request({"op": "count", "n": 50}, lines.append) == {"done": 50}
    assert [line["progress"] for line in lines] == [[n, 50] for n in range(1, 51)]


def test_a_state_comes_back_as_document_error(shared: Sandbox) -> None:
    with pytest.raises(DocumentError) as caught:
        shared.request({"op": "state"})
    assert (caught.value.status, caught.value.code) == ("corrupt", "document.corrupt")
    assert caught.value.params["name"] == "x.pdf"


def test_a_bug_names_its_type_and_never_quotes_the_file(shared: Sandbox) -> None:
    before = shared.pid
    with pytest.raises(SandboxError) as caught:
        shared.request({"op": "bug"})
    assert caught.value.code == "sandbox.failed"
    assert "KeyError" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert shared.pid == before or before is None


@pytest.mark.parametrize("op", ["socket", "program"])
def test_refuses_network_and_programs(shared: Sandbox, op: str) -> None:
    with pytest.raises(SandboxError, match="PermissionError"):
        shared.request({"op": op})


def test_the_child_sees_no_secrets(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENJU_CHAT__API_KEY", "secret")
    with Sandbox(module, memory_mb=512, timeout_s=10) as sandbox:
        names = sandbox.request({"op": "environment"})["names"]
    assert "WENJU_CHAT__API_KEY" not in names
    assert "PATH" in names


@pytest.mark.skipif(sys.platform != "linux", reason="resource limits are enforced on Linux")
def test_limits_cores_and_cpu(shared: Sandbox) -> None:
    limits = shared.request({"op": "limits"})
    assert limits["core"] == 0
    assert 0 < limits["cpu"] < 1000


def test_a_dead_child_is_replaced(module: str) -> None:
    with Sandbox(module, memory_mb=512, timeout_s=10) as sandbox:
        first = sandbox.request({"op": "echo", "value": 1})["pid"]
        with pytest.raises(SandboxError) as caught:
            sandbox.request({"op": "die"})
        assert caught.value.code == "sandbox.crashed"
        assert sandbox.request({"op": "echo", "value": 1})["pid"] != first


@pytest.mark.skipif(sys.platform != "linux", reason="children inherit the peak on Linux")
def test_a_large_parent_is_not_taken_for_a_large_child(module: str) -> None:
    ballast = bytearray(600 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    with Sandbox(module, memory_mb=512, timeout_s=10) as sandbox, pytest.raises(SandboxError) as caught:
        sandbox.request({"op": "die"})
    assert caught.value.code == "sandbox.crashed"
    del ballast


def test_a_child_killed_between_two_requests_is_replaced(module: str) -> None:
    with Sandbox(module, memory_mb=512, timeout_s=10) as sandbox:
        first = sandbox.request({"op": "echo", "value": 1})["pid"]
        os.kill(first, signal.SIGKILL)
        time.sleep(0.2)
        assert sandbox.request({"op": "echo", "value": 1})["pid"] != first


def test_silence_longer_than_the_time_out_ends_the_child(module: str) -> None:
    with Sandbox(module, memory_mb=512, timeout_s=0.6) as sandbox:
        sandbox.start()
        pid = sandbox.pid
        begun = time.monotonic()
        with pytest.raises(SandboxError) as caught:
            sandbox.request({"op": "hang"})
        assert caught.value.code == "sandbox.timeout"
        assert time.monotonic() - begun < 5
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_time_out_counts_from_the_last_line(module: str) -> None:
    with Sandbox(module, memory_mb=512, timeout_s=0.7) as sandbox:
        assert sandbox.request({"op": "count", "n": 8, "pause": 0.15}) == {"done": 8}


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_a_memory_hog_is_stopped(module: str) -> None:
    with Sandbox(module, memory_mb=256, timeout_s=20) as sandbox:
        with pytest.raises(SandboxError) as caught:
            sandbox.request({"op": "eat"})
        assert caught.value.code == "sandbox.memory"
        assert sandbox.request({"op": "echo", "value": 3})["value"] == 3


def test_is_recycled_after_so_many_jobs_and_when_grown(module: str) -> None:
    with Sandbox(module, memory_mb=512, timeout_s=10, recycle_after=2) as sandbox:
        pids = [sandbox.request({"op": "echo", "value": 1})["pid"] for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    with Sandbox(module, memory_mb=512, timeout_s=10, recycle_mb=100) as sandbox:
        grown = sandbox.request({"op": "hold", "mb": 150})["pid"]
        assert sandbox.request({"op": "echo", "value": 1})["pid"] != grown


def test_an_error_of_the_listener_ends_the_job_and_passes_through(module: str) -> None:
    class Lost(Exception): ...

    def listener(_line: object) -> None:
        raise Lost

    with Sandbox(module, memory_mb=512, timeout_s=10) as sandbox:
        first = sandbox.request({"op": "echo", "value": 1})["pid"]
        with pytest.raises(Lost):
            sandbox.request({"op": "count", "n": 1000, "pause": 0.01}, listener)
        assert sandbox.request({"op": "echo", "value": 1})["pid"] != first


def test_threads_take_turns(shared: Sandbox) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: answers.append(shared.request({"op": "echo", "value": n})["value"])
        )
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(12))


def test_a_module_that_does_not_start_says_why() -> None:
    with (
        Sandbox("rag.no_such_module", memory_mb=512, timeout_s=5) as sandbox,
        pytest.raises(SandboxError) as caught,
    ):
        sandbox.request({})
    assert caught.value.code == "sandbox.start"
    assert "no_such_module" in str(caught.value)


def test_close_ends_a_running_request(module: str) -> None:
    sandbox = Sandbox(module, memory_mb=512, timeout_s=30)
    sandbox.start()
    caught: list[str] = []

    def work() -> None:
        try:
            sandbox.request({"op": "count", "n": 1000, "pause": 0.05})
        except SandboxError as error:
            caught.append(error.code)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    sandbox.close()
    thread.join(5)
    assert not thread.is_alive()
    assert caught == ["sandbox.crashed"]
    with pytest.raises(SandboxError):
        sandbox.request({"op": "echo", "value": 1})
    sandbox.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_a_child_outlives_no_parent(tmp_path: Path, module: str) -> None:
    import subprocess

    script = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from rag.sandbox import Sandbox\n"
        f"s = Sandbox({module!r}, memory_mb=512, timeout_s=10); s.start(); print(s.pid, flush=True)\n"
        "import os; os._exit(1)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    pid = int(out.stdout)
    until = time.monotonic() + 10
    while time.monotonic() < until and Path(f"/proc/{pid}").exists():
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{pid}").exists()
