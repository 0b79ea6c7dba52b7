"""Snapshots of the dense view: written beside, published by one rename, checked before they are read.

Layout: ``<root>/dense/<generation>-<ns>/`` with ``manifest.json`` and for each segment i ``i.faiss``
(flat), ``i.npy`` (int64 (4, n): chunk, document, collection, alive) and ``i.ivf`` where it has an approximate
companion. The newest good one is loaded; bad ones are set aside; only the newest two are kept.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.search import files
from rag.search.dense import Approximate, DenseIndex, Segment

log = logging.getLogger(__name__)

FORMAT = 1
_KEEP = 2
_STALE_S = 3600.0  # an unfinished write older than this was left by a killed process


def write_snapshot(
    root: Path, index: DenseIndex, generation: int, fingerprint: str, marks: Mapping[str, str]
) -> Path:
    """Write and publish one; answers its folder. Raises OSError (a full disk: nothing that was
    there is lost)."""
    import faiss

    parent = root / "dense"
    parent.mkdir(parents=True, exist_ok=True)
    name = f"{generation:012d}-{time.time_ns()}"
    beside = parent / f"{name}.{os.getpid()}.tmp"
    beside.mkdir()
    try:
        names: list[str] = []
        segments: list[dict[str, Any]] = []
        for number, (segment, alive) in enumerate(zip(index.segments, index.alive, strict=True)):
            living = np.ones(segment.size, dtype=np.int64) if alive is None else alive.astype(np.int64)
            table = np.stack([segment.ids, segment.documents, segment.collections, living])
            faiss.write_index(segment.index, str(beside / f"{number}.faiss"))
            with (beside / f"{number}.npy").open("wb") as stream:
                np.save(stream, table, allow_pickle=False)
            names += [f"{number}.faiss", f"{number}.npy"]
            about: dict[str, Any] = {"rows": segment.size}
            if segment.approximate is not None:
                faiss.write_index(segment.approximate.index, str(beside / f"{number}.ivf"))
                names.append(f"{number}.ivf")
                about["nprobe"] = segment.approximate.nprobe
                about["recall_at_10"] = segment.approximate.recall_at_10
            segments.append(about)
        for each in names:
            files.fsync_path(beside / each)
        body: dict[str, Any] = {
            "format": FORMAT,
            "spec": fingerprint,
            "generation": generation,
            "marks": dict(marks),
            "dimension": index.dimension,
            "rows": len(index),
            "segments": segments,
            "files": files.checksums(beside, names),
        }
        files.write_manifest(beside / files.MANIFEST, body)
        files.fsync_path(beside)
        final = parent / name
        os.rename(beside, final)
        files.fsync_path(parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _prune(parent)
    return final


def load_snapshot(
    root: Path, dimension: int, exact_up_to: int, fingerprint: str
) -> tuple[DenseIndex | None, int, dict[str, str], str]:
    """(index, generation, marks, what was wrong with newer ones) of the newest good snapshot;
    (None, -1, {}, problem) when there is none. Bad ones are set aside."""
    problem = ""
    for folder in sorted(_published(root / "dense"), key=lambda p: p.name, reverse=True):
        try:
            index, generation, marks = _load(folder, dimension, exact_up_to, fingerprint)
            return index, generation, marks, problem
        except FileNotFoundError:
            continue  # pruned by another process meanwhile
        except (files.CorruptFolder, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            problem = str(error) or type(error).__name__
            log.warning("dense snapshot %s set aside: %s", folder.name, problem)
            files.set_aside(folder)
    return None, -1, {}, problem


def published_generation(root: Path) -> int:
    """The generation of the newest snapshot, unverified; -1 when there is none."""
    names = [p.name.split("-")[0] for p in _published(root / "dense")]
    return max((int(name) for name in names if name.isdigit()), default=-1)


def _load(
    folder: Path, dimension: int, exact_up_to: int, fingerprint: str
) -> tuple[DenseIndex, int, dict[str, str]]:
    import faiss

    if not folder.exists():
        raise FileNotFoundError(folder)
    body = files.read_manifest(folder / files.MANIFEST)
    if body["format"] != FORMAT or body["spec"] != fingerprint or body["dimension"] != dimension:
        raise files.CorruptFolder("made for another library or by another version")
    files.verify(folder, body["files"])
    segments: list[Segment] = []
    masks: list[NDArray[np.bool_] | None] = []
    for number, about in enumerate(body["segments"]):
        flat = faiss.read_index(str(folder / f"{number}.faiss"))
        table = np.load(folder / f"{number}.npy", allow_pickle=False)
        if flat.d != dimension or table.shape != (4, flat.ntotal) or flat.ntotal != about["rows"]:
            raise files.CorruptFolder("rows and vectors do not fit together")
        companion = None
        if "nprobe" in about:
            ivf = faiss.read_index(str(folder / f"{number}.ivf"))
            companion = Approximate(ivf, int(about["nprobe"]), float(about["recall_at_10"]))
        ids, documents, collections = (np.ascontiguousarray(row, dtype=np.int64) for row in table[:3])
        segments.append(Segment(flat, ids, documents, collections, companion))
        masks.append(None if table[3].all() else table[3].astype(np.bool_))
    index = DenseIndex(dimension, exact_up_to, tuple(segments), tuple(masks))
    return index, int(body["generation"]), dict(body["marks"])


def _published(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return [p for p in parent.iterdir() if p.is_dir() and p.suffix not in (".tmp",) and ".bad-" not in p.name]


def _prune(parent: Path) -> None:
    for old in sorted(_published(parent), key=lambda p: p.name)[:-_KEEP]:
        files.remove(old)
    for left in parent.glob("*.tmp"):
        try:
            if time.time() - left.stat().st_mtime > _STALE_S:
                files.remove(left)
        except OSError:
            continue
