"""``wenju ingest``: files and folders into the library, one outcome a file, in the order they were found.

One bad file never stops the rest. Stopping at any moment loses nothing: what was queued goes on with
the next command, page or worker.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import (
    INTERRUPTED,
    SOME_FAILED,
    Exit,
    console,
    emit,
    language,
    printable,
    say,
    text,
    usage_error,
)
from rag.errors import WenjuError
from rag.messages import message
from rag.records import FINAL, Document

if TYPE_CHECKING:
    from rag.engine import Engine

GOOD = ("ready", "duplicate")
POLL_S = 0.15
GIVE_UP_S = 10.0  # of an error of the store or the model that does not go away


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. ``status`` is a final document status or "duplicate"."""

    file: str
    status: str
    pages: int = 0
    chunks: int = 0
    error: str | None = None
    warnings: tuple[str, ...] = ()


def walk(paths: Sequence[Path]) -> Iterator[Path]:
    """The files of ``paths``: given ones as they are, folders walked in name order without hidden files
    and folders. Each once."""
    seen: set[str] = set()

    def fresh(path: Path) -> bool:
        real = os.path.realpath(path)
        if real in seen:
            return False
        seen.add(real)
        return True

    for path in paths:
        if not path.is_dir():
            if fresh(path):
                yield path
            continue
        for folder, names, files in os.walk(path):
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith(".") and fresh(Path(folder, name)):
                    yield Path(folder, name)


def document_name(path: Path) -> str:
    """The file's own name as text; bytes that are not UTF-8 show as question marks."""
    return path.name.encode("utf-8", "replace").decode()


def ingest(
    engine: Engine, paths: Sequence[Path], *, collection: str, password: str | None, as_json: bool
) -> None:
    """Raises Exit(3) when a file ended in a state other than ready or duplicate."""
    files = list(walk(paths))
    if not files:
        raise usage_error(text("cli.no_files", paths=", ".join(map(str, paths))))
    began = time.monotonic()
    outcomes: list[Outcome] = []

    def finished(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if as_json:
            emit(
                {
                    "file": outcome.file,
                    "status": outcome.status,
                    "pages": outcome.pages,
                    "chunks": outcome.chunks,
                    "error": outcome.error,
                }
            )
        else:
            print(_line(outcome), flush=True)

    try:
        with _progress(len(files), show=sys.stderr.isatty()) as show:
            for outcome in take_in(engine, files, collection=collection, password=password, show=show):
                finished(outcome)
    except KeyboardInterrupt:
        say("\n" + text("cli.ingest.interrupted"))
        raise Exit(INTERRUPTED) from None
    _summary(outcomes, time.monotonic() - began)
    if any(outcome.status not in GOOD for outcome in outcomes):
        raise Exit(SOME_FAILED)


def take_in(
    engine: Engine,
    files: Sequence[Path],
    *,
    collection: str,
    password: str | None,
    show: Callable[[int, Sequence[Document]], None] = lambda done, at_work: None,
) -> Iterator[Outcome]:
    """Queues every file, works until each is in a final state, and yields outcomes in the files' order as
    soon as they are known. ``show(done, documents at work)`` is called several times a second."""
    from ingest.service import IngestService

    known: dict[int, Outcome] = {}
    waiting: dict[int, int] = {}  # position -> document id
    service = IngestService(engine.store, engine.settings, engine.embedding)
    position = 0
    since: list[float] = []
    try:
        for index, path in enumerate(files):
            queued = _queue(engine, path, collection, password)
            if isinstance(queued, Outcome):
                known[index] = queued
            else:
                waiting[index] = queued
                service.start()  # work begins with the first file that needs any
        if waiting:
            engine.embedding()  # a missing model is one clear error now, not one a file
        while position < len(files):
            looked = time.monotonic()
            stuck = _stuck(service.last_error, since)
            if stuck is not None:  # a full disk, a server that is away: what waits stays queued
                for index in waiting:
                    shown = _shown(files[index])
                    known[index] = Outcome(shown, "failed", error=stuck.localized(language()))
                waiting.clear()
            documents = {document.id: document for document in engine.documents()}
            for index, document_id in list(waiting.items()):
                document = documents.get(document_id)
                if document is None or document.status in FINAL:
                    known[index] = _outcome(files[index], document)
                    del waiting[index]
            while position in known:
                yield known[position]
                position += 1
            show(len(known), [documents[i] for i in waiting.values() if i in documents])
            if position < len(files):  # a big library is looked at less often: at most a tenth of the time
                pause_s = 9 * (time.monotonic() - looked)
                time.sleep(pause_s)
                service.wait(max(0.0, POLL_S - pause_s))
    finally:
        service.stop()


def _stuck(error: WenjuError | None, since: list[float]) -> WenjuError | None:
    """The service's error once it has kept documents waiting for GIVE_UP_S; ``since`` holds its beginning."""
    if error is None:
        since.clear()
        return None
    since.append(time.monotonic())
    del since[1:]
    return error if time.monotonic() - since[0] > GIVE_UP_S else None


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "replace").decode()


