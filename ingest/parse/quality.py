"""Is this text, or what a broken font makes of it?"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_PRIVATE: Final = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_CID: Final = re.compile(r"\(cid:\d+\)")
_WORD: Final = re.compile("[A-Za-z]{4,}")
_VOWEL: Final = re.compile("[aeiouyAEIOUY]")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_CONTROL: Final = re.compile("[\x01-\x08\x0e-\x1f\x7f-\x9f]")
_CONSONANTS: Final = re.compile("[bcdfghjklmnpqrstvwxz]{5,}", re.IGNORECASE)
_MIN_CHARS: Final = 12


def garbled(text: str) -> bool:
    """Whether most of ``text`` (as extracted, before cleaning) is nonsense. Too little text is never garbled."""
    dense = "".join(text.split())
    if len(dense) < _MIN_CHARS:
        return False
    bad = len(_PRIVATE.findall(dense)) + len(_CONTROL.findall(dense)) + sum(len(m) for m in _CID.findall(dense))
    if bad > 0.3 * len(dense):
        return True
    if len(dense) < 60:
        return _soup(dense)
    words = _WORD.findall(text)
    letters = sum(len(w) for w in words)
    if len(words) >= 15 and letters > 0.4 * len(dense):
        odd = sum(1 for w in words if not _VOWEL.search(w) or _CONSONANTS.search(w))
        if odd > 0.45 * len(words) and not all(w.isupper() for w in words):
            return True
    han = _HAN.findall(text)
    if len(han) >= 20 and len(han) > 0.4 * len(dense):
        known = sum(1 for c in han if _common(c))
        if known < 0.7 * len(han):
            return True
    return _soup(dense)


def _common(ideograph: str) -> bool:
    """In one of the everyday national character sets."""
    for codec in ("gb2312", "big5", "shift_jis"):
        try:
            ideograph.encode(codec)
        except UnicodeEncodeError:
            continue
        return True
    return False


def _soup(dense: str) -> bool:
    """Signs, symbols and accented letters in a jumble: few letters or digits of any script that hang together."""
    sample = dense[:4000]
    kinds = [unicodedata.category(c)[0] for c in sample]
    plain = sum(1 for c, k in zip(sample, kinds, strict=True) if k in "LN" and (c.isascii() or ord(c) > 0x24F))
    accented = sum(1 for c, k in zip(sample, kinds, strict=True) if k == "L" and 0x80 <= ord(c) <= 0x24F)
    strange = len(sample) - plain - accented
    # Leaders and rules ("......", "______") are many signs of one kind, not soup.
    varied = len(set(c for c, k in zip(sample, kinds, strict=True) if k in "SPMC"))
    return plain < 0.35 * len(sample) and (strange + accented) > 0.6 * len(sample) and varied > 8
