"""Questions drafted from the library's own documents, by rule, for a person to accept, edit or reject.

Promises: without a model; in the document's language; each draft carries its answer, unit and evidence pages;
what is ambiguous (a label with two values, a heading that occurs twice) is not asked; drafts are spread over
documents and kinds; the same seed and library give the same drafts. Drafts are never asked before a person
has accepted them.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from evaluation import phrasing
from evaluation.cells import Cell, read_cells
from evaluation.facts import Fact, read_facts
from rag.access import LOCAL
from rag.records import Document, Language, Page, Principal
from rag.vocabulary import Ratio, vocabulary
from rag.vocabulary.entries import name_key, name_of
from rag.vocabulary.formula import FormulaError, Reference, evaluate, parse_formula

if TYPE_CHECKING:
    from rag.engine import Engine

DraftKind = Literal[
    "table", "computed", "ratio", "cross", "refuse", "definition", "lookup", "cloze", "topic", "written"
]
SHARES: Mapping[DraftKind, float] = {
    "table": 0.30, "computed": 0.12, "ratio": 0.08, "cross": 0.10, "refuse": 0.14, "definition": 0.08,
    "lookup": 0.05, "cloze": 0.08, "topic": 0.05,
}  # fmt: skip
_RATIO_FORMS: Mapping[str, str] = {
    "percent": "{:.2f}%", "ratio": "{:.2f}", "times": "{:.2f}", "days": "{:.1f}"
}  # fmt: skip
MAX_DOCUMENTS = 60  # read for one call: the newest of the library
_COMPARED = re.compile(  # what one compares companies by
    r"^(?:(?:total )?(?:net )?(?:revenues?|sales)|cost of (?:sales|revenues?|goods sold)|gross profit"
    r"|operating income"
    r"|net (?:income|earnings)|total (?:current )?(?:assets|liabilities)|inventories|goodwill"
    r"|research and development"
    r"(?: expenses?)?|营业收入|营业成本|净利润|营业利润|利润总额|资产总计|负债合计|(?:销售|管理|研发"
    r"|财务)费用|货币资金|存货"
    r"|经营活动产生的现金流量净额|所得税费用|研发投入)$",
    re.IGNORECASE,
)
_CORE = re.compile(  # and what else a part of the company may have of its own
    r"^(?:(?:total )?cash and cash equivalents|accounts receivable.*|accounts payable|long-term debt"
    r"|.*income tax(?:es)? expense|provision for income taxes|应收账款|应付账款|短期借款|固定资产"
    r"|在建工程|商誉)$",
    re.IGNORECASE,
)
_PART_YEAR = re.compile(r"(?<![A-Za-z])(?:10-?Q|Q[1-4]|[12]\d{3}Q[1-4]|earnings)", re.IGNORECASE)
_STRANGERS: Mapping[Language, tuple[str, ...]] = {
    "en": ("Halvorsen Maritime", "Brackwater Foods", "Tessaly Robotics", "Orrin & Vale Insurance"),
    "zh": ("海昌重型机械", "凌岳生物制药", "北辰航运", "锦川食品"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that nobody has looked at yet. ``evidence``: (file name, 1-based page, words on it)."""

    id: str
    kind: DraftKind
    lang: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[tuple[str, int, str], ...]
    formula: str = ""
    expect_refusal: bool = False

    def to_record(self) -> dict[str, Any]:
        """As a line of questions.jsonl."""
        record: dict[str, Any] = {
            "id": self.id,
            "question": self.question,
            "answers": list(self.answers),
            "kind": self.kind,
            "lang": self.lang,
            "doc": sorted({doc for doc, _, _ in self.evidence}) or None,
            "evidence": [{"doc": doc, "page": page, "text": text} for doc, page, text in self.evidence],
            "expect_refusal": self.expect_refusal,
        }
        return record | ({"formula": self.formula} if self.formula else {})


@dataclass(frozen=True, slots=True)
class Generated:
    """``dropped``: how many candidates fell to which rule."""

    drafts: tuple[Draft, ...]
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """One document, read for questions."""

    name: str
    company: str
    language: Language
    cells: tuple[Cell, ...]
    facts: tuple[Fact, ...]
    words: str = field(repr=False)  # all its text, lower case


