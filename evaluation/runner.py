"""Asks every question of every system, keeps each answer as it comes, and measures it.

Promises: a result that is there is not asked again, so a run that was stopped or killed goes on where it was
(the same questions of the same systems find their unfinished run by themselves); the same question to a
system with the same fingerprint is taken from an earlier run unless that is turned off; a stop takes
effect at once and loses nothing that was answered; a model that is away is not a wrong answer: the
question waits, and after several in a row the run stops.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evaluation.classes import error_classes
from evaluation.datasets import DatasetError, Question, dataset_sha256
from evaluation.runs import Output, RunSpec
from evaluation.scoring import BY_OTHERS, score
from evaluation.summary import summarise
from evaluation.systems import Library, System, build, code_version, describe
from rag.access import LOCAL
from rag.errors import ModelError, WenjuError
from rag.records import EvalResult, EvalRun, Principal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from evaluation.judge import Judge
    from rag.engine import Engine

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 5  # failures of one system in a row
CACHED_RUNS = 200  # how many runs back are looked at for answers

OnProgress = Callable[[int, int, str], None]
"""(answered, total, what is being done)"""


@dataclass(frozen=True, slots=True)
class Ran:
    """``skipped``: questions that need files which are not in the library, with those files. ``failed``: how
    often a model was away, by message. ``reused``: answers taken from earlier runs."""

    run: EvalRun
    skipped: Mapping[str, tuple[str, ...]]
    failed: Mapping[str, int]
    reused: int = 0

    @property
    def complete(self) -> bool:
        return self.run.status == "done"


def run(
    engine: Engine,
    spec: RunSpec,
    principal: Principal = LOCAL,
    *,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
    fresh: bool = False,
    judge: Judge | None = None,
    keys: Mapping[str, SecretStr] | None = None,
    on_run: Callable[[EvalRun], None] | None = None,
) -> Ran:
    """Runs ``spec`` inside the principal's own scope. ``fresh``: nothing is taken from earlier runs.
    ``on_run`` is told the run before its first question is asked. Raises DatasetError when nothing can be
    asked, SystemSpecError, AccessDenied, StoreError."""
    stop = stop or threading.Event()
    library = Library.of(engine, principal, spec.collection)
    skipped = {q.id: tuple(library.missing(q)) for q in spec.questions if library.missing(q)}
    questions = [q for q in spec.questions if q.id not in skipped]
    if not questions:
        missing = ", ".join(sorted({name for names in skipped.values() for name in names})[:5])
        raise DatasetError("eval.nothing_to_ask", path=spec.dataset, missing=missing or "-")
    systems = [
        build(s, engine, principal, library, collection=spec.collection, keys=keys) for s in spec.systems
    ]
    described = [describe(system, s) for system, s in zip(systems, spec.systems, strict=True)]
    settings = {
        "measures": list(spec.measures),
        "collection": spec.collection,
        "code": code_version(),
        "documents": len(library.documents),
        "skipped": len(skipped),
        "judge": judge.fingerprint if judge is not None else "",
    }
    total = len(questions) * len(systems)
    sha256 = dataset_sha256(questions)
    kept = None if fresh else _unfinished(engine, principal, sha256, described, settings)
    kept = kept or engine.create_run(
        principal,
        name=spec.name or spec.dataset,
        dataset=spec.dataset,
        dataset_sha256=sha256,
        systems=described,
        settings=settings,
        total=total,
    )
    kept = engine.update_run(kept.id, principal, status="running", total=total)
    if on_run is not None:
        on_run(kept)
    work = _Work(engine, principal, kept, spec, systems, questions, stop, on_progress, judge)
    try:
        reused = 0 if fresh else work.reuse(described)
        work.ask()
    except BaseException:
        engine.update_run(kept.id, principal, status="stopped")
        raise
    done = len(engine.result_keys(kept.id, principal)) >= total
    names = frozenset(library.ids)
    summary = _summary(engine, kept.id, [s.name for s in spec.systems], names, principal)
    ended = engine.update_run(kept.id, principal, status="done" if done else "stopped", summary=summary)
    return Ran(ended, skipped, dict(work.failed), reused)


def _summary(
    engine: Engine, run_id: int, systems: Sequence[str], library: frozenset[str], principal: Principal
) -> dict[str, Any]:
    """Of all results, each wrong one put into its class first."""
    found = list(engine.results(run_id, principal))
    classes = error_classes(found, library)
    changed = {r.id: classes[r.id] for r in found if classes[r.id] != r.error_class}
    engine.set_error_classes(run_id, changed, principal)
    return summarise([replace(r, error_class=classes[r.id]) for r in found], systems)


def _unfinished(
    engine: Engine,
    principal: Principal,
    sha256: str,
    described: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> EvalRun | None:
    """The newest unfinished run of the same person that asks the same of the same."""
    wanted = [(d["name"], d["fingerprint"]) for d in described]
    for candidate in engine.runs(principal, limit=CACHED_RUNS):
        if (
            candidate.status in ("stopped", "running")
            and candidate.created_by == principal.user_id
            and candidate.dataset_sha256 == sha256
            and [(d.get("name"), d.get("fingerprint")) for d in candidate.systems] == wanted
            and candidate.settings.get("judge") == settings["judge"]
            and candidate.settings.get("measures") == settings["measures"]
        ):
            return candidate
    return None


class _Work:
    def __init__(
        self,
        engine: Engine,
        principal: Principal,
        run: EvalRun,
        spec: RunSpec,
        systems: Sequence[System],
        questions: Sequence[Question],
        stop: threading.Event,
        on_progress: OnProgress | None,
        judge: Judge | None,
    ) -> None:
        self._engine, self._principal, self._run = engine, principal, run
        self._spec, self._systems, self._questions = spec, systems, questions
        self._stop = stop
        self._on_progress = on_progress
        self._judge = judge
        self._done = engine.result_keys(run.id, principal)
        self._total = len(systems) * len(questions)
        self.failed: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()

    def reuse(self, described: Sequence[Mapping[str, Any]]) -> int:
        """Takes over what the same system answered to the same question in an earlier run."""
        wanted = {d["fingerprint"]: d["name"] for d in described}
        asked = {question.id: question for question in self._questions}
        taken = 0
        for earlier in self._engine.runs(self._principal, limit=CACHED_RUNS):
            same = {
                d["name"]: wanted[d["fingerprint"]] for d in earlier.systems if d.get("fingerprint") in wanted
            }
            if earlier.id == self._run.id or not same or earlier.created_by != self._principal.user_id:
                continue
            for result in self._engine.results(earlier.id, self._principal):
                name = same.get(result.system)
                question = asked.get(result.question_key)
                if name is None or question is None or (name, question.id) in self._done:
                    continue
                if result.question == _plain(question):
                    self._keep(name, question, self._reused(question, result))
                    taken += 1
            if len(self._done) >= self._total:
                break
        return taken

    def _reused(self, question: Question, result: EvalResult) -> Output:
        """As answered; judged by this run's judge or by none."""
        output = Output.from_json(result.answer)
        wanted = self._judge.fingerprint if self._judge is not None else ""
        if output.judge.get("fingerprint", "") != wanted:
            output = replace(output, judge={})
            if self._judge is not None:
                output = self._judge.judged(question, output)
        return output

    def ask(self) -> None:
        """Asks what is left, ``jobs`` at once, question by question: systems stay at the same point, so that
        a stopped run compares them on the same questions."""
        left = self._left()
        pending: dict[Future[Output], tuple[System, Question]] = {}
        self._show("")
        with ThreadPoolExecutor(self._spec.jobs, thread_name_prefix="wenju-eval") as pool:
            try:
                while True:
                    while len(pending) < self._spec.jobs and not self._stop.is_set():
                        following = next(left, None)
                        if following is None:
                            break
                        pending[pool.submit(self._answer, *following)] = following
                    if not pending:
                        return
                    for future in wait(pending, timeout=0.5, return_when=FIRST_COMPLETED).done:
                        self._settle(future, *pending.pop(future))
            except BaseException:
                self._stop.set()
                for future in pending:
                    future.cancel()
                raise

    def _left(self) -> Iterator[tuple[System, Question]]:
        for question in self._questions:
            for system in self._systems:
                if self._in_a_row[system.name] >= GIVE_UP_AFTER:
                    continue
                if (system.name, question.id) not in self._done:
                    yield system, question

    def _answer(self, system: System, question: Question) -> Output:
        output = system.ask(question, self._stop)
        stopped = output.incomplete and self._stop.is_set()
        return output if self._judge is None or stopped else self._judge.judged(question, output)

    def _settle(self, future: Future[Output], system: System, question: Question) -> None:
        try:
            output = future.result()
        except ModelError as error:
            self.failed[str(error)] += 1
            self._in_a_row[system.name] += 1
            return
        except WenjuError as error:  # of this question: it will fail again
            output = Output(error=f"{error.code}: {error}")
        if output.incomplete and self._stop.is_set():
            return
        self._in_a_row[system.name] = 0
        self._keep(system.name, question, output)
        self._show(system.name)

    def _keep(self, system: str, question: Question, output: Output) -> None:
        self._engine.add_result(
            self._run.id,
            system,
            question.id,
            self._principal,
            question=_plain(question),
            answer=output.to_json(),
            measures=score(question, output, self._spec.measures),
        )
        self._done.add((system, question.id))

    def _show(self, system: str) -> None:
        if self._on_progress is not None:
            self._on_progress(len(self._done), self._total, system)


