"""The lexical terms of a text: what the BM25 index stores and what a query asks it for.

Promises: the same text in full-width, accented, capital or digit-grouped writing gives the same terms;
amounts and dates written in different ways (1.5亿 and 15,000万, December 31, 2019 and 2019-12-31) share one
of their :func:`index_terms`; a term never holds white space; pure, thread-safe, bounded memory.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from operator import add

from rag.text.normalise import normalise
from rag.text.numbers import chinese_value

_HAN = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN = re.compile(
    r"[a-z]++(?![\w&'’.-])"  # most tokens: tried first
    rf"|[{_HAN}]++"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])"  # 1,577  12,345.60
    rf"|\d+\.\d+(?![^\W{_HAN}])"  # 12.5
    r"|(?:[^\W\d_]\.){2,}"  # u.s.
    r"|[^\W\d_](?:&[^\W\d_])+(?![^\W_])"  # r&d
    rf"|(?:[^\W_{_HAN}]+['’])+[^\W_{_HAN}]+"  # company's
    rf"|\d+-[^\W\d_{_HAN}]+(?![^\W_])|[^\W\d_{_HAN}]+-\d+(?![^\W_]|[.,]\d)"  # 10-k, covid-19
    rf"|[^\W_{_HAN}]+"
)
# The same for ASCII, factored by first character: twice as fast.
_ASCII_TOKEN = re.compile(
    r"[a-z]++(?![0-9&'_.-])"
    r"|[0-9](?:[0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]++)?(?![0-9,])|[0-9]*+\.[0-9]++(?![a-z0-9_])"
    r"|[0-9]*+-[a-z]++(?![a-z0-9])|[0-9]*+(?![a-z']))"
    r"|[a-z](?:\.(?:[a-z]\.)+|(?:&[a-z])+(?![a-z0-9])|[a-z]*+-[0-9]++(?![a-z0-9]|[.,][0-9]))"
    r"|(?:[a-z0-9]++')+[a-z0-9]++"
    r"|[a-z0-9]++"
)
_IS_HAN = re.compile(f"[{_HAN}]")
# A line that wraps inside a Chinese word, and words set wide ("合 计").
_WRAPPED = re.compile(rf"(?<=[{_HAN}])[ ]*\r?\n[ ]*(?=[{_HAN}])")
_SPACED = re.compile(rf"(?<![{_HAN}])(?<![{_HAN}] )[{_HAN}](?: {{1,4}}[{_HAN}])+(?![{_HAN}])")
_ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff\u0300-\u036f]")
_MARKS = re.compile("[\u0300-\u036f]")
# Typographic marks of otherwise plain English, which would keep half of a report's pages off the fast path.
_TYPOGRAPHY = (
    ("\u2019", "'"),
    ("\u2011", "-"),
    *(
        (c, " ")
        for c in "\u2018\u201c\u201d\u2014\u2013\u2015\u2022\u00b7\u00ae\u2122\u2610\u2612\u00a7\u2020\u00a0"
    ),
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",),
            ("june", "jun"), ("july", "jul"), ("august", "aug"), ("september", "sep", "sept"),
            ("october", "oct"), ("november", "nov"), ("december", "dec"),
        ),
        1,
    )
    for name in names
}  # fmt: skip
_SCALE_OF = {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "十": 1,
    "百": 2,
    "千": 3,
    "万": 4,
    "亿": 8,
}
_CUES = frozenset((*_MONTHS, "thousand", "million", "billion", "trillion"))
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_SCALED_ZH = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?) ?([十百千]?万亿?|[十百千]?亿)")
_ISO_DATE = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
_ZH_DATE = re.compile(
    r"((?:19|20)[0-9]{2}|[〇零一二三四五六七八九]{4}) ?年 ?([0-9]{1,2}|[一二三四五六七八九十]{1,2}) ?月"
    r" ?([0-9]{1,2}|[一二三四五六七八九十]{1,3}) ?日"
)
_ZH_NUMERAL = re.compile(
    r"(?<![第数几〇零一二两三四五六七八九十百千万亿])[〇零一二两三四五六七八九十百千万亿]{2,}"
)
_SCALE_OF = {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "十": 1,
    "百": 2,
    "千": 3,
    "万": 4,
    "亿": 8,
}
_MEMO_LIMIT = 200_000
_NOT_PLURAL = frozenset(("series", "species", "news", "always", "perhaps"))


def _fold_word(word: str) -> str:
    """The word without possessive and regular plural ending."""
    for ending in ("'s", "’s"):
        word = word.removesuffix(ending)
    word = word.replace("'", "").replace("’", "")
    if len(word) < 4 or word[-1] != "s" or word in _NOT_PLURAL or not word.isalpha():
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]


def _fold_number(number: str) -> str:
    number = number.replace(",", "")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number


class _Memo(dict[str, tuple[str, ...]]):
    """Token -> its terms, computed once; Chinese runs rarely repeat and are not kept."""

    def __missing__(self, token: str) -> tuple[str, ...]:
        first = token[0]
        if first >= "\u3005" and _IS_HAN.match(first):
            return tuple(map(add, token, token[1:])) if len(token) > 1 else (token,)
        if first.isdigit() and ("," in token or "." in token):
            found: tuple[str, ...] = (_fold_number(token),)
        elif "." in token:
            found = (token.replace(".", ""),)
        elif "-" in token:
            found = (*map(_fold_word, token.split("-")), token.replace("-", ""))
        else:
            found = (_fold_word(token),)
        found = tuple(filter(None, found))
        if len(self) >= _MEMO_LIMIT:
            self.clear()
        self[token] = found
        return found


_MEMO = _Memo()


def terms(text: str) -> list[str]:
    """Terms in text order, repeats kept: words lower-cased, without accents and plural ending; numbers
    without grouping and trailing zeros (1,577 = (1,577) = 1577; 12.5% = 12.50 = 12.5); overlapping character
    pairs of Chinese and Japanese runs (the character itself where a run has one); "10-K" also as "10k"."""
    if not text.isascii():
        for mark, plain in _TYPOGRAPHY:
            text = text.replace(mark, plain)
    if text.isascii():
        return list(chain.from_iterable(map(_MEMO.__getitem__, _ASCII_TOKEN.findall(text.lower()))))
    text = normalise(text).lower()
    if _ACCENTED.search(text):
        text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    text = _WRAPPED.sub("", text)
    text = _SPACED.sub(lambda match: match.group().replace(" ", ""), text)
    return list(chain.from_iterable(map(_MEMO.__getitem__, _TOKEN.findall(text))))


def index_terms(text: str) -> list[str]:
    """:func:`terms`, then what the text's amounts and dates are worth: 1.5亿 and $150 million also 150000000,
    三千二百万 also 32000000, 二〇一九 also 2019, December 31, 2019 also 20191231."""
    found = terms(text)
    more = [] if _CUES.isdisjoint(found) else list(_english(found))
    if "20" in text or "19" in text:
        for year, _, month, day in _ISO_DATE.findall(text):
            more += _date(year, int(month), int(day))
    if not text.isascii() and max(text) >= "\u3005":
        more += _chinese(normalise(text))
    return found + more


def index_lines(text: str) -> list[list[str]]:
    """The :func:`index_terms` of each line that has any; a line that breaks inside a Chinese run goes on."""
    if not text.isascii():
        text = _WRAPPED.sub("", text)
    return [found for line in text.split("\n") if (found := index_terms(line))]


def _english(found: list[str]) -> Iterator[str]:
    """1.6 billion; December 31, 2019; 31 December 2019: neighbours among the terms."""
    for i, term in enumerate(found):
        if term not in _CUES:
            continue
        before, after = found[i - 1] if i else "", found[i + 1 : i + 3]
        if term not in _MONTHS:
            if _NUMBER.fullmatch(before):
                yield _fold_number(f"{Decimal(before).scaleb(_SCALE_OF[term]):f}")
        elif len(after) == 2 and _YEAR.fullmatch(after[1]) and after[0].isdigit():
            yield from _date(after[1], _MONTHS[term], int(after[0]))
        elif after and _YEAR.fullmatch(after[0]) and before.isdigit():
            yield from _date(after[0], _MONTHS[term], int(before))


def _date(year: str, month: int, day: int) -> list[str]:
    return [f"{year}{month:02}{day:02}"] if 1 <= month <= 12 and 1 <= day <= 31 else []


def _chinese(text: str) -> Iterator[str]:
    for digits, scale in _SCALED_ZH.findall(text):
        worth = Decimal(digits.replace(",", "")).scaleb(sum(_SCALE_OF[c] for c in scale))
        yield _fold_number(f"{worth:f}")
    for numeral in _ZH_NUMERAL.findall(text):
        value = chinese_value(numeral)
        if value is not None and (value >= 100 or len(numeral) > 2):
            yield str(value)
    for year, month, day in _ZH_DATE.findall(text):
        read = [int(n) if n.isdigit() and n.isascii() else chinese_value(n) or 0 for n in (year, month, day)]
        yield from _date(str(read[0]), read[1], read[2])
