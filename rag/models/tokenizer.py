"""The embedding model's own tokenizer, read from ``tokenizer.json``.

Counting never truncates and never pads, whatever the file says (MiniLM's file cuts at 128 tokens);
encoding for the model cuts at ``max_tokens``. Counting and encoding are two instances, because a
``tokenizers.Tokenizer`` holds its truncation as state and both are used from many threads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.errors import ModelError, ModelNotInstalled

# Everyday Chinese of reports and offices: a tokenizer that does not know these characters belongs to a
# model that was not trained on Chinese.
_CHINESE_SAMPLE = (
    "公司本年度营业收入同比增长，归属于上市公司股东的净利润有所下降。员工年假申请须经部门经理批准，"
    "差旅报销应当附上发票原件。董事会审议通过了利润分配预案，每十股派发现金红利三元。"
)


class HuggingFaceTokenizer:
    """Implements :class:`rag.models.protocols.Tokenizer`; thread-safe.

    ModelNotInstalled "embedding.no_tokenizer" when the folder has no ``tokenizer.json``; ModelError
    "embedding.unreadable" when it cannot be read."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelNotInstalled("embedding.no_tokenizer", folder=folder)
        self._path = path
        self._max_tokens = max_tokens
        try:
            self._counting = Tokenizer.from_file(str(path))
        except Exception as error:
            raise ModelError("embedding.unreadable", path=path, problem=error) from error
        self._counting.no_truncation()
        self._counting.no_padding()
        self._special_tokens = self._counting.num_special_tokens_to_add(is_pair=False)
        self._encoding: Any = None
        self._lock = threading.Lock()

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    @property
    def special_tokens(self) -> int:
        return int(self._special_tokens)

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        offsets: list[tuple[int, int]] = self._counting.encode(text, add_special_tokens=False).offsets
        return offsets

    def count(self, text: str) -> int:
        return len(self._counting.encode(text, add_special_tokens=False))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, cut at ``max_tokens``."""
        tokenizer = self._encoding
        if tokenizer is None:
            with self._lock:
                if self._encoding is None:
                    tokenizer = type(self._counting).from_str(self._counting.to_str())
                    tokenizer.no_padding()
                    tokenizer.enable_truncation(self._max_tokens)
                    self._encoding = tokenizer
                tokenizer = self._encoding
        if len(texts) == 1:
            ids: list[int] = tokenizer.encode(texts[0]).ids
            return [ids]
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]

    def knows_chinese(self) -> bool:
        """Whether at most 2 % of the characters of a plain Chinese text are unknown to the vocabulary."""
        encoding = self._counting.encode(_CHINESE_SAMPLE, add_special_tokens=False)
        unknown = _unknown_token(self._path)
        return sum(token == unknown for token in encoding.tokens) <= 0.02 * len(encoding.tokens)


def _unknown_token(path: Path) -> str:
    """The unknown token's text: named by word-piece models, by its place in unigram vocabularies."""
    model = json.loads(path.read_text("utf-8")).get("model", {})
    if isinstance(model.get("unk_token"), str):
        return str(model["unk_token"])
    if isinstance(model.get("unk_id"), int):
        return str(model["vocab"][model["unk_id"]][0])
    return ""
