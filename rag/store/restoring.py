"""A backup put into an empty place.

Promises: every file of the archive is checked against its SHA-256 before anything is written; the target is
empty or it is refused; the database comes up in one transaction and the data folder in one rename, so a
restore that is killed leaves nothing that could be taken for a library; an older schema is migrated.
"""

from __future__ import annotations

import base64
import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import DiskFull, StoreError
from rag.settings import Settings
from rag.store.backup import FORMAT, MANIFEST, PATH_COLUMNS, file_roots
from rag.store.database import Database
from rag.store.migrate import current_version, known_versions, upgrade
from rag.store.originals import Originals
from rag.store.schema import HEAD

_NAME = re.compile(r"tables/[a-z_]+\.jsonl\.gz|originals/[0-9a-f]{64}|data/[a-z_]+/.+")
_BATCH = 500
_MARK = ".restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    path: Path
    rows: Mapping[str, int]
    missing: tuple[str, ...]


def restore(settings: Settings, source: Path) -> Restored:
    """Raises StoreError ("backup.not_one", "backup.damaged" naming the file, "backup.newer",
    "backup.not_empty"), DiskFull."""
    with ExitStack() as stack, _translated(settings.data_dir):
        archive = stack.enter_context(_open(source))
        manifest = _manifest(archive, source)
        _check(archive, manifest, source)
        target = settings.data_dir.absolute()
        if target.exists() and any(target.iterdir()):
            raise StoreError("backup.not_empty", path=target)
        staging = target.with_name(f".{target.name}{_MARK}")
        shutil.rmtree(staging, ignore_errors=True)  # of a restore that was killed
        staging.mkdir(parents=True)
        try:
            _fill(archive, manifest, settings, staging, source)
            if target.exists():
                target.rmdir()
            os.replace(staging, target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    return Restored(target, manifest["rows"], tuple(manifest["missing_originals"]))


def _fill(
    archive: _Reader, manifest: Mapping[str, Any], settings: Settings, staging: Path, source: Path
) -> None:
    """Files first: the database is what makes them a library."""
    inside = settings.model_copy(update={"data_dir": staging})
    originals = Originals.of(inside)
    folders = {name: staging / root.name for name, root in file_roots(settings).items()}
    if settings.tuning.adapters_dir is not None:
        folders["adapters"] = settings.tuning.adapters_dir.absolute()
    for entry in manifest["files"]:
        kind, _, rest = str(entry["name"]).partition("/")
        if kind == "originals":
            with archive.open(entry["name"]) as stream:
                originals.put(stream)
        elif kind == "data":
            name, _, inner = rest.partition("/")
            if name in folders:
                path = folders[name] / inner
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry["name"]) as stream, path.open("xb") as out:
                    shutil.copyfileobj(stream, out)
    database = Database(inside.resolved_database_url, foreign_keys=False)
    try:
        with database.write() as connection:
            if current_version(connection) is not None:
                raise StoreError("backup.not_empty", path=database.label)
            upgrade(connection, manifest["schema"])
            _load(archive, manifest, connection, file_roots(settings))
            upgrade(connection, HEAD)
    finally:
        database.close()


def _load(
    archive: _Reader, manifest: Mapping[str, Any], connection: Connection, roots: Mapping[str, Path]
) -> None:
    there = sa.MetaData()
    there.reflect(connection)
    for table in there.sorted_tables:
        if table.name not in manifest["rows"]:
            continue
        connection.execute(sa.delete(table))  # what migrations put there
        times = {c.name for c in table.columns if isinstance(c.type, sa.DateTime)}
        flags = {c.name for c in table.columns if isinstance(c.type, sa.Boolean)}
        batch: list[dict[str, Any]] = []
        with archive.open(f"tables/{table.name}.jsonl.gz") as stream, gzip.open(stream, "rb") as lines:
            for line in lines:
                row = {k: _value(v) for k, v in json.loads(line).items()}
                for name in times & row.keys():
                    row[name] = _time(row[name], connection)
                for name in flags & row.keys():
                    row[name] = None if row[name] is None else bool(row[name])
                batch.append(_placed(table.name, row, roots))
                if len(batch) >= _BATCH:
                    connection.execute(sa.insert(table), batch)
                    batch = []
        if batch:
            connection.execute(sa.insert(table), batch)
    for name, last in manifest["sequences"].items():
        if last and name in there.tables:
            _set_sequence(connection, name, int(last))


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["$bytes"]) if "$bytes" in value else value["$time"]
    return value


