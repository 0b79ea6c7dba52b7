"""What a question asks to be calculated: which operation, on which items, of which years, shown how.

Promises: only what the words say; a question that asks for no figure has no plan; an expression is a small
tree of frozen records, never evaluated as code; arithmetic is decimal. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, DivisionByZero, InvalidOperation, localcontext
from typing import Literal

from rag.answer.evidence import essence, years
from rag.text.normalise import normalise
from rag.text.terms import terms
from rag.vocabulary import Item, Ratio, mentions
from rag.vocabulary import formula as formulas
from rag.vocabulary.entries import vocabulary

Shown = Literal["amount", "percent", "points", "ratio", "days"]

_RANGE = re.compile(
    r"((?:19|20)\d{2})\s*年?\s*(?:-|–|—|~|to|through|至|到)\s*(?:FY\s?)?((?:19|20)\d{2})", re.I
)
_YEARS_LONG = re.compile(r"\b(?:3|three)[- ]year|近三年|三年", re.I)
_AVERAGE = re.compile(r"\baverage\b|\bmean\b|平均|均值", re.I)
_GROWTH = re.compile(
    r"(?:percentage|percent|%|per cent) (?:change|increase|decrease|growth|increase ?/ ?\(?decrease\)?)"
    r"|growth rate|\bgr[eo]w(?:th)?\b.{0,40}(?:%|percent)|year[- ]over[- ]year|\byoy\b"
    r"|增长率|增长了?百分之|同比(?:增长|变动|增减|下降)|(?:增长|变动|增减|下降|变化)(?:比例|幅度|率)|增幅|降幅",
    re.I,
)
_CHANGE = re.compile(
    r"\b(?:changed?|increase|decrease|difference|increase ?/ ?\(?decrease\)?)\b.{0,12}\b(?:in|by|of|for)\b"
    r"|how much (?:did|has|have)\b.{0,80}\bchange|增加了?多少|减少了?多少|变动(?:额|金额|多少)|增长了?多少",
    re.I,
)
_PLACES = re.compile(
    r"(?:to|with) (?P<en>one|two|three|four|\d) decimal|保留(?:到)?(?:小数点后)?(?P<zh>[一二两三四\d])位"
    r"|小数点后(?P<zh2>[一二两三四\d])位",
    re.I,
)
_SCALE_ASKED = re.compile(
    r"\bin (?:units of )?(?:USD |US\$ ?|\$ ?|RMB )?(?P<en>thousand|million|billion)s?\b"
    r"|(?:USD|US\$|RMB|\$) ?(?P<en2>thousand|million|billion)s?\b|多少(?P<zh>亿|万|百万|千)元"
    r"|单位[为是:：]?\s*(?P<zh2>亿|万|百万|千)",
    re.I,
)
_POWERS = {"thousand": 3, "million": 6, "billion": 9, "千": 3, "万": 4, "百万": 6, "亿": 8}
_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4}
_YES_NO = re.compile(r"^\s*(?:is|are|does|do|did|has|have|was|were|can|could)\b|是否|有没有|吗[？?]?$", re.I)
_ASKS_WHY = re.compile(r"\bwhy\b|\bdrove\b|\bdriv|\breason|\bcause|原因|为什么|为何|主要因素", re.I)
_TRIM = re.compile(
    r"^(?:the|a|an|total change in|company'?s?|its|their)\s+"
    r"|\s+(?:in|for|as of|at|during|between|from|of|and)$|^\W+|\W+$",
    re.I,
)
_PERIODS = re.compile(
    r"\b(?:in|for|as of|as at|at|during|between|from|by|of|the|over|to|and|compared to|,)?\s*(?:the )?"
    r"(?:fiscal |calendar )?(?:years?|year[- ]?end(?:ed)?|FY|period|financial years?|end of)?\s*"
    r"(?:ended |ending |of )?"
    r"(?:the )?(?:(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"\s+\d{1,2},?\s*)?(?:FY\s?|F)?'?(?:(?:19|20)\d{2}|(?<=F)\d{2}|(?<=FY)\d{2})\b"
    r"(?: year end)?(?:, respectively)?",
    re.I,
)
_ZH_PERIODS = re.compile(
    r"(?:19|20)\d{2}\s*年度?[末初底]?|上年|去年|本年|本期|同期|报告期(?:内|末)?|期末|年末|上一年"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A figure to be found: what it is called and of which year. ``ids``: of the vocabulary, any will do."""

    name: str
    ids: tuple[str, ...]
    year: int | None


