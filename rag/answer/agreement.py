"""Whether a fact of a passage is the number that a sentence says: value, unit, scale, period, sign, name.

Promises: a number counts as the same only with its unit and scale; a year is contradicted only by another
year that the passage states. Pure.
"""

from __future__ import annotations

import re

from rag.answer import polarity
from rag.answer.amounts import Amount, near
from rag.answer.held import Fact, Held
from rag.text.terms import terms

_EARLIER_YEAR = re.compile(r"上年|去年|同期|上期|期初|prior|previous|last year|ago", re.IGNORECASE)
_SMALL = """
a an and are as at be been but by can could did do does for from had has have he her his how i if in into is
it its may more most no not of on or our she should so such than that the their them then there these they
this those to was we were what when where which while who whose why will with would you your also about
according during both each total respectively year fiscal fy ended company reported amount amounted figure
value approximately around roughly per compared same well however
"""
SMALL_WORDS = frozenset(_SMALL.split())


def is_timely(named: frozenset[int], fact: Fact, held: Held) -> bool:
    """Whether the fact may be of one of the years that the claim names."""
    if not named:
        return True
    if fact.years:
        return bool(fact.years & named)
    if held.own_years:
        # Running text without a year speaks of the report's own; a table without one may compare.
        reach = (0, 1) if fact.row < 0 and not _EARLIER_YEAR.search(fact.label) else (-2, -1, 0, 1)
        return bool({y + d for y in held.own_years for d in reach} & named)
    return True


def same(claimed: Amount, fact: Fact) -> bool:
    """Whether the fact is the claimed number: value, unit and scale."""
    if fact.percent is not None and fact.percent != claimed.percent:
        return False
    if claimed.percent or fact.percent:
        return near(claimed, fact.bare)
    if fact.scaled and near(claimed, fact.value):
        return True
    if claimed.scale is None and not re.search(r"元|yuan|dollars", claimed.text):
        return abs(abs(claimed.value) - abs(fact.bare)) <= claimed.step / 2
    if not fact.scaled and fact.row >= 0 and claimed.scale is not None:
        return any(near(claimed, fact.bare.scaleb(power)) for power in (0, 3, 4, 6, 8, 9))
    return near(claimed, fact.value) if not fact.scaled else False


def spelled_alike(claimed: Amount, fact: Fact) -> bool:
    """The same digits, where the claim says neither scale nor unit."""
    return (
        claimed.scale is None and not claimed.unit and claimed.text.strip(" -") == fact.text.strip(" $¥()-%")
    )


def fits(fact: Fact, groups: frozenset[str], said: frozenset[str]) -> float:
    """0..1: how far the sentence names what the fact is called."""
    if fact.groups & groups:
        return 1.0
    own = [t for t in terms(fact.label) if t not in SMALL_WORDS and not t[0].isdigit()]
    if not own:
        return 0.0
    share = sum(t in said for t in own) / (len(own) if fact.row >= 0 else min(len(own), 6))
    return min(share, 0.99) if share >= 0.34 else 0.0


def opposite_sign(sentence: str, amount: Amount, fact: Fact) -> bool:
    """Whether the sentence says that something rose by a number that is a fall, or the other way round."""
    if not fact.change or not amount.percent or amount.value < 0:
        return False
    way = polarity.direction(sentence)
    return way * fact.value < 0
