"""An encoder's graph with int8 matrix products, where its vectors stay where they were.

Promises: the graph is replaced only when vectors of texts it was not fitted on stay close to the fp32 graph's
and, in auto mode, when it is faster on this CPU; otherwise it is left as it is. What was found is written
beside it.

How. Weights get a scale per output channel. Activations get one scale a tensor, which alone would lose the
neighbours: a few channels reach ten times further than the rest at the marks that begin and end a text, and
take the range from all others. So those channels are divided by what they exceed the usual reach with, and
the weights' rows multiplied by it (Xiao et al. 2023, SmoothQuant, https://arxiv.org/abs/2211.10438: the
same product, a flatter range); what is cut off on average is added to the bias (Nagel et al. 2019,
https://arxiv.org/abs/1906.04721). Of four bounds for the usual reach the one with the least error in the
product is taken. Weights are rounded one input channel after the other, each making up for the errors of
those before it (Frantar et al. 2022, GPTQ, https://arxiv.org/abs/2210.17323). A product that was too wrong
before that keeps its precision, as do those of the attention's output, a twelfth of the work.
docs/experiments.md has the figures.

Runs in a process of its own, so that its memory goes when it is done: ``python -m rag.models.quantise``.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.models.backends import Ids, OnnxRuntimeBackend, OpenVinoBackend, has_openvino, quick_int8
from rag.models.bert_graph import WEIGHTS_FILE
from rag.models.protocols import Vectors

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
REPORT = "int8.json"
LEAST_HIDDEN = 256  # of a model for which auto tries: a smaller one is quick as it is
REACHES = (1.0, 1.5, 2.0, 3.0)  # times the median channel's reach; beyond it a channel is flattened
MOST_ERROR = 6e-4  # of a product with plainly rounded weights, as a share of its variance
KEPT = ".attention.product"
GELU_LOW = 0.17  # GELU is never below -0.17: moved up by it, its output is unsigned
LEAST_MEAN_COSINE, LEAST_COSINE = 0.997, 0.99
LEAST_GAIN = 1.1  # times faster than without
SAMPLE_BYTES = 96 * 2**20  # of the rows that are kept, in float16
DAMPING = 0.01  # of GPTQ, as its authors do
_BLOCK = 128  # input channels rounded before the others are told
TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class _Input:
    """What goes into some linear layers: how far each channel reaches, and some rows of it."""

    reach: Floats  # (channels,)
    rows: NDArray[np.float16]  # (rows, channels)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """``divide`` flattens the input's channels, ``step`` is its unit; per linear layer: int8 weights, their
    scales, what to add to the bias."""

    divide: Floats
    step: np.float32
    layers: list[tuple[NDArray[np.int8], Floats, Floats]]


def quantise_apart(graph: Path, tokenizer: Path, max_tokens: int, *, force: bool) -> None:
    """Run :func:`quantise` in a process of its own. A failure leaves the graph as it is and is logged."""
    command = [sys.executable, "-m", "rag.models.quantise", str(graph), str(tokenizer), str(max_tokens)]
    try:
        subprocess.run(
            [*command, *(["force"] if force else [])],
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
            cwd=Path(__file__).resolve().parents[2],
        )
    except subprocess.CalledProcessError as error:
        log.warning("no int8 graph, the model keeps its precision: %s", error.stderr[-400:])
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("no int8 graph, the model keeps its precision: %s", error)
    for leftover in ("watched.onnx", "small.onnx", "small.bin"):
        (graph.parent / leftover).unlink(missing_ok=True)


def is_quantised(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / REPORT).read_text("utf-8"))["used"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def quantise(graph: Path, tokenizer: Path, max_tokens: int, *, force: bool = False) -> dict[str, Any]:
    """Replace ``graph``, as :func:`rag.models.bert_graph.write_graph` wrote it, by its int8 form if that
    holds; with ``force`` in any case. Returns what was found (also in ``int8.json``)."""
    import onnx

    from rag.models.calibration import JUDGED, TEXTS
    from rag.models.tokenizer import HuggingFaceTokenizer

    words = HuggingFaceTokenizer(tokenizer, max_tokens)
    model = onnx.load(str(graph))
    layers = _linears(model.graph)
    inputs = _watch(graph, [*dict.fromkeys(n.input[0] for n in layers)], words.encode(TEXTS))
    kept = _rewrite(model.graph, layers, inputs)
    small = graph.with_name("small.onnx")
    onnx.save_model(model, str(small), save_as_external_data=True, location="small.bin", size_threshold=1024)
    del model, inputs

    found = _judge(graph, small, words.encode(JUDGED), max_tokens)
    close = found["mean_cosine"] >= LEAST_MEAN_COSINE and found["least_cosine"] >= LEAST_COSINE
    found["kept"] = kept
    found["used"] = force or (close and found["gain"] >= LEAST_GAIN)
    if found["used"]:
        model = onnx.load(str(small))
        (graph.parent / WEIGHTS_FILE).unlink()
        onnx.save_model(
            model, str(graph), save_as_external_data=True, location=WEIGHTS_FILE, size_threshold=1024
        )
    (graph.parent / REPORT).write_text(json.dumps(found, indent=1), "utf-8")
    return found


def worth_trying(hidden: int) -> bool:
    """Whether auto mode should build an int8 graph for a model of this width on this CPU."""
    return hidden >= LEAST_HIDDEN and has_openvino() and quick_int8()


def _linears(graph: GraphProto) -> list[NodeProto]:
    constants = {tensor.name for tensor in graph.initializer}
    return [n for n in graph.node if n.op_type == "MatMul" and n.input[1] in constants]


def _watch(graph: Path, names: Sequence[str], tokens: Sequence[list[int]]) -> dict[str, _Input]:
    """The named values while the graph reads ``tokens``: their reach in all rows, and a share of the rows."""
    import onnx
    import onnxruntime

    model = onnx.load(str(graph), load_external_data=False)
    del model.graph.output[:]
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    watched = graph.with_name("watched.onnx")
    onnx.save_model(model, str(watched))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(str(watched), options, providers=["CPUExecutionProvider"])
    reach: dict[str, Floats] = {}
    rows: dict[str, list[NDArray[np.float16]]] = {name: [] for name in names}
    step = 0
    for ids in tokens:
        batch = np.array([ids], dtype=np.int64)
        feed = {"input_ids": batch, "attention_mask": np.ones_like(batch)}
        values: list[Floats] = session.run(list(names), feed)
        if not step:
            width = sum(value.shape[-1] for value in values)
            step = max(1, -(-sum(map(len, tokens)) * width * 2 // SAMPLE_BYTES))
        for name, value in zip(names, values, strict=True):
            own = np.abs(value[0]).max(axis=0)
            reach[name] = np.maximum(reach[name], own) if name in reach else own
            rows[name].append(value[0][::step].astype(np.float16))
    return {name: _Input(reach[name], np.concatenate(rows[name])) for name in names}


def _rewrite(graph: GraphProto, layers: Sequence[NodeProto], inputs: Mapping[str, _Input]) -> list[str]:
    """Put int8 products in place of ``layers``; returns those that keep their precision."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    active = {n.output[0]: n.op_type for n in graph.node if n.op_type in ("Gelu", "Relu")}
    constants: dict[str, NDArray[Any]] = {}
    groups: dict[str, list[NodeProto]] = {}
    kept = [n.output[0] for n in layers if n.output[0].endswith(KEPT)]
    for node in layers:
        if node.output[0] not in kept:
            groups.setdefault(node.input[0], []).append(node)
    made: dict[str, list[NodeProto]] = {}  # by the product's output
    moved: dict[str, Floats] = {}

    for x, nodes in groups.items():
        low = {"Gelu": GELU_LOW, "Relu": 0.0}.get(active.get(x, ""))
        matrices = [numpy_helper.to_array(tensors[n.input[1]]) for n in nodes]
        fitted = _fit(inputs[x], matrices, low)
        if fitted is None:
            kept += [n.output[0] for n in nodes]
            continue
        zero = np.uint8(0) if low is not None else np.int8(0)
        constants |= {f"{x}.flat": 1 / fitted.divide, f"{x}.step": np.asarray(fitted.step)}
        constants[f"{x}.zero"] = np.asarray(zero)
        source, before = x, []
        if low:
            constants[f"{x}.low"] = np.asarray(np.float32(low))
            before.append(helper.make_node("Add", [x, f"{x}.low"], [f"{x}.raised"], name=f"{x}.raised"))
            source = f"{x}.raised"
        unit = [f"{x}.step", f"{x}.zero"]
        before += [
            helper.make_node("Mul", [source, f"{x}.flat"], [f"{x}.level"], name=f"{x}.level"),
            helper.make_node("QuantizeLinear", [f"{x}.level", *unit], [f"{x}.int8"], name=f"{x}.int8"),
            helper.make_node("DequantizeLinear", [f"{x}.int8", *unit], [f"{x}.rounded"], name=f"{x}.rounded"),
        ]
        for node, (weights, scales, correction) in zip(nodes, fitted.layers, strict=True):
            out = node.output[0]
            names = [f"{out}.weight8", f"{out}.scale", f"{out}.zero"]
            constants |= dict(zip(names, (weights, scales, np.zeros(len(scales), np.int8)), strict=True))
            weight = helper.make_node("DequantizeLinear", names, [f"{out}.weight"], f"{out}.weight", axis=1)
            product = helper.make_node("MatMul", [f"{x}.rounded", f"{out}.weight"], [out], name=out)
            made[out] = [*before, weight, product]
            before = []
            moved[out] = correction
            del tensors[node.input[1]]

    nodes = []
    for node in graph.node:
        nodes += made.get(node.output[0], [node])
        if node.op_type == "Add" and node.input[0] in moved:
            bias = numpy_helper.to_array(tensors.pop(node.input[1]))
            constants[node.input[1]] = bias + moved[node.input[0]]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors.values())
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return sorted(kept)


