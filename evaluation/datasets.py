"""A golden question, and sets of them as JSON lines.

A line is a JSON object with ``question`` (and an ``id``, else one is made from its words); what else is
known of it are the fields of :class:`Question`. Unknown fields are ignored. Outside data: every line is
checked, and a bad one is named by its number. Other file kinds are read by ``evaluation.readers``.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rag.errors import WenjuError
from rag.messages import message

_LISTS = (
    "answers",
    "evidence",
    "gold_passages",
    "answer_groups",
    "answer_parts",
    "wrong_answers",
    "contexts",
)
_OTHER_NAMES = {
    "language": "lang",
    "answer": "answers",
    "answer_keys": "answer_groups",
    "derivation": "formula",
}
_LOT = 20_240_601


class Evidence(BaseModel):
    """What holds the answer: a page (1-based; None where the file has none, as in Word) and, where known,
    the words on it. ``document`` and ``passage`` are accepted for ``doc`` and ``text``."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    doc: str
    page: int | None = Field(default=None, ge=1)
    text: str = ""

    @model_validator(mode="before")
    @classmethod
    def _names(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        found = dict(data)
        for other, name in (("document", "doc"), ("passage", "text")):
            if other in found:
                found.setdefault(name, found.pop(other))
        return {name: value for name, value in found.items() if value is not None}


class Context(BaseModel):
    """A passage that a question brings along: only these may be searched for it."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)
    id: str
    text: str
    relevant: bool | None = None


class Question(BaseModel):
    """``answers`` are accepted wordings, any of which is right. ``answer_groups``: of each group one wording
    must be there. ``scale`` multiplies the figure of the answer: "", "percent", "thousand", "million",
    "billion". ``answer_type`` "prose": nobody is expected to repeat the wording. ``doc``: the file it is
    about, or several. A ``kind`` "refuse" expects refusal."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)
    id: str = Field(min_length=1, max_length=200)
    question: str = Field(min_length=1)
    answers: tuple[str, ...] = ()
    answer_groups: tuple[tuple[str, ...], ...] = ()
    answer_parts: tuple[str, ...] = ()
    wrong_answers: tuple[str, ...] = ()
    kind: str = ""
    lang: str = ""
    doc: str | tuple[str, ...] | None = None
    evidence: tuple[Evidence, ...] = ()
    gold_passages: tuple[str, ...] = ()
    contexts: tuple[Context, ...] = ()
    expect_refusal: bool | None = None
    scale: str = ""
    formula: str = ""
    answer_type: str = ""
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _accept(cls, data: Any) -> Any:
        """Other names, one value where a list is expected, and None for "not known"."""
        if not isinstance(data, Mapping):
            return data
        found = {name: value for name, value in data.items() if value is not None}
        for other, name in _OTHER_NAMES.items():
            if other in found:
                found.setdefault(name, found.pop(other))
        if found.get("kind") == "refuse":
            found.setdefault("expect_refusal", True)
        docs = found.get("docs")
        if docs and isinstance(docs, list) and all(isinstance(d, Mapping) and "text" in d for d in docs):
            found.setdefault("contexts", docs)
        for name in _LISTS:
            if isinstance(found.get(name), str | int | float):
                found[name] = [found[name]]
        facts = found.get("facts")
        if isinstance(facts, Mapping) and facts and not found.get("formula"):
            # Named facts are what is asked, unless a formula says that they are its operands.
            found.setdefault("answer_groups", [[str(value)] for value in facts.values()])
        if found.get("contexts") and isinstance(found["contexts"], list):
            found["contexts"] = [_named(context) for context in found["contexts"]]
        return found

    @property
    def pages(self) -> frozenset[tuple[str, int]]:
        """The evidence pages: (file name, 1-based page)."""
        return frozenset((e.doc, e.page) for e in self.evidence if e.page is not None)

    @property
    def documents(self) -> frozenset[str]:
        """The files that hold the evidence; a gold passage is a file of its own (see evaluation.packs)."""
        return frozenset(e.doc for e in self.evidence) | frozenset(map(passage_file, self.gold_passages))

    @property
    def about(self) -> tuple[str, ...]:
        """The files it is about: those named, else those that hold the evidence."""
        if self.doc is None:
            return tuple(sorted(self.documents))
        return (self.doc,) if isinstance(self.doc, str) else self.doc

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """Groups of wordings: an answer is complete when it holds one of each. () when none is known."""
        if self.answer_groups:
            return tuple(group for group in self.answer_groups if group)
        if len(self.answer_parts) > 1:
            return tuple((part,) for part in self.answer_parts)
        return (self.answers,) if self.answers else ()


def _named(context: Any) -> Any:
    if isinstance(context, str):
        context = {"text": context}
    if isinstance(context, Mapping) and "id" not in context:
        digest = hashlib.sha256(str(context.get("text", "")).encode()).hexdigest()[:12]
        return {**context, "id": f"context-{digest}"}
    return context


def passage_file(passage_id: str) -> str:
    """The name under which a passage of a pack is kept in a library: a small file of its own."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in passage_id)
    return f"{safe}.txt"


class DatasetError(WenjuError):
    """A questions file is missing or malformed."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """What could not be read, and where: line of a text file, row of a sheet (1-based). ``code`` is in
    rag.messages."""

    line: int
    code: str
    column: str = ""
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """What is wrong, in English."""
        return self.told("en")

    def told(self, language: str) -> str:
        """What is wrong, in words of ``language``."""
        return message(self.code, language, {k: str(v) for k, v in self.params.items()})

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Questions:
    """What a file held: the good questions and, named, everything that is not among them."""

    name: str
    questions: tuple[Question, ...]
    bad: tuple[BadLine, ...] = ()

    @property
    def sha256(self) -> str:
        """Names the questions and their answers, in order."""
        return dataset_sha256(self.questions)


def dataset_sha256(questions: Iterable[Question]) -> str:
    """Equal for equal questions in equal order."""
    digest = hashlib.sha256()
    for question in questions:
        digest.update(question.model_dump_json(exclude_defaults=True).encode() + b"\n")
    return digest.hexdigest()


def draw(questions: Sequence[Question], count: int) -> tuple[Question, ...]:
    """``count`` of the questions, drawn by lot, always the same ones, in their order: a file's beginning is
    seldom like the rest of it."""
    if count >= len(questions):
        return tuple(questions)
    chosen = random.Random(_LOT).sample(range(len(questions)), count)
    return tuple(questions[at] for at in sorted(chosen))


def explain(error: ValidationError) -> tuple[str, str]:
    """(field, problem in English) of the first thing that is wrong."""
    first = error.errors()[0]
    return ".".join(map(str, first["loc"])), first["msg"]


_PYDANTIC = {
    "missing": "eval.row.missing",
    "string_too_short": "eval.row.empty",
    "string_too_long": "eval.row.long",
    "string_type": "eval.row.text",
    "int_type": "eval.row.number",
    "int_parsing": "eval.row.number",
    "int_from_float": "eval.row.number",
    "tuple_type": "eval.row.list",
    "bool_type": "eval.row.yes_no",
    "bool_parsing": "eval.row.yes_no",
    "model_type": "eval.row.object",
    "model_attributes_type": "eval.row.object",
    "dict_type": "eval.row.object",
}


def bad_line(number: int, error: ValidationError) -> BadLine:
    """The first thing that is wrong with a record."""
    first = error.errors()[0]
    column = ".".join(map(str, first["loc"]))
    limit = {k: v for k, v in first.get("ctx", {}).items() if isinstance(v, int | str)}
    code = _PYDANTIC.get(first["type"], "eval.row.other")
    params: dict[str, object] = {"limit": limit.get("max_length", ""), "detail": first["msg"]}
    return BadLine(number, code, column, {k: v for k, v in params.items() if _NEEDS.get(code) == k})


_NEEDS = {"eval.row.long": "limit", "eval.row.other": "detail"}


def not_json(number: int, error: Exception) -> BadLine:
    return BadLine(number, "eval.row.not_json", params={"detail": str(error)[:200]})


def read_questions(path: Path) -> list[Question]:
    """All questions of ``path``: a questions.jsonl, or the folder of a pack. Raises DatasetError at the first
    bad line (``evaluation.readers`` keeps the good ones)."""
    if path.is_dir():
        path = path / "questions.jsonl"
    good = []
    for line in read_lines(path):
        if isinstance(line, BadLine):
            problem = f"{line.column or 'line'}: {line.problem}"
            raise DatasetError("eval.bad_line", path=path, line=line.line, problem=problem)
        good.append(line)
    return good


def read_lines(path: Path) -> Iterator[Question | BadLine]:
    """Every line of a JSON lines file, as a question or as what is wrong with it. An id that was there before
    is wrong. Raises DatasetError when the file cannot be read."""
    seen: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield _line(line, number, seen)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("eval.unreadable", path=path, problem=error) from error


def _line(line: str, number: int, seen: dict[str, int]) -> Question | BadLine:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return not_json(number, error)
    if not isinstance(record, dict):
        return BadLine(number, "eval.row.object")
    return checked(record, number, seen)


def checked(record: Mapping[str, Any], number: int, seen: dict[str, int]) -> Question | BadLine:
    """``record`` as a question; without an id it is called after its words, so that a file taken in again, or
    beside another, meets its own questions. ``seen``: ids and where they were, added to."""
    named = hashlib.sha256(str(record.get("question", "")).encode()).hexdigest()[:10]
    try:
        question = Question.model_validate({"id": f"q-{named}", **record})
    except ValidationError as error:
        return bad_line(number, error)
    if question.id in seen:
        return BadLine(number, "eval.row.twice", "id", {"id": question.id[:80], "line": seen[question.id]})
    seen[question.id] = number
    return question
