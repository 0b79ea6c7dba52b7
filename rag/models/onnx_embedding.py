"""BERT-family embeddings on this CPU without torch: weights or an ONNX graph from a folder.

Promises: unit vectors in input order, cut at the model's own length, the model's query instruction on
queries only. Passages are sorted by length into batches of a bounded number of tokens; queries that
arrive at the same time share one batch. The graph is built from the weights once and kept (see
:mod:`rag.models.graph_cache`); a graph that the folder brings itself is used as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from rag.errors import ModelError, ModelNotInstalled
from rag.models import known
from rag.models.backends import Backend, Batch, Ids, open_backend
from rag.models.batching import QueryBatcher
from rag.models.bert_graph import BertConfig, read_config, write_graph
from rag.models.graph_cache import content_hash, find_or_build, set_aside
from rag.models.identity import Identified
from rag.models.protocols import Vectors
from rag.models.quantise import is_quantised, quantise_apart, worth_trying
from rag.models.tokenizer import HuggingFaceTokenizer
from rag.settings import EmbeddingSettings

GRAPH_VERSION = "1"  # of write_graph: raise it when the graph changes, and kept graphs are built anew
INT8_VERSION = "1"  # of rag.models.quantise, likewise
BATCH_TOKENS = 1024  # padded tokens of a passage batch; measured, see docs/experiments.md
LENGTH_STEP = 16  # lengths are padded up to a multiple: fewer shapes to prepare, little waste
ALONE_STEP = 4  # the same for a query alone, whose time is nearly in proportion to its length
WINDOW = 4096  # texts tokenised and sorted at a time: bounds the memory of a huge document
_OWN_GRAPHS = ("model.onnx", "onnx/model.onnx")


class OnnxEmbedding(Identified):
    """An :class:`rag.models.protocols.EmbeddingModel`; thread-safe."""

    def __init__(
        self,
        *,
        name: str,
        revision: str,
        tokenizer: HuggingFaceTokenizer,
        backend: Backend,
        dimension: int | None,
        pooling: Literal["cls", "mean"],
        query_instruction: str,
        passage_prefix: str,
        languages: tuple[str, ...],
    ) -> None:
        self._name = name
        self._revision = revision
        self._tokenizer = tokenizer
        self._backend = backend
        self._pooling = pooling
        self._query_instruction = query_instruction
        self._passage_prefix = passage_prefix
        self._languages = languages
        self._queries = QueryBatcher(self._embed_ids)
        self._dimension = dimension or int(self._embed_ids(tokenizer.encode(["1"])).shape[1])

    @property
    def tokenizer(self) -> HuggingFaceTokenizer:
        return self._tokenizer

    @property
    def backend(self) -> str:
        """Engine and arithmetic, for the readiness panel, e.g. "openvino bf16"."""
        return self._backend.name

    def embed_query(self, text: str) -> Vectors:
        return self._queries.embed(self._tokenizer.encode([self._query_instruction + text])[0])

    def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        finished = 0

        def done(batch: Batch, raw: Vectors) -> None:
            nonlocal finished
            vectors[batch.rows] = self._finish(raw, batch.mask)
            finished += len(batch.rows)
            if on_progress is not None:
                on_progress(finished)

        for start in range(0, len(texts), WINDOW):
            window = texts[start : start + WINDOW]
            self._backend.run_all(self._batches(window, start), done)
        return vectors

    def _batches(self, texts: Sequence[str], start: int) -> Iterator[Batch]:
        """Batches of similar length, the longest first: memory peaks at once, not at the end."""
        prefix = self._passage_prefix
        tokens: list[Ids] = []
        for at in range(0, len(texts), 256):
            encoded = self._tokenizer.encode([prefix + text for text in texts[at : at + 256]])
            tokens.extend(np.array(ids, dtype=np.int64) for ids in encoded)
        order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
        at = 0
        while at < len(order):
            length = _padded(len(tokens[order[at]]), self._tokenizer.max_tokens)
            rows = order[at : at + max(1, BATCH_TOKENS // length)]
            at += len(rows)
            ids, mask = _pad([tokens[row] for row in rows], length)
            yield Batch([start + row for row in rows], ids, mask)

    def _embed_ids(self, tokens: list[list[int]]) -> Vectors:
        step = ALONE_STEP if len(tokens) == 1 else LENGTH_STEP
        length = _padded(max(map(len, tokens)), self._tokenizer.max_tokens, step)
        ids, mask = _pad([np.array(row, dtype=np.int64) for row in tokens], length)
        return self._finish(self._backend.run(ids, mask), mask)

    def _finish(self, raw: Vectors, mask: Ids) -> Vectors:
        """Our graphs end in the unit vector; a folder's own may end in one vector a token."""
        if raw.ndim == 3:
            if self._pooling == "cls":
                raw = raw[:, 0]
            else:
                kept = mask[:, :, None] != 0
                raw = np.where(kept, raw, 0).sum(axis=1) / kept.sum(axis=1)
        vectors = raw.astype(np.float32, copy=False)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise ModelError("embedding.not_finite", model=self._name, backend=self._backend.name)
        unit: Vectors = vectors / np.maximum(lengths, np.float32(1e-12))
        return unit


