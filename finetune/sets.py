"""Training sets of a library: made from what is there, looked at, approved.

Promises: only people of the roles "evaluator" and "admin"; what a set was made of is what they may read;
the store knows every version, with its card.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from finetune.collect import from_golden, from_turns
from finetune.config import TuneError
from finetune.formats import BadLine, read_any
from finetune.records import Record
from finetune.served import served_prompts
from finetune.train_set import approve_folder, make_train_set, open_train_set
from rag.access import LOCAL, require_right
from rag.engine import Engine
from rag.records import Principal
from rag.store.tuning import TrainSet

TURNS, GOLDEN = "turns", "golden"
SOURCES = (TURNS, GOLDEN)


class TrainSets:
    """For the roles "evaluator" and "admin" (AccessDenied for others)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def root(self) -> Path:
        return (self._engine.settings.data_dir / "train_sets").absolute()

    def make(
        self,
        name: str,
        sources: Sequence[str],
        principal: Principal = LOCAL,
        *,
        held_out: float = 0.2,
        keep_unreviewed: bool = False,
    ) -> TrainSet:
        """A new version from ``sources``: "turns" (liked and corrected answers), "golden" (accepted questions
        of every dataset), "golden:DATASET", or files of instruction data. Raises TuneError."""
        require_right(principal, "evaluate")
        records: list[Record] = []
        bad: list[BadLine] = []
        for source in sources or SOURCES:
            kind, _, dataset = source.partition(":")
            if kind == TURNS and not dataset:
                records += from_turns(self._engine, principal)
            elif kind == GOLDEN:
                records += self._golden(dataset, principal)
            else:
                read, wrong = read_any(Path(source).expanduser())
                records += read
                bad += wrong
        return self.add(
            name, records, principal, bad_lines=bad, held_out=held_out, keep_unreviewed=keep_unreviewed
        )

    def add(
        self,
        name: str,
        records: Sequence[Record],
        principal: Principal = LOCAL,
        *,
        bad_lines: Sequence[BadLine] = (),
        held_out: float = 0.2,
        keep_unreviewed: bool = False,
    ) -> TrainSet:
        """A new version of ``records``, cleaned and split. Raises TuneError."""
        require_right(principal, "evaluate")
        written = make_train_set(
            name,
            records,
            self.root,
            bad_lines=bad_lines,
            held_out=held_out,
            keep_unreviewed=keep_unreviewed,
            told=served_prompts(self._engine.store, self._engine.settings),
        )
        card = written.card
        return self._engine.store.add_train_set(
            name, str(written.folder), card.sha256, card.model_dump(mode="json"), principal.user_id
        )

    def _golden(self, dataset: str, principal: Principal) -> list[Record]:
        datasets = self._engine.datasets(principal)
        chosen = [d for d in datasets if dataset in ("", d.name)]
        if dataset and not chosen:
            raise TuneError("tune.no_such", what=f"golden:{dataset}")
        questions = [
            golden
            for one in chosen
            for golden in self._engine.golden_questions(one.id, principal, states=["accepted"])
        ]
        return list(from_golden(self._engine, questions, principal))

    def all(self, principal: Principal = LOCAL) -> list[TrainSet]:
        """Newest first."""
        require_right(principal, "evaluate")
        return self._engine.store.train_sets()

    def get(self, named: str, principal: Principal = LOCAL) -> TrainSet:
        """By number, else the newest of that name. Raises TuneError("tune.no_such")."""
        for one in self.all(principal):
            if named in (str(one.id), one.name):
                return one
        raise TuneError("tune.no_such", what=named)

    def approve(self, named: str, principal: Principal = LOCAL) -> TrainSet:
        """Says that a person has looked at it: it may be trained on. Raises TuneError when its files are not
        what they were when it was made."""
        found = self.get(named, principal)
        card = open_train_set(Path(found.path))[2]
        approved = self._engine.store.approve_train_set(found.id, principal.user_id)
        approve_folder(Path(found.path), card, principal.user_id)
        return approved