@dataclass(frozen=True, slots=True)
class Number:
    value: Decimal


@dataclass(frozen=True, slots=True)
class Operation:
    operator: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Average:
    parts: tuple[Expression, ...]


Expression = Wanted | Number | Operation | Average


@dataclass(frozen=True, slots=True)
class Plan:
    """``others``: expressions that give the same, for when a figure of the first is not printed."""

    name: str
    expression: Expression
    shown: Shown
    others: tuple[Expression, ...] = ()
    printed: Wanted | None = None  # the result itself may be printed
    places: int | None = None
    power: int | None = None  # of ten, that the answer is asked in
    certain: bool = True  # a missing operand is worth saying
    rest: frozenset[str] = frozenset()  # of a lookup: words beside the item, to be the company's

    @property
    def lookup(self) -> bool:
        return isinstance(self.expression, Wanted)


def wanted_in(expression: Expression) -> tuple[Wanted, ...]:
    """Every figure that the expression needs, in order, each once."""
    return tuple(dict.fromkeys(_wanted(expression)))


def _wanted(expression: Expression) -> Iterator[Wanted]:
    match expression:
        case Wanted():
            yield expression
        case Operation(left=left, right=right):
            yield from _wanted(left)
            yield from _wanted(right)
        case Average(parts=parts):
            for part in parts:
                yield from _wanted(part)


def evaluate(expression: Expression, value: Callable[[Wanted], Decimal]) -> Decimal:
    """The expression's value. Raises ZeroDivisionError."""
    with localcontext() as context:
        context.prec = 34
        try:
            return _evaluate(expression, value)
        except (DivisionByZero, InvalidOperation) as error:
            raise ZeroDivisionError from error


def _evaluate(expression: Expression, value: Callable[[Wanted], Decimal]) -> Decimal:
    match expression:
        case Wanted():
            return value(expression)
        case Number(value=number):
            return number
        case Average(parts=parts):
            return sum((_evaluate(p, value) for p in parts), Decimal(0)) / len(parts)
        case Operation(operator=operator, left=left, right=right):
            one, other = _evaluate(left, value), _evaluate(right, value)
            if operator == "+":
                return one + other
            if operator == "-":
                return one - other
            return one * other if operator == "*" else one / other


def write(expression: Expression, word: Callable[[Wanted], str], average: str, outer: str = "") -> str:
    """The expression in words: ``word`` for each figure, ``average`` as in "average({})"."""
    match expression:
        case Wanted():
            return word(expression)
        case Number(value=number):
            return f"{number.normalize():f}"
        case Average(parts=parts):
            return average.format(", ".join(write(p, word, average) for p in parts))
        case Operation(operator=operator, left=left, right=right):
            one = write(left, word, average, operator)
            other = write(right, word, average, operator + "r")
            text = f"{one} {'×' if operator == '*' else operator} {other}"
            tight = outer[:1] in ("*", "/") and operator in "+-"
            tight = tight or outer in ("-r", "/r", "*r")
            return f"({text})" if tight else text


def plan_for(question: str) -> Plan | None:
    """What is to be calculated or looked up; None when the question asks for no single figure."""
    if _ASKS_WHY.search(question):
        return None
    flat = normalise(question)
    left = essence(flat)
    stated = _asked_years(flat)
    plan = _of_ratio(flat, left, stated) or _of_words(left, stated) or _of_chinese(left, stated)
    if plan is None:
        return None
    places = _PLACES.search(flat)
    if places:
        count = next(g for g in places.groups() if g)
        plan = _with(plan, places=int(count) if count.isdigit() else _COUNTS[count.lower()])
    scale = _SCALE_ASKED.search(flat)
    if scale:
        plan = _with(plan, power=_POWERS[next(g for g in scale.groups() if g).lower()])
    return plan


