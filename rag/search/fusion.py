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
            scores[item] = scores.get(item, 0.0) + weight / (rank_constant + rank)
            best[item] = min(best.get(item, (0.0, 0)), (-weight, rank))
    return sorted(scores.items(), key=lambda pair: (-pair[1], best[pair[0]], pair[0]))
