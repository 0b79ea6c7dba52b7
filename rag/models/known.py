"""What is known of embedding models by their names: pooling, query instruction, languages, length.

The instructions are those of the models' own cards (BAAI/bge-*-en-v1.5, BAAI/bge-*-zh-v1.5, intfloat/e5-*,
intfloat/multilingual-e5-*, thenlper/gte-*, infgrad and shibing624 cards); BGE-M3 and MiniLM take none.
A setting always wins over this table; a model that is not in it is read from its own files.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ANY_LANGUAGE = ("*",)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """``passage_prefix`` and ``query_instruction`` are put before the text as they are."""

    pattern: str  # searched in the lower-cased name
    pooling: Literal["cls", "mean"]
    languages: tuple[str, ...]
    max_tokens: int
    query_instruction: str = ""
    passage_prefix: str = ""


_BGE_EN = "Represent this sentence for searching relevant passages: "
_BGE_ZH = "为这个句子生成表示以用于检索相关文章："

_KNOWN = (  # the first that matches counts
    KnownModel(r"paraphrase-multilingual-minilm", "mean", ANY_LANGUAGE, 128),
    KnownModel(r"all-minilm|minilm-l6|minilm-l12-v2$|^minilm$", "mean", ("en",), 256),
    KnownModel(r"bge-m3", "cls", ANY_LANGUAGE, 8192),
    KnownModel(r"bge-(small|base|large)-en", "cls", ("en",), 512, _BGE_EN),
    KnownModel(r"bge-(small|base|large)-zh", "cls", ("zh",), 512, _BGE_ZH),
    KnownModel(r"multilingual-e5.*instruct", "mean", ANY_LANGUAGE, 512,
               "Instruct: Given a question, retrieve passages that answer it\nQuery: "),
    KnownModel(r"multilingual-e5", "mean", ANY_LANGUAGE, 512, "query: ", "passage: "),
    KnownModel(r"(^|[/_-])e5-(small|base|large)", "mean", ("en",), 512, "query: ", "passage: "),
    KnownModel(r"gte-(small|base|large)-zh", "cls", ("zh",), 512),
    KnownModel(r"gte-(small|base|large)$", "mean", ("en",), 512),
    KnownModel(r"text2vec.*chinese|piccolo.*-zh|stella.*-zh", "mean", ("zh",), 512),
    KnownModel(r"all-mpnet|multi-qa-mpnet|all-distilroberta", "mean", ("en",), 384),
    KnownModel(r"text-embedding-3|text-embedding-ada", "mean", ANY_LANGUAGE, 8191),
    KnownModel(r"qwen3-embedding", "mean", ANY_LANGUAGE, 8192,
               "Instruct: Given a question, retrieve passages that answer it\nQuery:"),
)  # fmt: skip


def find_known(name: str) -> KnownModel | None:
    """The table's entry for a model name or folder name; None when the name says nothing."""
    lowered = name.lower().rstrip("/")
    return next((known for known in _KNOWN if re.search(known.pattern, lowered)), None)


def name_in_files(folder: Path) -> str:
    """The name a folder's own ``config.json`` gives its model ("" when none): a renamed folder keeps
    its instruction."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        return str(config.get("_name_or_path", "")) if isinstance(config, dict) else ""
    except (OSError, ValueError):
        return ""


def pooling_in_files(folder: Path) -> Literal["cls", "mean"] | None:
    """What ``1_Pooling/config.json`` says (sentence-transformers' layout); None without that file."""
    try:
        config = json.loads((folder / "1_Pooling" / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    if config.get("pooling_mode_cls_token") or config.get("pooling_mode") == "cls":
        return "cls"
    if config.get("pooling_mode_mean_tokens") or config.get("pooling_mode") == "mean":
        return "mean"
    return None


def max_tokens_in_files(folder: Path, positions: int) -> int:
    """The tokens the model reads: sentence-transformers' ``max_seq_length`` or the tokenizer's
    ``model_max_length``, never more than the encoder has positions for."""
    limit = positions
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        try:
            value = json.loads((folder / name).read_text("utf-8")).get(key)
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(value, int | float) and value >= 8:
            return int(min(limit, value))
    return limit
