"""Takes a model's inline ``<think>…</think>`` out of its streamed text, across chunk borders.

Promises: every character comes out once, as text or as thinking, except the tags themselves; what could be
the beginning of a tag is held back until it is known.
"""

from __future__ import annotations

import re

from rag.models.protocols import Delta

_TAGS = ("<think>", "</think>", "<thinking>", "</thinking>", "<|think|>")
_TAG = re.compile(r"</?think(?:ing)?>|<\|think\|>", re.IGNORECASE)
_LONGEST = max(map(len, _TAGS))
# Models whose template ends in "<think>", so that the reply begins inside the thoughts.
_BEGINS_INSIDE = re.compile(r"deepseek[-_/]?r1|r1-distill|qwq|-thinking\b", re.IGNORECASE)


def begins_inside(model: str) -> bool:
    """Whether a model of this name is known to leave out the opening tag."""
    return _BEGINS_INSIDE.search(model) is not None


class ThinkSplitter:
    """``feed`` pieces of the reply, ``finish`` at its end; both return the deltas that are certain by then.

    ``inside``: the reply begins with thoughts whose opening tag was part of the prompt. Should it end without
    a closing tag, it was an answer after all and comes once more, as text.
    """

    def __init__(self, inside: bool = False) -> None:
        self._inside = inside
        self._assumed = inside
        self._thoughts: list[str] = []
        self._held = ""
        self._begun = False  # text was already given out: leading blank lines are over

    def feed(self, piece: str) -> list[Delta]:
        self._held += piece
        out: list[Delta] = []
        while True:
            match = _TAG.search(self._held)
            if match is None:
                break
            self._give(out, self._held[: match.start()])
            self._inside = not match.group().startswith("</")
            self._assumed = False
            self._held = self._held[match.end() :]
        keep = _possible_tag(self._held)
        self._give(out, self._held[: len(self._held) - keep])
        self._held = self._held[len(self._held) - keep :]
        return out

    def finish(self) -> list[Delta]:
        out: list[Delta] = []
        self._give(out, self._held)
        self._held = ""
        if self._assumed:
            self._assumed = self._inside = False
            self._give(out, "".join(self._thoughts))
        return out

    def _give(self, out: list[Delta], text: str) -> None:
        if not self._inside and not self._begun:
            text = text.lstrip()  # the blank lines between thoughts and answer
        if not text:
            return
        if self._inside:
            if self._assumed:
                self._thoughts.append(text)
            out.append(Delta(thinking=text))
        else:
            self._begun = True
            out.append(Delta(text=text))


def _possible_tag(text: str) -> int:
    """How many characters at the end of ``text`` could begin a tag."""
    at = text.rfind("<", max(0, len(text) - _LONGEST))
    if at < 0:
        return 0
    tail = text[at:].lower()
    return len(tail) if any(tag.startswith(tail) for tag in _TAGS) else 0
