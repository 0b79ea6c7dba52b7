"""Scores of RAGAS as measures of a run; tests/integration/test_ragas.py asks the real package."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_chat_server import Script, say, serving

from evaluation import runner
from evaluation.datasets import Question
from evaluation.ragas_adapter import RagasMissing, keep_scores, score_with_ragas
from evaluation.runs import RunSpec, SystemSpec
from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import WenjuError
from rag.records import EvalRun
from rag.settings import Settings
from rag.testing import HashEmbedding

QUESTIONS = tuple(
    Question.model_validate({"id": key, "question": text, "answers": answers, "lang": "en"})
    for key, text, answers in (
        ("a", "What dividends did Alpha pay per share?", ["5.44"]),
        ("b", "What dividends per share were paid by Alpha?", []),
        ("c", "Who is the auditor of Zeppelin Airways?", ["Nobody"]),
    )
)

STAND_IN = """#!{python}
import json, sys
job = json.load(open(sys.argv[2]))
rows = [{{m: 0.5 if line["retrieved_contexts"] else 0.0 for m in job["metrics"]}} for line in job["lines"]]
rows[0]["faithfulness"] = None
json.dump({{"version": "9", "scores": rows}}, open(sys.argv[3], "w"))
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[tuple[Engine, EvalRun]]:
    settings = Settings(data_dir=tmp_path / "data", chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        engine.add_document("alpha.txt", b"Alpha paid dividends of 5.44 dollars per share in 2020.")
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()
        systems = (SystemSpec.parse("answer"), SystemSpec.parse("search:kind=retrieval"))
        yield engine, runner.run(engine, RunSpec("t", QUESTIONS, systems, jobs=1)).run


def executable(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_scores_become_measures_and_stay(run: tuple[Engine, EvalRun], tmp_path: Path) -> None:
    engine, ran = run
    python = executable(tmp_path / "python", STAND_IN.format(python=sys.executable))
    scored = score_with_ragas(
        engine, list(engine.results(ran.id)), url="http://x/v1", model="m", python=python
    )
    keep_scores(engine, ran.id, scored)
    results = {(r.system, r.question_key): r.measures for r in engine.results(ran.id)}
    assert results["answer", "a"]["RAGAS context recall"] == 0.5
    # The judge gave no score: left out, and said.
    assert "RAGAS faithfulness" not in results["answer", "a"]
    assert (scored.version, scored.missing) == ("9", 2)
    # Without an accepted answer what needs one is left out; a refusal and a search claim nothing.
    assert not any(name.startswith("RAGAS context") for name in results["answer", "b"])
    for key in (("answer", "c"), ("search", "a")):
        assert not any(name.startswith("RAGAS") for name in results[key])
    assert "correct" in results["answer", "a"]
    for again in (engine.run(ran.id), runner.measure_again(engine, ran.id)):
        kept = again.summary["systems"]["answer"]["measures"]["RAGAS context recall"]
        assert (kept["mean"], kept["n"]) == (0.5, 1)


def test_what_cannot_score_is_named_and_changes_nothing(run: tuple[Engine, EvalRun], tmp_path: Path) -> None:
    engine, ran = run
    before = [r.measures for r in engine.results(ran.id)]
    broken = executable(tmp_path / "python", f"#!{sys.executable}\nimport sys; sys.exit('the judge is away')")
    results = list(engine.results(ran.id))
    with pytest.raises(WenjuError, match="judge is away"):
        score_with_ragas(engine, results, url="http://x/v1", model="m", python=broken)
    with pytest.raises(WenjuError, match="nowhere"):
        score_with_ragas(engine, results, url="http://x/v1", model="m", python="/nowhere/python")
    assert [r.measures for r in engine.results(ran.id)] == before


def test_an_interpreter_without_ragas_is_told_its_command(
    run: tuple[Engine, EvalRun], tmp_path: Path
) -> None:
    engine, ran = run
    without = executable(
        tmp_path / "python",
        f"#!{sys.executable}\nimport runpy, sys\nsys.modules['ragas'] = None\nsys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n",
    )
    with pytest.raises(RagasMissing, match=r"eval-ragas.*--python"):
        score_with_ragas(engine, list(engine.results(ran.id)), url="http://x/v1", model="m", python=without)


def test_the_command_says_when_the_judge_is_away(
    run: tuple[Engine, EvalRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from commands.evalruns import ragas
    from rag.errors import ModelUnavailable

    engine, ran = run
    python = executable(tmp_path / "python", STAND_IN.format(python=sys.executable))
    given = {"judge_model": "", "embeddings": "", "python": python, "jobs": 1}
    with pytest.raises(ModelUnavailable):
        ragas(engine, f"{ran.id}:answer", judge="http://127.0.0.1:9/v1", as_json=True, **given)  # type: ignore[arg-type]
    with serving(Script(say({"content": "x"}), models=["judge"])) as url:
        ragas(engine, f"{ran.id}:answer", judge=url, as_json=True, **given)  # type: ignore[arg-type]
    shown = capsys.readouterr()
    assert json.loads(shown.out)["summary"]["systems"]["answer"]["measures"]["RAGAS context recall"]
    assert "judge" in shown.err
