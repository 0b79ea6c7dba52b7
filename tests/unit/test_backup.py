"""A library goes into one archive and comes out of it elsewhere; what is damaged or unfit is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import StoreError
from rag.records import Answer, Done
from rag.settings import Settings
from rag.store import Store
from rag.store.restoring import restore
from rag.testing import HashEmbedding

REPORT = b"# Results\n\nRevenue of Harbour Logistics was 1,577 million euros in 2023.\n"
QUESTION = "What was the revenue of Harbour Logistics in 2023?"


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, chat={"kind": "extractive"})


def ask(engine: Engine) -> Answer:
    done = list(engine.ask(QUESTION))[-1]
    assert isinstance(done, Done)
    return done.answer


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "data"
    with Engine.open(settings(folder), embedding=HashEmbedding()) as engine:
        engine.add_document("Harbour 2023.md", REPORT)
        gone = engine.add_document("gone.md", b"# Gone\n\nThis one is deleted again.\n").document
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        engine.delete_document(gone.id)
        ask(engine)
        engine.store.add_document(
            collection_id=1, name="waiting.pdf", sha256="0" * 64, size_bytes=1, password="s3cret"
        )
        adapter = folder / "adapters" / "finance" / "weights.bin"
        adapter.parent.mkdir(parents=True)
        adapter.write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module", params=["library.wenju", "library"])
def archive(library: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("backup") / str(request.param)
    with Store.open(settings(library)) as store:
        made = store.back_up(target)
    assert made.missing == ("0" * 64,)
    assert made.rows["documents"] == 2
    assert [p.name for p in target.parent.iterdir()] == [target.name]
    return target


def test_the_same_question_has_the_same_answer(archive: Path, library: Path, tmp_path: Path) -> None:
    restored = restore(settings(tmp_path / "new"), archive)
    assert restored.missing == ("0" * 64,)
    with (
        Engine.open(settings(library), embedding=HashEmbedding()) as before,
        Engine.open(settings(tmp_path / "new"), embedding=HashEmbedding()) as after,
    ):
        then, now = ask(before), ask(after)
        assert "1,577 million" in now.text
        assert (now.text, now.citations, now.mode) == (then.text, then.citations, then.mode)
        assert after.turns(1)[0].answer.question == QUESTION
        assert after.original(1) == REPORT
        assert after.store.broken_action() is None
        waiting = next(d for d in after.documents() if d.name == "waiting.pdf")
        assert waiting.status == "password"
        newer = after.add_document("new.md", b"# New\n\nNew.\n").document
        assert newer.id == 4  # 2 was given out and is gone: it never comes again
    assert (tmp_path / "new" / "adapters" / "finance" / "weights.bin").read_bytes() == b"weights"


def test_no_secret_is_in_it(archive: Path, library: Path, tmp_path: Path) -> None:
    restore(settings(tmp_path / "new"), archive)
    with sqlite3.connect(tmp_path / "new" / "wenju.db") as connection:
        assert connection.execute("select count(*) from documents where password is not null").fetchone() == (
            0,
        )
        for table in ("secrets", "sessions"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)
    names = names_of(archive)
    assert not [n for n in names if "secret" in n or "session" in n or "index" in n]
    if archive.is_file():
        assert archive.stat().st_mode & 0o077 == 0


def names_of(archive: Path) -> list[str]:
    if archive.is_dir():
        return [p.relative_to(archive).as_posix() for p in archive.rglob("*") if p.is_file()]
    with tarfile.open(archive) as tar:
        return tar.getnames()


def test_restore_wants_an_empty_place(archive: Path, library: Path) -> None:
    with pytest.raises(StoreError) as refused:
        restore(settings(library), archive)
    assert refused.value.code == "backup.not_empty"


def test_backup_never_overwrites(archive: Path, library: Path) -> None:
    with Store.open(settings(library)) as store, pytest.raises(StoreError) as refused:
        store.back_up(archive)
    assert refused.value.code == "backup.there"


def damaged(archive: Path, tmp_path: Path, name: str) -> Path:
    """A copy with one bit of one file turned over."""
    copy = tmp_path / archive.name
    if archive.is_dir():
        shutil.copytree(archive, copy)
        path = copy / name
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        return copy
    with tarfile.open(archive) as tar:
        member = tar.getmember(name)
    data = bytearray(archive.read_bytes())
    data[member.offset_data + member.size - 1] ^= 1
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize("name", ["tables/documents.jsonl.gz", "data/adapters/finance/weights.bin"])
def test_a_flipped_bit_is_named(archive: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError) as refused:
        restore(settings(tmp_path / "new"), damaged(archive, tmp_path, name))
    assert refused.value.code == "backup.damaged"
    assert refused.value.params["member"] == name
    assert not (tmp_path / "new").exists()


def rewritten(archive: Path, tmp_path: Path, **changes: object) -> Path:
    """A folder archive with another manifest."""
    copy = tmp_path / "changed"
    if archive.is_dir():
        shutil.copytree(archive, copy)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(copy, filter="data")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return copy


def test_a_newer_schema_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        restore(settings(tmp_path / "new"), rewritten(archive, tmp_path, schema="9999"))
    assert refused.value.code == "backup.newer"


@pytest.mark.parametrize("name", ["data/a/../../../out", "/etc/passwd", "originals/x", "tables/a/b"])
def test_no_name_leads_out(archive: Path, tmp_path: Path, name: str) -> None:
    files = [{"name": name, "sha256": "0" * 64, "bytes": 1}]
    with pytest.raises(StoreError) as refused:
        restore(settings(tmp_path / "new"), rewritten(archive, tmp_path, files=files))
    assert refused.value.code == "backup.damaged"


@pytest.mark.parametrize("data", [b"", b"no archive at all" * 100, None])
def test_something_else_is_refused(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "x.wenju"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(StoreError) as refused:
        restore(settings(tmp_path / "new"), path)
    assert refused.value.code == "backup.not_one"


def test_half_a_file_is_refused(archive: Path, tmp_path: Path) -> None:
    if archive.is_dir():
        half = tmp_path / "half"
        shutil.copytree(archive, half)
        (half / "manifest.json").unlink()
    else:
        half = tmp_path / "half.wenju"
        half.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(StoreError) as refused:
        restore(settings(tmp_path / "new"), half)
    assert refused.value.code in ("backup.not_one", "backup.damaged")


CHILD = """
import sys, time
from pathlib import Path
from rag.settings import Settings
from rag.store import Store, restoring, backup
slow = lambda f: lambda *a, **k: (print("half", flush=True), time.sleep(30), f(*a, **k))[2]
if sys.argv[1] == "backup":
    backup._sequences = slow(backup._sequences)
    Store.open(Settings(data_dir=Path(sys.argv[2]))).back_up(Path(sys.argv[3]))
