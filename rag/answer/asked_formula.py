"""A formula that the question itself gives: "(A + B) / C", "（营业收入-营业成本）/营业收入".

Promises: only what stands there as a formula (an operator between names, spaced or beside a bracket, so
that "year-over-year", "and/or" and "10-K" are none); the user's formula is calculated as given, and when one
of its figures is not found nothing else is calculated in its place. Never evaluated as code. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from rag.answer.asked_sums import bare_phrase, ids_of
from rag.answer.evidence import years
from rag.answer.expressions import Average, Expression, Number, Operation, Plan, Shown, Wanted, wanted_in
from rag.text.language import detect_language
from rag.text.normalise import normalise

MAX_CHARS = 300
MAX_OPERANDS = 8
_MARKS = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-", "✕": "*", "·": "*"})
_CJK = "\u3400-\u9fff"
_OPERATOR = re.compile(
    rf"(?<=\s)[-+*/](?=\s)|(?<=[{_CJK})])\s*[-+*/]\s*(?=[{_CJK}(\d])|(?<=[\d%])\s*[-+*/]\s*(?=[{_CJK}(])"
    r"|(?<=\))\s*[-+*/]\s*(?=\w)|(?<=\w)\s*[-+*/]\s*(?=\()|(?<=\w)[+*](?=\w)"
)
_PERCENT_TAIL = re.compile(r"\*\s*100\s*%?")
_CLAUSE = re.compile(
    r"[。？?；;：:,，=\n\"“”]|\.(?:\s|$)"
    r"|\bdefine\b.{2,60}?\bas\b|\b(?:where|using|given by|defined as|formula|equals?)\b|\[[^\]]*\]",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:(?:please|can you|could you|now|then|and|also|calculate|compute|work out|determine|find"
    r"|give(?: me)?|tell me|show(?: me)?|what|how much|is|was|were|are|the|value|result"
    r"|ratio|of|by|as|with|for|use)\b\s*)+"
    r"|^(?:请|帮我|计算一?下?|算一?下?|求出?|按照?|用|以|根据|公式|的|结果|比率|是|为)+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"\s+(?:for|in|at|as of|of|during|on)\s+(?:the )?(?:fiscal |financial )?(?:years?\s+)?"
    r"(?:ended\s+)?(?:FY ?'?)?(?:19|20)\d{2}.*$"
    r"|\s+(?:for|of)\s+[A-Z0-9][^()*/+]*$|(?:的?(?:结果|值|比率|比例))?(?:等于|是|为)?(?:多少|几).*$|(?:来)?(?:计算|算)(?:一下)?.*$",
)
_SLASHED = re.compile(r"[/-]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_AVERAGE = re.compile(r"^(?:average|mean|平均)\s*(?:of\s+)?(?:的)?", re.IGNORECASE)
_PERCENT = re.compile(r"%|\bpercent|\bmargin\b|百分|率|比例|占比", re.IGNORECASE)


_OPERATORS: dict[str, Literal["+", "-", "*", "/"]] = {"+": "+", "-": "-", "*": "*", "/": "/"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "(", ")", "op", "words"
    text: str


def plan_of(question: str, names: Iterable[str] = ()) -> Plan | None:
    """The plan of the formula in ``question``; None when none stands there. ``names``: of companies, which
    are no part of an item's name."""
    flat = normalise(question).translate(_MARKS)
    for name in sorted(names, key=len, reverse=True):
        flat = re.sub(rf"{re.escape(name)}(?:['’]s)?", " ", flat, flags=re.IGNORECASE)
    chinese = detect_language(flat) == "zh"
    stated = sorted(years(flat))
    newest = stated[-1] if stated else None
    best: tuple[int, Expression, str] | None = None
    for clause in _CLAUSE.split(flat):
        percent = _PERCENT_TAIL.search(clause) is not None
        text = _TAIL.sub("", _PERCENT_TAIL.sub("", clause)).strip()
        text = _LEAD.sub("", text).strip()
        if not _OPERATOR.search(text) or len(text) > MAX_CHARS:
            continue
        tree = _Reader(list(_tokens(text)), newest, chinese).read()
        if tree is None:
            continue
        count = len(wanted_in(tree))
        if 1 < count <= MAX_OPERANDS and (best is None or count > best[0]):
            best = (count, tree, "percent" if percent else "")
    if best is None:
        return None
    _, tree, said = best
    wanted = wanted_in(tree)
    if sum(bool(w.ids) for w in wanted) < len(wanted) - (len(wanted) > 2 or not _SLASHED.search(question)):
        return None  # a name that nobody knows may be half of another: "increase / (decrease) in cash"
    shown: Shown = "amount"
    if isinstance(tree, Operation) and tree.operator == "/":
        shown = "percent" if said or _PERCENT.search(question) else "ratio"
    return Plan("所给公式" if chinese else "the given formula", tree, shown)


