"""Measures that compare an answer's words with the accepted ones. Pure.

English is compared as SQuAD does (Rajpurkar et al.: SQuAD: 100,000+ Questions for Machine Comprehension of
Text, EMNLP 2016): lower case, no punctuation, no articles, words. Chinese as CMRC 2018 does (Cui et al.: A
Span-Extraction Dataset for Chinese Machine Reading Comprehension, EMNLP 2019): characters one by one, Latin
words whole, no punctuation, overlap by the longest common run.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

_MARKER = re.compile(r"\s?(?:\[\d{1,3}\]|【\d{1,3}】)+")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_HAN = re.compile(r"[\u3400-\u9fff]")
_PIECE = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SPACED_PERCENT = re.compile(r"(?<=\d)\s+(?=%)")


def without_markers(answer: str) -> str:
    """``answer`` without its citation marks."""
    return _MARKER.sub("", answer).strip()


def normalise(text: str) -> str:
    """Lower case and compatible forms (NFKC), "1,234" as 1234, "5 %" as 5%, no punctuation or
    symbols but % and a point or sign of a number, no English articles, single spaces."""
    text = _THOUSANDS.sub("", unicodedata.normalize("NFKC", text).lower())
    text = _SPACED_PERCENT.sub("", text)
    kept = []
    for at, char in enumerate(text):
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        part_of_number = (char == "." and before.isdigit() and after.isdigit()) or (
            char in "-\u2212" and after.isdigit() and not before.isalnum()
        )
        symbol = unicodedata.category(char)[0] in "PS" and char != "%" and not part_of_number
        kept.append("" if char == "'" else " " if symbol else char)
    return " ".join(_ARTICLE.sub(" ", "".join(kept)).split())


def pieces(text: str) -> list[str]:
    """Normalised words; each Chinese character by itself."""
    return _PIECE.findall(normalise(text))


def exact_match(answer: str, accepted: Iterable[str]) -> float:
    """1.0 when the answer, normalised, is one of the accepted ones."""
    found = pieces(without_markers(answer))
    return float(any(found == pieces(gold) for gold in accepted))


def token_f1(answer: str, accepted: Iterable[str]) -> float:
    """The best F1 against an accepted answer, 0..1. English: harmonic mean of precision and recall over the
    bag of words (SQuAD); Chinese: over the longest common run of characters (CMRC)."""
    found = pieces(without_markers(answer))
    return max((_f1(found, pieces(gold), _is_chinese(gold)) for gold in accepted), default=0.0)


def _f1(found: list[str], gold: list[str], chinese: bool) -> float:
    if not found or not gold:
        return float(found == gold)
    if chinese:
        matcher = SequenceMatcher(None, found, gold, autojunk=False)
        same = matcher.find_longest_match(0, len(found), 0, len(gold)).size
    else:
        same = sum((Counter(found) & Counter(gold)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(found), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def _is_chinese(text: str) -> bool:
    return _HAN.search(text) is not None


def contains(answer: str, wording: str) -> bool:
    """Whether the normalised wording stands in the answer as a run of whole words (Chinese: characters)."""
    found, gold = pieces(without_markers(answer)), pieces(wording)
    if not gold:
        return False
    joined, wanted = "\x00".join(["", *found, ""]), "\x00".join(["", *gold, ""])
    return wanted in joined


def contained(answer: str, groups: Sequence[Sequence[str]]) -> float:
    """1.0 when the answer holds one wording of every group (accuracy of RGB: Chen et al.: Benchmarking Large
    Language Models in Retrieval-Augmented Generation, AAAI 2024)."""
    return float(bool(groups) and all(any(contains(answer, w) for w in group) for group in groups))
