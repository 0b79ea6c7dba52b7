"""Whether two questions mean the same in other words: for kept answers, and only where a setting asks for it.

Promises: pure; nearness of meaning alone never decides. Two questions are the same only when both name the
same numbers and periods, the same companies and documents, the same items of the field's vocabulary, the same
names in capitals, ask in the same way (how much, when, why, ...) and in the same direction. What is measured
of it is in docs/experiments.md: it is still wrong now and then.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from rag.answer.polarity import direction
from rag.models.protocols import Vectors
from rag.text.normalise import normalise
from rag.vocabulary import mentions

QUESTIONS_OF_A_KIND = 64  # remembered of those that differ in nothing but their words
KINDS = 256
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CHINESE_NUMBER = re.compile(r"[〇零一二三四五六七八九十百千万亿两]+(?=[年月季度期个项名人家％%])")
_PERIOD = re.compile(
    r"\b(?:q[1-4]|h[12]|fy|first|second|third|fourth|half|quarter\w*|annual|full[- ]year|nine months|previous"
    r"|prior|last|next|current|this|latest|year[- ]end|year[- ]over[- ]year|yoy)\b"
    r"|[上下]半年|[一二三四]季度|全年|年末|期末|期初|年初|上年|去年|本年|今年|同比|环比",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.?!]\s)(?<!^)\b[A-Z][\w&.'-]*")
_ASKS = re.compile(
    r"\b(?:who|whom|when|where|why|which|how many|how much|how|list|compare|explain|percent\w*|share|ratio"
    r"|margin|rate|average|total|per|highest|lowest|largest|smallest|not|without|except|excluding|before"
    r"|after)\b"
    r"|谁|何时|什么时候|哪[里些个家]?|为什么|为何|原因|如何|怎么|比较|占比|比例|率|平均|合计|每股|最[高低大小多少]"
    r"|不|未|除|税前|税后|扣非|母公司|合并",
    re.IGNORECASE,
)
_SAME_ASKING = {"how many": "how much", "何时": "when", "什么时候": "when", "为何": "为什么", "怎么": "如何"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What must be equal, whatever the words."""

    numbers: tuple[str, ...]
    periods: frozenset[str]
    chips: frozenset[str]  # what the library understands the question to name
    items: frozenset[str]
    names: frozenset[str]
    asks: frozenset[str]
    direction: int


def subject(question: str, chips: Collection[str]) -> Subject:
    """``chips``: keys of :class:`rag.records.Chip`."""
    plain = normalise(question)
    asks = (m.lower() for m in _ASKS.findall(plain))
    return Subject(
        numbers=tuple(sorted((*_NUMBER.findall(plain), *_CHINESE_NUMBER.findall(plain)))),
        periods=frozenset(m.lower() for m in _PERIOD.findall(plain)),
        chips=frozenset(chips),
        items=frozenset(m.id for m in mentions(plain)),
        names=frozenset(m.removesuffix("'s").lower() for m in _NAME.findall(plain)),
        asks=frozenset(_SAME_ASKING.get(m, m) for m in asks),
        direction=direction(plain),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whose answer was kept under ``key``."""

    question: str
    vector: Vectors  # float32 (dimension,), of length 1
    subject: Subject
    key: str


class Similar:
    """Remembers, in this process, the questions whose answers were kept. ``kind`` stands for everything but
    the words: scope, generation, model and so on. Thread-safe."""

    def __init__(self, min_cosine: float) -> None:
        self._min_cosine = min_cosine
        self._lock = threading.Lock()
        self._kinds: OrderedDict[str, deque[Asked]] = OrderedDict()

    def remember(self, kind: str, asked: Asked) -> None:
        with self._lock:
            line = self._kinds.setdefault(kind, deque(maxlen=QUESTIONS_OF_A_KIND))
            self._kinds.move_to_end(kind)
            if all(a.key != asked.key for a in line):
                line.append(asked)
            while len(self._kinds) > KINDS:
                self._kinds.popitem(last=False)

    def nearest(self, kind: str, vector: Vectors, make: Callable[[], Subject]) -> Asked | None:
        """The nearest question of the kind that asks the same. ``make`` is called only when one is near
        enough."""
        with self._lock:
            line = list(self._kinds.get(kind, ()))
        near = [(float(np.dot(a.vector, vector)), a) for a in line]
        near = sorted((pair for pair in near if pair[0] >= self._min_cosine), key=lambda pair: -pair[0])
        if not near:
            return None
        wanted = make()
        return next((a for _, a in near if a.subject == wanted), None)
