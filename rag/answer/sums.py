"""What a question asks to be calculated: from a ratio's name, its definition or the question's words.

Promises: only what the words say; a question that asks for no figure has no plan. Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from rag.answer.asked_sums import of_chinese, of_words
from rag.answer.evidence import essence, years
from rag.answer.expressions import Average, Expression, Number, Operation, Plan, Shown, Wanted
from rag.text.normalise import normalise
from rag.vocabulary import Item, Ratio, mentions
from rag.vocabulary import formula as formulas
from rag.vocabulary.entries import vocabulary

RANGE = re.compile(
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


def plan_for(question: str) -> Plan | None:
    """What is to be calculated or looked up; None when the question asks for no single figure."""
    if _ASKS_WHY.search(question):
        return None
    flat = normalise(question)
    left = essence(flat)
    stated = _asked_years(flat)
    plan = _of_ratio(flat, left, stated) or of_words(left, stated) or of_chinese(left, stated)
    return None if plan is None else with_form(plan, question)


def with_form(plan: Plan, question: str) -> Plan:
    """The plan with the decimal places and the scale that the question wants its answer in."""
    flat = normalise(question)
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
    span = RANGE.search(question)
    if span and _AVERAGE.search(question) and 0 < int(span[2]) - int(span[1]) <= 10:
        return list(range(int(span[1]), int(span[2]) + 1))
    if _YEARS_LONG.search(question) and _AVERAGE.search(question) and len(stated) in (1, 2):
        return [stated[-1] - 2, stated[-1] - 1, stated[-1]]
    return stated


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
    defined = DEFINED.search(question)
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


DEFINED = re.compile(
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
