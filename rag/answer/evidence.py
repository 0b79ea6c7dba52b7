"""How well passages carry a question, word by word: the ground on which answers are quoted or refused.

A question is a list of *asked units*: a Latin word or number, or one Chinese character with the bigrams
that hold it. A text covers a unit when it holds one of its terms; a unit weighs what its rarest-but-one
reading is worth (inverse document frequency over the library's chunks, BM25's formula), so that "company"
weighs little and a name much. Pure: no model, no store.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.answer.concepts import asks_meaning
from rag.records import Passage
from rag.text.normalise import normalise
from rag.text.terms import terms
from rag.vocabulary import Mention, content, mentions
from rag.vocabulary.additions import Term, terms_named

_TYPED = re.compile(r"[A-Za-z0-9\u00c0-\u024f]+(?:['’&.-][A-Za-z0-9\u00c0-\u024f]+)*")
_CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_YEAR = re.compile(r"(?<![\d.,])(?:FY\s?'?)?((?:19|20)\d{2})(?!\d|[.,]\d)", re.IGNORECASE)
_SHORT_FISCAL = re.compile(r"\bFY\s?'?(\d{2})\b", re.IGNORECASE)
_ASKS_NUMBER = re.compile(
    r"多少|几[个家名项人次]|金额|比例|比率|占比|增长率|百分之|how (?:much|many)|what (?:is|was|were|are) the "
    r"(?:total|amount|number|ratio|percentage|value|net|gross|average)|ratio|margin|percent|amount|turnover",
    re.IGNORECASE,
)
_ASKS_DATE = re.compile(
    r"何时|什么时候|哪[一]?[年天日]|日期|时间|\bwhen\b|what (?:date|year|day)", re.IGNORECASE
)
_ASKS_THING = re.compile(r"^(?:in|for|at)?\b.{0,30}\bwhat(?:'s| is| was| were| are)\b|是什么", re.IGNORECASE)
_ASKS_WHO = re.compile(r"\bwho\b|谁|哪位|姓名", re.IGNORECASE)
_ASKS_WHY = re.compile(
    r"\bwhy\b|what (?:drove|caused|led|explains)|\breasons?\b|为什么|为何|原因|怎样|如何|怎么", re.IGNORECASE
)
_CONCEPT = re.compile(
    r"^(?:请问|请解释|解释)?什么是|是什么意思|的?(?:含义|定义|概念)是什么|何谓|何为|(?:如何|怎样|怎么)影响"
    r"|有(?:何|什么|哪些)影响|之间(?:的关系|有什么关系|的区别)|有什么(?:区别|作用|意义)"
    r"|如何(?:计算|分析|理解|评估)|的作用是什么"
    r"|^what (?:is|are) (?:an? |the )?(?:[a-z-]+ ){0,3}[a-z-]+\?*$"
    r"|\bdefin(?:e|ition of)\b|what does .{2,40} mean\b"
)
DEFINING = re.compile(
    r"是指|指的是|系指|定义为|是一种|是衡量|即[^，。]{4,}|之比"
    r"|\brefers? to\b|\bmeans\b|\bis defined as\b|\bis a measure\b"
)
# Words about the report or the answer, not about what is asked.
_META = re.compile(
    r"(?:根据|依据|按照)?(?:年度报告|年报|半年报|季报|公告|财报)(?:中的|中|里的|里|的数据|数据|显示|披露的|披露)?"
    r"|(?:根据|依据|按照)|请?(?:保留|精确到)[^，,。？?]{0,3}位?小数(?:点后.{0,3}位)?|单位[为是]?[^，,。？?]{1,3}"
    r"|请?(?:给我)?做?(?:简要|简单|详细)(?:的)?(?:介绍|分析|说明|描述)?(?:一下)?"
    r"|(?:怎么|怎样|如何)(?:来)?(?:计算|算)(?:的|得来的|出来的|得出的)?(?=[?？。]*$)"
    r"|(?:请|帮我)*(?<!会计)(?<!云)计算(?:一下|出)?(?![机器能服平技设中资方])"
    r"|的?(?:意思|含义|详细数据|具体数据|情况)"
    r"|哪一?[家个种类项位]|现任|目前|当前|现时|最新的?|(?<=\d)\s*年[末底初]"
    r"|\b(?:current|present)"
    r"(?= (?:ceo|cfo|coo|cto|ch(?:ief|air)|president|director|auditor|head|address|name))"
    r"|\b(?:latest|currently|at present|most recent)\b"
    r"|(?:事件|事项)?所?(?:对应|相应|相关|有关|所属)的?|分别"
    r"|\bassume (?:that )?you are[^.]*\."
    r"|(?:^|(?<=[.?!] ))[^.?!:]*\b(?:the (?:following )?question|your (?:answer|judge?ments?))\b"
    r"[^.?!:]*[.:](?!\d)"
    r"|\bwe want to calculate [^.?]*\.|\bplease help us [^.?]*\."
    r"|\b(?:please )?(?:answer|respond to) the (?:following )?question[^.:]*[.:]"
    r"|\bgive (?:a response|an answer)[^.?]*[.?]|\bif [^.?]{0,60}not (?:a )?(?:useful|relevant)[^.?]*[.?]"
    r"|\bround (?:your )?(?:answer )?to [^.?]*[.?]|\bin usd (?:thousands|millions|billions)\b",
    re.IGNORECASE,
)
_SHORT_FORMS = (
    ("PP&E", "PPE"),
    ("归母净利润", "归属于母公司股东的净利润"),
    ("归母", "归属于母公司"),
    ("扣非", "扣除非经常性损益"),
    ("营收", "营业收入"),
)
# Characters of grammar: a run of them is no name.
_GRAMMAR = frozenset("拟每为有何做将及等各其之所以共仅可应需被由从到向对后前上下内外中又再请了着过较比占按")
_QUESTION_WORD = re.compile("什么|为何|谁|哪|几|如何|怎|多少|能否|是否|何种")
_LINK = "[样的一些个条种类项名家位座只]{0,3}"  # between a question word and what is looked for
_CAPITALISED = re.compile(r"\b[A-Z][A-Za-z&.'-]*[A-Za-z&]|\b[A-Z]{2,}\b|\b\d*[A-Z][A-Za-z]*\d*\b")
_PERIOD_WORD = re.compile(r"fy|q[1-4]|[1-4]q|h[12]|year|quarter|ended")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)?|\d.*")
_RARE_WORD = 0.85  # the same for a capitalised word: common words are capitalised too
_RARE = 0.6  # of the weight of a term that the library does not hold: rarer is a name or a slip of the pen


@dataclass(frozen=True, slots=True)
class AskedUnit:
    """``terms``: any of them covers the unit. ``weight`` is its idf. ``run`` numbers the Chinese run it
    stands in (-1: a word), ``text`` is what is shown when it is missing."""

    text: str
    terms: tuple[str, ...]
    weight: float
    rarity: float  # 0..1
    run: int
    name_like: bool
    acronym: bool = False  # may be the short form of words that are there
    others: tuple[frozenset[str], ...] = ()  # terms of other names for it: all of one cover it too


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    units: tuple[AskedUnit, ...]
    years: frozenset[int]
    number: bool  # asks for a quantity
    date: bool
    concept: bool  # asks what something means or how things hang together, of no document in particular
    who: bool = False
    why: bool = False
    mentions: tuple[Mention, ...] = ()  # things asked for that go by several names
    terms: frozenset[str] = frozenset()  # all of the question, also its small words

    @property
    def weight(self) -> float:
        return sum(u.weight for u in self.units) or 1.0


def idf(frequency: int, total: int) -> float:
    """BM25's inverse document frequency, never below a little."""
    return max(0.05, math.log(1.0 + (total - frequency + 0.5) / (frequency + 0.5)))


