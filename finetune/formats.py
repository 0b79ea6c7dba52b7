"""Instruction data in the formats people have: ours, Alpaca, ShareGPT, OpenAI messages.

Promises: each line is read by itself, a bad one is named and the rest kept; a refusal in any common wording
becomes the one refusal sentence; numbered passages in a prompt ("[1] ...") become passages. What is no
question and answer over passages is kept as it is, and the cleaning says why it cannot be used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from finetune.config import TuneError
from finetune.records import Record, RecordPassage, first_problem
from rag.answer.prompts import prompt_language, refusal_text

_NUMBERED = re.compile(r"^\s*\[(\d{1,2})\]\s*", re.MULTILINE)
_QUESTION = re.compile(r"^\s*(?:Question|问题|Q)\s*[:：]\s*(.+)\Z", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_REFUSES = re.compile(
    r"^\W*(?:not found in the (?:documents?|passages?)"
    r"|the (?:documents?|passages?|context)s? (?:do(?:es)? not|don't) (?:contain|provide|hold)"
    r"|no (?:answer|evidence|relevant information) (?:was |is )?(?:found|available)"
    r"|(?:文档|资料|材料|段落|上下文)(?:中|里)?(?:没有|未)(?:找到|提供|包含|提及)"
    r"|未找到(?:相关|答案)|无法(?:根据|从).{0,12}回答)",
    re.IGNORECASE,
)
_USER = ("human", "user")
_ASSISTANT = ("gpt", "assistant", "bot", "chatgpt")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read: 1-based number and what is wrong."""

    line: int
    problem: str


def read_any(path: Path) -> tuple[list[Record], list[BadLine]]:
    """The records of a JSON-lines file (or a file of one JSON list) and the lines that are none. Raises
    TuneError when the file cannot be read at all."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or error
        raise TuneError("tune.config", path=path, problem=problem) from error
    records: list[Record] = []
    bad: list[BadLine] = []
    for number, line in _rows(text):
        try:
            loaded = json.loads(line) if isinstance(line, str) else line
            if not isinstance(loaded, Mapping):
                raise ValueError("expected an object with keys and values")
            record = _record(loaded)
            records.append(record.model_copy(update={"origin": f"file:{path.name}:{number}"}))
        except ValidationError as error:
            bad.append(BadLine(number, first_problem(error)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            bad.append(BadLine(number, " ".join(str(error).split())[:200] or type(error).__name__))
    return records, bad


def _rows(text: str) -> list[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        try:
            whole = json.loads(text)
        except ValueError:
            whole = None
        if isinstance(whole, list):
            return list(enumerate(whole, 1))
    return [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]


def _record(row: Mapping[str, Any]) -> Record:
    if "question" in row and "answer" in row:
        return _settled(Record.model_validate(row))
    kind = str(row.get("kind") or "answer")
    if "instruction" in row and "output" in row:
        prompt = "\n".join(str(row[k]) for k in ("instruction", "input") if row.get(k))
        return _from_prompt(prompt, str(row["output"]), kind)
    turns = row.get("messages") or row.get("conversations")
    if isinstance(turns, list):
        return _from_turns(turns, kind)
    raise ValueError(
        "none of the known forms: question and answer, instruction and output, messages, conversations"
    )


def _from_turns(turns: list[Any], kind: str) -> Record:
    """The last question and its answer; what was said before stands in front of the question."""
    said = [
        (str(t.get("role") or t.get("from")), str(t.get("content") or t.get("value") or "")) for t in turns
    ]
    if not said or said[-1][0] not in _ASSISTANT:
        raise ValueError("the last message is not the assistant's")
    asked = [text for role, text in said[:-1] if role in _USER]
    if not asked:
        raise ValueError("no message of the user")
    return _from_prompt(asked[-1], said[-1][1], kind)


def _from_prompt(prompt: str, answer: str, kind: str) -> Record:
    """Numbered passages and the question after them; without either, the whole prompt is the question."""
    question = prompt.strip()
    passages: list[RecordPassage] = []
    found = _QUESTION.search(prompt)
    marks = list(_NUMBERED.finditer(prompt))
    if found and marks and [int(m.group(1)) for m in marks] == list(range(1, len(marks) + 1)):
        question = found.group(1).strip()
        ends = [m.start() for m in marks[1:]] + [found.start()]
        for mark, end in zip(marks, ends, strict=True):
            text = prompt[mark.end() : end].strip()
            passages.append(RecordPassage(text=text or "-"))
    return _settled(Record(question=question, passages=tuple(passages), answer=answer.strip(), kind=kind))


def _settled(record: Record) -> Record:
    if _REFUSES.search(record.answer) and not record.refusal:
        answer = refusal_text(prompt_language(record.question))
        return record.model_copy(update={"answer": answer, "kind": "refusal"})
    return record
