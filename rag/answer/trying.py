"""A text held against compliance rules as if a model had written it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rag.answer.compliance import Found, Gate
from rag.answer.rules import RuleSet
from rag.records import Token
from rag.text.language import detect_language


@dataclass(frozen=True, slots=True)
class Tried:
    """``text`` as a reader would see it."""

    text: str
    found: tuple[Found, ...]


def try_text(text: str, rules: RuleSet) -> Tried:
    gate = Gate(rules, "zh" if detect_language(text) == "zh" else "en")
    shown = [*gate.take(Token(text)), *gate.finish()]
    return Tried("".join(e.text for e in shown if isinstance(e, Token)), gate.found())
