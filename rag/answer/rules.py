"""Compliance rules: what they look for in a sentence, however it is spelt.

Promises: pure; a pattern takes time in proportion to the text (RE2: no backtracking), so no rule can hold up
an answer; a bad rule is refused when it is saved, with the place. Words and patterns are held against folded
text (see rag.text.folding): lower case, simplified characters, no spaces between Chinese characters.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.errors import RuleError
from rag.records import Rule, RuleKind
from rag.text.folding import Folded, flatten, fold, simplify, tighten
from rag.text.personal import PersonalKind, personal_spans

Action = Literal["replace", "flag", "mask", "append", "hold"]
ACTIONS: Mapping[RuleKind, tuple[Action, ...]] = {
    "forbidden": ("replace", "flag"),
    "required": ("append", "hold", "flag"),
    "mask": ("mask",),
}
MAX_WORDS, MAX_WORD_CHARS = 500, 80
MAX_PATTERNS, MAX_PATTERN_CHARS = 100, 500
MAX_WARNING_CHARS = 600
_PATTERN_BYTES = 1 << 20  # of one compiled pattern
_LOOSE_LETTERS = 8  # Latin words of fewer letters are looked for as whole words only
_BEFORE, _AFTER = 40, 24  # characters of the clause that may take a promise back
_CLAUSE = re.compile(r"[,;:，；：。!?！？]|\b(?:but|however|yet)\b|但是|但|然而|却")
# What begins like a negation and is none.
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|merely|simply)\b|\bno (?:doubt|wonder|question|matter)\b"
    r"|\bwithout (?:a )?(?:doubt|question)\b|\b(?:no|zero|without(?: any)?) risks?\b|\brisk[- ]?free\b"
    r"|不但|不仅|不只|不光|不单|毫无疑问|无疑|无论|不论|不管|不得不"
    r"|(?:没有|毫无|绝无|无|零)(?:任何)?风险|不会(?:亏|赔|有损失)|不(?:亏|赔)"
)  # fmt: skip


class Definition(BaseModel):
    """What a rule says, as it is kept. Which fields count depends on the kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[str, ...] = ()  # in any width, spacing, case and script
    patterns: tuple[str, ...] = ()  # RE2; for kind "required": what makes the warning necessary
    unless: tuple[str, ...] = ()  # RE2: takes it back when it stands before the match in its clause
    unless_after: tuple[str, ...] = ()  # RE2: the same behind the match
    personal: tuple[PersonalKind, ...] = ()  # kind "mask"
    satisfied_by: tuple[str, ...] = ()  # RE2, kind "required": the warning is there already
    warning_en: str = ""  # kind "required"
    warning_zh: str = ""
    action: Action
    exempt_quotes: bool = True  # words that a document says itself, quoted as such, are no hit


@dataclass(frozen=True, slots=True)
class Match:
    start: int
    end: int
    label: str = ""  # of a mask: what was there


@dataclass(frozen=True)
class CompiledRule:
    """A rule ready to look. Thread-safe."""

    rule: Rule
    definition: Definition
    _patterns: tuple[Any, ...]
    _unless: tuple[Any, ...]
    _unless_after: tuple[Any, ...]
    _satisfied: tuple[Any, ...]
    _tight_words: tuple[str, ...]
    _whole_words: tuple[Any, ...] = field(default=())

    def find(self, text: str) -> list[Match]:
        """Places in ``text``, in order, apart."""
        return self.find_folded(text, fold(text))

    def find_folded(self, text: str, folded: Folded) -> list[Match]:
        """As :meth:`find`, of a text already folded."""
        found = [Match(*folded.span(start, end)) for start, end in self._in_folded(folded)]
        if self._tight_words:
            tight = tighten(folded)
            found += [
                Match(*tight.span(*place))
                for place in _tight_matches(tight.text, self._tight_words)
                if not _inside_a_word(text, *tight.span(*place))
            ]
        if self.definition.unless or self.definition.unless_after:
            found = [match for match in found if not self._taken_back(folded, match)]
        if self.definition.personal:
            found += self._personal(text)
        return _apart(found)

    def satisfied(self, text: str) -> bool:
        """Kind "required": whether ``text`` holds the warning or what stands for it."""
        folded = fold(text).text
        if any(pattern.search(folded) for pattern in self._satisfied):
            return True
        tight = tighten(fold(text)).text
        return any(
            (warning := tighten(fold(words)).text) and warning in tight
            for words in (self.definition.warning_en, self.definition.warning_zh)
        )

    def warning(self, language: str) -> str:
        """In that language; in the other one where the rule has only that."""
        first, second = self.definition.warning_en, self.definition.warning_zh
        return (second or first) if language == "zh" else (first or second)

    def _in_folded(self, folded: Folded) -> Iterator[tuple[int, int]]:
        for pattern in (*self._patterns, *self._whole_words):
            for match in pattern.finditer(folded.text):
                if match.end() > match.start():
                    yield match.span()

    def _taken_back(self, folded: Folded, match: Match) -> bool:
        """Whether the clause says that it is not so ("we do not guarantee returns", "不承诺保本")."""
        first = next((i for i, end in enumerate(folded.ends) if end > match.start), 0)
        last = next((i for i, start in enumerate(folded.starts) if start >= match.end), len(folded.text))
        before = folded.text[max(0, first - _BEFORE) : first]
        cuts = [m.end() for m in _CLAUSE.finditer(before)]
        before = _NO_NEGATION.sub("|", before[cuts[-1] if cuts else 0 :])
        if any(pattern.search(before) for pattern in self._unless):
            return True
        after = folded.text[last : last + _AFTER]
        cut = _CLAUSE.search(after)
        after = after[: cut.start() if cut else None]
        return any(pattern.search(after) for pattern in self._unless_after)

    def _personal(self, text: str) -> Iterator[Match]:
        flat = flatten(text)
        for span in personal_spans(flat.text):
            if span.kind in self.definition.personal:
                yield Match(*flat.span(span.start, span.end), label=span.kind)


