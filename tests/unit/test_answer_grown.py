"""Passages grow on their page, and stay what citations rest on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.service import IngestService
from rag.answer.citations import cite
from rag.answer.grown import grow
from rag.answer.prompts import estimate_tokens
from rag.engine import Engine
from rag.errors import StoreError
from rag.records import Done, Line, Page, Passage, Retrieved, Table
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel

ROWS = ["Segments (in millions)", "Region\t2019\t2018"] + [f"Area {n}\t{n}00\t{n}50" for n in range(1, 9)]
TEXT = "\n".join(
    ["Some words before.", "More words.", *ROWS, "(1) Area 8 was sold in 2020.", "After the table."]
)
LINES = tuple(
    Line(TEXT.index(line), TEXT.index(line) + len(line), 0.1, n / 20, 0.9, n / 20 + 0.04)
    for n, line in enumerate(TEXT.split("\n"))
)
TABLE = Table(TEXT.index("Region"), TEXT.index("(1)") - 1, "Region\t2019\t2018")
BEFORE = "The first page.\f"  # of the document: the page begins after it
PAGE = Page(2, TEXT, lines=LINES, tables=(TABLE,))


def page_of(document_id: int, number: int) -> Page:
    return PAGE


def passage(first: str, last: str = "", number: int = 1) -> Passage:
    start = TEXT.index(first)
    end = TEXT.index(last or first) + len(last or first)
    shift = len(BEFORE)
    return Passage(
        rank=number, chunk_id=number, document_id=1, document="a.pdf", title="", page_start=2, page_end=2,
        section_path=(), table_header="", text=TEXT[start:end],
        char_start=shift + start, char_end=shift + end, boxes=(), language="en",
        page_kind="physical", score=1.0,
    )  # fmt: skip


def holds(made: Passage) -> None:
    document = BEFORE + TEXT
    assert document[made.char_start : made.char_end] == made.text


def test_a_table_is_made_whole_with_its_name_and_its_notes() -> None:
    (made,) = grow([passage("Area 3", "Area 4\t400\t450")], page_of, 2000, 62)
    holds(made)
    assert "Segments (in millions)" in made.text
    assert "Area 8\t800\t850" in made.text
    assert "(1) Area 8 was sold in 2020." in made.text
    assert "Some words" not in made.text


def test_a_small_budget_brings_the_rows_first() -> None:
    (made,) = grow([passage("Area 3\t300\t350")], page_of, 2000, 14)
    holds(made)
    assert made.text.startswith("Area 3")
    assert "Area 4" in made.text


def test_budget_and_other_passages_are_limits() -> None:
    both = [passage("Area 3\t300\t350"), passage("Area 5\t500\t550", number=2)]
    made = grow(both, page_of, 4000, 400)
    for one in made:
        holds(one)
    assert "Area 5" not in made[0].text
    assert "Area 3" not in made[1].text
    assert [p.chunk_id for p in made] == [1, 2]
    assert grow(both, page_of, 10, 400) == tuple(both)
    assert grow(both, page_of, 4000, 0) == tuple(both)
    small = grow([passage("Some words before.")], page_of, 4000, 30)
    assert estimate_tokens(small[0].text) <= estimate_tokens("Some words before.") + 31


def test_what_cannot_be_placed_stays() -> None:
    def gone(document_id: int, number: int) -> Page:
        raise StoreError("store.not_found")

    one = passage("Area 3\t300\t350")
    assert grow([one], gone, 4000, 400) == (one,)
    assert grow([one], lambda d, n: Page(2, "Area 3\t300\t350\nArea 3\t300\t350"), 4000, 400) == (one,)


def test_citations_of_a_grown_passage_point_at_their_lines() -> None:
    (made,) = grow([passage("Area 3\t300\t350")], page_of, 2000, 400)
    (citation, *_) = cite("Area 8 was sold in 2020 [1].", [made], page_of)
    assert citation.quote == "(1) Area 8 was sold in 2020."
    assert (BEFORE + TEXT)[citation.char_start : citation.char_end] == citation.quote


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 80), st.integers(0, 300))
def test_whatever_is_grown_is_a_piece_of_the_page_around_the_passage(
    start: int, size: int, most: int
) -> None:
    end = min(len(TEXT), start + size)
    shift = len(BEFORE)
    words = TEXT[start:end]
    one = replace(passage("Area 3\t300\t350"), text=words, char_start=shift + start, char_end=shift + end)
    (made,) = grow([one], page_of, 2000, most)
    if TEXT.count(words) == 1:
        holds(made)
    assert words in made.text
    assert estimate_tokens(made.text) - estimate_tokens(words) <= most + 1


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    chat = QueueChatModel(["Segment sales are told [1]."], repeat=True)
    chunks = {"max_tokens": 64}
    settings = Settings(data_dir=tmp_path, chunk=chunks)
    with Engine.open(settings, embedding=HashEmbedding(), chat=chat) as engine:
        paragraphs = [f"Paragraph {n} tells of orchard number {n} and of its apples. " * 3 for n in range(30)]
        engine.add_document("orchards.md", "\n\n".join(paragraphs).encode())
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        yield engine


def test_a_model_reads_more_and_the_reader_sees_what_it_read(engine: Engine) -> None:
    events = list(engine.ask("What does orchard number 17 tell of apples?", log=False))
    done = events[-1]
    assert isinstance(done, Done)
    first, *later = [e for e in events if isinstance(e, Retrieved)]
    assert later
    assert [p.chunk_id for p in later[-1].passages] == [p.chunk_id for p in first.passages]
    assert sum(len(p.text) for p in later[-1].passages) > sum(len(p.text) for p in first.passages)
    assert done.answer.passages == later[-1].passages
    assert done.answer.understood == first.understood
    text = engine.store.document_text(done.answer.passages[0].document_id)
    for one in done.answer.passages:
        assert text[one.char_start : one.char_end] == one.text
    quiet = engine.variant(Settings(data_dir=engine.settings.data_dir, answer={"grow_tokens": 0}))
    events = list(quiet.ask("What does orchard number 17 tell of apples?", log=False))
    assert len([e for e in events if isinstance(e, Retrieved)]) == 1
