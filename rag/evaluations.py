"""What the Engine offers evaluators: datasets, golden questions, runs and their results.

Promises: only the roles "evaluator" and "admin" come in (AccessDenied for everybody else); datasets are
shared among them, but for questions that name documents which one may not read; a run and its results, which
quote documents of whoever started it, are shown to that person, while they may read those, and to admins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rag.access import LOCAL, reads_everything, require_right
from rag.errors import AccessDenied
from rag.records import Dataset, EvalResult, EvalRun, GoldenQuestion, GoldenState, Principal, RunStatus, Scope

if TYPE_CHECKING:
    from rag.store import Store


class Evaluations:
    """Mixed into Engine."""

    store: Store

    if TYPE_CHECKING:  # the Engine's own

        def scope(self, principal: Principal) -> Scope: ...
        def may_see(self, principal: Principal) -> Callable[[frozenset[int]], bool]: ...

    def datasets(self, principal: Principal = LOCAL) -> list[Dataset]:
        """By name."""
        _authorise(principal)
        return self.store.datasets()

    def save_dataset(self, name: str, principal: Principal = LOCAL, *, source: str = "") -> Dataset:
        """The dataset called ``name``, made when there is none."""
        _authorise(principal)
        return self.store.ensure_dataset(name, source, principal.user_id)

    def delete_dataset(self, dataset_id: int, principal: Principal = LOCAL) -> None:
        """With its questions; runs over it stay."""
        _authorise(principal)
        self.store.delete_dataset(dataset_id)
        self.store.note_action(principal.user_id, "dataset.delete", str(dataset_id))

    def golden_questions(
        self,
        dataset_id: int,
        principal: Principal = LOCAL,
        *,
        states: Collection[GoldenState] | None = None,
    ) -> list[GoldenQuestion]:
        """In the order they were added; None: of every state. Without those that name documents which are not
        the principal's to read."""
        _authorise(principal)
        may_see = self.may_see(principal)
        found = self.store.golden_questions(dataset_id, states)
        return [question for question in found if may_see(question.collection_ids)]

    def save_golden_questions(
        self,
        dataset_id: int,
        questions: Sequence[tuple[str, Mapping[str, Any]]],
        principal: Principal = LOCAL,
        *,
        state: GoldenState = "accepted",
        origin: str = "file",
    ) -> int:
        """(key, fields of evaluation.datasets.Question) pairs; returns how many are new. A key that is there
        takes the new fields and keeps its state."""
        _authorise(principal)
        new = self.store.save_golden_questions(
            dataset_id,
            questions,
            state=state,
            origin=origin,
            collections_of=self._collections_of(principal),
        )
        detail = {"questions": len(questions), "new": new, "state": state, "origin": origin[:40]}
        self.store.note_action(principal.user_id, "golden.save", str(dataset_id), detail)
        return new

    def review_golden_question(
        self,
        question_id: int,
        state: GoldenState,
        principal: Principal = LOCAL,
        *,
        question: Mapping[str, Any] | None = None,
    ) -> GoldenQuestion:
        """Accepts, rejects or sends back a question, with the wording settled on; keeps who decided."""
        named = self._own_question(question_id, principal).collection_ids
        if question is not None:
            named |= self._collections_of(principal)(question)
        made = self.store.review_golden_question(question_id, state, principal.user_id, question, named)
        detail = {"state": state, "reworded": question is not None}
        self.store.note_action(principal.user_id, "golden.review", str(question_id), detail)
        return made

    def delete_golden_question(self, question_id: int, principal: Principal = LOCAL) -> None:
        self._own_question(question_id, principal)
        self.store.delete_golden_question(question_id)
        self.store.note_action(principal.user_id, "golden.delete", str(question_id))

    def _own_question(self, question_id: int, principal: Principal) -> GoldenQuestion:
        _authorise(principal)
        found = self.store.golden_question(question_id)
        if not self.may_see(principal)(found.collection_ids):
            raise AccessDenied("store.not_found")
        return found

    def _collections_of(self, principal: Principal) -> Callable[[Mapping[str, Any]], frozenset[int]]:
        """The collections of the documents that a question names, among those the principal reads."""
        known: dict[str, set[int]] = {}
        for document in self.store.documents(self.scope(principal)):
            known.setdefault(document.name, set()).add(document.collection_id)
        return lambda question: frozenset(c for name in _named(question) for c in known.get(name, ()))

    # ---------------------------------------------------------------- runs

    def runs(self, principal: Principal = LOCAL, *, limit: int = 200) -> list[EvalRun]:
        """Newest first: the principal's own, an admin's all. A run that could search more than the principal
        may read now is not shown."""
        _authorise(principal)
        may_see = self.may_see(principal)
        return [run for run in self.store.eval_runs(limit) if _may_read(run, principal, may_see)]

    def run(self, run_id: int, principal: Principal = LOCAL) -> EvalRun:
        """Raises AccessDenied: not there, or not yours."""
        _authorise(principal)
        run = self.store.eval_run(run_id)
        if not _may_read(run, principal, self.may_see(principal)):
            raise AccessDenied("store.not_found")
        return run

    def create_run(
        self,
        principal: Principal = LOCAL,
        *,
        name: str,
        dataset: str,
        dataset_sha256: str,
        systems: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        total: int,
    ) -> EvalRun:
        _authorise(principal)
        run = self.store.create_run(
            name=name,
            dataset=dataset,
            dataset_sha256=dataset_sha256,
            systems=systems,
            settings=settings,
            total=total,
            created_by=principal.user_id,
            collection_ids=self.scope(principal).collection_ids,
        )
        self.store.note_action(principal.user_id, "run.start", str(run.id), {"questions": total})
        return run

    def update_run(
        self,
        run_id: int,
        principal: Principal = LOCAL,
        *,
        status: RunStatus,
        summary: Mapping[str, Any] | None = None,
        total: int | None = None,
    ) -> EvalRun:
        self.run(run_id, principal)
        return self.store.update_run(run_id, status=status, summary=summary, total=total)

    def delete_run(self, run_id: int, principal: Principal = LOCAL) -> None:
        """With its results."""
        self.run(run_id, principal)
        self.store.delete_run(run_id)
        self.store.note_action(principal.user_id, "run.delete", str(run_id))

    def add_result(
        self,
        run_id: int,
        system: str,
        question_key: str,
        principal: Principal = LOCAL,
        *,
        question: Mapping[str, Any],
        answer: Mapping[str, Any],
        measures: Mapping[str, float],
    ) -> bool:
        """False when that question of that system is there already: it stays as it is."""
        readable = self.scope(principal).collection_ids
        if not readable <= self.run(run_id, principal).collection_ids:  # gained since the run began
            self.store.widen_run(run_id, readable)
        return self.store.add_result(
            run_id, system, question_key, question=question, answer=answer, measures=measures
        )

    def result_keys(self, run_id: int, principal: Principal = LOCAL) -> set[tuple[str, str]]:
        """The (system, question key) pairs that are there."""
        self.run(run_id, principal)
        return self.store.result_keys(run_id)

    def results(
        self,
        run_id: int,
        principal: Principal = LOCAL,
        *,
        system: str | None = None,
        question_key: str | None = None,
    ) -> Iterator[EvalResult]:
        """In the order they were answered, read as they are taken."""
        self.run(run_id, principal)
        return self.store.results(run_id, system=system, question_key=question_key)

    def result(self, result_id: int, principal: Principal = LOCAL) -> EvalResult:
        """Raises AccessDenied: not there, or of a run that is not yours."""
        _authorise(principal)
        found = self.store.result(result_id)
        self.run(found.run_id, principal)
        return found

    def delete_results(
        self, run_id: int, pairs: Collection[tuple[str, str]], principal: Principal = LOCAL
    ) -> None:
        """Takes (system, question key) pairs back, so that they are asked again."""
        self.run(run_id, principal)
        self.store.delete_results(run_id, pairs)

    def set_error_classes(
        self, run_id: int, classes: Mapping[int, str], principal: Principal = LOCAL
    ) -> None:
        """The error class of each result id of the run. Raises AccessDenied for a result of another run."""
        self.run(run_id, principal)
        self._of_run(run_id, classes)
        self.store.set_error_classes(classes)

    def set_measures(
        self, run_id: int, measures: Mapping[int, Mapping[str, float]], principal: Principal = LOCAL
    ) -> None:
        """Measures computed anew, by result id. Raises AccessDenied for a result of another run."""
        self.run(run_id, principal)
        self._of_run(run_id, measures)
        self.store.set_measures(measures)

    def _of_run(self, run_id: int, ids: Collection[int]) -> None:
        if not set(ids) <= {found.id for found in self.store.results(run_id)}:
            raise AccessDenied("store.not_found")


def _authorise(principal: Principal) -> None:
    require_right(principal, "evaluate")


def _may_read(run: EvalRun, principal: Principal, may_see: Callable[[frozenset[int]], bool]) -> bool:
    theirs = reads_everything(principal) or run.created_by == principal.user_id
    return theirs and may_see(run.collection_ids)


def _named(question: Mapping[str, Any]) -> set[str]:
    """The documents that a question names: see evaluation.datasets.Question."""
    doc = question.get("doc") or ()
    named = {doc} if isinstance(doc, str) else set(map(str, doc))
    return named | {str(e.get("doc", "")) for e in question.get("evidence") or () if isinstance(e, Mapping)}
