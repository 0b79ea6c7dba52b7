"""What surrounds a chunk when it is embedded and lexically indexed: one place, for ingest and for search.

Promises: pure functions of the stored record, so that any room can make the same string again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rag.records import About
from rag.text.companies import is_chinese, short_name

TITLE_WIDTH = 96  # a width of 4 is about one token: one ideograph, or four Latin letters
SECTION_WIDTH = 128
TABLE_WIDTH = 256
_SEPARATOR = " > "


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(4 if ord(c) >= 0x2E80 else 1 for c in text)


def _shorten(text: str, width: int) -> str:
    """``text`` on one line (tabs kept), cut at the end to ``width``."""
    text = "\t".join(" ".join(cell.split()) for cell in text.split("\t"))
    if _width(text) <= width:
        return text
    used = 0
    for position, char in enumerate(text):
        used += 4 if ord(char) >= 0x2E80 else 1
        if used > width:
            cut = text[:position]
            space = cut.rfind(" ")
            return (cut[:space] if space > position // 2 else cut).rstrip()
    return text


_KINDS = {
    "annual": ("annual report", "年度报告"),
    "half_year": ("half-year report", "半年度报告"),
    "quarterly": ("quarterly report", "季度报告"),
    "earnings": ("earnings release", "业绩公告"),
    "current": ("current report", "临时公告"),
    "prospectus": ("prospectus", "招股说明书"),
    "proxy": ("proxy statement", "股东大会文件"),
}


def subject(about: About) -> str:
    """What a document is about in one line: "3M annual report FY2018", "四方科技 2019年 年度报告"; "" when no
    company is known. A notice has its day instead of a fiscal year."""
    if not about.company:
        return ""
    chinese = is_chinese(about.company)
    company = short_name(about.company)
    if chinese and len(company) > 6:
        company = next((a for a in about.aliases if is_chinese(a) and 2 <= len(a) <= 6), company)
    kind = _KINDS.get(about.report_type, ("", ""))[chinese]
    part = about.fiscal_period if about.fiscal_period not in ("", "FY") else ""
    if about.report_type in ("current", "prospectus", "proxy") and about.date:
        when = about.date
    elif about.fiscal_year is None:
        when = part
    else:
        when = f"{about.fiscal_year}年{part}" if chinese else f"{part} FY{about.fiscal_year}".strip()
    return " ".join(x for x in ((company, when, kind) if chinese else (company, kind, when)) if x)


NOT_KNOWN = About()


def context_header(
    title: str, section_path: Sequence[str], table_header: str, about: About = NOT_KNOWN
) -> str:
    """What the document is about (its title where that is not known) and innermost sections on one line, the
    table's header row on the next; "" when there are none.

    Each part is cut to a fixed width (about 24 tokens of title, 32 of sections, 64 of table header), outer
    sections go first; a section that repeats the title is left out. ``section_path`` is outermost first."""
    parts: list[str] = []
    left = SECTION_WIDTH
    short_title = _shorten(subject(about) or title, TITLE_WIDTH)
    for section in reversed(section_path):
        short = _shorten(section, SECTION_WIDTH // 2)
        left -= _width(short)
        if left < 0:
            break
        if short and short != short_title:
            parts.append(short)
    if short_title:
        parts.append(short_title)
    line = _SEPARATOR.join(reversed(parts))
    row = _shorten(table_header, TABLE_WIDTH)
    return f"{line}\n{row}" if line and row else line or row


def embedded_text(header: str, text: str) -> str:
    """What is embedded and lexically indexed for a chunk: ``header`` on lines of its own before ``text``."""
    return f"{header}\n{text}" if header else text


def text_hash(embedded: str) -> str:
    """SHA-256 (hex) of an embedded text: the key under which vectors are reused."""
    return hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).hexdigest()