def _queue(engine: Engine, path: Path, collection: str, password: str | None) -> Outcome | int:
    """The queued document's id, or an outcome that is known already."""
    shown = _shown(path)
    try:
        if not path.is_file():
            code = "cli.no_such_path" if not path.exists() else "cli.unreadable"
            return Outcome(shown, "failed", error=text(code, path=shown, reason="not a regular file"))
        added = engine.add_document(
            document_name(path),
            path,
            collection=collection,
            source=os.path.realpath(path).encode("utf-8", "replace").decode(),
            password=password,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        return Outcome(shown, "failed", error=text("cli.unreadable", path=shown, reason=reason))
    except WenjuError as error:
        status = getattr(error, "status", "failed")
        return Outcome(shown, status, error=error.localized(language()))
    document = added.document
    if not added.created and document.status == "ready":
        return Outcome(shown, "duplicate", document.page_count, document.chunk_count)
    return document.id


def _outcome(path: Path, document: Document | None) -> Outcome:
    shown = _shown(path)
    if document is None:  # deleted by somebody meanwhile
        return Outcome(shown, "failed", error=message("store.not_found", language()))
    code = document.error_code
    return Outcome(
        shown,
        document.status,
        document.page_count,
        document.chunk_count,
        error=message(code, language(), document.error_params) if code else None,
        warnings=document.warnings,
    )


def _line(outcome: Outcome) -> str:
    if outcome.status == "ready":
        detail = text("cli.ingest.counts", pages=outcome.pages, chunks=outcome.chunks)
        detail += "".join(f"; {message(code, language())}" for code in outcome.warnings)
    elif outcome.status == "duplicate":
        detail = text("cli.ingest.duplicate")
    else:
        detail = outcome.error or ""
    return f"{outcome.status:<11} {printable(outcome.file)}  {printable(detail)}".rstrip()


def _summary(outcomes: Iterable[Outcome], seconds: float) -> None:
    outcomes = list(outcomes)
    counts = Counter(outcome.status for outcome in outcomes)
    good = [outcome for outcome in outcomes if outcome.status in GOOD]
    say(
        text(
            "cli.ingest.summary",
            files=len(outcomes),
            seconds=f"{seconds:.1f}",
            counts=", ".join(f"{count} {status}" for status, count in counts.most_common()),
            pages=sum(outcome.pages for outcome in good),
            chunks=sum(outcome.chunks for outcome in good),
        )
    )


@contextmanager
def _progress(total: int, *, show: bool) -> Iterator[Callable[[int, Sequence[Document]], None]]:
    """A bar for all files and one for each document at work, on a terminal; nothing in a pipe."""
    if not show:
        yield lambda done, at_work: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console(),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=False,
    )
    tasks: dict[int, TaskID] = {}

    def update(done: int, at_work: Sequence[Document]) -> None:
        progress.update(whole, completed=done, detail=f"{done}/{total}")
        busy = [d for d in at_work if d.status in ("parsing", "embedding")][:6]
        for gone in tasks.keys() - {d.id for d in busy}:
            progress.remove_task(tasks.pop(gone))
        for document in busy:
            if document.id not in tasks:
                tasks[document.id] = progress.add_task("", detail="")
            reading = document.status == "parsing"
            whole_count = document.page_count if reading else document.chunk_count
            progress.update(
                tasks[document.id],
                description=f"  {printable(document.name)[:40]}",
                total=whole_count or None,
                completed=document.pages_done if reading else document.chunks_done,
                detail=text(f"cli.ingest.{document.status}")
                + " · "
                + text("cli.ingest.counts", pages=document.pages_done, chunks=document.chunks_done),
            )

    with progress:
        whole = progress.add_task("", total=total, detail="")
        yield update