def _time(value: str | None, connection: Connection) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value).astimezone(UTC)
    return moment.replace(tzinfo=None) if connection.dialect.name == "sqlite" else moment


def _placed(table: str, row: dict[str, Any], roots: Mapping[str, Path]) -> dict[str, Any]:
    for name in row:
        if (table, name) in PATH_COLUMNS and row[name]:
            root, mark, rest = str(row[name]).partition(":/")
            if mark and root in roots:
                row[name] = str(roots[root] / rest)
    return row


def _set_sequence(connection: Connection, table: str, last: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("delete from sqlite_sequence where name = :name"), {"name": table})
        connection.execute(
            sa.text("insert into sqlite_sequence (name, seq) values (:name, :last)"),
            {"name": table, "last": last},
        )
    else:
        sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table, "id"))).scalar()
        if sequence:
            connection.execute(sa.select(sa.func.setval(sequence, last)))


# -------------------------------------------------------------------- reading an archive


class _Reader:
    def open(self, name: str) -> BinaryIO:
        """Raises KeyError, OSError."""
        raise NotImplementedError


class _FolderReader(_Reader):
    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, name: str) -> BinaryIO:
        return (self._path / name).open("rb")


class _TarReader(_Reader):
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {m.name: m for m in tar.getmembers() if m.isfile()}

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._tar.extractfile(self._members[name]))


@contextmanager
def _open(source: Path) -> Iterator[_Reader]:
    if source.is_dir():
        yield _FolderReader(source)
        return
    try:
        tar = tarfile.TarFile(source)
    except FileNotFoundError as error:
        raise StoreError("backup.not_one", path=source, detail=error.strerror or error) from error
    except (tarfile.TarError, OSError) as error:
        raise StoreError("backup.not_one", path=source, detail=error) from error
    with tar:
        try:
            reader = _TarReader(tar)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise StoreError("backup.damaged", path=source, member="?", detail=error) from error
        yield reader


def _manifest(archive: _Reader, source: Path) -> Mapping[str, Any]:
    try:
        with archive.open(MANIFEST) as stream:
            manifest: Mapping[str, Any] = json.loads(stream.read(64 << 20))
        entries = manifest["files"]
        _ = manifest["rows"], manifest["sequences"], manifest["missing_originals"], manifest["schema"]
        names = [str(entry["name"]) for entry in entries]
    except (KeyError, OSError, ValueError, TypeError) as error:
        raise StoreError("backup.not_one", path=source, detail=f"{MANIFEST}: {error!r}") from error
    if manifest["format"] != FORMAT or manifest["schema"] not in known_versions():
        raise StoreError("backup.newer", path=source, found=manifest["schema"], expected=HEAD)
    for name in names:
        if not _NAME.fullmatch(name) or ".." in PurePosixPath(name).parts or "\\" in name:
            raise StoreError("backup.damaged", path=source, member=name[:120], detail="name")
    for table in manifest["rows"]:
        if f"tables/{table}.jsonl.gz" not in names:
            raise StoreError("backup.damaged", path=source, member=f"tables/{table}.jsonl.gz", detail="-")
    return manifest


def _check(archive: _Reader, manifest: Mapping[str, Any], source: Path) -> None:
    for entry in manifest["files"]:
        digest, size = hashlib.sha256(), 0
        try:
            with archive.open(entry["name"]) as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
                    size += len(block)
        except (KeyError, OSError, tarfile.TarError, EOFError) as error:
            raise StoreError(
                "backup.damaged", path=source, member=entry["name"], detail=repr(error)
            ) from error
        if digest.hexdigest() != entry["sha256"] or size != entry["bytes"]:
            raise StoreError("backup.damaged", path=source, member=entry["name"], detail="SHA-256")


@contextmanager
def _translated(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull("store.disk_full", path=target) from error
        raise StoreError("store.unwritable", path=target, detail=error.strerror or error) from error
