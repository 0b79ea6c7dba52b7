"""Arithmetic that a Chinese question asks of running text: growth, change, share, multiple, difference, sum,
or the figure of the year before.

Promises: every operand is a statement (see ``prose``) of one passage, in the period asked, or follows from
the statement of the year after by the growth or the change that the same clause gives; what is asked must be
named by the statement or stand around it, and no other statement may be named as well. Anything less is no
result: a wrong figure is worse than a quote. Decimal arithmetic; every printed number is cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from rag.answer.columns import Column
from rag.answer.evidence import head
from rag.answer.expressions import Wanted
from rag.answer.figures import Figure
from rag.answer.formulas import Result
from rag.answer.operands import Found
from rag.answer.prose import Move, Period, Statement, periods_in, statements, without_periods
from rag.answer.shelf import Sighting
from rag.records import Calculation, Operand, Passage

_ENOUGH = 0.86
_MARGIN = 0.05
_LEAST = 0.5  # of what is asked that the statement's own words must hold
_PASSAGES = 4
_CJK = re.compile("[\u3400-\u9fff]")
_LIGHT = frozenset("的了为是约有在共达各总额量数值人元、,和与及其中全我国该我们当时所相对于占比之")
_ASK = "(?:大约|约|大概)?(?:是|为|有|达)?(?:多少|几|百分之多少|百分之几|什么)"
_WORDS = re.compile(
    r"^(?:请问|请|计算|求|能否告诉我|如果不考虑[^,]*|根据[^,]*|截至|与(?:上|前)?一?年相比|与去年相比|,|在|那么)+"
)
_AGAINST = r"(?:相比|较|比|同比|与)(?:于)?(?:上年|去年|上一年|前一年|同期|年)*(?:同期)?(?:相比)?"
_SHARE = (
    re.compile(
        r"^(?P<x>.+?)占(?!比)(?P<y>.+?)的?(?:比重|比例|比率|百分比|占比|份额|百分之(?:多少|几))(?P<end>.*)$"
    ),
    re.compile(r"^(?P<x>.+?)在(?P<y>.+?)(?:之?中|里)?的?所?(?:占比重?|占的?比[重例率])(?P<end>.*)$"),
    re.compile(r"^(?P<y>.+?)(?:之?中|里),?(?P<x>.+?)(?:所|的)?(?:占比重?|占的?比[重例率])(?P<end>.*)$"),
)
_TIMES = re.compile(
    r"^(?P<x>.+?)(?:约|大约)?(?:是|为|相当于|等于)(?:约|大约)?(?P<y>.+?)的(?:大约|约)?(?:多少|几)倍"
)
_DIFFERENCE = re.compile(
    r"^(?P<x>.+?)(?:比|较)(?P<y>.+?)(?:多出?|高出?|少|低|大|增加|减少)(?:了|出)?(?:约|大约)?(?:多少|几)(?P<end>.*)$"
)
_GROWTH = re.compile(
    rf"^(?P<x>.+?)(?:{_AGAINST})?的?(?:约|大约)?(?:增长率|增速|增长幅度|增幅|(?:下降|减少|增长|增加)的?(?:比例|比率|幅度|率)"
    r"|(?:增长|增加|下降|减少|上升)了?(?:约|大约)?百分之(?:多少|几))(?:.*)$"
)
_CHANGE = re.compile(
    rf"^(?P<x>.+?)(?:{_AGAINST})?的?(?:(?:增长|增加|减少|下降|提高)了?(?:约|大约)?(?:多少|几)(?!百分)(?!个?百分点)(?!倍)"
    r"|(?:增长|增加|减少|下降)[量额数])(?P<end>.*)$"
)
_SUM = re.compile(r"^(?P<x>.+?)(?:与|和|及)(?P<y>.+?)(?:之和|合计|总共|共计|的总和)(?P<end>.*)$")
_PLAIN = re.compile(
    rf"^(?P<x>.+?)(?:的(?:吨数|金额|数量|数值))?(?:约|大约|大概)?(?:是|为|有|达到?)?{_ASK}(?P<end>.*)$"
)
_OTHER = re.compile(
    r"年均增|平均每|环比|倍数|哪|为什么|是否|百分点|几倍的?增|提高的比例|第[一二三]|最[高低大小多少]|同期.*同期"
    r"|利润率|户均|人均(?!可支配|纯|收入|消费|生产总值|转移)|速度|增速.*增速|不考虑"
)
_SCALE = re.compile(r"(?:多少|几)(?P<scale>亿|万|百万|千)?(?P<unit>[\u4e00-\u9fff]{1,3})?")
_PRECISION = 34
_LISTED = re.compile("[、和及与]")


@dataclass(frozen=True, slots=True)
class _Term:
    """A figure of the period asked. ``parts``: the printed numbers that it takes, as they are shown."""

    statement: Statement
    passage: Passage
    marker: int
    value: Decimal
    formula: tuple[str, ...]  # pieces to be joined; "[n]" goes after printed ones when cited
    compound: bool
    score: float
    move: Move | None = None

    def written(self, cited: bool) -> str:
        mark = f" [{self.marker}]" if cited else ""
        text = "".join(p.replace("\0", mark) for p in self.formula)
        return f"({text})" if self.compound else text


def calculate(question: str, passages: Sequence[Passage]) -> Result | None:
    """The calculation that a Chinese question asks of running text; None when it asks for none or when its
    figures are not there for certain."""
    if not _CJK.search(question) or _OTHER.search(question) or not passages:
        return None
    asked = _WORDS.sub("", question.replace("，", ",").strip(" ?？。.")).strip(", ")
    periods = list(dict.fromkeys(periods_in(question)))
    if len(periods) > 2 or any(p.year is None for p in periods):
        return None
    flat = without_periods(asked).replace(",", "").replace(" ", "")
    flat = _WORDS.sub("", flat)
    newest = max(periods, key=lambda p: p.year or 0, default=Period())
    for operation, match in _operations(flat):
        made = _do(operation, match, newest, periods, question, passages)
        if made is not None or operation != "plain":
            return made
    return None


def _operations(flat: str) -> Iterable[tuple[str, re.Match[str]]]:
    for pattern in _SHARE:
        if (match := pattern.match(flat)) is not None:
            yield "share", match
            return
    for name, one in (
        ("times", _TIMES),
        ("growth", _GROWTH),
        ("apart", _DIFFERENCE),
        ("change", _CHANGE),
        ("sum", _SUM),
        ("plain", _PLAIN),
    ):
        if (match := one.match(flat)) is not None:
            if name == "apart" and re.fullmatch("(?:上|去|上一|前一?)?年?(?:同期)?", match["y"]):
                continue
            yield name, match
            return


def _do(
    operation: str,
    match: re.Match[str],
    when: Period,
    periods: Sequence[Period],
    question: str,
    passages: Sequence[Passage],
) -> Result | None:
    x = match["x"].strip("的在,")
    y = (match.groupdict().get("y") or "").strip("的在,")
    for marker, passage in enumerate(passages[:_PASSAGES], 1):
        finder = _Finder(passage, marker, question)
        if operation in ("growth", "change"):
            before = min(periods, key=lambda p: p.year or 0) if len(periods) == 2 else _before(when)
            if before is None or before.part != when.part:
                return None
            made = _moved(operation, finder, x, when, before, question)
        elif operation == "plain":
            made = _looked_up(finder, x, when, question)
        else:
            made = _paired(operation, finder, x, y, when, question)
        if made is not None:
            return made
    return None


def _before(period: Period) -> Period | None:
    return Period(period.year - 1, period.part) if period.year is not None else None


# -- finding


class _Finder:
    """One passage's statements, held against what is asked."""

    def __init__(self, passage: Passage, marker: int, question: str) -> None:
        self.passage, self.marker = passage, marker
        self.said = frozenset(question)
        self.statements = statements(passage.text) if "\t" not in passage.text else ()
        self.around = frozenset(f"{head(passage)}{passage.text}")

    def statement(
        self, name: str, period: Period, but: Statement | None = None
    ) -> tuple[Statement, float] | None:
        """The one statement that is named like ``name`` (not ``but``); None when none is or several are. Of
        several that say the same the one that tells most."""
        there = [s for s in self.statements if s.period == period and s is not but]
        scored = [(self._named(name, s), s) for s in there]
        best = max((score for score, _ in scored), default=0.0)
        if best < _ENOUGH:
            return None
        like = [s for score, s in scored if score > best - _MARGIN]
        if len({s.value for s in like}) > 1:
            return None
        return max(like, key=lambda s: (s.growth is not None) + (s.change is not None)), best

    def _named(self, name: str, statement: Statement) -> float:
        """0..1. What is asked and not in the item must stand around it; what the item says beside must be
        asked."""
        wanted = [c for c in name if c not in _LIGHT and (c.isalnum())]
        own = [c for c in statement.item if c not in _LIGHT and c.isalnum()]
        if not wanted or not own:
            return 0.0
        before = frozenset(self.passage.text[: statement.end])
        held = sum(c in statement.item for c in wanted) / len(wanted)
        near = sum(c in statement.item or c in before for c in wanted) / len(wanted)
        extra = sum(0.0 if c in name else 0.12 if c in self.said else 0.5 for c in own) / len(own)
        if held < _LEAST or near < 0.99 or not _ends_alike(name, statement.item):
            return 0.0
        if len(_LISTED.findall(name)) > len(_LISTED.findall(statement.item)):
            return 0.0  # several things are asked for together
        return 0.8 + 0.2 * held - extra

    def term(self, name: str, period: Period, but: Statement | None = None) -> _Term | None:
        """The figure of the period: as it stands, or back from the year after."""
        there = self.statement(name, period, but)
        if there is not None:
            one, score = there
            return _Term(one, self.passage, self.marker, one.value, (f"{one.text}\0",), False, score)
        if period.year is None:
            return None
        after = self.statement(name, Period(period.year + 1, period.part), but)
        if after is None:
            return None
        one, score = after
        if one.change is not None:
            value = one.value - one.change.value
            sign = "-" if one.change.value >= 0 else "+"
            parts = (f"{one.text}\0", f" {sign} ", f"{one.change.text}\0")
            return _Term(one, self.passage, self.marker, value, parts, True, score, one.change)
        if one.growth is not None and one.growth.value > -100:
            sign = "+" if one.growth.value >= 0 else "-"
            with localcontext() as context:
                context.prec = _PRECISION
                value = one.value / (1 + one.growth.value / 100)
            back = (f"{one.text}\0", f" / (1 {sign} ", f"{one.growth.text}\0", ")")
            return _Term(one, self.passage, self.marker, value, back, True, score, one.growth)
        return None


