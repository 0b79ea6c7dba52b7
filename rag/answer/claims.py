"""The sentences of an answer, each with the passages that it cites and the amounts that it says.

Promises: a sentence without a marker takes those of the next one of its paragraph that has some; places are
the answer's own. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.answer.amounts import Amount, amounts
from rag.answer.evidence import years
from rag.text.sentences import sentence_spans

_MARKERS = re.compile(r"\s*(?:[\[【]\d{1,3}[\]】]\s*)+")
_MARKER = re.compile(r"[\[【](\d{1,3})[\]】]")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence with what was said before it."""

    start: int
    end: int
    whole: str  # as it stands
    text: str  # without markers
    markers: tuple[int, ...]
    cited: tuple[int, ...]  # markers it is held against: its own, else those of its paragraph
    amounts: tuple[Amount, ...]  # places in the answer
    years: frozenset[int]


def claims(text: str) -> list[Claim]:
    """The sentences of an answer with the passages they cite. A sentence without a marker takes those of the
    next one of its paragraph that has some."""
    spans: list[list[int]] = []
    for start, end in sentence_spans(text):
        if spans and _MARKERS.fullmatch(text[start:end]) and "\n" not in text[spans[-1][1] : start]:
            spans[-1][1] = end
            continue
        lead = _MARKERS.match(text, start, end)
        if spans and lead and lead.end() < end and "\n" not in text[spans[-1][1] : start]:
            spans[-1][1] = start + len(lead.group().rstrip())  # ". [1] The next one"
            start = lead.end()
        spans.append([start, end])
    own = [tuple(int(m) for m in _MARKER.findall(text[a:b])) for a, b in spans]
    found: list[Claim] = []
    numbers = amounts(text)
    for i, (start, end) in enumerate(spans):
        cited = own[i]
        for later in range(i + 1, len(spans)):
            if cited or "\n" in text[spans[later - 1][1] : spans[later][0]]:
                break
            cited = own[later]
        said = text[start:end]
        inside = tuple(n for n in numbers if start <= n.start and n.end <= end)
        found.append(
            Claim(start, end, said, _MARKER.sub(" ", said), own[i], cited, inside, frozenset(years(said)))
        )
    return found
