"""Graphs built from weights, kept for all data folders under ``models_dir``.

A graph's folder is named by the content of everything it was built from, appears by one rename, and
is used only when its checksums hold: a cut or flipped file is set aside and built again. Building the
same graph in two processes at once is harmless: one rename wins.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from rag.errors import ModelError

log = logging.getLogger(__name__)

_CHECKSUMS = "checksums.json"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(paths: Iterable[Path], salt: str, memory: Path) -> str:
    """Hex SHA-256 over the files' contents and ``salt``. The hash of a file whose path, size and
    modification time were seen before is taken from ``memory`` (a JSON file, rewritten when it grows)."""
    try:
        seen: dict[str, str] = {str(k): str(v) for k, v in json.loads(memory.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        seen = {}
    digest = hashlib.sha256(salt.encode())
    grown = False
    for path in paths:
        state = path.stat()
        key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}|{state.st_ino}"
        if key not in seen:
            seen[key] = file_sha256(path)
            grown = True
        digest.update(f"{path.name}:{seen[key]};".encode())
    if grown:
        _remember(memory, seen)
    return digest.hexdigest()


def _remember(memory: Path, seen: dict[str, str]) -> None:
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=memory.parent, delete=False, encoding="utf-8") as file:
            json.dump(dict(list(seen.items())[-64:]), file)
        os.replace(file.name, memory)
    except OSError as error:  # the hash is computed again next time: slower, not wrong
        log.warning("cannot remember model hashes in %s: %s", memory, error)


class CachedGraph:
    """A folder of files whose checksums are being verified in the background, so that a backend can
    load them meanwhile. Call :meth:`verified` before the first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._intact = False
        self._thread = threading.Thread(target=self._verify, name="verify-graph", daemon=True)
        self._thread.start()

    def _verify(self) -> None:
        try:
            wanted = json.loads((self.folder / _CHECKSUMS).read_text("utf-8"))
            self._intact = bool(wanted) and all(
                file_sha256(self.folder / name) == checksum for name, checksum in wanted.items()
            )
        except (OSError, ValueError, AttributeError):
            self._intact = False

    def verified(self) -> bool:
        self._thread.join()
        return self._intact


def find_or_build(root: Path, key: str, build: Callable[[Path], object]) -> CachedGraph:
    """The graph ``root/key``, built by ``build(empty folder)`` when it is not there. ModelError
    "embedding.cache_unwritable" when ``root`` cannot be written."""
    final = root / key
    if (final / _CHECKSUMS).is_file():
        return CachedGraph(final)
    building: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=root))
        build(building)
        sums = {path.name: file_sha256(path) for path in sorted(building.iterdir())}
        (building / _CHECKSUMS).write_text(json.dumps(sums, indent=1), "utf-8")
        try:
            os.rename(building, final)
        except OSError:
            if not (final / _CHECKSUMS).is_file():  # not the other builder's: a broken leftover
                set_aside(final)
                os.rename(building, final)
    except OSError as error:
        raise ModelError("embedding.cache_unwritable", folder=root, problem=error) from error
    finally:
        if building is not None:
            shutil.rmtree(building, ignore_errors=True)
    return CachedGraph(final)


def set_aside(folder: Path) -> None:
    """Take a broken graph out of the way, so that the next find_or_build builds it again."""
    log.warning("the graph in %s is damaged and will be built again", folder)
    shutil.rmtree(folder, ignore_errors=True)
