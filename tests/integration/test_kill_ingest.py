"""kill -9 at twenty random instants of an ingest, then to the end: as if nothing had happened.

Real files, the real sandboxed parser, the real store; only the embedding is a quick fake.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.service import everything
from rag.records import FINAL
from rag.settings import IngestSettings, Settings
from rag.store import Store

KILLS = 20
SEED = 20261123
ROOT = Path(__file__).resolve().parents[2]
# Imports once, then forks a worker for every folder that it reads from its input: a start costs nothing.
NURSERY = """
import logging, os, sys
from pathlib import Path
from ingest.service import IngestService
from rag.settings import IngestSettings, Settings
from rag.store import Store
from rag.testing import HashEmbedding
import ingest.parse, ingest.reindex, fsspec.implementations.local, rag.store.store

logging.basicConfig(level=logging.ERROR)

def work(data, files):
    limits = IngestSettings(workers=2, lease_s=0.4, max_attempts=1000)
    settings = Settings(data_dir=Path(data), ingest=limits)
    store = Store.open(settings)
    collection = store.ensure_collection("default").id
    for path in sorted(Path(files).iterdir()):
        with path.open("rb") as stream:
            sha256, size = store.originals.put(stream)
        store.add_document(
            collection_id=collection, name=path.name, sha256=sha256, size_bytes=size, source=str(path)
        )
    IngestService(store, settings, HashEmbedding(16, delay_s=0.003)).run_until_idle()
    store.close()

for line in sys.stdin:
    data, files = line.rstrip().split("|")
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work(data, files)
            code = 0
        finally:
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""

pytestmark = pytest.mark.integration


def sentences(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    words = ("revenue", "profit", "cash", "assets", "margin", "region", "segment", "quarter", "growth")
    return [
        f"In {1990 + n} the {chance.choice(words)} of unit {seed} moved by {chance.randint(1, 999)} "
        f"because of {chance.choice(words)} and {chance.choice(words)}."
        for n in range(count)
    ]


def make_files(folder: Path) -> None:
    from docx import Document
    from reportlab.pdfgen.canvas import Canvas

    folder.mkdir()
    for number in range(4):
        canvas = Canvas(str(folder / f"report{number}.pdf"), invariant=1)
        for page in range(4 + number):
            for line, words in enumerate(sentences(100 * number + page, 25)):
                canvas.drawString(50, 780 - 25 * line, words)
            canvas.showPage()
        canvas.save()
        document = Document()
        document.add_heading(f"Word report {number}", 1)
        for words in sentences(1000 + number, 60):
            document.add_paragraph(words)
        document.save(str(folder / f"word{number}.docx"))
        pages = (" ".join(sentences(2000 + 10 * number + page, 20)) for page in range(5))
        (folder / f"text{number}.txt").write_text("\f".join(pages))
    (folder / "torn.pdf").write_bytes((folder / "report3.pdf").read_bytes()[:300])


class Nursery:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def run(self, data: Path, files: Path, kill_after_s: float = 60.0) -> tuple[int, float]:
        """The worker's exit code, -9 when it was killed, and the seconds that it lived."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{data}|{files}\n".encode())
        began = time.monotonic()
        pid = int(self.process.stdout.readline())
        if not select.select([self.process.stdout], [], [], kill_after_s)[0]:
            # Not its children: they must notice by themselves.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return int(self.process.stdout.readline()), time.monotonic() - began

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    found = Nursery()
    yield found
    found.close()


def contents(data: Path) -> dict[str, tuple[object, ...]]:
    """Everything that can be seen of the library, without ids and times. Fails when one is half there."""
    settings = Settings(data_dir=data, ingest=IngestSettings())
    with Store.open(settings) as store:
        active = store.active_spec()
        chunks = {} if active is None else {c.id: c for c in store.iter_chunks(active[0])}
        vectors = {} if active is None else {int(i): m for ids, m in _rows(store, active[0]) for i in ids}
        documents = store.documents(everything(store))
        ready = {d.id: d for d in documents if d.status == "ready"}
        assert chunks.keys() == vectors.keys()
        assert {c.document_id for c in chunks.values()} == ready.keys()
        for document in documents:
            mine = [c for c in chunks.values() if c.document_id == document.id]
            if document.id in ready:
                assert [c.ordinal for c in mine] == list(range(document.chunk_count))
                assert len(store.pages(document.id)) == document.page_count > 0
                text = store.document_text(document.id)
                assert all(text[c.char_start : c.char_end] == c.text for c in mine)
            else:
                assert not mine
                assert not store.pages(document.id)
            assert store.originals.exists(document.sha256)
        assert len({d.sha256 for d in documents}) == len(documents)
        return {
            document.name: (
                document.status,
                (document.error_code, dict(document.error_params)),
                document.title,
                document.page_count,
                document.chunk_count,
                [page.text for page in store.pages(document.id)],
                [
                    (c.text, c.char_start, c.section_path, c.boxes, hashlib.sha256(vectors[c.id]).hexdigest())
                    for c in chunks.values()
                    if c.document_id == document.id
                ],
            )
            for document in documents
        }


def _rows(store: Store, spec_id: int) -> list[tuple[list[int], bytes]]:
    return [
        ([int(i)], matrix[row].tobytes())
        for ids, matrix in store.iter_vectors(spec_id)
        for row, i in enumerate(ids)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL: Linux or macOS")
def test_killed_twenty_times_it_ends_as_if_never_killed(tmp_path: Path, nursery: Nursery) -> None:
    files = tmp_path / "files"
    make_files(files)
    code, took = nursery.run(tmp_path / "whole", files)
    assert code == 0
    expected = contents(tmp_path / "whole")
    assert len(expected) == 13
    assert sum(status == "ready" for status, *_ in expected.values()) == 12

    data = tmp_path / "killed"
    chance = random.Random(SEED)
    kills, states = 0, set()
    while kills < KILLS:
        # At any moment of a whole run: while files are added, read, embedded and written.
        code, lived = nursery.run(data, files, chance.uniform(0.0, 0.9 * took))
        seen = contents(data)
        for name, found in seen.items():
            if found[0] in FINAL:
                assert found == expected[name], f"after kill {kills}"
        kills += code == -signal.SIGKILL
        states.add(sum(found[0] in FINAL for found in seen.values()))
        if code == 0 or states & {len(expected)}:
            assert seen == expected
            took = min(took, max(lived, took / 2))  # this machine is quicker than it was
            if kills < KILLS:
                shutil.rmtree(data)  # all done: from the start again
                states.discard(len(expected))
    print(f"a whole run took {took:.1f} s; documents done when killed: {sorted(states)}")
    assert len(states) > 1  # the kills found the work in different states
    assert nursery.run(data, files)[0] == 0
    assert contents(data) == expected
