"""Which language a text is in, as far as search and prompts need to know: Chinese, English or another.

Promises: pure, deterministic, reads at most the first, middle and last few thousand characters.
"""

from __future__ import annotations

import re
from typing import Literal

_SAMPLE = 4_000  # characters from each of three places
# Ideographs, then kana and hangul, then every letter.
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_KANA_HANGUL = re.compile("[\u3041-\u30fa\uac00-\ud7a3]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile("[a-z\u00e0-\u024f]+")
# An ideograph says about as much as 2.5 Latin letters; a Chinese report full of English names is Chinese.
_HAN_WEIGHT = 2.5
_ENGLISH_WORDS = "the of and to in for is are was were that with as by on from this which not be or we our"
_OTHER_WORDS = (
    "der die das und den von ist mit im für auf dem nicht eine ein des zu "  # German
    "le la les et des du une est dans pour que qui sur au aux par "  # French
    "el los las y del por para con una que en su al "  # Spanish
    "il di che della per è sono gli nel "  # Italian
    "o os da do dos em um uma não ao "  # Portuguese
    "het een van op te dat voor zijn"  # Dutch
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_OTHERS = frozenset(_OTHER_WORDS.split()) - {"die"}


def detect_language(text: str) -> Literal["zh", "en", "other"]:
    """ "zh" when ideographs dominate the letters (and no kana or hangul says otherwise), "en" when Latin
    letters do and the little words are not plainly those of another language, else "other" (also for
    a text without letters)."""
    if len(text) > 3 * _SAMPLE:
        middle = len(text) // 2
        text = "\n".join((text[:_SAMPLE], text[middle : middle + _SAMPLE], text[-_SAMPLE:]))
    if text.isascii():
        if not _LATIN.search(text):
            return "other"
    else:
        letters = len(_LETTER.findall(text))
        han = len(_HAN.findall(text))
        latin = len(_LATIN.findall(text))
        foreign = letters - han - latin
        if han * _HAN_WEIGHT > latin and han > foreign:
            return "other" if 5 * len(_KANA_HANGUL.findall(text)) > han else "zh"
        if latin <= foreign:
            return "other"
    words = set(_WORD.findall(text.lower()))
    return "other" if len(words & _OTHERS) > max(1, len(words & _ENGLISH)) else "en"
