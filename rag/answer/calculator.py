"""Arithmetic that a question asks of its documents, done on cited numbers and shown as a formula.

Promises: every operand stands in a table row that is named like what is asked, in a column of the year
asked; all operands come from one document; nothing is guessed: when an operand is not found, the calculation
is not made and the operand is named. Consolidated figures go before the parent company's, a statement's own
row before others. A single value that is asked for is looked up the same way. Decimal arithmetic throughout.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from rag.answer import citations
from rag.answer.evidence import head, term_set
from rag.answer.extractive import Quote
from rag.answer.shelf import Shelf, Sighting, own_year
from rag.answer.sums import Average, Expression, Operation, Plan, Wanted, evaluate, plan_for, wanted_in, write
from rag.records import Calculation, Citation, Operand, Passage
from rag.text.language import detect_language
from rag.text.terms import terms
from rag.vocabulary import Item, mentions
from rag.vocabulary.entries import vocabulary

ENOUGH = 0.8
"""How far (0..1) a row must be named like what is asked before it is calculated with."""
_DOCUMENTS = 3
_LIGHT_WORDS = """
total net of and the in for to a on at from by with s other company consolidated its including amount value
year ended
"""
_LIGHT = frozenset(_LIGHT_WORDS.split())
_COST = re.compile(r"\bcosts?\b|expense|provision|\btax|费用|成本|税", re.IGNORECASE)
_EITHER_WAY = re.compile(r"income|profit|net loss|cash|earnings|利润|亏损|现金|收益", re.IGNORECASE)
_TOTAL = re.compile(r"\btotal\b|合计|总", re.IGNORECASE)
_ZH_NOISE = re.compile(
    r"^(?:[一二三四五六七八九十]{1,3}[、.]|其中[:：]?|[减加][:：]|[（(]\d+[)）]|\d+[、.])|[（(][^（）()]*[)）]|[\s:：]"
)
_BRACKETS = re.compile(r"\([^()]*\)|（[^（）]*）")
_STATEMENT_WORDS = {
    "income_statement": "consolidated statements of income operations 合并利润表 主要会计数据",
    "balance_sheet": "consolidated balance sheets 合并资产负债表 主要会计数据",
    "cash_flow": "consolidated statements of cash flows 合并现金流量表 主要会计数据",
}
_SCALE_NAMES = {
    "en": {3: "thousand", 6: "million", 9: "billion"},
    "zh": {3: "千", 4: "万", 6: "百万", 8: "亿", 9: "十亿"},
}


@dataclass(frozen=True, slots=True)
class Found:
    wanted: Wanted
    sighting: Sighting
    score: float
    stated: bool = True  # it stands in the statement where such a figure stands

    @property
    def value(self) -> Decimal:
        return self.sighting.figure.value


@dataclass(frozen=True, slots=True)
class Result:
    """``text``: the line of the answer, with markers; ``found``: the operands in order; ``added``: passages
    that were not among the question's, in the order of their markers."""

    text: str
    calculation: Calculation
    found: tuple[Found, ...]
    added: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """What kept a calculation from being made."""

    name: str
    item: str
    year: int | None


def calculate(question: str, shelf: Shelf) -> Result | Missing | None:
    """The calculation or the value that the question asks for; None when it asks for none, or when what was
    found is not certain enough to be shown before the quotes."""
    plan = plan_for(question)
    if plan is None or not shelf.passages:
        return None
    missing: Missing | None = None
    known = term_set(question)
    for document in _documents(plan, question, shelf)[:_DOCUMENTS]:
        for expression in (plan.expression, *plan.others):
            named_only = isinstance(expression, Wanted) and bool(expression.ids)
            if named_only and not _only_asked(plan, document, shelf):
                continue
            found = _gather(wanted_in(expression), document, shelf, known)
            if isinstance(found, Missing):
                missing = missing or replace(found, name=plan.name, item=_spoken(found.item, question))
                continue
            return _made(question, plan, expression, found, shelf)
    return missing if plan.certain and _half_there(missing, plan) else None


def _only_asked(plan: Plan, document: int, shelf: Shelf) -> bool:
    """Whether all that the question says beside the item is whose it is: "net sales of the Europe segment"
    are no net sales."""
    return plan.rest <= _names_of(shelf.of(document))


def beside(made: Result, quotes: Sequence[Quote]) -> list[Quote]:
    """The quotes worth showing under the calculation: none of a row that it uses, two at most."""
    rows = {f.sighting.passage.text[f.sighting.start : f.sighting.end].strip() for f in made.found}
    return [q for q in quotes if q.unit.text.strip() not in rows][:2]