def understand(
    question: str,
    query_terms: Sequence[str],
    frequencies: Mapping[str, int],
    total: int,
    own: Sequence[Term] = (),
) -> Asked:
    """``query_terms`` in order of the question; ``frequencies`` of each over ``total`` chunks (empty: all
    weigh the same); ``own``: the searched collections' own terms, whose names stand for each other."""
    left = essence(question)
    spoken = frozenset(terms(left))
    known = mentions(left)
    synonyms = [
        (frozenset(m.name.terms), tuple(c for c in (content(o) for o in m.others) if c)) for m in known
    ]
    synonyms += [
        (frozenset(said.terms), tuple(c for c in (content(n) for n in term.names if n != said) if c))
        for term, said in terms_named(left, own)
    ]

    def others(alternatives: Iterable[str]) -> tuple[frozenset[str], ...]:
        mine = set(alternatives)
        return tuple(o for own, rest in synonyms if mine & own for o in rest)

    total = max(total, 1)
    most = idf(0, total)
    # "A's B" in Chinese: names stand before the last 的, what is asked of them after it.
    subject = normalise(question.rpartition("的")[0] or question).lower()
    acronyms = {t.lower() for t in re.findall(r"\b[A-Z][A-Z&]{1,5}\b", question)}
    capital = {t for name in _CAPITALISED.findall(_sentence_case(question)) for t in terms(name)}

    def weigh(term: str) -> float:
        return idf(min(frequencies.get(term, 0), total), total) if frequencies else 1.0

    units: list[AskedUnit] = []
    run = -1
    previous = ""
    characters: list[list[str]] = []  # of the current run: each character's bigrams
    shown: list[str] = []

    def close_run() -> None:
        for character, alternatives in zip(shown, characters, strict=True):
            weight = min(weigh(t) for t in alternatives)
            rarity = weight / most if frequencies else 0.0
            named = any(t in subject for t in alternatives)
            units.append(
                AskedUnit(
                    character,
                    tuple(alternatives),
                    weight / 2,
                    rarity,
                    run,
                    named,
                    others=others(alternatives),
                )
            )
        shown.clear()
        characters.clear()

    for term in query_terms:
        if term not in spoken:
            continue  # only spells out what was asked: the glossary does
        if not _CJK.match(term):
            close_run()
            previous = ""
            if _YEAR.fullmatch(term) or _SHORT_FISCAL.fullmatch(term) or _PERIOD_WORD.fullmatch(term):
                continue  # years are held against periods, not against words
            weight = weigh(term)
            rarity = weight / most if frequencies else 0.0
            name_like = term in capital and not _ORDINAL.fullmatch(term)
            acronym = name_like and term in acronyms
            units.append(AskedUnit(term, (term,), weight, rarity, -1, name_like, acronym, others((term,))))
            continue
        if len(term) < 2 or not previous or previous[-1] != term[0]:
            close_run()
            run += 1
            shown.append(term[0])
            characters.append([term])
            if len(term) > 1:
                shown.append(term[1])
                characters.append([term])
        else:
            characters[-1].append(term)
            shown.append(term[-1])
            characters.append([term])
        previous = term if len(term) > 1 else ""
    close_run()
    concept = (bool(_CONCEPT.search(question)) and not years(question)) or asks_meaning(question)
    why = bool(_ASKS_WHY.search(question))
    amount = any(m.amount for m in known) and bool(_ASKS_THING.search(question)) and not why
    return Asked(
        question=question,
        units=tuple(units),
        years=frozenset(years(question)),
        number=bool(_ASKS_NUMBER.search(question)) or (amount and not concept),
        date=bool(_ASKS_DATE.search(question)),
        concept=concept,
        who=bool(_ASKS_WHO.search(question)),
        why=why,
        mentions=known,
        terms=spoken,
    )


