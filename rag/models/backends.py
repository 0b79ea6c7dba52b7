"""The two engines that run an encoder's graph: OpenVINO and ONNX Runtime.

Both give the same vectors (cosine above 0.999). OpenVINO is the faster one and is used where it is
installed, in bf16 where the CPU has it; ONNX Runtime runs everywhere. Graphs with int8 products
(:mod:`rag.models.quantise`) run on either. Neither is imported before it is used.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.models.protocols import Vectors

Ids = NDArray[np.int64]
Precision = Literal["auto", "fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Batch:
    """``ids`` and ``mask`` have shape (rows, length); ``rows`` are the texts' places in the output."""

    rows: list[int]
    ids: Ids
    mask: Ids


class Backend(Protocol):
    """Runs batches. Thread-safe."""

    @property
    def name(self) -> str:
        """Engine and arithmetic, e.g. "openvino bf16"."""
        ...

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        """One batch now, with little latency."""
        ...

    def run_all(self, batches: Iterable[Batch], done: Callable[[Batch, Vectors], None]) -> None:
        """Many batches with high throughput. ``done`` is called once a batch, one at a time, in any
        order and from any thread; what it raises is raised here."""
        ...


def cores(threads: int) -> int:
    """``threads``, or for 0 the cores this process may use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None


def quick_int8() -> bool:
    """Whether this CPU multiplies int8 faster than bf16 or fp32 (VNNI, AMX). False where nobody says so."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text("utf-8").split())
    except OSError:
        return False
    return not flags.isdisjoint(("avx512_vnni", "avx_vnni", "amx_int8"))


def open_backend(model: Path, precision: Precision, threads: int, *, int8: bool = False) -> Backend:
    """The best engine that is installed for this precision: "fp32" is ONNX Runtime's (the reference),
    anything else is OpenVINO's when it is there. ``int8``: the graph's products are int8 already.
    ModelError "embedding.backend" when the graph does not load."""
    try:
        if precision != "fp32" and has_openvino():
            return OpenVinoBackend(model, cores(threads), int8=int8)
        return OnnxRuntimeBackend(model, cores(threads), "int8" if int8 else "f32")
    except ModelError:
        raise
    except Exception as error:
        raise ModelError("embedding.backend", path=model, problem=error) from error


class OpenVinoBackend:
    """The graph is compiled twice, each time when it is first needed. For passages: one stream a core, one
    thread a stream, so that batches run side by side without talking to each other. For queries: one stream
    on all cores; a batch is answered in 0.6 of the time, but passages take 1.06 times as long."""

    def __init__(self, model: Path, threads: int, *, int8: bool = False) -> None:
        import openvino

        core = openvino.Core()
        capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._arithmetic = "bf16" if capable else "f32"  # of what is not int8
        self._int8 = int8
        self._threads = threads
        # OpenVINO sets up its table of number types at the first conversion. Two threads doing that at once
        # were seen to deadlock with Python's lock (3 of 10 fresh processes), so it is done here, alone.
        for kind in (openvino.Type.i64, openvino.Type.f32):
            kind.to_dtype()
        self._core = core
        self._path = model
        self._model: Any = core.read_model(str(model))
        self._inputs = [port.get_any_name() for port in self._model.inputs]
        self._lock = threading.Lock()
        self._compiled: dict[int, Any] = {}
        self._idle: dict[int, list[Any]] = {}

    @property
    def name(self) -> str:
        return f"openvino {'int8' if self._int8 else self._arithmetic}"

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        return self._run(ids, mask, streams=1)

    def run_all(self, batches: Iterable[Batch], done: Callable[[Batch, Vectors], None]) -> None:
        self._get(self._threads)  # before its threads begin

        def run(ids: Ids, mask: Ids) -> Vectors:
            return self._run(ids, mask, streams=self._threads)

        _run_all(run, self._threads, batches, done)

    def _get(self, streams: int) -> Any:
        with self._lock:
            if streams not in self._compiled:
                options = {
                    "INFERENCE_PRECISION_HINT": self._arithmetic,
                    "NUM_STREAMS": str(streams),
                    "INFERENCE_NUM_THREADS": self._threads,
                }
                try:
                    self._compiled[streams] = self._core.compile_model(self._model, "CPU", options)
                except RuntimeError as error:
                    raise ModelError("embedding.backend", path=self._path, problem=error) from error
                self._idle[streams] = []
            return self._compiled[streams]

    def _run(self, ids: Ids, mask: Ids, streams: int) -> Vectors:
        compiled = self._get(streams)
        with self._lock:
            idle = self._idle[streams]
            request = idle.pop() if idle else compiled.create_infer_request()
        try:
            request.infer(_feed(self._inputs, ids, mask), share_inputs=True)
            return np.array(request.get_output_tensor(0).data, dtype=np.float32)
        finally:
            with self._lock:
                idle.append(request)


class OnnxRuntimeBackend:
    """The portable fallback."""

    def __init__(self, model: Path, threads: int, arithmetic: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one batch a core: no waiting for the slowest thread
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # the arena keeps the largest batch's memory for ever
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = [port.name for port in self._session.get_inputs()]
        self._threads = threads
        self._arithmetic = arithmetic

    @property
    def name(self) -> str:
        return f"onnxruntime {self._arithmetic}"

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        vectors: Vectors = self._session.run(None, _feed(self._inputs, ids, mask))[0]
        return vectors

    def run_all(self, batches: Iterable[Batch], done: Callable[[Batch, Vectors], None]) -> None:
        _run_all(self.run, self._threads, batches, done)


def _run_all(
    run: Callable[[Ids, Ids], Vectors],
    threads: int,
    batches: Iterable[Batch],
    done: Callable[[Batch, Vectors], None],
) -> None:
    """Each worker takes the next batch when it is free, so nothing queues up; the first error ends all."""
    iterator = iter(batches)
    taking, giving = threading.Lock(), threading.Lock()
    failed = threading.Event()

    def work() -> None:
        try:
            while not failed.is_set():
                with taking:
                    batch = next(iterator, None)
                if batch is None:
                    return
                vectors = run(batch.ids, batch.mask)
                with giving:
                    done(batch, vectors)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(threads, thread_name_prefix="embed") as pool:
        workers = [pool.submit(work) for _ in range(threads)]
    for worker in workers:
        worker.result()


def _feed(names: list[str], ids: Ids, mask: Ids) -> dict[str, Ids]:
    """Inputs by name; a folder's own graph may want token types, which are all zero."""
    values = {"input_ids": ids, "attention_mask": mask}
    return {name: values[name] if name in values else np.zeros_like(ids) for name in names}
