"""Is this text, or what a broken font makes of it?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Final

_PRIVATE: Final = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_CID: Final = re.compile(r"\(cid:\d+\)")
_WORD: Final = re.compile("[A-Za-z]{4,}")
_VOWEL: Final = re.compile("[aeiouyAEIOUY]")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9.,$%()'’:;-]")
_CONTROL: Final = re.compile("[\x01\x03-\x08\x0e-\x1f\x7f-\x9f]")
_CONSONANTS: Final = re.compile("[bcdfghjklmnpqrstvwxz]{5,}", re.IGNORECASE)
_MIN_CHARS: Final = 12


def garbled(text: str) -> bool:
    """Whether most of ``text`` (as extracted, before cleaning) is nonsense. Too little text is never
    garbled."""
    dense = "".join(text.split())[:6000]
    if len(dense) < _MIN_CHARS:
        return False
    controls = len(_CONTROL.findall(dense))
    bad = controls + len(_PRIVATE.findall(dense)) + sum(len(m) for m in _CID.findall(dense))
    # Letters of another alphabet come out as control characters too: three in a hundred are no accident.
    if bad > 0.3 * len(dense) or controls > max(2, 0.03 * len(dense)):
        return True
    if len(_PLAIN.findall(dense)) > 0.8 * len(dense):
        return _no_words(text[:8000], dense)
    return _no_ideographs(dense) or _babel(dense) or _soup(dense)


def _no_words(text: str, dense: str) -> bool:
    """Latin letters without vowels, or with heaps of consonants: a shifted alphabet."""
    words = _WORD.findall(text)
    if len(words) < 15 or sum(len(w) for w in words) < 0.4 * len(dense):
        return False
    odd = sum(1 for w in words if not _VOWEL.search(w) or _CONSONANTS.search(w))
    if odd <= 0.45 * len(words):
        return False
    letters = "".join(words)
    # Capitals may be a list of abbreviations; even those have one vowel in four letters.
    return not letters.isupper() or len(_VOWEL.findall(letters)) < 0.25 * len(letters)


def _no_ideographs(dense: str) -> bool:
    """Ideographs that no everyday character set knows."""
    han = _HAN.findall(dense)
    return len(han) >= 20 and len(han) > 0.4 * len(dense) and sum(map(_common, han)) < 0.7 * len(han)


def _common(ideograph: str) -> bool:
    for codec in ("gb2312", "big5", "shift_jis"):
        try:
            ideograph.encode(codec)
        except UnicodeEncodeError:
            continue
        return True
    return False


def _babel(dense: str) -> bool:
    """Letters of many scripts side by side, or code points that no script has: glyph numbers taken for
    text."""
    sample = dense[:1500]
    scripts: Counter[str] = Counter()
    unassigned = 0
    for character in sample:
        if character.isascii():
            continue
        name = unicodedata.name(character, "")
        kind = unicodedata.category(character)
        if kind == "Cn":
            unassigned += 1
        elif name and kind.startswith("L"):
            scripts[name.split(" ", 1)[0]] += 1
    many = sum(1 for count in scripts.values() if count >= max(3, 0.01 * len(sample)))
    return unassigned > max(3, 0.02 * len(sample)) or many >= 7


def _soup(dense: str) -> bool:
    """Signs, symbols and accented letters in a jumble. Leaders and rules ("......") are many signs of one
    kind."""
    sample = dense[:2000]
    plain = signs = 0
    varied = set()
    for character in sample:
        kind = unicodedata.category(character)[0]
        if kind in "LN" and (character.isascii() or ord(character) > 0x24F):
            plain += 1
        else:
            signs += 1
            if kind in "SPMC":
                varied.add(character)
    return plain < 0.35 * len(sample) and signs > 0.6 * len(sample) and len(varied) > 8
