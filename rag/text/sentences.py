"""Sentences of Chinese and English text as character spans.

Promises: spans are in order, don't overlap, begin and end with a non-blank character, and hold every
non-blank character of the text. Decimals, abbreviations, initials and item numbers are not cut; a row of a
table (a line with tabs) is a sentence of its own.
"""

from __future__ import annotations

import re

_CLOSERS = "\"'”’」』）)】］\\]》〉"
_HAN = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
# Where a sentence may end: Chinese marks (always), ". ! ?" before white space or Chinese, a line's end.
_CANDIDATE = re.compile(
    rf"(?P<full>[。！？｡]+[。！？｡…!?]*[{_CLOSERS}]*)"
    rf"|(?P<mark>(?<!\.)(?:\.(?!\.)|[!?]+)[{_CLOSERS}]*(?=\s|[{_HAN}]|\[\d|$))"
    r"|(?P<line>[ \t]*(?:\r\n|[\n\v\f\r\x85\u2028\u2029])\s*)"
)
_WORD_BEFORE = re.compile(r"[^\s(（“\"'\[]+$")
_ITEM = re.compile(  # what stands alone before the dot of an item's number
    r"\s*[(（]?(?:(?:item|note|part|section|article|exhibit|table|figure|chapter|appendix|no)\s+)?"
    r"(?:\d{1,3}(?:\.\d{1,3})*[a-z]?|[a-z]|[ivxlc]{1,5})[)）]?\s*$",
    re.IGNORECASE,
)
# A line that begins an item of its own.
_BULLET = re.compile(
    r"(?:[•·▪●○■◆◇►‣⁃–—*-]\s|[(（](?:\d{1,3}|[a-zA-Z]|[ivx]{1,4}|[一二三四五六七八九十]{1,3})[)）]"
    r"|\d{1,3}[.)、](?!\d)|[a-zA-Z]\)|[一二三四五六七八九十]{1,3}[、.．]|第[一二三四五六七八九十百\d]{1,4}[章节条款]"
    r"|(?:item|note|part|section|article)\s+[\divx]{1,4}[a-z]?\b)",
    re.IGNORECASE,
)
_NEVER_WORDS = (  # abbreviations that don't end a sentence
    "mr mrs ms dr prof rev hon gen sen rep gov st mt vs cf viz al fig figs no nos vol pp p eq sec ch art ref "
    "refs approx est dept univ assn jan feb mar apr jun jul aug sep sept oct nov dec eg ie e.g i.e"
)
_SELDOM_WORDS = (  # these end one only before a word that plainly begins the next
    "inc corp ltd co llc plc bros cos u.s u.k u.n e.u u.s.a u.s.c a.m p.m ph.d d.c n.a s.a n.v b.v l.p etc "
    "jr sr mfg intl"
)
_STARTER_WORDS = (
    "the a an this that these those it its in on at for as we our they their he she there if when while "
    "since during after before under however although because no each all such both net total see by from"
)
_NEVER = frozenset(_NEVER_WORDS.split())
_SELDOM = frozenset(_SELDOM_WORDS.split())
_STARTERS = frozenset(_STARTER_WORDS.split())
_NEXT_WORD = re.compile(r"[\s" + _CLOSERS + r"“‘(\[]*([^\W_]*)")
_SENTENCE_END = re.compile(rf"[。！？｡.!?:：;；][{_CLOSERS}]*\s*$")


def _mark_ends(text: str, start: int, end: int, begin: int) -> bool:
    """Whether the mark ``text[start:end]`` ends the sentence that began at ``begin``."""
    if text[start] != ".":
        return True
    word = _WORD_BEFORE.search(text, max(begin, start - 24), start)
    before = word.group() if word else ""
    plain = before.strip(".").lower()
    after = _NEXT_WORD.match(text, end)
    following = after.group(1) if after else ""
    if following[:1].islower():
        return False
    if plain in _NEVER:
        # "No. 5", "Dec. 31"; but "no." at the end of a question's answer ends it.
        return plain == "no" and not following[:1].isdigit() and before == "no"
    if plain in _SELDOM or (len(plain) > 2 and "." in plain and plain.replace(".", "").isalpha()):
        return following.lower() in _STARTERS and following[:1].isupper()
    if len(before) == 1 and before.isalpha() and before.isupper() and before.isascii() and before != "I":
        return False  # an initial: "J. Smith"; also "A. Overview"
    return not (start - begin < 24 and _ITEM.fullmatch(text, begin, start))


def _line_ends(text: str, start: int, end: int, begin: int) -> bool:
    """Whether the line break ``text[start:end]`` ends what began at ``begin``."""
    breaks = text[start:end]
    if breaks.count("\n") > 1 or "\f" in breaks or "\u2029" in breaks:
        return True
    line_start = text.rfind("\n", begin, start) + 1 or begin
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    if "\t" in text[line_start:start].strip() or text.find("\t", end, line_end) >= 0:
        return True
    if _BULLET.match(text, end) and not text[end - 1 : end].isalnum():
        return True
    # A line much shorter than the one after it did not wrap: a heading or a paragraph's end.
    length, following = start - line_start, line_end - end
    if following < 24 or length * 5 > following * 3:
        return False
    return not text[end].islower() and text[start - 1 : start] not in ",，、-–(（"


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence, table row, list item or heading line of ``text``, in order."""
    spans: list[tuple[int, int]] = []
    begin = 0
    for match in _CANDIDATE.finditer(text):
        start, end = match.span()
        kind = match.lastgroup
        if kind == "mark" and not _mark_ends(text, start, end, begin):
            continue
        if kind == "line" and (start <= begin or end == len(text) or not _line_ends(text, start, end, begin)):
            continue
        if kind == "line":
            end = start
        begin = _append(spans, text, begin, end)
    _append(spans, text, begin, len(text))
    return spans


def _append(spans: list[tuple[int, int]], text: str, begin: int, end: int) -> int:
    """Adds ``text[begin:end]`` without surrounding blanks; returns where the next sentence begins."""
    piece = text[begin:end]
    bare = piece.strip()
    if bare:
        start = begin + piece.index(bare[0])
        spans.append((start, start + len(bare)))
    while end < len(text) and text[end].isspace():
        end += 1
    return end
