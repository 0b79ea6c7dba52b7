"""A pack: a folder with ``questions.jsonl`` and, where the documents come along, a ``corpus/``.

The corpus is files (PDF, Word, text) or ``passages.jsonl`` with ``id``, ``title`` and ``text``; in a library
each passage is a small text file of its own. A library keeps equal bytes once, so of passages with equal
words the first stands for all: questions are told its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluation.datasets import (
    BadLine,
    DatasetError,
    Question,
    Questions,
    bad_line,
    not_json,
    passage_file,
    read_lines,
)

PASSAGES = "passages.jsonl"


class PackPassage(BaseModel):
    """A line of passages.jsonl."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)
    id: str = Field(min_length=1)
    text: str
    title: str = ""

    @property
    def words(self) -> str:
        """What its file holds."""
        return f"{self.title}\n\n{self.text}" if self.title.strip() else self.text


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A document of the corpus, under the name that evidence points to: a file, or a passage's bytes."""

    name: str
    path: Path | None = None
    data: bytes = b""


def is_pack(path: Path) -> bool:
    return path.is_dir() and (path / "questions.jsonl").is_file()


def read_pack(folder: Path) -> Questions:
    """The questions of a pack, good and bad; gold passages and contexts by the name their words are kept
    under. Raises DatasetError when questions.jsonl cannot be read."""
    good: list[Question] = []
    bad: list[BadLine] = []
    for line in read_lines(folder / "questions.jsonl"):
        if isinstance(line, BadLine):
            bad.append(line)
        else:
            good.append(line)
    path = folder / "corpus" / PASSAGES
    passages = chain(read_passages(path) if path.is_file() else (), contexts_of(good))
    return Questions(folder.resolve().name, tuple(told_names(good, passages)), tuple(bad))


def read_passages(path: Path) -> Iterator[PackPassage | BadLine]:
    """Every line of a passages.jsonl, or what is wrong with it. Raises DatasetError when it is unreadable."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    yield PackPassage.model_validate(json.loads(line))
                except ValidationError as error:
                    yield bad_line(number, error)
                except (ValueError, RecursionError) as error:
                    yield not_json(number, error)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("eval.unreadable", path=path, problem=error) from error


def corpus(folder: Path) -> Iterator[CorpusFile | BadLine]:
    """The documents of a pack, each once: its passages, what its questions bring along, then its
    files in name order. Raises DatasetError when there is nothing of the kind."""
    place = folder / "corpus"
    asked = folder / "questions.jsonl"
    lines = read_lines(asked) if asked.is_file() else iter(())
    contexts = contexts_of(line for line in lines if isinstance(line, Question))
    first = next(contexts, None)
    if not place.is_dir() and first is None:
        raise DatasetError("eval.no_corpus", path=place)
    brought = chain([first] if first else [], contexts)
    passages = place / PASSAGES
    yield from as_files(chain(read_passages(passages) if passages.is_file() else (), brought))
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.name == PASSAGES:
            continue
        if path.is_file() and not path.name.startswith("."):
            yield CorpusFile(path.name, path=path)


def contexts_of(questions: Iterable[Question]) -> Iterator[PackPassage]:
    """The passages that the questions bring along."""
    for question in questions:
        for context in question.contexts:
            yield PackPassage(id=context.id, text=context.text)


def as_files(passages: Iterable[PackPassage | BadLine]) -> Iterator[CorpusFile | BadLine]:
    """A small file a passage; of equal words, and of equal ids, the first alone."""
    kept: set[str] = set()
    ids: set[str] = set()
    for passage in passages:
        if isinstance(passage, BadLine):
            yield passage
        elif passage.id not in ids:
            ids.add(passage.id)
            if not passage.words.strip() or passage.words in kept:
                continue
            kept.add(passage.words)
            yield CorpusFile(passage_file(passage.id), data=passage.words.encode())


def told_names(questions: Iterable[Question], passages: Iterable[PackPassage | BadLine]) -> list[Question]:
    """The questions with gold passages and contexts by the id of the first passage with the same words."""
    first: dict[str, str] = {}
    names: dict[str, str] = {}
    for passage in passages:
        if isinstance(passage, PackPassage) and passage.id not in names:
            names[passage.id] = first.setdefault(passage.words, passage.id)
    changed = {name: kept for name, kept in names.items() if name != kept}
    return [_renamed(question, changed) if changed else question for question in questions]


def _renamed(question: Question, first: dict[str, str]) -> Question:
    gold = tuple(dict.fromkeys(first.get(i, i) for i in question.gold_passages))
    contexts = tuple(
        context.model_copy(update={"id": first.get(context.id, context.id)}) for context in question.contexts
    )
    return question.model_copy(update={"gold_passages": gold, "contexts": contexts})
