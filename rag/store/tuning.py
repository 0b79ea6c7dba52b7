"""Training sets, tuning jobs and adapters, as the store keeps them. Files lie where the rows say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import StoreError
from rag.store import codec
from rag.store.audit import append_action
from rag.store.base import Room
from rag.store.schema import adapters, train_sets, tune_jobs

SetState = Literal["draft", "approved"]
JobStatus = Literal["queued", "running", "done", "stopped", "failed"]
AdapterState = Literal["trained", "candidate", "refused", "live", "retired"]
OPEN_JOBS: tuple[JobStatus, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class TrainSet:
    """One version of training data. ``card``: see finetune.train_set."""

    id: int
    name: str
    path: str
    sha256: str
    card: Mapping[str, Any]
    state: SetState
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TuneJob:
    """Something that runs in a process of its own. ``progress``: step, steps, loss, ...; ``error``: code and
    params of the message that ended it, {} for none."""

    id: int
    kind: str
    config: Mapping[str, Any]
    status: JobStatus
    progress: Mapping[str, Any]
    log_path: str
    error: Mapping[str, Any]
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Adapter:
    """A trained adapter. ``share`` (0..1) of the users are answered by it while it is live; ``gate`` holds
    what the gate measured."""

    id: int
    name: str
    base_model: str
    path: str
    sha256: str
    card: Mapping[str, Any]
    gate: Mapping[str, Any]
    state: AdapterState
    share: float
    created_by: str
    created_at: datetime
    live_since: datetime | None


class Tuning(Room):
    """Mixed into Store. What changes who answers is written into the audit chain in the same transaction."""

    # -- training sets

    def add_train_set(
        self, name: str, path: str, sha256: str, card: Mapping[str, Any], created_by: str
    ) -> TrainSet:
        """A new version, a draft."""
        with self._db.write() as connection:
            key = connection.execute(
                sa.insert(train_sets)
                .values(
                    name=codec.clean(name),
                    path=path,
                    sha256=sha256,
                    card=codec.dump(dict(card)),
                    state="draft",
                    created_by=created_by,
                    created_at=_now(),
                )
                .returning(train_sets.c.id)
            ).scalar_one()
            append_action(connection, created_by, "train_set.make", str(key), {"sha256": sha256})
            return _train_set(_row(connection, train_sets, key))

    def train_sets(self) -> list[TrainSet]:
        """Newest first."""
        with self._db.read() as connection:
            rows = connection.execute(sa.select(train_sets).order_by(train_sets.c.id.desc())).all()
        return [_train_set(row) for row in rows]

    def train_set(self, set_id: int) -> TrainSet:
        """Raises StoreError("tune.no_such") when it is not there."""
        with self._db.read() as connection:
            return _train_set(_row(connection, train_sets, set_id))

    def approve_train_set(self, set_id: int, user_id: str) -> TrainSet:
        """A person has looked at it: it may be trained on."""
        with self._db.write() as connection:
            found = _row(connection, train_sets, set_id)
            connection.execute(
                sa.update(train_sets).where(train_sets.c.id == set_id).values(state="approved")
            )
            append_action(connection, user_id, "train_set.approve", str(set_id), {"sha256": found.sha256})
            return _train_set(_row(connection, train_sets, set_id))

    # -- jobs

    def add_job(self, kind: str, config: Mapping[str, Any], log_path: str, created_by: str) -> TuneJob:
        """A queued job. Raises StoreError("tune.busy") while another one is queued or runs: two trainings
        would share one machine's memory."""
        with self._db.write() as connection:
            busy = connection.execute(
                sa.select(tune_jobs.c.id).where(tune_jobs.c.status.in_(OPEN_JOBS)).limit(1)
            ).scalar()
            if busy is not None:
                raise StoreError("tune.busy", job=busy)
            key = connection.execute(
                sa.insert(tune_jobs)
                .values(
                    kind=kind,
                    config=codec.dump(dict(config)),
                    status="queued",
                    log_path=log_path,
                    created_by=created_by,
                    created_at=_now(),
                )
                .returning(tune_jobs.c.id)
            ).scalar_one()
            append_action(connection, created_by, "tune.start", str(key), {"kind": kind})
            return _job(_row(connection, tune_jobs, key))

    def jobs(self, limit: int = 50) -> list[TuneJob]:
        """Newest first."""
        with self._db.read() as connection:
            query = sa.select(tune_jobs).order_by(tune_jobs.c.id.desc()).limit(limit)
            return [_job(row) for row in connection.execute(query)]

    def job(self, job_id: int) -> TuneJob:
        """Raises StoreError("tune.no_such")."""
        with self._db.read() as connection:
            return _job(_row(connection, tune_jobs, job_id))

    def update_job(
        self,
        job_id: int,
        *,
        status: JobStatus | None = None,
        progress: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bool:
        """False, and nothing changed: the job has ended already."""
        values: dict[str, Any] = {}
        if status is not None:
            values["status"] = status
            if status not in OPEN_JOBS:
                values["finished_at"] = _now()
        if progress is not None:
            values["progress"] = codec.dump(dict(progress))
        if error is not None:
            values["error"] = codec.dump(dict(error))
        with self._db.write() as connection:
            done = connection.execute(
                sa.update(tune_jobs)
                .where(tune_jobs.c.id == job_id, tune_jobs.c.status.in_(OPEN_JOBS))
                .values(**values)
            )
            return bool(done.rowcount)

    # -- adapters

    def add_adapter(
        self, name: str, base_model: str, path: str, sha256: str, card: Mapping[str, Any], created_by: str
    ) -> Adapter:
        """Raises StoreError("tune.name_taken")."""
        with self._db.write() as connection:
            taken = connection.execute(sa.select(adapters.c.id).where(adapters.c.name == name)).scalar()
            if taken is not None:
                raise StoreError("tune.name_taken", name=name)
            key = connection.execute(
                sa.insert(adapters)
                .values(
                    name=name,
                    base_model=base_model,
                    path=path,
                    sha256=sha256,
                    card=codec.dump(dict(card)),
                    state="trained",
                    created_by=created_by,
                    created_at=_now(),
                )
                .returning(adapters.c.id)
            ).scalar_one()
            append_action(connection, created_by, "adapter.add", name, {"sha256": sha256})
            return _adapter(_row(connection, adapters, key))

    def adapters(self) -> list[Adapter]:
        """Newest first."""
        with self._db.read() as connection:
            rows = connection.execute(sa.select(adapters).order_by(adapters.c.id.desc())).all()
        return [_adapter(row) for row in rows]

    def adapter(self, name: str) -> Adapter:
        """Raises StoreError("tune.no_such")."""
        with self._db.read() as connection:
            row = connection.execute(sa.select(adapters).where(adapters.c.name == name)).one_or_none()
        if row is None:
            raise StoreError("tune.no_such", what=name)
        return _adapter(row)

    def set_gate(self, name: str, gate: Mapping[str, Any], passed: bool, user_id: str) -> Adapter:
        """What the gate measured. A live adapter stays live; any other becomes a candidate or refused."""
        adapter = self.adapter(name)
        state = adapter.state if adapter.state == "live" else "candidate" if passed else "refused"
        with self._db.write() as connection:
            connection.execute(
                sa.update(adapters)
                .where(adapters.c.id == adapter.id)
                .values(gate=codec.dump(dict(gate)), state=state)
            )
            append_action(connection, user_id, "adapter.gate", name, {"passed": passed})
            return _adapter(_row(connection, adapters, adapter.id))

    def live_adapters(self) -> list[Adapter]:
        """Those that answer somebody, the one that went live last first."""
        query = (
            sa.select(adapters)
            .where(adapters.c.state == "live", adapters.c.share > 0)
            .order_by(adapters.c.live_since.desc(), adapters.c.id.desc())
        )
        with self._db.read() as connection:
            return [_adapter(row) for row in connection.execute(query)]

    def set_live(
        self, name: str | None, share: float, user_id: str, action: str, *, undone: bool = False
    ) -> None:
        """``name`` answers ``share`` (0..1) of the users. With 1.0 (or None: the base model) every other
        adapter retires; with less, what was live before answers the rest. ``undone``: those that retire count
        as never having been live, so that going back twice goes further back. One transaction."""
        with self._db.write() as connection:
            before = connection.execute(
                sa.select(adapters.c.id, adapters.c.name, adapters.c.share).where(adapters.c.state == "live")
            ).all()
            if name is None or share >= 1.0:
                retired = {"state": "retired", "share": 0.0} | ({"live_since": None} if undone else {})
                others = (adapters.c.state == "live") & (adapters.c.name != (name or ""))
                connection.execute(sa.update(adapters).where(others).values(**retired))
            if name is not None:
                done = connection.execute(
                    sa.update(adapters)
                    .where(adapters.c.name == name)
                    .values(state="live", share=share, live_since=_now())
                )
                if not done.rowcount:
                    raise StoreError("tune.no_such", what=name)
            append_action(
                connection,
                user_id,
                action,
                name or "",
                {"share": share, "before": [[row.name, row.share] for row in before]},
            )


def _now() -> datetime:
    return datetime.now(UTC)


def _row(connection: Connection, table: sa.Table, key: int) -> Any:
    row = connection.execute(sa.select(table).where(table.c.id == key)).one_or_none()
    if row is None:
        raise StoreError("tune.no_such", what=f"{table.name} {key}")
    return row


def _train_set(row: Any) -> TrainSet:
    return TrainSet(
        row.id, row.name, row.path, row.sha256, json.loads(row.card), row.state, row.created_by,
        row.created_at,
    )  # fmt: skip


def _job(row: Any) -> TuneJob:
    return TuneJob(
        row.id, row.kind, json.loads(row.config), row.status, json.loads(row.progress), row.log_path,
        json.loads(row.error), row.created_by, row.created_at, row.finished_at,
    )  # fmt: skip


def _adapter(row: Any) -> Adapter:
    return Adapter(
        row.id, row.name, row.base_model, row.path, row.sha256, json.loads(row.card), json.loads(row.gate),
        row.state, row.share, row.created_by, row.created_at, row.live_since,
    )  # fmt: skip
