"""The last look at a ranked list: the same passage is not shown twice, no page takes the place of others,
each part of a question is in view.

Promises: pure; nothing is dropped, only moved; the first place never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rag.search.lexical import Described

SAME_SHARE: Final = 0.9
"""Share of the shorter one's lines that two passages have in common when they are the same."""
_FEWEST_LINES: Final = 3  # of a passage that can be the same as a longer one


def without_repeats(order: Sequence[int], described: Mapping[int, Described], top_k: int) -> list[int]:
    """``order`` with those passages behind the first ``top_k`` others that repeat one before them (the same
    table in two filings, a page printed twice): the best of them stays where it is."""
    kept: list[int] = []
    lines: list[frozenset[str]] = []
    repeats: list[int] = []
    for at, chunk_id in enumerate(order):
        if len(kept) >= top_k:
            return kept + repeats + list(order[at:])
        chunk = described.get(chunk_id)
        mine = frozenset(chunk.body) if chunk is not None else frozenset()
        if mine and any(_same(mine, other) for other in lines):
            repeats.append(chunk_id)
        else:
            kept.append(chunk_id)
            lines.append(mine)
    return kept + repeats


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    if one == other:
        return True
    shorter = min(len(one), len(other))
    return shorter >= _FEWEST_LINES and len(one & other) >= SAME_SHARE * shorter


def page_by_page(order: Sequence[int], described: Mapping[int, Described], top_k: int) -> list[int]:
    """``order`` with the further passages of a page behind the best ones of the first ``top_k`` pages. Only
    of documents that are seen to have several pages: a document without pages is all one page."""
    pages: dict[int, set[int]] = {}
    for found in described.values():
        pages.setdefault(found.document_id, set()).add(found.page)
    kept: list[int] = []
    seen: set[tuple[int, int]] = set()
    further: list[int] = []
    for at, chunk_id in enumerate(order):
        if len(kept) >= top_k:
            return kept + further + list(order[at:])
        chunk = described.get(chunk_id)
        if chunk is None or len(pages[chunk.document_id]) == 1 or (chunk.document_id, chunk.page) not in seen:
            kept.append(chunk_id)
        else:
            further.append(chunk_id)
        if chunk is not None:
            seen.add((chunk.document_id, chunk.page))
    return kept + further


def few_of_each(order: Sequence[int], described: Mapping[int, Described], top_k: int, most: int) -> list[int]:
    """``order`` with no more than ``most`` passages of a document among the first ``top_k``, as long as other
    documents have some: the further ones come right behind them. ``most`` 0: no limit."""
    if most <= 0:
        return list(order)
    kept: list[int] = []
    further: list[int] = []
    count: dict[int, int] = {}
    for at, chunk_id in enumerate(order):
        if len(kept) >= top_k:
            return kept + further + list(order[at:])
        chunk = described.get(chunk_id)
        if chunk is None:
            return kept + further + list(order[at:])  # what was not looked at brings no variety
        count[chunk.document_id] = count.get(chunk.document_id, 0) + 1
        (kept if count[chunk.document_id] <= most else further).append(chunk_id)
    return kept + further


def with_parts(order: Sequence[int], best_of_parts: Iterable[int], top_k: int) -> list[int]:
    """``order`` with each part's best passage among the first ``top_k``: those that are missing take the last
    places there, never more than half of them."""
    wanted = list(dict.fromkeys(best_of_parts))
    head = list(order[:top_k])
    missing = [i for i in wanted if i not in head][: top_k // 2]
    if not missing:
        return list(order)
    leave = max(0, len(missing) - (top_k - len(head)))
    # The last ones give way, but no part's own best and never the first.
    going = [i for i in head[:0:-1] if i not in wanted][:leave]
    going += [i for i in head[:0:-1] if i not in going][: leave - len(going)]
    stay = [i for i in head if i not in going]
    first = [*stay, *missing]
    return first + [i for i in order if i not in set(first)]