def _plain(question: Question) -> dict[str, Any]:
    """As kept with a result: without what is at its default, and without the contexts' words, which are in
    the library."""
    plain: dict[str, Any] = question.model_dump(mode="json", exclude_defaults=True)
    if question.contexts:
        plain["contexts"] = [{"id": c.id, "text": ""} for c in question.contexts]
    return plain


def measure_again(engine: Engine, run_id: int, principal: Principal = LOCAL) -> EvalRun:
    """Measures a run's kept answers anew, after the measures or the questions' answers changed; nothing is
    asked."""
    before = engine.run(run_id, principal)
    only = before.settings.get("measures", ())
    engine.set_measures(
        run_id,
        {
            r.id: score(Question.model_validate(r.question), Output.from_json(r.answer), only)
            | {name: value for name, value in r.measures.items() if name in BY_OTHERS}
            for r in engine.results(run_id, principal)
        },
        principal,
    )
    return summarise_again(engine, run_id, principal)


def summarise_again(engine: Engine, run_id: int, principal: Principal = LOCAL) -> EvalRun:
    """The run with its table made anew from its results' measures."""
    before = engine.run(run_id, principal)
    names = [str(d["name"]) for d in before.systems]
    library = frozenset(Library.of(engine, principal, before.settings.get("collection", "")).ids)
    summary = _summary(engine, run_id, names, library, principal)
    return engine.update_run(run_id, principal, status=before.status, summary=summary)
