"""Embeddings through FlagEmbedding's own classes: BGE, BGE-M3 (dense) and the other families it knows,
on CPU or GPU.

Needs the ``models`` extra (torch). Weights are read from a folder or Hugging Face's local cache; code
that comes with weights is never run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import ModelError, ModelNotInstalled
from rag.models import known
from rag.models.batching import QueryBatcher
from rag.models.graph_cache import content_hash
from rag.models.identity import Identified
from rag.models.protocols import Vectors
from rag.models.tokenizer import HuggingFaceTokenizer
from rag.models.weights import find_model
from rag.settings import Settings

SLICE = 192  # texts handed over at a time: progress is real, and FlagEmbedding draws no bar of its own
_CPU_ROWS, _GPU_ROWS = 16, 64


class FlagEmbedding(Identified):
    """An :class:`rag.models.protocols.EmbeddingModel`; thread-safe: one call runs at a time, and queries
    get their turn between slices of passages."""

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        revision: str,
        tokenizer: HuggingFaceTokenizer,
        query_instruction: str,
        passage_prefix: str,
        languages: tuple[str, ...],
        rows: int,
    ) -> None:
        self._model = model
        self._name = name
        self._revision = revision
        self._tokenizer = tokenizer
        self._query_instruction = query_instruction
        self._passage_prefix = passage_prefix
        self._languages = languages
        self._rows = rows
        self._lock = threading.Lock()
        self._queries: QueryBatcher[str] = QueryBatcher(self._encode)
        self._dimension = int(self._encode(["1"]).shape[1])

    @property
    def tokenizer(self) -> HuggingFaceTokenizer:
        return self._tokenizer

    @property
    def backend(self) -> str:
        return f"FlagEmbedding {type(self._model).__name__} {self._model.target_devices[0]}"

    def embed_query(self, text: str) -> Vectors:
        return self._queries.embed(self._query_instruction + text)

    def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), SLICE):
            rows = order[start : start + SLICE]
            vectors[rows] = self._encode([self._passage_prefix + texts[row] for row in rows])
            if on_progress is not None:
                on_progress(start + len(rows))
        return vectors

    def _encode(self, texts: list[str]) -> Vectors:
        try:
            with self._lock:
                found = self._model.encode(
                    texts, batch_size=self._rows, max_length=self._tokenizer.max_tokens
                )
        except Exception as error:  # whatever fails inside torch: memory, a lost device
            raise ModelError("embedding.flag_failed", model=self._name, problem=error) from error
        dense = found["dense_vecs"] if isinstance(found, dict) else found
        vectors = np.asarray(dense, dtype=np.float32).reshape(len(texts), -1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise ModelError("embedding.not_finite", model=self._name, backend=self.backend)
        unit: Vectors = vectors / np.maximum(lengths, np.float32(1e-12))
        return unit


def load_flag_embedding(settings: Settings) -> FlagEmbedding:
    """The model named in ``[embedding] model``. ModelNotInstalled when torch and FlagEmbedding, the
    weights or their tokenizer are missing; ModelError when they do not load."""
    wanted = settings.embedding
    try:
        import torch
        from FlagEmbedding import FlagAutoModel
        from FlagEmbedding.inference.embedder.model_mapping import AUTO_EMBEDDER_MAPPING
    except ImportError as error:
        raise ModelNotInstalled("embedding.extra_missing", module=error.name or error) from error
    folder, name = find_model(wanted.model, settings.resolved_models_dir)
    fact = known.find_known(name) or known.find_known(known.name_in_files(folder))
    tokenizer = HuggingFaceTokenizer(folder, _max_tokens(folder, fact))
    multi = (fact is not None and "bge-m3" in fact.pattern) or (folder / "sparse_linear.pt").is_file()
    options: dict[str, Any] = {}
    if folder.name not in AUTO_EMBEDDER_MAPPING:
        options["model_class"] = "encoder-only-m3" if multi else "encoder-only-base"
        options["pooling_method"] = known.pooling_in_files(folder) or (fact.pooling if fact else "cls")
    device = wanted.device
    if device == "auto":
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
    on_gpu = device != "cpu"
    try:
        model = FlagAutoModel.from_finetuned(
            str(folder),
            normalize_embeddings=True,
            use_fp16=on_gpu and wanted.precision in ("auto", "int8"),
            use_bf16=wanted.precision == "bf16",
            devices=device,
            trust_remote_code=False,
            query_instruction_for_retrieval=None,  # put before the text here, the same for every backend
            **options,
        )
    except Exception as error:  # transformers and safetensors raise bare kinds of their own
        raise ModelError("embedding.flag_failed", model=wanted.model, problem=error) from error
    instruction = wanted.query_instruction
    if instruction is None:
        instruction = fact.query_instruction if fact else ""
    measured = ("zh", "en") if tokenizer.knows_chinese() else ("en",)
    return FlagEmbedding(
        model,
        name=name,
        revision=_revision(folder, settings.resolved_models_dir),
        tokenizer=tokenizer,
        query_instruction=instruction,
        passage_prefix=fact.passage_prefix if fact else "",
        languages=wanted.languages or (fact.languages if fact else measured),
        rows=_GPU_ROWS if on_gpu else _CPU_ROWS,
    )


def _max_tokens(folder: Path, fact: known.KnownModel | None) -> int:
    return known.max_tokens_in_files(folder, fact.max_tokens if fact else 512)


def _revision(folder: Path, models_dir: Path) -> str:
    """Content hash of the weights and the tokenizer, the same for the same files anywhere."""
    weights = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", ".bin", ".pt"))
    files = [*weights, folder / "config.json", folder / "tokenizer.json"]
    return content_hash(files, "flag", models_dir / "hashes.json")[:16]
