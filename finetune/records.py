"""Instruction records: what the model is shown and what it should have said.

A line of the file is a JSON object: ``question``, ``passages`` (texts, or objects with text, document, page)
and ``answer`` with citations as ``[n]``. Training uses the very prompt that serving uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.config import TuneError
from rag.answer.prompts import build
from rag.models.protocols import ChatMessage
from rag.records import Passage
from rag.text.language import detect_language


class RecordPassage(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    text: str = Field(min_length=1)
    document: str = "document"
    page: int = Field(default=1, ge=1)


class Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    question: str = Field(min_length=1)
    passages: tuple[RecordPassage | str, ...] = ()
    answer: str = Field(min_length=1)

    def messages(self) -> list[ChatMessage]:
        """The prompt, as at serving time; the answer is not in it."""
        shown = (RecordPassage(text=p) if isinstance(p, str) else p for p in self.passages)
        return build(self.question, [_passage(rank, p) for rank, p in enumerate(shown, 1)])


def _passage(rank: int, shown: RecordPassage) -> Passage:
    return Passage(
        rank=rank,
        chunk_id=rank,
        document_id=0,
        document=shown.document,
        title="",
        page_start=shown.page,
        page_end=shown.page,
        section_path=(),
        table_header="",
        text=shown.text,
        char_start=0,
        char_end=len(shown.text),
        boxes=(),
        language=detect_language(shown.text),
        page_kind="physical",
        score=0.0,
    )


def read_records(path: Path) -> Iterator[Record]:
    """Every record of ``path``, in order. Raises TuneError naming the line that is wrong."""
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
            first = error.errors()[0]
            problem = f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}"
            raise TuneError("tune.data", path=path, line=number, problem=problem) from error
