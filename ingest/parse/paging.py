"""Estimated pages for formats that record none: about 1,800 characters, 900 in Chinese, at paragraph
boundaries."""

from __future__ import annotations

import re
from typing import Final

_WIDE: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7a3]")
PAGE_WEIGHT: Final = 1800


def weight(text: str) -> int:
    """Characters, an ideograph counting double."""
    return len(text) + (0 if text.isascii() else len(_WIDE.findall(text)))


def estimated_pages(text: str) -> list[str]:
    """Pages of ``text``; joined by newlines they are the text again (but for blank lines at the cuts)."""
    pages: list[str] = []
    lines: list[str] = []
    held = 0
    for line in text.split("\n"):
        size = weight(line) + 1
        blank = not line.strip()
        if lines and (held + size > 1.25 * PAGE_WEIGHT or (held >= PAGE_WEIGHT and (blank or size > 200))):
            pages.append("\n".join(lines).strip("\n"))
            lines, held = [], 0
            if blank:
                continue
        lines.append(line)
        held += size
    if any(line.strip() for line in lines):
        pages.append("\n".join(lines).strip("\n"))
    return pages or [""]
