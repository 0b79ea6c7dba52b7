"""What a document is about, set by a person through the Engine: checked, kept, found at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import AccessDenied, WenjuError
from rag.records import Done, Principal, Retrieved
from rag.settings import Settings
from rag.testing import HashEmbedding


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, search={"refresh_s": 0.001})
    with Engine.open(settings, embedding=HashEmbedding(32)) as opened:
        opened.add_document("one.txt", b"Net sales were 120 in the north.")
        opened.add_document("two.txt", b"Net sales were 340 in the south.")
        IngestService(opened.store, settings, opened.embedding).run_until_idle()
        yield opened


def ids(engine: Engine) -> dict[str, int]:
    return {d.name: d.id for d in engine.documents()}


def test_an_edit_is_kept_and_names_the_document_at_once(engine: Engine) -> None:
    two = ids(engine)["two.txt"]
    assert engine.search("Northwick FY2021 net sales").understood.chips == ()
    document = engine.edit_about(
        two,
        company="Northwick Foods, Inc.",
        report_type="annual",
        fiscal_year=2021,
        aliases=["NWF"],
        title="Sales",
    )
    assert document.about_edited == ("aliases", "company", "fiscal_year", "report_type", "title")
    found = engine.search("Northwick FY2021 net sales")
    assert [c.key for c in found.understood.chips] == ["company:Northwick Foods", "period:FY2021"]
    assert found.passages[0].document_id == two
    assert found.passages[0].about.company == "Northwick Foods, Inc."
    assert engine.search("NWF sales").understood.chips[0].document_ids == (two,)
    # The lexical index has the new title; text and vectors are untouched.
    assert engine.search("Sales", legs=("lexical",)).passages[0].title == "Sales"


def test_the_same_values_again_move_nothing(engine: Engine) -> None:
    one = ids(engine)["one.txt"]
    engine.edit_about(one, company="Acme Ltd")
    before = engine.store.generation()
    engine.edit_about(one, company="Acme Ltd")
    assert engine.store.generation() == before
    engine.edit_about(one, company="")
    assert engine.store.generation() > before
    assert engine.document(one).about.company == ""


def test_edits_stay_when_the_library_is_indexed_anew(engine: Engine) -> None:
    one = ids(engine)["one.txt"]
    engine.edit_about(one, company="Acme Ltd", title="Mine", fiscal_year=2020)
    other = HashEmbedding(48)
    with Engine.open(engine.settings, embedding=other) as again:
        IngestService(again.store, again.settings, again.embedding).reindex()
        document = again.document(one)
        assert (document.about.company, document.about.fiscal_year, document.title) == (
            "Acme Ltd",
            2020,
            "Mine",
        )
        assert again.search("Acme sales").understood.chips[0].document_ids == (one,)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"report_type": "letter"}, "report_type"),
        ({"fiscal_year": 12}, "fiscal_year"),
        ({"fiscal_period": "Q5"}, "fiscal_period"),
        ({"date": "2021-02-30"}, "date"),
        ({"company": "x" * 300}, "company"),
        ({"aliases": [str(i) for i in range(40)]}, "aliases"),
    ],
)
def test_what_is_wrong_is_named(engine: Engine, values: dict[str, object], field: str) -> None:
    one = ids(engine)["one.txt"]
    with pytest.raises(WenjuError) as error:
        engine.edit_about(one, **values)  # type: ignore[arg-type]
    assert error.value.code == "about.invalid"
    assert field in error.value.localized("en")
    assert field in error.value.localized("zh")
    assert engine.document(one).about_edited == ()


def test_only_documents_that_one_may_read_and_that_are_ready(engine: Engine) -> None:
    one = ids(engine)["one.txt"]
    with pytest.raises(AccessDenied):
        engine.edit_about(one, Principal("x", "x"), company="Acme")
    waiting = engine.add_document("three.txt", b"waits").document.id
    with pytest.raises(WenjuError, match="once it is ready"):
        engine.edit_about(waiting, company="Acme")


def test_ask_carries_chips_and_leaves_out_those_taken_away(engine: Engine) -> None:
    engine.edit_about(ids(engine)["two.txt"], company="Northwick Foods, Inc.")
    engine.edit_about(ids(engine)["one.txt"], company="Acme Ltd")

    def asked(*ignored: str) -> tuple[list[str], list[str]]:
        events = list(engine.ask("What were the net sales of Northwick?", log=False, ignored_chips=ignored))
        shown = next(e.understood for e in events if isinstance(e, Retrieved))
        answer = next(e.answer for e in events if isinstance(e, Done))
        assert answer.understood == shown
        return [c.key for c in shown.chips], [p.document for p in answer.passages]

    assert asked() == (["company:Northwick Foods"], ["two.txt", "one.txt"])
    assert asked("company:Northwick Foods")[0] == []


def test_an_answer_in_the_log_keeps_its_chips(engine: Engine) -> None:
    engine.edit_about(ids(engine)["two.txt"], company="Northwick Foods, Inc.")
    engine.edit_about(ids(engine)["one.txt"], company="Acme Ltd")
    answer = next(
        e.answer for e in engine.ask("What were the net sales of Northwick?") if isinstance(e, Done)
    )
    assert answer.conversation_id is not None
    kept = engine.turns(answer.conversation_id)[0].answer
    assert kept.understood == answer.understood
    assert kept.understood.chips