def _fit(given: _Input, matrices: Sequence[Floats], low: float | None) -> _Fitted | None:
    """The int8 form of ``given.rows @ matrix`` for each matrix, all of the same input; None when it is too
    wrong. ``low``: the input is never below ``-low`` and becomes unsigned; None: signed."""
    matrix = np.concatenate(matrices, axis=1)
    seen = given.rows.astype(np.float32)
    wanted = seen @ matrix
    rows = seen + np.float32(low or 0)
    reach = np.maximum(given.reach + np.float32(low or 0), np.float32(1e-6))
    least, most = (0, 255) if low is not None else (-127, 127)
    variance = float(((wanted - wanted.mean(axis=0)) ** 2).sum()) or 1.0

    def flatten(bound: float) -> tuple[Floats, np.float32, Floats, Floats, Floats]:
        divide = np.maximum(1, reach / (np.median(reach) * bound)).astype(np.float32)
        step = np.float32((reach / divide).max() / most)
        flattened = (matrix * divide[:, None]).astype(np.float32)
        scales = np.maximum(np.abs(flattened).max(axis=0) / 127, 1e-9).astype(np.float32)
        rounded = (np.clip(np.round(rows / divide / step), least, most) * step).astype(np.float32)
        return divide, step, flattened, scales, rounded

    def missing(weights: Floats, scales: Floats, rounded: Floats) -> tuple[float, Floats]:
        gap = wanted - rounded @ (weights * scales)
        mean = gap.mean(axis=0)
        return float(((gap - mean) ** 2).sum()) / variance, mean.astype(np.float32)

    def plain_error(bound: float) -> float:
        _, _, flattened, scales, rounded = flatten(bound)
        return missing(np.round(flattened / scales), scales, rounded)[0]

    error, bound = min((plain_error(bound), bound) for bound in REACHES)
    if error > MOST_ERROR:
        return None
    divide, step, flattened, scales, rounded = flatten(bound)
    weights = _round(flattened, scales, rounded)
    _, correction = missing(weights, scales, rounded)
    cuts = np.cumsum([m.shape[1] for m in matrices])[:-1]
    parts = zip(
        np.split(weights.astype(np.int8), cuts, axis=1),
        np.split(scales, cuts),
        np.split(correction, cuts),
        strict=True,
    )
    return _Fitted(divide, step, [(np.ascontiguousarray(w), s, c) for w, s, c in parts])


