"""Names in a question: of the companies that documents are about, and of documents by their titles and files.

Promises: pure; a name of one word counts only as names are written (capitals), unless the whole question is
written without any; a first word ("Activision") stands for a company only where it can be no other of the
library; a misspelt name is recognised only with the same first letter, a letter or two away, and only when
nothing is named as it is written.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from rag.records import About, Document
from rag.search.query_terms import query_terms
from rag.text.companies import is_chinese, name_key, short_name, without_province
from rag.text.file_names import about_from_name
from rag.text.reports import periods_in
from rag.text.terms import terms

_TOKEN: Final = re.compile(
    r"[A-Za-zÀ-ɏ]+(?:[-.][A-Za-zÀ-ɏ]+)*\d{0,2}(?![A-Za-z0-9])|\d{1,3}[A-Za-z]+|[A-Za-zÀ-ɏ]+|\d+"
)
_POSSESSIVE: Final = re.compile(r"['’](?:s\b|(?=\s|$))")
_MAX_WORDS = 6
_ALIKE = 0.83  # one letter of six wrong: Amazom
# Words that companies share: alone they name none.
_COMMON: Final = frozenset(
    word
    for line in (
        "american america general best first national united international global new north south east",
        "west western central pacific atlantic advanced applied standard public royal great big blue",
        "red green black white home health energy power gas oil water financial capital bank trust",
        "insurance life data digital software systems services technology technologies resources",
        "industries group holdings partners china chinese us uk european europe world consumer foot air",
        "real good state city total open free net gross block square target gap the a an in on of for",
        "and what is are was were how which who when does did do has have can could should would",
        "compare please give tell show using based under among within since during after before between",
        "from at as by annual report quarterly revenue income operating cash balance sheet statement",
        "figure growth margin year quarter company corporation inc corp q1 q2 q3 q4 fy ceo cfo gaap usd",
        "eps ebitda capex ppe sg sga rd",
    )
    for word in line.split()
)


@dataclass(frozen=True, slots=True)
class Match:
    """``question[start:end]`` names a company (a number within its :class:`CompanyNames`). ``sure``: by a
    whole name of it, as it is written."""

    start: int
    end: int
    company: int
    sure: bool


@dataclass(slots=True)
class _Company:
    label: str
    documents: list[int]
    names: set[str]
    tickers: set[str]


class CompanyNames:
    """The companies of some documents and all their names. Immutable."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._companies: list[_Company] = []
        self._of: dict[int, int] = {}
        by_key: dict[str, int] = {}
        for document in documents:
            about = known_about(document)
            if not about.company:
                continue
            names = [about.company, short_name(about.company), *about.aliases]
            names += [short_name(alias) for alias in about.aliases]
            keys = {k for k in map(name_key, names) if len(k) >= 2 and not k.isdigit()}
            known = sorted({by_key[k] for k in keys if k in by_key})
            if known:
                number = known[0]
                for other in known[1:]:  # two names turn out to be one company's
                    self._merge(number, other, by_key)
            else:
                number = len(self._companies)
                self._companies.append(_Company("", [], set(), set()))
            company = self._companies[number]
            company.documents.append(document.id)
            company.names |= {n for n in names if len(name_key(n)) >= 2}
            if about.ticker:
                company.tickers.add(about.ticker)
            self._of[document.id] = number
            for key in keys:
                by_key[key] = number
        shown: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for document in documents:
            if document.id in self._of:
                shown[self._of[document.id]][_label(document)] += 1
        for number, labels in shown.items():
            self._companies[number].label = max(labels, key=lambda n: (labels[n], not n.isupper(), n))
        self._latin: dict[str, int] = {}
        self._firsts: dict[str, int | None] = {}
        self._chinese: list[tuple[str, int]] = []
        self._tickers: dict[str, int] = {}
        for number, company in enumerate(self._companies):
            self._index(number, company)
        self._chinese.sort(key=lambda pair: -len(pair[0]))
        self._longest = max((len(key) for key in self._latin), default=0)

    def _merge(self, into: int, other: int, by_key: dict[str, int]) -> None:
        gone, here = self._companies[other], self._companies[into]
        here.documents += gone.documents
        here.names |= gone.names
        here.tickers |= gone.tickers
        for key, number in list(by_key.items()):
            if number == other:
                by_key[key] = into
        for document in gone.documents:
            self._of[document] = into
        self._companies[other] = _Company("", [], set(), set())

    def _index(self, number: int, company: _Company) -> None:
        for name in company.names:
            if is_chinese(name):
                core = without_province(short_name(name))
                for form in {name, short_name(name), core, core[:4] if len(core) > 4 else ""}:
                    if len(form) >= 2:
                        self._chinese.append((form, number))
                continue
            self._latin[name_key(name)] = number
            words = _words(name)
            for count in range(1, len(words)):
                first = name_key(" ".join(w for _, _, w in words[:count]))
                if len(first) >= 3 and first not in _COMMON and not first.isdigit():
                    known = self._firsts.get(first, number)
                    self._firsts[first] = number if known == number else None
        for ticker in company.tickers:
            self._tickers[ticker.casefold()] = number

    def __len__(self) -> int:
        return sum(bool(c.documents) for c in self._companies)

    def label(self, company: int) -> str:
        return self._companies[company].label

    def documents(self, company: int) -> tuple[int, ...]:
        return tuple(sorted(self._companies[company].documents))

    def company_of(self, document: int) -> int | None:
        return self._of.get(document)

    def named_in(self, question: str) -> list[Match]:
        """The companies that are named, in order of appearance; longer names win over parts of them."""
        found = self._chinese_in(question)
        words = _words(_POSSESSIVE.sub(lambda m: " " * len(m.group()), question))
        keys = [name_key(word) for _, _, word in words]  # a span's key is its words' keys, one after another
        plain = not any(c.isupper() for c in question)
        taken: set[int] = {
            i for i, (s, e, _) in enumerate(words) if any(m.start < e and s < m.end for m in found)
        }
        for size in range(min(_MAX_WORDS, len(words)), 0, -1):
            for at in range(len(words) - size + 1):
                span = range(at, at + size)
                if taken.intersection(span):
                    continue
                key = "".join(keys[at : at + size])
                if size > 1 and key not in self._latin and key not in self._firsts:
                    continue
                match = self._latin_at(words[at : at + size], key, at == 0, plain)
                if match is not None:
                    found.append(match)
                    taken.update(span)
        if not found:
            found = self._misspelt(words)
        return sorted(found, key=lambda m: m.start)

    def _latin_at(
        self, words: Sequence[tuple[int, int, str]], key: str, opening: bool, plain: bool
    ) -> Match | None:
        start, end = words[0][0], words[-1][1]
        written = [w for _, _, w in words]
        proper = all(w[0].isupper() or w[0].isdigit() for w in written)
        company = self._latin.get(key)
        written_so = proper or plain or len(words) > 1 or any(c.isdigit() for c in key)
        # "Block" opens a question as any word may; "Pfizer" is one thing only.
        any_word = opening and len(words) == 1 and key in _COMMON
        if (
            company is not None
            and written_so
            and not any_word
            and (len(key) >= 3 or written[0].isupper() or key[0].isdigit())
        ):
            return Match(start, end, company, sure=key not in _COMMON)
        if len(words) == 1:
            word = written[0]
            ticker = self._tickers.get(word.casefold())
            if ticker is not None and (
                sum(c.isupper() for c in word) >= 2 or (word.isdigit() and len(word) == 6)
            ):
                return Match(start, end, ticker, sure=len(word) >= 3)
        first = self._firsts.get(key)
        if first is not None and (proper or plain) and key not in _COMMON:
            return Match(start, end, first, sure=True)
        return None

    def _chinese_in(self, question: str) -> list[Match]:
        found: list[Match] = []
        for name, company in self._chinese:
            at = question.find(name)
            while at >= 0:
                end = at + len(name)
                bank_trade = name.endswith("银行") and question[end : end + 1] == "业"
                if not bank_trade and not any(m.start < end and at < m.end for m in found):
                    found.append(Match(at, end, company, sure=len(name) >= 3))
                at = question.find(name, end)
        return found

    def _misspelt(self, words: Sequence[tuple[int, int, str]]) -> list[Match]:
        """One word of a name with a letter or two wrong: Pfizzer, Microsft."""
        found: list[Match] = []
        targets = {k: n for k, n in self._latin.items() if k.isalpha() and len(k) >= 5 and k not in _COMMON}
        targets |= {k: n for k, n in self._firsts.items() if n is not None and k.isalpha() and len(k) >= 6}
        for position, (start, end, word) in enumerate(words):
            key = name_key(word)
            if len(key) < 5 or not word[0].isupper() or key in _COMMON or (position == 0 and len(words) == 1):
                continue
            near = {
                number
                for target, number in targets.items()
                if target[0] == key[0] and abs(len(target) - len(key)) <= 2 and alike(key, target)
            }
            if len(near) == 1:
                found.append(Match(start, end, near.pop(), sure=False))
        return found

    def stranger_in(self, question: str) -> str:
        """The words of a question that name a company (by their form) of which no document tells; "" when
        a company is known or none is named."""
        if self.named_in(question):
            return ""
        return stranger(question)