def _with(plan: Plan, *, places: int | None = None, power: int | None = None) -> Plan:
    return replace(plan, places=plan.places if places is None else places, power=plan.power or power)


def _asked_years(question: str) -> list[int]:
    stated = sorted(years(question) | {2000 + int(y) for y in re.findall(r"\bFY?'?(\d{2})\b", question)})
    span = _RANGE.search(question)
    if span and _AVERAGE.search(question) and 0 < int(span[2]) - int(span[1]) <= 10:
        return list(range(int(span[1]), int(span[2]) + 1))
    if _YEARS_LONG.search(question) and _AVERAGE.search(question) and len(stated) in (1, 2):
        return [stated[-1] - 2, stated[-1] - 1, stated[-1]]
    return stated


# -- ratios of the vocabulary


def _of_ratio(question: str, left: str, stated: list[int]) -> Plan | None:
    found = [m for m in mentions(left) if isinstance(m.entry, Ratio) and not m.entry.of_any_item]
    if not found or _YES_NO.search(left):
        return None
    mention = max(found, key=lambda m: len(m.name.text))
    ratio = mention.entry
    assert isinstance(ratio, Ratio)
    if len(found) > 1 and not all(m.name.text in mention.name.text for m in found) and len(found) > 2:
        return None
    year = stated[-1] if stated else None
    trees = [formulas.parse_formula(f) for f in (ratio.formula, *ratio.alternatives)]
    defined = _DEFINED.search(question)
    if defined:
        # The question's own definition counts: a formula that lacks one of its items is another one.
        said = re.split(r"[.。](?:\s|$)", question[defined.end() :])[0]
        own = {m.id for m in mentions(said) if isinstance(m.entry, Item)}
        own = {i for i in own if vocabulary().items[i].kind == "amount"}
        trees = [t for t in trees if own <= {r.item for r in formulas.references(t)}]
    if not trees or _ADJUSTED.search(question):
        return None
    shown: Shown = {"percent": "percent", "days": "days", "amount": "amount"}.get(ratio.unit, "ratio")  # type: ignore[assignment]
    name = mention.name.text

    def of(tree: formulas.Node, when: int | None) -> Expression:
        return _expression(tree, when)

    if _AVERAGE.search(left) and len(stated) > 1 and not _RANGE_IN_FORMULA.search(question):
        every = [Average(tuple(of(t, y) for y in stated)) for t in trees]
        return Plan(name, every[0], shown, tuple(every[1:]))
    changes = _CHANGE.search(left) or _GROWTH.search(left)
    growing = ratio.id.endswith("_growth")
    if changes and not growing and ratio.unit == "percent":
        older = stated[0] if len(stated) > 1 else (year - 1 if year else None)
        if year is None or older is None:
            return None
        both = [Operation("-", of(t, year), of(t, older)) for t in trees]
        return Plan(name, both[0], "points", tuple(both[1:]))
    single = [of(t, year) for t in trees]
    printed = Wanted(name, (ratio.id,), year) if ratio.unit != "amount" else None
    return Plan(name, single[0], shown, tuple(single[1:]), printed)


_DEFINED = re.compile(
    r"\bdefined as\b|\bdefine\b|\bcalculate .{0,40}\busing\b|\bas the numerator\b|定义为", re.I
)
_ADJUSTED = re.compile(
    r"(?<![a-z])adjusted|non-?gaap|constant currency|调整后|扣非|扣除非经常性", re.IGNORECASE
)
_RANGE_IN_FORMULA = re.compile(r"\(\s*average\b|defined as|/ ?\(?average", re.I)


def _expression(tree: formulas.Node, year: int | None) -> Expression:
    match tree:
        case formulas.Number(value=value):
            return Number(Decimal(repr(value)))
        case formulas.Reference(item=item, period=period):
            known = vocabulary().items[item]
            before = year - 1 if year is not None else None
            now, last = Wanted(_spoken(known), (item,), year), Wanted(_spoken(known), (item,), before)
            if period == "now" or year is None:
                return now
            if period == "previous":
                return last
            return Average((last, now)) if period == "average" else Operation("-", now, last)
        case formulas.Operation(operator=operator, left=left, right=right):
            return Operation(operator, _expression(left, year), _expression(right, year))
    raise AssertionError(tree)


