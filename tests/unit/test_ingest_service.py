"""The ingest worker against a real store: what ends where, and what is shared, retried, given back."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest.embedder import Embedder, Stopped
from ingest.service import IngestEvent, IngestService, everything
from rag.errors import DiskFull, DocumentError, IndexMismatch, ModelUnavailable, SandboxError
from rag.records import Document, Page, ParsedDocument
from rag.settings import IngestSettings, Settings
from rag.store import Store
from rag.testing import HashEmbedding


class FakeParser:
    """Form feeds part pages; the first word may order a fault."""

    workers = 2

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.calls = 0
        self.closed = 0

    def parse(
        self, path: Path, name: str, password: str | None, on_progress: Callable[[int, int], None]
    ) -> ParsedDocument:
        self.calls += 1
        text = path.read_text()
        pages = tuple(Page(n, t) for n, t in enumerate(text.split("\f"), 1))
        for number in range(1, len(pages) + 1):
            on_progress(number, len(pages))
        while not self.gate.wait(0.01):
            on_progress(len(pages), len(pages))
        if text.startswith("SECRET"):
            if password != "open":
                raise DocumentError("password", "document.password", name=name)
            return ParsedDocument("application/pdf", "", "en", pages, metadata={"encrypted": "password"})
        if text.startswith("CORRUPT"):
            raise DocumentError("corrupt", "document.corrupt", name=name, kind="PDF", reason="torn")
        if text.startswith("NO PROCESS") and self.calls == 1:
            cause = SandboxError("sandbox.start", reason="no memory")
            raise DocumentError("failed", "document.crashed", name=name, reason="start") from cause
        if text.startswith("BUG"):
            raise KeyError("what a parser never should")
        return ParsedDocument("text/plain", name, "en", pages)

    def decrypted_copy(self, path: Path, password: str, out_path: Path, name: str) -> None:
        out_path.write_bytes(b"decrypted " + path.read_bytes())

    def close(self) -> None:
        self.closed += 1
        self.gate.set()


class House:
    def __init__(self, folder: Path, **more: object) -> None:
        self.settings = Settings(data_dir=folder, ingest=IngestSettings(lease_s=2.0, **more))  # type: ignore[arg-type]
        self.store = Store.open(self.settings)
        self.embedding = HashEmbedding(64)
        self.parser = FakeParser()
        self.service = self.worker()

    def worker(self, embedding: HashEmbedding | None = None) -> IngestService:
        return IngestService(self.store, self.settings, embedding or self.embedding, lambda: self.parser)

    def add(self, text: str, name: str = "", source: str = "", password: str | None = None) -> Document:
        sha256, size = self.store.originals.put(io.BytesIO(text.encode()))
        document, _ = self.store.add_document(
            collection_id=self.store.ensure_collection("default").id,
            name=name or f"{text[:8]}.txt",
            sha256=sha256,
            size_bytes=size,
            source=source,
            password=password,
        )
        return document

    def document(self, document: Document) -> Document:
        return self.store.document(document.id, everything(self.store))

    def statuses(self) -> dict[str, str]:
        return {d.name: d.status for d in self.store.documents(everything(self.store))}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.service.stop()
    found.store.close()


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.01)


def test_every_document_ends_in_its_state(house: House) -> None:
    texts = ["Revenue rose by 12%.\fCosts fell.", "CORRUPT", "BUG", "SECRET words", "\u200b"]
    documents = [house.add(text, f"{n}.txt") for n, text in enumerate(texts)]
    events: list[IngestEvent] = []
    house.service.run_until_idle(events.append)
    statuses = ["ready", "corrupt", "failed", "password", "empty"]
    assert [house.document(d).status for d in documents] == statuses
    ready = house.document(documents[0])
    assert (ready.page_count, ready.pages_done, ready.chunk_count, ready.chunks_done) == (2, 2, 2, 2)
    bug = house.document(documents[2])
    assert bug.error_code == "document.unexpected"
    assert len(bug.error_params["reference"]) == 8
    finals = {e.document.id: e.document.status for e in events if e.kind == "final"}
    assert finals == {d.id: s for d, s in zip(documents, statuses, strict=True)}
    assert not house.service.running
    assert house.service.last_error is None


def test_a_password_opens_and_leaves_a_rendition(house: House) -> None:
    document = house.add("SECRET plan of the company", password="open")
    house.service.run_until_idle()
    found = house.document(document)
    assert found.status == "ready"
    with house.store.originals.open(found.rendition_sha256) as stream:
        assert stream.read() == b"decrypted SECRET plan of the company"


def test_chunks_vectors_and_pages_agree(house: House) -> None:
    document = house.add("\f".join(f"Page {n} speaks of revenue {n}." for n in range(30)))
    house.service.run_until_idle()
    text = house.store.document_text(document.id)
    chunks = house.store.document_chunks(document.id, everything(house.store))
    assert [c.page_start for c in chunks] == list(range(1, 31))
    assert all(text[c.char_start : c.char_end] == c.text for c in chunks)
    ids, matrix = house.store.vectors([c.id for c in chunks])
    assert list(ids) == [c.id for c in chunks]
    title = house.document(document).title
    expected = house.embedding.embed_passages([f"{title}\n{c.text}" for c in chunks])
    np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_known_texts_are_not_embedded_again(house: House) -> None:
    pages = [f"Page {n} speaks of revenue." for n in range(20)]
    house.add("\f".join(pages), "report.txt", source="/report.txt")
    house.service.run_until_idle()
    assert house.embedding.passages_embedded == 20
    changed = house.add("\f".join([*pages, "One more page."]), "report.txt", source="/report.txt")
    house.service.run_until_idle()
    assert house.embedding.passages_embedded == 21
    assert house.statuses() == {"report.txt": "ready"}
    assert house.document(changed).chunk_count == 21


def test_two_workers_share_a_queue(house: House) -> None:
    for n in range(12):
        house.add(f"Document {n} speaks of revenue.", f"{n}.txt")
    other = house.worker()
    other.start()
    try:
        house.service.run_until_idle()
    finally:
        other.stop()
    assert set(house.statuses().values()) == {"ready"}
    assert house.embedding.passages_embedded == 12
    assert house.parser.calls == 12


def test_stop_gives_documents_back_and_the_next_start_goes_on(house: House) -> None:
    house.parser.gate.clear()
    document = house.add("Revenue rose.")
    house.service.start()
    wait_for(lambda: house.document(document).status == "parsing")
    wait_for(lambda: house.parser.calls)
    house.service.stop()
    found = house.document(document)
    assert (found.status, found.attempts) == ("queued", 0)
    assert house.parser.closed
    house.service.run_until_idle()
    assert house.document(document).status == "ready"


def test_stop_while_embedding(house: House) -> None:
    house.embedding.delay_s = 0.05
    document = house.add("\f".join(f"Page {n}." for n in range(500)))
    house.service.start()
    wait_for(lambda: house.document(document).chunks_done > 2)
    shown = house.document(document)
    assert (shown.status, shown.pages_done, shown.chunk_count) == ("embedding", 500, 500)
    began = time.monotonic()
    house.service.stop()
    assert time.monotonic() - began < 3
    assert house.document(document).status == "queued"


def test_a_deleted_document_is_dropped(house: House) -> None:
    house.embedding.delay_s = 0.02
    document = house.add("\f".join(f"Page {n}." for n in range(300)))
    house.service.start()
    wait_for(lambda: house.document(document).status == "embedding")
    house.store.delete_document(document.id)
    wait_for(lambda: not house.service._jobs)
    assert house.statuses() == {}
    assert house.embedding.passages_embedded < 300
    after = house.add("Another one.")
    wait_for(lambda: house.document(after).status == "ready")


def test_a_lease_outlives_its_time_while_work_goes_on(house: House) -> None:
    house.parser.gate.clear()
    document = house.add("Revenue rose.")
    house.service.start()
    time.sleep(2.6)  # longer than the lease
    assert house.store.lease_next("other") is None
    house.parser.gate.set()
    wait_for(lambda: house.document(document).status == "ready")
    assert house.document(document).attempts == 1


def test_a_model_that_is_away_leaves_documents_queued(house: House) -> None:
    house.embedding.fail = ModelUnavailable("models.unavailable", url="http://x")
    document = house.add("Revenue rose.")
    with pytest.raises(ModelUnavailable):
        house.service.run_until_idle()
    assert house.document(document).status == "queued"
    house.service.start()
    wait_for(lambda: house.service.last_error is not None)
    house.embedding.fail = None
    wait_for(lambda: house.document(document).status == "ready")
    wait_for(lambda: house.service.last_error is None)


def test_a_full_disk_is_waited_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.job.COMMIT_DELAYS_S", (0.01,))
    real, failures = house.store.commit_ready, [3]

    def commit(*args: object, **more: object) -> bool:
        if failures[0]:
            failures[0] -= 1
            raise DiskFull("store.disk_full", path="/data")
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(house.store, "commit_ready", commit)
    document = house.add("Revenue rose.")
    house.service.start()
    wait_for(lambda: isinstance(house.service.last_error, DiskFull))
    assert house.document(document).status in ("queued", "parsing", "embedding")
    wait_for(lambda: house.document(document).status == "ready")


def test_a_full_disk_that_stays_is_raised(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.job.COMMIT_DELAYS_S", ())
    monkeypatch.setattr("ingest.service.FIRST_PAUSE_S", 0.01)

    def commit(*_: object, **__: object) -> bool:
        raise DiskFull("store.disk_full", path="/data")

    monkeypatch.setattr(house.store, "commit_ready", commit)
    document = house.add("Revenue rose.")
    with pytest.raises(DiskFull):
        house.service.run_until_idle()
    assert house.document(document).status == "queued"


def test_a_parser_that_cannot_start_is_no_fault_of_the_document(house: House) -> None:
    document = house.add("NO PROCESS at first")
    house.service.run_until_idle()
    assert house.document(document).status == "ready"


def test_a_bug_in_the_store_does_not_end_the_service(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.service.FIRST_PAUSE_S", 0.01)
    real, calls = house.store.lease_next, []

    def lease(owner: str) -> object:
        calls.append(owner)
        if len(calls) == 1:
            raise AttributeError("oops")
        return real(owner)

    monkeypatch.setattr(house.store, "lease_next", lease)
    document = house.add("Revenue rose.")
    house.service.run_until_idle()
    assert house.document(document).status == "ready"


def test_another_model_is_refused_until_reindex(house: House) -> None:
    first = house.add("Revenue rose.", "first.txt")
    house.add("CORRUPT", "bad.txt")
    house.service.run_until_idle()
    other = HashEmbedding(32, model="other")
    service = house.worker(other)
    second = house.add("Costs fell.", "second.txt")
    with pytest.raises(IndexMismatch, match="wenju reindex"):
        service.run_until_idle()
    assert house.document(second).status == "queued"
    events: list[IngestEvent] = []
    parsed = house.parser.calls
    service.reindex(events.append)
    assert house.parser.calls == parsed
    active = house.store.active_spec()
    assert active is not None
    assert active[1].model == "other"
    assert [e.document.id for e in events if e.kind == "final"] == [first.id]
    service.run_until_idle()
    assert house.statuses() == {"first.txt": "ready", "second.txt": "ready", "bad.txt": "corrupt"}
    ids, matrix = next(house.store.iter_vectors(active[0]))
    assert matrix.shape == (2, 32)
    assert len(ids) == 2


def test_reindex_goes_on_where_it_stopped(house: House) -> None:
    for n in range(6):
        house.add(f"Document {n} speaks of revenue.", f"{n}.txt")
    house.service.run_until_idle()
    other = HashEmbedding(32, model="other")
    service = house.worker(other)

    def interrupt(event: IngestEvent) -> None:
        if event.kind == "final":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.reindex(interrupt)
    active = house.store.active_spec()
    assert active is not None
    assert active[1].model == "hash"
    done = other.passages_embedded
    assert 0 < done < 6
    house.worker(other).reindex()
    assert other.passages_embedded == 6
    active = house.store.active_spec()
    assert active is not None
    assert active[1].model == "other"
    house.worker(other).reindex()  # nothing left to do
    assert other.passages_embedded == 6


def test_one_bad_text_hits_only_its_document() -> None:
    class Choosy(HashEmbedding):
        def embed_passages(self, texts, on_progress=None):  # type: ignore[no-untyped-def]
            time.sleep(0.05)
            if any("poison" in text for text in texts):
                raise ValueError("poison")
            return super().embed_passages(texts, on_progress)

    embedder = Embedder(lambda: Choosy(8))
    results: dict[int, object] = {}

    def one(number: int) -> None:
        texts = ["poison" if number == 3 else f"text {number}"] * 3
        try:
            results[number] = embedder.embed(texts, lambda _: None, lambda: None).shape
        except ValueError as error:
            results[number] = str(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    embedder.close()
    assert results == {n: "poison" if n == 3 else (3, 8) for n in range(6)}
    with pytest.raises(Stopped):
        embedder.embed(["late"], lambda _: None, _raise_stopped)


def _raise_stopped() -> None:
    raise Stopped


def test_who_waits_is_told_when_a_document_is_done(house: House) -> None:
    document = house.add("a short text about annual leave")
    house.service.start()
    began = time.monotonic()
    house.service.wait(30.0)
    assert time.monotonic() - began < 20.0
    assert house.document(document).status == "ready"
    began = time.monotonic()
    house.service.wait(0.05)  # nothing more is done: the time runs out
    assert time.monotonic() - began >= 0.04
