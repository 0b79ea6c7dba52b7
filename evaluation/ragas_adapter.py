"""RAGAS (Es et al.: RAGAS: Automated Evaluation of Retrieval Augmented Generation, EACL 2024 demo), optional.

Our results as its dataset, one JSON object a line (``user_input``, ``response``, ``retrieved_contexts``,
``reference``), which any version of ragas reads; and its scores, when the package is installed and a judge
model is given. Everything of it is imported here alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evaluation.runs import Output
from rag.errors import AccessDenied, WenjuError
from rag.records import EvalResult

if TYPE_CHECKING:
    from rag.engine import Engine

METRICS = ("faithfulness", "answer_relevancy", "context_precision", "context_recall")


class RagasMissing(WenjuError):
    """The package is not installed."""


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


def score_with_ragas(lines: Sequence[dict[str, Any]], judge: Any, embeddings: Any) -> list[dict[str, float]]:
    """ragas' own scores, one mapping a line. ``judge`` and ``embeddings`` are LangChain's (a ChatOpenAI, an
    Embeddings). Raises RagasMissing, naming the command, when the package is not there."""
    try:
        from ragas import EvaluationDataset, evaluate
    except ImportError as error:
        raise RagasMissing("eval.no_ragas", missing=error.name or "ragas") from error
    dataset = EvaluationDataset.from_list([{k: line[k] for k in _FIELDS} for line in lines])
    found = evaluate(dataset, llm=judge, embeddings=embeddings)
    return [{k: float(v) for k, v in row.items() if isinstance(v, float)} for row in found.scores]


_FIELDS = ("user_input", "response", "retrieved_contexts", "reference")
