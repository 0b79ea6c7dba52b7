"""Where records come from: what readers found good or put right, golden questions, the documents themselves.

Promises: every record names its origin and who wrote its answer; of feedback only what a person reviewed
counts as reviewed; passages are those that the search shows inside the given scope, so that training never
sees what the principal may not read; among them stand distractors that do not hold the answer (RAFT: Zhang
et al. 2024, arXiv:2403.10131), and questions that cannot be answered keep the refusal.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.clean import MARKER
from finetune.records import Record, RecordPassage, shown_passages
from rag.answer.prompts import fit, is_refusal, prompt_language, refusal_text
from rag.records import GoldenQuestion, Passage, Principal, Turn
from rag.text.normalise import normalise
from rag.text.numbers import parse_numbers
from rag.text.terms import terms

if TYPE_CHECKING:
    from rag.engine import Engine

PASSAGES = 6  # shown with a golden question, the gold ones among them
_ACCEPTED = "accepted"


def from_turns(engine: Engine, principal: Principal) -> Iterator[Record]:
    """Answers that readers rated well, and the answers they wrote themselves. Raises AccessDenied unless the
    principal may see other people's feedback."""
    for turn in engine.feedback(principal):
        record = _of_turn(turn, engine.settings.chat.context_tokens)
        if record is not None:
            yield record


def _of_turn(turn: Turn, context_tokens: int) -> Record | None:
    answer = turn.answer
    passages = fit(answer.passages, context_tokens)  # what the model saw of them
    corrected = turn.correction.strip()
    # What the model did not finish can be put right by a person, but not be learned from itself.
    if not passages or not (corrected or (turn.rating == 1 and not answer.incomplete)):
        return None
    text = cite(corrected, passages) if corrected else answer.text
    return Record(
        question=answer.standalone_question or answer.question,
        passages=shown_passages(passages),
        answer=text,
        facts=tuple(made.line for made in answer.calculations if made.line),
        kind="correction" if corrected else "liked",
        origin=f"turn:{turn.id}",
        conversation=f"conversation:{turn.conversation_id}",
        contributor=turn.user_id,
        reviewed=turn.review == _ACCEPTED,
    )


def cite(text: str, passages: Sequence[Passage] | Sequence[RecordPassage]) -> str:
    """``text`` with markers of the passage that holds most of its figures and words, where a person wrote
    none. A refusal stays without."""
    if MARKER.search(text):
        return text
    if is_refusal(text):
        return refusal_text(prompt_language(text))
    wanted = set(terms(text))
    figures = {n.value for n in parse_numbers(text)}

    def held(passage: Passage | RecordPassage) -> tuple[int, int]:
        there = {n.value for n in parse_numbers(passage.text)}
        return len(figures & there), len(wanted & set(terms(passage.text)))

    best = max(range(len(passages)), key=lambda row: held(passages[row]), default=None)
    if best is None or held(passages[best]) == (0, 0):
        return text
    body = text.rstrip()
    stop = body[-1] if body[-1:] in ".。!！?？" else ""
    return f"{body[: len(body) - len(stop)]} [{best + 1}]{stop}"


def from_golden(
    engine: Engine, questions: Sequence[GoldenQuestion], principal: Principal, *, seed: int = 0
) -> Iterator[Record]:
    """Accepted golden questions with a known answer: its evidence among what the search shows for it. One
    whose evidence the principal cannot read is left out."""
    names = {d.name: d.id for d in engine.documents(principal) if d.status == "ready"}
    shown_most = min(PASSAGES, engine.settings.search.top_k)  # no more than a reader's question shows
    for golden in questions:
        fields = golden.question
        asked = str(fields.get("question", ""))
        if golden.state != _ACCEPTED or not asked:
            continue
        shuffle = random.Random(f"{seed} {golden.key}")
        found = list(engine.search(asked, principal, top_k=shown_most).passages)
        if fields.get("expect_refusal"):
            if found:
                yield _record(golden, asked, found, refusal_text(prompt_language(asked)), "refusal")
            continue
        answers = [str(a) for a in fields.get("answers") or ()]
        gold = _evidence(engine, fields, names, principal, asked)
        if not answers or not gold:
            continue
        ids = {p.chunk_id for p in gold}
        shown = [*gold, *(p for p in found if p.chunk_id not in ids)][: max(shown_most, len(gold))]
        shuffle.shuffle(shown)
        formula = str(fields.get("formula") or "")
        text = f"{formula} = {answers[0]}" if formula and answers[0] not in formula else answers[0]
        kind = "arithmetic" if formula else str(fields.get("kind") or "answer")
        yield _record(golden, asked, shown, _marked(text, shown, ids), kind)


def _marked(text: str, shown: Sequence[Passage], gold: set[int]) -> str:
    """``text`` with the markers of its evidence; its own ones count in another order and go."""
    bare = MARKER.sub("", text).strip()
    stop = bare[-1] if bare[-1:] in ".。!！?？" else ""
    marks = "".join(f"[{rank}]" for rank, p in enumerate(shown, 1) if p.chunk_id in gold)
    return f"{bare[: len(bare) - len(stop)]} {marks}{stop}"


def _record(golden: GoldenQuestion, asked: str, shown: Sequence[Passage], answer: str, kind: str) -> Record:
    return Record(
        question=asked,
        passages=shown_passages(shown),
        answer=answer,
        kind=kind,
        origin=f"golden:{golden.id}",
        contributor=golden.reviewed_by if golden.origin.startswith("turn:") else "",
        reviewed=True,
    )


def _evidence(
    engine: Engine, fields: Mapping[str, Any], names: Mapping[str, int], principal: Principal, asked: str
) -> list[Passage]:
    """The best passages of the evidence pages, one a page."""
    found: list[Passage] = []
    for item in fields.get("evidence") or ():
        document = names.get(str(item.get("doc") or item.get("document") or ""))
        if document is None:
            return []
        page = item.get("page")
        words = str(item.get("text") or "")
        inside = engine.search(
            f"{asked} {words[:300]}", principal, top_k=20, document_ids=[document]
        ).passages
        on_page = [p for p in inside if page is None or p.page_start <= int(page) <= p.page_end]
        wanted = normalise(words)[:80]
        exact = [p for p in on_page if wanted and wanted in normalise(p.text)]
        best = next(iter(exact or on_page), None)
        if best is None:
            return []
        if best.chunk_id not in {p.chunk_id for p in found}:
            found.append(best)
    return found
