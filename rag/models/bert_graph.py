"""Builds the ONNX graph of a BERT-family encoder from its weights, without torch.

The graph takes ``input_ids`` and ``attention_mask`` (int64, shape (batch, length), both dynamic,
padding on the right) and returns ``embedding`` (float32, shape (batch, hidden)): the encoder, the
pooling and the L2 normalisation in one. Known layouts are BERT (BGE, GTE, E5, MiniLM, text2vec) and
XLM-RoBERTa (BGE-M3's dense vector, multilingual E5), read from ``config.json`` and safetensors.

Sources: Devlin et al. 2019 (https://arxiv.org/abs/1810.04805) for the encoder; RoBERTa's position
offset as in Liu et al. 2019 (https://arxiv.org/abs/1907.11692), fairseq's ``padding_idx + 1``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Pooling = Literal["cls", "mean"]
WEIGHTS_FILE = "weights.bin"  # beside model.onnx: memory-mapped by ONNX Runtime and OpenVINO
OPSET = 20  # the first with Gelu
_PREFIXES = ("", "bert.", "roberta.", "model.")
_FLOAT_TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
_ALIGNMENT = 4096  # of external tensors, so that they can be mapped


@dataclass(frozen=True, slots=True)
class BertConfig:
    """What the graph needs of ``config.json``. ``first_position`` is the row of the position table
    that the first token gets: 0 for BERT, padding_idx + 1 for XLM-RoBERTa."""

    layers: int
    heads: int
    hidden: int
    epsilon: float
    activation: str
    first_position: int
    max_positions: int  # tokens that have a position, special tokens included


def read_config(folder: Path) -> BertConfig:
    """The encoder's shape. ModelError "embedding.layout" for a family that is not known here."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        kind = str(config.get("model_type", ""))
        roberta = kind in ("xlm-roberta", "roberta")
        activation = str(config.get("hidden_act", "gelu"))
        positions = str(config.get("position_embedding_type", "absolute"))
        if not (roberta or kind == "bert") or positions != "absolute" or activation not in _ACTIVATIONS:
            raise ModelError("embedding.layout", folder=folder, found=f"{kind} {activation} {positions}")
        first = int(config.get("pad_token_id", 1)) + 1 if roberta else 0
        return BertConfig(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            hidden=int(config["hidden_size"]),
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            activation=activation,
            first_position=first,
            max_positions=int(config["max_position_embeddings"]) - first,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError("embedding.unreadable", path=folder / "config.json", problem=error) from error


class SafeTensors(Mapping[str, NDArray[np.float32]]):
    """The float tensors of a safetensors file, memory-mapped, by name; bf16 and f16 become f32 when
    read. The ``safetensors`` package itself knows no bf16 for numpy, hence this reader; the format is
    a length, a JSON header and raw little-endian data (https://github.com/huggingface/safetensors)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
            size = int.from_bytes(self._bytes[:8].tobytes(), "little")
            if not 2 <= size <= min(100_000_000, len(self._bytes) - 8):
                raise ValueError(f"header of {size} bytes in a file of {len(self._bytes)}")
            header = json.loads(self._bytes[8 : 8 + size].tobytes())
            self._start = 8 + size
            self._entries: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
            for name, entry in header.items():
                if name != "__metadata__" and entry["dtype"] in _FLOAT_TYPES:
                    begin, end = (int(value) for value in entry["data_offsets"])
                    shape = tuple(int(value) for value in entry["shape"])
                    bytes_wanted = int(np.prod(shape)) * _FLOAT_TYPES[entry["dtype"]].itemsize
                    if not 0 <= begin <= end <= len(self._bytes) - self._start or end - begin != bytes_wanted:
                        raise ValueError(f"tensor {name} lies outside the file: the file is cut")
                    self._entries[name] = (entry["dtype"], shape, begin, end)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError("embedding.unreadable", path=path, problem=error) from error

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        kind, shape, begin, end = self._entries[name]
        raw = self._bytes[self._start + begin : self._start + end].view(_FLOAT_TYPES[kind]).reshape(shape)
        if kind == "BF16":
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        values: NDArray[np.float32] = raw.astype(np.float32, copy=False)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


class _Builder:
    """Collects nodes and writes tensors to the weights file as they come."""

    def __init__(self, weights: Path) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        self._out = weights.open("wb")

    def close(self) -> None:
        self._out.close()

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def small(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.tensors.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str, value: NDArray[np.float32]) -> str:
        from onnx import TensorProto

        data = np.ascontiguousarray(value, dtype="<f4")
        self._out.write(b"\0" * (-self._out.tell() % _ALIGNMENT))
        offset = self._out.tell()
        self._out.write(data.data)
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=data.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in (("location", WEIGHTS_FILE), ("offset", str(offset)), ("length", str(data.nbytes))):
            tensor.external_data.add(key=key, value=text)
        self.tensors.append(tensor)
        return name


def write_graph(source: Path, folder: Path, pooling: Pooling) -> Path:
    """Write ``model.onnx`` and ``weights.bin`` into the existing empty ``folder`` from the weights in
    ``source``; returns the path of the former. Nothing larger than one tensor is held in memory.
    ModelError "embedding.layout" when the weights are not those of a BERT-family encoder."""
    import onnx

    config = read_config(source)
    tensors = SafeTensors(source / "model.safetensors")
    prefix = next((p for p in _PREFIXES if f"{p}embeddings.word_embeddings.weight" in tensors), None)
    if prefix is None:
        raise ModelError("embedding.layout", folder=source, found=", ".join(sorted(tensors)[:3]))
    builder = _Builder(folder / WEIGHTS_FILE)
    try:
        model = _encoder(builder, config, tensors, prefix, pooling)
    except KeyError as error:
        raise ModelError("embedding.layout", folder=source, found=f"no tensor {error}") from error
    finally:
        builder.close()
    path = folder / "model.onnx"
    onnx.save_model(model, str(path))
    return path


def _encoder(
    b: _Builder, config: BertConfig, tensors: Mapping[str, NDArray[np.float32]], prefix: str, pooling: Pooling
) -> ModelProto:
    from onnx import TensorProto, helper

    def get(name: str) -> NDArray[np.float32]:
        return tensors[prefix + name]

    def linear(x: str, source: str, output: str, scale: float = 1.0) -> str:
        b.weight(f"{output}.weight", get(f"{source}.weight").T * np.float32(scale))
        b.weight(f"{output}.bias", get(f"{source}.bias") * np.float32(scale))
        product = b.node("MatMul", [x, f"{output}.weight"], f"{output}.product")
        return b.node("Add", [product, f"{output}.bias"], output)

    def norm(x: str, source: str, output: str) -> str:
        b.weight(f"{output}.scale", get(f"{source}.weight"))
        b.weight(f"{output}.shift", get(f"{source}.bias"))
        names = [x, f"{output}.scale", f"{output}.shift"]
        return b.node("LayerNormalization", names, output, axis=-1, epsilon=config.epsilon)

    heads, size = config.heads, config.hidden // config.heads
    b.small("zero", np.array([0], np.int64))
    b.small("one", np.array([1], np.int64))
    b.small("split_heads", np.array([0, 0, heads, size], np.int64))
    b.small("join_heads", np.array([0, 0, heads * size], np.int64))

    # Padding is on the right and masked, so every real token's position is its index: the table is cut
    # to start at the first token's row, and the one token type in use is added to it here.
    table = get("embeddings.position_embeddings.weight")[config.first_position :]
    b.weight("positions", table + get("embeddings.token_type_embeddings.weight")[0])
    b.weight("words", get("embeddings.word_embeddings.weight"))
    b.node("Gather", ["words", "input_ids"], "word_rows", axis=0)
    b.node("Shape", ["input_ids"], "length", start=1, end=2)
    b.node("Slice", ["positions", "zero", "length", "zero"], "position_rows")
    x = norm(b.node("Add", ["word_rows", "position_rows"], "rows"), "embeddings.LayerNorm", "embedded")

    b.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    b.node("Sub", ["mask", b.small("unit", np.array(1, np.float32))], "hidden_tokens")
    b.small("far", np.array(10_000, np.float32))  # exp(-10000) is 0 in every precision
    b.node("Mul", ["hidden_tokens", "far"], "mask_row")
    b.node("Unsqueeze", ["mask_row", b.small("head_axes", np.array([1, 2], np.int64))], "mask_bias")

    for layer in range(config.layers):
        source, name = f"encoder.layer.{layer}", f"layer{layer}"
        reader = x
        if pooling == "cls" and layer == config.layers - 1:
            # Only the first token's vector is read at the end: the last layer computes no other.
            reader = b.node("Slice", [x, "zero", "one", "one"], f"{name}.first")
        query = linear(reader, f"{source}.attention.self.query", f"{name}.query", scale=size**-0.5)
        key = linear(x, f"{source}.attention.self.key", f"{name}.key")
        value = linear(x, f"{source}.attention.self.value", f"{name}.value")
        for part, order in ((query, [0, 2, 1, 3]), (key, [0, 2, 3, 1]), (value, [0, 2, 1, 3])):
            b.node("Reshape", [part, "split_heads"], f"{part}.split")
            b.node("Transpose", [f"{part}.split"], f"{part}.heads", perm=order)
        b.node("MatMul", [f"{query}.heads", f"{key}.heads"], f"{name}.scores")
        b.node("Add", [f"{name}.scores", "mask_bias"], f"{name}.masked")
        b.node("Softmax", [f"{name}.masked"], f"{name}.shares", axis=-1)
        b.node("MatMul", [f"{name}.shares", f"{value}.heads"], f"{name}.read")
        b.node("Transpose", [f"{name}.read"], f"{name}.ordered", perm=[0, 2, 1, 3])
        b.node("Reshape", [f"{name}.ordered", "join_heads"], f"{name}.joined")
        out = linear(f"{name}.joined", f"{source}.attention.output.dense", f"{name}.attention")
        b.node("Add", [out, reader], f"{name}.attended")
        x = norm(f"{name}.attended", f"{source}.attention.output.LayerNorm", f"{name}.middle")
        out = linear(x, f"{source}.intermediate.dense", f"{name}.up")
        out = _activation(b, out, f"{name}.active", config.activation)
        out = linear(out, f"{source}.output.dense", f"{name}.down")
        b.node("Add", [out, x], f"{name}.sum")
        x = norm(f"{name}.sum", f"{source}.output.LayerNorm", f"{name}.out")

    if pooling == "cls":
        b.node("Gather", [x, b.small("first", np.array(0, np.int64))], "pooled", axis=1)
    else:
        b.node("Unsqueeze", ["mask", b.small("last_axis", np.array([2], np.int64))], "mask_column")
        b.node("Mul", [x, "mask_column"], "kept")
        b.node("ReduceSum", ["kept", "one"], "summed", keepdims=0)
        b.node("ReduceSum", ["mask", "one"], "tokens", keepdims=1)
        b.node("Div", ["summed", "tokens"], "pooled")
    b.node("ReduceL2", ["pooled", "one"], "length_of", keepdims=1)
    b.node("Max", ["length_of", b.small("tiny", np.array(1e-12, np.float32))], "divisor")
    b.node("Div", ["pooled", "divisor"], "embedding")

    shape = ["batch", "length"]
    graph = helper.make_graph(
        b.nodes,
        "encoder",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, shape),
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", config.hidden])],
        initializer=b.tensors,
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9, producer_name="wenju")


def _activation(b: _Builder, x: str, output: str, kind: str) -> str:
    if kind == "relu":
        return b.node("Relu", [x], output)
    return b.node("Gelu", [x], output, approximate="none" if kind == "gelu" else "tanh")
