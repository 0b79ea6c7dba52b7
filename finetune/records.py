"""Instruction records: what the model is shown and what it should have said.

A line of the file is a JSON object: ``question``, ``passages`` (texts, or objects with text, document, page)
and ``answer`` with citations as ``[n]``; the other fields of :class:`Record` say where it came from. Training
uses the very prompt that serving uses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finetune.config import TuneError
from rag.answer.prompts import Prompt, PromptLanguage, build, is_refusal, prompt_language
from rag.models.protocols import ChatMessage
from rag.records import Passage
from rag.text.language import detect_language

Told = Mapping[PromptLanguage, Prompt]
"""The wordings of one use, by the question's language."""


class RecordPassage(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    text: str = Field(min_length=1)
    document: str = ""
    page: int = Field(default=1, ge=1)
    page_end: int = Field(default=0, ge=0)  # 0: as page
    section: tuple[str, ...] = ()
    header: str = ""  # of the table that the text is from

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, data: Any) -> Any:
        return {"text": data} if isinstance(data, str) else data


class Record(BaseModel):
    """``facts``: what the calculator said of the passages, as the model was told it. ``kind`` is free
    ("answer", "refusal", "arithmetic", ...). ``origin`` names the very place it came from ("turn:12",
    "golden:3", "document:7", "file:seed.jsonl:40"); ``contributor`` is who wrote the answer, "" for a rule;
    ``conversation`` groups what must not be split; ``reviewed``: a person said yes to it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    question: str = Field(min_length=1)
    passages: tuple[RecordPassage, ...] = ()
    answer: str = Field(min_length=1)
    facts: tuple[str, ...] = ()
    kind: str = "answer"
    origin: str = ""
    conversation: str = ""
    contributor: str = ""
    reviewed: bool = False

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of question, passages and answer."""
        words = [self.question, [p.text for p in self.passages], self.answer]
        return hashlib.sha256(json.dumps(words, ensure_ascii=True).encode()).hexdigest()[:16]

    @property
    def documents(self) -> frozenset[str]:
        """Names of the documents that the passages come from, where they say so."""
        return frozenset(p.document for p in self.passages if p.document)

    @property
    def refusal(self) -> bool:
        return is_refusal(self.answer)

    def shown(self) -> list[Passage]:
        """The passages as the prompt takes them, ranked from 1."""
        return [_passage(rank, p) for rank, p in enumerate(self.passages, 1)]

    def messages(self, told: Told | None = None) -> list[ChatMessage]:
        """The prompt, as at serving time; the answer is not in it. ``told``: the wordings that are served,
        None for those that came with the program."""
        prompt = told[prompt_language(self.question)] if told else None
        return build(self.question, self.shown(), prompt, self.facts)


def _passage(rank: int, shown: RecordPassage) -> Passage:
    return Passage(
        rank=rank,
        chunk_id=rank,
        document_id=0,
        document=shown.document or "document",
        title="",
        page_start=shown.page,
        page_end=shown.page_end or shown.page,
        section_path=shown.section,
        table_header=shown.header,
        text=shown.text,
        char_start=0,
        char_end=len(shown.text),
        boxes=(),
        language=detect_language(shown.text),
        page_kind="physical",
        score=0.0,
    )


def shown_passages(passages: Sequence[Passage]) -> tuple[RecordPassage, ...]:
    """Passages of an answer as a record keeps them: all that the prompt says of them."""
    return tuple(
        RecordPassage(
            text=p.text,
            document=p.document,
            page=p.page_start,
            page_end=p.page_end,
            section=p.section_path,
            header=p.table_header,
        )
        for p in passages
    )


def read_records(path: Path) -> Iterator[Record]:
    """Every record of ``path``, in order. Raises TuneError naming the line that is wrong. Other formats, and
    files of which the good lines shall be kept: see ``finetune.formats``."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or error
        raise TuneError("tune.config", path=path, problem=problem) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Record.model_validate_json(line)
        except ValidationError as error:
            raise TuneError("tune.data", path=path, line=number, problem=first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}"


def dump_records(records: Iterable[Record]) -> bytes:
    """JSON lines, one a record; equal records give equal bytes."""
    return b"".join(
        json.dumps(r.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        for r in records
    )
