"""Reads a model's text as it streams: citation markers are checked, links, pictures and HTML are taken out.

Promises: what comes out holds ``[n]`` only for passages that exist (``[1, 2]``, ``[1-3]``, ``【1】``,
``[^1]`` and ``⟦1⟧`` are read as such); unknown numbers are dropped and remembered; no Markdown link,
picture, reference definition, autolink or HTML tag survives, however it is cut into pieces; the same text
comes out whatever the pieces were.
"""

from __future__ import annotations

import re

_LIST = re.compile(r"\s*\^?\s*(\d{1,3}(?:\s*(?:[,，、;；]|-|–|~|至|and|和)\s*\^?\d{1,3})*)\s*$")
_NUMBER_OR_RANGE = re.compile(r"(\d{1,3})(?:\s*[-–~至]\s*(\d{1,3}))?")
_PREFIX = re.compile(r"^\s*(?:passages?|sources?|资料|段落|来源|文档)\s*[:：]?\s*(?=\^?\d)", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->|<[!?][^<>]*>", re.DOTALL)
_AUTOLINK = re.compile(r"<((?:[A-Za-z][A-Za-z0-9+.-]{1,31}:|mailto:)[^\s<>]*|[^\s<>@]+@[^\s<>]+)>")
_URL = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,31}://|\bwww\.)[^\s<>\[\]()（）【】，。；、\"'`]+", re.IGNORECASE)
_URL_START = re.compile(
    r"(?:^|(?<=[^A-Za-z0-9+.\-]))[A-Za-z][A-Za-z0-9+.\-]{0,31}:?/?$"
    r"|(?:\b[a-z][a-z0-9+.-]{1,31}://|\bwww\.)[^\s<>\[\]()（）【】，。；、\"'`]*$",
    re.IGNORECASE,
)
_OPENERS = "[【⟦"
_CLOSERS = {"[": "]", "【": "】", "⟦": "⟧"}
_LONGEST = 400  # of an unfinished construct; longer than this it is plain text
_HARMLESS = str.maketrans({"[": "［", "]": "］", "<": "＜"})


class MarkerStream:
    """``feed`` pieces, then ``finish``; both return clean text. ``cited`` and ``unknown`` fill up
    meanwhile."""

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._held = ""
        self.cited: list[int] = []  # in order of appearance, each once
        self.unknown: list[int] = []

    def feed(self, piece: str) -> str:
        self._held += piece
        return self._release(final=False)

    def finish(self) -> str:
        return self._release(final=True)

    def _release(self, final: bool) -> str:
        out: list[str] = []
        text, at = self._held, 0
        while at < len(text):
            nearest = _next_opener(text, at)
            if nearest is None:
                end = len(text) if final else at + _certain(text[at:])
                out.append(_plain(text[at:end]))
                at = end
                break
            if nearest > at:
                out.append(_plain(text[at:nearest]))
                at = nearest
            read = self._construct(text, at, final or len(text) - at > _LONGEST)
            if read is None:
                break
            clean, at = read
            out.append(clean)
        self._held = text[at:]
        return "".join(out)

    def _construct(self, text: str, at: int, final: bool) -> tuple[str, int] | None:
        """Clean text and end of what opens at ``at``; None: wait for more."""
        if text[at] == "<":
            return _angle(text, at, final)
        start = at
        if text[at] == "!":  # a picture, if a bracket follows
            at += 1
        opener = text[at]
        close = _CLOSERS[opener]
        end = at + 1
        while end < len(text) and text[end] not in close + "\n" + _OPENERS:
            end += 1
        if end == len(text):
            return ((text[start:].translate(_HARMLESS)), len(text)) if final else None
        if text[end] != close:  # no pair on this line, or another one inside: this bracket is only a bracket
            return _wide(opener), at + 1
        inner, end = text[at + 1 : end], end + 1
        if opener == "[":
            if end == len(text) and not final:
                return None  # "(" may follow
            target = _target(text, end, final)
            if target is None:
                return None
        else:
            target = end
        if start == at:  # not a picture
            numbers = self._numbers(inner)
            if numbers is not None:
                return "".join(f"[{n}]" for n in numbers), target
        if opener != "[":
            return text[at:end], end
        if target > end or start != at:
            return _plain(inner), target  # a link or picture: its words stay, its address goes
        if end < len(text) and text[end] == ":":
            return _plain(inner), end  # a definition of an address
        return f"[{_plain(inner)}]", end

    def _numbers(self, inner: str) -> list[int] | None:
        """The known passages that a bracket's content names; None when it names none at all."""
        match = _LIST.match(_PREFIX.sub("", inner))
        if match is None:
            return None
        numbers: list[int] = []
        for one, last in _NUMBER_OR_RANGE.findall(match.group(1)):
            first = int(one)
            until = int(last) if last else first
            numbers.extend(range(first, min(until, first + 20) + 1) if until >= first else (first,))
        known: list[int] = []
        for number in numbers:
            if 1 <= number <= self._passages:
                if number not in known:
                    known.append(number)
                if number not in self.cited:
                    self.cited.append(number)
            elif number not in self.unknown:
                self.unknown.append(number)
        return known


def _next_opener(text: str, at: int) -> int | None:
    for position in range(at, len(text)):
        char = text[position]
        if char in _OPENERS or char == "<":
            return position
        if char == "!" and text[position + 1 : position + 2] == "[":
            return position
    return None


def _wide(opener: str) -> str:
    return opener.translate(_HARMLESS)


def _angle(text: str, at: int, final: bool) -> tuple[str, int] | None:
    auto = _AUTOLINK.match(text, at)
    if auto is not None:
        return _code(auto.group(1)), auto.end()
    tag = _TAG.match(text, at)
    if tag is not None:
        return "", tag.end()
    following = text[at + 1 : at + 2]
    if not final and (not following or (following.isascii() and (following.isalpha() or following in "/!?"))):
        return None
    # "<5 %" stays; what looks like an unfinished tag cannot become one any more.
    return ("＜" if following and (following.isalpha() or following in "/!?") else "<"), at + 1


def _target(text: str, at: int, final: bool) -> int | None:
    """The end of a link's ``(address)`` at ``at``; ``at`` itself when there is none; None: wait."""
    if text[at : at + 1] != "(":
        return at
    depth = 0
    for position in range(at, len(text)):
        char = text[position]
        if char == "\n":
            return at + 1  # never closed: the words before and after stay, the bracket goes
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return position + 1
    return at + 1 if final else None


def _certain(text: str) -> int:
    """How much of ``text`` (no openers in it) can be given out: a web address may be growing at its end."""
    if len(text) > _LONGEST:
        return len(text)
    if text.endswith("!"):
        return len(text) - 1
    match = _URL_START.search(text, max(0, len(text) - _LONGEST))
    return match.start() if match else len(text)


def _plain(text: str) -> str:
    return _URL.sub(lambda m: _code(m.group()), text)


def _code(address: str) -> str:
    """A web address as code: readable, never a link."""
    bare = address.rstrip(".,;:!?。，")
    return f"`{bare.replace('`', '')}`{address[len(bare) :]}"
