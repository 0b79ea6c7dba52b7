"""A version of training data: made once, never changed, described by its card.

Promises: a folder named by the data's hash with ``train.jsonl``, ``heldout.jsonl``, ``removed.jsonl`` (every
record that was left out, with its reason) and ``card.json``; written beside and renamed, so that it is whole
or not there; what is read back is checked against the hashes of the card.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from finetune.clean import Cleaned, clean
from finetune.config import TuneError
from finetune.formats import BadLine
from finetune.records import Record, Told, dump_records, read_records
from finetune.split import SplitBy, split
from rag.answer.prompts import LANGUAGES, Prompt, built_in, training_version
from rag.answer.wording import CONCISE
from rag.text.language import detect_language
from rag.vocabulary import mentions

TRAIN, HELD_OUT, REMOVED, CARD = "train.jsonl", "heldout.jsonl", "removed.jsonl", "card.json"
APPROVED = "approved.json"  # who said yes to it, and when
LEAST_RECORDS = 4
THIN = 0.05  # a kind or language below this share of the records is named as thin
_TOPICS = 40


class Coverage(BaseModel):
    """What the records are about, in counts. ``thin``: what is there, but hardly."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kinds: dict[str, int]
    languages: dict[str, int]
    documents: dict[str, int]
    topics: dict[str, int]  # items of the vocabulary that questions name
    refusals: int
    thin: list[str]


