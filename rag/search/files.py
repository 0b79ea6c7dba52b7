"""Folders of index files that prove themselves: a manifest with the SHA-256 of every file and of itself.

Promises: a folder is published by one rename after all of it is on disk; a flipped bit, a missing or an
unknown file is noticed before anything is read from it; a lock is freed when its process dies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag.records import EmbeddingSpec

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


class CorruptFolder(Exception):
    """What is wrong with an index folder, in a few words for the log."""


@lru_cache(maxsize=16)
def spec_fingerprint(spec: EmbeddingSpec) -> str:
    """16 hex digits that differ when any field of the spec does."""
    text = json.dumps(asdict(spec), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def fsync_path(path: Path) -> None:
    """Flush a file or folder to disk (folders: where the system can)."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def write_manifest(path: Path, body: Mapping[str, Any]) -> None:
    """``body`` with its own checksum, replaced atomically."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    text = json.dumps({"body": body, "sha256": _digest(body)}, sort_keys=True, ensure_ascii=False, indent=1)
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)
    fsync_path(path.parent)


def read_manifest(path: Path) -> dict[str, Any]:
    """The body. Raises CorruptFolder (missing, not JSON, checksum wrong)."""
    try:
        found = json.loads(path.read_text("utf-8"))
        body = found["body"]
        if not isinstance(body, dict) or found["sha256"] != _digest(body):
            raise CorruptFolder(f"{path.name}: checksum differs")
    except FileNotFoundError as error:
        raise CorruptFolder(f"{path.name}: missing") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptFolder(f"{path.name}: unreadable") from error
    return body


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: sha256_of(folder / name) for name in names}


def verify(folder: Path, expected: Mapping[str, str]) -> None:
    """Raises CorruptFolder naming the first file that is missing or differs."""
    for name, digest in expected.items():
        if not name or Path(name).name != name:
            raise CorruptFolder("a file name in the manifest leaves the folder")
        try:
            if sha256_of(folder / name) != digest:
                raise CorruptFolder(f"{name}: checksum differs")
        except OSError as error:
            raise CorruptFolder(f"{name}: missing or unreadable") from error


def set_aside(path: Path, *, keep: int = 2) -> None:
    """Move a bad file or folder out of the way (``*.bad-<ns>``); only the newest ``keep`` are kept."""
    with contextlib.suppress(FileNotFoundError):
        path.rename(path.with_name(f"{path.name}.bad-{time.time_ns()}"))
    for old in sorted(path.parent.glob("*.bad-*"), key=lambda p: p.name.rsplit("-", 1)[1])[:-keep]:
        remove(old)


def remove(path: Path) -> None:
    """Delete a file or folder; what another process still holds open stays for the next time."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def exclusive(path: Path, wait_s: float = 0.0) -> Iterator[bool]:
    """Holds the lock file ``path``; yields False when another holder keeps it past ``wait_s``. Between
    processes and between threads; freed by the system when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + wait_s
    try:
        while not (held := _try_lock(handle)) and time.monotonic() < until:
            time.sleep(0.02)
        yield held
    finally:
        os.close(handle)  # frees the lock


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