def cite(made: Result, page_of: citations.PageOf) -> tuple[Citation, ...]:
    """The rows that the operands stand in, in order."""
    cited: dict[tuple[int, int], Citation] = {}
    for found, operand in zip(made.found, made.calculation.operands, strict=True):
        at = found.sighting
        if (at.passage.chunk_id, at.start) not in cited:
            cited[at.passage.chunk_id, at.start] = citations.locate(
                operand.marker, at.passage, at.start, at.end, page_of
            )
    return tuple(cited.values())


def _spoken(name: str, question: str) -> str:
    """The item's name in the question's language, where the vocabulary has one."""
    if detect_language(question) != "zh" or not name.isascii():
        return name
    item = next((m.entry for m in mentions(name) if isinstance(m.entry, Item)), None)
    return item.names_zh[0].text if item is not None else name


def _half_there(missing: Missing | None, plan: Plan) -> bool:
    return missing is not None and any(w.ids for w in wanted_in(plan.expression))


def _documents(plan: Plan, question: str, shelf: Shelf) -> list[int]:
    """The documents to look in, the likeliest first: found early and often, named in the question, of the
    year asked."""
    asked = term_set(question)
    years = [w.year for w in wanted_in(plan.expression) if w.year]
    newest = max(years, default=None)
    score: dict[int, float] = {}
    for passage in shelf.passages:
        score[passage.document_id] = score.get(passage.document_id, 0.0) + 1.0 / (1 + passage.rank)
    for document in score:
        first = shelf.of(document)[0]
        named = term_set(f"{first.document} {first.title} {first.about.company}") & asked
        score[document] += 0.6 * bool({t for t in named if not t.isdigit() and len(t) > 1})
        own = own_year(first)
        if newest and own:
            score[document] += 0.6 if own == newest else 0.3 if own == newest + 1 else 0.0
    return sorted(score, key=lambda d: -score[d])


def _gather(
    wanted: Sequence[Wanted], document: int, shelf: Shelf, known: frozenset[str]
) -> dict[Wanted, Found] | Missing:
    named = known | _names_of(shelf.of(document))
    found: dict[Wanted, Found] = {}
    seen = shelf.sightings(document)
    together = _together(wanted, seen, named)
    for one in wanted:
        beside = _same_row(one, found, seen)
        if beside is not None:
            found[one] = beside
            continue
        pages = {f.sighting.passage.page_start for w, f in found.items() if _alike(w, one)}
        best = _best(one, seen, named, together, pages)
        tries = 0
        # A figure that does not stand in its statement is taken only when the statement cannot be found.
        while (best is None or (not best.stated and not tries)) and tries < 2:
            tries += 1
            if shelf.look_for(_query(one, tries), document):
                seen = shelf.sightings(document)
                together = _together(wanted, seen, named)
                best = _best(one, seen, named, together, pages)
        if best is None:
            return Missing("", one.name, one.year)
        found[one] = best
    return found


def _same_row(wanted: Wanted, found: dict[Wanted, Found], seen: Sequence[Sighting]) -> Found | None:
    """The figure of another year in the row where the item was found."""
    for other, there in found.items():
        if (other.name, other.ids) != (wanted.name, wanted.ids) or wanted.year is None:
            continue
        at = there.sighting
        for sighting in seen:
            figure = sighting.figure
            here = sighting.passage.chunk_id == at.passage.chunk_id and figure.row == at.figure.row
            same = figure.column.kind == at.figure.column.kind and figure.column.part == at.figure.column.part
            if here and same and figure.column.year == wanted.year:
                return Found(wanted, sighting, there.score, there.stated)
    return None


def _alike(one: Wanted, other: Wanted) -> bool:
    """Whether both stand in the same statement."""
    a, b = _item(one), _item(other)
    return a is None or b is None or a.statement == b.statement


def _together(wanted: Sequence[Wanted], seen: Sequence[Sighting], known: frozenset[str]) -> Counter[int]:
    """Page -> how many of the wanted figures stand on it."""
    there = {
        (s.passage.page_start, one)
        for s in seen
        for one in wanted
        if s.figure.column.year == one.year and _named(one, s, known) >= ENOUGH
    }
    return Counter(page for page, _ in there)


def _names_of(passages: Sequence[Passage]) -> frozenset[str]:
    if not passages:
        return frozenset()
    first = passages[0]
    return term_set(f"{first.document} {first.title} {first.about.company}")


def _query(wanted: Wanted, tries: int) -> str:
    item = next((vocabulary().items[i] for i in wanted.ids if i in vocabulary().items), None)
    names = [wanted.name]
    if item is not None:
        names += [n.text for n in (*item.names_en[:2], *item.names_zh[:1])]
        if tries == 1:
            names = [_STATEMENT_WORDS.get(item.statement, ""), *names[:2]]
    return " ".join(dict.fromkeys(filter(None, names))) + (f" {wanted.year}" if wanted.year else "")


