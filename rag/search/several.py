"""Several queries for one question: searched one after the other, their results made into one.

Promises: the question itself counts most unless it was translated; the best passage of every query is among
the first ``top_k``; nothing outside the scope comes in, because every query is searched inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.records import Degraded, Passage
from rag.search.choosing import with_parts
from rag.search.index import SearchResult

_K = 10
PART_WEIGHT = 0.7
TRANSLATION_WEIGHT = 1.5
_SAID_BY_TRANSLATION = "search.language_not_covered"


@dataclass(frozen=True, slots=True)
class Further:
    """A query beside the question, and what its places count (1: as much as the question's)."""

    query: str
    weight: float
    translates: bool = False


def merged(first: SearchResult, others: Sequence[tuple[Further, SearchResult]], top_k: int) -> SearchResult:
    """One result: passages by the sum of weight / (10 + rank), each with the best scores that any query
    gave it; what was degraded in any search, except what a translation made good."""
    if not others:
        return first
    scores: dict[int, float] = {}
    passages: dict[int, Passage] = {}
    for weight, result in ((1.0, first), *((f.weight, r) for f, r in others)):
        for passage in result.passages:
            scores[passage.chunk_id] = scores.get(passage.chunk_id, 0.0) + weight / (_K + passage.rank)
            passages[passage.chunk_id] = _better(passages.get(passage.chunk_id), passage)
    order = sorted(scores, key=lambda i: -scores[i])
    best = [r.passages[0].chunk_id for _, r in others if r.passages]
    order = with_parts(order, best, top_k)[:top_k]
    translated = any(f.translates for f, _ in others)
    degraded: dict[tuple[str, str], Degraded] = {}
    for result, own in ((first, not translated), *((r, True) for _, r in others)):
        for event in result.degraded:
            if own or event.code != _SAID_BY_TRANSLATION:
                degraded.setdefault((event.part, event.code), event)
    timings = dict(first.timings_ms)
    timings["further"] = sum(r.timings_ms.get("total", 0.0) for _, r in others)
    timings["total"] = timings.get("total", 0.0) + timings["further"]
    queries = tuple(dict.fromkeys((*first.understood.queries, *(f.query for f, _ in others))))
    return SearchResult(
        tuple(replace(passages[i], rank=rank, score=scores[i]) for rank, i in enumerate(order, 1)),
        tuple(degraded.values()),
        timings,
        replace(first.understood, queries=queries),
    )


def _better(one: Passage | None, other: Passage) -> Passage:
    if one is None:
        return other

    def best(a: float | None, b: float | None) -> float | None:
        return max((x for x in (a, b) if x is not None), default=None)

    return replace(
        one,
        cosine=best(one.cosine, other.cosine),
        bm25=best(one.bm25, other.bm25),
        rerank_logit=best(one.rerank_logit, other.rerank_logit),
    )
