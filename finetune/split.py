"""Training records apart from held-out ones, so that nothing leaks.

Promises: records that share a document or a conversation, directly or through others, stay on one side; the
same records are split the same way whatever their order. Where everything hangs together (one document only)
questions are split instead, equal ones together, and the outcome says so.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from finetune.records import Record
from rag.text.normalise import normalise

SplitBy = Literal["document", "question"]
_LARGEST = 0.6  # share of all records above which one group cannot be held out or trained on alone


@dataclass(frozen=True, slots=True)
class Split:
    """``by``: "question" when the records could not be split by document."""

    train: tuple[Record, ...]
    heldout: tuple[Record, ...]
    by: SplitBy


def split(records: Sequence[Record], held_out: float = 0.2) -> Split:
    """About ``held_out`` (0..1) of the records are held out, at least one of two or more. Order is kept."""
    groups = _groups(records, _ties)
    by: SplitBy = "document"
    if len(groups) < 2 or max(map(len, groups)) > _LARGEST * len(records):
        groups, by = _groups(records, lambda r: [("question", normalise(r.question).lower())]), "question"
    groups.sort(key=lambda rows: _rank(min(records[row].id for row in rows)))
    wanted = held_out * len(records)
    out: set[int] = set()
    for rows in groups[:-1]:  # never everything
        if not out or len(out) + len(rows) / 2 <= wanted:
            out.update(rows)
    return Split(
        train=tuple(r for row, r in enumerate(records) if row not in out),
        heldout=tuple(r for row, r in enumerate(records) if row in out),
        by=by,
    )


def _ties(record: Record) -> Iterable[Hashable]:
    """What a record must not be parted from."""
    yield from (("document", name) for name in record.documents)
    if record.conversation:
        yield ("conversation", record.conversation)
    # Passages of unnamed documents: the same text is the same source.
    yield from (("text", p.text) for p in record.passages if not p.document and len(p.text) > 80)


def _groups(records: Sequence[Record], ties: Callable[[Record], Iterable[Hashable]]) -> list[list[int]]:
    """Rows that hang together (union-find)."""
    parent = list(range(len(records)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[Hashable, int] = {}
    for row, record in enumerate(records):
        for tie in ties(record):
            parent[root(row)] = root(first.setdefault(tie, row))
    found: dict[int, list[int]] = defaultdict(list)
    for row in range(len(records)):
        found[root(row)].append(row)
    return list(found.values())


def _rank(record_id: str) -> str:
    """An order that no property of the records explains, and that stays."""
    return hashlib.sha256(f"held out {record_id}".encode()).hexdigest()
