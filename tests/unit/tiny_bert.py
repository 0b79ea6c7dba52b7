"""Tiny BERT-family models with random weights and a real tokenizer, written without torch, and the same
encoder in plain numpy to compare with."""

from __future__ import annotations

import json
from math import erf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS = 16, 2, 4, 32, 40
WORDS = tuple(
    word
    for line in (
        "the board net sales cash flow of in 2018 rose",
        "fell million company has nine directors we report",
    )
    for word in line.split()
)
CHINESE = (
    "公司本年度营业收入同比增长归属于上市股东的净利润有所下降员工假申请须经部门经理批准差旅报销应当附发票原件"
)
CHINESE += "董事会审议通过分配预案每十派现金红三元，。"


def write_tiny_bert(
    folder: Path, *, seed: int = 0, roberta: bool = False, pooling: str = "mean", chinese: bool = False
) -> Path:
    """A folder with config.json, model.safetensors, tokenizer.json and 1_Pooling."""
    folder.mkdir(parents=True, exist_ok=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = [
        *"abcdefghijklmnopqrstuvwxyz0123456789",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
    ]
    vocabulary = list(dict.fromkeys([*special, *WORDS, *letters, *(CHINESE if chinese else "")]))
    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    tokenizer.enable_truncation(8)  # as MiniLM's file: must be turned off for counting
    tokenizer.enable_padding(length=8, pad_token="[PAD]")
    tokenizer.save(str(folder / "tokenizer.json"))

    random = np.random.default_rng(seed)
    prefix = "roberta." if roberta else ""
    tensors: dict[str, NDArray[np.float32]] = {}

    def add(name: str, *shape: int) -> None:
        tensors[prefix + name] = random.normal(0, 0.3, shape).astype(np.float32)

    add("embeddings.word_embeddings.weight", len(ids), HIDDEN)
    add("embeddings.position_embeddings.weight", POSITIONS, HIDDEN)
    add("embeddings.token_type_embeddings.weight", 1 if roberta else 2, HIDDEN)
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ):
            add(f"{at}.{part}.weight", HIDDEN, HIDDEN)
            add(f"{at}.{part}.bias", HIDDEN)
        add(f"{at}.intermediate.dense.weight", INTERMEDIATE, HIDDEN)
        add(f"{at}.intermediate.dense.bias", INTERMEDIATE)
        add(f"{at}.output.dense.weight", HIDDEN, INTERMEDIATE)
        add(f"{at}.output.dense.bias", HIDDEN)
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    for norm in norms:
        add(f"{norm}.weight", HIDDEN)
        add(f"{norm}.bias", HIDDEN)
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "xlm-roberta" if roberta else "bert",
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": POSITIONS,
        "layer_norm_eps": 1e-5,
        "hidden_act": "gelu",
        "pad_token_id": 1 if roberta else 0,
        "vocab_size": len(ids),
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    flags = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(flags), "utf-8")
    return folder


def reference_embedding(
    tensors: dict[str, NDArray[np.float32]], ids: list[int], *, roberta: bool, pooling: str
) -> NDArray[np.float64]:
    """One text's unit vector, computed step by step in float64 without any padding."""
    prefix = "roberta." if roberta else ""

    def get(name: str) -> NDArray[np.float64]:
        return tensors[prefix + name].astype(np.float64)

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ get(f"{name}.weight").T + get(f"{name}.bias")

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * get(f"{name}.weight") + get(f"{name}.bias")

    first = 2 if roberta else 0
    positions = get("embeddings.position_embeddings.weight")[first : first + len(ids)]
    types = get("embeddings.token_type_embeddings.weight")[0]
    x = norm(get("embeddings.word_embeddings.weight")[ids] + positions + types, "embeddings.LayerNorm")
    size = HIDDEN // HEADS
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (linear(x, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
        read = np.zeros_like(x)
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / np.sqrt(size)
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            read[:, part] = shares / shares.sum(-1, keepdims=True) @ value[:, part]
        x = norm(linear(read, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
        up = linear(x, f"{at}.intermediate.dense")
        active = up * 0.5 * (1 + np.vectorize(erf)(up / np.sqrt(2)))
        x = norm(linear(active, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
    pooled = x[0] if pooling == "cls" else x.mean(0)
    return pooled / np.linalg.norm(pooled)