def essence(question: str) -> str:
    """The question without what it says about the report and about the form of the answer; short forms
    written out. What is left of it is held against the passages."""
    for short, long in _SHORT_FORMS:
        question = question.replace(short, long)
    left = _META.sub("，", question)
    return left if re.search(r"\w{2}", left) else question


def _sentence_case(text: str) -> str:
    """The text with its sentences' first words lower-cased: their capitals say nothing."""
    return re.sub(r"(?:^|[.?!]\s+)[A-Z](?=[a-z]+\b)", lambda m: m.group().lower(), text)


def years(text: str) -> set[int]:
    found = {int(y) for y in _YEAR.findall(text)}
    return found | {2000 + int(y) for y in _SHORT_FISCAL.findall(text)}


@lru_cache(maxsize=4096)
def term_set(text: str) -> frozenset[str]:
    return frozenset(terms(text))


def head(passage: Passage) -> str:
    """What stands around a passage: file name, title, whom the document is about (its file may be called
    AMERICANEXPRESS_2022), sections, table header."""
    about = passage.about
    names = (about.company, *about.aliases)
    return "\n".join((passage.document, passage.title, *names, *passage.section_path, passage.table_header))


def covered(asked: Asked, held: Iterable[frozenset[str]]) -> list[AskedUnit]:
    """The units that any of the term sets covers."""
    sets = list(held)
    return [u for u in asked.units if any(covers(u, s) for s in sets)]


