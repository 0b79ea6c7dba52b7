"""RAGAS (Es et al.: RAGAS: Automated Evaluation of Retrieval Augmented Generation, EACL 2024 demo), optional.

Our results as its dataset, one JSON object a line (``user_input``, ``response``, ``retrieved_contexts``,
``reference``), which any version of ragas reads; and its scores by a judge model, kept with the results as
measures of their own. ragas runs in a process of its own, by this interpreter or another one: its releases
want versions of LangChain's packages and of openai that ours are not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.ragas_scoring import NO_RAGAS
from evaluation.runs import Output
from rag.errors import AccessDenied, WenjuError
from rag.records import EvalResult

if TYPE_CHECKING:
    from rag.engine import Engine

METRICS = {
    "faithfulness": "RAGAS faithfulness",
    "answer_relevancy": "RAGAS answer relevancy",
    "context_precision": "RAGAS context precision",
    "context_recall": "RAGAS context recall",
}
"""RAGAS' name of a metric, and ours of the measure. Answer relevancy needs an embedding model, the last two
an accepted answer."""

_FIELDS = ("user_input", "response", "retrieved_contexts", "reference")
_NEEDS_REFERENCE = ("context_precision", "context_recall")


class RagasMissing(WenjuError):
    """The package is not installed."""


@dataclass(frozen=True, slots=True)
class Scored:
    """``measures`` by id of the result, ``missing``: scores that the judge's replies did not give."""

    version: str
    measures: dict[int, dict[str, float]]
    missing: int


def ragas_lines(engine: Engine, results: Sequence[EvalResult]) -> Iterator[dict[str, Any]]:
    """One line a result that is an answer. Contexts are whole where the document is still there, else as kept
    with the result."""
    for result in results:
        output = Output.from_json(result.answer)
        if output.retrieved_only or output.error:
            continue
        accepted = [str(answer) for answer in result.question.get("answers", ())]
        yield {
            "user_input": str(result.question.get("question", "")),
            "response": output.text,
            "retrieved_contexts": [
                _whole(engine, p.document_id, p.chunk_id, p.text) for p in output.passages
            ],
            "reference": accepted[0] if accepted else "",
            "question_key": result.question_key,
            "system": result.system,
        }


def _whole(engine: Engine, document_id: int, chunk_id: int, kept: str) -> str:
    if not document_id:
        return kept
    try:
        chunks = engine.document_chunks(document_id)
    except AccessDenied:  # deleted meanwhile
        return kept
    return next((chunk.text for chunk in chunks if chunk.id == chunk_id), kept)


def score_with_ragas(
    engine: Engine,
    results: Sequence[EvalResult],
    *,
    url: str,
    model: str,
    api_key: str = "",
    embeddings: str = "",
    python: str = "",
    timeout_s: int = 120,
    jobs: int = 4,
) -> Scored:
    """ragas' own scores of the answers that were given (a refusal claims nothing). ``url`` ends in /v1;
    ``embeddings``: a model of the same server, without which answer relevancy is left out; ``python``: the
    interpreter that has ragas, "" for this one. Raises RagasMissing naming the command when it has none,
    WenjuError when it ended otherwise."""
    answered = [r for r in results if r.answer.get("text") and not r.answer.get("refused")]
    measures: dict[int, dict[str, float]] = {}
    version, missing = "", 0
    for referenced in (True, False):
        pairs = [
            (result, line)
            for result in answered
            for line in ragas_lines(engine, [result])
            if bool(line["reference"]) is referenced and line["retrieved_contexts"]
        ]
        wanted = [
            name
            for name in METRICS
            if (referenced or name not in _NEEDS_REFERENCE) and (embeddings or name != "answer_relevancy")
        ]
        if not pairs:
            continue
        job = {
            "url": url,
            "model": model,
            "embeddings": embeddings,
            "metrics": wanted,
            "timeout_s": timeout_s,
            "jobs": jobs,
            "lines": [{k: line[k] for k in _FIELDS} for _, line in pairs],
        }
        found = _run(job, python or sys.executable, api_key)
        version = str(found["version"])
        for (result, _), row in zip(pairs, found["scores"], strict=True):
            given = {METRICS[k]: float(v) for k, v in row.items() if v is not None}
            missing += len(wanted) - len(given)
            measures[result.id] = given
    return Scored(version, measures, missing)


def _run(job: dict[str, Any], python: str, api_key: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "job.json"), Path(folder, "out.json")
        given.write_text(json.dumps(job, ensure_ascii=False), encoding="utf-8")
        script = Path(__file__).with_name("ragas_scoring.py")
        try:
            ended = subprocess.run(
                [python, str(script), str(given), str(made)],
                env={**os.environ, "OPENAI_API_KEY": api_key or "none", "PYTHONPATH": ""},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        except OSError as error:
            raise WenjuError("eval.ragas_failed", python=python, problem=error) from error
        if ended.returncode == NO_RAGAS:
            raise RagasMissing("eval.no_ragas", python=python, missing=ended.stderr.strip()[-200:])
        if ended.returncode or not made.is_file():
            problem = ended.stderr.strip()[-400:] or f"exit code {ended.returncode}"
            raise WenjuError("eval.ragas_failed", python=python, problem=problem)
        found: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
        return found


def keep_scores(engine: Engine, run_id: int, scored: Scored) -> None:
    """The scores become measures of the run's results, beside those that are there, and part of its table."""
    from evaluation.runner import summarise_again

    results = {r.id: r for r in engine.results(run_id)}
    engine.set_measures(
        run_id, {i: {**results[i].measures, **found} for i, found in scored.measures.items() if i in results}
    )
    summarise_again(engine, run_id)
