"""Measures of ranked retrieval, each with the source of its definition. Pure.

A ranking is a sequence of sets: what the item at each rank covers (for a passage: its pages, or its file).
Relevant is a set of the same things.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

Ranking = Sequence[AbstractSet[Hashable]]


def hit_at(ranking: Ranking, relevant: AbstractSet[Hashable], k: int) -> float:
    """1.0 when one of the first ``k`` items covers something relevant, else 0.0 (success@k: Craswell,
    "Success at n", Encyclopedia of Database Systems, 2009)."""
    return float(any(item & relevant for item in ranking[:k]))


def recall_at(ranking: Ranking, relevant: AbstractSet[Hashable], k: int) -> float:
    """Share of what is relevant that the first ``k`` items cover (Manning, Raghavan, Schütze: Introduction
    to Information Retrieval, 2008, section 8.4). Raises ValueError when nothing is relevant."""
    if not relevant:
        raise ValueError("recall of nothing is undefined")
    return len(frozenset().union(*ranking[:k]) & relevant) / len(relevant)


def reciprocal_rank(ranking: Ranking, relevant: AbstractSet[Hashable], k: int) -> float:
    """1 / rank of the first relevant item within ``k``, else 0.0; its mean over questions is MRR@k
    (Voorhees: The TREC-8 Question Answering Track Report, 1999)."""
    for rank, item in enumerate(ranking[:k], 1):
        if item & relevant:
            return 1.0 / rank
    return 0.0


def wilson_interval(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson: Probable inference, the law of succession, and statistical
    inference, JASA 22, 1927). ``successes`` may be a sum of shares: the interval is then conservative,
    because a share varies no more than a yes or no of the same mean. (0, 1) for n = 0."""
    if n <= 0:
        return (0.0, 1.0)
    p = successes / n
    centre = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    below = 1 + z * z / n
    return (max(0.0, (centre - spread) / below), min(1.0, (centre + spread) / below))


def ndcg_at(ranking: Ranking, relevant: AbstractSet[Hashable], k: int) -> float:
    """Normalised discounted cumulative gain of the first ``k`` items, 0..1. Gain: what an item newly covers;
    discount: log2(rank + 1); the ideal has one relevant thing a rank (Järvelin, Kekäläinen: Cumulated
    gain-based evaluation of IR techniques, TOIS 20, 2002; counting a thing once: Clarke et al., SIGIR 2008).
    Equals trec_eval's nDCG where every item covers one thing of its own; an item that covers several can pass
    the ideal and counts as 1. Raises ValueError when nothing is relevant."""
    if not relevant:
        raise ValueError("nDCG of nothing is undefined")
    seen: set[Hashable] = set()
    gained = 0.0
    for rank, item in enumerate(ranking[:k], 1):
        new = (item & relevant) - seen
        seen |= new
        gained += len(new) / math.log2(rank + 1)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return min(1.0, gained / ideal)
