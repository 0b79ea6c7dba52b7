"""A cross-encoder's own graph: a tiny real one that counts the passage's words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rag.errors import ModelError, ModelNotInstalled
from rag.models.onnx_reranker import OnnxReranking
from rag.models.reranker import load_reranker
from rag.settings import Settings

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "revenue", "of", "profit", "weather"]


def make_folder(folder: Path, classes: int = 1, tokens: int = 12) -> Path:
    """Sums, over the tokens in the mask that belong to the passage, a worth of each word."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder.mkdir()
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"model_type": "bert", "max_position_embeddings": tokens}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    worth = np.zeros((len(WORDS), classes), np.float32)
    worth[4:, -1] = [2.0, 0.0, 1.0, -1.0]
    nodes = [
        helper.make_node("Gather", ["worth", "input_ids"], ["rows"], axis=0),
        helper.make_node("Mul", ["attention_mask", "token_type_ids"], ["mine"]),
        helper.make_node("Cast", ["mine"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "axis"], ["logits"], keepdims=0),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])]
    values = {"worth": worth, "last": np.array([2]), "axis": np.array([1])}
    tensors = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save_model(model, str(folder / "model.onnx"))
    return folder


@pytest.mark.parametrize("classes", [1, 2])
def test_pairs_are_read_as_the_tokenizer_joins_them(tmp_path: Path, classes: int) -> None:
    model = OnnxReranking(make_folder(tmp_path / "tiny", classes), "tiny")
    passages = ["weather", "revenue of profit", "", "profit"] * 5  # more than one batch, of several lengths
    assert model.rerank_logits("revenue of", passages) == [-1.0, 3.0, 0.0, 1.0] * 5
    assert model.rerank_logits("revenue", []) == []


def test_the_passage_is_cut_and_the_query_is_not(tmp_path: Path) -> None:
    model = OnnxReranking(make_folder(tmp_path / "tiny", tokens=12), "tiny")
    assert model.rerank_logits("revenue", ["revenue " * 100]) == [2.0 * (12 - 4)]
    with pytest.raises(ModelError):
        model.rerank_logits("revenue " * 100, ["revenue"])


def test_what_is_no_reranker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotInstalled):
        OnnxReranking(tmp_path, "nothing")
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError):
        OnnxReranking(tmp_path, "broken")
    three = OnnxReranking(make_folder(tmp_path / "three", classes=3), "three")
    with pytest.raises(ModelError):
        three.rerank_logits("revenue", ["profit"])


def test_settings_choose_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    settings = Settings.model_validate({"reranker": {"kind": "onnx", "model": str(folder)}})
    model = load_reranker(settings)
    assert isinstance(model, OnnxReranking)
    assert model.rerank_logits("of", ["profit"]) == [1.0]
    missing = Settings.model_validate({"reranker": {"kind": "onnx", "model": str(tmp_path / "none")}})
    with pytest.raises(ModelNotInstalled):
        load_reranker(missing)
