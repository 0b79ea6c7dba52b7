"""Text as it is stored: printable, searchable, and still what the page says.

Removed: control characters except tab and newline, NUL, lone surrogates, zero-width, bidi and tag
characters, soft hyphens, non-characters. Replaced: ligatures, Kangxi and CJK radicals and compatibility
ideographs, Arabic presentation forms (by the characters that a person types), every kind of space by a
plain one. Full-width letters, superscripts and the like stay: matching folds them (rag.text.normalise), the
stored text does not.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# CJK Radicals Supplement: Unicode gives most of them no decomposition, but PDF fonts map to them.
_RADICALS: Final = dict(
    zip(
        "⺁⺄⺈⺌⺍⺕⺗⺘⺙⺜⺝⺟⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳",
        "厂乙刀小小彐心手攴日月母民水水火爪爪丬牛犬玉疋目示礻竹糸纟罓网网罒羊羊羊耂肀聿肉臼艹艹艹虎衣西西见角角讠贝足车辶辶辶阝金長長长门阜阜雨青韦页风飞食食食饣首马骨鬼鱼鸟卤麦黄黾齐齐歯齿竜龙龜亀龟",
        strict=False,
    )
)


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {
        c: None for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in (0x09, 0x0A, 0x85)
    }
    for code in (
        0xAD,
        0x34F,
        0x61C,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180E,
        0x3164,
        0xFEFF,
        0xFFA0,
        0xFFFE,
        0xFFFF,
    ):
        table[code] = None
    for first, last in (
        (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFDD0, 0xFDEF), (0xFE00, 0xFE0F),
        (0xFFF0, 0xFFFB), (0xD800, 0xDFFF), (0xE0000, 0xE01EF),
    ):  # fmt: skip
        table.update(dict.fromkeys(range(first, last + 1)))
    for code in (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000):
        table[code] = " "
    for code in (0x85, 0x2028, 0x2029):
        table[code] = "\n"
    for first, last in (
        (0x2E80, 0x2FD5),
        (0xF900, 0xFAD9),
        (0xFB00, 0xFB4F),
        (0xFB50, 0xFDF1),
        (0xFE70, 0xFEFC),
    ):
        for code in range(first, last + 1):
            plain = unicodedata.normalize("NFKC", chr(code))
            if plain != chr(code):
                table[code] = plain.strip() or " "
    table.update({ord(radical): plain for radical, plain in _RADICALS.items()})
    return table


_TABLE: Final = _table()
_STRANGE: Final = re.compile(
    "[^\n\t -~¡-\u00ac\u00ae-\u024f\u0370-\u05ff–-\u2027\u2030-\u205e\u2070-\u2e7f"
    "\u3001-\u3163\u3165-\ud7ff\uff01-\uff9f\uffa1-\uffef]"
)


def clean(text: str) -> str:
    """``text`` as stored. Idempotent. Never longer than 18 times the input (one Arabic ligature is that
    long)."""
    return text.translate(_TABLE) if _STRANGE.search(text) else text


def name_stem(name: str) -> str:
    """A display name without folder and suffix, cleaned, at most 200 characters."""
    base = re.split(r"[/\\]", clean(name).strip())[-1]
    stem = re.sub(r"\.[A-Za-z0-9]{1,8}$", "", base) or base
    return stem.strip()[:200] or "document"
