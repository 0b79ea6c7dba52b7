"""A cross-encoder's own ONNX graph as the reranker, without torch.

Promises: the folder holds ``model.onnx`` (or ``onnx/model.onnx``) of a sequence classification model and its
``tokenizer.json``; query and passage are read as the tokenizer joins pairs, the passage cut at the model's
length; one logit a passage in input order, of two classes the second less the first. Runs on ONNX Runtime on
this CPU; thread-safe; nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError, ModelNotInstalled
from rag.models.backends import cores

MAX_TOKENS: Final = 512  # query and passage together, where the model reads more
_ROWS: Final = 8  # pairs at a time
_GRAPHS: Final = ("model.onnx", "onnx/model.onnx")
_INPUTS: Final = frozenset(("input_ids", "attention_mask", "token_type_ids"))


class OnnxReranking:
    """A :class:`rag.models.protocols.Reranker`. ``folder``: see the module."""

    def __init__(self, folder: Path, name: str) -> None:
        graph = next((folder / g for g in _GRAPHS if (folder / g).is_file()), None)
        if graph is None or not (folder / "tokenizer.json").is_file():
            raise ModelNotInstalled("reranker.not_found", model=name)
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores(0)
        self._name = name
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._tokenizer.enable_truncation(_longest(folder), strategy="only_second")
            self._tokenizer.no_padding()
            self._session = onnxruntime.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
            self._inputs = {i.name for i in self._session.get_inputs()}
        except Exception as error:  # tokenizers and ONNX Runtime raise bare kinds of their own
            raise ModelError("reranker.failed", model=name, problem=error) from error
        if "input_ids" not in self._inputs or not self._inputs <= _INPUTS:
            raise ModelError("reranker.failed", model=name, problem=f"inputs {sorted(self._inputs)}")

    @property
    def name(self) -> str:
        return self._name

    def rerank_logits(self, query: str, passages: Sequence[str]) -> list[float]:
        """Raises ModelError when the graph fails or gives no finite logit a pair."""
        try:
            pairs = self._tokenizer.encode_batch([(query, passage) for passage in passages])
            logits = np.zeros(len(pairs))
            by_length = sorted(range(len(pairs)), key=lambda row: -len(pairs[row].ids))
            for at in range(0, len(by_length), _ROWS):
                rows = by_length[at : at + _ROWS]
                logits[rows] = self._run([pairs[row] for row in rows])
        except Exception as error:  # as above; a query longer than the model reads is one too
            raise ModelError("reranker.failed", model=self._name, problem=error) from error
        return [float(logit) for logit in logits]

    def _run(self, pairs: Sequence[Any]) -> NDArray[np.float64]:
        shape = (len(pairs), max(len(pair.ids) for pair in pairs))
        given = {name: np.zeros(shape, np.int64) for name in _INPUTS}
        for row, pair in enumerate(pairs):
            length = len(pair.ids)
            given["input_ids"][row, :length] = pair.ids
            given["attention_mask"][row, :length] = 1
            given["token_type_ids"][row, :length] = pair.type_ids
        feeds = {name: values for name, values in given.items() if name in self._inputs}
        found = np.asarray(self._session.run(None, feeds)[0], dtype=np.float64).reshape(len(pairs), -1)
        if found.shape[1] not in (1, 2) or not np.isfinite(found).all():
            raise ValueError(f"{found.shape[1]} values a pair, or values that are no numbers")
        return found[:, 0] if found.shape[1] == 1 else found[:, 1] - found[:, 0]


def _longest(folder: Path) -> int:
    """Tokens that the model reads, as its configuration says, at most ``MAX_TOKENS``."""
    path = folder / "config.json"
    if not path.is_file():
        return MAX_TOKENS
    config = json.loads(path.read_text("utf-8"))
    positions = int(config.get("max_position_embeddings", MAX_TOKENS))
    if config.get("model_type") in ("xlm-roberta", "roberta"):
        positions -= int(config.get("pad_token_id", 1)) + 1
    return max(8, min(MAX_TOKENS, positions))
