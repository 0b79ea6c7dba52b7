"""Real servers for tests, each started in a temporary folder and stopped at the end.

Binaries are Debian's; a missing one skips the test and says which package would run it.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary(name: str, package: str, *folders: str) -> str:
    """The path of a program; skips the test when it is not installed."""
    path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed; `apt-get install {package}` would run this test")
    return found


def unprivileged() -> tuple[list[str], str]:
    """(prefix of a command that runs it as a user without privileges, that user's name)."""
    if os.geteuid() != 0:
        return [], getpass.getuser()
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    return ["runuser", "-u", user, "--"], user


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.05)


@contextmanager
def _running(command: list[str], folder: Path, ready: Callable[[], bool], stop: int) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait(ready, process, log)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="wenju-server-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Server:
    """A process that can be killed and brought back: the same command, the same port. ``ready`` says whether
    it answers. Its output is ``folder``/``name``.log."""

    def __init__(
        self,
        name: str,
        command: list[str],
        folder: Path,
        ready: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        start_s: float = START_S,
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._command, self._folder, self._ready = command, folder, ready
        self._environment, self._start_s = environment, start_s
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Starts it without waiting."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=None if self._environment is None else dict(self._environment),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> float:
        """Until it answers; the seconds that took."""
        began = time.monotonic()
        assert self._process is not None
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > began + self._start_s:
                words = self.log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"{self.name} did not start:\n{words}")
            time.sleep(0.1)
        return time.monotonic() - began

    def start(self) -> float:
        self.begin()
        return self.wait()

    def kill(self) -> None:
        """At once, with all that it started; nothing is told or tidied."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None

    def stop(self) -> None:
        """As a service manager does: asks, then kills."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self.kill()


class PostgresServer(Server):
    """``url`` is without a database name. Its processes have groups of their own: killed by "immediate
    shutdown", which is what a crash leaves behind."""

    def __init__(self, folder: Path) -> None:
        folders = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
        server = binary("postgres", "postgresql", *folders)
        initdb = binary("initdb", "postgresql", *folders)
        prefix, user = unprivileged()
        (folder / "password").write_text("secret")
        if prefix:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        data, port = folder / "data", free_port()
        subprocess.run(
            [*prefix, initdb, "-D", str(data), "-U", "wenju", "-A", "scram-sha-256", "-E", "UTF8",
             "--locale=C", "--no-sync", f"--pwfile={folder / 'password'}"],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        command = [*prefix, server, "-D", str(data), "-p", str(port), "-k", str(folder),
                   "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]  # fmt: skip
        self.url = f"postgresql://wenju:secret@127.0.0.1:{port}"
        self._pid_file = data / "postmaster.pid"
        super().__init__("postgresql", command, folder, self._answers)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(f"{self.url}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        self._signal(signal.SIGQUIT)

    def stop(self) -> None:
        self._signal(signal.SIGINT)  # fast shutdown

    def _signal(self, number: int) -> None:
        if self._process is None:
            return
        if self._pid_file.exists():  # runuser does not pass on every signal: tell the server itself
            with suppress(ProcessLookupError):
                os.kill(int(self._pid_file.read_text().split()[0]), number)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        super().kill()


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A new PostgreSQL on 127.0.0.1. Yields its URL without a database name:
    "postgresql://wenju:secret@127.0.0.1:PORT". Not durable: it is for tests."""
    with _folder() as folder:
        server = PostgresServer(folder)
        try:
            server.start()
            yield server.url
        finally:
            server.stop()


def redis(folder: Path) -> tuple[Server, str]:
    """A Redis that keeps nothing on disk, not started, and its URL."""
    program = binary("redis-server", "redis-server", "/usr/bin")
    port = free_port()

    def ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
               "--dir", str(folder)]  # fmt: skip
    return Server("redis", command, folder, ready), f"redis://127.0.0.1:{port}/0"


@contextmanager
def redis_server() -> Iterator[str]:
    """A new Redis on 127.0.0.1 that keeps nothing on disk. Yields "redis://127.0.0.1:PORT/0"."""
    with _folder() as folder:
        server, url = redis(folder)
        try:
            server.start()
            yield url
        finally:
            server.stop()