def _round(matrix: Floats, scales: Floats, rows: Floats) -> Floats:
    """Whole numbers in -127..127, ``rows @ (them * scales)`` close to ``rows @ matrix`` (GPTQ)."""
    second = (rows.T @ rows).astype(np.float64)
    size = len(second)
    second[np.diag_indices(size)] += DAMPING * np.trace(second) / size + 1e-9
    order = np.argsort(-np.diag(second))  # what is used most is rounded first
    try:
        spread = np.linalg.cholesky(np.linalg.inv(second[np.ix_(order, order)])).T.astype(np.float32)
    except np.linalg.LinAlgError:
        rounded: Floats = np.clip(np.round(matrix / scales), -127, 127)
        return rounded
    left = matrix[order]
    chosen = np.empty_like(left)
    for first in range(0, size, _BLOCK):
        stop = min(size, first + _BLOCK)
        errors = np.empty((stop - first, left.shape[1]), dtype=np.float32)
        for i in range(first, stop):
            chosen[i] = np.clip(np.round(left[i] / scales), -127, 127)
            errors[i - first] = (left[i] - chosen[i] * scales) / spread[i, i]
            left[i + 1 : stop] -= np.outer(spread[i, i + 1 : stop], errors[i - first])
        left[stop:] -= spread[first:stop, stop:].T @ errors
    result = np.empty_like(chosen)
    result[order] = chosen
    return result


