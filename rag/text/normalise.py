"""One form of a text for *matching*: never for what is stored or shown, offsets would move.

Promises: NFKC; zero-width, bidirectional-control, tag and variation-selector characters are gone (they hide
instructions and break matches); soft hyphens too.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]"
)


def normalise(text: str) -> str:
    """NFKC of ``text`` without invisible control characters. Idempotent."""
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", text)
    if unicodedata.is_normalized("NFKC", text):
        return text
    # Composition can give up a character that had been hidden in a compatibility form (U+FFA0).
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))


def strip_invisible(text: str) -> str:
    """``text`` without invisible control characters; everything else, full-width forms too, stays."""
    return text if text.isascii() else _INVISIBLE.sub("", text)
