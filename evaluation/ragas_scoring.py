"""RAGAS' own scores of answers, by the interpreter that has it: ``ragas_scoring.py JOB OUT``, JSON files.

Promises: needs ragas and what that brings along, nothing of ours, so that it may run in an environment of its
own; asks the judge's server alone, no hub and no usage statistics; a score that the judge's reply did not
give is null. JOB: {url, model, embeddings, metrics, timeout_s, jobs, lines}; the key comes in OPENAI_API_KEY.
OUT: {version, scores: [{metric: number or null}]}, in the order of the lines. Exit code 3: no ragas here,
its reason on stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from pathlib import Path
from typing import Any

NO_RAGAS = 3


def score(job: dict[str, Any]) -> dict[str, Any]:
    """What OUT holds. Raises ImportError when ragas, or what it needs, is not there."""
    import ragas
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings
    from ragas.embeddings import LangchainEmbeddingsWrapper
    from ragas.llms import LangchainLLMWrapper
    from ragas.metrics import (
        Faithfulness,
        LLMContextPrecisionWithReference,
        LLMContextRecall,
        ResponseRelevancy,
    )
    from ragas.run_config import RunConfig

    made = {
        "faithfulness": Faithfulness,
        "answer_relevancy": ResponseRelevancy,
        "context_precision": LLMContextPrecisionWithReference,
        "context_recall": LLMContextRecall,
    }
    judge = LangchainLLMWrapper(ChatOpenAI(base_url=job["url"], model=job["model"], temperature=0.0))
    embeddings = None
    if job["embeddings"]:
        asked = OpenAIEmbeddings(
            openai_api_base=job["url"], model=job["embeddings"], check_embedding_ctx_length=False
        )
        embeddings = LangchainEmbeddingsWrapper(asked)
    metrics = [made[name]() for name in job["metrics"]]
    found = ragas.evaluate(
        ragas.EvaluationDataset.from_list(job["lines"]),
        metrics=metrics,
        llm=judge,
        embeddings=embeddings,
        run_config=RunConfig(timeout=job["timeout_s"], max_retries=2, max_wait=5, max_workers=job["jobs"]),
        raise_exceptions=False,
        show_progress=sys.stderr.isatty(),
    )
    called = {metric.name: name for metric, name in zip(metrics, job["metrics"], strict=True)}
    return {
        "version": ragas.__version__,
        "scores": [{called[k]: _number(v) for k, v in row.items() if k in called} for row in found.scores],
    }


def _number(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float) else math.nan
    return number if math.isfinite(number) else None


def main() -> int:
    here = str(Path(__file__).parent)
    sys.path[:] = [p for p in sys.path if p != here]  # our datasets.py is not the package that ragas wants
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    os.environ.setdefault("OPENAI_API_KEY", "none")
    warnings.simplefilter("ignore", DeprecationWarning)
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        found = score(job)
    except ImportError as error:
        print(error, file=sys.stderr)
        return NO_RAGAS
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
