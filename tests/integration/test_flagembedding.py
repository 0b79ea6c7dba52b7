"""FlagEmbedding's real classes on tiny models, and our graphs against torch.

Run in an environment with the ``models`` extra: ``make test-integration``."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'wenju[models]', then make test-integration")
pytest.importorskip("FlagEmbedding", reason="needs FlagEmbedding: pip install 'wenju[models]'")

import torch
from tiny_models import save_bert, save_bge_m3, save_reranker, save_xlm_roberta
from transformers import AutoModel, AutoTokenizer

from rag.errors import ModelError, ModelNotInstalled
from rag.models.embeddings import load_embedding
from rag.models.reranker import load_reranker
from rag.models.weights import find_model
from rag.settings import EmbeddingSettings, RerankerSettings, Settings

pytestmark = pytest.mark.integration

TEXTS = [
    "net sales rose in 2018",
    "the board has nine directors",
    "公司营业收入同比增长",
    "cash",
    "the company reports cash flow of million " * 12,
]


def settings_for(tmp_path: Path, **embedding: object) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        models_dir=tmp_path / "models",
        embedding=EmbeddingSettings(**embedding),  # type: ignore[arg-type]
    )


def torch_vectors(folder: Path, texts: list[str], pooling: str, max_tokens: int) -> np.ndarray:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    vectors = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_tokens)
        with torch.no_grad():
            hidden = model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
            ).last_hidden_state[0]
        vector = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
        vectors.append((vector / vector.norm()).numpy())
    return np.array(vectors)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_our_graph_gives_torchs_vectors(tmp_path: Path, family: str, pooling: str) -> None:
    save = save_bert if family == "bert" else save_xlm_roberta
    folder = save(tmp_path / "model", pooling)
    model = load_embedding(settings_for(tmp_path, model=str(folder), precision="fp32"))
    wanted = torch_vectors(folder, TEXTS, pooling, model.tokenizer.max_tokens)
    assert (model.embed_passages(TEXTS) * wanted).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("auto", 0.999)])
def test_the_real_minilm_gives_torchs_vectors(tmp_path: Path, precision: str, least: float) -> None:
    folder, _ = find_model("minilm", tmp_path)
    texts = [TEXTS[0], TEXTS[1], "Revenue was $1,577 million; capital expenditure fell. " * 60]
    model = load_embedding(settings_for(tmp_path, precision=precision))
    assert (model.embed_passages(texts) * torch_vectors(folder, texts, "mean", 256)).sum(axis=1).min() > least


def test_flag_model_embeds_as_our_graph_does(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bge-small-zh-v1.5")
    flag = load_embedding(settings_for(tmp_path, kind="flag", model=str(folder), device="cpu"))
    ours = load_embedding(settings_for(tmp_path, model=str(folder), precision="fp32"))
    seen: list[int] = []
    vectors = flag.embed_passages(TEXTS * 50, seen.append)
    assert vectors.shape == (250, 32)
    assert vectors.dtype == np.float32
    assert seen == [192, 250]
    assert (vectors[:5] * ours.embed_passages(TEXTS)).sum(axis=1).min() > 0.9999
    assert float(flag.embed_query("净利润") @ ours.embed_query("净利润")) > 0.9999
    assert float(flag.embed_query("净利润") @ flag.embed_passages(["净利润"])[0]) < 0.9999  # the instruction
    spec = flag.spec("c")
    assert (spec.model, spec.dimension, spec.max_tokens) == ("bge-small-zh-v1.5", 32, 128)
    assert flag.covers("zh")
    assert not flag.covers("en")


def test_bge_m3_gives_its_dense_vectors(tmp_path: Path) -> None:
    from FlagEmbedding import BGEM3FlagModel

    folder = save_bge_m3(tmp_path / "bge-m3")
    flag = load_embedding(settings_for(tmp_path, kind="flag", model=str(folder), device="cpu"))
    ours = load_embedding(settings_for(tmp_path, model=str(folder), precision="fp32"))
    assert isinstance(flag._model, BGEM3FlagModel)  # type: ignore[attr-defined]
    assert (flag.embed_passages(TEXTS) * ours.embed_passages(TEXTS)).sum(axis=1).min() > 0.9999
    assert flag.spec("c").query_instruction == ""
    assert flag.covers("zh")
    assert flag.covers("en")


def test_concurrent_queries_and_passages(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "any-name")
    flag = load_embedding(settings_for(tmp_path, kind="flag", model=str(folder), device="cpu"))
    wanted = flag.embed_passages(TEXTS)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(flag.embed_passages(TEXTS))) for _ in range(3)]
    threads += [threading.Thread(target=lambda: results.append(flag.embed_query(TEXTS[0]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 6
    for result in results:
        assert np.allclose(result, wanted if result.ndim == 2 else wanted[0], atol=1e-4)


def test_the_reranker_scores_pairs(tmp_path: Path) -> None:
    folder = save_reranker(tmp_path / "bge-reranker-v2-m3")
    reranker = load_reranker(
        Settings(reranker=RerankerSettings(kind="flag", model=str(folder)), models_dir=tmp_path)
    )
    assert reranker is not None
    together = reranker.rerank_logits("net sales", TEXTS)
    alone = [reranker.rerank_logits("net sales", [text])[0] for text in TEXTS]
    assert len(set(together)) == len(TEXTS)
    assert np.allclose(together, alone, atol=1e-4)
    assert reranker.rerank_logits("net sales", []) == []
    reranker._model.model = None  # type: ignore[attr-defined]
    with pytest.raises(ModelError) as caught:
        reranker.rerank_logits("net sales", TEXTS)
    assert caught.value.code == "reranker.failed"


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotInstalled) as caught:
        load_embedding(settings_for(tmp_path, kind="flag", model="BAAI/bge-none"))
    assert "hf download BAAI/bge-none" in str(caught.value)
    wanted = RerankerSettings(kind="flag", model="BAAI/reranker-none")
    with pytest.raises(ModelNotInstalled) as caught:
        load_reranker(Settings(reranker=wanted, models_dir=tmp_path))
    assert "BAAI/reranker-none" in str(caught.value)
    folder = save_bert(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ModelError) as broken:
        load_embedding(settings_for(tmp_path, kind="flag", model=str(folder), device="cpu"))
    assert broken.value.code == "embedding.flag_failed"