@dataclass(frozen=True)
class RuleSet:
    """The active rules. ``version`` is "" when there are none."""

    version: str
    rules: tuple[CompiledRule, ...]

    @property
    def forbidden(self) -> tuple[CompiledRule, ...]:
        return tuple(r for r in self.rules if r.rule.kind == "forbidden")

    @property
    def required(self) -> tuple[CompiledRule, ...]:
        return tuple(r for r in self.rules if r.rule.kind == "required")

    @property
    def masks(self) -> tuple[CompiledRule, ...]:
        return tuple(r for r in self.rules if r.rule.kind == "mask")

    @property
    def holds(self) -> bool:
        """Whether an answer may have to wait for its last word before anything of it is shown."""
        return any(r.definition.action == "hold" for r in self.required)


def check_definition(kind: RuleKind, given: Mapping[str, Any]) -> Definition:
    """Raises RuleError naming the field, the place in it and what is wrong."""
    try:
        definition = Definition.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "definition"
        raise RuleError("rule.field", field=where, problem=first["msg"]) from error
    if definition.action not in ACTIONS[kind]:
        raise RuleError("rule.action", action=definition.action, kind=kind, known=", ".join(ACTIONS[kind]))
    if len(definition.words) > MAX_WORDS or any(len(w) > MAX_WORD_CHARS for w in definition.words):
        raise RuleError("rule.words", most=MAX_WORDS, chars=MAX_WORD_CHARS)
    for number, word in enumerate(definition.words, 1):
        if not tighten(fold(word)).text:
            raise RuleError("rule.empty_word", number=number)
    if max(len(definition.warning_en), len(definition.warning_zh)) > MAX_WARNING_CHARS:
        raise RuleError("rule.warning_length", most=MAX_WARNING_CHARS)
    for name in ("patterns", "unless", "unless_after", "satisfied_by"):
        _compile_all(name, getattr(definition, name))
    if not (definition.words or definition.patterns or (kind == "mask" and definition.personal)):
        raise RuleError("rule.looks_for_nothing")
    warns = definition.warning_en.strip() or definition.warning_zh.strip()
    if kind == "required" and definition.action == "append" and not warns:
        raise RuleError("rule.no_warning")
    return definition


def compiled(rule: Rule) -> CompiledRule:
    """Raises RuleError."""
    return _compiled(rule.id, rule.kind, json.dumps(dict(rule.definition), sort_keys=True), rule.name)


@lru_cache(maxsize=512)
def _compiled(rule_id: int, kind: RuleKind, definition: str, name: str) -> CompiledRule:
    given = json.loads(definition)
    made = check_definition(kind, given)
    tight, whole = [], []
    for word in made.words:
        folded = fold(word).text.strip()
        bare = tighten(fold(word)).text
        if not bare.isascii() or sum(c.isalpha() for c in bare) >= _LOOSE_LETTERS:
            tight.append(bare)
        else:
            whole.append(rf"\b{re.escape(folded)}\b")
    return CompiledRule(
        Rule(rule_id, name, kind, given, True),
        made,
        _compile_all("patterns", made.patterns),
        _compile_all("unless", made.unless),
        _compile_all("unless_after", made.unless_after),
        _compile_all("satisfied_by", made.satisfied_by),
        tuple(tight),
        _compile_all("words", whole),
    )


def rule_set(rules: Iterable[Rule]) -> RuleSet:
    """Of the active ones among ``rules``. Equal rules give equal versions."""
    active = sorted((r for r in rules if r.active), key=lambda r: r.id)
    if not active:
        return RuleSet("", ())
    told = json.dumps([(r.id, r.kind, r.definition) for r in active], sort_keys=True, default=list)
    return RuleSet(hashlib.sha256(told.encode()).hexdigest()[:12], tuple(compiled(r) for r in active))


def kinds() -> tuple[RuleKind, ...]:
    return get_args(RuleKind)


def _compile_all(name: str, patterns: Sequence[str]) -> tuple[Any, ...]:
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    if len(patterns) > MAX_PATTERNS:
        raise RuleError("rule.patterns", field=name, most=MAX_PATTERNS)
    made = []
    for number, pattern in enumerate(patterns, 1):
        if len(pattern) > MAX_PATTERN_CHARS:
            raise RuleError("rule.pattern_length", field=name, number=number, most=MAX_PATTERN_CHARS)
        try:
            one = re2.compile(simplify(pattern), options)
        except re2.error as error:
            problem = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            raise RuleError(
                "rule.pattern", field=name, number=number, pattern=pattern[:80], problem=problem
            ) from error
        if one.search("") is not None:
            raise RuleError("rule.pattern_empty", field=name, number=number, pattern=pattern[:80])
        made.append(one)
    return tuple(made)


def _tight_matches(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    for word in words:
        at = text.find(word)
        while at >= 0:
            yield at, at + len(word)
            at = text.find(word, at + 1)


def _inside_a_word(text: str, start: int, end: int) -> bool:
    """Whether a Latin word goes on before or behind that place: "unguaranteed" is not "guaranteed"."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return (_latin(before) and _latin(text[start])) or (_latin(text[end - 1]) and _latin(after))


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()  # "" is neither


def _apart(found: Iterable[Match]) -> list[Match]:
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: (m.start, -m.end)):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept
