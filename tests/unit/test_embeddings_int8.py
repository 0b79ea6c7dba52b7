"""int8 products: on the model that is installed, its vectors and neighbours against fp32; and when they are
not used."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tiny_bert import write_tiny_bert

from rag.models import calibration, onnx_embedding, quantise
from rag.models.onnx_embedding import OnnxEmbedding, load_folder
from rag.models.protocols import Vectors
from rag.models.weights import find_model
from rag.settings import EmbeddingSettings

INT8 = EmbeddingSettings(precision="int8", threads=1)
FP32 = EmbeddingSettings(precision="fp32", threads=1)


def _sentences() -> list[str]:
    """What the repository's own documents say: not what the ranges were measured on."""
    root = Path(__file__).resolve().parents[2]
    found: list[str] = []
    for name in ("README.md", "docs/architecture.md", "samples/text_en.py"):
        words = " ".join((root / name).read_text("utf-8").split())
        found += [s for s in re.split(r"(?<=[.!?]) ", words) if 40 < len(s) < 600]
    assert len(found) >= 80
    return found[:160]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[OnnxEmbedding, OnnxEmbedding]:
    models = tmp_path_factory.mktemp("models")
    folder, name = find_model("minilm", models)
    return load_folder(folder, name, FP32, models), load_folder(folder, name, INT8, models)


def _nearest(vectors: Vectors, count: int) -> list[set[int]]:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return [set(row) for row in np.argsort(-cosines, axis=1)[:, :count].tolist()]


def test_the_installed_model_keeps_its_neighbours_in_int8(both: tuple[OnnxEmbedding, OnnxEmbedding]) -> None:
    exact, small = both
    assert small.backend.endswith(" int8")
    texts = _sentences()
    wanted, found = exact.embed_passages(texts), small.embed_passages(texts)
    cosines = (wanted * found).sum(axis=1)
    assert cosines.mean() > 0.997
    assert cosines.min() > 0.985
    common = [len(a & b) for a, b in zip(_nearest(wanted, 5), _nearest(found, 5), strict=True)]
    assert np.mean(common) > 0.88 * 5


def test_queries_and_passages_share_one_space(both: tuple[OnnxEmbedding, OnnxEmbedding]) -> None:
    exact, small = both
    text = "How many shares were bought back?"
    query = small.embed_query(text)
    assert float(query @ small.embed_passages([text])[0]) > 0.9999
    assert float(query @ exact.embed_query(text)) > 0.99
    assert exact.spec("c") == small.spec("c")  # vectors of either may be searched with the other


def test_the_report_says_what_was_found(both: tuple[OnnxEmbedding, OnnxEmbedding], tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    small = load_folder(folder, "tiny", INT8, tmp_path / "models")
    assert small.backend.endswith(" int8")
    [report] = [p for p in (tmp_path / "models" / "graphs").rglob(quantise.REPORT)]
    found = json.loads(report.read_text("utf-8"))
    assert found["used"] is True
    assert 0.9 < found["least_cosine"] <= found["mean_cosine"] <= 1.001
    assert sorted(p.name for p in report.parent.iterdir()) == [
        "checksums.json", "int8.json", "model.onnx", "weights.bin",
    ]  # fmt: skip


@pytest.mark.parametrize("found", [{"mean_cosine": 0.9}, {"least_cosine": 0.5}, {"gain": 1.0}])
def test_auto_leaves_a_graph_alone_that_would_lose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, float]
) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    graph = onnx_embedding.write_graph(folder, tmp_path, "mean")
    before = graph.read_bytes(), (tmp_path / "weights.bin").read_bytes()
    good = {"mean_cosine": 1.0, "least_cosine": 1.0, "gain": 2.0, "engine": ""}
    monkeypatch.setattr(quantise, "_judge", lambda *_: good | found)
    assert quantise.quantise(graph, folder, 32)["used"] is False
    assert (graph.read_bytes(), (tmp_path / "weights.bin").read_bytes()) == before
    assert not quantise.is_quantised(tmp_path)
    monkeypatch.setattr(quantise, "_judge", lambda *_: dict(good))
    assert quantise.quantise(graph, folder, 32)["used"] is True
    assert graph.read_bytes() != before[0]


def test_a_failed_attempt_leaves_the_model_working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: object) -> None:
        (Path(command[3]).parent / "small.bin").write_bytes(b"half")
        raise subprocess.CalledProcessError(-9, command, stderr=b"killed")

    monkeypatch.setattr(quantise.subprocess, "run", fail)
    model = load_folder(write_tiny_bert(tmp_path / "tiny"), "tiny", INT8, tmp_path / "models")
    assert not model.backend.endswith(" int8")
    assert model.embed_passages(["cash"]).shape == (1, 16)
    assert not list((tmp_path / "models").rglob("small.bin"))


def test_auto_tries_only_where_it_can_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantise, "quick_int8", lambda: True)
    monkeypatch.setattr(quantise, "has_openvino", lambda: True)
    assert quantise.worth_trying(384)
    assert not quantise.worth_trying(16)
    monkeypatch.setattr(quantise, "quick_int8", lambda: False)
    assert not quantise.worth_trying(384)


def test_what_is_judged_was_not_fitted_on() -> None:
    assert not set(calibration.TEXTS) & set(calibration.JUDGED)
    assert len(set(calibration.TEXTS)) == len(calibration.TEXTS)
