"""Too little evidence: when an answer is refused, and why.

Promises: general rules only (coverage of the question's weight, cosine, names and years that are nowhere in
what was found, what kind of thing is asked for); the rules decide on :class:`Signals`, plain numbers that
``benchmarks/refusal.py`` collects and calibrates; thresholds come from the settings; a refusal always says
its reason. In a language that weights were learned for (:mod:`rag.answer.answerable`) what is quoted is
judged by them; what no document can answer (somebody together with a year, a year, a term's meaning) is still
a rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag.answer import answerable
from rag.answer.concepts import asks_meaning
from rag.answer.evidence import (
    DEFINING,
    Asked,
    coverage,
    head,
    is_asked_for,
    missing_names,
    passage_coverage,
    subject_coverage,
    term_set,
    year_support,
)
from rag.answer.extractive import Quote, explains, has_figure
from rag.answer.kinds import asks_definition, holds, kinds_asked
from rag.records import Passage
from rag.settings import AnswerSettings

_WHOLE_SUBJECT = 0.75
_CALLED_OTHERWISE = 0.7
# "四方科技2019年...": what stands before the first year of a Chinese question is whom it is about.
_BEFORE_YEAR = re.compile(
    r"^(?:请问|请|能否|可否)?(?:根据|依据|按照|在|关于|对于)?(?!根据|依据|按照)(?P<name>[\u4e00-\u9fffA-Za-z（）()·]{3,20}?)(?:公司|的)?(?:在)?(?=(?:19|20)\d{2}年)"
)


_NO_NAME = re.compile("根据|按照|依据|由|于|被|是|为|当|若|如果|截至|请")


@dataclass(frozen=True, slots=True)
class Refusal:
    """``certain``: nothing found speaks of it at all, so a chat model need not be asked."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Signals:
    """What the decision rests on. Shares are of the question's weight (0..1)."""

    found: bool  # any passage at all
    missing: tuple[str, ...] = ()  # names that no passage holds
    years: tuple[int, ...] = ()  # asked years of which nothing found can speak
    best: float = 0.0  # covered by the passage that covers most
    with_subject: float = 0.0  # the same among passages that hold the whole subject
    together: float = 0.0  # covered by all passages together
    cosine: float | None = None  # highest; None: the model does not know the language
    quoted: bool | None = None  # whether there is anything to quote; None: not looked yet
    quote: float = 0.0  # covered by the quotes and what stands around them
    kind_there: bool = True  # a figure, a date where one is asked for
    concept: bool = False  # asks what something means
    explained: bool = False  # and a quote says so

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Signals:
        return cls(**{**record, "missing": tuple(record["missing"]), "years": tuple(record["years"])})


def measure(
    asked: Asked, passages: Sequence[Passage], quotes: Sequence[Quote] | None = None, *, covers: bool
) -> Signals:
    """The signals of a question, with those of its quotes when they are known. ``covers``: the embedding
    model was trained on the question's language, so that its cosines mean something."""
    if not passages:
        return Signals(found=False)
    shares = [passage_coverage(asked, p) for p in passages]
    whole = [s for s, p in zip(shares, passages, strict=True) if subject_coverage(asked, p) >= _WHOLE_SUBJECT]
    unsupported = asked.years and not any(year_support(asked, p) for p in passages)
    return Signals(
        found=True,
        missing=tuple(missing_names(asked, passages) or _absent_subject(asked, passages)),
        years=tuple(sorted(asked.years)) if unsupported else (),
        best=max(shares),
        with_subject=max(whole, default=0.0),
        together=coverage(asked, *(s for p in passages for s in (term_set(p.text), term_set(head(p))))),
        cosine=max((p.cosine for p in passages if p.cosine is not None), default=None) if covers else None,
        quoted=None if quotes is None else bool(quotes),
        quote=_quote_coverage(asked, passages, quotes or ()),
        kind_there=_kind_there(asked, quotes or ()),
        concept=asked.concept,
        explained=_is_explained(asked, quotes or ()),
    )


def _quote_coverage(asked: Asked, passages: Sequence[Passage], quotes: Sequence[Quote]) -> float:
    held = [term_set(f"{q.unit.text}\n{q.unit.header}") for q in quotes]
    held += [term_set(head(passages[q.unit.passage])) for q in quotes]
    return coverage(asked, *held) if held else 0.0


def _kind_there(asked: Asked, quotes: Sequence[Quote]) -> bool:
    """Whether the quotes hold what is asked for: a figure, a date, a percentage, money ... One kind is enough
    where a question asks for several."""
    if asked.concept:  # "liquidity ratio" names a figure and asks for none
        return True
    if asked.number and not any(has_figure(q.unit.text) for q in quotes):
        return False
    wanted = kinds_asked(asked.question)
    return not wanted or any(holds(k, q.unit.text, row=q.unit.is_row) for k in wanted for q in quotes)