def _spoken(item: Item) -> str:
    return item.names_en[0].text


# -- operations in words

_EN = (
    ("growth", r"(?:percentage|percent|%|per cent) (?:change|increase|decrease|growth)"
               r"\s*(?:/ ?\(?decrease\)?\s*)?(?:in|of|for|between)\s+(?P<x>.+)"),
    ("growth", r"(?P<x>[^?]+?)\s+growth rate|growth rate (?:of|in)\s+(?P<x2>.+)"),
    ("share", r"(?:what|which) (?:percentage|percent|proportion|share) of\s+(?P<y>.+?)\s+"
              r"(?:does|do|did|is|are|was|were|came from|comes from)\s+(?P<x>.+?)"
              r"(?:\s+(?:make up|constitute|form|represent|account for).*)?$"),
    ("share", r"(?:what (?:is|was|were|are) (?:the )?(?:percentage of )?)?"
              r"(?P<x>.+?)\s+as a "
              r"(?:percentage|percent|%|share|proportion) of\s+(?P<y>.+)"),
    ("share", r"(?:proportion|percentage(?: constitution)?|percent|share)\s+(?:\([^)]*\)\s+)?of\s+"
              r"(?P<x>.+?)\s+"
              r"(?:over|among|in|to|out of)\s+(?P<y>.+)"),
    ("ratio", r"\bratio of\s+(?P<x>.+?)\s+to\s+(?P<y>.+)"),
    ("apart", r"difference between\s+(?P<x>.+?)\s+and\s+(?P<y>.+)"),
    ("apart", r"difference in (?:the )?.+?\s+between\s+(?P<x>.+?)\s+and\s+(?P<y>.+)"),
    ("average", r"\b(?:average|mean)\s+(?P<x>.+)"),
    ("total", r"\b(?:sum|total) of\s+(?P<x>.+?)\s+and\s+(?P<y>.+)"),
    ("change", r"\b(?:change|increase ?/ ?\(?decrease\)?|increase|decrease|difference)\s+(?:in|of)\s+"
               r"(?P<x>.+)"),
    ("change", r"how much (?:did|has|have)\s+(?P<x>.+?)\s+(?:change|increase|decrease|grow)\w*"),
)  # fmt: skip


def _of_words(left: str, stated: list[int]) -> Plan | None:
    sentence = left.strip().rstrip("?？. ")
    if re.search("[\u3400-\u9fff]", sentence):
        return None
    for kind, pattern in _EN:
        match = re.search(pattern, sentence, re.IGNORECASE)
        if match is None:
            continue
        groups = match.groupdict()
        x = _phrase(groups.get("x") or groups.get("x2") or "")
        y = _phrase(groups.get("y") or "")
        made = _operation(kind, x, y, stated)
        if made is not None:
            return made
    return _lookup(sentence, stated)


def _lookup(sentence: str, stated: list[int]) -> Plan | None:
    """A single figure: of an item of the vocabulary, or of what the words after "what was" name."""
    match = next(reversed(list(_ASKS.finditer(sentence))), None)
    if match is None or len(stated) != 1 or re.search(r"\bwho\b|\bwhich\b|\bquarter\b|\bQ[1-4]\b", sentence):
        return None
    asked = re.sub(r"\([^()]*\)", " ", sentence[match.end() :])
    asked = re.split(r"[.?!;](?:\s|$)", asked)[0]
    found = [m for m in mentions(asked) if isinstance(m.entry, Item) and m.entry.amount]
    x = _phrase(asked)
    if len(found) == 1:
        one = found[0]
        rest = {t for t in terms(x) if t not in one.name.terms and t not in _SAID_BESIDE and not t.isdigit()}
        wanted = Wanted(one.name.text, (one.id, *one.also), stated[0])
        others = (Wanted(x, (), stated[0]),) if rest else ()
        return Plan(wanted.name, wanted, "amount", others, certain=False, rest=frozenset(rest))
    if not x or found:
        return None
    return Plan(x, Wanted(x, (), stated[0]), "amount", certain=False)


