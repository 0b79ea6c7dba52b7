"""Compliance rules and what they met. Who changed a rule, and how, stands in the audit chain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import RuleError
from rag.records import HitRecord, HitState, Rule, RuleHit, RuleKind
from rag.store import codec
from rag.store.audit import append_action
from rag.store.base import Room
from rag.store.schema import rule_hits, rules

Seed = tuple[str, str, RuleKind, bool]  # key, name, kind, active

_LISTED = sa.select(
    rules.c.id, rules.c.name, rules.c.kind, rules.c.definition, rules.c.active, rules.c.shipped,
    rules.c.created_by,
).where(rules.c.retired.is_(False)).order_by(rules.c.id)  # fmt: skip


class Rules(Room):
    """Mixed into Store."""

    def ensure_shipped_rules(self, shipped: Sequence[Seed]) -> None:
        """Rows for those of the program's rules that have none yet."""
        with self._db.read() as connection:
            there = set(connection.execute(sa.select(rules.c.shipped)).scalars())
        lacking = [seed for seed in shipped if seed[0] not in there]
        if not lacking:
            return
        with self._db.write() as connection:
            for key, name, kind, active in lacking:
                connection.execute(
                    self._db.insert_if_absent(rules).values(
                        name=name, kind=kind, active=active, shipped=key, created_at=datetime.now(UTC)
                    )
                )

    def rules(self) -> list[Rule]:
        """Those that are not retired, in the order they were made. An unedited shipped one has an empty
        definition."""
        return [_rule(*row) for row in self._db.rows(_LISTED)]

    def add_rule(
        self, name: str, kind: RuleKind, definition: Mapping[str, Any], active: bool, user_id: str
    ) -> Rule:
        """The caller has checked the definition."""
        with self._db.write() as connection:
            key = connection.execute(
                sa.insert(rules)
                .values(
                    name=codec.clean(name),
                    kind=kind,
                    definition=codec.dump(definition),
                    active=active,
                    created_by=codec.clean(user_id),
                    created_at=datetime.now(UTC),
                )
                .returning(rules.c.id)
            ).scalar_one()
            detail = {"name": name, "kind": kind, "active": active, "definition": definition}
            append_action(connection, user_id, "rule.add", str(key), detail)
            return _found(connection, key)

    def change_rule(
        self,
        rule_id: int,
        user_id: str,
        *,
        name: str | None = None,
        definition: Mapping[str, Any] | None = None,
        active: bool | None = None,
        retired: bool = False,
    ) -> Rule:
        """None leaves a field as it is; ``{}`` gives a shipped rule its own definition back. Raises
        RuleError("rule.no_such")."""
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = codec.clean(name)
        if definition is not None:
            values["definition"] = codec.dump(definition)
        if active is not None:
            values["active"] = active
        if retired:
            values |= {"retired": True, "active": False}
        with self._db.write() as connection:
            _found(connection, rule_id)
            if values:
                connection.execute(sa.update(rules).where(rules.c.id == rule_id).values(**values))
                detail = values | ({"definition": definition} if definition is not None else {})
                verb = "remove" if retired else "switch" if set(values) == {"active"} else "change"
                append_action(connection, user_id, f"rule.{verb}", str(rule_id), detail)
            return _found(connection, rule_id)

    # -- hits

    def hits(
        self,
        *,
        state: HitState | None = None,
        rule_id: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[HitRecord]:
        """Newest first. The caller has authorised."""
        query = (
            sa.select(rule_hits, rules.c.name, rules.c.kind)
            .join(rules, rules.c.id == rule_hits.c.rule_id)
            .order_by(rule_hits.c.id.desc())
            .limit(limit)
        )
        if state is not None:
            query = query.where(rule_hits.c.state == state)
        if rule_id is not None:
            query = query.where(rule_hits.c.rule_id == rule_id)
        if before_id is not None:
            query = query.where(rule_hits.c.id < before_id)
        with self._db.read() as connection:
            return [_hit(row) for row in connection.execute(query)]

    def hit_counts(self) -> dict[int, dict[str, int]]:
        """How many hits of each rule id are in each state."""
        query = sa.select(rule_hits.c.rule_id, rule_hits.c.state, sa.func.count()).group_by(
            rule_hits.c.rule_id, rule_hits.c.state
        )
        found: dict[int, dict[str, int]] = {}
        with self._db.read() as connection:
            for rule_id, state, count in connection.execute(query):
                found.setdefault(rule_id, {})[state] = count
        return found

    def review_hit(self, hit_id: int, state: HitState, note: str, user_id: str, name: str) -> None:
        """Files a hit; "open" opens it again. Raises RuleError("rule.no_hit")."""
        with self._db.write() as connection:
            changed = connection.execute(
                sa.update(rule_hits)
                .where(rule_hits.c.id == hit_id)
                .values(
                    state=state,
                    note=codec.clean(note),
                    reviewed_by=codec.clean(name) if state != "open" else "",
                    reviewed_at=datetime.now(UTC) if state != "open" else None,
                )
            )
            if not changed.rowcount:
                raise RuleError("rule.no_hit", id=hit_id)
            append_action(connection, user_id, "compliance.review", str(hit_id), {"state": state})


def keep_hits(
    connection: Connection,
    found: Sequence[tuple[RuleHit, str]],
    turn_id: int | None,
    user_id: str,
    question: str,
) -> None:
    """Puts hits with their excerpts into the queue, in the transaction that keeps the turn."""
    now = datetime.now(UTC)
    connection.execute(
        sa.insert(rule_hits),
        [
            {
                "rule_id": hit.rule_id,
                "turn_id": turn_id,
                "user_id": user_id,
                "question": codec.clean(question),
                "detail": codec.dump({"action": hit.action, "count": hit.count, "excerpt": excerpt}),
                "created_at": now,
            }
            for hit, excerpt in found
        ],
    )


def _found(connection: Connection, rule_id: int) -> Rule:
    row = connection.execute(_LISTED.where(rules.c.id == rule_id)).one_or_none()
    if row is None:
        if connection.execute(sa.select(rules.c.id).where(rules.c.id == rule_id)).scalar() is None:
            raise RuleError("rule.no_such", id=rule_id)
        row = connection.execute(sa.select(*_LISTED.selected_columns).where(rules.c.id == rule_id)).one()
    return _rule(*row)


def _rule(
    key: int, name: str, kind: RuleKind, definition: str, active: bool, shipped: str | None, created_by: str
) -> Rule:
    loaded = json.loads(definition)
    return Rule(
        key, name, kind, loaded, bool(active), shipped or "", bool(shipped) and bool(loaded), created_by
    )


def _hit(row: Any) -> HitRecord:
    detail = json.loads(row.detail)
    return HitRecord(
        id=row.id,
        hit=RuleHit(row.rule_id, row.name, row.kind, detail["action"], detail["count"]),
        excerpt=detail["excerpt"],
        turn_id=row.turn_id,
        user_id=row.user_id,
        question=row.question,
        state=row.state,
        note=row.note,
        reviewed_by=row.reviewed_by,
        reviewed_at=row.reviewed_at,
        created_at=row.created_at,
    )
