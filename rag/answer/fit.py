"""How well one sentence or table row fits a question: is it *the* item asked for, of the year asked for?

Promises: a row is judged by its label: by how much of the question it holds and by how much of it the
question holds, so that "Net income" beats "Interest and other income, net" when net income is asked for; a
sentence by how closely the asked words stand together in it. Pure; factors about 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rag.answer.evidence import Asked, AskedUnit, covered, covers, head, plain, term_set, years
from rag.answer.rows import QuoteUnit, cells, is_amount, label
from rag.records import Passage
from rag.text.terms import terms
from rag.vocabulary import mentions

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_QUANTITY = re.compile(r"(?<![A-Za-z\d])\d[\d,.]*(?![A-Za-z\d])")
_DATE = re.compile(rf"\d{{1,4}}\s*[年月日]|\d{{1,2}}[/-]\d{{1,2}}|\b(?:{_MONTHS})\b", re.IGNORECASE)
_NO_QUANTITY = re.compile(
    rf"\b(?:{_MONTHS})\s+\d{{1,2}}(?:,\s*\d{{4}}\d?)?\b|(?<!\d)(?:19|20)\d{{2}}(?!\d)|\d{{1,2}}\s*[月日](?!均)"
    r"|^\s*[（(]?\d{1,2}\s?[)）、.．](?!\d)|\b(?:Item|Note|Part|Exhibit|Section|Form)\s+\d+(?:\.\d+)?",
    re.IGNORECASE,
)
_LIGHT = frozenset(
    ["net", "total", "of", "and", "the", "in", "for", "to", "our", "a", "on", "合", "计", "总", "额"]
)
_CJK = re.compile("[\u3400-\u9fff]")
_NUMBERING = re.compile(r"^\s*(?:[一二三四五六七八九十]{1,3}、|\d{1,2}[、.．]\s?|其中[:：]?|[减加][:：])\s*")
_STATEMENT = re.compile(
    r"statements? of (?:consolidated )?(?:income|operations|earnings|cash flows?|financial position)"
    r"|balance sheets?|income statements?|主要会计数据|主要财务指标|资产负债表|利润表|现金流量表",
    re.IGNORECASE,
)
_SHARE_ASKED = re.compile(r"占|比例|比率|比重|率|percent|ratio|margin|share of|%", re.IGNORECASE)
_QUARTER = re.compile(r"\bQ[1-4]\b|\b[1-4]Q|quarter|季度|\d\s*月份", re.IGNORECASE)
_PARENT = re.compile(
    r"母公司(?:资产负债表|利润表|现金流量表|财务报表)|parent[ -]only|condensed parent", re.IGNORECASE
)
_BECAUSE = re.compile(
    r"because|due to|driven by|as a result|result(?:ed|ing) from|attributable to|primarily|reflect"
    r"|由于|因为|主要系|所致|原因|主要是|通过|影响",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b[A-Z][a-z]+ (?:[A-Z]\.? )?[A-Z][A-Za-z'’-]+\b|\b(?:Mr|Ms|Mrs|Dr)\. ")
_TITLE_WORDS = """
chief officer president vice executive financial operating director chair chairman board committee senior
general counsel secretary technology audit accounting public registered item company corporation annual
report form exchange act united states
"""
_TITLE = frozenset(_TITLE_WORDS.split())
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪"
    "范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪"
    "庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁"
)
_CHINESE_PERSON = re.compile(
    rf"(?:先生|女士)|(?<![\u3400-\u9fff])[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}(?![\u3400-\u9fff])"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all units of a passage."""

    subject: frozenset[int]  # ids of asked units that the document's name holds
    known: frozenset[str]  # terms of the question and of the document's name
    around: frozenset[str]
    named: float  # 0.35..1: how much of the names in the question the passage holds
    around_years: frozenset[int]
    document_years: frozenset[int]
    statement: bool
    parent: bool


def subjects(asked: Asked, passages: Sequence[Passage]) -> frozenset[int]:
    """Ids of the names that at least half of the passages hold: what all is about tells no line from
    another."""
    sets = [term_set(f"{head(p)}\n{p.text}") for p in passages]
    names = [u for u in asked.units if u.name_like and u.run < 0 and not u.others]
    return frozenset(id(u) for u in names if 2 * sum(covers(u, s) for s in sets) >= max(2, len(sets)))


