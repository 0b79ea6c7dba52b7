"""The retriever learns from feedback: a tiny BERT and a tiny cross-encoder, over a library's own search."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune.config import TuneError
from finetune.retriever import CARD, Retrieval, mine, train_retriever
from finetune.sets import TrainSets
from finetune.train_set import open_train_set
from ingest.service import IngestService
from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding

MISSING = [n for n in ("torch", "sentence_transformers") if importlib.util.find_spec(n) is None]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        bool(MISSING) and not os.environ.get("WENJU_REQUIRE_INTEGRATION"),
        reason=f"{', '.join(MISSING)} not installed here; `make test-integration` runs this with them",
    ),
]
NAMES = [
    f"{a}{b}"
    for a in ("bo", "ca", "du", "fi", "ga", "ho")
    for b in ("lin", "mar", "nos", "pur", "rek", "sat")
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    """Two documents a company; what was asked stands in the one that shares fewer words with the question."""
    settings, embedding = Settings(data_dir=tmp_path_factory.mktemp("data")), HashEmbedding()
    with Engine.open(settings, embedding=embedding) as engine:
        rows = []
        for number, name in enumerate(NAMES):
            told = f"{name} net sales rose {200 + number} million in 2018"
            engine.add_document(f"{name}-sales.txt", f"{told}.\n".encode())
            engine.add_document(
                f"{name}-board.txt", f"the company {name} has nine directors, we report.\n".encode()
            )
            rows.append(
                {
                    "question": f"how did the company {name} report cash flow",
                    "passages": [{"text": f"{told}.", "document": f"{name}-sales.txt"}],
                    "answer": f"{told} [1].",
                }
            )
        IngestService(engine.store, settings, embedding).run_until_idle()
        path = settings.data_dir / "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        made = TrainSets(engine).make("retriever", [str(path)], held_out=0.4)
        TrainSets(engine).approve("retriever")
        yield engine, Path(made.path)


def test_hard_negatives_come_from_the_own_index(library: tuple[Engine, Path]) -> None:
    engine, folder = library
    train, _, _ = open_train_set(folder)
    for pair in mine(engine, train, 3):
        name = pair.question.split()[4]
        assert name in pair.positive
        assert any(name in wrong and "directors" in wrong for wrong in pair.negatives)
        assert pair.positive not in pair.negatives
        assert len(pair.negatives) == 3


@pytest.mark.parametrize(("kind", "steps", "rate"), [("embedding", 60, 2e-3), ("reranker", 300, 5e-4)])
def test_the_retriever_gets_better_or_is_not_written(
    library: tuple[Engine, Path], tmp_path: Path, kind: str, steps: int, rate: float
) -> None:
    import torch
    from tiny_models import save_bert, save_reranker

    torch.set_num_threads(1)
    engine, folder = library
    model = tmp_path / "model"
    (save_bert if kind == "embedding" else save_reranker)(model)
    config = Retrieval(
        kind=kind, base_model=str(model), data=folder, output_dir=tmp_path / "tuned", steps=steps,
        batch_size=16, learning_rate=rate, max_tokens=64, device="cpu",
    )  # fmt: skip
    judged = train_retriever(engine, config)
    print(f"\n{kind}: {judged}")
    assert judged.better
    assert judged.after > judged.before + 0.1
    kept = json.loads((tmp_path / "tuned" / CARD).read_text(encoding="utf-8"))
    assert (kept["kind"], kept["gate"]["after"], kept["approved_by"]) == (kind, judged.after, "local")
    assert not list((tmp_path / "tuned").rglob("*.bin"))
    worse = config.model_copy(update={"output_dir": tmp_path / "worse", "learning_rate": 1e-9, "steps": 2})
    with pytest.raises(TuneError) as caught:
        train_retriever(engine, worse)
    assert caught.value.code == "tune.retriever_worse"
    assert not (tmp_path / "worse").exists()
