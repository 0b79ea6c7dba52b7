"""Whole runs over a tiny library: kept, resumed, reused, stopped, killed, compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from search_library import Library as TinyLibrary

from evaluation import runner, systems
from evaluation.datasets import DatasetError, Question
from evaluation.judge import Judge, parse_verdict
from evaluation.runs import Output, RunSpec, SystemSpec, SystemSpecError
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import AccessDenied, ModelUnavailable
from rag.records import Principal
from rag.testing import HashEmbedding, QueueChatModel

FACTS = {
    "alpha.txt": "Alpha Corporation paid dividends of 5.44 dollars per share in 2018.",
    "beta.txt": "Beta Limited spent 1,577 million dollars on capital expenditure in 2018.",
    "gamma.txt": "贝塔公司2019年的研发费用为20,507万元。",
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    library = TinyLibrary(tmp_path / "data")
    for name, text in FACTS.items():
        library.add(name, [text])
    library.store.close()
    settings = library.settings.model_copy(
        update={"chat": library.settings.chat.model_copy(update={"kind": "extractive"})}
    )
    with Engine.open(settings, embedding=HashEmbedding(64)) as opened:
        yield opened


def questions(n: int = 0) -> tuple[Question, ...]:
    rows: list[dict[str, Any]] = [
        {"id": "a", "question": "What dividends did Alpha Corporation pay per share?", "answers": ["5.44"],
         "evidence": [{"doc": "alpha.txt", "page": 1}], "kind": "lookup", "lang": "en"},
        {"id": "b", "question": "What was the capital expenditure of Beta Limited in 2018?",
         "answers": ["$1,577 million"], "evidence": [{"doc": "beta.txt", "page": 1}], "kind": "lookup",
         "lang": "en"},
        {"id": "c", "question": "Who is the chief executive of Omega Zeppelin?", "expect_refusal": True,
         "kind": "refuse", "lang": "en"},
        {"id": "d", "question": "Where?", "evidence": [{"doc": "gone.txt", "page": 1}]},
    ]  # fmt: skip
    rows += [{**rows[0], "id": f"x{i}"} for i in range(n)]
    return tuple(Question.model_validate(row) for row in rows)


def spec(*described: str, n: int = 0, **more: Any) -> RunSpec:
    return RunSpec("tiny", questions(n), tuple(SystemSpec.parse(d) for d in described), **more)


def test_a_run_measures_keeps_and_compares(engine: Engine) -> None:
    ran = runner.run(engine, spec("answer", "search:kind=retrieval,top_k=10", "closed_book"))
    assert ran.complete
    assert ran.skipped == {"d": ("gone.txt",)}
    assert (ran.run.asked, ran.run.total) == (9, 9)
    answer = ran.run.summary["systems"]["answer"]
    assert answer["measures"]["numeric match"]["mean"] == 1.0
    assert answer["measures"]["page hit@1"]["mean"] == 1.0
    assert answer["measures"]["citation precision"]["mean"] == 1.0
    assert answer["refusal"] == {
        "recall": 1.0, "must": 1, "answerable": 2, "precision": 1.0, "refused_wrongly": 0.0,
    }  # fmt: skip
    assert set(answer["by_kind"]) == {"lookup", "refuse"}
    assert answer["latency_ms"]["p50"] > 0
    search = ran.run.summary["systems"]["search"]["measures"]
    assert "correct" not in search
    assert search["page hit@10"]["mean"] == 1.0
    closed = ran.run.summary["systems"]["closed_book"]
    assert closed["degraded"] == {"eval.no_chat_model": 3}
    assert closed["measures"]["correct"]["mean"] == pytest.approx(1 / 3)  # it refuses everything
    difference = ran.run.summary["differences"]["closed_book"]["correct"]
    assert (difference["n"], difference["worse"], difference["better"]) == (3, 2, 0)
    assert json.loads(json.dumps(ran.run.summary)) == ran.run.summary
    assert closed["error_classes"] == {"refused_wrongly": 2}
    assert {r.error_class for r in engine.results(ran.run.id, system="search")} == {""}
    (kept,) = engine.results(ran.run.id, system="answer", question_key="b")
    assert Output.from_json(kept.answer).citations[0].document == "beta.txt"


def test_a_stopped_run_goes_on_where_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = systems.AnswerSystem.ask

    def counted(self: Any, question: Question, stop: threading.Event) -> Output:
        asked.append(question.id)
        return original(self, question, stop)

    monkeypatch.setattr(systems.AnswerSystem, "ask", counted)
    stop = threading.Event()

    def after_five(done: int, total: int, name: str) -> None:
        if done >= 5:
            stop.set()

    what = spec("answer", n=17, jobs=1)
    first = runner.run(engine, what, stop=stop, on_progress=after_five)
    assert (first.run.status, first.run.asked) == ("stopped", 5)
    assert first.run.summary["systems"]["answer"]["n"] == 5
    second = runner.run(engine, what)
    assert (second.run.id, second.run.status, second.run.asked) == (first.run.id, "done", 20)
    assert sorted(asked) == sorted(q.id for q in questions(17) if q.id != "d")
    asked.clear()
    third = runner.run(engine, what)  # a run of its own, with the answers that are there
    assert (third.run.id != second.run.id, third.reused, asked) == (True, 20, [])
    assert (
        third.run.summary["systems"]["answer"]["measures"]
        == second.run.summary["systems"]["answer"]["measures"]
    )
    fresh = runner.run(engine, what, fresh=True)
    assert (fresh.reused, len(asked)) == (0, 20)


def test_other_settings_or_documents_are_another_system(engine: Engine, tmp_path: Path) -> None:
    one = runner.run(engine, spec("answer"))
    other = runner.run(engine, spec("answer:search.top_k=1"))
    assert other.reused == 0
    assert one.run.systems[0]["fingerprint"] != other.run.systems[0]["fingerprint"]
    assert one.run.systems[0]["identity"]["settings"]["search"]["top_k"] == 8
    assert other.run.systems[0]["identity"]["settings"]["search"]["top_k"] == 1
    (found,) = engine.results(other.run.id, question_key="a")
    assert len(found.answer["passages"]) == 1
    assert "api_key" not in json.dumps(one.run.systems)
    engine.delete_document(engine.documents()[2].id)
    assert runner.run(engine, spec("answer")).reused == 0


def test_a_run_stays_inside_the_evaluators_scope(engine: Engine) -> None:
    with pytest.raises(AccessDenied):
        runner.run(engine, spec("answer"), Principal("x", "x", frozenset({"analyst"})))
    with pytest.raises(DatasetError, match=r"alpha\.txt"):
        runner.run(
            engine,
            RunSpec("tiny", questions()[:2], (SystemSpec("answer"),), collection="elsewhere"),
        )


def test_within_and_contexts_narrow_what_is_searched(engine: Engine) -> None:
    asked = Question.model_validate(
        {"id": "n", "question": "What was paid or spent in 2018?", "doc": "alpha.txt",
         "evidence": [{"doc": "alpha.txt", "page": 1}]}
    )  # fmt: skip
    given = Question.model_validate(
        {
            "id": "g",
            "question": "What was paid or spent in 2018?",
            "docs": [{"id": "beta", "text": FACTS["beta.txt"]}],
        }
    )
    ran = runner.run(
        engine,
        RunSpec(
            "t",
            (asked, given),
            (SystemSpec.parse("retrieval"), SystemSpec.parse("r:kind=retrieval,within=document")),
        ),
    )
    found = {
        (r.system, r.question_key): {p["document"] for p in r.answer["passages"]}
        for r in engine.results(ran.run.id)
    }
    assert found["retrieval", "n"] > {"alpha.txt"}
    assert found["r", "n"] == {"alpha.txt"}
    assert found["retrieval", "g"] == found["r", "g"] == {"beta.txt"}


@pytest.mark.parametrize(
    "bad",
    ["a:colour=red", "a:search.top_k=none", "a:embedding.model=x", "a:search.nothing=1",
     "e:kind=endpoint", "r:kind=retrieval,legs=sparse", "a:within=here"],
)  # fmt: skip
def test_systems_that_cannot_be_are_named(engine: Engine, bad: str) -> None:
    with pytest.raises(SystemSpecError, match=bad[0]):
        runner.run(engine, spec(bad))
    assert engine.runs() == []


class _Away:
    """A system whose model is away from the third question on."""

    name = "answer"
    identity: dict[str, Any] = {"away": True}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked = 0
        self.broken = True

    def ask(self, question: Question, stop: threading.Event) -> Output:
        self.asked += 1
        if self.broken and self.asked > 2:
            raise ModelUnavailable("chat.unreachable", url="http://h", detail="refused")
        return Output(text="5.44", mode="generative", timings_ms={"total": 1.0})


def test_a_model_that_is_away_is_no_wrong_answer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    away = _Away()
    monkeypatch.setattr(runner, "build", lambda *_, **__: away)
    ran = runner.run(engine, spec("answer", n=40, jobs=1))
    assert (ran.run.status, ran.run.asked) == ("stopped", 2)
    assert sum(ran.failed.values()) == runner.GIVE_UP_AFTER
    away.broken = False
    again = runner.run(engine, spec("answer", n=40, jobs=1))
    assert (again.run.id, again.run.status, again.run.asked) == (ran.run.id, "done", 43)


def test_a_judge_sees_both_orders_and_garbage_is_no_verdict() -> None:
    right, wrong = '{"reason": "same", "verdict": "right"}', '```json\n{"verdict": "wrong"}\n```'
    question = questions()[0]
    output = Output(text="It paid 5.44 dollars. [1]", mode="generative")
    agreed = Judge(QueueChatModel([right, right])).judged(question, output).judge
    assert (agreed["correct"], agreed["agreed"], agreed["reason"]) == (1.0, True, "same")
    assert Judge(QueueChatModel([right, wrong])).judged(question, output).judge["correct"] == 0.0
    garbage = Judge(QueueChatModel(["It is right!", '{"verdict": "maybe"}', right])).judged(question, output)
    assert garbage.judge["problem"] == "no verdict"
    assert "correct" not in garbage.judge
    judge = Judge(QueueChatModel([right, right]))
    assert judge.judged(question, output).judge == judge.judged(question, output).judge  # asked once
    refused = Output(refused=True, text="no")
    assert Judge(QueueChatModel([])).judged(question, refused) is refused
    assert parse_verdict('{"verdict": "right", "score": 11}') is None
    assert parse_verdict("[" * 100_000) is None


_KILLED = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
import test_evaluation_runner as t
from evaluation import runner, systems
from evaluation.runs import Output
from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding
import time

slow = systems.AnswerSystem.ask
def ask(self, question, stop):
    time.sleep(0.05)
    return slow(self, question, stop)
systems.AnswerSystem.ask = ask
settings = Settings(data_dir=Path({data!r}), chat={{"kind": "extractive"}}, search={{"refresh_s": 0.001}})
with Engine.open(settings, embedding=HashEmbedding(64)) as engine:
    runner.run(engine, t.spec("answer", n=60), on_progress=lambda d, t, n: print(d, flush=True))
"""


def test_a_killed_run_loses_nothing_that_was_answered(engine: Engine) -> None:
    here = Path(__file__).parent
    script = _KILLED.format(paths=[str(here), str(here.parents[1])], data=str(engine.settings.data_dir))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 10:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (killed,) = engine.runs()
    kept = {r.question_key: r for r in engine.results(killed.id)}
    assert killed.status == "running"
    assert 10 <= len(kept) < 63
    ran = runner.run(engine, spec("answer", n=60))
    assert (ran.run.id, ran.run.status, ran.run.asked) == (killed.id, "done", 63)
    after = {r.question_key: r for r in engine.results(killed.id)}
    assert all(after[key] == result for key, result in kept.items())


def test_measures_can_be_taken_again_without_asking(engine: Engine) -> None:
    ran = runner.run(engine, spec("answer"))
    ids = {r.id: {} for r in engine.results(ran.run.id)}
    engine.set_measures(ran.run.id, ids)
    again = runner.measure_again(engine, ran.run.id)
    assert again.summary == ran.run.summary
    assert LOCAL.user_id == again.created_by