def covers(unit: AskedUnit, held: frozenset[str]) -> bool:
    """Whether the terms hold the unit or the whole of another name for it."""
    return any(t in held for t in unit.terms) or any(other <= held for other in unit.others)


def coverage(asked: Asked, *held: frozenset[str]) -> float:
    """Share (0..1) of the question's weight that the term sets cover together."""
    return sum(u.weight for u in covered(asked, held)) / asked.weight


def subject_coverage(asked: Asked, passage: Passage) -> float:
    """The same of the part that names what is asked about; 0 when no such part is known."""
    units = [u for u in asked.units if u.name_like]
    held = (term_set(passage.text), term_set(head(passage)))
    weight = sum(u.weight for u in units)
    return sum(u.weight for u in units if any(covers(u, s) for s in held)) / weight if weight else 0.0


def passage_coverage(asked: Asked, passage: Passage) -> float:
    return coverage(asked, term_set(passage.text), term_set(head(passage)))


def is_asked_for(question: str, run: str) -> bool:
    """Whether a Chinese run is what the question looks for ("哪些站点") or how it asks, and so no name."""
    after = rf"(?:{_QUESTION_WORD.pattern}){_LINK}{re.escape(run)}"
    return bool(_QUESTION_WORD.search(run) or re.search(after, question))


def as_typed(question: str, found: Sequence[str]) -> list[str]:
    """Lexical terms as the question has them: "zeppelin", "airway" are "Zeppelin Airways"."""
    names: list[str] = []
    ends = -1
    left = list(dict.fromkeys(found))
    for word in _TYPED.finditer(question):
        term = next((t for t in left if t in terms(word.group())), None)
        if term is None:
            continue
        left.remove(term)
        if names and not question[ends : word.start()].strip():
            names[-1] += f" {word.group()}"
        else:
            names.append(word.group())
        ends = word.end()
    return names + left


def missing_names(asked: Asked, passages: Sequence[Passage]) -> list[str]:
    """What of the question is rare in the library and in none of the passages, though a lexical search
    would have brought it up: names, codes, runs of two or more characters; words as they were typed."""
    held = [s for p in passages for s in (term_set(p.text), term_set(head(p)))]
    present = set(map(id, covered(asked, held)))
    found: list[str] = []
    run: list[AskedUnit] = []
    # A subject of which not one word is there is missing, however common its words.
    names = [u for u in asked.units if u.name_like and not u.others]
    if len(names) > 1 and not any(id(u) in present or u.run >= 0 for u in names):
        found += [u.text for u in names if u.rarity < _RARE_WORD and not u.acronym]
    # Is the question's subject the name of a document that was found?
    named = [term_set("\n".join((p.document, p.title, p.about.company, *p.about.aliases))) for p in passages]
    subject_known = any(u.name_like and u.run < 0 for u in covered(asked, named))

    def close_run() -> None:
        text = "".join(u.text for u in run)
        if sum(u.text not in _GRAMMAR for u in run) >= 2 and not is_asked_for(asked.question, text):
            found.append(text)
        run.clear()

    for unit in asked.units:
        absent = id(unit) not in present and unit.rarity >= _RARE and unit.name_like
        if run and (unit.run != run[-1].run or not absent):
            close_run()
        if not absent:
            continue
        if unit.run >= 0:
            run.append(unit)
        elif len(unit.text) > 1 and unit.rarity >= _RARE_WORD and not (unit.acronym and subject_known):
            found.append(unit.text)
    close_run()
    return as_typed(asked.question, found)


def year_support(asked: Asked, passage: Passage) -> bool:
    """Whether the passage can speak of the question's years: they stand in it or around it, or its document
    is of such a year or of the one after (reports compare with the year before)."""
    if not asked.years:
        return True
    own = years(f"{passage.document}\n{passage.title}")
    inside = years(passage.text) | years(passage.table_header) | years("\n".join(passage.section_path))
    reach = own | {y - 1 for y in own} | inside
    return bool(asked.years & reach)


def plain(text: str) -> str:
    """For comparing: no case, no spaces, no punctuation."""
    return re.sub(r"[\W_]+", "", normalise(text).lower())