def _tokens(text: str) -> Iterator[_Token]:
    """Words, operators and brackets. A bracket without an operator belongs to a name: net income (loss)."""
    operators = {m.start() + len(m.group()) - len(m.group().lstrip()): m for m in _OPERATOR.finditer(text)}
    grouping = _grouping(text, sorted(operators))
    words = ""
    at = 0
    while at < len(text):
        if at in operators or at in grouping:
            if words.strip():
                yield _Token("words", words.strip())
            words = ""
            yield _Token("op" if at in operators else text[at], text[at])
        else:
            words += text[at]
        at += 1
    if words.strip():
        yield _Token("words", words.strip())


def _grouping(text: str, operators: list[int]) -> set[int]:
    """Places of the brackets that hold an operator, or an average's."""
    open_at: list[int] = []
    found: set[int] = set()
    for at, character in enumerate(text):
        if character == "(":
            open_at.append(at)
        elif character == ")" and open_at:
            start = open_at.pop()
            if any(start < o < at for o in operators):
                found |= {start, at}
    return found


class _Reader:
    """Recursive descent over + - * / and brackets; None for whatever is no formula."""

    def __init__(self, tokens: list[_Token], year: int | None, chinese: bool) -> None:
        self._tokens = tokens
        self._at = 0
        self._year = year
        self._chinese = chinese

    def read(self) -> Expression | None:
        # Words right before the first bracket introduce the formula: "the coverage (A + B) / C".
        if len(self._tokens) > 1 and self._tokens[0].kind == "words" and self._tokens[1].kind == "(":
            self._at = 1
        tree = self._sum()
        rest = self._tokens[self._at :]
        return tree if all(t.kind == "words" for t in rest) and len(rest) <= 1 else None

    def _peek(self, *texts: str) -> bool:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token is not None and token.kind == "op" and token.text in texts

    def _sum(self) -> Expression | None:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Expression | None:
        return self._chain(self._factor, "*", "/")

    def _chain(self, part: Callable[[], Expression | None], *operators: str) -> Expression | None:
        left = part()
        while left is not None and self._peek(*operators):
            operator = self._tokens[self._at].text
            self._at += 1
            right = part()
            if right is None:
                return None
            left = Operation(_OPERATORS[operator], left, right)
        return left

    def _factor(self) -> Expression | None:
        if self._at >= len(self._tokens):
            return None
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "(":
            inside = self._sum()
            if inside is None or self._at >= len(self._tokens) or self._tokens[self._at].kind != ")":
                return None
            self._at += 1
            return inside
        return self._operand(token.text) if token.kind == "words" else None

    def _operand(self, words: str) -> Expression | None:
        if _NUMBER.fullmatch(words.rstrip("% ")):
            number = Decimal(words.rstrip("% "))
            return Number(number / 100 if words.endswith("%") else number)
        own = sorted(years(words))
        year = own[-1] if own else self._year
        words = words.strip("() ")
        mean = _AVERAGE.match(words)
        bare = bare_phrase(words[mean.end() :] if mean else words, self._chinese).strip("() ")
        if len(bare) < 2 or len(bare) > 80:
            return None
        wanted = Wanted(bare, ids_of(bare, self._chinese), year)
        if mean and year is not None:
            return Average((Wanted(wanted.name, wanted.ids, year - 1), wanted))
        return wanted
