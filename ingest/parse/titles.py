"""A document's title: what its information says if that is sensible, else its first heading, else its name."""

from __future__ import annotations

import re
from typing import Final

from ingest.parse.clean import clean, name_stem
from rag.records import Page

_SENSELESS: Final = re.compile(
    r"^(untitled|unbenannt|document|title|no title|microsoft (word|powerpoint|excel)|powerpoint|slide \d|print|"
    r"无标题|文档|新建|幻灯片|pdf|test|null|none|\W*$)|\.(docx?|pdf|xlsx?|pptx?|indd|qxd|tex|dvi|rtf|html?|txt|ps|eps|wpd|fm)\W*$|[/\\]\w+[/\\]|^\S{28,}$|_",
    re.IGNORECASE,
)


def sensible(title: str) -> bool:
    """Whether a title was written by a person for readers."""
    title = title.strip()
    return 3 <= len(title) <= 250 and not _SENSELESS.search(title) and sum(c.isalpha() for c in title) >= 3


def title_of(info_title: str, pages: tuple[Page, ...] | list[Page], name: str) -> str:
    cleaned = " ".join(clean(info_title).split())
    if sensible(cleaned):
        return cleaned
    for page in list(pages)[:2]:
        for heading in sorted(page.headings, key=lambda h: (h.level, h.start)):
            text = " ".join(page.text[heading.start : heading.end].split())
            if 4 <= len(text) <= 150 and heading.level <= 2 and sum(c.isalpha() for c in text) >= 3:
                return text
    return name_stem(name)
