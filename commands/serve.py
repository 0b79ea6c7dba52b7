"""``wenju run`` (the page) and ``wenju worker`` (ingest without a page).

``run`` answers for what a newcomer meets: the address is printed when the page really answers, the
browser opens if there is one, a taken port says what holds it and which one is free, Ctrl-C ends all.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from commands.console import ERROR, Exit, say, text

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.settings import Settings

ANY_ADDRESS = ("0.0.0.0", "::", "")
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0


def run_page(settings: Settings, *, open_browser: bool) -> None:
    """Serves until stopped. Exits with 1 when the port cannot be used or the page dies."""
    host, port = settings.server.host, settings.server.port
    shown_host = "localhost" if host in ANY_ADDRESS else (f"[{host}]" if ":" in host else host)
    url = f"http://{shown_host}:{port}"
    _check_port(host, port, url)
    say(text("cli.run.starting"))
    child = subprocess.Popen(
        page_command(settings),
        env=page_environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )

    def forward(signum: int, frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, forward)
    try:
        if _wait_until_ready(child, url):
            say(text("cli.run.ready", url=url))
            if host in ANY_ADDRESS:
                say(text("cli.run.everywhere"))
            if open_browser:
                _open_browser(url)
        else:
            say(text("cli.run.slow", seconds=int(START_TIMEOUT_S)))
        code = child.wait()
    except KeyboardInterrupt:
        _stop(child)
        say("\n" + text("cli.interrupted"))
        return
    finally:
        _stop(child)
    if code not in (0, -signal.SIGTERM, -signal.SIGINT):
        raise Exit(ERROR)


def page_command(settings: Settings) -> list[str]:
    """The Streamlit command line: no e-mail question, no usage statistics, no tracebacks for readers."""
    app = Path(__file__).resolve().parent.parent / "app.py"
    return [
        sys.executable, "-m", "streamlit", "run", str(app),
        f"--server.address={settings.server.host or '0.0.0.0'}",
        f"--server.port={settings.server.port}",
        "--server.headless=true",
        "--server.fileWatcherType=none",
        f"--server.maxUploadSize={settings.ingest.max_file_mb}",
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
    ]  # fmt: skip


def page_environment(settings: Settings) -> dict[str, str]:
    """This process's environment, with what the command line chose: the page builds the same Settings."""
    return {
        **os.environ,
        "WENJU_DATA_DIR": str(settings.data_dir.absolute()),
        "WENJU_SERVER__HOST": settings.server.host,
        "WENJU_SERVER__PORT": str(settings.server.port),
    }


def _wait_until_ready(child: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            say(text("cli.error", text=text("cli.run.died", code=child.returncode)))
            raise Exit(ERROR)
        if _answers(url):
            return True
        time.sleep(0.1)
    return False


def _answers(url: str) -> bool:
    """Whether a Wenju answers there."""
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(f"{url}/healthz", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _check_port(host: str, port: int, url: str) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            code = "cli.run.port_wenju" if _answers(url) else "cli.run.port_taken"
        else:
            code = "cli.run.port_refused"
        reason = error.strerror or str(error)
        words = text(code, host=host, port=port, url=url, free=_free_port(port), reason=reason)
        say(text("cli.error", text=words))
        raise Exit(ERROR) from None


def _free_port(after: int) -> int:
    for port in (*range(after + 1, min(after + 50, 65536)), 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


def _open_browser(url: str) -> None:
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    ):
        return  # no screen: a text browser would take the terminal over
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


HEARTBEAT_S = 5.0


def run_worker(settings: Settings, heartbeat: Path | None = None) -> None:
    """Takes in queued documents until SIGINT or SIGTERM; what is at work is released, not lost.

    ``heartbeat``: a file whose time is set every few seconds while the worker runs and the store answers, for
    a health check."""
    from ingest.service import IngestService
    from rag import monitoring
    from rag.engine import Engine

    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    with Engine.open(settings) as engine:
        monitoring.watch(settings, engine.store)
        monitoring.serve_metrics(settings)
        service = IngestService(engine.store, settings, engine.embedding())
        service.start()
        if heartbeat is not None:
            heartbeat.touch()
        say(text("cli.worker.started", folder=settings.data_dir.absolute()))
        try:
            while not stop.wait(HEARTBEAT_S):
                if heartbeat is not None and service.running and _store_answers(engine):
                    heartbeat.touch()
        finally:
            service.stop()
            monitoring.unwatch()
    say(text("cli.interrupted"))


def _store_answers(engine: Engine) -> bool:
    try:
        engine.store.generation()
    except Exception as error:  # noqa: BLE001 - a probe must answer; a database that comes back is well again
        say(text("cli.error", text=f"{type(error).__name__}: {error}"))
        return False
    return True
