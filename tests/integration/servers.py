"""Real servers for tests, each started in a temporary folder and stopped at the end.

Binaries are Debian's; a missing one skips the test and says which package would run it.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A new PostgreSQL on 127.0.0.1. Yields its URL without a database name:
    "postgresql://wenju:secret@127.0.0.1:PORT". Not durable: it is for tests."""
    folders = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    server = binary("postgres", "postgresql", *folders)
    initdb = binary("initdb", "postgresql", *folders)
    prefix, user = unprivileged()
    with _folder() as folder:
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
        url = f"postgresql://wenju:secret@127.0.0.1:{port}"

        def ready() -> bool:
            import psycopg

            try:
                psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        pid_file = data / "postmaster.pid"
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait(ready, process, log)
            yield url
        finally:
            if pid_file.exists():  # runuser does not pass on every signal: tell the server itself
                os.kill(int(pid_file.read_text().split()[0]), 2)  # fast shutdown
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def redis_server() -> Iterator[str]:
    """A new Redis on 127.0.0.1 that keeps nothing on disk. Yields "redis://127.0.0.1:PORT/0"."""
    server = binary("redis-server", "redis-server", "/usr/bin")
    port = free_port()

    def ready() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    with _folder() as folder:
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", str(folder)]  # fmt: skip
        with _running(command, folder, ready, 15):
            yield f"redis://127.0.0.1:{port}/0"