def _ends_alike(name: str, item: str) -> bool:
    """Whether both are of the same thing: the head of a Chinese noun phrase is its end."""
    ours = [c for c in name if c not in _LIGHT]
    theirs = [c for c in item if c not in _LIGHT]
    return bool(set(ours[-3:]) & set(theirs[-3:]))


# -- operations


def _looked_up(finder: _Finder, x: str, when: Period, question: str) -> Result | None:
    """Only what follows from the year after: what stands in the text is better quoted."""
    if when.year is None or finder.statement(x, when) is not None:
        return None
    term = finder.term(x, when)
    if term is None or term.move is None:
        return None
    return _result(x, when, (term,), "{0}", term.value, _amount(term.value, (term,), question))


def _moved(
    operation: str, finder: _Finder, x: str, when: Period, before: Period, question: str
) -> Result | None:
    if when.year is None or before.year is None:
        return None
    there = finder.statement(x, when)
    if there is not None and before.year == when.year - 1:
        given = there[0].growth if operation == "growth" else there[0].change
        if given is not None:
            return None  # the text says it: quoted
    now, last = finder.term(x, when), finder.term(x, before)
    if now is None or last is None or last.value == 0 or now.statement.unit != last.statement.unit:
        return None
    with localcontext() as context:
        context.prec = _PRECISION
        if operation == "growth":
            value = (now.value - last.value) / last.value
            pattern = "({0} - {1}) / {1} × 100 %"
            return _result(f"{x}增长率", when, (now, last), pattern, value, _percent(value))
        value = now.value - last.value
        terms = (now, last)
        return _result(f"{x}变动额", when, terms, "{0} - {1}", value, _amount(value, terms, question))