def _best(
    wanted: Wanted,
    seen: Sequence[Sighting],
    known: frozenset[str],
    together: Counter[int],
    pages: Collection[int] = (),
) -> Found | None:
    """The figure that is named most like what is wanted, of its year. None below :data:`ENOUGH`. ``pages``:
    where others of its statement were found."""
    item = _item(wanted)
    newest = max((s.figure.column.year or 0 for s in seen), default=0) or None
    year = wanted.year or newest
    best: Found | None = None
    rivals: dict[tuple[int, int], list[Sighting]] = {}
    close: list[tuple[float, Sighting]] = []
    for sighting in seen:
        figure = sighting.figure
        if figure.column.kind == "change" or figure.column.part or figure.column.year != year or year is None:
            continue
        score = _named(wanted, sighting, known)
        if score < ENOUGH or _wrong_sign(figure.value, item):
            continue
        page = sighting.passage.page_start
        stated = item is None or not item.statement or _stands_in(item, sighting.passage)
        score += (0.15 if stated else 0.0) - (0.2 if figure.parent else 0.0) - 0.004 * sighting.order
        score += 0.04 * (min(together[page], 4) - 1) + (0.2 if page in pages else 0.0)
        repeated = {o.passage.page_start for o in seen if o.figure.value == figure.value}
        score += 0.02 * min(len(repeated) - 1, 3)  # a report gives its main figures several times
        rivals.setdefault((sighting.passage.chunk_id, figure.row), []).append(sighting)
        close.append((score, sighting))
        if best is None or score > best.score:
            best = Found(wanted, sighting, score, stated)
    if best is None or _ambiguous(best, close):
        return None
    # Two numbers of the year in one row: the column must say which is meant.
    same = rivals[(best.sighting.passage.chunk_id, best.sighting.figure.row)]
    if len({s.figure.value for s in same}) > 1:
        asked = set(terms(wanted.name))
        fitting = [s for s in same if asked & {t for t in terms(s.figure.column.text) if not t.isdigit()}]
        if len(fitting) != 1:
            return None
        return replace(best, sighting=fitting[0])
    return best


def _ambiguous(best: Found, others: Sequence[tuple[float, Sighting]]) -> bool:
    """Whether another row of the same page is named as well and says another number."""
    mine = best.sighting
    return any(
        score > best.score - 0.01
        and other.passage.page_start == mine.passage.page_start
        and other.passage.document_id == mine.passage.document_id
        and other.figure.row != mine.figure.row
        and abs(other.figure.value - mine.figure.value) > abs(mine.figure.value) / 100
        for score, other in others
    )


def _item(wanted: Wanted) -> Item | None:
    return next((vocabulary().items[i] for i in wanted.ids if i in vocabulary().items), None)


def _wrong_sign(value: Decimal, item: Item | None) -> bool:
    """A depreciation in brackets is a line of some other table."""
    if item is None or value >= 0 or item.sign == "outflow" or item.kind != "amount":
        return False
    return not _EITHER_WAY.search(" ".join(n.text for n in item.names))


def _stands_in(item: Item, passage: Passage) -> bool:
    """Whether the passage is of the statement where the item stands."""
    if passage.page_type:
        return passage.page_type == item.statement
    words = " ".join((*passage.section_path[-2:], passage.table_header, passage.text[:200])).lower()
    clues = {
        "income_statement": r"statements? of (?:consolidated )?(?:income|operations|earnings)|利润表"
        r"|income statement",
        "balance_sheet": r"balance sheet|financial position|资产负债表",
        "cash_flow": r"cash flows?|现金流量表",
    }
    return item.statement in clues and re.search(clues[item.statement], words) is not None


def _named(wanted: Wanted, sighting: Sighting, known: frozenset[str]) -> float:
    """0..1: how far the row (or the row and its column) is called like what is wanted."""
    figure = sighting.figure
    by_item = _as_item(wanted, figure.label, figure.group) if wanted.ids else 0.0
    by_words = _as_words(wanted.name, figure.label, figure.group, figure.column.text, known, sighting.page)
    if _TOTAL.search(wanted.name) and not _TOTAL.search(figure.label):
        by_words -= 0.3
    return max(by_item, by_words)


def _as_item(wanted: Wanted, label: str, group: str) -> float:
    """By the vocabulary: the row is the item when a name of it is all of its label but small words."""
    best = 0.0
    for text in dict.fromkeys((label, f"{group}{label}" if re.search("[\u3400-\u9fff]", label) else label)):
        for mention in mentions(text):
            if not {mention.id, *mention.also} & set(wanted.ids):
                continue
            if mention.name.chinese:
                bare = _ZH_NOISE.sub("", _ZH_NOISE.sub("", text))
                rest = len(bare.replace(mention.name.text, "").strip("合计总额的"))
                best = max(best, 1.0 if rest == 0 else 1.0 - 0.08 * rest)
                continue
            bare_terms = [t for t in terms(_BRACKETS.sub(" ", text)) if t not in _LIGHT and not t.isdigit()]
            own = set(mention.name.terms)
            rest = sum(t not in own for t in bare_terms)
            best = max(best, 1.0 if rest == 0 else 1.0 - 0.12 * rest)
    return best


