"""May an adapter answer readers? Asked in the very path that serves them, paired with what answers now.

Promises: adapter and baseline answer the same questions on the same server and are compared question by
question (evaluation.gate); none of the questions was trained on; the adapter is a candidate afterwards only
when it is better on every target and no worse on every guard, refused otherwise; what was measured is kept
with it. A guard that nobody named and that too few questions measure is listed as unmeasured.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.datasets import Evidence, Question
from evaluation.gate import LEAST_QUESTIONS, Condition, Judged, judge
from evaluation.runs import Output, Quoted, RunSpec, SystemSpec, found
from evaluation.scoring import score
from evaluation.summary import means
from finetune.config import TuneError
from finetune.records import Record, Told
from finetune.registry import Registry
from finetune.served import served_prompts
from finetune.train_set import open_train_set
from rag.access import LOCAL, require_right
from rag.answer.arms import BASE
from rag.answer.verify import verify
from rag.records import EvalResult, Principal
from rag.store.tuning import Adapter
from rag.text.normalise import normalise
from rag.text.numbers import parse_numbers

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.models.protocols import ChatModel

GUARDS = ("citation precision", "citation recall", "refused when it must", "refused wrongly", "groundedness")
TARGETS = ("correct",)
BASELINE, CANDIDATE = "baseline", "candidate"
_MARKER = re.compile(r"\[(\d{1,3})\]")

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Gated:
    """``left_out``: questions that the adapter was trained on. ``means``: {system: {measure: mean}}."""

    adapter: Adapter
    passed: bool
    baseline: str
    questions: int
    left_out: int
    run_id: int | None
    judged: tuple[Judged, ...]
    unmeasured: tuple[str, ...]
    means: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "baseline": self.baseline,
            "questions": self.questions,
            "left_out": self.left_out,
            "run": self.run_id,
            "conditions": [j.to_json() for j in self.judged],
            "unmeasured": list(self.unmeasured),
            "means": {name: dict(values) for name, values in self.means.items()},
        }


def gate(
    engine: Engine,
    registry: Registry,
    name: str,
    principal: Principal = LOCAL,
    *,
    questions: Sequence[Question] = (),
    heldout: Sequence[Record] = (),
    source: str = "",
    guards: Sequence[str] = (),
    targets: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
) -> Gated:
    """Asks ``questions`` through Engine.ask, or, when there are none, ``heldout`` records over their own
    passages. ``guards`` and ``targets`` (``MEASURE`` or ``MEASURE:amount``) replace GUARDS and TARGETS. Loads
    the adapter for the while. Raises TuneError, GateError, and nothing has changed then."""
    require_right(principal, "evaluate")
    adapter = registry.adapter(name, principal)
    asked, rest, left_out = _unseen(engine, adapter, questions, heldout)
    if not asked and not rest:
        raise TuneError("tune.gate_nothing", name=name, left_out=left_out)
    conditions = [Condition.parse("guard", one) for one in guards or GUARDS]
    conditions += [Condition.parse("target", one) for one in targets or TARGETS]
    baseline = next((a.name for a in engine.store.live_adapters() if a.share >= 1 and a.name != name), BASE)
    with registry.served(adapter):
        if asked:
            run_id, one, other = _through_the_engine(
                engine, principal, name, baseline, asked, source, on_progress, stop
            )
        else:
            run_id = None
            one, other = _over_fixed_passages(engine, name, baseline, rest, on_progress)
    judged, unmeasured = [], []
    for result in judge(one, other, conditions):
        optional = result.condition.kind == "guard" and not guards
        if optional and result.n < LEAST_QUESTIONS:
            unmeasured.append(result.condition.measure)
        else:
            judged.append(result)
    passed = bool(judged) and all(j.passed for j in judged)
    gated = Gated(
        adapter=adapter,
        passed=passed,
        baseline=baseline,
        questions=len(one),
        left_out=left_out,
        run_id=run_id,
        judged=tuple(judged),
        unmeasured=tuple(unmeasured),
        means={CANDIDATE: _means(one), BASELINE: _means(other)},
    )
    kept = {**gated.to_json(), "source": source, "at": datetime.now(UTC).isoformat()}
    engine.store.set_gate(name, kept, passed, principal.user_id)
    return gated


def _unseen(
    engine: Engine, adapter: Adapter, questions: Sequence[Question], heldout: Sequence[Record]
) -> tuple[list[Question], list[Record], int]:
    """Without what stands in the adapter's training set, where that is known to the store."""
    sha256 = adapter.card.get("data_sha256")
    seen: set[str] = set()
    for known in engine.store.train_sets():
        if known.sha256 == sha256:
            seen |= {_plain(record.question) for record in open_train_set(Path(known.path))[0]}
            break
    asked = [q for q in questions if _plain(q.question) not in seen]
    rest = [r for r in heldout if _plain(r.question) not in seen]
    return asked, rest, len(questions) - len(asked) + len(heldout) - len(rest)


