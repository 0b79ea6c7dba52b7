"""Readers of evaluation packs: a folder with ``questions.jsonl`` and a ``corpus/``.

A line of ``questions.jsonl`` is a JSON object with ``id`` and ``question``; what else is known of it:
``answers``, ``kind``, ``lang``, ``doc`` (the file it is about, or several), ``evidence`` [{doc, page}]
(1-based physical pages), ``gold_passages`` (ids), ``expect_refusal``. Unknown fields are ignored. Outside
data: every line is checked, and a bad one is named by its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import WenjuError


class Evidence(BaseModel):
    """A page that holds the answer; ``page`` is None where the file has none (Word)."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    doc: str
    page: int | None = Field(default=None, ge=1)


class Question(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    question: str = Field(min_length=1)
    answers: tuple[str, ...] = ()
    kind: str = ""
    lang: str = ""
    doc: str | tuple[str, ...] | None = None
    evidence: tuple[Evidence, ...] = ()
    gold_passages: tuple[str, ...] = ()
    expect_refusal: bool | None = None

    @property
    def pages(self) -> frozenset[tuple[str, int]]:
        """The evidence pages: (file name, 1-based page)."""
        return frozenset((e.doc, e.page) for e in self.evidence if e.page is not None)

    @property
    def documents(self) -> frozenset[str]:
        """The files that hold the evidence."""
        return frozenset(e.doc for e in self.evidence)


class DatasetError(WenjuError):
    """A questions file is missing or malformed."""


def read_questions(path: Path) -> list[Question]:
    """All questions of ``path``: a questions.jsonl, or the folder of a pack. Raises DatasetError."""
    if path.is_dir():
        path = path / "questions.jsonl"
    return list(_lines(path))


def _lines(path: Path) -> Iterator[Question]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    yield Question.model_validate_json(line)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(map(str, first["loc"])) or "line"
                    raise DatasetError(
                        "eval.bad_line", path=path, line=number, problem=f"{where}: {first['msg']}"
                    ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("eval.unreadable", path=path, problem=error) from error