def _as_words(
    name: str, label: str, group: str, column: str, known: frozenset[str], page: frozenset[str]
) -> float:
    """By words: all that is asked must stand in the row, its heading or its column, and little else in the
    row's name; where the row's whole name is asked, the rest may stand elsewhere on the page."""
    asked = [t for t in terms(_BRACKETS.sub(" ", name)) if t not in _LIGHT and not _year(t)]
    if not asked:
        return 0.0
    row = set(terms(label))
    around = row | set(terms(group)) | set(terms(column))
    recall = sum(t in around for t in asked) / len(asked)
    own = [t for t in terms(_BRACKETS.sub(" ", label)) if t not in _LIGHT and not t.isdigit()]
    if not own or not any(t in row for t in asked):
        return 0.0
    extra = sum(t not in asked and t not in known for t in own)
    if recall < 0.99 and not (recall >= 0.8 and len(asked) >= 5):
        named = all(t in asked for t in own) and recall >= 0.5
        return 0.85 if named and all(t in around or t in page for t in asked) else 0.0
    return 0.97 * recall - 0.1 * extra - (0.0 if all(t in row for t in asked) else 0.03)


def _year(term: str) -> bool:
    return term.isdigit() and len(term) == 4 and term[:2] in ("19", "20")


# -- writing it down


def _made(
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
    markers, added = _markers([f.sighting.passage for f in found.values()], shelf)

    def printed(wanted: Wanted, cited: bool) -> str:
        one = found[by_name[(wanted.name, wanted.ids, wanted.year)]]
        text = _plain(one.sighting.figure.text, expression)
        return f"{text} [{markers[one.sighting.passage.chunk_id]}]" if cited else text

    def called(wanted: Wanted) -> str:
        one = found[by_name[(wanted.name, wanted.ids, wanted.year)]]
        year = one.sighting.figure.column.year
        name = _label(one) if language == "zh" or not wanted.ids else wanted.name
        several = len({w.year for w in found}) > 1
        return f"{name} {_period(year, language)}".strip() if several else name

    average = "平均({})" if language == "zh" else "average({})"
    shown = _shown(plan, value, list(found.values()), language)
    formula = write(expression, called, average)
    bare = write(expression, lambda w: printed(w, False), average)
    cited = write(expression, lambda w: printed(w, True), average)
    years = [f.sighting.figure.column.year for f in found.values() if f.sighting.figure.column.year]
    when = _period(max(years), language) if years else ""
    if isinstance(expression, Average) and len(set(years)) > 1:
        when = f"{_period(min(years), language)}-{when}"
    operands = tuple(
        Operand(
            text=f.sighting.figure.text,
            value=float(f.value),
            label=_label(f),
            period=_period(f.sighting.figure.column.year, language),
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
        text = f"{_label(one)}{comma}{when}{sep}{shown} [{markers[one.sighting.passage.chunk_id]}]"
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
        either_way = all(_EITHER_WAY.search(_label(f)) for f in found)
        if all(v < 0 for v in values) and not either_way and not all(map(_outflow, found)):
            return False  # printed in brackets: a cost that grew or a gain that shrank?
    if plan.shown == "percent" and figures[0].percent and not plan.lookup:
        return False
    costs = [f for f in found if f.value < 0 and _COST.search(_label(f)) and not _outflow(f)]
    if costs and any(f.value > 0 for f in found) and not plan.lookup:
        return False  # an expense in brackets among figures that are not
    unsure = [f for f in figures if not f.scaled]
    pages = {f.sighting.passage.page_start for f in found}
    return not unsure or (len(unsure) == len(figures) and (len(pages) == 1 or len(figures) == 1))


def _markers(passages: Sequence[Passage], shelf: Shelf) -> tuple[dict[int, int], tuple[Passage, ...]]:
    known = {p.chunk_id: n for n, p in enumerate(shelf.passages, 1)}
    added: list[Passage] = []
    for passage in passages:
        if passage.chunk_id not in known:
            known[passage.chunk_id] = len(shelf.passages) + len(added) + 1
            added.append(replace(passage, rank=known[passage.chunk_id]))
    return known, tuple(added)


def _plain(text: str, expression: Expression) -> str:
    return re.sub(r"^[$¥￥€£\s]+", "", text)


def _label(found: Found) -> str:
    label = found.sighting.figure.label or found.wanted.name
    label = re.sub(r"^(?:[一二三四五六七八九十]{1,3}、|其中[:：]|[减加][:：])", "", label)
    return label.strip(" :：")[:90]


def _period(year: int | None, language: str) -> str:
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