def setting(asked: Asked, passage: Passage, common: frozenset[int] = frozenset()) -> Setting:
    """``common``: :func:`subjects` of all passages."""
    named = term_set(f"{passage.document}\n{passage.title}")
    around = head(passage)
    top = f"{around}\n{passage.text[:240]}"
    own = years(f"{passage.document}\n{passage.title}")
    names = [u for u in asked.units if u.name_like and u.run < 0 and not u.others]
    there = covered(asked, (named, term_set(around), term_set(passage.text)))
    held = sum(u.weight for u in names if u in there) / (sum(u.weight for u in names) or 1.0)
    return Setting(
        named=0.35 + 0.65 * held if names else 1.0,
        subject=frozenset(id(u) for u in covered(asked, (named,))) | common,
        known=asked.terms | named,
        around=term_set(around),
        around_years=frozenset(years("\n".join((*passage.section_path, passage.table_header)))),
        document_years=frozenset(own),
        statement=bool(_STATEMENT.search(top)),
        parent=bool(_PARENT.search(top)) and "母公司" not in asked.question,
    )


def fit(asked: Asked, unit: QuoteUnit, around: Setting) -> float:
    """0 (holds nothing that was asked) to about 1.3."""
    core = [u for u in asked.units if id(u) not in around.subject] or list(asked.units)
    held = term_set(unit.text)
    inside = [u for u in core if covers(u, held)]
    if not inside:
        return 0.0
    beside = (term_set(unit.header), around.around)
    weight = sum(u.weight for u in core) or 1.0
    recall = sum(u.weight for u in inside)
    recall += 0.4 * sum(u.weight for u in core if u not in inside and any(covers(u, s) for s in beside))
    recall /= weight
    if not unit.is_row:
        # A long sentence says much else.
        recall *= 0.85 * _together(asked, inside, unit.text) * _ratio(asked, unit.text)
        return recall / (1.0 + max(0, len(unit.text) - 160) / 900)
    name = label(unit)
    share, exact = precision(asked, name, around.known)
    if exact and not asked.why:
        named = term_set(name)
        labelled = sum(u.weight for u in core if covers(u, named)) / weight
        item = bool(items(asked, unit))
        recall = max(recall, 0.75) if item else recall
        return recall * (1.2 if labelled >= 0.6 or item else 1.0)
    return recall * (0.5 + 0.5 * share) * _ratio(asked, name)


def items(asked: Asked, unit: QuoteUnit) -> set[str]:
    """Ids of the things asked for that the row's label or the sentence names, by any name."""
    wanted = {m.id for m in asked.mentions}
    return {m.id for m in mentions(label(unit) if unit.is_row else unit.text)} & wanted


def precision(asked: Asked, name: str, known: frozenset[str]) -> tuple[float, bool]:
    """(share of the label that the question holds, whether that is all of it). Words that only round a
    label off ("net", "total") count less; numbering, units and remarks in brackets not at all."""
    bare = _bare(name)
    if not bare:
        return 0.0, False
    wanted = {m.id for m in asked.mentions}
    held: set[str] = set(known)
    left = bare.lower()
    for mention in mentions(bare):
        if mention.id in wanted:
            held |= set(mention.name.terms)
            if mention.name.chinese:
                left = left.replace(mention.name.text, "")
    whole = good = 0.0
    words = terms(bare)
    for i, word in enumerate(words):
        if _CJK.match(word):
            size = 0.5 if any(c in _LIGHT for c in word) else 1.0
        else:
            size = 0.4 if word in _LIGHT else 1.0
        if word.isdigit() and i and len(word) <= 2:
            continue  # a note's number
        whole += size
        good += size * (word in held)
    if not whole:
        return 0.0, False
    share = good / whole
    return share, share > 0.93


@lru_cache(maxsize=8192)
def _bare(name: str) -> str:
    name = re.sub(r"[（(][^（）()]*[)）]", " ", name)
    name = _NUMBERING.sub("", name)
    return re.sub(r"^公司(?:的|(?=[^\s]{4}))", "", name).strip(" :：,，")