def _padded(length: int, max_tokens: int, step: int = LENGTH_STEP) -> int:
    return max(length, min(-(-length // step) * step, max_tokens))


def _pad(tokens: list[Ids], length: int) -> tuple[Ids, Ids]:
    ids = np.zeros((len(tokens), length), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, values in enumerate(tokens):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return ids, mask


def load_folder(folder: Path, name: str, settings: EmbeddingSettings, models_dir: Path) -> OnnxEmbedding:
    """The model in ``folder`` (``config.json``, ``tokenizer.json`` and ``model.safetensors`` or an ONNX
    graph). ``name`` is its identity in the index; facts that the folder does not state are looked up
    by that name. ModelNotInstalled when weights or tokenizer are missing, ModelError when unusable."""
    fact = known.find_known(name) or known.find_known(known.name_in_files(folder))
    own = next((folder / graph for graph in _OWN_GRAPHS if (folder / graph).is_file()), None)
    weights = folder / "model.safetensors"
    if not weights.is_file() and own is None:
        raise ModelNotInstalled("embedding.no_weights", folder=folder)
    pooling = known.pooling_in_files(folder) or (fact.pooling if fact else "cls")
    config = read_config(folder) if weights.is_file() else None
    positions = config.max_positions if config else 512 if fact is None else fact.max_tokens
    max_tokens = known.max_tokens_in_files(folder, positions)
    if fact is not None:
        max_tokens = min(max_tokens, fact.max_tokens)
    tokenizer = HuggingFaceTokenizer(folder, max_tokens)
    files = [weights, folder / "config.json"] if config else [own] if own else []
    memory = models_dir / "hashes.json"
    revision = content_hash([*files, folder / "tokenizer.json"], f"{pooling} {max_tokens}", memory)[:16]

    if config is None:
        assert own is not None
        backend = open_backend(own, settings.precision, settings.threads)
    else:
        backend = _open_built(folder, models_dir, config, pooling, max_tokens, settings)
    instruction = settings.query_instruction
    if instruction is None:
        instruction = fact.query_instruction if fact else ""
    return OnnxEmbedding(
        name=name,
        revision=revision,
        tokenizer=tokenizer,
        backend=backend,
        dimension=config.hidden if config else None,
        pooling=pooling,
        query_instruction=instruction,
        passage_prefix=fact.passage_prefix if fact else "",
        languages=settings.languages or (fact.languages if fact else _measured_languages(tokenizer)),
    )


def _open_built(
    source: Path,
    models_dir: Path,
    config: BertConfig,
    pooling: Literal["cls", "mean"],
    max_tokens: int,
    settings: EmbeddingSettings,
) -> Backend:
    """Open the kept graph while its checksums are computed; build it again once if they do not hold."""
    wanted = settings.precision
    small = wanted == "int8" or (wanted == "auto" and worth_trying(config.hidden))
    files = [source / "model.safetensors", source / "config.json"]
    variant = f" {wanted} int8 {INT8_VERSION} {max_tokens}" if small else ""
    salt = f"graph {GRAPH_VERSION} {pooling}{variant}"
    root, key = models_dir / "graphs", content_hash(files, salt, models_dir / "hashes.json")[:32]

    def build(empty: Path) -> None:
        graph = write_graph(source, empty, pooling)
        if small:
            quantise_apart(graph, source, max_tokens, force=wanted == "int8")

    for _ in range(2):
        graph = find_or_build(root, key, build)
        int8 = small and is_quantised(graph.folder)
        try:
            backend = open_backend(graph.folder / "model.onnx", wanted, settings.threads, int8=int8)
        except ModelError:
            if graph.verified():
                raise
        else:
            if graph.verified():
                return backend
            del backend
        set_aside(graph.folder)
    raise ModelError("embedding.graph_damaged", folder=root / key)


def _measured_languages(tokenizer: HuggingFaceTokenizer) -> tuple[str, ...]:
    """For a model nobody has told us about: what its vocabulary can spell."""
    return ("zh", "en") if tokenizer.knows_chinese() else ("en",)