def generate(
    engine: Engine,
    principal: Principal = LOCAL,
    *,
    count: int = 40,
    document_ids: Iterable[int] | None = None,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Generated:
    """``count`` drafts at most, from the ready documents that ``principal`` may read (only ``document_ids``
    if given; of more than MAX_DOCUMENTS the newest). Raises AccessDenied."""
    chosen = None if document_ids is None else set(document_ids)
    ready = [
        d for d in engine.documents(principal) if d.status == "ready" and (chosen is None or d.id in chosen)
    ]
    ready = sorted(ready, key=lambda d: -d.id)[:MAX_DOCUMENTS]
    sources: list[Source] = []
    for done, document in enumerate(ready, 1):
        found = read_source(document, engine.document_pages(document.id, principal))
        if found is not None:
            sources.append(found)
        if on_progress is not None:
            on_progress(done, len(ready))
    return draft(sources, count=count, seed=seed)


def read_source(document: Document, pages: Sequence[Page]) -> Source | None:
    """What can be asked of a document; None when its language or company is not known."""
    company = phrasing.company_name(document.about.company, document.name, document.title)
    if document.language not in ("en", "zh") or not company:
        return None
    year = document.about.fiscal_year
    if year is None:
        named = re.findall(r"(?<!\d)(20\d{2})(?!\d)", f"{document.name} {document.title}")
        year = int(named[0]) if named else None
    cells = read_cells(document.name, document.language, pages, year)
    # The balance of a quarterly report is not that of the year's end unless its column says the day.
    part = document.about.report_type in ("quarterly", "earnings") or bool(_PART_YEAR.search(document.name))
    return Source(
        document.name,
        company,
        document.language,
        tuple(c for c in cells if c.date or not part or c.language == "zh"),
        tuple(read_facts(company, document.language, pages)),
        "\n".join(page.text for page in pages).lower(),
    )


def draft(sources: Sequence[Source], *, count: int, seed: int = 0) -> Generated:
    """Drafts over all kinds and documents, each document and kind getting its share."""
    rng = random.Random(seed)
    dropped: Counter[str] = Counter()
    tables = _unambiguous(sources, dropped)
    pools: dict[DraftKind, list[Draft]] = {
        "table": [_lookup(cells, company, rng) for company, cells in tables],
        "computed": _changes(tables),
        "ratio": _ratios(tables, dropped),
        "cross": _comparisons(tables, rng),
        "refuse": _refusals(tables, sources, rng),
    }
    for source in sources:
        for fact in source.facts:
            pools.setdefault(fact.kind, []).append(_of_fact(source, fact))
    return Generated(tuple(_balanced(pools, count, rng, dropped)), dict(dropped))


Group = tuple[str, tuple[Cell, ...]]
"""A company and the cells that all say the same: one label, one period, one value, perhaps on several
pages."""


def _unambiguous(sources: Sequence[Source], dropped: Counter[str]) -> list[Group]:
    """Cells grouped by company, label and period; groups with more than one value are dropped (a segment's
    revenue next to the group's, a restated year)."""
    groups: dict[tuple[str, str, int, str], list[Cell]] = defaultdict(list)
    for source in sources:
        for cell in source.cells:
            groups[(source.company, cell.label.lower(), cell.year, cell.timing)].append(cell)
    kept: list[Group] = []
    for (company, _, _, _), cells in groups.items():
        first = cells[0]
        rounded = max(0.5 * c.scale for c in cells) if first.unit != "%" else 0.05
        if any(abs(abs(c.base) - abs(first.base)) > rounded or c.unit != first.unit for c in cells):
            dropped["ambiguous"] += 1
            continue
        pages = {(c.document, c.page): c for c in reversed(cells)}
        found = tuple(pages[key] for key in sorted(pages))
        if (_COMPARED.match(first.label) or _CORE.match(first.label)) and not _is_the_groups(found):
            dropped["perhaps_a_part"] += 1
            continue
        kept.append((company, found))
    return kept


def _evidence(cells: Iterable[Cell]) -> tuple[tuple[str, int, str], ...]:
    return tuple((c.document, c.page, c.row) for c in cells)


def made_draft(
    kind: DraftKind,
    lang: str,
    question: str,
    answers: Sequence[str],
    evidence: tuple[tuple[str, int, str], ...],
    formula: str = "",
    expect_refusal: bool = False,
) -> Draft:
    """A draft named by what it asks and where: the same question again has the same id."""
    key = hashlib.sha256(f"{question}|{evidence}".encode()).hexdigest()[:10]
    return Draft(f"{kind}-{key}", kind, lang, question, tuple(answers), evidence, formula, expect_refusal)


def _lookup(cells: tuple[Cell, ...], company: str, rng: random.Random) -> Draft:
    cell = cells[0]
    question = phrasing.lookup(cell, company, rng.randrange(2))
    answers = list(dict.fromkeys(phrasing.amount(c) for c in cells))
    answers += [more for c in cells[:1] if (more := phrasing.in_millions(c))]
    return made_draft("table", cell.language, question, answers[:3], _evidence(cells))


def _changes(tables: Sequence[Group]) -> list[Draft]:
    """Growth between two years that stand in the same row."""
    found: list[Draft] = []
    by_row = {(c.document, c.page, c.row, c.year): (company, c) for company, cells in tables for c in cells}
    for (document, page, row, year), (company, new) in by_row.items():
        before = by_row.get((document, page, row, year - 1))
        if before is None or new.unit == "%" or new.per_share:
            continue
        old = before[1]
        if new.value <= 0 or old.value <= 0:
            continue
        percent = (new.base - old.base) / old.base * 100
        if not 0.5 <= abs(percent) <= 300:
            continue
        found.append(
            made_draft(
                "computed",
                new.language,
                phrasing.change(new, old, company),
                [f"{percent:.2f}%"],
                _evidence([new]),
                f"({new.text} - {old.text}) / {old.text}",
            )
        )
    return found


def _ratios(tables: Sequence[Group], dropped: Counter[str]) -> list[Draft]:
    """Ratios of the field's vocabulary whose items all stand in the statements of one company."""
    known = vocabulary()
    figures: dict[tuple[str, Language], dict[tuple[str, int], Cell]] = defaultdict(dict)
    for company, cells in tables:
        first = cells[0]
        if first.unit == "%" or first.per_share or not _is_the_groups(cells):
            continue
        for entry in known.by_name.get(name_key(name_of(first.label)), ())[:1]:
            if entry in known.items:
                figures[(company, first.language)].setdefault((entry, first.year), first)
    found: list[Draft] = []
    for (company, language), have in figures.items():
        for ratio in known.ratios.values():
            names = ratio.names_zh if language == "zh" else ratio.names_en
            if ratio.of_any_item or ratio.unit not in _RATIO_FORMS or not names:
                continue
            for year in sorted({year for _, year in have}):
                made = _ratio_value(ratio, year, have)
                if made is None:
                    continue
                value, cells_used = made
                if not math.isfinite(value) or not 1e-4 < abs(value) < 1e4:
                    dropped["ratio_out_of_range"] += 1
                    continue
                question = phrasing.ratio(names[0].text, company, year, language)
                answer = _RATIO_FORMS[ratio.unit].format(value * (100 if ratio.unit == "percent" else 1))
                evidence = _evidence(cells_used)
                found.append(made_draft("ratio", language, question, [answer], evidence, ratio.formula))
    return found


def _ratio_value(
    ratio: Ratio, year: int, have: Mapping[tuple[str, int], Cell]
) -> tuple[float, tuple[Cell, ...]] | None:
    """The ratio of a year and the cells it is made of; None when one is missing."""
    used: dict[tuple[str, int], Cell] = {}

    def figure(reference: Reference) -> float:
        years = {"now": (year,), "previous": (year - 1,)}.get(reference.period, (year, year - 1))
        values = []
        for one in years:
            cell = have[(reference.item, one)]
            used[(reference.item, one)] = cell
            values.append(
                cell.base if cell.language == "zh" else abs(cell.base) if cell.outflow else cell.base
            )
        if reference.period == "change":
            return values[0] - values[1]
        return sum(values) / len(values)

    try:
        value = evaluate(parse_formula(ratio.formula), figure)
    except (KeyError, FormulaError):
        return None
    cells = {(c.document, c.page, c.row): c for c in used.values()}
    return value, tuple(cells.values())


def _is_the_groups(cells: Sequence[Cell]) -> bool:
    """Whether a line item is the company's own and not of a segment or an associate: it stands in a
    statement, or says the same on several pages."""
    return any(c.statement for c in cells) or len({(c.document, c.page) for c in cells}) > 1


def _comparisons(tables: Sequence[Group], rng: random.Random) -> list[Draft]:
    """The same label and year in the documents of two companies, in one currency, more than 5 % apart."""
    same: dict[tuple[str, str, int, str, str], list[Group]] = defaultdict(list)
    for company, cells in tables:
        c = cells[0]
        if c.unit != "%" and c.value > 0 and _COMPARED.match(c.label):
            same[(c.language, c.label.lower(), c.year, c.timing, c.unit)].append((company, cells))
    found: list[Draft] = []
    for groups in same.values():
        if len(groups) < 2:
            continue
        (a, one), (b, other) = rng.sample(groups, 2)
        x, y = one[0], other[0]
        if x.per_share or abs(x.base - y.base) < 0.05 * max(x.base, y.base):
            continue
        winner = a if x.base > y.base else b
        more, less = sorted((x, y), key=lambda c: -c.base)
        answer = f"{winner} ({phrasing.amount(more)} / {phrasing.amount(less)})"
        found.append(
            made_draft(
                "cross",
                x.language,
                phrasing.comparison(x, y, a, b),
                [answer, winner],
                _evidence((*one[:1], *other[:1])),
            )
        )
    return found


def _refusals(tables: Sequence[Group], sources: Sequence[Source], rng: random.Random) -> list[Draft]:
    """What the library does not say: a year after all of its documents, a company that is not in it, an item
    whose words are nowhere in that company's documents."""
    newest: dict[str, int] = {}
    texts: dict[str, str] = defaultdict(str)
    for source in sources:
        texts[source.company] += source.words
        newest[source.company] = max([newest.get(source.company, 0), *(c.year for c in source.cells)])
    everything = "\n".join(texts.values())
    items = {(c.language, c.label): c for _, cells in tables for c in cells[:1] if c.timing == "flow"}
    found: list[Draft] = []
    for number, (company, cells) in enumerate(rng.sample(list(tables), len(tables))):
        cell = cells[0]
        question = ""
        if number % 3 == 0:
            question = phrasing.absent_period(cell, company, newest[company] + rng.choice((2, 3, 4)))
        elif number % 3 == 1:
            stranger = rng.choice(_STRANGERS[cell.language])
            if stranger.lower() not in everything:
                question = phrasing.lookup(cell, stranger, rng.randrange(2))
        else:
            foreign = rng.choice(list(items.values()))
            if foreign.language == cell.language and _is_foreign(foreign, texts[company]):
                question = phrasing.lookup(
                    replace(foreign, year=cell.year, date=""), company, rng.randrange(2)
                )
        if question:
            found.append(made_draft("refuse", cell.language, question, (), (), expect_refusal=True))
    return found


def _is_foreign(cell: Cell, text: str) -> bool:
    """Whether a document does not know the item: a telling word of its label is nowhere in it."""
    label = cell.label.lower()
    if cell.language == "zh":
        return len(label) >= 4 and label not in text and label[:3] not in text
    words = [w.strip(",’'") for w in label.split() if len(w) > 5]
    return label not in text and any(w not in text and w.rstrip("s") not in text for w in words)


def _of_fact(source: Source, fact: Fact) -> Draft:
    evidence = ((source.name, fact.page, fact.text),)
    return made_draft(
        fact.kind, source.language, fact.question, [fact.answer] if fact.answer else [], evidence
    )


def _balanced(
    pools: Mapping[DraftKind, Sequence[Draft]], count: int, rng: random.Random, dropped: Counter[str]
) -> list[Draft]:
    """Kinds by their share, what a kind lacks going to the others; inside a kind the documents take turns,
    and no document is asked twice about the same row."""
    queues: dict[DraftKind, list[Draft]] = {kind: _in_turn(pool, rng) for kind, pool in pools.items() if pool}
    chosen: list[Draft] = []
    rows: set[object] = set()
    questions: set[str] = set()
    taken: Counter[DraftKind] = Counter()
    while queues and len(chosen) < count:
        kind = min(queues, key=lambda k: (taken[k] + 1) / SHARES.get(k, 0.05))
        candidate = queues[kind].pop(0)
        if not queues[kind]:
            del queues[kind]
        key = re.sub(r"\W+", "", candidate.question.lower())
        row = candidate.evidence[0] if candidate.evidence else candidate.id
        if key in questions or row in rows:
            dropped["repeated"] += 1
            continue
        questions.add(key)
        rows.add(row)
        taken[kind] += 1
        chosen.append(candidate)
    return chosen


def _in_turn(pool: Sequence[Draft], rng: random.Random) -> list[Draft]:
    """One draft of each document, then the second of each ..."""
    by_document: dict[str, list[Draft]] = defaultdict(list)
    for one in rng.sample(list(pool), len(pool)):
        by_document[one.evidence[0][0] if one.evidence else one.lang].append(one)
    names = rng.sample(sorted(by_document), len(by_document))
    longest = max(map(len, by_document.values()))
    return [by_document[n][turn] for turn in range(longest) for n in names if turn < len(by_document[n])]
