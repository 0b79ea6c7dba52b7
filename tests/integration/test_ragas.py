"""RAGAS itself, in an interpreter that has it, against a judge's server that answers by rule."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from commands.evalruns import ragas
from evaluation import runner
from evaluation.datasets import Question
from evaluation.runs import RunSpec, SystemSpec
from ingest.service import IngestService
from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from test_chat_server import Script, serving

PYTHON = os.environ.get("WENJU_RAGAS_PYTHON", "")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not PYTHON and importlib.util.find_spec("ragas") is None,
        reason="needs ragas: pip install 'wenju[eval-ragas]' in an environment of its own, and "
        "WENJU_RAGAS_PYTHON=THAT/bin/python",
    ),
]


def by_rule(prompt: str) -> dict[str, Any]:
    """The reply to ragas' prompt, by the schema that it asks for."""
    supported = int("5.44 dollars per share" in prompt)
    if '"noncommittal"' in prompt:
        return {"question": "What dividends did Alpha pay per share?", "noncommittal": 0}
    if '"attributed"' in prompt:
        return {"classifications": [{"statement": "5.44", "reason": "stated", "attributed": supported}]}
    if "NLIStatement" in prompt or "faithfulness of" in prompt:
        said = {"statement": "Alpha paid 5.44 dollars.", "reason": "stated", "verdict": supported}
        return {"statements": [said, {**said, "statement": "It was blue.", "verdict": 0}]}
    if '"verdict"' in prompt:
        return {"reason": "useful", "verdict": supported}
    return {"statements": ["Alpha paid 5.44 dollars.", "It was blue."]}


def judge(handler: Any) -> None:
    body = BODIES.bodies[-1]
    if "input" in body:
        given = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": n, "embedding": [1.0, 0.5]} for n in range(len(given))]
        return handler.reply(200, {"object": "list", "model": "e", "data": data, "usage": USAGE})
    prompt = json.dumps(body["messages"], ensure_ascii=False).replace('\\"', '"')
    message = {"role": "assistant", "content": json.dumps(by_rule(prompt))}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    reply = {"id": "x", "object": "chat.completion", "created": 1, "model": "rule"}
    return handler.reply(200, {**reply, "choices": [choice], "usage": USAGE})


USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
BODIES = Script(judge, models=["rule"])


def test_a_runs_answers_get_the_scores_of_ragas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question.model_validate(
        {"id": "a", "question": "What dividends did Alpha pay per share?", "answers": ["5.44"],
         "evidence": [{"doc": "alpha.txt", "page": 1}], "lang": "en"}
    )  # fmt: skip
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as engine, serving(BODIES) as url:
        engine.add_document("alpha.txt", b"Alpha paid dividends of 5.44 dollars per share in 2020.")
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()
        ran = runner.run(engine, RunSpec("t", (question,), (SystemSpec.parse("answer"),), jobs=1))
        ragas(
            engine,
            str(ran.run.id),
            judge=url,
            judge_model="rule",
            embeddings="e",
            python=PYTHON,
            jobs=2,
            as_json=True,
        )
        (kept,) = engine.results(ran.run.id)
        table = engine.run(ran.run.id).summary["systems"]["answer"]["measures"]
        again = runner.measure_again(engine, ran.run.id)
    assert kept.measures["RAGAS faithfulness"] == pytest.approx(0.5)
    assert kept.measures["RAGAS context recall"] == pytest.approx(1.0)
    assert kept.measures["RAGAS context precision"] == pytest.approx(1.0)
    assert kept.measures["RAGAS answer relevancy"] == pytest.approx(1.0)
    assert "correct" in kept.measures
    assert table["RAGAS faithfulness"]["n"] == 1
    assert "RAGAS faithfulness" in again.summary["systems"]["answer"]["measures"]
    assert json.loads(capsys.readouterr().out)["summary"]["systems"]["answer"]["measures"]