def stranger(question: str) -> str:
    """What in a question has the form of a company's name: a legal form, a short name right before a year
    (迈克生物2019年...), or capitalised words with a possessive or a form ("Tesla's FY2019 revenue")."""
    dated = any(p.year is not None for p in periods_in(question))
    for pattern, needs_period in _STRANGERS:
        found = pattern.search(question)
        if found and (dated or not needs_period):
            name = found.group("name").strip(" ,，年")
            if is_chinese(name):
                name = _ASKING.sub("", name)
                if 2 <= len(name) <= 30 and not _NO_NAME.search(name):
                    return name
            elif name_key(name) not in _COMMON and not all(w.lower() in _COMMON for w in name.split()):
                return name
    return ""


_ASKING: Final = re.compile(
    r"^(?:请问一?下?|我想(?:知道|了解)|请(?:提供|给出|告诉我|说明|介绍|列出)?|帮我?查一?下?|提供|能否|根据|关于|在|查询|麻烦|告诉我)+"
)
_NO_NAME: Final = re.compile(
    r"^(?:公司|本公司|该公司|企业|上市公司|报告期|本期|上期|截至|年报|报告|今年|去年|我国|中国|全国|行业)|年|的$|什么|多少|如何|哪|怎|和$|与$|及$|至$|到$"
)
_STRANGERS: Final = tuple(
    (re.compile(pattern), needs_period)
    for pattern, needs_period in (
        (r"(?P<name>[\u4e00-\u9fff（）()]{2,26}?(?:股份有限公司|有限责任公司|有限公司))", False),
        (r"(?:^|[，。；、\s])(?P<name>[\u4e00-\u9fff]{3,10}?)在?(?:19|20)\d\d年", False),
        (
            r"(?P<name>(?:[A-Z][\w&.-]*\s+){1,4}"
            r"(?:Inc|Corp|Corporation|Company|Co|Ltd|Limited|plc|PLC|LLC|AG|SE|N\.V|S\.A)\b\.?)",
            False,
        ),
        (
            r"(?P<name>(?:[A-Z][\w&.-]*\s+){0,3}[A-Z][\w&.-]*)['’]s?\s+(?:FY|(?:fiscal|Q[1-4]|20\d\d|revenue|net|"
            r"gross|operating|capex|total|EBITDA|cash|annual|10-?[KQ])\b)",
            False,
        ),
        (
            r"\b(?:for|of|by|did|does|is|was|has)\s+(?P<name>(?:[A-Z][\w&-]*\s+){0,3}[A-Z][\w&-]+)\b",
            True,
        ),
    )
)


