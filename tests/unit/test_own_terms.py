"""Terms that admins add for a collection: who may, what is kept, which questions they serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from commands import vocabulary as commands
from commands.console import Exit
from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import AccessDenied, TermError
from rag.records import Principal
from rag.settings import Settings
from rag.testing import HashEmbedding
from ui import boot
from ui.answering import AnswerDesk
from ui.safe import plain
from ui.texts import text

READER = Principal("reader", "reader", frozenset({"analyst"}))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        for name, words, collection in (
            ("one.md", "The drayage bill of the year was 12 million.", "default"),
            ("two.md", "Our haulage from the port cost 30 million.", "default"),
            ("three.md", "Haulage again, in another collection.", "other"),
        ):
            engine.add_document(name, words.encode(), collection=collection)
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        yield engine


def found(engine: Engine, question: str, collection: str) -> set[str]:
    ids = [c.id for c in engine.collections() if c.name == collection]
    result = engine.search(question, collection_ids=ids, legs=("lexical",))
    return {p.document for p in result.passages}


def test_a_question_looks_for_the_other_names(engine: Engine) -> None:
    assert found(engine, "drayage", "default") == {"one.md"}
    term = engine.add_term("drayage", ["haulage"])
    assert found(engine, "drayage", "default") == {"one.md", "two.md"}
    assert found(engine, "drayage", "other") == set(), "another collection's terms don't count"
    engine.remove_term(term.id)
    assert found(engine, "drayage", "default") == {"one.md"}


def test_only_admins_may(engine: Engine) -> None:
    term = engine.add_term("drayage", ["haulage"])
    for act in (
        lambda: engine.own_terms(READER),
        lambda: engine.add_term("a", ["b"], READER),
        lambda: engine.import_terms("a,b", READER),
        lambda: engine.remove_term(term.id, READER),
    ):
        with pytest.raises(AccessDenied):
            act()
    with pytest.raises(AccessDenied):
        engine.remove_term(term.id + 1)
    assert [t.names for t in engine.own_terms()] == [("drayage", "haulage")]


def test_what_is_wrong_is_said(engine: Engine) -> None:
    engine.add_term("drayage", ["haulage"])
    for term, synonyms, collection, code in (
        ("drayage", ["haulage"], "default", "vocabulary.there"),
        ("drayage", [], "default", "vocabulary.no_synonym"),
        ("", ["a"], "default", "vocabulary.no_word"),
        ("a", ["b"], "nowhere", "vocabulary.no_collection"),
    ):
        with pytest.raises(TermError) as error:
            engine.add_term(term, synonyms, collection=collection)
        assert error.value.code == code


def test_the_command_line(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("term,synonyms\ndrayage,haulage; cartage\nalone,\n", "utf-8")
    with pytest.raises(Exit):
        commands.import_file(engine, path, collection="default")
    told = capsys.readouterr()
    assert "3" in told.out + told.err, "the bad line is named"
    commands.add(engine, "SKU", ["货号"], collection="other")
    capsys.readouterr()
    commands.list_terms(engine, collection=None, as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["collection"], r["names"]) for r in rows] == [
        ("default", ["drayage", "haulage", "cartage"]),
        ("other", ["SKU", "货号"]),
    ]
    commands.remove(engine, rows[0]["id"])
    assert len(engine.own_terms()) == 1


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_library_page_adds_and_removes(engine: Engine, lang: str) -> None:
    def script() -> None:
        from ui import vocabulary

        vocabulary.section("default")

    boot.install(boot.House(engine=engine, desk=AnswerDesk(engine)))
    try:
        page = AppTest.from_function(script, default_timeout=30)
        page.session_state["lang"] = lang
        page.run()
        assert not page.exception
        page.text_input(key="own-term-name").set_value("drayage")
        page.text_input(key="own-term-synonyms").set_value("haulage; 货运")
        page.button[-1].click().run()
        assert not page.exception
        (term,) = engine.own_terms()
        assert term.names == ("drayage", "haulage", "货运")
        assert any(plain(text("vocabulary.added", lang)) in s.value for s in page.success)
        page.button(key=f"remove-term-{term.id}").click().run()
        assert engine.own_terms() == []
    finally:
        boot.install(None)
