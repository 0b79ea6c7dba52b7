"""What stands between the writing of an answer and its reader: the compliance rules.

Promises: no word leaves before the sentence that it belongs to has passed; a sentence that breaks a rule is
replaced by a notice in the answer's language, its reader never sees it; personal data leaves masked; the
whole is checked at the end, and a warning that is lacking is added there. With a rule that holds answers
back, nothing leaves before the end. The model's reasoning passes through the same rules. What the program
says itself (a refusal, its notices) is not checked. Not thread-safe: one gate an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rag.answer.rules import Action, CompiledRule, Match, RuleSet
from rag.messages import message
from rag.records import Citation, Event, HitAction, Passage, Retrieved, RuleHit, Thinking, Token
from rag.text.folding import fold, tighten
from rag.text.language import detect_language
from rag.text.personal import mask_personal
from rag.text.sentences import sentence_spans

MAX_HELD_CHARS = 1_200  # of a sentence without an end
EXCERPT_CHARS = 300
_TAIL_CHARS = 120  # what was shown before, for a promise broken over two lines
_SHORT_QUOTE = 6  # characters, blanks aside
_ENDS = re.compile(r"[。！？｡.!?;；][\"'”’」』）)】\]*_]*(?:\s*\[\d{1,3}\])*\s*$")
_ONLY_MARKERS = re.compile(r"(?:\[\d{1,3}\]\s*)+[.。]?")
_QUOTED = re.compile(r"“([^“”]{2,})”|\"([^\"]{2,})\"|「([^「」]{2,})」|『([^『』]{2,})』")
_QUOTED_LINE = re.compile(r"^(?:>|- )?\s*(.*?)(?:\s*\[\d{1,3}\])*\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """A hit with the words that were met, for the review queue."""

    hit: RuleHit
    excerpt: str


@dataclass
class _Stream:
    """One of the two texts of an answer, on its way."""

    made: Callable[[str], Event]
    pending: str = ""
    shown: list[str] = field(default_factory=list)
    noticed: bool = False  # the last thing shown is a notice

    @property
    def tail(self) -> str:
        return "".join(self.shown[-3:])[-_TAIL_CHARS:]


class Gate:
    """``quoting``: whether the text comes straight from documents; ``settled``: whether it is the program's
    own words, or passed these rules before. Both are asked when text arrives.
    ``language``: of the question, "zh" or another."""

    def __init__(
        self,
        rules: RuleSet,
        language: str,
        *,
        quoting: Callable[[], bool] = lambda: False,
        settled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._rules = rules
        self._language = language
        self._quoting, self._settled = quoting, settled
        self._answer = _Stream(Token)
        self._thinking = _Stream(Thinking)
        self._passages: Sequence[Passage] = ()
        self._sources: str | None = None
        self._counts: dict[tuple[int, HitAction], tuple[CompiledRule, int, str]] = {}
        self._asked: dict[int, str] = {}  # required rules that something calls for, with what does
        self._said = False  # the program itself has spoken
        self.standing: list[str] = []  # what was put into the answer here

    @property
    def version(self) -> str:
        return self._rules.version

    def found(self) -> tuple[Found, ...]:
        """What the answer met, until now."""
        return tuple(
            Found(RuleHit(c.rule.id, c.rule.name, c.rule.kind, action, count), excerpt)
            for (_, action), (c, count, excerpt) in self._counts.items()
        )

    @property
    def changed(self) -> bool:
        """Whether something of the text was taken out."""
        return any(action in ("replaced", "held") for _, action in self._counts)

    def take(self, event: Event) -> list[Event]:
        """What may leave now that ``event`` has come."""
        match event:
            case Retrieved(passages=passages):
                self._passages, self._sources = passages, None
            case Token() | Thinking() if self._settled():
                self._said = True
                return [*self._drain(self._answer), event]
            case Token(text=text):
                return self._feed(self._answer, text)
            case Thinking(text=text):
                return self._feed(self._thinking, text)
        return [event]

    def finish(self) -> list[Event]:
        """What is left, checked; then what the whole lacks."""
        out = [*self._drain(self._thinking)]
        out += self._drain(self._answer)
        if self._said or self._rules.holds:
            if self._said:
                return out
            return self._whole_or_held(out)
        return [*out, *self._noted(), *self._appended()]

    # -- sentence by sentence

    def _feed(self, stream: _Stream, text: str) -> list[Event]:
        stream.pending += text
        if self._rules.holds and stream is self._answer:
            return []
        spans = sentence_spans(stream.pending)
        cut = spans[-1][0] if len(spans) > 1 else 0
        if not cut and len(stream.pending) > MAX_HELD_CHARS:
            cut = stream.pending.rfind(" ", MAX_HELD_CHARS // 2, MAX_HELD_CHARS) + 1 or MAX_HELD_CHARS
        ready, stream.pending = stream.pending[:cut], stream.pending[cut:]
        return self._release(stream, ready)

    def _drain(self, stream: _Stream) -> list[Event]:
        ready, stream.pending = stream.pending, ""
        return self._release(stream, ready)

    def _release(self, stream: _Stream, ready: str) -> list[Event]:
        out = []
        at = 0
        for start, end in [*sentence_spans(ready), (len(ready), len(ready))]:
            blank, sentence = ready[at:start], ready[start:end]
            at = end
            passed = self._passed(stream, sentence) if sentence else ""
            for shown in (blank if passed or not sentence else "", passed):
                if shown:
                    stream.shown.append(shown)
                    out.append(shown)
        return [stream.made("".join(out))] if out else []

    def _passed(self, stream: _Stream, sentence: str) -> str:
        """``sentence`` as it may be read; "" when it went with the one before."""
        if stream.noticed and _ONLY_MARKERS.fullmatch(sentence):
            return ""
        before = stream.tail
        context = "" if not before or stream.noticed or _ENDS.search(before) else before
        folded = fold(context + sentence)
        broken = False
        for rule in self._rules.forbidden:
            matches = [
                Match(max(0, m.start - len(context)), m.end - len(context))
                for m in rule.find_folded(context + sentence, folded)
                if m.end > len(context)
            ]
            matches = [m for m in matches if not self._is_quote(rule, sentence, m)]
            if matches:
                replaced = rule.definition.action == "replace"
                self._note(rule, "replaced" if replaced else "flagged", sentence, len(matches))
                broken = broken or replaced
        if broken:
            if stream.noticed:
                return ""
            stream.noticed = True
            return self._standing("compliance.replaced")
        stream.noticed = False
        if stream is self._answer:
            for rule in self._rules.required:
                if rule.rule.id not in self._asked and any(
                    not self._is_quote(rule, sentence, m) for m in rule.find(sentence)
                ):
                    self._asked[rule.rule.id] = sentence
        for rule in self._rules.masks:
            sentence = self._masked(rule, sentence)
        return sentence

    def _masked(self, rule: CompiledRule, sentence: str) -> str:
        matches = [m for m in rule.find(sentence) if not self._is_quote(rule, sentence, m)]
        for match in reversed(matches):
            code = f"compliance.mask_{match.label}" if match.label else "compliance.masked"
            sentence = sentence[: match.start] + message(code, self._language) + sentence[match.end :]
        if matches:
            self._note(rule, "masked", sentence, len(matches))
        return sentence

    # -- quotes

    def _is_quote(self, rule: CompiledRule, sentence: str, match: Match) -> bool:
        """Whether the document says it, and is quoted as saying it."""
        if not rule.definition.exempt_quotes or not self._passages:
            return False
        if self._quoting():
            line = _QUOTED_LINE.match(sentence)
            return self._in_sources(line.group(1) if line else sentence)
        around = (q for q in _QUOTED.finditer(sentence) if q.start() <= match.start and match.end <= q.end())
        return any(self._in_sources(quote.group()[1:-1]) for quote in around)

    def _in_sources(self, words: str) -> bool:
        if self._sources is None:
            self._sources = "\n".join(tighten(fold(p.text)).text for p in self._passages)
        bare = tighten(fold(words)).text.strip(".。")
        return len(bare) >= _SHORT_QUOTE and bare in self._sources

    # -- the whole

    def _noted(self) -> list[Event]:
        """A promise that only the whole makes, from sentences that had to leave one by one."""
        text = "".join(self._answer.shown)
        spans = sentence_spans(text)
        for rule in self._rules.forbidden:
            for match in rule.find(text):
                inside = any(start <= match.start and match.end <= end for start, end in spans)
                if not inside and not self._quoted_around(text, match, spans):
                    self._note(rule, "noted", text[max(0, match.start - 40) : match.end + 40], 1)
                    words = f"\n\n{self._standing('compliance.noted')}"
                    self._answer.shown.append(words)
                    return [Token(words)]
        return []

    def _quoted_around(self, text: str, match: Match, spans: Sequence[tuple[int, int]]) -> bool:
        if not self._quoting():
            return False
        touched = [text[s:e] for s, e in spans if s < match.end and match.start < e]
        return all(self._in_sources(_QUOTED_LINE.match(t).group(1)) for t in touched)  # type: ignore[union-attr]

    def _lacking(self) -> list[CompiledRule]:
        text = "".join(self._answer.shown)
        return [r for r in self._rules.required if r.rule.id in self._asked and not r.satisfied(text)]

    def _appended(self) -> list[Event]:
        out: list[Event] = []
        for rule in self._lacking():
            action: Action = rule.definition.action
            self._note(rule, "appended" if action == "append" else "flagged", self._asked[rule.rule.id], 1)
            if action == "append":
                text = "".join(self._answer.shown)
                warning = rule.warning("zh" if detect_language(text) == "zh" else "en").strip()
                self.standing.append(warning)
                self._answer.shown.append(f"\n\n{warning}")
                out.append(Token(f"\n\n{warning}"))
        return out

    def _whole_or_held(self, out: list[Event]) -> list[Event]:
        held = [r for r in self._lacking() if r.definition.action == "hold"]
        if not held:
            return [*out, *self._noted(), *self._appended()]
        text = "".join(self._answer.shown)
        for rule in held:
            self._note(rule, "held", text, 1)
        notice = self._standing("compliance.held")
        self._answer.shown = [notice]
        return [*(e for e in out if not isinstance(e, Token | Thinking)), Token(notice)]

    def _standing(self, code: str) -> str:
        words = message(code, self._language)
        if words not in self.standing:
            self.standing.append(words)
        return words

    def _note(self, rule: CompiledRule, action: HitAction, words: str, count: int) -> None:
        key = (rule.rule.id, action)
        limit = 20_000 if action == "held" else EXCERPT_CHARS
        known = self._counts.get(key)
        # The queue is read by people too: what is personal stays out of it, whatever rule was met.
        excerpt = mask_personal(" ".join(words.split()) if action != "held" else words)[0][:limit]
        self._counts[key] = (rule, count + (known[1] if known else 0), known[2] if known else excerpt)


def still_cited(citations: Sequence[Citation], text: str) -> tuple[Citation, ...]:
    """Those whose marker the text still holds after sentences were taken out."""
    return tuple(c for c in citations if f"[{c.marker}]" in text)
