"""Questions that a document's words answer: definitions, abbreviations, company data, gaps in sentences,
topics.

Promises: pure; each fact names the page it stands on and the words that answer it, which are there word for
word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation import phrasing
from rag.records import Language, Page
from rag.text.sentences import sentence_spans

FactKind = Literal["definition", "lookup", "cloze", "topic"]

_COMPANY_DATA_ZH: dict[str, str] = {
    "法定代表人": "{company}的法定代表人是谁？",
    "注册地址": "{company}的注册地址在哪里？",
    "办公地址": "{company}的办公地址在哪里？",
    "注册资本": "{company}的注册资本是多少？",
    "外文名称": "{company}的外文名称是什么？",
    "中文简称": "{company}的中文简称是什么？",
    "网址": "{company}的网址是什么？",
    "电子信箱": "{company}的电子信箱是什么？",
}
_DATA_EN: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"\b(?:employed|had)\s+(?:approximately\s+|about\s+|a total of\s+)?(\d{1,3}(?:,\d{3})+)\s+"
            r"(?:full[- ]time|part[- ]time|people|employees|associates|persons|colleagues)"
        ),
        "How many employees did {company} have{when}?",
    ),
    (
        re.compile(
            r"\b(?:headquarters|principal executive offices?)\s+(?:are|is)\s+located\s+(?:in|at)\s+"
            r"([A-Z][\w .,]{4,60}?)(?=[.;]\s|\s+(?:and|where|which)\b|\.$)"
        ),
        "Where are {owner} headquarters located?",
    ),
    (
        re.compile(
            r"\bincorporated\s+(?:in"
            r"|under the laws of)\s+(?:the\s+)?(?:State\s+of\s+)?([A-Z][a-z]+(?:\s[A-Z][a-z]+)?)\b"
        ),
        "Where is {company} incorporated?",
    ),
)
_DATA_ZH: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?:在职员工的?数量合计|员工总数|员工合计)\s*(?:为|共)?\s*([\d,]{2,})\s*人?"),
        "{company}有多少名员工？",
    ),
)
_ACRONYM = re.compile(r"\(\s*[“\"]?([A-Z]{3,6})[”\"]?\s*\)")
_KNOWN = frozenset(  # abbreviations that need no document
    (
        "SEC",
        "EPS",
        "CEO",
        "CFO",
        "COO",
        "GAAP",
        "FASB",
        "IRS",
        "USA",
        "NYSE",
        "ASC",
        "ASU",
        "EBITDA",
        "ESG",
        "LLC",
        "USD",
        "IFRS",
        "IPO",
        "ROE",
        "ROI",
    )
)
_BEFORE = 110  # characters in which an abbreviation's words stand
_DEFINES_EN = (
    re.compile(r"\b[Ww]e define ([A-Za-z][\w\- ]{3,40}?) as ([^.]{25,260})\."),
    re.compile(r"^([A-Z][A-Za-z\- ]{3,45}?) (?:is|are) defined as ([^.]{25,260})\."),
    re.compile(r"[“\"]([A-Z][A-Za-z\- ]{3,40}?)[”\"] (?:means|refers to) ([^.]{25,260})\."),
)
_DEFINES_ZH = re.compile(r"^([\u4e00-\u9fffA-Za-z]{2,14}?)，?(?:是指|指的是)([^。]{10,140})。")
_AS_OF = re.compile(
    r"\b(?:[Aa]s of|[Aa]t|[Oo]n)\s+(?:[A-Z][a-z]+ \d{1,2}, )(?:19|20)\d{2}"
    r"|\bat the end of (?:fiscal )?20\d{2}"
)
_GAP_EN = re.compile(
    r"(?:\$\s?\d[\d,]*(?:\.\d+)?(?:\s(?:million|billion))?|\b\d{1,3}(?:,\d{3})+\b|\b\d+(?:\.\d+)?\s?(?:%|percent))"
)
_GAP_ZH = re.compile(r"\d[\d,]*(?:\.\d+)?\s?(?:%|亿元|万元|元|万吨|吨|家|项|人|件|个百分点)")
_OPENS_VAGUELY = re.compile(
    r"^(?:this|these|that|those|it|they|such|he|she|its|their|both|each|see|refer|as a result"
    r"|in addition|however"
    r"|additionally|also|further|the (?:increase|decrease|change)|note|item|no\b|\()"
    r"|^(?:该|其|此|这|所|对应|上述|以上|同时|另外|因此|注|详见|见|本次|前述)",
    re.IGNORECASE,
)
_NO_TOPIC = re.compile(
    r"^(?:item|part|table of|index|exhibit|signatures?|notes? |general|overview|other|summary"
    r"|introduction|none|contents"
    r"|not applicable|consolidated|report of|schedule|page|united states|form|press release|contact"
    r"|about|annual report"
    r"|目录|释义|审计|其他|备查|重要提示|声明|附注|财务报告|适用|单位|第.{1,3}节)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """``answer`` is "" for a topic: its page is what must be found."""

    kind: FactKind
    question: str
    answer: str
    page: int
    text: str  # the evidence's words


def read_facts(company: str, language: Language, pages: Sequence[Page]) -> Iterator[Fact]:
    """All facts of a document, in reading order."""
    if language == "other":
        return
    seen: set[str] = set()
    titles = Counter(_title(p, h.start, h.end) for p in pages for h in p.headings)
    counts = _data_counts(language, pages)
    for page in pages:
        for fact in [
            *_rows(company, language, page),
            *_sentences(company, language, page, counts),
            *_topics(company, language, page, titles),
        ]:
            if fact.question not in seen:
                seen.add(fact.question)
                yield fact


def _rows(company: str, language: Language, page: Page) -> Iterator[Fact]:
    """Definitions and company data that stand in rows of two or three cells."""
    for line in page.text.split("\n"):
        cells = [c.strip() for c in line.split("\t") if c.strip()]
        if language == "zh":
            if (
                len(cells) == 3
                and cells[1] == "指"
                and cells[0] not in cells[2]
                and 2 <= len(cells[0]) <= 14
                and 4 <= len(cells[2]) <= 60
            ):
                yield Fact(
                    "definition", phrasing.definition(cells[0].split("、")[0], company, language), cells[2],
                    page.number, " ".join(cells),
                )  # fmt: skip
            if len(cells) == 2 and 2 <= len(cells[1]) <= 60:
                for name, question in _COMPANY_DATA_ZH.items():
                    if re.fullmatch(rf"公司的?{name}", cells[0]) and cells[1] not in (
                        company,
                        "无",
                        "不适用",
                    ):
                        text = " ".join(cells)
                        yield Fact("lookup", question.format(company=company), cells[1], page.number, text)
        elif len(cells) == 2 and re.fullmatch(r"[A-Z]{2,6}", cells[0]) and _spells(cells[0], cells[1]):
            if cells[0] in _KNOWN:
                continue
            question = phrasing.acronym(cells[0], company)
            yield Fact("definition", question, cells[1], page.number, " ".join(cells))


def _spells(letters: str, words: str) -> bool:
    """Whether the initials of ``words`` are ``letters`` (small words may be skipped)."""
    full = re.findall(r"[A-Za-z]+", words)
    every = "".join(w[0] for w in full).upper()
    big = "".join(
        w[0] for w in full if w.lower() not in ("of", "and", "the", "for", "in", "on", "to")
    ).upper()
    return letters in (every, big)


def _sentences(
    company: str, language: Language, page: Page, counts: Counter[tuple[int, str]]
) -> Iterator[Fact]:
    text = page.text
    for match in _ACRONYM.finditer(text) if language == "en" else ():
        words, letters = text[max(0, match.start() - _BEFORE) : match.start()].split(), match.group(1)
        if letters in _KNOWN:
            continue
        for size in range(len(letters), min(len(words), len(letters) + 3) + 1):
            full = " ".join(words[-size:])
            if re.fullmatch(r"[A-Za-z][A-Za-z' ’-]+", full) and _spells(letters, full):
                evidence = f"{full} ({letters})"
                yield Fact("definition", phrasing.acronym(letters, company), full, page.number, evidence)
                break
    for start, end in sentence_spans(text):
        if any(t.start < end and start < t.end for t in page.tables):
            continue
        sentence = (
            " ".join(text[start:end].split()) if language == "en" else re.sub(r"\s+", "", text[start:end])
        )
        yield from _defined(company, language, page.number, sentence)
        yield from _data(company, language, page.number, sentence, counts)
        yield from _gap(company, language, page.number, sentence)


def _defined(company: str, language: Language, page: int, sentence: str) -> Iterator[Fact]:
    for pattern in (_DEFINES_ZH,) if language == "zh" else _DEFINES_EN:
        if (found := pattern.search(sentence)) and not _OPENS_VAGUELY.match(found.group(1)):
            term = re.sub(r"^(?:the|a|an)\s+", "", found.group(1).strip())
            if len(term) < (2 if language == "zh" else 5):
                continue
            question = phrasing.definition(term, company, language)
            yield Fact("definition", question, found.group(2).strip(), page, sentence)


def _data_counts(language: Language, pages: Sequence[Page]) -> Counter[tuple[int, str]]:
    """Which answers each question about the company would have: more than one is in doubt."""
    values: set[tuple[int, str]] = set()
    for page in pages:
        flat = " ".join(page.text.split())
        for number, (pattern, _) in enumerate(_DATA_ZH if language == "zh" else _DATA_EN):
            values |= {(number, m.group(1)) for m in pattern.finditer(flat)}
    return Counter((number, "") for number, _ in values)


def _data(
    company: str, language: Language, page: int, sentence: str, counts: Counter[tuple[int, str]]
) -> Iterator[Fact]:
    for number, (pattern, question) in enumerate(_DATA_ZH if language == "zh" else _DATA_EN):
        found = pattern.search(sentence)
        if (
            found
            and counts[(number, "")] <= 1
            and "originally" not in sentence
            and "reincorporated" not in sentence
        ):
            day = _AS_OF.search(sentence)
            if "{when}" in question and not day:
                continue
            words = question.format(
                company=company,
                owner=phrasing.possessive(company),
                when=f" {day.group()[0].lower()}{day.group()[1:]}" if day else "",
            )
            yield Fact("lookup", words, found.group(1).strip(), page, sentence)


def _gap(company: str, language: Language, page: int, sentence: str) -> Iterator[Fact]:
    """A whole sentence with exactly one amount, which is taken out."""
    low, high = (24, 110) if language == "zh" else (70, 230)
    ends = sentence.endswith("。") if language == "zh" else sentence.endswith(".")
    begins = (
        bool(re.match(r"[\u4e00-\u9fff]", sentence))
        if language == "zh"
        else bool(re.match(r"[A-Z][a-z]+ ", sentence))
    )
    if not (low <= len(sentence) <= high and ends and begins) or _OPENS_VAGUELY.match(sentence):
        return
    if re.search(r"\.{3,}|…|[“”\"•●□√*]|\bapplicable\b|适用", sentence):
        return
    gaps = list((_GAP_ZH if language == "zh" else _GAP_EN).finditer(sentence))
    numbers = re.findall(
        r"\d[\d,.]*", re.sub(r"(?:19|20)\d{2}(?!\d)|\b\d{1,2},|\d{1,2}月|\d{1,2}日", "", sentence)
    )
    if len(gaps) != 1 or len(numbers) != 1:
        return
    gap = gaps[0]
    question = phrasing.cloze(sentence, gap.start(), gap.end(), company, language)
    yield Fact("cloze", question, gap.group().strip(), page, sentence)


def _title(page: Page, start: int, end: int) -> str:
    words = " ".join(page.text[start:end].split())
    return re.sub(
        r"^(?:[（(]?[一二三四五六七八九十\d]{1,3}[)）、.．]\s*|第.{1,3}[章节]\s*)+", "", words
    ).strip(" :：.")


def _topics(company: str, language: Language, page: Page, titles: Counter[str]) -> Iterator[Fact]:
    """Headings that name one thing and have text of their own below them."""
    for number, heading in enumerate(page.headings):
        title = _title(page, heading.start, heading.end)
        following = page.headings[number + 1].start if number + 1 < len(page.headings) else len(page.text)
        below = page.text[heading.end : following]
        prose = "\n".join(line for line in below.split("\n") if "\t" not in line and len(line) > 25)
        if titles[title] != 1 or _NO_TOPIC.match(title) or re.search(r"[\d$%|“”\"…?？:：]|适用", title):
            continue
        if language == "zh":
            if (
                not 4 <= len(title) <= 20
                or len(prose) < 120
                or title.startswith(("公司", "报告期"))
                or "情况" in title
            ):
                continue
        elif (
            not 2 <= len(title.split()) <= 7
            or len(title) < 10
            or title.isupper()
            or len(prose) < 350
            or not all(w[0].isupper() or len(w) <= 4 for w in title.split())
        ):
            continue
        if title.lower() in company.lower() or company.lower() in title.lower():
            continue
        question = phrasing.topic(title, company, language)
        yield Fact("topic", question, "", page.number, title)
