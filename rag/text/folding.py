"""Texts made comparable for rules that people may try to slip past, with the way back to the original places.

Promises: pure; every character of the outcome knows which characters of the original it stands for. Width,
invisible characters, case, traditional characters, look-alike letters, emphasis, citation markers and
spacing inside words do not tell texts apart any more. Sentence marks and commas stay: nothing is joined
across them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from rag.text.normalise import normalise

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff"
# What is put between Chinese characters to break words, not counting commas and sentence marks.
_FILLER = r"\s·・•.‧_\-—–~*+|/\\^`#='\"“”‘’«»"
_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}])[{_FILLER}]+(?=[{_HAN}])")
_EMPHASIS = re.compile(r"[*`~]+|(?<![a-z0-9])_+|_+(?![a-z0-9])|\[\d{1,3}\]|【\d{1,3}】")
# Single letters held apart by one and the same separator: "g u a r a n t e e d".
_SPELT = re.compile(r"(?<![a-z0-9])[a-z]([ .\-_·])[a-z](?:\1[a-z]){2,}(?![a-z0-9])")
_BLANKS = re.compile(r"\s+")
_LOOSE = re.compile(rf"[{_FILLER}()\[\]{{}}<>《》【】「」『』]+")
# Cyrillic and Greek letters that look like Latin ones (a few of Unicode's confusables).
_LOOK_ALIKE = str.maketrans("аеорсухіѕјԁһԛԝοαεικνρτυ", "aeopcyxisjdhqwoaeiknptu")


@dataclass(frozen=True, slots=True)
class Folded:
    """``text[i]`` stands for the original's characters ``starts[i]`` to ``ends[i]``, end exclusive."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` (not empty) stands in the original."""
        return self.starts[start], self.ends[end - 1]

    def without(self, cuts: Iterable[tuple[int, int]], filler: str = "") -> Folded:
        """With the spans ``cuts`` (in order, apart) gone, each replaced by ``filler`` (at most one
        character)."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end in cuts:
            pieces += [self.text[at:start], filler]
            starts += [*self.starts[at:start], *self.starts[start : start + len(filler)]]
            ends += [*self.ends[at:start], *self.ends[end - len(filler) : end]]
            at = end
        return Folded(
            "".join([*pieces, self.text[at:]]), (*starts, *self.starts[at:]), (*ends, *self.ends[at:])
        )


def flatten(text: str) -> Folded:
    """Width and invisible characters only: case and spaces stay."""
    if text.isascii():
        return Folded(text, tuple(range(len(text))), tuple(range(1, len(text) + 1)))
    pieces: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = character if character.isascii() else normalise(character)
        pieces.append(plain)
        places += [place] * len(plain)
    return Folded("".join(pieces), tuple(places), tuple(place + 1 for place in places))


def fold(text: str) -> Folded:
    """Everything the module's promise names; runs of blanks are one space, and none stands between Chinese
    characters."""
    flat = flatten(text)
    lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in flat.text).translate(_simplified())
    folded = Folded(lower.translate(_LOOK_ALIKE), flat.starts, flat.ends)
    folded = folded.without(m.span() for m in _EMPHASIS.finditer(folded.text))
    folded = folded.without((m.span() for m in _BLANKS.finditer(folded.text)), " ")
    folded = folded.without(m.span() for m in _BETWEEN_HAN.finditer(folded.text))
    gaps = [
        (place, place + 1)
        for match in _SPELT.finditer(folded.text)
        for place in range(match.start() + 1, match.end(), 2)
    ]
    return folded.without(gaps)


def tighten(folded: Folded) -> Folded:
    """Without blanks, hyphens, quotation marks and brackets: for words written in any spacing."""
    # A dot between letters ends a sentence or shortens a word: only then does it keep them apart.
    return folded.without(
        m.span() for m in _LOOSE.finditer(folded.text) if not ("." in m.group() and m.end() - m.start() > 1)
    )


def simplify(text: str) -> str:
    """Traditional Chinese characters as simplified ones, one for one."""
    return text.translate(_simplified())


@cache
def _simplified() -> dict[int, str]:
    """By OpenCC's table of characters. Not by its phrases: lengths would change."""
    from opencc import OpenCC

    characters = [chr(code) for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
    converted = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(a): b for a, b in zip(characters, converted, strict=True) if a != b and len(b) == 1}
