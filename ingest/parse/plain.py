"""Plain text and Markdown -> ParsedDocument. A form feed is a page break; without one, long texts get
estimated pages.

Encodings: byte order marks, UTF-8, UTF-16 without a mark, then GB18030 or Big5 by which gives everyday
characters, then charset-normalizer's guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.parse import kinds
from ingest.parse.clean import clean, name_stem
from ingest.parse.paging import estimated_pages
from ingest.parse.quality import garbled
from ingest.parse.titles import sensible
from rag.errors import DocumentError
from rag.records import Heading, Page, ParsedDocument, Table
from rag.text.language import detect_language

if TYPE_CHECKING:
    from rag.settings import IngestSettings

_ATX: Final = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CHINESE_HEADING: Final = re.compile(
    r"^[ \t]*(第[一二三四五六七八九十百\d]+[章节篇].{0,30}|[一二三四五六七八九十]{1,3}、.{1,30})$",
    re.MULTILINE,
)
_PIPE_TABLE: Final = re.compile(r"(?:^[ \t]*\|.*\|[ \t]*(?:\n|\Z)){2,}", re.MULTILINE)
_TAB_TABLE: Final = re.compile(r"(?:^[^\n\t]*\t[^\n]*(?:\n|\Z)){3,}", re.MULTILINE)
_COMMON: Final = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经的是國來時個們為這說會對過後學經發動產種"
)


def parse_text(
    path: Path,
    name: str,
    limits: IngestSettings,
    media_type: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> ParsedDocument:
    """Raises DocumentError: empty, garbled (no encoding gives sense), too much text."""
    text = decode(path.read_bytes())
    if len(text) > limits.max_chars:
        raise DocumentError("failed", "document.too_much_text", name=name, max_chars=limits.max_chars)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DocumentError("empty", "document.empty", name=name)
    if garbled(text[:20_000]):
        raise DocumentError("garbled", "document.garbled", name=name)
    physical = "\f" in text.strip("\f")
    parts = [clean(part).strip("\n") for part in text.split("\f")]
    if physical:
        if parts and not parts[-1].strip():
            parts.pop()  # a form feed at the very end closes the last page
    else:
        parts = estimated_pages("\n".join(parts))
    if not any(part.strip() for part in parts):
        raise DocumentError("empty", "document.empty", name=name)
    if len(parts) > limits.max_pages:
        raise DocumentError(
            "failed", "document.too_many_pages", name=name, pages=len(parts), max_pages=limits.max_pages
        )
    markdown = media_type == kinds.MARKDOWN or len(_ATX.findall(text[:50_000])) >= 2
    pages = tuple(_page(number, part, markdown) for number, part in enumerate(parts, start=1))
    if on_progress is not None:
        on_progress(len(pages), len(pages))
    return ParsedDocument(
        media_type=media_type,
        title=_title(pages, name),
        language=detect_language(text[:60_000]),
        pages=pages,
        page_kind="physical" if physical or len(pages) == 1 else "estimated",
        warnings=() if physical or len(pages) == 1 else ("warn.estimated_pages",),
    )


def _title(pages: tuple[Page, ...], name: str) -> str:
    for heading in pages[0].headings:
        text = pages[0].text[heading.start : heading.end].strip("# \t")
        if heading.level == 1 and sensible(text):
            return text
    return name_stem(name)


def _page(number: int, text: str, markdown: bool) -> Page:
    headings = []
    code = [m.span() for m in _FENCE.finditer(text)] if markdown else []
    if markdown:
        for match in _ATX.finditer(text):
            if not any(a <= match.start() < b for a, b in code):
                headings.append(Heading(match.start(2), match.end(2), len(match.group(1))))
    else:
        for match in _CHINESE_HEADING.finditer(text):
            level = 1 if match.group(1).startswith("第") else 2
            headings.append(Heading(match.start(1), match.end(1), level))
    tables = []
    for match in (_PIPE_TABLE if markdown else _TAB_TABLE).finditer(text):
        region = match.group().rstrip("\n")
        header = region.split("\n", 1)[0].strip().strip("|").strip()
        tables.append(
            Table(match.start(), match.start() + len(region), re.sub(r"\s*[|\t]\s*", "\t", header)[:400])
        )
    return Page(number, text, headings=tuple(headings), tables=tuple(tables))


def decode(data: bytes) -> str:
    """Text of bytes in whatever encoding. Never raises; what no encoding knows becomes U+FFFD."""
    for mark, codec in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(codec, "replace").lstrip("\ufeff")
    half = max(1, len(data) // 2)
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if odd > 0.3 * half and even < 0.05 * half:
        return data.decode("utf-16-le", "replace")
    if even > 0.3 * half and odd < 0.05 * half:
        return data.decode("utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # One damaged byte in a long UTF-8 text is damage, not another encoding.
        if error.start > 200 and data[: error.start].decode("utf-8", "ignore").isascii() is False:
            return data.decode("utf-8", "replace")
    best: tuple[float, str] | None = None
    for codec in ("gb18030", "big5", "shift_jis", "euc_kr"):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        sample = [c for c in text[:20_000] if ord(c) > 127]
        if not sample:
            continue
        common = sum(c in _COMMON for c in sample) / len(sample)
        kana = sum("\u3041" <= c <= "\u30ff" for c in sample) / len(sample)
        hangul = sum("\uac00" <= c <= "\ud7a3" for c in sample) / len(sample)
        score = (
            common + (0.5 * kana if codec == "shift_jis" else 0) + (0.3 * hangul if codec == "euc_kr" else 0)
        )
        if best is None or score > best[0]:
            best = (score, text)
    if best is not None and best[0] > 0.06:
        return best[1]
    from charset_normalizer import from_bytes

    guess = from_bytes(data[:200_000]).best()
    return data.decode(guess.encoding if guess is not None else "utf-8", "replace")
