"""Adding to and removing from the library through the engine's door."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.engine import Engine
from rag.settings import load_settings
from rag.testing import HashEmbedding


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    settings = load_settings(data_dir=tmp_path / "data", chat={"kind": "extractive"})
    return Engine.open(settings, embedding=HashEmbedding())


def take_in(engine: Engine) -> None:
    IngestService(engine.store, engine.settings, engine.embedding).run_until_idle()


def test_a_file_that_did_not_change_costs_no_write(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    added = engine.add_document("a.txt", b"The tram runs at night.", source="/files/a.txt")
    take_in(engine)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("written")

    monkeypatch.setattr(engine.store, "add_document", refuse)
    monkeypatch.setattr(engine.store.originals, "put", refuse)
    again = engine.add_document("a.txt", b"The tram runs at night.", source="/files/a.txt")
    assert not again.created
    assert again.document.id == added.document.id


def test_a_file_changed_back_to_earlier_bytes_is_not_taken_for_settled(engine: Engine) -> None:
    for text in (b"first wording", b"second wording", b"first wording"):
        engine.add_document("a.txt", text, source="/files/a.txt")
        take_in(engine)
    (only,) = engine.documents()
    assert engine.store.document_text(only.id) == "first wording"


def test_an_upload_by_hand_of_known_bytes_is_noted_once(engine: Engine) -> None:
    engine.add_document("a.txt", b"some words here", source="/files/a.txt")
    take_in(engine)
    assert not engine.add_document("copy.txt", b"some words here").created
    engine.add_document("a.txt", b"other words here", source="/files/a.txt")
    take_in(engine)
    assert {engine.store.document_text(d.id) for d in engine.documents()} == {
        "some words here",  # still claimed by the upload
        "other words here",
    }
