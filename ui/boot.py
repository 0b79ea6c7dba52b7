"""Opening and closing the house for the page: one Engine and one ingest worker for the whole process.

``open_house`` never raises: what went wrong is kept and shown as a page, because a person who sees a
traceback in a terminal they did not open has nothing to go by. The page asks :func:`current`.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import SettingsError, StoreError, WenjuError
from rag.messages import message
from rag.records import Principal

if TYPE_CHECKING:
    from evaluation.running import RunDesk
    from ingest.service import IngestService
    from rag.engine import Engine
    from rag.settings import MonitoringSettings, Settings
    from ui.answering import AnswerDesk

log = logging.getLogger(__name__)


@dataclass
class House:
    """What the process runs. ``engine`` is None exactly when ``problem`` is set."""

    engine: Engine | None = None
    service: IngestService | None = None
    desk: AnswerDesk | None = None
    runs: RunDesk | None = None
    problem: WenjuError | None = None
    reindexing: threading.Event = field(default_factory=threading.Event)


_house: House | None = None
_lock = threading.Lock()


def current() -> House:
    """The open house; opened here when no root did (``streamlit run ui/main.py``, a test)."""
    global _house
    with _lock:
        if _house is None:
            _house = open_house()
        return _house


def install(house: House | None) -> None:
    """Makes ``house`` the one that the page shows (roots and tests); None forgets it."""
    global _house
    with _lock:
        _house = house


def open_house(settings: Settings | None = None, *, work: bool = True, watched: bool = False) -> House:
    """Settings -> Engine -> ingest worker. Models warm up in the background. Problems end in
    ``House.problem``; ``work=False`` and the setting ingest.in_page leave ingest to another process;
    ``watched``: logs and metrics of this process are set up too (a root's business)."""
    from evaluation.running import RunDesk
    from rag import monitoring as watching
    from rag.settings import load_settings
    from ui.answering import AnswerDesk
    from ui.door import check_provider

    try:
        settings = settings or load_settings()
        if watched:
            watching.set_up_logs(settings, "WARNING")
        check_provider(settings)
        _check_writable(settings)
        from rag.engine import Engine

        engine = Engine.open(settings)
        if watched:
            watching.watch(settings, engine.store, engine)
        _tell_first_admin(engine)
        service = None
        if work and settings.ingest.in_page:
            from ingest.service import IngestService

            service = IngestService(engine.store, settings, engine.embedding)
            service.start()
    except WenjuError as error:
        log.error("%s", error)
        return House(problem=error)
    except Exception as error:  # a boundary: the page must come up to say what is wrong
        log.exception("cannot open")
        return House(problem=StoreError("ui.cannot_open", problem=f"{type(error).__name__}: {error}"))
    threading.Thread(target=_warm_up, args=(engine, watched), name="warm-up", daemon=True).start()
    return House(engine=engine, service=service, desk=AnswerDesk(engine), runs=RunDesk(engine))


def _warm_up(engine: Engine, settled: bool) -> None:
    """``settled``: what is loaded by then stays for the life of the process, so that Python's collector need
    not walk through it again: it stops every thread meanwhile."""
    engine.warm_up()
    if settled:
        gc.collect()
        gc.freeze()


def close_house(house: House) -> None:
    """Stops answers and the worker, closes the Engine. What was being ingested resumes at the next start."""
    if house.desk is not None:
        house.desk.stop_all()
    if house.runs is not None:
        house.runs.stop_all()
    if house.service is not None:
        house.service.stop()
    if house.engine is not None:
        from rag import monitoring as watching

        watching.unwatch()
        house.engine.close()


def monitoring() -> MonitoringSettings | None:
    """Who may read the metrics; None when the service could not start."""
    engine = current().engine
    return engine.settings.monitoring if engine is not None else None


def readiness() -> str:
    """ "" when the store answers and questions are taken, else the message code of what is wrong."""
    house = current()
    if house.engine is None:
        return house.problem.code if house.problem else "ui.cannot_open"
    if house.engine.load_state().draining:
        return "load.draining"
    try:
        house.engine.store.generation()
    except WenjuError as error:
        return error.code
    except Exception:  # a probe must answer
        log.exception("readiness")
        return "ui.cannot_open"
    return ""


def _tell_first_admin(engine: Engine) -> None:
    """Once in the life of a library with accounts: in the terminal, where whoever starts it looks."""
    made = engine.first_admin()
    if made is not None:
        user, once = made
        told = {"name": user.name, "password": once}
        language = "zh" if engine.settings.language == "zh" else "en"
        print(message("people.first_admin", language, told), file=sys.stderr, flush=True)


def engine() -> Engine | None:
    """The open Engine; None while there is none or it cannot open. Opens nothing."""
    return _house.engine if _house is not None else None


def principal() -> Principal:
    """Who looks at the page. Without accounts: the one local user."""
    from ui.sign_in import principal_of

    return principal_of(current().engine)


def _check_writable(settings: Settings) -> None:
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            "ui.data_dir_unwritable", path=folder.absolute(), problem=error.strerror or error
        ) from error
