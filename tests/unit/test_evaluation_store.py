"""Golden questions and runs as they are kept, and who may see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.runs import Output, Quoted, SystemSpec, SystemSpecError, fingerprint, read_systems
from rag.engine import Engine
from rag.errors import AccessDenied
from rag.records import Principal
from rag.settings import Settings
from rag.testing import HashEmbedding

ANA = Principal("ana", "Ana", frozenset({"evaluator"}))
BEN = Principal("ben", "Ben", frozenset({"evaluator"}))
READER = Principal("rea", "Rea", frozenset({"analyst"}))


@pytest.fixture
def engine(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Engine.open(Settings(data_dir=tmp_path), embedding=HashEmbedding(32)) as opened:
        yield opened


def test_questions_are_kept_once_and_reviewed(engine: Engine) -> None:
    dataset = engine.save_dataset("mine", ANA, source="mine.csv")
    assert engine.save_dataset("mine", BEN) == dataset
    rows = [("a", {"question": "甲？"}), ("b", {"question": "B?"}), ("b", {"question": "B again?"})]
    assert engine.save_golden_questions(dataset.id, rows, ANA, state="draft", origin="generated") == 2
    draft = engine.golden_questions(dataset.id, ANA)[1]
    assert (draft.key, draft.question, draft.state, draft.origin) == (
        "b", {"question": "B again?"}, "draft", "generated",
    )  # fmt: skip
    kept = engine.review_golden_question(draft.id, "accepted", BEN, question={"question": "B!"})
    assert (kept.state, kept.reviewed_by, kept.question) == ("accepted", "ben", {"question": "B!"})
    assert engine.save_golden_questions(dataset.id, [("b", {"question": "B?"})], ANA, state="draft") == 0
    assert [q.key for q in engine.golden_questions(dataset.id, ANA, states=["accepted"])] == ["b"]
    counted = engine.datasets(ANA)[0]
    assert (counted.accepted, counted.drafts, counted.rejected) == (1, 1, 0)
    engine.delete_golden_question(draft.id, ANA)
    engine.delete_dataset(dataset.id, ANA)
    assert engine.datasets(ANA) == []
    with pytest.raises(AccessDenied):
        engine.golden_questions(dataset.id, ANA)


def test_a_result_stays_as_it_was_answered(engine: Engine) -> None:
    run = engine.create_run(
        ANA, name="r", dataset="mine", dataset_sha256="0" * 64, total=600,
        systems=[SystemSpec("answer").to_json()], settings={"jobs": 2},
    )  # fmt: skip
    for number in range(600):
        assert engine.add_result(
            run.id, "answer", f"k{number}", ANA,
            question={"question": str(number)}, answer={"text": "x"}, measures={"em": 1.0},
        )  # fmt: skip
    assert not engine.add_result(run.id, "answer", "k7", ANA, question={}, answer={"text": "y"}, measures={})
    found = list(engine.results(run.id, ANA))
    assert [r.question_key for r in found] == [f"k{n}" for n in range(600)]
    assert found[7].answer == {"text": "x"}
    assert len(engine.result_keys(run.id, ANA)) == 600
    done = engine.update_run(run.id, ANA, status="done", summary={"n": 600})
    assert (done.asked, done.status, done.summary) == (600, "done", {"n": 600})
    assert done.finished_at is not None
    engine.set_error_classes(run.id, {found[0].id: "wrong_page"}, ANA)
    engine.set_measures(run.id, {found[0].id: {"em": 0.0}}, ANA)
    again = engine.result(found[0].id, ANA)
    assert (again.error_class, again.measures) == ("wrong_page", {"em": 0.0})
    engine.delete_results(run.id, [("answer", "k0")], ANA)
    assert ("answer", "k0") not in engine.result_keys(run.id, ANA)
    engine.delete_run(run.id, ANA)
    assert engine.runs(ANA) == []


def test_only_evaluators_come_in_and_see_their_own_runs(engine: Engine) -> None:
    run = engine.create_run(ANA, name="r", dataset="d", dataset_sha256="", systems=[], settings={}, total=0)
    engine.add_result(run.id, "answer", "k", ANA, question={}, answer={}, measures={})
    (result,) = engine.results(run.id, ANA)
    assert [r.id for r in engine.runs(ANA)] == [run.id]
    assert engine.runs(BEN) == []
    for call in (
        lambda who: engine.run(run.id, who),
        lambda who: engine.result(result.id, who),
        lambda who: list(engine.results(run.id, who)),
        lambda who: engine.delete_run(run.id, who),
        lambda who: engine.set_error_classes(run.id, {result.id: "x"}, who),
    ):
        with pytest.raises(AccessDenied):
            call(BEN)
    for denied in (engine.datasets, engine.runs):
        with pytest.raises(AccessDenied):
            denied(READER)
    with pytest.raises(AccessDenied):
        engine.save_dataset("x", READER)
    other = engine.create_run(BEN, name="s", dataset="d", dataset_sha256="", systems=[], settings={}, total=0)
    with pytest.raises(AccessDenied):  # a result of somebody else's run, named through one's own
        engine.set_error_classes(other.id, {result.id: "x"}, BEN)
    assert engine.result(result.id, ANA).error_class == ""


def test_systems_are_described_in_a_line_or_a_file(tmp_path: Path) -> None:
    spec = SystemSpec.parse("rr:kind=answer,reranker.kind=flag, search.top_k=4")
    assert spec == SystemSpec("rr", "answer", {"reranker.kind": "flag", "search.top_k": "4"})
    assert SystemSpec.parse("retrieval") == SystemSpec("retrieval", "retrieval", {})
    for bad in ("x:kind=guess", "x:nonsense", ":kind=answer"):
        with pytest.raises(SystemSpecError):
            SystemSpec.parse(bad)
    path = tmp_path / "systems.yaml"
    path.write_text(
        "plain:\nllm:\n  kind: endpoint\n  url: http://h/v1\n  passages: true\n", encoding="utf-8"
    )
    assert read_systems(path) == [
        SystemSpec("plain", "answer", {}),
        SystemSpec("llm", "endpoint", {"url": "http://h/v1", "passages": "true"}),
    ]
    for text in ("- a\n- b\n", "a: [", "systems:\n  - name: a\n  - name: a\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SystemSpecError):
            read_systems(path)


def test_an_output_comes_back_equal_and_small() -> None:
    output = Output(text="x", citations=(Quoted("a.pdf", 1, 2, "q", 1),), timings_ms={"total": 2.5})
    assert Output.from_json(output.to_json()) == output
    assert Output().to_json() == {}
    assert Output.from_json({"text": "y", "later": 1}).text == "y"
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})
