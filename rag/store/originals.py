"""The uploaded files themselves, by the SHA-256 of their bytes.

In a folder by default, or anywhere fsspec reaches. A file is all there under its name or not there: bytes
stream into a temporary file, are hashed on the way, forced to disk and renamed. No user string ever enters
a path. Nothing here knows who refers to which bytes: the store decides when they go.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from rag.breaker import breaker_for
from rag.errors import DiskFull, StoreError, WenjuError
from rag.settings import LoadSettings, Settings

_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Originals:
    """``url`` is an fsspec URL ("s3://bucket/originals", "memory://x") or a folder's path."""

    def __init__(self, url: str, load: LoadSettings | None = None) -> None:
        self.url = url
        self._breaker = breaker_for("originals", url, load or LoadSettings())
        self._local = "://" not in url or url.startswith("file://")
        self._fs: Any = None
        self._root = ""

    @classmethod
    def of(cls, settings: Settings) -> Originals:
        url = settings.originals_url or str((settings.data_dir / "originals").absolute())
        return cls(url, settings.load)

    def put(self, stream: BinaryIO) -> tuple[str, int]:
        """Reads ``stream`` to its end and keeps its bytes: (SHA-256 in lower-case hex, size in bytes).
        Bytes already there are not written again. Raises DiskFull, StoreError; then nothing is left behind.
        """
        temporary = self._join("tmp", uuid.uuid4().hex)
        digest, size = hashlib.sha256(), 0
        with self._translated():
            out = self._create(temporary)
        try:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                with self._translated():
                    out.write(block)
            sha256 = digest.hexdigest()
            with self._translated():
                if self._local:
                    out.flush()
                    os.fsync(out.fileno())
                out.close()
                if not self._holds(sha256, size):
                    self._publish(temporary, self._path(sha256))
        finally:
            with suppress(OSError):
                out.close()
            with suppress(OSError):
                if self._files.exists(temporary):
                    self._files.rm_file(temporary)
        return sha256, size

    def _holds(self, sha256: str, size: int) -> bool:
        """Bytes of another size under that name are damaged, and are written anew."""
        path = self._path(sha256)
        return bool(self._files.exists(path)) and self._files.size(path) == size

    def exists(self, sha256: str) -> bool:
        with self._translated():
            return bool(self._files.exists(self._path(sha256)))

    def open(self, sha256: str) -> BinaryIO:
        """The bytes for reading, seekable. Raises StoreError when they are gone."""
        with self._translated(sha256):
            stream: BinaryIO = self._files.open(self._path(sha256), "rb")
            return stream

    @contextmanager
    def local_path(self, sha256: str) -> Iterator[Path]:
        """A real path with the bytes, valid inside the ``with``: the file itself in a local folder (don't
        write to it), else a temporary copy. Raises StoreError, DiskFull."""
        if self._local:
            path = Path(self._path(sha256))
            if not path.is_file():
                raise StoreError("store.original_missing", sha256=sha256, path=self.url)
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="wenju-") as folder:
            path = Path(folder) / sha256
            with self._translated(sha256):
                self._files.get_file(self._path(sha256), str(path))
            yield path

    def delete(self, sha256: str) -> None:
        """Removes the bytes; not there is fine."""
        with self._translated(), suppress(FileNotFoundError):
            self._files.rm_file(self._path(sha256))

    def stored_before(self, moment: float) -> list[str]:
        """SHA-256 of the bytes put here before ``moment`` (seconds since 1970). Half-written files as old
        are removed on the way."""
        found = []
        with self._translated(), suppress(FileNotFoundError):
            for path in self._files.find(self._join("")):
                if self._modified(path) >= moment:
                    continue
                name = path.rpartition("/")[2]
                if _SHA256.fullmatch(name):
                    found.append(name)
                elif path.startswith(self._join("tmp", "")):
                    with suppress(FileNotFoundError):
                        self._files.rm_file(path)
        return found

    def _modified(self, path: str) -> float:
        try:
            when = self._files.modified(path)
        except (NotImplementedError, FileNotFoundError):
            return math.inf
        return float(when.timestamp())

    @property
    def _files(self) -> Any:
        if self._fs is None:
            import fsspec

            try:
                self._fs, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False)
            except (ImportError, ValueError) as error:
                raise StoreError("store.bad_originals_url", url=self.url, detail=error) from error
        return self._fs

    def _join(self, *parts: str) -> str:
        _ = self._files
        return "/".join((self._root.rstrip("/"), *parts))

    def _path(self, sha256: str) -> str:
        if not _SHA256.fullmatch(sha256):
            raise StoreError("store.original_missing", sha256=sha256[:64], path=self.url)
        return self._join(sha256[:2], sha256[2:4], sha256)

    def _create(self, path: str) -> Any:
        if not self._local:
            return self._files.open(path, "wb")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return open(path, "wb")  # not through fsspec: fsync needs the real file

    def _publish(self, temporary: str, path: str) -> None:
        if not self._local:
            self._files.mv(temporary, path)
            return
        folder = Path(path).parent
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, path)
        # The new name itself must survive a power cut, and the names of folders just made.
        for directory in (folder, folder.parent, folder.parent.parent)[: 3 if made else 1]:
            _sync_folder(directory)

    @contextmanager
    def _translated(self, sha256: str = "") -> Iterator[None]:
        try:
            if self._local:
                yield
            else:
                with self._breaker.call(StoreError, lambda error: not isinstance(error, FileNotFoundError)):
                    yield
        except FileNotFoundError as error:
            if not sha256:
                raise StoreError("store.unwritable", path=self.url, detail=_reason(error)) from error
            raise StoreError("store.original_missing", sha256=sha256, path=self.url) from error
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull("store.disk_full", path=self.url) from error
            raise StoreError("store.unwritable", path=self.url, detail=_reason(error)) from error
        except WenjuError:
            raise
        except Exception as error:
            if self._local:
                raise
            # Clients of object stores raise their own kinds.
            detail = f"{type(error).__name__}: {error}"[:300]
            raise StoreError("store.unwritable", path=self.url, detail=detail) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # no handle on a folder there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
