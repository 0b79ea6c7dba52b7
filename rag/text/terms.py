"""The lexical terms of a text: what the BM25 index stores and what a query asks it for.

Promises: the same text in full-width, accented, capital or digit-grouped writing gives the same terms; a term
never holds white space; pure, thread-safe, bounded memory.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from operator import add

from rag.text.normalise import normalise

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
    if text.isascii():
        return list(chain.from_iterable(map(_MEMO.__getitem__, _ASCII_TOKEN.findall(text.lower()))))
    text = normalise(text).lower()
    if _ACCENTED.search(text):
        text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    text = _WRAPPED.sub("", text)
    text = _SPACED.sub(lambda match: match.group().replace(" ", ""), text)
    return list(chain.from_iterable(map(_MEMO.__getitem__, _TOKEN.findall(text))))