def _plain(question: str) -> str:
    return normalise(question).lower()


def _through_the_engine(
    engine: Engine,
    principal: Principal,
    name: str,
    baseline: str,
    questions: Sequence[Question],
    source: str,
    on_progress: OnProgress | None,
    stop: threading.Event | None,
) -> tuple[int, list[EvalResult], list[EvalResult]]:
    from evaluation.runner import run

    spec = RunSpec(
        dataset=source or "gate",
        questions=tuple(questions),
        systems=(
            SystemSpec(BASELINE, "answer", {"chat.adapter": baseline}),
            SystemSpec(CANDIDATE, "answer", {"chat.adapter": name}),
        ),
        name=f"gate {name}",
    )
    ran = run(engine, spec, principal, fresh=True, on_progress=on_progress, stop=stop)
    if not ran.complete:
        problem = "; ".join(f"{words} ({times})" for words, times in ran.failed.items()) or "stopped"
        raise TuneError("tune.gate_unfinished", name=name, problem=problem)
    results = {
        system: list(engine.results(ran.run.id, principal, system=system)) for system in (BASELINE, CANDIDATE)
    }
    return ran.run.id, results[CANDIDATE], results[BASELINE]


def _over_fixed_passages(
    engine: Engine, name: str, baseline: str, records: Sequence[Record], on_progress: OnProgress | None
) -> tuple[list[EvalResult], list[EvalResult]]:
    """Each record's own passages in the prompt that is served, to both."""
    finder = engine.chat_finder()
    base = finder.find()
    models = {
        CANDIDATE: finder.adapted(name),
        BASELINE: base.model if baseline == BASE else finder.adapted(baseline),
    }
    told = served_prompts(engine.store, engine.settings)
    results: dict[str, list[EvalResult]] = {CANDIDATE: [], BASELINE: []}
    for number, record in enumerate(records, 1):
        question = _question(record)
        for system, model in models.items():
            if model is None:
                raise base.problem or TuneError("tune.no_server")
            output = _ask(model, record, told)
            results[system].append(
                EvalResult(
                    id=0,
                    run_id=0,
                    system=system,
                    question_key=question.id,
                    question=question.model_dump(mode="json", exclude_defaults=True),
                    answer=output.to_json(),
                    measures=score(question, output),
                    error_class="",
                    created_at=datetime.now(UTC),
                )
            )
        if on_progress is not None:
            on_progress(number, len(records), name)
    return results[CANDIDATE], results[BASELINE]


def _ask(model: ChatModel, record: Record, told: Told) -> Output:
    from rag.answer.prompts import is_refusal

    text = "".join(delta.text for delta in model.stream(record.messages(told))).strip()
    passages = record.shown()
    refused = is_refusal(text)
    verdict = None if refused or not text else verify(text, passages, question=record.question)
    markers = dict.fromkeys(int(n) for n in _MARKER.findall(text))
    return Output(
        text=text,
        refused=refused,
        mode="generative",
        model=model.name,
        citations=tuple(
            Quoted(p.document, p.page_start, p.page_end, "", n)
            for n in markers
            if 1 <= n <= len(passages)
            for p in (passages[n - 1],)
        ),
        passages=found(passages),
        groundedness=verdict.groundedness if verdict is not None else None,
    )


def _question(record: Record) -> Question:
    """What the record expects: its answer's figures, or its words without markers where it has none, and the
    passages that it cites."""
    if record.refusal:
        return Question(id=record.id, question=record.question, expect_refusal=True)
    passages = record.shown()
    cited = {int(n) for n in _MARKER.findall(record.answer)}
    bare = " ".join(_MARKER.sub("", record.answer).split()).rstrip(".。 ")
    figures = [n.text for n in parse_numbers(bare) if not n.looks_like_year]
    evidence = tuple(
        Evidence(doc=p.document, page=p.page_start, text=p.text) for p in passages if p.rank in cited
    )
    return Question(
        id=record.id,
        question=record.question,
        answers=(figures[0] if len(figures) == 1 else bare,),
        answer_groups=tuple((one,) for one in figures) if len(figures) > 1 else (),
        kind=record.kind,
        evidence=evidence,
    )


def _means(results: Sequence[EvalResult]) -> dict[str, float]:
    return {name: round(value["mean"], 4) for name, value in means(results).items()}
