"""What the Engine offers admins around compliance: the rules, a text tried against them, and the queue of
what they met.

Promises: admins only (AccessDenied), but for :meth:`Compliance.rules_version`; a rule is checked before it is
kept (RuleError names the place); every change stands in the audit chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rag.access import LOCAL, require_right
from rag.errors import RuleError
from rag.records import HitRecord, HitState, Principal, Rule

if TYPE_CHECKING:
    from rag.answer.rule_book import RuleBook
    from rag.answer.trying import Tried
    from rag.store import Store

MAX_NAME_CHARS = 80
MAX_TRIED_CHARS = 50_000


class Compliance:
    """Mixed into Engine."""

    store: Store
    _rule_book: RuleBook | None = None

    def rules_version(self) -> str:
        """12 hex digits of the rules that count now, "" for none: answers under other rules differ."""
        return self._book().active().version

    def rules(self, principal: Principal = LOCAL) -> list[Rule]:
        """All of them, in the order they were made."""
        require_right(principal, "admin")
        return self._book().rules()

    def add_rule(
        self,
        name: str,
        kind: str,
        definition: Mapping[str, Any],
        principal: Principal = LOCAL,
        *,
        active: bool = True,
    ) -> Rule:
        """Counts for the next question. ``definition``: see rag.answer.rules.Definition. Raises RuleError."""
        from rag.answer.rules import check_definition, kinds

        require_right(principal, "admin")
        found = next((k for k in kinds() if k == kind), None)
        if found is None:
            raise RuleError("rule.kind", kind=kind[:40], known=", ".join(kinds()))
        checked = check_definition(found, definition).model_dump(mode="json", exclude_defaults=True)
        return self.store.add_rule(_name(name), found, checked, active, principal.user_id)

    def change_rule(
        self,
        rule_id: int,
        principal: Principal = LOCAL,
        *,
        name: str | None = None,
        definition: Mapping[str, Any] | None = None,
        active: bool | None = None,
    ) -> Rule:
        """None leaves a field as it is; an empty ``definition`` gives a shipped rule its own back."""
        from rag.answer.rules import check_definition

        rule = self._rule(rule_id, principal)
        if definition is not None and (definition or not rule.shipped):
            checked = check_definition(rule.kind, definition)
            definition = checked.model_dump(mode="json", exclude_defaults=True)
        self.store.change_rule(
            rule_id,
            principal.user_id,
            name=_name(name) if name is not None else None,
            definition=definition,
            active=active,
        )
        return self._rule(rule_id, principal)

    def remove_rule(self, rule_id: int, principal: Principal = LOCAL) -> None:
        """Takes an own rule off the list; its hits stay. Raises RuleError for one of the program's."""
        rule = self._rule(rule_id, principal)
        if rule.shipped:
            raise RuleError("rule.shipped", name=rule.name)
        self.store.change_rule(rule_id, principal.user_id, retired=True)

    def try_rules(self, text: str, principal: Principal = LOCAL, *, rule: Rule | None = None) -> Tried:
        """What the active rules, or ``rule`` alone (also one that is not saved), would make of ``text`` as a
        model's answer. Keeps nothing."""
        from rag.answer.rules import rule_set
        from rag.answer.trying import try_text

        require_right(principal, "admin")
        if len(text) > MAX_TRIED_CHARS:
            raise RuleError("rule.text_long", length=len(text), most=MAX_TRIED_CHARS)
        return try_text(text, self._book().active() if rule is None else rule_set([rule]))

    def rule_hits(
        self,
        principal: Principal = LOCAL,
        *,
        state: HitState | None = None,
        rule_id: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[HitRecord]:
        """The queue, newest first."""
        require_right(principal, "admin")
        return self.store.hits(state=state, rule_id=rule_id, before_id=before_id, limit=limit)

    def rule_hit_counts(self, principal: Principal = LOCAL) -> dict[int, dict[str, int]]:
        """How many hits of each rule id are in each state."""
        require_right(principal, "admin")
        return self.store.hit_counts()

    def review_hit(
        self, hit_id: int, state: HitState, principal: Principal = LOCAL, *, note: str = ""
    ) -> None:
        """ "accepted": the rule was right; "dismissed": it was not; "open": look again."""
        require_right(principal, "admin")
        self.store.review_hit(hit_id, state, note[:2000], principal.user_id, principal.name)

    def _rule(self, rule_id: int, principal: Principal) -> Rule:
        found = next((r for r in self.rules(principal) if r.id == rule_id), None)
        if found is None:
            raise RuleError("rule.no_such", id=rule_id)
        return found

    def _book(self) -> RuleBook:
        if self._rule_book is None:
            from rag.answer.rule_book import RuleBook

            self._rule_book = RuleBook(self.store)
        return self._rule_book


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise RuleError("rule.name", most=MAX_NAME_CHARS)
    return name