_ASKS = re.compile(
    r"\b(?:what|how much|how many)\b(?:'s)?\s*(?:is|was|were|are|did|has|had|does)?\b", re.IGNORECASE
)
_SAID_BESIDE_WORDS = """
total net the of in year end amount its for to and at by with a on from as did have had has was were is are
their company fy usd million
billion thousand value reported consolidated group inc corp end ended fiscal dollars s
"""
_SAID_BESIDE = frozenset(_SAID_BESIDE_WORDS.split())


def _operation(kind: str, x: str, y: str, stated: list[int]) -> Plan | None:
    if not x or len(x) > 160:
        return None
    newest = stated[-1] if stated else None
    oldest = stated[0] if len(stated) > 1 else (newest - 1 if newest is not None else None)

    def of(phrase: str, year: int | None) -> Wanted:
        return Wanted(phrase, _ids(phrase), year)

    if kind in ("growth", "change"):
        if newest is None or oldest is None:
            return None
        now, before = of(x, newest), of(x, oldest)
        if kind == "change":
            return Plan(f"change in {x}", Operation("-", now, before), "amount")
        return Plan(f"change in {x}", Operation("/", Operation("-", now, before), before), "percent")
    if kind == "average":
        parts = tuple(of(x, year) for year in stated)
        return Plan(f"average {x}", Average(parts), "amount") if len(parts) > 1 else None
    if not y:
        return None
    if kind == "share":
        return Plan(f"{x} / {y}", Operation("/", _summed(x, newest), of(y, newest)), "percent")
    if kind == "ratio":
        return Plan(f"{x} / {y}", Operation("/", of(x, newest), of(y, newest)), "ratio")
    if kind == "apart":
        if re.fullmatch(r"(?:19|20)?\d{0,4}", x):
            return None
        return Plan(f"{x} - {y}", Operation("-", of(x, newest), of(y, newest)), "amount")
    if len(stated) > 1:
        return None
    return Plan(f"{x} + {y}", Operation("+", of(x, newest), of(y, newest)), "amount")


def _summed(phrase: str, year: int | None) -> Expression:
    """ "the sum of A and B" as a sum; any other phrase as one figure."""
    match = re.match(r"(?:the )?sum of\s+(?P<a>.+?)\s+and\s+(?P<b>.+)", phrase, re.I)
    if match is None:
        return Wanted(phrase, _ids(phrase), year)
    a, b = _phrase(match["a"]), _phrase(match["b"])
    return Operation("+", Wanted(a, _ids(a), year), Wanted(b, _ids(b), year))


def _phrase(text: str) -> str:
    text = _PERIODS.sub(" ", text)
    text = re.sub(r"\s+", " ", text).strip()
    for _ in range(4):
        text = _TRIM.sub("", text).strip()
    return text


def _ids(phrase: str) -> tuple[str, ...]:
    """Of the one item that the phrase is: only when its name is all of the phrase but small words."""
    found = [m for m in mentions(phrase) if isinstance(m.entry, Item) and m.entry.amount]
    if len(found) != 1:
        return ()
    rest = [t for t in terms(phrase) if t not in found[0].name.terms and t not in _LIGHT]
    if found[0].name.chinese:
        rest = [c for c in phrase.replace(found[0].name.text, "") if c not in _LIGHT_ZH]
    return (found[0].id, *found[0].also) if not rest else ()


_LIGHT = frozenset(["total", "net", "the", "of", "in", "year", "end", "amount", "its", "for", "to"])
_LIGHT_ZH = frozenset("的总额金额合计公司为是 ()（）元")


# -- Chinese