def _paired(operation: str, finder: _Finder, x: str, y: str, when: Period, question: str) -> Result | None:
    one = finder.term(x, when)
    other = finder.term(y, when, one.statement) if one is not None else None
    if one is None or other is None:
        return None
    if one.statement.unit != other.statement.unit or not other.value:
        return None
    with localcontext() as context:
        context.prec = _PRECISION
        if operation == "share":
            value = one.value / other.value
            if not 0 <= value <= 1:
                return None
            pattern = "{0} / {1} × 100 %"
            return _result(f"{x}占{y}的比重", when, (one, other), pattern, value, _percent(value))
        if operation == "times":
            value = one.value / other.value
            shown = f"{_round(value, 2)} 倍"
            return _result(f"{x}与{y}之比", when, (one, other), "{0} / {1}", value, shown)
        terms = (one, other)
        if operation == "sum":
            value = one.value + other.value
            name = f"{x}与{y}之和"
            return _result(name, when, terms, "{0} + {1}", value, _amount(value, terms, question))
        value = one.value - other.value
        name = f"{x}与{y}之差"
        return _result(name, when, terms, "{0} - {1}", value, _amount(value, terms, question))


# -- writing it down


def _result(
    name: str, when: Period, terms: tuple[_Term, ...], pattern: str, value: Decimal, shown: str
) -> Result:
    bare = _bare(pattern.format(*(t.written(False) for t in terms)), pattern)
    cited = _bare(pattern.format(*(t.written(True) for t in terms)), pattern)
    period = _spoken(when)
    operands: list[Operand] = []
    found: list[Found] = []
    for term in dict.fromkeys(terms):
        one = term.statement
        printed = [(one.text, one.value, one.item)]
        if term.move is not None:
            printed.append((term.move.text, term.move.value, f"{one.item}变动"))
        for text, worth, label in printed:
            figure = Figure(
                text, worth, Decimal(1), "%" in text, label, "", Column("", one.period.year), one.start,
                one.end, -1, True, False, one.power,
            )  # fmt: skip
            at = Sighting(figure, term.passage, one.start, one.end, 0, frozenset())
            found.append(Found(Wanted(label, (), one.period.year), at, term.score))
            operands.append(Operand(text, float(worth), label, _spoken(one.period), term.marker))
    calculation = Calculation(name, bare, bare, float(value), shown, tuple(operands))
    text = f"{name}{'，' if period else ''}{period}：{cited} = {shown}"
    return Result(text, calculation, tuple(found), ())


def _bare(text: str, pattern: str) -> str:
    """Without the brackets that a formula of one figure does not need."""
    return text[1:-1] if pattern == "{0}" and text.startswith("(") and text.endswith(")") else text


def _spoken(period: Period) -> str:
    year = f"{period.year}年" if period.year else ""
    return f"{year}{period.part}月" if period.part else year


def _percent(value: Decimal) -> str:
    return f"{_round(value * 100, 2)}%"


def _amount(value: Decimal, terms: Sequence[_Term], question: str) -> str:
    """In the unit that the question asks for, else in that of the operands."""
    one = terms[0].statement
    power = max(t.statement.power for t in terms)
    asked = list(_SCALE.finditer(question))
    if asked and asked[-1]["scale"]:
        power = {"亿": 8, "万": 4, "百万": 6, "千": 3}[asked[-1]["scale"]]
    places = max(2, max(t.statement.decimals for t in terms))
    scale = {8: "亿", 4: "万", 3: "千", 6: "百万", 7: "千万", 12: "万亿", 0: ""}.get(power)
    if scale is None:
        power, scale = 0, ""
    return f"{_round(value.scaleb(-power), places)}{scale}{one.unit}"


def _round(value: Decimal, places: int) -> str:
    return f"{value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP):f}"
