"""A document's title: what its information says if that is sensible, else its first heading, else its
name."""

from __future__ import annotations

import re
from typing import Final

from ingest.parse.clean import clean, name_stem
from rag.records import Page

_SENSELESS: Final = re.compile(
    r"^(untitled|unbenannt|document|title|no title|microsoft (word|powerpoint|excel)|powerpoint|slide \d|"
    r"print|无标题|文档|新建|幻灯片|pdf|test|null|none|\W*$)|"
    r"\.(docx?|pdf|xlsx?|pptx?|indd|qxd|tex|dvi|rtf|html?|txt|ps|wpd)\W*$|"
    r"^[A-Za-z]:\\|^/\w+/\w+/|^\S{28,}$|\w_\w|^(股份)?有限公司$|^年度报告$",
    re.IGNORECASE,
)
# First lines of filings and letters that say what kind of paper it is, not which one.
_GENERIC: Final = re.compile(
    r"united states|securities and exchange|commission file|^form\s+\d+|^part\s+[ivx\d]|^item\s+\d|"
    r"for (the )?(fiscal|quarterly|immediate)|"
    r"^washington|table of contents|^contents$|^目\s*录$|^(annual|quarterly) report( pursuant.*)?$|"
    r"^exhibit\b|^重要提示|^第.节",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")


def sensible(title: str) -> bool:
    """Whether a title was written by a person for readers."""
    title = title.strip()
    return 4 <= len(title) <= 250 and not _SENSELESS.search(title) and sum(c.isalpha() for c in title) >= 3


def title_of(info_title: str, pages: tuple[Page, ...] | list[Page], name: str) -> str:
    """The title shown and put before every chunk. Where it lacks the year that the file's name carries, the
    name follows in brackets: two years' reports of one company must not share a title."""
    title = " ".join(clean(info_title).split())
    if not sensible(title):
        title = _first_heading(pages)
    stem = name_stem(name)
    if not title:
        return stem
    if _YEAR.search(stem) and not _YEAR.search(title):
        return f"{title[:150]} ({stem})"
    return title


def _first_heading(pages: tuple[Page, ...] | list[Page]) -> str:
    for page in list(pages)[:2]:
        for heading in sorted(page.headings, key=lambda h: (h.level, h.start)):
            lines = [x.strip() for x in page.text[heading.start : heading.end].splitlines()]
            text = " ".join(" ".join(x for x in lines if x and not _GENERIC.search(x)).split())
            if 4 <= len(text) <= 150 and sum(c.isalpha() for c in text) >= 3:
                return text
    return ""
