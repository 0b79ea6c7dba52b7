"""Too little evidence: when an answer is refused, and why.

Promises: general rules only (coverage of the question's weight, cosine, names and years that are nowhere in
what was found); thresholds come from the settings; a refusal always says its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag.answer.evidence import (
    Asked,
    coverage,
    head,
    missing_names,
    passage_coverage,
    subject_coverage,
    term_set,
    year_support,
)
from rag.records import Passage
from rag.settings import AnswerSettings

_WHOLE_SUBJECT = 0.75
_CALLED_OTHERWISE = 0.7


@dataclass(frozen=True, slots=True)
class Refusal:
    """``certain``: nothing found speaks of it at all, so a chat model need not be asked."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    certain: bool = False


def judge(
    asked: Asked, passages: Sequence[Passage], settings: AnswerSettings, *, covers: bool
) -> Refusal | None:
    """None when there is enough evidence to quote. ``covers``: the embedding model was trained on the
    question's language, so that its cosines mean something."""
    if not passages:
        return Refusal("refusal.nothing_found", certain=True)
    best_cosine = max((p.cosine for p in passages if p.cosine is not None), default=None) if covers else None
    names = missing_names(asked, passages)
    if asked.years and not any(year_support(asked, p) for p in passages):
        names += [str(y) for y in sorted(asked.years)]
    if names:
        return Refusal("refusal.missing_terms", {"terms": ", ".join(names)})
    best = max(passage_coverage(asked, p) for p in passages)
    together = coverage(asked, *(s for p in passages for s in (term_set(p.text), term_set(head(p)))))
    if best >= settings.min_coverage:
        return None
    # The subject is there whole: what is asked of it may be called otherwise.
    for p in passages:
        if (
            subject_coverage(asked, p) >= _WHOLE_SUBJECT
            and passage_coverage(asked, p) >= settings.min_coverage * _CALLED_OTHERWISE
        ):
            return None
    # Meaning may carry what other words say, but not a question whose words are nowhere.
    if (
        best_cosine is not None
        and best_cosine >= settings.min_cosine + 0.25
        and together >= 0.5 * settings.min_coverage
    ):
        return None
    certain = together < 0.2 and (best_cosine is None or best_cosine < settings.min_cosine)
    return Refusal("refusal.weak_evidence", certain=certain)