_ZH_SHARE = re.compile(
    r"(?P<x>[^，。？占]{2,40}?)占(?:公司)?(?P<y>[^，。？]{2,30}?)的?(?:比例|比重|比率|百分比|百分之)"
)
_ZH_OF = re.compile(r"(?P<x>[^，。？]{2,40}?)(?:是|为|达|有)?(?:多少|几何|什么)")
_ZH_GROWTH = re.compile(
    r"(?P<x>[^，。？]{2,40}?)(?:的)?(?:较|比|相比|与)?(?:上年同期|上年|去年|同期|上一年)?(?:的)?(?:同比)?"
    r"(?:增长率|增减率|变动率|增长了?百分之|同比增长|同比变动|同比下降|增长(?:比例|幅度)"
    r"|变动(?:比例|幅度)|增幅)"
)
_ZH_CHANGE = re.compile(
    r"(?P<x>[^，。？]{2,40}?)(?:较|比|相比).{0,12}?(?:增加|减少|增长|变动)了?多少(?!百分)"
    r"|(?P<x2>[^，。？]{2,40}?)同比(?:增加|减少|增长|变动)了?多少"
)
_ZH_FORMULA = re.compile(r"[（(](?P<x>[^/÷（）()]{2,30})[/÷](?P<y>[^/÷（）()]{2,30})[）)]")
_ZH_QUALIFIED = re.compile(
    r"每|前[一二三四五六七八九十\d]|人均|季度|业务|产品|子公司|母公司|分部|地区|拟|行业"
)
_ZH_SUM = re.compile(r"(?P<x>[^，。？]{2,30}?)(?:与|和|及|加)(?P<y>[^，。？]{2,30}?)(?:之和|合计|总和|一共)")
_ZH_APART = re.compile(
    r"(?P<x>[^，。？]{2,30}?)(?:比|较)(?P<y>[^，。？]{2,30}?)(?:多|高出?|少|低)(?:了)?多少"
)


def _of_chinese(left: str, stated: list[int]) -> Plan | None:
    if not re.search("[\u3400-\u9fff]", left):
        return None
    text = re.sub(r"\s+", "", left)
    newest = stated[-1] if stated else None
    oldest = stated[0] if len(stated) > 1 else (newest - 1 if newest is not None else None)

    def of(phrase: str, year: int | None) -> Wanted | None:
        bare = _zh_phrase(phrase)
        return Wanted(bare, _zh_ids(bare), year) if len(bare) > 1 else None

    for kind, pattern in (
        ("share", _ZH_SHARE),
        ("growth", _ZH_GROWTH),
        ("sum", _ZH_SUM),
        ("change", _ZH_CHANGE),
    ):
        match = pattern.search(text)
        if match is None:
            continue
        x = of(match["x"] or match.groupdict().get("x2") or "", newest)
        y = of(match["y"], newest) if "y" in match.groupdict() else None
        if x is None:
            return None
        if kind in ("growth", "change") and oldest is not None:
            before = Wanted(x.name, x.ids, oldest)
            name = f"{x.name}变动"
            if kind == "change" and re.search(r"金额|多少[亿万千百]*元|额(?:是|为)?多少", text):
                return Plan(name, Operation("-", x, before), "amount")
            return Plan(name, Operation("/", Operation("-", x, before), before), "percent")
        if y is not None and kind == "share":
            return Plan(f"{x.name}占{y.name}的比例", Operation("/", x, y), "percent", certain=False)
        if y is not None and kind == "sum":
            return Plan(f"{x.name}与{y.name}之和", Operation("+", x, y), "amount")
    match = _ZH_OF.search(text)
    if match and len(stated) == 1:
        x = of(match["x"], newest)
        if x is not None and x.ids and not _ZH_QUALIFIED.search(match["x"]):
            return Plan(x.name, x, "amount", certain=False)
    return None


def _zh_phrase(phrase: str) -> str:
    phrase = _ZH_PERIODS.sub("", phrase)
    known = [m for m in mentions(phrase) if m.name.chinese]
    if known:
        # What stands before the first known name is the company, unless it is short.
        at = min(phrase.find(m.name.text) for m in known if m.name.text in phrase) if known else 0
        phrase = phrase[at:] if at > 0 else phrase
    return phrase.strip("的在是为，、 ")


def _zh_ids(phrase: str) -> tuple[str, ...]:
    found = [m for m in mentions(phrase) if isinstance(m.entry, Item) and m.entry.amount and m.name.chinese]
    if len(found) != 1:
        return ()
    rest = [c for c in phrase.replace(found[0].name.text, "") if c not in _LIGHT_ZH]
    return (found[0].id, *found[0].also) if len(rest) <= 0 else ()