def _absent_subject(asked: Asked, passages: Sequence[Passage]) -> list[str]:
    """The one whom a Chinese question names before its year, when no passage has that name and at least one
    of its characters is nowhere: a shorter or longer form of a known name has them all."""
    match = _BEFORE_YEAR.match(asked.question.strip())
    if match is None:
        return []
    name = match.group("name")
    if is_asked_for(asked.question, name) or _NO_NAME.search(name):
        return []
    held = "\n".join(f"{head(p)}\n{p.text}" for p in passages)
    if name in held or name.removesuffix("公司") in held:
        return []
    return [name] if any(c not in held for c in name) else []


def _is_explained(asked: Asked, quotes: Sequence[Quote]) -> bool:
    """Whether the best quote says what is asked: a definition must define."""
    if not quotes or not explains(asked, quotes):
        return False
    meaning = asks_definition(asked.question) or asks_meaning(asked.question)
    return not meaning or bool(DEFINING.search(quotes[0].unit.text))


def decide(signals: Signals, settings: AnswerSettings) -> Refusal | None:
    """None when there is enough evidence to quote."""
    if not signals.found:
        return Refusal("refusal.nothing_found", certain=True)
    names = [*signals.missing, *map(str, signals.years)]
    if names:
        return Refusal("refusal.missing_terms", {"terms": ", ".join(names)})
    if not _covered(signals, settings):
        certain = signals.together < 0.2 and (signals.cosine is None or signals.cosine < settings.min_cosine)
        code = "refusal.not_about_documents" if signals.concept else "refusal.weak_evidence"
        return Refusal(code, certain=certain)
    if signals.quoted is None:
        return None
    if not signals.quoted or not signals.kind_there:
        return Refusal("refusal.weak_evidence")
    if signals.concept and not signals.explained:
        return Refusal("refusal.not_about_documents")
    if signals.quote < settings.min_quote:
        return Refusal("refusal.weak_evidence")
    return None


LEAST_TOGETHER = 0.4
"""Share of the question's weight that all passages together must hold; of 1,279 questions with an answer 6
have less."""


def decide_quotes(
    asked: Asked,
    passages: Sequence[Passage],
    quotes: Sequence[Quote],
    signals: Signals,
    settings: AnswerSettings,
    language: str,
) -> Refusal | None:
    """None when the quotes may stand as the answer to a question in ``language``. ``signals``: measured with
    the quotes."""
    model = learned_model(settings, language)
    if model is None:
        return decide(signals, settings)
    refusal = by_rule(asked, signals, settings)
    if refusal is not None or not signals.found:
        return refusal or decide(signals, settings)
    if not quotes:
        return Refusal("refusal.weak_evidence")
    if model.logit(answerable.features(asked, passages, quotes, signals)) <= 0:
        return None
    if signals.missing:
        return Refusal("refusal.missing_terms", {"terms": ", ".join(signals.missing)})
    return Refusal("refusal.weak_evidence")


def learned_model(settings: AnswerSettings, language: str) -> answerable.Model | None:
    """None where thresholds decide."""
    return answerable.learned(language) if settings.learned_refusal else None


def by_rule(asked: Asked, signals: Signals, settings: AnswerSettings) -> Refusal | None:
    """What no weights are asked about: a year, or somebody in a year, of whom nothing found can speak or of
    whom too little is there (another's figure would be worse than none); a term that nothing quoted
    explains; a question most of whose words stand nowhere, as no question of the packs' is."""
    if signals.years or (signals.missing and asked.years):
        return Refusal(
            "refusal.missing_terms", {"terms": ", ".join([*signals.missing, *map(str, signals.years)])}
        )
    if signals.concept and signals.quoted is not None and not signals.explained:
        return Refusal("refusal.not_about_documents")
    if asked.years and not _covered(signals, settings):
        return Refusal("refusal.weak_evidence")
    if signals.found and signals.together < LEAST_TOGETHER:
        if signals.missing:
            return Refusal("refusal.missing_terms", {"terms": ", ".join(signals.missing)})
        return Refusal("refusal.weak_evidence")
    return None


def _covered(signals: Signals, settings: AnswerSettings) -> bool:
    if signals.best >= settings.min_coverage:
        return True
    # The subject is there whole: what is asked of it may be called otherwise.
    if signals.with_subject >= settings.min_coverage * _CALLED_OTHERWISE:
        return True
    # Meaning may carry what other words say, but not a question whose words are nowhere.
    return (
        signals.cosine is not None
        and signals.cosine >= settings.min_cosine + 0.25
        and signals.together >= 0.5 * settings.min_coverage
    )
