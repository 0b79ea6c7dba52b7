"""The whole library in one archive, taken while it is in use.

Promises: all tables are of one instant (one read transaction); every file's SHA-256 stands in the manifest;
the archive is complete under its name or not there; the same format for SQLite and PostgreSQL, readable by
both. Left out: indexes and pictures (views, built again), secrets of the library, browser sessions, sign-in
failures, kept replies, and passwords of protected PDFs (docs/decisions/0003).

Layout: ``manifest.json``, ``tables/NAME.jsonl.gz`` (a row a line), ``originals/SHA256``, ``data/...`` (files
of the data folder: adapters, training data). A file with that layout is a tar; a folder is a folder.
"""

from __future__ import annotations

import base64
import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import DiskFull, StoreError
from rag.settings import Settings
from rag.store.base import Room
from rag.store.schema import HEAD, documents, metadata

FORMAT = 1
MANIFEST = "manifest.json"
LEFT_OUT = frozenset({"secrets", "sessions", "sign_in_failures", "idempotency", "orphans"})
FOLDERS = ("adapters", "train_sets", "tune_jobs", "tune_cycles", "teacher")  # of the data folder
PATH_COLUMNS = {("adapters", "path"), ("train_sets", "path"), ("tune_jobs", "log_path")}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Backup:
    """``missing``: SHA-256 of originals that were not there any more."""

    path: Path
    rows: dict[str, int]
    files: int
    size_bytes: int
    missing: tuple[str, ...]


class Backups(Room):
    """Mixed into Store."""

    def back_up(self, target: Path) -> Backup:
        """Writes ``target``: a folder when the name has no suffix, else one file. Raises
        StoreError("backup.there"), DiskFull, StoreError; then nothing is left of it."""
        if target.exists():
            raise StoreError("backup.there", path=target)
        partial = target.with_name(f".{target.name}.part")
        try:
            with _full(target):
                _remove(partial)
                target.parent.mkdir(parents=True, exist_ok=True)
                archive: _Archive = _Folder(partial) if not target.suffix else _Tar(partial)
                with archive:
                    made = self._write(archive)
                os.replace(partial, target)
                _sync(target.parent)
        except BaseException:
            with suppress(OSError):
                _remove(partial)
            raise
        return Backup(target, made.rows, len(made.files), made.bytes, tuple(made.missing))

    def _write(self, archive: _Archive) -> _Made:
        made = _Made()
        roots = file_roots(self.settings)
        with self._db.read() as connection:
            sequences = _sequences(connection)
            for table in metadata.sorted_tables:
                if table.name not in LEFT_OUT:
                    self._dump(archive, connection, table, roots, made)
            wanted = set(connection.execute(sa.select(documents.c.sha256)).scalars()) | set(
                connection.execute(sa.select(documents.c.rendition_sha256)).scalars()
            )
        for sha256 in sorted(wanted - {""}):
            try:
                with self.originals.open(sha256) as stream:
                    made.add(archive.put(f"originals/{sha256}", stream))
            except StoreError as error:
                if error.code != "store.original_missing":
                    raise
                made.missing.append(sha256)
        for name, root in roots.items():
            for path in sorted(root.rglob("*")) if root.is_dir() else ():
                if path.is_file() and not path.is_symlink():
                    with path.open("rb") as stream:
                        made.add(archive.put(f"data/{name}/{path.relative_to(root).as_posix()}", stream))
        manifest = {
            "format": FORMAT,
            "schema": HEAD,
            "made_at": datetime.now(UTC).isoformat(),
            "database": self._db.kind,
            "rows": made.rows,
            "sequences": sequences,
            "missing_originals": made.missing,
            "files": made.files,
        }
        archive.put(MANIFEST, io.BytesIO(json.dumps(manifest, ensure_ascii=False, indent=1).encode()))
        return made

    def _dump(
        self, archive: _Archive, connection: Connection, table: sa.Table, roots: dict[str, Path], made: _Made
    ) -> None:
        columns = [c.name for c in table.columns]
        # A server-side cursor: a large table does not fit in memory.
        rows = connection.execution_options(yield_per=500).execute(
            sa.select(table).order_by(*table.primary_key.columns)
        )
        count = 0
        with tempfile.TemporaryFile(dir=archive.beside) as spool:
            with gzip.GzipFile(fileobj=spool, mode="wb", compresslevel=3, mtime=0) as packed:
                for row in rows:
                    values = _settled(table.name, dict(zip(columns, row, strict=True)), roots)
                    line = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=_plain)
                    packed.write(line.encode("utf-8", "surrogatepass") + b"\n")
                    count += 1
            spool.seek(0)
            made.add(archive.put(f"tables/{table.name}.jsonl.gz", spool))
        made.rows[table.name] = count


