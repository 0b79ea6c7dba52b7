"""The measures of one answer to one question, by name. Pure.

A measure that does not apply (no evidence known, nothing accepted, no figure asked) is left out, never 0:
every mean says over how many questions it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evaluation.datasets import Question, passage_file
from evaluation.measures import Ranking, hit_at, ndcg_at, recall_at, reciprocal_rank
from evaluation.numeric import gold_figure, numeric_match
from evaluation.runs import Output, Quoted
from evaluation.wording import contained, contains, exact_match, pieces, token_f1

CUTS = (1, 5, 10)
SHORT_ANSWER_PIECES = 16
"""A longer accepted wording is prose: no answer is expected to hold it word for word."""

PROSE = ("free_text", "yes_no_expl", "prose")
"""Values of ``Question.answer_type`` whose accepted answers nobody is expected to repeat."""


@dataclass(frozen=True, slots=True)
class Measure:
    """``source``: where it is defined. ``higher_is_better`` False: a rate of faults, or a time."""

    name: str
    about: str
    source: str
    higher_is_better: bool = True
    unit: str = ""  # "" for 0..1, "ms"


def _ranking(what: str, singular: str) -> list[Measure]:
    made = []
    for k in CUTS:
        made.append(
            Measure(f"{what} hit@{k}", f"one of the first {k} passages is of the right {singular}",
                    "success@k: Craswell, Encyclopedia of Database Systems, 2009")
        )  # fmt: skip
    for k in CUTS[1:]:
        made.append(
            Measure(f"{what} recall@{k}", f"share of what is right that the first {k} passages hold",
                    "Manning, Raghavan, Schütze: Introduction to Information Retrieval, 2008, 8.4")
        )  # fmt: skip
    made.append(
        Measure(f"{what} MRR@10", "1 / rank of the first right passage", "Voorhees: TREC-8 QA report, 1999")
    )
    made.append(
        Measure(f"{what} nDCG@10", "right passages, discounted by rank",
                "Järvelin, Kekäläinen: Cumulated gain-based evaluation, TOIS 20, 2002")
    )  # fmt: skip
    return made


_ALCE = (
    "after Gao et al.: Enabling LLMs to Generate Text with Citations (ALCE), EMNLP 2023; by page, not by NLI"
)
_RAGAS = "the ragas package; Es et al.: RAGAS, EACL 2024 demo"
_RGB = "Chen et al.: Benchmarking LLMs in Retrieval-Augmented Generation (RGB), AAAI 2024"

MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("correct", "refused where it must be; else the figure, or every required wording, is stated "
                "(prose answers: only by a judge)", "composite of the measures below"),
        Measure("answer contained", "the answer holds one accepted wording of each required part", _RGB),
        Measure("exact match", "the answer is an accepted one, normalised", "SQuAD (Rajpurkar et al., 2016); "
                "CMRC 2018 (Cui et al., 2019) for Chinese"),
        Measure("token F1", "overlap with the nearest accepted answer", "SQuAD; CMRC 2018 for Chinese"),
        Measure("numeric match", "a figure of the answer is right within 1 %, unit and scale considered",
                "evaluation.numeric"),
        Measure("numeric first", "the first figure of the answer is right within 1 %", "evaluation.numeric"),
        Measure("refused when it must", "recall of refusal", _RGB),
        Measure("refused wrongly", "refused though the answer is known", _RGB, higher_is_better=False),
        Measure("false fact repeated", "the answer holds a planted wrong answer and not the right one", _RGB,
                higher_is_better=False),
        Measure("citation precision", "share of the citations that point at an evidence page", _ALCE),
        Measure("citation recall", "share of the evidence pages that are cited", _ALCE),
        Measure("groundedness", "share of the answer's claims that its passages support",
                "Answer.groundedness; after Es et al.: RAGAS, 2023 (faithfulness)"),
        Measure("judged correct", "what a judge model says of the answer", "evaluation.judge"),
        Measure("RAGAS faithfulness", "share of the answer's claims that its passages support, says a judge",
                _RAGAS),
        Measure("RAGAS answer relevancy", "whether the answer is one to the question, says a judge", _RAGAS),
        Measure("RAGAS context precision", "whether useful passages stand first, says a judge", _RAGAS),
        Measure("RAGAS context recall", "share of the accepted answer that the passages hold, says a judge",
                _RAGAS),
        *_ranking("page", "page"),
        *_ranking("passage", "passage"),
        *_ranking("document", "document"),
        Measure("latency", "from the question to the whole answer", "wall clock", higher_is_better=False,
                unit="ms"),
    )
}  # fmt: skip

BY_OTHERS = frozenset(name for name in MEASURES if name.startswith("RAGAS "))
"""Measures that :func:`score` cannot compute: see evaluation.ragas_adapter."""

HEADLINES = (
    "correct", "numeric match", "answer contained", "exact match", "token F1", "refused when it must",
    "refused wrongly", "citation precision", "citation recall", "groundedness", "judged correct",
    "document hit@5", "page hit@1", "page hit@5", "page hit@10", "page recall@5", "passage hit@1",
    "passage hit@5", "passage recall@5", "passage MRR@10",
)  # fmt: skip
"""What a first table shows, in this order."""


def score(question: Question, output: Output, only: Collection[str] = ()) -> dict[str, float]:
    """Every measure that applies, by name; with ``only``, those of them."""
    found = ranking_scores(question, output)
    if not output.retrieved_only:
        found |= _answer_scores(question, output)
    if "total" in output.timings_ms and not output.error:
        found["latency"] = output.timings_ms["total"]
    return {name: value for name, value in found.items() if not only or name in only}


def ranking_scores(question: Question, output: Output) -> dict[str, float]:
    """Of the passages found, at the cuts that were asked for."""
    if output.depth <= 0 or output.error:
        return {}
    pages: Ranking = [
        {(p.document, number) for number in range(p.page_start, p.page_end + 1)} for p in output.passages
    ]
    files: Ranking = [{p.document} for p in output.passages]
    found = _rank_scores("page", pages, question.pages, output.depth)
    gold = frozenset(map(passage_file, question.gold_passages))
    found |= _rank_scores("passage", files, gold, output.depth)
    if not gold:
        found |= _rank_scores("document", files, question.documents, output.depth)
    return found


def _rank_scores(
    what: str, ranking: Ranking, relevant: frozenset[str] | frozenset[tuple[str, int]], depth: int
) -> dict[str, float]:
    if not relevant:
        return {}
    found = {f"{what} hit@{k}": hit_at(ranking, relevant, k) for k in CUTS if k <= depth}
    found |= {f"{what} recall@{k}": recall_at(ranking, relevant, k) for k in CUTS[1:] if k <= depth}
    if depth >= 10:
        found[f"{what} MRR@10"] = reciprocal_rank(ranking, relevant, 10)
        found[f"{what} nDCG@10"] = ndcg_at(ranking, relevant, 10)
    return found


def _answer_scores(question: Question, output: Output) -> dict[str, float]:
    found: dict[str, float] = {}
    if question.expect_refusal:
        found["refused when it must"] = float(output.refused)
        found["correct"] = float(output.refused)
        return found
    if is_answerable(question):
        found["refused wrongly"] = float(output.refused)
    text = "" if output.refused or output.error else output.text
    if question.answers:
        found["exact match"] = exact_match(text, question.answers)
        found["token F1"] = token_f1(text, question.answers)
    figure = numeric_match(text, question.answers, question.question, question.scale)
    if figure is not None:
        found["numeric match"] = figure
        first = numeric_match(text, question.answers, question.question, question.scale, first=True)
        found["numeric first"] = first or 0.0
    if is_short(question):
        found["answer contained"] = complete(text, question)
        one_figure = figure is not None and len(question.required) == 1
        found["correct"] = figure if one_figure and figure is not None else found["answer contained"]
    if question.wrong_answers:
        said = contained(text, [question.wrong_answers])
        found["false fact repeated"] = float(bool(said) and not found.get("answer contained"))
    found |= _citation_scores(question, output)
    if output.groundedness is not None:
        found["groundedness"] = output.groundedness
    if "correct" in output.judge:
        found["judged correct"] = float(output.judge["correct"])
        found.setdefault("correct", found["judged correct"])
    return found


def complete(text: str, question: Question) -> float:
    """1.0 when one wording of every required group is stated; a wording that is a figure, within 1 %."""
    for group in question.required:
        if any(contains(text, wording) for wording in group):
            continue
        if not numeric_match(text, group, question.question, question.scale):
            return 0.0
    return float(bool(question.required))


def is_answerable(question: Question) -> bool:
    """Whether the documents are known to hold the answer."""
    if question.expect_refusal is not None:
        return not question.expect_refusal
    return bool(question.evidence or question.gold_passages)


def is_short(question: Question) -> bool:
    """Whether each required part has a wording that an answer may be expected to hold: a figure, or a few
    words unless the dataset says that they are prose."""

    def short(wording: str) -> bool:
        if gold_figure(wording, question.question, question.scale):
            return True
        return question.answer_type not in PROSE and len(pieces(wording)) <= SHORT_ANSWER_PIECES

    return bool(question.required) and all(any(map(short, group)) for group in question.required)


def _citation_scores(question: Question, output: Output) -> dict[str, float]:
    """Of an answer that was given. Without any citation precision is 0: nothing of it can be checked."""
    if output.refused or output.error or not output.text or output.mode not in ("extractive", "generative"):
        return {}
    relevant: frozenset[object]
    if question.pages:
        relevant = frozenset(question.pages)
        places: Sequence[set[object]] = [_pages(citation) for citation in output.citations]
    elif question.gold_passages or question.documents:
        relevant = frozenset(question.documents)
        places = [{citation.document} for citation in output.citations]
    else:
        return {}
    right = sum(bool(place & relevant) for place in places)
    cited: set[object] = set().union(*places)
    return {
        "citation precision": right / len(places) if places else 0.0,
        "citation recall": len(cited & relevant) / len(relevant),
    }


def _pages(citation: Quoted) -> set[object]:
    return {(citation.document, n) for n in range(citation.page_start, citation.page_end + 1)}


_DONT_KNOW = re.compile(
    r"(?:i (?:do not|don't|cannot|can't)|unable to|insufficient|not enough|no (?:relevant )?information"
    r"|(?:does|do|is|are) not (?:contain|provide|mention|state|include|available|specified|found)"
    r"|无法(?:回答|确定|得知|提供)|不知道|未(?:提及|提供|找到|披露)|没有(?:相关|足够|提及|提供|找到)|信息不足|不足以)",
    re.IGNORECASE,
)
_REFUSAL_CHARS = 240


def sounds_refused(text: str) -> bool:
    """Whether a model outside the product declines: it says so in the beginning and says little else."""
    text = text.strip()
    return not text or (len(text) <= _REFUSAL_CHARS and _DONT_KNOW.search(text[:120]) is not None)