def _judge(plain: Path, small: Path, tokens: Sequence[list[int]], max_tokens: int) -> dict[str, Any]:
    """How close the small graph's vectors are to the plain one's in fp32, and how much faster it is."""
    exact = OnnxRuntimeBackend(plain, 1, "f32")
    quick: OpenVinoBackend | OnnxRuntimeBackend
    if has_openvino():
        quick, usual = OpenVinoBackend(small, 1, int8=True), OpenVinoBackend(plain, 1)
        gain = _cpu_s(usual, max_tokens) / _cpu_s(quick, max_tokens)
    else:
        quick = OnnxRuntimeBackend(small, 1, "int8")
        gain = _cpu_s(exact, max_tokens) / _cpu_s(quick, max_tokens)
    cosines = []
    for ids in tokens:
        batch = np.array([ids], dtype=np.int64)
        a, b = (engine.run(batch, np.ones_like(batch))[0] for engine in (exact, quick))
        cosines.append(float(a @ b))
    return {
        "mean_cosine": float(np.mean(cosines)),
        "least_cosine": min(cosines),
        "gain": gain,
        "engine": quick.name,
    }


def _cpu_s(engine: OpenVinoBackend | OnnxRuntimeBackend, max_tokens: int) -> float:
    """CPU seconds of a batch of passages, the best of a few: other processes count little."""
    ids: Ids = np.full((4, min(192, max_tokens)), 7, dtype=np.int64)
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        vectors: Vectors = engine.run(ids, np.ones_like(ids))
        best = min(best, time.process_time() - began)
        assert len(vectors) == 4
    return max(best, 1e-9)


if __name__ == "__main__":
    quantise(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), force="force" in sys.argv[4:])