def file_roots(settings: Settings) -> dict[str, Path]:
    """The folders of a library besides database and originals, by the name they have in a backup."""
    roots = {name: settings.data_dir.absolute() / name for name in FOLDERS}
    if settings.tuning.adapters_dir is not None:
        roots["adapters"] = settings.tuning.adapters_dir.absolute()
    return roots


def _settled(table: str, values: dict[str, Any], roots: dict[str, Path]) -> dict[str, Any]:
    """A row as it means the same elsewhere: nobody holds a lease there, no password is kept, and paths go on
    from the folder they lie in."""
    if table == "documents":
        waiting = values["status"] in ("parsing", "embedding", "queued")
        if waiting:
            values["status"] = "password" if values["password"] else "queued"
            values |= {"pages_done": 0, "chunks_done": 0}
        values |= {"password": None, "lease_owner": "", "lease_token": "", "lease_until": 0.0}
    for name in values:
        if (table, name) in PATH_COLUMNS and values[name]:
            for root, folder in roots.items():
                path = Path(values[name])
                if path.is_absolute() and path.is_relative_to(folder):
                    values[name] = f"{root}:/{path.relative_to(folder).as_posix()}"
    return values


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {"$time": value.astimezone(UTC).isoformat()}
    if isinstance(value, bytes | memoryview):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    raise TypeError(type(value).__name__)


def _sequences(connection: Connection) -> dict[str, int]:
    """The greatest id that each table has given out, rows that are gone included."""
    found: dict[str, int] = {}
    for table in metadata.sorted_tables:
        key = next(iter(table.primary_key.columns), None)
        if key is None or key.name != "id" or not isinstance(key.type, sa.BigInteger):
            continue
        if connection.dialect.name == "sqlite":
            query = sa.text("select seq from sqlite_sequence where name = :name")
            last = connection.execute(query, {"name": table.name}).scalar()
        else:
            sequence = connection.execute(
                sa.select(sa.func.pg_get_serial_sequence(table.name, "id"))
            ).scalar()
            # is_called is false for a sequence that has given out nothing.
            last = (
                sequence
                and connection.execute(
                    sa.text(f"select case when is_called then last_value else 0 end from {sequence}")
                ).scalar()
            )
        found[table.name] = int(last or 0)
    return found


# -------------------------------------------------------------------- archives


@dataclass
class _Made:
    rows: dict[str, int] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    bytes: int = 0

    def add(self, entry: dict[str, Any]) -> None:
        self.files.append(entry)
        self.bytes += entry["bytes"]


class _Archive:
    beside: Path  # a folder on the same disk, for temporary files

    def put(self, name: str, stream: BinaryIO) -> dict[str, Any]:
        raise NotImplementedError

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, kind: object, *_: object) -> None: ...


class _Folder(_Archive):
    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, mode=0o700)
        self._path = self.beside = path

    def put(self, name: str, stream: BinaryIO) -> dict[str, Any]:
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as out:
            while block := stream.read(1 << 20):
                digest.update(block)
                size += len(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        return {"name": name, "sha256": digest.hexdigest(), "bytes": size}


class _Tar(_Archive):
    def __init__(self, path: Path) -> None:
        self.beside = path.parent
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._out = os.fdopen(handle, "wb")
        self._tar = tarfile.TarFile(fileobj=self._out, mode="w", format=tarfile.PAX_FORMAT)

    def put(self, name: str, stream: BinaryIO) -> dict[str, Any]:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(time.time())
        hashed = _Hashed(stream)
        self._tar.addfile(member, hashed)
        return {"name": name, "sha256": hashed.digest.hexdigest(), "bytes": size}

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._tar.close()
                self._out.flush()
                os.fsync(self._out.fileno())
        finally:
            self._out.close()


class _Hashed:
    """A stream that is hashed as it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


@contextmanager
def _full(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull("store.disk_full", path=path.parent) from error
        raise StoreError("store.unwritable", path=path, detail=error.strerror or error) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    if os.name == "nt":  # no handle on a folder there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
