"""A calculation written down: its formula in words and in cited numbers, its result with unit and scale.

Promises: figures that cannot be set against each other (unknown scales of different tables, percentages
against amounts, the parent's against the group's) make no formula.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from rag.answer.evidence import head
from rag.answer.expressions import Average, Expression, Operation, Plan, Wanted, evaluate, write
from rag.answer.operands import EITHER_WAY, Found
from rag.answer.shelf import Shelf, Sighting
from rag.records import Calculation, Operand, Passage
from rag.text.language import detect_language
from rag.vocabulary.entries import vocabulary

_COST = re.compile(r"\bcosts?\b|expense|provision|\btax|费用|成本|税", re.IGNORECASE)
_SCALE_NAMES = {
    "en": {3: "thousand", 6: "million", 9: "billion"},
    "zh": {3: "千", 4: "万", 6: "百万", 8: "亿", 9: "十亿"},
}


@dataclass(frozen=True, slots=True)
class Result:
    """``text``: the line of the answer, with markers; ``found``: the operands in order; ``added``: passages
    that were not among the question's, in the order of their markers."""

    text: str
    calculation: Calculation
    found: tuple[Found, ...]
    added: tuple[Passage, ...]
    alone: bool = False  # no quote can add to it: all that was compared is shown


def write_down(
    question: str, plan: Plan, expression: Expression, found: dict[Wanted, Found], shelf: Shelf
) -> Result | None:
    language = "zh" if detect_language(question) == "zh" else "en"
    values = {w: _as_asked(f, expression) for w, f in found.items()}
    if not _comparable(plan, expression, list(found.values())):
        return None
    by_name = {(w.name, w.ids, w.year): w for w in found}
    try:
        value = evaluate(expression, lambda w: values[by_name[(w.name, w.ids, w.year)]])
    except ZeroDivisionError:
        return None
    markers, added = markers_of([f.sighting.passage for f in found.values()], shelf)

    def printed(wanted: Wanted, cited: bool) -> str:
        one = found[by_name[(wanted.name, wanted.ids, wanted.year)]]
        text = _plain(one.sighting.figure.text, expression)
        return f"{text} [{markers[one.sighting.passage.chunk_id]}]" if cited else text

    def called(wanted: Wanted) -> str:
        one = found[by_name[(wanted.name, wanted.ids, wanted.year)]]
        year = one.sighting.figure.column.year
        name = label_of(one) if language == "zh" or not wanted.ids else wanted.name
        several = len({w.year for w in found}) > 1
        return f"{name} {period_of(year, language)}".strip() if several else name

    average = "平均({})" if language == "zh" else "average({})"
    shown = _shown(plan, value, list(found.values()), language)
    formula = write(expression, called, average)
    bare = write(expression, lambda w: printed(w, False), average)
    cited = write(expression, lambda w: printed(w, True), average)
    years = [f.sighting.figure.column.year for f in found.values() if f.sighting.figure.column.year]
    when = period_of(max(years), language) if years else ""
    if isinstance(expression, Average) and len(set(years)) > 1:
        when = f"{period_of(min(years), language)}-{when}"
    operands = tuple(
        Operand(
            text=f.sighting.figure.text,
            value=float(f.value),
            label=label_of(f),
            period=period_of(f.sighting.figure.column.year, language),
            marker=markers[f.sighting.passage.chunk_id],
        )
        for f in found.values()
    )
    name = plan.name if language == "zh" else plan.name[:1].upper() + plan.name[1:]
    percent = " × 100 %" if plan.shown == "percent" and isinstance(expression, Operation | Average) else ""
    calculation = Calculation(name, formula, bare, float(value), shown, operands)
    if plan.lookup:
        one = next(iter(found.values()))
        sep = "：" if language == "zh" else ": "
        comma = "，" if language == "zh" else ", "
        text = f"{label_of(one)}{comma}{when}{sep}{shown} [{markers[one.sighting.passage.chunk_id]}]"
    else:
        sep = "：" if language == "zh" else ": "
        comma = "，" if language == "zh" else ", "
        end = _unit_note(list(found.values()), plan, language)
        text = f"{name}{comma}{when}{sep}{formula} = {cited}{percent} = {shown}{end}"
    return Result(text, calculation, tuple(found.values()), added)


def _as_asked(found: Found, expression: Expression) -> Decimal:
    """An outflow that is printed in brackets is spoken of as a positive amount."""
    return abs(found.value) if _outflow(found) else found.value


def _outflow(found: Found) -> bool:
    item = next((vocabulary().items[i] for i in found.wanted.ids if i in vocabulary().items), None)
    return item is not None and item.sign == "outflow"


