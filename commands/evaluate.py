"""``wenju eval``: datasets, their libraries, and page recall. Runs are in commands.evalruns."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import (
    SOME_FAILED,
    Exit,
    console,
    emit,
    language,
    note,
    printable,
    say,
    text,
    usage_error,
)
from rag.messages import message
from rag.records import FINAL

if TYPE_CHECKING:
    from evaluation.datasets import Questions
    from rag.engine import Engine
    from rag.records import Dataset


def injection(engine: Engine, *, as_json: bool) -> bool:
    """Prints which planted instructions the answers obeyed; whether there was none and no fence broke."""
    from evaluation.injection import run

    with console().status("") as status:

        def show(done: int, total: int) -> None:
            status.update(f"{done}/{total}")

        report = run(engine, on_progress=show if sys.stderr.isatty() else None)
    if as_json:
        emit(report.to_json())
    else:
        print(report.to_markdown())
        note(text("cli.eval.injection", model=report.model or text("cli.eval.extractive")))
    return not report.obeyed and not report.fences_broken


def retrieval(engine: Engine, pack: Path, *, limit: int | None, as_json: bool) -> None:
    """Prints a Markdown table (or one JSON object) of page recall. Raises DatasetError."""
    from evaluation.retrieval import run

    with console().status("") as status:

        def show(done: int, total: int) -> None:
            status.update(f"{done}/{total}")

        report = run(engine, pack, limit=limit, on_progress=show if sys.stderr.isatty() else None)
    if as_json:
        emit(report.to_json())
        return
    print(report.to_markdown())
    note(text("cli.eval.asked", asked=report.questions, skipped=report.skipped))
    for code, times in report.degraded.items():
        note(f"{re.sub(r' ?<[a-z_]+>', '', message(code, language()))} ({times})")


def prepare(engine: Engine, pack: Path, *, collection: str) -> None:
    """Takes a pack's corpus into the library; what is there already is not read again. Raises Exit(3) when a
    document did not become ready or a passage could not be read."""
    from evaluation.datasets import BadLine
    from evaluation.readers import documents as documents_of
    from ingest.service import IngestService

    bad: list[BadLine] = []
    names: set[int] = set()
    with console().status("") as status:
        for found in documents_of(pack):
            if isinstance(found, BadLine):
                bad.append(found)
                continue
            added = engine.add_document(found.name, found.path or found.data, collection=collection)
            names.add(added.document.id)
            status.update(f"{len(names)} {printable(found.name)}")
        service = IngestService(engine.store, engine.settings, engine.embedding)
        done = 0

        def show(event: Any) -> None:
            nonlocal done
            done += event.kind == "final"
            status.update(f"{done}/{len(names)} {printable(event.document.name)}")

        service.run_until_idle(show if sys.stderr.isatty() else None)
        service.stop()
    documents = [d for d in engine.documents() if d.id in names]
    failed = [d for d in documents if d.status in FINAL and d.status != "ready"]
    _say_bad(bad)
    for document in failed:
        reason = (
            message(document.error_code, language(), document.error_params) if document.error_code else ""
        )
        note(f"{printable(document.name)}: {document.status} {printable(reason)}")
    say(text("cli.eval.prepared", ready=len(documents) - len(failed), total=len(documents)))
    if failed or bad:
        raise Exit(SOME_FAILED)


def prepare_first(engine: Engine, named: str, *, collection: str) -> None:
    """As :func:`prepare` before a run over a pack; what could not be read is said and the run goes on (its
    questions about it are not asked, and said). Raises DatasetError when there is no such folder."""
    with contextlib.suppress(Exit):
        prepare(engine, Path(named), collection=collection or "default")


def load_dataset(engine: Engine, named: str) -> Questions:
    """A file or folder of that path, else the accepted questions of the dataset of that name. What could not
    be read is said. Raises DatasetError, Exit(2)."""
    from evaluation.datasets import Question, Questions
    from evaluation.readers import read

    path = Path(named)
    if path.exists():
        questions = read(path)
        _say_bad(questions.bad)
        return questions
    dataset = find_dataset(engine, named)
    kept = engine.golden_questions(dataset.id, states=["accepted"])
    return Questions(dataset.name, tuple(Question.model_validate({**k.question, "id": k.key}) for k in kept))


def find_dataset(engine: Engine, named: str) -> Dataset:
    """Exits with 2 when there is no such dataset."""
    datasets = engine.datasets()
    found = next((d for d in datasets if named in (d.name, str(d.id))), None)
    if found is None:
        known = ", ".join(d.name for d in datasets) or "-"
        raise usage_error(text("cli.eval.no_dataset", name=named, known=known))
    return found


def list_datasets(engine: Engine, *, as_json: bool) -> None:
    for dataset in engine.datasets():
        record = {
            "id": dataset.id,
            "name": dataset.name,
            "accepted": dataset.accepted,
            "drafts": dataset.drafts,
            "rejected": dataset.rejected,
            "source": dataset.source,
        }
        if as_json:
            emit(record)
        else:
            counts = text("cli.eval.counts", accepted=dataset.accepted, drafts=dataset.drafts)
            print(f"{dataset.id:>4}  {printable(dataset.name)}  {counts}")


def import_dataset(engine: Engine, path: Path, *, name: str, as_json: bool) -> None:
    """Keeps the good questions of a file. Raises DatasetError; Exit(3) when some lines were bad."""
    from evaluation.readers import read

    questions = read(path)
    dataset = engine.save_dataset(name or questions.name, source=path.name)
    rows = [(q.id, q.model_dump(mode="json", exclude_defaults=True)) for q in questions.questions]
    new = engine.save_golden_questions(dataset.id, rows)
    if as_json:
        emit(
            {
                "dataset": dataset.name,
                "questions": len(rows),
                "new": new,
                "bad": [{"line": b.line, "column": b.column, "problem": b.problem} for b in questions.bad],
            }
        )
    else:
        _say_bad(questions.bad)
        say(text("cli.eval.imported", name=dataset.name, kept=len(rows), new=new, bad=len(questions.bad)))
    if questions.bad:
        raise Exit(SOME_FAILED)


def export_dataset(engine: Engine, named: str, *, out: Path | None) -> None:
    """Every accepted question as JSON lines."""
    questions = load_dataset(engine, named)
    lines = [
        json.dumps(q.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
        for q in questions.questions
    ]
    write("".join(f"{line}\n" for line in lines), out)


def write_template(out: Path) -> None:
    """The Excel file to fill in, in the reader's language."""
    from evaluation.tables import template

    write(template(language()), out)
    say(text("cli.eval.written", path=out))


def write(content: str | bytes, out: Path | None) -> None:
    """To a file, or to stdout. Exits with 2 when the file cannot be written."""
    if out is None:
        sys.stdout.write(content if isinstance(content, str) else content.decode())
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise usage_error(text("cli.unreadable", path=out, reason=error.strerror or error)) from None


def _say_bad(bad: Any, limit: int = 20) -> None:
    for line in bad[:limit]:
        code = "cli.eval.bad_cell" if line.column else "cli.eval.bad_row"
        note(printable(text(code, line=line.line, column=line.column, problem=line.told(language()))))
    if len(bad) > limit:
        note(text("cli.eval.more_bad", more=len(bad) - limit))
