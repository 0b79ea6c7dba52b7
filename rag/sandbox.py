"""A child process with memory and time limits that speaks JSON lines.

The parent side is :class:`Sandbox`; the child side is :func:`serve`, called by a module that is run as
``python -m MODULE``. One request is one JSON line; the child answers with any number of lines (``{"progress":
...}`` or whatever both sides agree on) and ends with ``{"result": {...}}`` or ``{"error": {"status", "code",
"params"}}``. Large results are streamed: one line a page, never one giant line.

What is promised: a child that dies, hangs or eats its memory never hurts the parent; it is killed with its
process group and replaced; the request that met it gets a :class:`SandboxError`. The time-out counts from the
last line (a *step*), so a long document may take long as long as it moves. The child sees no secrets: its
environment is a short list. It cannot open sockets or start programs through Python (an audit hook refuses;
native code is not held by it).

Limits are POSIX resource limits (address space, CPU seconds, no core dumps). Address space is enforced on
Linux only; macOS ignores it and Windows has none of them: there the wall time-out, the replacement and the
recycling still work, and memory is not bounded.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, Final

from rag.errors import DocumentError, SandboxError

log = logging.getLogger(__name__)

Line = dict[str, Any]
Emit = Callable[[Line], None]
Handler = Callable[[Line, Emit], Line]

MAX_LINE_BYTES: Final = 256 * 1024 * 1024
START_TIMEOUT_S: Final = 60.0  # a cold disk and a busy machine; a warm start takes 0.1 s
_ENVIRONMENT: Final = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT",
    "LD_LIBRARY_PATH", "VIRTUAL_ENV",
)  # fmt: skip


class _Child:
    """One process, its reader thread and the queue of the lines that it wrote."""

    def __init__(self, module: str, memory_mb: int, cpu_s: float) -> None:
        self.stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        environment = {k: os.environ[k] for k in _ENVIRONMENT if k in os.environ}
        environment |= {
            "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path),
            "PYTHONIOENCODING": "utf-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MALLOC_ARENA_MAX": "2",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--memory-mb", str(memory_mb), "--cpu-s", str(math.ceil(cpu_s))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            env=environment,
            start_new_session=True,
        )
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.jobs = 0
        self.peak_mb = 0.0
        # Until it runs its own program a child counts its parent's memory as its own peak.
        self._born_with_mb = _peak_mb_of_this_process()
        threading.Thread(target=self._read, name=f"sandbox-{self.process.pid}", daemon=True).start()

    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        with contextlib.suppress(OSError, ValueError):
            while line := out.readline(MAX_LINE_BYTES):
                self.lines.put(line)
        self.lines.put(None)

    def send(self, request: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def next_line(self, timeout_s: float) -> Line | None:
        """The next line; None when the child is gone. Raises queue.Empty after ``timeout_s``."""
        raw = self.lines.get(timeout=timeout_s)
        if raw is None:
            return None
        value = json.loads(raw)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value

    def kill(self) -> None:
        """Ends the process and its group, and reaps it. Says how much memory it had taken."""
        process = self.process
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        if process.returncode is None and hasattr(os, "wait4"):
            with contextlib.suppress(ChildProcessError):
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                peak_mb = usage.ru_maxrss / _MAXRSS_PER_MB
                self.peak_mb = peak_mb if peak_mb > self._born_with_mb else 0.0
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self.stderr.seek(0, os.SEEK_END)
            self.stderr.seek(max(0, self.stderr.tell() - 2000))
            return self.stderr.read().decode("utf-8", "replace").strip()
        return ""


class Sandbox:
    """A persistent child running ``module``. Thread-safe: one request at a time; others wait.

    ``memory_mb`` bounds the child's address space (MiB); ``timeout_s`` is the longest silence between two
    lines. The child starts with the first request (or :meth:`start`), and is replaced after a death, a
    time-out, ``recycle_after`` jobs, or when it holds more than ``recycle_mb`` after a job.
    """

    def __init__(
        self,
        module: str,
        *,
        memory_mb: int,
        timeout_s: float,
        recycle_after: int = 200,
        recycle_mb: int | None = None,
    ) -> None:
        self._module = module
        self._memory_mb = memory_mb
        self._timeout_s = timeout_s
        self._recycle_after = recycle_after
        self._recycle_mb = recycle_mb if recycle_mb is not None else memory_mb // 2
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id, None when there is none at the moment."""
        child = self._child
        return child.process.pid if child is not None else None

    def start(self) -> None:
        """Starts the child and waits until it listens, so that the first request need not."""
        with self._lock:
            self._ready_child()

    def request(self, payload: Mapping[str, Any], on_line: Callable[[Line], None] | None = None) -> Line:
        """The child's result. ``on_line`` gets every line before it, in order; if it raises, the child is
        killed and the error passes through (that is how a request is cancelled).

        Raises DocumentError when the child answers with a state, SandboxError with code sandbox.timeout,
        sandbox.memory, sandbox.crashed or sandbox.start.
        """
        with self._lock:
            child = self._ready_child()
            healthy = False
            try:
                try:
                    child.send(payload)
                except OSError as error:
                    raise self._obituary(child) from error
                final = self._converse(child, on_line)
                healthy = True
            finally:
                if not healthy:
                    self._drop()
            child.jobs += 1
            failed = final.get("error")
            if child.jobs >= self._recycle_after or final.get("rss_mb", 0) > self._recycle_mb:
                self._drop()
        if failed is None:
            result = final["result"]
            assert isinstance(result, dict)
            return result
        params = {str(k): str(v) for k, v in dict(failed.get("params") or {}).items()}
        if failed.get("status"):
            raise DocumentError(failed["status"], str(failed["code"]), **params)
        raise SandboxError(str(failed["code"]), **params)

    def close(self) -> None:
        """Ends the child. Idempotent; later requests raise SandboxError."""
        self._closed = True
        child = self._child
        if child is not None and not self._lock.acquire(timeout=0.5):
            child.kill()  # a request is running: it gets its obituary and lets the lock go
            self._lock.acquire()
        elif child is None:
            self._lock.acquire()
        try:
            self._drop()
        finally:
            self._lock.release()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _converse(self, child: _Child, on_line: Callable[[Line], None] | None) -> Line:
        while True:
            try:
                line = child.next_line(self._timeout_s)
            except queue.Empty:
                raise SandboxError("sandbox.timeout", seconds=f"{self._timeout_s:g}") from None
            except ValueError as error:
                raise SandboxError("sandbox.crashed", reason="garbage on the pipe") from error
            if line is None:
                raise self._obituary(child)
            if "result" in line or "error" in line:
                error_code = dict(line.get("error") or {}).get("code")
                if error_code == "sandbox.memory":
                    raise SandboxError("sandbox.memory", memory_mb=self._memory_mb)
                return line
            if on_line is not None:
                on_line(line)

    def _ready_child(self) -> _Child:
        if self._closed:
            raise SandboxError("sandbox.start", reason="closed")
        if self._child is not None and self._child.process.poll() is not None:
            self._drop()  # died between two requests
        if self._child is None:
            child = self._child = _Child(self._module, self._memory_mb, self._timeout_s)
            try:
                hello = child.next_line(START_TIMEOUT_S)
            except (queue.Empty, ValueError):
                hello = None
            if hello is None or "ready" not in hello:
                words = child.last_words()
                self._drop()
                log.error("sandbox %s did not start: %s", self._module, words)
                raise SandboxError("sandbox.start", reason=words.rsplit("\n", 1)[-1] or "no answer")
        return self._child

    def _obituary(self, child: _Child) -> SandboxError:
        child.kill()
        code = child.process.returncode
        log.warning("sandbox %s died: exit %s, peak %.0f MiB", self._module, code, child.peak_mb)
        if child.peak_mb > 0.75 * self._memory_mb:
            return SandboxError("sandbox.memory", memory_mb=self._memory_mb)
        if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
            return SandboxError("sandbox.timeout", seconds=f"{self._timeout_s:g}")
        return SandboxError("sandbox.crashed", reason=f"exit {code}")

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.stderr.close()