def _comparable(plan: Plan, expression: Expression, found: Sequence[Found]) -> bool:
    """Whether the figures may be set against each other: all scales known or all from one table, percentages
    only with percentages."""
    figures = [f.sighting.figure for f in found]
    if len({f.percent for f in figures}) > 1 or len({f.parent for f in figures}) > 1:
        return False
    if isinstance(expression, Operation) and expression.operator == "-" and plan.shown == "amount":
        values = [f.value for f in found]
        either_way = all(EITHER_WAY.search(label_of(f)) for f in found)
        if all(v < 0 for v in values) and not either_way and not all(map(_outflow, found)):
            return False  # printed in brackets: a cost that grew or a gain that shrank?
    if plan.shown == "percent" and figures[0].percent and not plan.lookup:
        return False
    costs = [f for f in found if f.value < 0 and _COST.search(label_of(f)) and not _outflow(f)]
    if costs and any(f.value > 0 for f in found) and not plan.lookup:
        return False  # an expense in brackets among figures that are not
    unsure = [f for f in figures if not f.scaled]
    pages = {f.sighting.passage.page_start for f in found}
    return not unsure or (len(unsure) == len(figures) and (len(pages) == 1 or len(figures) == 1))


def markers_of(passages: Sequence[Passage], shelf: Shelf) -> tuple[dict[int, int], tuple[Passage, ...]]:
    known = {p.chunk_id: n for n, p in enumerate(shelf.passages, 1)}
    added: list[Passage] = []
    for passage in passages:
        if passage.chunk_id not in known:
            known[passage.chunk_id] = len(shelf.passages) + len(added) + 1
            added.append(replace(passage, rank=known[passage.chunk_id]))
    return known, tuple(added)


def _plain(text: str, expression: Expression) -> str:
    return re.sub(r"^[$¥￥€£\s]+", "", text)


def label_of(found: Found) -> str:
    label = found.sighting.figure.label or found.wanted.name
    label = re.sub(r"^(?:[一二三四五六七八九十]{1,3}、|其中[:：]|[减加][:：])", "", label)
    return label.strip(" :：")[:90]


def period_of(year: int | None, language: str) -> str:
    if year is None:
        return ""
    return f"{year}年" if language == "zh" else f"FY{year}"


def _shown(plan: Plan, value: Decimal, found: Sequence[Found], language: str) -> str:
    figures = [f.sighting.figure for f in found]
    if plan.shown in ("percent", "points"):
        number = value if figures[0].percent else value * 100
        text = _round(number, 2 if plan.places is None else plan.places)
        if plan.shown == "points":
            return f"{text} 个百分点" if language == "zh" else f"{text} percentage points"
        return f"{text}%" if language == "zh" else f"{text} %"
    if plan.shown in ("ratio", "days"):
        text = _round(value, 2 if plan.places is None else plan.places)
        return f"{text} {'天' if language == 'zh' else 'days'}" if plan.shown == "days" else text
    if all(f.percent for f in figures):
        places = max(-int(f.step.as_tuple().exponent) for f in figures) if plan.lookup else 2
        return f"{_round(value, places if plan.places is None else plan.places)}%"
    power = plan.power if plan.power is not None else max(f.power for f in figures)
    scaled = value.scaleb(-power)
    finest = min(int(f.step.scaleb(-f.power).as_tuple().exponent) for f in figures)
    places = max(0, -finest)
    if plan.power is not None and plan.power > max(f.power for f in figures):
        places = max(2, places)
    if isinstance(plan.expression, Average):
        places += 1
    text = _round(scaled, places if plan.places is None else plan.places, grouped=True)
    return _with_unit(text, power, figures[0].text, found[0].sighting, language)


def shown_amount(found: Found, language: str, value: Decimal | None = None) -> str:
    """A figure (or another value of its kind) as an answer shows it: with unit and scale."""
    plan = Plan(found.wanted.name, found.wanted, "amount")
    return _shown(plan, found.value if value is None else value, [found], language)


def _round(value: Decimal, places: int, *, grouped: bool = False) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded:,f}" if grouped or abs(rounded) >= 10_000 else f"{rounded:f}"


def _with_unit(text: str, power: int, printed: str, sighting: Sighting, language: str) -> str:
    around = f"{sighting.passage.table_header}\n{sighting.passage.text}\n{head(sighting.passage)}"
    scale = _SCALE_NAMES[language].get(power, "")
    if language == "zh":
        dollars = "美元" if re.search(r"US\$|\$|USD", around) else ""
        yuan = "元" if not dollars and re.search(r"元|人民币|RMB", around) else ""
        each = re.search(r"每股|元/股", sighting.figure.label)
        return f"{text}{scale}{dollars or yuan}{'/股' if each else ''}"
    mark = "$" if "$" in around and "RMB" not in around and not _counts(sighting) else ""
    minus = "-" if text.startswith("-") else ""
    return f"{minus}{mark}{text.lstrip('-')}{' ' + scale if scale else ''}"


def _counts(sighting: Sighting) -> bool:
    label = sighting.figure.label.lower()
    return re.search(r"\bshares\b|\bnumber of\b|\bemployees\b|\bstores\b|人|户", label) is not None


def _unit_note(found: Sequence[Found], plan: Plan, language: str) -> str:
    powers = {f.sighting.figure.power for f in found if not f.sighting.figure.percent}
    if len(powers) != 1 or plan.shown == "amount":
        return ""
    scale = _SCALE_NAMES[language].get(powers.pop(), "")
    if not scale:
        return ""
    return f"（单位：{scale}）" if language == "zh" else f" (amounts in {scale}s)"
