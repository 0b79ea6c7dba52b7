"""Tiny real models: random weights in the published layouts, saved by transformers, with a tokenizer made
here. Needs the ``models`` extra."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

SENTENCES = (
    "the board net sales cash flow of in 2018 rose",
    "fell million company has nine directors we report",
)
WORDS = tuple(word for sentence in SENTENCES for word in sentence.split())
CHARACTERS = "公司本年度营业收入同比增长净利润下降"
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 130,
    "initializer_range": 0.4,
}


def save_tokenizer(folder: Path, *, roberta: bool) -> int:
    """Saves a word-piece tokenizer as transformers does; returns the size of its vocabulary."""
    bos, pad, eos, unknown = (
        ("<s>", "<pad>", "</s>", "<unk>") if roberta else ("[CLS]", "[PAD]", "[SEP]", "[UNK]")
    )
    special = [bos, pad, eos, unknown] if roberta else [pad, unknown, bos, eos]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = list(
        dict.fromkeys([*special, *WORDS, *CHARACTERS, *letters, *(f"##{letter}" for letter in letters)])
    )
    ids = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}" if roberta else f"{bos} $A {eos} $B:1 {eos}:1",
        special_tokens=[(bos, ids[bos]), (eos, ids[eos])],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token=bos,
        bos_token=bos,
        sep_token=eos,
        eos_token=eos,
        pad_token=pad,
        unk_token=unknown,
        model_max_length=128,
    )
    fast.save_pretrained(folder)
    return len(ids)


def save_bert(folder: Path, pooling: str = "cls") -> Path:
    size = save_tokenizer(folder, roberta=False)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=size, **SHAPE)).eval().save_pretrained(folder)
    _save_pooling(folder, pooling)
    return folder


def save_xlm_roberta(folder: Path, pooling: str = "cls") -> Path:
    size = save_tokenizer(folder, roberta=True)
    torch.manual_seed(0)
    XLMRobertaModel(XLMRobertaConfig(vocab_size=size, pad_token_id=1, **SHAPE)).eval().save_pretrained(folder)
    _save_pooling(folder, pooling)
    return folder


def save_bge_m3(folder: Path) -> Path:
    """XLM-RoBERTa with BGE-M3's two extra heads beside it."""
    save_xlm_roberta(folder)
    hidden = SHAPE["hidden_size"]
    torch.save(torch.nn.Linear(hidden, 1).state_dict(), folder / "sparse_linear.pt")
    torch.save(torch.nn.Linear(hidden, hidden).state_dict(), folder / "colbert_linear.pt")
    return folder


def save_reranker(folder: Path) -> Path:
    size = save_tokenizer(folder, roberta=True)
    torch.manual_seed(0)
    config = XLMRobertaConfig(vocab_size=size, pad_token_id=1, num_labels=1, **SHAPE)
    XLMRobertaForSequenceClassification(config).eval().save_pretrained(folder)
    return folder


def _save_pooling(folder: Path, pooling: str) -> None:
    (folder / "1_Pooling").mkdir(exist_ok=True)
    flags = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(flags), "utf-8")