else:
    restoring._load = slow(restoring._load)
    restoring.restore(Settings(data_dir=Path(sys.argv[3])), Path(sys.argv[2]))
"""


def killed(*arguments: str) -> None:
    """Runs the child to its half and kills it there."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, env={**os.environ}, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def test_killed_in_the_middle_leaves_nothing_that_counts(library: Path, tmp_path: Path) -> None:
    target, place = tmp_path / "backup.wenju", tmp_path / "new"
    killed("backup", str(library), str(target))
    assert not target.exists()
    with Store.open(settings(library)) as store:
        store.back_up(target)
    killed("restore", str(target), str(place))
    assert not place.exists()
    restore(settings(place), target)
    with Store.open(settings(place)) as store:
        assert len(store.collections()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {target.name, place.name}


FULL = """
import resource, sys
from pathlib import Path
from rag.errors import StoreError
from rag.settings import Settings
from rag.store import Store
from rag.store.restoring import restore
limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    if sys.argv[1] == "backup":
        with Store.open(Settings(data_dir=Path(sys.argv[2]))) as store:
            limit()
            store.back_up(Path(sys.argv[3]))
    else:
        limit()
        restore(Settings(data_dir=Path(sys.argv[3])), Path(sys.argv[2]))
except StoreError:  # SQLite calls the limit an I/O error, not a full disk
    sys.exit(7)
"""


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_a_full_disk_leaves_nothing_behind(library: Path, archive: Path, tmp_path: Path, verb: str) -> None:
    source = library if verb == "backup" else archive
    target = tmp_path / "out.wenju"
    code = subprocess.run(
        [sys.executable, "-c", FULL, verb, str(source), str(target), "3000"], timeout=60, check=False
    ).returncode
    assert code == 7
    assert list(tmp_path.iterdir()) == []
