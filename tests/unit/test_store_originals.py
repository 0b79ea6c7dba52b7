"""Originals: all there under their hash or not there, in a folder and elsewhere."""

from __future__ import annotations

import errno
import io
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from store_kit import Kit, digest

from rag.errors import DiskFull, StoreError
from rag.settings import Settings
from rag.store import Originals, Store


@pytest.fixture(params=["folder", "file URL", "memory"])
def originals(request: pytest.FixtureRequest, tmp_path: Path) -> Originals:
    return Originals(
        {
            "folder": str(tmp_path / "o"),
            "file URL": (tmp_path / "o").as_uri(),
            "memory": f"memory://{uuid.uuid4().hex}",
        }[request.param]
    )


def left(originals: Originals) -> list[str]:
    return [p.rpartition("/")[2] for p in originals._files.find(originals._join(""))]


def test_round_trip(originals: Originals) -> None:
    sha256, size = originals.put(io.BytesIO(b"hello"))
    assert (sha256, size) == (digest("hello"), 5)
    assert originals.exists(sha256)
    assert originals.put(io.BytesIO(b"hello")) == (sha256, 5)
    assert left(originals) == [sha256]
    with originals.open(sha256) as stream:
        stream.seek(1)
        assert stream.read() == b"ello"
    with originals.local_path(sha256) as path:
        assert path.read_bytes() == b"hello"
    originals.delete(sha256)
    originals.delete(sha256)
    assert not originals.exists(sha256)
    assert left(originals) == []


def test_missing_names_itself_and_the_place(originals: Originals) -> None:
    for call in (originals.open, lambda h: originals.local_path(h).__enter__()):
        with pytest.raises(StoreError) as error:
            call("0" * 64)
        assert error.value.code == "store.original_missing"
        assert "0" * 64 in str(error.value)
        assert originals.url in str(error.value)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "/" * 64])
def test_only_hashes_are_names(originals: Originals, name: str) -> None:
    for call in (originals.open, originals.exists, originals.delete):
        with pytest.raises(StoreError):
            call(name)


def test_sharded(tmp_path: Path) -> None:
    originals = Originals(str(tmp_path))
    sha256, _ = originals.put(io.BytesIO(b"x"))
    assert (tmp_path / sha256[:2] / sha256[2:4] / sha256).read_bytes() == b"x"


def test_damaged_bytes_are_written_anew(tmp_path: Path) -> None:
    originals = Originals(str(tmp_path))
    sha256, _ = originals.put(io.BytesIO(b"hello"))
    (tmp_path / sha256[:2] / sha256[2:4] / sha256).write_bytes(b"hel")
    originals.put(io.BytesIO(b"hello"))
    with originals.open(sha256) as stream:
        assert stream.read() == b"hello"


@budget(max_examples=25, deadline=None)
@given(blobs=st.lists(st.binary(max_size=300), min_size=1, max_size=8))
def test_any_bytes_at_once(tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes]) -> None:
    originals = Originals(str(tmp_path_factory.mktemp("o")))
    with ThreadPoolExecutor(4) as pool:
        names = [sha for sha, _ in pool.map(lambda b: originals.put(io.BytesIO(b)), [*blobs, *blobs])]
    assert sorted(left(originals)) == sorted(set(names))
    for sha256, blob in zip(names, [*blobs, *blobs], strict=True):
        with originals.open(sha256) as stream:
            assert stream.read() == blob


class Breaking(io.RawIOBase):
    """A stream that ends in an error after its first block."""

    def __init__(self) -> None:
        self.blocks = [b"x" * 100]

    def read(self, size: int = -1) -> bytes:
        if not self.blocks:
            raise ConnectionResetError("the browser went away")
        return self.blocks.pop()


def test_a_cut_upload_leaves_nothing(originals: Originals) -> None:
    with pytest.raises(ConnectionResetError):
        originals.put(Breaking())  # type: ignore[arg-type]
    assert left(originals) == []


class Full:
    """A file on a disk without space."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self.file.close()


def test_disk_full_says_so_and_leaves_nothing(originals: Originals, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256, _ = originals.put(io.BytesIO(b"before"))
    create = originals._create
    monkeypatch.setattr(originals, "_create", lambda path: Full(create(path)))
    with pytest.raises(DiskFull) as error:
        originals.put(io.BytesIO(b"x" * 100))
    assert originals.url in str(error.value)
    assert "free space" in str(error.value)
    assert left(originals) == [sha256]
    with originals.open(sha256) as stream:
        assert stream.read() == b"before"


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    originals = Originals(str(tmp_path / "file" / "originals"))
    with pytest.raises(StoreError) as error:
        originals.put(io.BytesIO(b"x"))
    assert error.value.code == "store.unwritable"
    assert "WENJU_DATA_DIR" in str(error.value)


def test_an_unknown_protocol_names_the_remedy() -> None:
    with pytest.raises(StoreError) as error:
        Originals("nosuch://bucket").put(io.BytesIO(b"x"))
    assert error.value.code == "store.bad_originals_url"


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    with Store.open(Settings(data_dir=tmp_path / "data")) as store:
        yield Kit(store)


def test_sweep_removes_only_what_nobody_has(kit: Kit) -> None:
    originals = kit.store.originals
    document, _ = kit.add("mine")
    lost, _ = originals.put(io.BytesIO(b"of a killed process"))
    half = Path(originals.url) / "tmp" / uuid.uuid4().hex
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    assert kit.store.sweep_originals() == 0
    assert half.exists()
    time.sleep(0.01)
    assert kit.store.sweep_originals(older_than_s=0) == 1
    assert originals.exists(document.sha256)
    assert not originals.exists(lost)
    assert not half.exists()


def test_sweep_of_nothing(kit: Kit) -> None:
    assert kit.store.sweep_originals(older_than_s=0) == 0


def test_bytes_that_cannot_go_now_go_later(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    document, _ = kit.add("x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _refuse)
        patch.setattr(os, "remove", _refuse)
        kit.store.delete_document(document.id)
    assert kit.store.documents(kit.scope) == []
    assert kit.store.originals.exists(document.sha256)
    Store.open(kit.store.settings).close()
    assert not kit.store.originals.exists(document.sha256)


def _refuse(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EPERM, "held open elsewhere")
