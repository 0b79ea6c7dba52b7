"""The reranker: reads query and passage together and gives one relevance logit.

FlagEmbedding's FlagReranker (cross-encoders such as bge-reranker-v2-m3) on CPU or GPU; needs the
``models`` extra. A failure is a ModelError, never a silent list in the old order: search says so.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from rag.errors import ModelError, ModelNotInstalled
from rag.models.protocols import Reranker
from rag.models.weights import find_model
from rag.settings import Settings

MAX_TOKENS = 512  # of query and passage together, FlagReranker's own default
_CPU_ROWS, _GPU_ROWS = 8, 64


class FlagReranking:
    """A :class:`rag.models.protocols.Reranker`; thread-safe: one call runs at a time."""

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self._name = name
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    def rerank_logits(self, query: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        try:
            with self._lock:
                found = self._model.compute_score([(query, passage) for passage in passages], normalize=False)
        except Exception as error:  # whatever fails inside torch, search must hear of it
            raise ModelError("reranker.failed", model=self._name, problem=error) from error
        logits = np.asarray(found, dtype=np.float64).reshape(-1)
        if len(logits) != len(passages) or not np.isfinite(logits).all():
            problem = f"{len(logits)} scores for {len(passages)} passages, or scores that are not numbers"
            raise ModelError("reranker.failed", model=self._name, problem=problem)
        return [float(logit) for logit in logits]


def _installed(settings: Settings) -> bool:
    """Whether FlagEmbedding and the weights are there; loads neither."""
    if find_spec("FlagEmbedding") is None or find_spec("torch") is None:
        return False
    try:
        find_model(settings.reranker.model, settings.resolved_models_dir)
    except ModelNotInstalled:
        return False
    return True


def load_reranker(settings: Settings) -> Reranker | None:
    """The reranker of ``[reranker]``, None when it is off. ModelNotInstalled when torch and FlagEmbedding
    or the weights are missing; ModelError when they do not load."""
    wanted = settings.reranker
    if wanted.kind == "server" or (wanted.kind == "auto" and wanted.base_url):
        from rag.models.rerank_server import load_server_reranker

        return load_server_reranker(settings)
    if wanted.kind in ("off", "light") or (wanted.kind == "auto" and not _installed(settings)):
        return None
    if wanted.kind == "onnx":
        from rag.models.onnx_reranker import OnnxReranking

        try:
            found, called = find_model(wanted.model, settings.resolved_models_dir)
        except ModelNotInstalled as error:
            raise ModelNotInstalled("reranker.not_found", model=wanted.model) from error
        return OnnxReranking(found, called)
    try:
        import torch
        from FlagEmbedding import FlagReranker
    except ImportError as error:
        raise ModelNotInstalled("reranker.extra_missing", module=error.name or error) from error
    try:
        folder, name = find_model(wanted.model, settings.resolved_models_dir)
    except ModelNotInstalled as error:
        raise ModelNotInstalled("reranker.not_found", model=wanted.model) from error
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    if settings.embedding.device != "auto":
        device = settings.embedding.device
    try:
        model = FlagReranker(
            str(folder),
            use_fp16=device != "cpu",
            devices=device,
            batch_size=_CPU_ROWS if device == "cpu" else _GPU_ROWS,
            max_length=MAX_TOKENS,
            trust_remote_code=False,
        )
    except Exception as error:  # transformers and safetensors raise bare kinds of their own
        raise ModelError("reranker.failed", model=wanted.model, problem=error) from error
    return FlagReranking(model, name)
