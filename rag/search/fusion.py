"""Weighted reciprocal rank fusion of ranked candidate lists. Pure and deterministic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[int]], weights: Mapping[str, float], rank_constant: int
) -> list[tuple[int, float]]:
    """(id, score) of every id of every ranking, best first; score = sum of weight / (constant + rank),
    ranks 1-based (Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet, SIGIR 2009).

    Ties go to the better rank in the heaviest leg, then to the smaller id: the same rankings give the
    same order on every machine. A leg without a weight counts as 1.0; a leg of weight 0 brings nothing.
    """
    scores: dict[int, float] = {}
    best: dict[int, tuple[float, int]] = {}
    for leg, ranking in rankings.items():
        weight = weights.get(leg, 1.0)
        if weight <= 0:
            continue
        for rank, item in enumerate(dict.fromkeys(ranking), start=1):
            share, place = weight / (rank_constant + rank), (-weight, rank)
            if item not in scores:
                scores[item], best[item] = share, place
                continue
            scores[item] += share
            if place < best[item]:
                best[item] = place
    ordered = sorted((-score, best[item], item) for item, score in scores.items())
    return [(item, -score) for score, _, item in ordered]
