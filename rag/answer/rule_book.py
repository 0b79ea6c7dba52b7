"""The rules of a library: those of the program and those that admins wrote, ready to be applied.

Promises: what an admin changes counts for the next question in every process; a rule that cannot be read
(written by a newer version, say) is left out with a warning in the log, and does not stop answers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rag.answer.rules import RuleSet, compiled, rule_set
from rag.answer.shipped_rules import SHIPPED
from rag.errors import RuleError
from rag.records import Rule
from rag.store import Store

log = logging.getLogger(__name__)

_SHIPPED = {rule.key: rule for rule in SHIPPED}


class RuleBook:
    """Cheap to make; shared between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seeded = False
        self._last: tuple[tuple[Rule, ...], RuleSet] | None = None

    def rules(self) -> list[Rule]:
        """All that are not retired, in the order they were made, shipped ones with the program's present
        definition unless an admin edited it."""
        self._seed()
        return [_with_definition(rule) for rule in self._store.rules()]

    def active(self) -> RuleSet:
        """The rules that count now. A query a call (0.1 ms); compiled only when they changed."""
        self._seed()
        there = tuple(r for r in self._store.rules() if r.active)
        last = self._last
        if last is None or last[0] != there:
            last = self._last = (there, rule_set(r for r in map(_with_definition, there) if _readable(r)))
        return last[1]

    def _seed(self) -> None:
        if not self._seeded:
            self._store.ensure_shipped_rules([(r.key, r.name, r.kind, r.active) for r in SHIPPED])
            self._seeded = True


def shipped_definition(key: str) -> Mapping[str, Any]:
    return _SHIPPED[key].definition


def _with_definition(rule: Rule) -> Rule:
    if rule.shipped in _SHIPPED and not rule.edited:
        return replace(rule, definition=_SHIPPED[rule.shipped].definition)
    return rule


def _readable(rule: Rule) -> bool:
    try:
        compiled(rule)
    except (RuleError, TypeError) as error:
        log.warning("compliance rule %d is left out: %s", rule.id, error)
        return False
    return True