# ---- the child's side


def _refuse(event: str, _args: tuple[Any, ...]) -> None:
    if event.startswith("socket.") or event in (
        "subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.system", "os.posix_spawn", "os.spawn",
    ):  # fmt: skip
        raise PermissionError(f"not allowed in a sandbox: {event}")


_MAXRSS_PER_MB: Final = 1024 * 1024 if sys.platform == "darwin" else 1024  # getrusage's unit differs


def _peak_mb_of_this_process() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MB


def _limit_memory_and_cores(memory_mb: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    size = memory_mb * 1024 * 1024
    for name, value in (("RLIMIT_AS", size), ("RLIMIT_CORE", 0)):
        with contextlib.suppress(ValueError, OSError, AttributeError):  # macOS refuses RLIMIT_AS
            resource.setrlimit(getattr(resource, name), (value, value))


def _allow_cpu(seconds: int) -> None:
    """The child may burn ``seconds`` more before the kernel ends it: holds even when the parent is gone."""
    try:
        import resource
    except ImportError:
        return
    used = time.process_time()
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used) + seconds + 5, hard))


def _resident_mb() -> float:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, IndexError):
        return 0.0


def _argument(name: str, default: int) -> int:
    arguments = sys.argv[1:]
    return int(arguments[arguments.index(name) + 1]) if name in arguments else default


def serve(handler: Handler) -> None:
    """Runs in the child until its input ends: one ``handler(request, emit)`` a line.

    Nothing but our lines reaches the parent: standard output is moved away first, so that a library's
    ``print`` cannot break the conversation. DocumentError and MemoryError become error lines; anything else
    ends the request as sandbox.failed with the type of the error (never its text, which may quote the file).
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    cpu_s = _argument("--cpu-s", 60)
    _limit_memory_and_cores(_argument("--memory-mb", 1024))
    sys.addaudithook(_refuse)
    last_allowed = 0.0

    def emit(line: Line) -> None:
        nonlocal last_allowed
        out.write(
            json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        )
        out.flush()
        now = time.monotonic()
        if now - last_allowed > 1:
            last_allowed = now
            _allow_cpu(cpu_s)

    emit({"ready": True})
    for raw in sys.stdin.buffer:
        _allow_cpu(cpu_s)
        try:
            final: Line = {"result": handler(json.loads(raw), emit)}
        except DocumentError as error:
            final = {"error": {"status": error.status, "code": error.code, "params": dict(error.params)}}
        except MemoryError:
            final = {"error": {"status": None, "code": "sandbox.memory", "params": {}}}
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - parsers raise anything; the parent must hear of it
            final = {
                "error": {
                    "status": None,
                    "code": "sandbox.failed",
                    "params": {"reason": type(error).__name__},
                }
            }
        final["rss_mb"] = round(_resident_mb(), 1)
        emit(final)
