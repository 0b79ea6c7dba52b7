"""Golden questions and evaluation runs. The caller has authorised.

Promises: saving a question again replaces it (its key names it) but never un-reviews it; a result that is
there stays as it was answered, whoever writes it again, so two processes may work at one run; what is kept
as JSON comes back equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from rag.errors import AccessDenied
from rag.records import Dataset, EvalResult, EvalRun, GoldenQuestion, GoldenState, RunStatus
from rag.store import codec
from rag.store.base import Room
from rag.store.schema import datasets, eval_results, eval_runs, golden_questions

_BATCH = 500


class EvaluationRecords(Room):
    """Mixed into Store."""

    # ---------------------------------------------------------------- datasets

    def datasets(self) -> list[Dataset]:
        """By name."""
        with self._db.read() as connection:
            return _datasets(connection)

    def dataset(self, dataset_id: int) -> Dataset:
        """Raises AccessDenied when it is not there."""
        with self._db.read() as connection:
            return _dataset(connection, dataset_id)

    def ensure_dataset(self, name: str, source: str = "", created_by: str = "") -> Dataset:
        """The dataset called ``name``, made when there is none."""
        name = codec.clean(name)
        with self._db.write() as connection:
            known = connection.execute(sa.select(datasets.c.id).where(datasets.c.name == name)).scalar()
            if known is None:
                known = connection.execute(
                    sa.insert(datasets)
                    .values(name=name, source=codec.clean(source), created_by=created_by, created_at=_now())
                    .returning(datasets.c.id)
                ).scalar_one()
            return _dataset(connection, known)

    def delete_dataset(self, dataset_id: int) -> None:
        """With its questions; runs over it stay. Raises AccessDenied when it is not there."""
        with self._db.write() as connection:
            _dataset(connection, dataset_id)
            connection.execute(sa.delete(datasets).where(datasets.c.id == dataset_id))

    def golden_questions(
        self, dataset_id: int, states: Collection[GoldenState] | None = None
    ) -> list[GoldenQuestion]:
        """In the order they were added. Raises AccessDenied when the dataset is not there."""
        query = sa.select(golden_questions).where(golden_questions.c.dataset_id == dataset_id)
        if states is not None:
            query = query.where(golden_questions.c.state.in_(sorted(states)))
        with self._db.read() as connection:
            _dataset(connection, dataset_id)
            return [_golden(row) for row in connection.execute(query.order_by(golden_questions.c.id))]

    def golden_question(self, question_id: int) -> GoldenQuestion:
        """Raises AccessDenied when it is not there."""
        with self._db.read() as connection:
            return _golden(_question_row(connection, question_id))

    def save_golden_questions(
        self,
        dataset_id: int,
        questions: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        state: GoldenState = "accepted",
        origin: str = "",
        collections_of: Callable[[Mapping[str, Any]], Collection[int]] = lambda question: (),
    ) -> int:
        """Adds (key, question) pairs, each with the collections of the documents that it names; a key that is
        there takes the new question and keeps its state. Returns how many are new. All or nothing. Raises
        AccessDenied when the dataset is not there."""
        now = _now()
        with self._db.write() as connection:
            _dataset(connection, dataset_id)
            known = set(
                connection.execute(
                    sa.select(golden_questions.c.key).where(golden_questions.c.dataset_id == dataset_id)
                ).scalars()
            )
            fresh: dict[str, dict[str, Any]] = {}
            for given, question in questions:
                key = codec.clean(given)
                collections = codec.dump(sorted(collections_of(question)))
                if key in known:
                    connection.execute(
                        sa.update(golden_questions)
                        .where(golden_questions.c.dataset_id == dataset_id, golden_questions.c.key == key)
                        .values(question=codec.dump(dict(question)), collections=collections)
                    )
                    continue
                fresh[key] = {
                    "dataset_id": dataset_id,
                    "key": key,
                    "question": codec.dump(dict(question)),
                    "state": state,
                    "origin": origin,
                    "created_at": now,
                    "collections": collections,
                }
            rows = list(fresh.values())
            for start in range(0, len(rows), _BATCH):
                connection.execute(sa.insert(golden_questions), rows[start : start + _BATCH])
            return len(rows)

    def review_golden_question(
        self,
        question_id: int,
        state: GoldenState,
        reviewed_by: str,
        question: Mapping[str, Any] | None = None,
        collection_ids: Collection[int] = (),
    ) -> GoldenQuestion:
        """A person's decision, with the wording they settled on (and the collections of the documents that it
        names). Raises AccessDenied when it is not there."""
        values: dict[str, Any] = {"state": state, "reviewed_by": reviewed_by}
        if question is not None:
            values["question"] = codec.dump(dict(question))
            values["collections"] = codec.dump(sorted(collection_ids))
        with self._db.write() as connection:
            connection.execute(
                sa.update(golden_questions).where(golden_questions.c.id == question_id).values(**values)
            )
            return _golden(_question_row(connection, question_id))

    def delete_golden_question(self, question_id: int) -> None:
        """Raises AccessDenied when it is not there."""
        with self._db.write() as connection:
            _question_row(connection, question_id)
            connection.execute(sa.delete(golden_questions).where(golden_questions.c.id == question_id))

    # ---------------------------------------------------------------- runs

    def create_run(
        self,
        *,
        name: str,
        dataset: str,
        dataset_sha256: str,
        systems: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        total: int,
        created_by: str = "",
        collection_ids: Collection[int] = (),
    ) -> EvalRun:
        """A run in the state "running". ``collection_ids``: what can be searched for it. ``total``: how many
        (system, question) pairs it will ask."""
        with self._db.write() as connection:
            made = connection.execute(
                sa.insert(eval_runs)
                .values(
                    name=codec.clean(name),
                    dataset=codec.clean(dataset),
                    dataset_sha256=dataset_sha256,
                    systems=codec.dump([dict(system) for system in systems]),
                    settings=codec.dump(dict(settings)),
                    status="running",
                    total=total,
                    created_by=created_by,
                    created_at=_now(),
                    collections=codec.dump(sorted(collection_ids)),
                )
                .returning(eval_runs.c.id)
            ).scalar_one()
            return _run(_run_row(connection, made))

    def update_run(
        self,
        run_id: int,
        *,
        status: RunStatus,
        summary: Mapping[str, Any] | None = None,
        total: int | None = None,
    ) -> EvalRun:
        """Moves a run on; ``asked`` is counted anew. Raises AccessDenied when it is not there."""
        asked = sa.select(sa.func.count()).where(eval_results.c.run_id == run_id).scalar_subquery()
        values: dict[str, Any] = {"status": status, "asked": asked}
        values["finished_at"] = None if status == "running" else _now()
        if summary is not None:
            values["summary"] = codec.dump(dict(summary))
        if total is not None:
            values["total"] = total
        with self._db.write() as connection:
            connection.execute(sa.update(eval_runs).where(eval_runs.c.id == run_id).values(**values))
            return _run(_run_row(connection, run_id))

    def widen_run(self, run_id: int, collection_ids: Collection[int]) -> None:
        """More can be searched for the run than when it began."""
        with self._db.write() as connection:
            known = _run(_run_row(connection, run_id)).collection_ids
            connection.execute(
                sa.update(eval_runs)
                .where(eval_runs.c.id == run_id)
                .values(collections=codec.dump(sorted(known | set(collection_ids))))
            )

    def eval_runs(self, limit: int = 200) -> list[EvalRun]:
        """Newest first."""
        query = sa.select(eval_runs).order_by(eval_runs.c.id.desc()).limit(limit)
        with self._db.read() as connection:
            return [_run(row) for row in connection.execute(query)]

    def eval_run(self, run_id: int) -> EvalRun:
        """Raises AccessDenied when it is not there."""
        with self._db.read() as connection:
            return _run(_run_row(connection, run_id))

    def delete_run(self, run_id: int) -> None:
        """With its results. Raises AccessDenied when it is not there."""
        with self._db.write() as connection:
            _run_row(connection, run_id)
            connection.execute(sa.delete(eval_runs).where(eval_runs.c.id == run_id))

    # ---------------------------------------------------------------- results

    def add_result(
        self,
        run_id: int,
        system: str,
        question_key: str,
        *,
        question: Mapping[str, Any],
        answer: Mapping[str, Any],
        measures: Mapping[str, float],
    ) -> bool:
        """Keeps what a system said; False when that question of that system is there already."""
        row = {
            "run_id": run_id,
            "system": codec.clean(system),
            "question_key": codec.clean(question_key),
            "question": codec.dump(dict(question)),
            "answer": codec.dump(dict(answer)),
            "measures": codec.dump(dict(measures)),
            "created_at": _now(),
        }
        with self._db.write(shared=True) as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            statement = dialect.insert(eval_results).values(**row).on_conflict_do_nothing()
            return connection.execute(statement).rowcount == 1

    def result_keys(self, run_id: int) -> set[tuple[str, str]]:
        """The (system, question key) pairs that are there."""
        query = sa.select(eval_results.c.system, eval_results.c.question_key).where(
            eval_results.c.run_id == run_id
        )
        with self._db.read() as connection:
            return {(row.system, row.question_key) for row in connection.execute(query)}

    def results(
        self, run_id: int, *, system: str | None = None, question_key: str | None = None
    ) -> Iterator[EvalResult]:
        """In the order they were answered, read in batches: ten thousand are never all in memory here."""
        last = 0
        while True:
            query = sa.select(eval_results).where(eval_results.c.run_id == run_id, eval_results.c.id > last)
            if system is not None:
                query = query.where(eval_results.c.system == system)
            if question_key is not None:
                query = query.where(eval_results.c.question_key == question_key)
            with self._db.read() as connection:
                rows = connection.execute(query.order_by(eval_results.c.id).limit(_BATCH)).all()
            yield from (_result(row) for row in rows)
            if len(rows) < _BATCH:
                return
            last = rows[-1].id

    def result(self, result_id: int) -> EvalResult:
        """Raises AccessDenied when it is not there."""
        with self._db.read() as connection:
            row = connection.execute(
                sa.select(eval_results).where(eval_results.c.id == result_id)
            ).one_or_none()
        if row is None:
            raise AccessDenied("store.not_found")
        return _result(row)

    def delete_results(self, run_id: int, pairs: Collection[tuple[str, str]]) -> None:
        """Takes (system, question key) pairs back, so that they are asked again."""
        with self._db.write() as connection:
            for system, key in pairs:
                connection.execute(
                    sa.delete(eval_results).where(
                        eval_results.c.run_id == run_id,
                        eval_results.c.system == system,
                        eval_results.c.question_key == key,
                    )
                )

    def set_error_classes(self, classes: Mapping[int, str]) -> None:
        """The error class of each result id."""
        with self._db.write() as connection:
            for result_id, error_class in classes.items():
                connection.execute(
                    sa.update(eval_results)
                    .where(eval_results.c.id == result_id)
                    .values(error_class=error_class[:32])
                )

    def set_measures(self, measures: Mapping[int, Mapping[str, float]]) -> None:
        """Measures computed anew, by result id."""
        with self._db.write() as connection:
            for result_id, found in measures.items():
                connection.execute(
                    sa.update(eval_results)
                    .where(eval_results.c.id == result_id)
                    .values(measures=codec.dump(dict(found)))
                )


def _now() -> datetime:
    return datetime.now(UTC)


def _datasets(connection: Connection, dataset_id: int | None = None) -> list[Dataset]:
    counts = sa.select(
        golden_questions.c.dataset_id, golden_questions.c.state, sa.func.count().label("n")
    ).group_by(golden_questions.c.dataset_id, golden_questions.c.state)
    query = sa.select(datasets).order_by(datasets.c.name)
    if dataset_id is not None:
        query = query.where(datasets.c.id == dataset_id)
        counts = counts.where(golden_questions.c.dataset_id == dataset_id)
    number = {(row.dataset_id, row.state): int(row.n) for row in connection.execute(counts)}
    return [
        Dataset(
            row.id,
            row.name,
            row.source,
            row.created_by,
            row.created_at,
            accepted=number.get((row.id, "accepted"), 0),
            drafts=number.get((row.id, "draft"), 0),
            rejected=number.get((row.id, "rejected"), 0),
        )
        for row in connection.execute(query)
    ]


def _dataset(connection: Connection, dataset_id: int) -> Dataset:
    found = _datasets(connection, dataset_id)
    if not found:
        raise AccessDenied("store.not_found")
    return found[0]


def _question_row(connection: Connection, question_id: int) -> Any:
    row = connection.execute(
        sa.select(golden_questions).where(golden_questions.c.id == question_id)
    ).one_or_none()
    if row is None:
        raise AccessDenied("store.not_found")
    return row


def _run_row(connection: Connection, run_id: int) -> Any:
    row = connection.execute(sa.select(eval_runs).where(eval_runs.c.id == run_id)).one_or_none()
    if row is None:
        raise AccessDenied("store.not_found")
    return row


def _golden(row: Any) -> GoldenQuestion:
    return GoldenQuestion(
        id=row.id,
        dataset_id=row.dataset_id,
        key=row.key,
        question=json.loads(row.question),
        state=row.state,
        origin=row.origin,
        reviewed_by=row.reviewed_by,
        created_at=row.created_at,
        collection_ids=frozenset(json.loads(row.collections)),
    )


def _run(row: Any) -> EvalRun:
    return EvalRun(
        id=row.id,
        name=row.name,
        dataset=row.dataset,
        dataset_sha256=row.dataset_sha256,
        systems=tuple(json.loads(row.systems)),
        settings=json.loads(row.settings),
        status=row.status,
        asked=row.asked,
        total=row.total,
        summary=json.loads(row.summary),
        created_by=row.created_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
        collection_ids=frozenset(json.loads(row.collections)),
    )


def _result(row: Any) -> EvalResult:
    return EvalResult(
        id=row.id,
        run_id=row.run_id,
        system=row.system,
        question_key=row.question_key,
        question=json.loads(row.question),
        answer=json.loads(row.answer),
        measures=json.loads(row.measures),
        error_class=row.error_class,
        created_at=row.created_at,
    )
