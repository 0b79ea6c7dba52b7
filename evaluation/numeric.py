"""Whether an answer states the right figure, whatever its unit and scale. Pure.

"$1577.00", asked for in USD millions, is stated by "1,577", "$1,577 million" and "$1.577 billion"; not by
"1,577 thousand". "23.15%" is stated by "23.15 %" and by 0.2315. A figure is right within 1 %: what rounding
to two or three digits changes. Our own definition: published ones (TAT-QA: Zhu et al., ACL 2021) want the
scale as a field of its own, which an answer in words does not have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.wording import without_markers
from rag.text.numbers import Number, parse_numbers, stated_scale

TOLERANCE = 0.01

SCALES = {"": 1.0, "percent": 0.01, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_FALL = re.compile(
    r"decreas|declin|drop|fell|fall|lower|loss|negative|reduc|down\b|下降|减少|降低|下滑|亏损|下跌|负",
    re.IGNORECASE,
)
_ASKS_PERCENT = re.compile(r"percent|%|百分之|百分比|占比|比例|增长率|比率|率是", re.IGNORECASE)
_MONEY = ("USD", "CNY", "HKD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "SGD")


@dataclass(frozen=True, slots=True)
class Figure:
    """What a right answer is worth: as printed, and each worth it may be said to have."""

    printed: float
    worths: tuple[float, ...]
    scaled: bool  # its scale is known: another scale that is said aloud is wrong


def gold_figure(answer: str, question: str = "", scale: str = "") -> Figure | None:
    """The figure that an accepted answer is; None when it is words, several figures, or a year (1 % of a year
    is twenty years). ``scale`` is that of
    the dataset's answer ("percent", "thousand", ...); otherwise it is read from the answer and the question
    ("in USD millions", 单位：万元)."""
    numbers = [n for n in parse_numbers(answer) if not n.looks_like_year]
    if len(numbers) != 1:
        return None
    (number,) = numbers
    words = sum(c.isalnum() for c in answer[: number.start] + answer[number.end :])
    if words > max(4, sum(c.isalnum() for c in number.text)):
        return None
    printed = number.printed
    if number.scale != 1:
        return Figure(printed, (number.value,), True)
    if scale:
        factor = SCALES.get(scale)
        return Figure(printed, (printed * factor,) if factor else (printed,), factor is not None)
    stated = stated_scale(question)
    if stated is not None and stated[0] != 1 and number.unit in ("", *_MONEY):
        return Figure(printed, (printed * stated[0],), True)
    if number.unit == "" and _ASKS_PERCENT.search(question):
        return Figure(printed, (printed, printed / 100), False)
    return Figure(printed, (printed,), False)


def figures_of(answer: str, question: str) -> list[Number]:
    """The figures that an answer states: no citation marks, no years, no numbers that the question said."""
    said = {n.value for n in parse_numbers(question)}
    numbers = parse_numbers(without_markers(answer))
    fresh = [n for n in numbers if not n.looks_like_year and n.value not in said]
    return fresh or [n for n in numbers if not n.looks_like_year] or list(numbers)


def states(number: Number, figure: Figure, text: str, tolerance: float = TOLERANCE) -> bool:
    """Whether ``number``, which stands in ``text``, is the figure: in worth, or as printed when not both
    say their scale. A minus may be said in words ("fell by 5 %") or by accounting's brackets."""
    signs = (1.0, -1.0) if number.text.startswith(("(", "（")) or _says_fall(number, figure, text) else (1.0,)
    candidates = [(number.value, worth) for worth in figure.worths]
    both_say_theirs = figure.scaled and number.scale != 1
    percent_of_none = number.percent and not figure.scaled and len(figure.worths) == 1
    if not both_say_theirs and not percent_of_none:
        candidates.append((number.printed, figure.printed))
    return any(_close(sign * value, worth, tolerance) for value, worth in candidates for sign in signs)


def _says_fall(number: Number, figure: Figure, text: str) -> bool:
    """The answer gives the size of a fall in words: its figure has the other sign."""
    if (number.value < 0) == (figure.printed < 0):
        return False
    around = text[max(0, number.start - 60) : number.end + 30]
    return _FALL.search(around) is not None


def _close(value: float, wanted: float, tolerance: float) -> bool:
    return abs(value - wanted) <= abs(wanted) * tolerance + 1e-9


def numeric_match(
    answer: str, accepted: Sequence[str], question: str = "", scale: str = "", *, first: bool = False
) -> float | None:
    """1.0 when a figure of the answer is an accepted one; with ``first``, when its first figure is. None when
    no accepted answer is a figure."""
    figures = [f for f in (gold_figure(gold, question, scale) for gold in accepted) if f is not None]
    if not figures:
        return None
    text = without_markers(answer)
    stated = figures_of(text, question)
    if first:
        stated = stated[:1]
    return float(any(states(number, figure, text) for number in stated for figure in figures))