def _together(asked: Asked, inside: list[AskedUnit], text: str) -> float:
    """0.8..1: neighbours of the question that are neighbours in the sentence."""
    words = [u for u in asked.units if u.run < 0]
    pairs = [(a, b) for a, b in pairwise(words) if a in inside and b in inside]
    if not pairs:
        return 0.9
    places: dict[str, list[int]] = {}
    for i, term in enumerate(terms(text)):
        places.setdefault(term, []).append(i)
    near = sum(
        any(0 < j - i <= 3 for i in places.get(a.text, ()) for j in places.get(b.text, ())) for a, b in pairs
    )
    return 0.8 + 0.2 * near / len(pairs)


def _ratio(asked: Asked, text: str) -> float:
    """Below 1 where the asked item is only what something else is a share of."""
    if _SHARE_ASKED.search(asked.question):
        return 1.0
    flat = plain(text)
    for mention in asked.mentions:
        for name in (mention.name, *mention.others):
            if name.chinese and re.search(rf"占[^，。]{{0,4}}{name.text}", flat):
                return 0.7
    return 0.9 if re.search(r"(?:%|percent(?:age)?) of", text, re.IGNORECASE) else 1.0


def kind(asked: Asked, unit: QuoteUnit, around: Setting) -> float:
    """How well the unit is the kind of thing that was asked for: a figure, a date, a person, a reason, a
    year, a statement's row."""
    score = around.named
    figure = has_figure(unit.text)
    if asked.number:
        score *= 1.15 if figure else 0.6
        if unit.is_row and figure and around.statement:
            score *= 1.06
    if asked.date:
        score *= 1.15 if _DATE.search(unit.text) else 0.85
    if asked.who:
        score *= 1.2 if has_person(asked, unit.text) else 0.65
    if asked.why:
        score *= (0.6 if unit.is_row else 1.0) * (1.25 if _BECAUSE.search(unit.text) else 1.0)
    score *= year_fit(asked, unit, around)
    if around.parent:
        score *= 0.85
    if _quarterly(unit.header) and not _QUARTER.search(asked.question):
        score *= 0.85 if asked.years & years(unit.header) and _QUARTER.search(unit.header) else 0.65
    amounts = unit.is_row and any(is_amount(c) for c in cells(unit.text))
    if unit.is_row and not unit.header and not amounts and asked.number and not figure:
        score *= 0.7  # a header row by itself
    ended = re.search(r"[。.!?！？;；:：]\s*$", unit.text)
    if not unit.is_row and not ended and len(unit.text) < 50 and not figure:
        score *= 0.6  # a heading
    elif not unit.is_row and not figure and len(plain(unit.text)) < (8 if _CJK.search(unit.text) else 20):
        score *= 0.6  # the end of a sentence
    if re.search(r"[:：]\s*$|□|√", unit.text):
        score *= 0.7  # only announces
    return score


def _quarterly(header: str) -> bool:
    """Whether the columns are parts of a year: they say so, or three of them are dates of one year."""
    dates = [y for cell in cells(header) for y in years(cell) if _DATE.search(cell)]
    return bool(_QUARTER.search(header)) or any(dates.count(y) > 2 for y in dates)


def year_fit(asked: Asked, unit: QuoteUnit, around: Setting) -> float:
    if not asked.years:
        return 1.0
    stated = years(f"{unit.text}\n{unit.header}")
    if stated:
        good = 1.15 if unit.is_row or asked.number else 1.08
        return good if stated & asked.years else 0.6
    if around.around_years & asked.years or not around.document_years:
        return 1.0
    reach = around.document_years | {y - 1 for y in around.document_years}
    return 1.0 if reach & asked.years else 0.5


def of_year(asked: Asked, unit: QuoteUnit, around: Setting) -> bool:
    """Whether the unit can speak of an asked year at all."""
    return year_fit(asked, unit, around) >= 1.0


def has_figure(text: str) -> bool:
    """Whether the text holds a number that is not part of a date or of a heading's numbering."""
    return bool(_QUANTITY.search(_NO_QUANTITY.sub(" ", text)))


def has_person(asked: Asked, text: str) -> bool:
    """Whether somebody's name seems to stand in the text, other than one that the question gives."""
    if any(plain(m.group()) not in plain(asked.question) for m in _CHINESE_PERSON.finditer(text)):
        return True
    for match in _PERSON.finditer(text):
        words = [w.lower().strip(".") for w in re.findall(r"[A-Za-z'’-]+", match.group())]
        if not any(w in _TITLE or w in asked.terms for w in words):
            return True
    return False