class SetCard(BaseModel):
    """Kept beside the data as card.json and in the store."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    created_at: datetime
    sources: dict[str, int]  # records that came in, by the kind of their origin
    bad_lines: list[str]
    removed: dict[str, int]
    masked: dict[str, int]
    train: int
    heldout: int
    split_by: SplitBy
    contributors: int
    coverage: Coverage
    prompt_version: str
    prompts: dict[str, str]  # the wordings it is trained with: "use", and the text by language
    train_sha256: str
    heldout_sha256: str
    removed_sha256: str

    @property
    def sha256(self) -> str:
        """One name for the data: of both parts and the wording of the prompt."""
        words = f"{self.train_sha256} {self.heldout_sha256} {self.prompt_version}"
        return hashlib.sha256(words.encode()).hexdigest()

    def told(self) -> Told:
        return {code: Prompt(self.prompts["use"], code, self.prompts[code]) for code in LANGUAGES}


@dataclass(frozen=True, slots=True)
class Written:
    folder: Path
    card: SetCard


def make_train_set(
    name: str,
    records: Sequence[Record],
    root: Path,
    *,
    bad_lines: Sequence[BadLine] = (),
    held_out: float = 0.2,
    keep_unreviewed: bool = False,
    told: Told | None = None,
) -> Written:
    """Cleans, splits and writes ``records`` under ``root``. ``told``: the wordings that are served (None:
    those that came with the program). The same records make the same hashes. Raises
    TuneError("tune.too_few") when fewer than ``LEAST_RECORDS`` are left, saying what took the others."""
    cleaned = clean(records, keep_unreviewed=keep_unreviewed)
    if len(cleaned.kept) < LEAST_RECORDS:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(cleaned.reasons.items()))
        raise TuneError(
            "tune.too_few",
            kept=len(cleaned.kept),
            least=LEAST_RECORDS,
            read=len(records),
            reasons=reasons or "-",
        )
    parts = split(cleaned.kept, held_out)
    told = told or {code: built_in(CONCISE, code) for code in LANGUAGES}
    train, heldout = dump_records(parts.train), dump_records(parts.heldout)
    removed = _dump_removed(cleaned)
    card = SetCard(
        name=name,
        created_at=datetime.now(UTC),
        sources=dict(Counter(r.origin.partition(":")[0] or "unknown" for r in records)),
        bad_lines=[f"{b.line}: {b.problem}" for b in bad_lines],
        removed=dict(cleaned.reasons),
        masked=dict(cleaned.masked),
        train=len(parts.train),
        heldout=len(parts.heldout),
        split_by=parts.by,
        contributors=len({r.contributor for r in cleaned.kept if r.contributor}),
        coverage=cover(cleaned.kept),
        prompt_version=training_version(told),
        prompts={"use": told[LANGUAGES[0]].use, **{code: told[code].text for code in LANGUAGES}},
        train_sha256=hashlib.sha256(train).hexdigest(),
        heldout_sha256=hashlib.sha256(heldout).hexdigest(),
        removed_sha256=hashlib.sha256(removed).hexdigest(),
    )
    words = json.dumps(card.model_dump(mode="json"), ensure_ascii=False, indent=2).encode() + b"\n"
    folder = root / card.sha256[:16]
    _write(folder, {TRAIN: train, HELD_OUT: heldout, REMOVED: removed, CARD: words})
    return Written(folder, card)


def open_train_set(folder: Path) -> tuple[list[Record], list[Record], SetCard]:
    """(train, held out, card). Raises TuneError when something is missing or not what the card says."""
    try:
        card = SetCard.model_validate_json((folder / CARD).read_bytes())
        parts = {name: (folder / name).read_bytes() for name in (TRAIN, HELD_OUT)}
    except (OSError, ValueError) as error:
        raise TuneError("tune.config", path=folder, problem=" ".join(str(error).split())[:300]) from error
    try:
        genuine = training_version(card.told()) == card.prompt_version
    except KeyError:
        genuine = False
    if not genuine:
        raise TuneError("tune.changed", path=folder / CARD)
    for name, expected in ((TRAIN, card.train_sha256), (HELD_OUT, card.heldout_sha256)):
        if hashlib.sha256(parts[name]).hexdigest() != expected:
            raise TuneError("tune.changed", path=folder / name)
    return list(read_records(folder / TRAIN)), list(read_records(folder / HELD_OUT)), card


def removed_records(folder: Path) -> list[tuple[str, Record]]:
    """(reason, record) of everything that was left out. Raises TuneError when the file is not what the card
    says."""
    try:
        content = (folder / REMOVED).read_bytes()
        card = SetCard.model_validate_json((folder / CARD).read_bytes())
        rows = [json.loads(line) for line in content.splitlines()]
        found = [(str(row["reason"]), Record.model_validate(row)) for row in rows]
    except (OSError, ValueError, KeyError) as error:
        raise TuneError("tune.config", path=folder, problem=" ".join(str(error).split())[:300]) from error
    if hashlib.sha256(content).hexdigest() != card.removed_sha256:
        raise TuneError("tune.changed", path=folder / REMOVED)
    return found


def approve_folder(folder: Path, card: SetCard, user_id: str) -> None:
    """Writes beside the data who approved it: training needs it, wherever the folder is copied to."""
    words = {"sha256": card.sha256, "by": user_id, "at": datetime.now(UTC).isoformat()}
    (folder / APPROVED).write_text(json.dumps(words) + "\n", encoding="utf-8")


def approved_by(folder: Path, card: SetCard) -> str:
    """Who approved this very data; "" when nobody did."""
    try:
        words = json.loads((folder / APPROVED).read_text(encoding="utf-8"))
        return str(words["by"]) if words["sha256"] == card.sha256 else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def cover(records: Sequence[Record]) -> Coverage:
    kinds = Counter(r.kind for r in records)
    languages = Counter(detect_language(r.question) for r in records)
    documents = Counter(name for r in records for name in r.documents)
    topics = Counter(m.name.text for r in records for m in mentions(r.question))
    floor = THIN * len(records)
    counted: Sequence[tuple[str, Mapping[Any, int]]] = (("kind", kinds), ("language", languages))
    thin = [f"{what} {key}" for what, found in counted for key, n in sorted(found.items()) if n < floor]
    refusals = sum(r.refusal for r in records)
    if refusals < floor:
        thin.append("refusals")
    return Coverage(
        kinds=dict(kinds),
        languages={str(key): n for key, n in languages.items()},
        documents=dict(documents.most_common(_TOPICS)),
        topics=dict(topics.most_common(_TOPICS)),
        refusals=refusals,
        thin=thin,
    )


def _dump_removed(cleaned: Cleaned) -> bytes:
    return b"".join(
        json.dumps(
            {"reason": r.reason, "other": r.other, **r.record.model_dump(mode="json")}, ensure_ascii=False
        ).encode()
        + b"\n"
        for r in cleaned.removed
    )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Whole or not at all; the same data again leaves what is there."""
    if (folder / CARD).is_file():
        return
    beside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.part")
    beside.mkdir(parents=True)
    for name, content in files.items():
        (beside / name).write_bytes(content)
    try:
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if not (folder / CARD).is_file():  # else somebody else wrote the same
            raise TuneError("tune.config", path=folder, problem=error.strerror or error) from error
