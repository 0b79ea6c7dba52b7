"""Text of models, documents and file names on its way to the screen: never HTML, never a link or picture.

Three doors: :func:`plain` for text that is shown exactly as it is, :func:`answer_markdown` for a model's
answer (emphasis, lists, tables and code survive; links, pictures, HTML, formulas and Streamlit's own
directives do not), :func:`marked_html` for document text with highlighted spans.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$:&^=])")
_MARKER = re.compile(r"[\[【](\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)[\]】]")
_IMAGE = re.compile(r"!\[([^\]\n]*)\]\s*(?:\([^)\n]*\)|\[[^\]\n]*\])")
_LINK = re.compile(r"\[([^\]\n]*)\]\(\s*<?[^)\n]*\)")
_REFERENCE_LINK = re.compile(r"\[([^\]\n]+)\]\[[^\]\n]*\]")
_REFERENCE = re.compile(r"^[ \t]{0,3}\[[^\]\n]+\]:[^\n]*$", re.MULTILINE)
_AUTOLINK = re.compile(r"<\s*(?:[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^>\s]*|[^@>\s]+@[^>\s]+)\s*>")
_BARE_LINK = re.compile(r"\b(https?|ftp|mailto|javascript|data|file):(?=\S)|\bwww\.(?=\S)", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_DIRECTIVE = re.compile(r":(?=[a-zA-Z_/+\-0-9]+(?:\[|:))")
_PLACEHOLDER = "\ue000{}\ue001"
_HELD = re.compile("\ue000(\\d+)\ue001")
_WORD_JOINER = "\u2060"


def plain(text: str) -> str:
    """Markdown source that shows ``text`` character by character; line breaks are kept."""
    lines = _unlinked(_INVISIBLE.sub("", text)).split("\n")
    return "  \n".join(_SPECIAL.sub(r"\\\1", line.strip("\r")).strip() for line in lines)


def _unlinked(text: str) -> str:
    """Addresses that a Markdown reader would link by itself, held apart by an invisible joiner."""
    text = _BARE_LINK.sub(lambda m: f"{m.group(0)}{_WORD_JOINER}", text)
    return re.sub(r"(?<=\S)@(?=\S)", f"@{_WORD_JOINER}", text)


def one_line(text: str, limit: int = 80) -> str:
    """``text`` on one line, shortened with an ellipsis, as Markdown source (labels, titles)."""
    return plain(shortened(text, limit))


def shortened(text: str, limit: int = 80) -> str:
    """``text`` on one line, at most ``limit`` characters, not escaped."""
    flat = " ".join(_INVISIBLE.sub("", text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def answer_markdown(text: str, marker: Callable[[int], str] | None = None, *, verbatim: bool = False) -> str:
    """Markdown source of an answer. ``marker(n)`` returns the Markdown of citation ``[n]`` (trusted);
    without it markers show as they are. ``verbatim``: the text is quoted from documents, so nothing
    in it is formatting, except that each line stays a line and a leading "- " stays a bullet."""
    held: list[str] = []

    def hold(markdown: str) -> str:
        held.append(markdown)
        return _PLACEHOLDER.format(len(held) - 1)

    def hold_markers(match: re.Match[str]) -> str:
        numbers = [int(n) for n in re.findall(r"\d+", match.group(1))]
        return "".join(hold(marker(n) if marker else f"\\[{n}\\]") for n in numbers)

    text = _INVISIBLE.sub("", text.replace("\ue000", "").replace("\ue001", ""))
    if not verbatim:
        text = _REFERENCE.sub("", text)
        text = _IMAGE.sub(r"\1", text)
        text = _LINK.sub(r"\1", text)
    text = _MARKER.sub(hold_markers, text)
    if verbatim:
        safe = "\n\n".join(_quoted_line(line) for line in text.split("\n") if line.strip())
    else:
        text = _REFERENCE_LINK.sub(r"\1", text)
        text = _AUTOLINK.sub("", text)
        text = _unlinked(text)
        text = text.replace("<", "&lt;").replace("$", "\\$")
        text = re.sub(r"(?<!\\)\[", "\\[", text)
        safe = _DIRECTIVE.sub(":" + _WORD_JOINER, text)
    return _HELD.sub(lambda m: held[int(m.group(1))], safe)


def _quoted_line(line: str) -> str:
    return f"- {plain(line[2:])}" if line.startswith("- ") else plain(line)


def marked_html(
    text: str, spans: Sequence[tuple[int, int]] = (), tables: Sequence[tuple[int, int]] = ()
) -> str:
    """HTML that shows ``text`` as it is, the ``spans`` (start, end) inside <mark>; ``tables`` (start, end)
    with tab-separated cells are drawn as tables. Every character of the text is escaped."""
    parts: list[str] = []
    position = 0
    for start, end in sorted(tables):
        start, end = max(start, position), min(end, len(text))
        if "\t" not in text[start:end]:
            continue
        parts += [_marked(text, position, start, spans), _table(text, start, end, spans)]
        position = end
    parts.append(_marked(text, position, len(text), spans))
    return f'<div class="wj-page-text">{"".join(parts)}</div>'


def _table(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> str:
    rows: list[str] = []
    at = start
    for row in text[start:end].split("\n"):
        cells: list[str] = []
        for cell in row.split("\t"):
            cells.append(f"<td>{_marked(text, at, at + len(cell), spans)}</td>")
            at += len(cell) + 1
        if row.strip():
            rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _marked(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> str:
    """``text[start:end]`` escaped, with <mark> around what lies in ``spans``."""
    parts: list[str] = []
    position = start
    for first, last in sorted(spans):
        first, last = max(first, position), min(last, end)
        if first < last:
            parts += [html.escape(text[position:first]), f"<mark>{html.escape(text[first:last])}</mark>"]
            position = last
    parts.append(html.escape(text[position:end]))
    return "".join(parts)