def alike(one: str, other: str) -> bool:
    """A letter or two apart, by the share of letters that match in order (Ratcliff and Obershelp 1988)."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _words(text: str) -> list[tuple[int, int, str]]:
    return [(m.start(), m.end(), m.group()) for m in _TOKEN.finditer(text)]


def known_about(document: Document) -> About:
    """What a document is about; of one that was taken in before that was read, what its name says."""
    return document.about if document.about != About() else about_from_name(document.name)


def _label(document: Document) -> str:
    """What a company is called on a chip: its short name, for a Chinese one the name of its stock."""
    about = known_about(document)
    short = short_name(about.company)
    if is_chinese(short):
        nick = [a for a in about.aliases if is_chinese(a) and 2 <= len(a) <= 6]
        return nick[0] if nick and len(short) > 6 else short if len(short) <= 6 or not nick else nick[0]
    return short


# -- documents by their titles and files ------------------------------------------------------------

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_PROPER: Final = re.compile(r"(?<=\S\s)[A-Z][A-Za-z]{3,}\b")
_MOST_SHARE = 0.4  # a word in the names of more documents than this names none of them
_COVERED = 0.6  # of a name's weight that a question must hold to name the document
_FORMS: Final = frozenset(
    [
        "annual", "report", "quarterly", "earning", "result", "form", "10k", "10q", "8k", "20f",
        "年度", "度报", "报告", "年报", "季度", "半年", "公告", "公司", "股份", "有限",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """Documents whose file name or title the question holds; ``words`` as the question writes them."""

    documents: frozenset[int]
    terms: frozenset[str]
    words: str


class TitleNames:
    """File names and titles of documents, by their terms. Immutable."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._names: dict[int, tuple[frozenset[str], ...]] = {}
        self._by_term: dict[str, set[int]] = defaultdict(set)
        for document in documents:
            name = _EXTENSION.sub("", document.name).replace("_", " ")
            self._names[document.id] = (frozenset(terms(name)), frozenset(terms(document.title)))
            for term in {t for names in self._names[document.id] for t in names}:
                self._by_term[term].add(document.id)
        self._count = len(self._names)

    def named_in(self, question: str, asked: Collection[str]) -> TitleMatch | None:
        """None when the question names no document, or all of them."""
        if self._count < 2:
            return None
        wanted = set(asked) | set(terms(question))
        hit = {t for t in wanted if t in self._by_term}
        if not any(self._names_one(t) for t in hit):
            return None
        found: dict[int, float] = {}
        for term in {t for w in _PROPER.findall(question) if w.lower() not in _COMMON for t in terms(w)}:
            if term in hit and len(self._by_term[term]) <= max(1, self._count // 10):
                found.update(dict.fromkeys(self._by_term[term], _COVERED))
        for document in {d for t in hit if self._names_one(t) for d in self._by_term[t]}:
            share = max(self._covered(names, hit) for names in self._names[document])
            if share >= _COVERED:
                found[document] = share
        if not found or len(found) == self._count:
            return None
        top = max(found.values())
        best = frozenset(d for d, s in found.items() if s >= top - 1e-9)
        used = frozenset(t for t in hit if best & self._by_term[t])
        return TitleMatch(best, used, _shown(question, used))

    def _covered(self, names: frozenset[str], hit: Collection[str]) -> float:
        told = [t for t in names if t not in _FORMS]
        weights = {t: math.log((self._count + 1) / len(self._by_term[t])) for t in told}
        total = sum(weights.values())
        return sum(w for t, w in weights.items() if t in hit) / total if total else 0.0

    def _names_one(self, term: str) -> bool:
        few = len(self._by_term[term]) <= max(1, self._count * _MOST_SHARE)
        period = re.fullmatch(r"fy\d+|q[1-4]|\d{4}q[1-4]", term)
        return few and not term.isdigit() and term not in _FORMS and not period


def _shown(question: str, used: Collection[str]) -> str:
    """The stretch of the question from the first word that named to the last, at most 60 characters."""
    spans = [
        (m.start(), m.end())
        for m in re.finditer(r"[\u4e00-\u9fff]{2}|[^\W_]+", question)
        if set(query_terms(m.group())) & set(used) or set(terms(m.group())) & set(used)
    ]
    if not spans:
        return " ".join(sorted(used))[:60]
    return question[spans[0][0] : spans[-1][1]][:60]
