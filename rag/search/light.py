"""The light reranker: a linear model over the features of :mod:`rag.search.features`, in microseconds a
candidate, with no model to install.

Promises: pure given the lexical view; the weights are data (``light_weights.json``) with where they came
from; a candidate is never dropped, only moved; candidates below the first :data:`RERANKED` keep their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.search.features import NAMES, Asked, Candidate, asked_of, features
from rag.search.lexical import LexicalIndex
from rag.search.query_terms import ordered_terms
from rag.search.understanding import NOTHING, Meant
from rag.vocabulary import Item, Ratio, mentions, vocabulary
from rag.vocabulary.additions import Term, terms_named

RERANKED: Final = 40
"""Candidates that are looked at; with 80 no more questions were answered among the first ten."""
_KINDS: Final = ("amount", "count")


@lru_cache(maxsize=1)
def learned_weights() -> NDArray[np.float64]:
    """float64 (len(NAMES),), in the order of ``NAMES``; what the file doesn't know weighs nothing."""
    body = json.loads((files("rag.search") / "light_weights.json").read_text("utf-8"))
    return np.array([float(body["weights"].get(name, 0.0)) for name in NAMES])


def understand(
    question: str,
    weights: Mapping[str, float],
    lexical: LexicalIndex,
    meant: Meant = NOTHING,
    own: Sequence[Term] = (),
) -> Asked:
    """What ``question`` looks for in ``lexical``; ``weights`` as in :func:`rag.search.features.asked_of`;
    ``meant``: which documents it names, and by which terms, which tell no chunk from another there;
    ``own``: the searched collections' own terms: a thing asked for as much as the vocabulary's."""
    items = items_asked(question)
    names = [item.names for item in items] + [term.names for term, _ in terms_named(question, own)]
    asked = asked_of(
        question,
        weights,
        ordered_terms(question),
        lexical.frequencies(weights),
        len(lexical),
        quiet=meant.terms,
        statements={item.statement for item in items if item.statement},
        items=[tuple(dict.fromkeys(" ".join(name.terms) for name in one)) for one in names],
    )
    return replace(asked, best=frozenset().union(*meant.best), named=meant.named)


def items_asked(question: str) -> tuple[Item, ...]:
    """The amounts and counts that a question names, and those that the ratios it names are made of."""
    known = vocabulary().items
    found: dict[str, Item] = {}
    for mention in mentions(question):
        entry = mention.entry
        named = [known[i] for i in entry.items if i in known] if isinstance(entry, Ratio) else [entry]
        found.update({item.id: item for item in named if item.kind in _KINDS})
    return tuple(found.values())


def rerank_lightly(
    asked: Asked,
    fused: Sequence[tuple[int, float]],
    cosines: Mapping[int, float],
    lexical: LexicalIndex,
) -> tuple[list[tuple[int, float]], dict[int, float]]:
    """``fused`` (chunk id, fused score) with its head in the order of the model, and the head's logits; equal
    logits keep the fused order."""
    head = [Candidate(i, score, cosines.get(i)) for i, score in fused[:RERANKED]]
    if not head:
        return list(fused), {}
    described = lexical.describe(c.chunk_id for c in head)
    logits = features(asked, head, described) @ learned_weights()
    order = np.argsort(-logits, kind="stable")
    found = {head[at].chunk_id: float(logits[at]) for at in order}
    return [(head[at].chunk_id, head[at].fused) for at in order] + list(fused[RERANKED:]), found
