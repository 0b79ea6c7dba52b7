"""``--batch questions.jsonl --out predictions.jsonl``: one prediction a line, resumable.

A line is written whole or not at all (one write, flushed to disk); a torn last line of a killed run is
cut off at the next start. Ids that are in the file already are not asked again. A question that fails
is not written, so the same command asks it again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from commands.console import OK, SOME_FAILED, console, language, note, say, text, usage_error
from rag.errors import WenjuError


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str | int
    question: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Question:
    id: str | int
    question: str


def read_questions(path: Path) -> list[Question]:
    """Every question of a JSON lines file; other keys are left alone. Exits with 2 at a bad line or a second
    question with the same id."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise usage_error(text("cli.unreadable", path=path, reason=reason)) from None
    questions: dict[str | int, Question] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read = _Line.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}"
            raise usage_error(text("cli.batch.bad_line", path=path, line=number, problem=problem)) from None
        if read.id in questions:
            problem = f"id {read.id!r} twice"
            raise usage_error(text("cli.batch.bad_line", path=path, line=number, problem=problem))
        questions[read.id] = Question(read.id, read.question)
    return list(questions.values())


def done_ids(path: Path) -> set[str | int]:
    """Ids of the predictions in ``path``; cuts a torn last line off. Exits with 2 when another line is not a
    prediction: the file is then somebody else's and is left as it is."""
    if not path.exists():
        return set()
    done: set[str | int] = set()
    kept = 0
    data = path.read_bytes()
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        try:
            done.add(json.loads(line)["id"])
            if not line.endswith(b"\n"):
                raise ValueError("torn")
        except (ValueError, KeyError, TypeError) as error:
            if kept + len(line) == len(data) and not line.endswith(b"\n"):
                break
            raise usage_error(text("cli.batch.bad_line", path=path, line=number, problem=error)) from None
        kept += len(line)
    if kept < len(data):
        with path.open("r+b") as file:
            file.truncate(kept)
        return done_ids(path)
    return done


def run_batch(batch: Path, out: Path, answer: Callable[[str], Mapping[str, Any]], *, jobs: int = 1) -> int:
    """Answers what is missing, in the questions' order, ``jobs`` at once. Returns the exit code."""
    questions = read_questions(batch)
    done = done_ids(out)
    left = [question for question in questions if question.id not in done]
    if len(left) < len(questions):
        say(text("cli.batch.resumed", done=len(questions) - len(left), total=len(questions), path=out))
    failed = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("ab", buffering=0) as file:
        for question, result in _track(_answers(left, answer, jobs), len(left)):
            if isinstance(result, WenjuError):
                failed += 1
                note(f"{question.id}: {result.localized(language())}")
                continue
            line = json.dumps({"id": question.id, **result}, ensure_ascii=False) + "\n"
            file.write(line.encode())
            os.fsync(file.fileno())
    if failed:
        say(text("cli.batch.failed", failed=failed, total=len(questions)))
        return SOME_FAILED
    say(text("cli.batch.done", total=len(questions), path=out))
    return OK


_Answered = tuple[Question, Mapping[str, Any] | WenjuError]


def _answers(
    questions: list[Question], answer: Callable[[str], Mapping[str, Any]], jobs: int
) -> Iterator[_Answered]:
    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    futures: list[tuple[Question, Future[Mapping[str, Any]]]] = [
        (question, pool.submit(answer, question.question)) for question in questions
    ]
    try:
        for question, future in futures:
            try:
                yield question, future.result()
            except WenjuError as error:
                yield question, error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _track(answered: Iterator[_Answered], total: int) -> Iterator[_Answered]:
    if not sys.stderr.isatty():
        return answered
    from rich.progress import track

    return iter(track(answered, total=total, description="", console=console(), transient=True))
