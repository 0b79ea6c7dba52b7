"""The page's pure parts: exports, highlights, progress, filters, start-up problems, health routes."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from ui_standin import PAGES, QUOTE, StandIn, tiny_pdf

from api.health import health_routes
from rag.access import LOCAL
from rag.records import PAGE_BREAK, Box, Document, Page, Principal, Turn
from rag.settings import Settings
from ui import boot, export
from ui.answering import KEPT, AnswerDesk
from ui.answers import grouped
from ui.evidence import download_name, highlighted, spans_on_page
from ui.library import matching, size_words
from ui.uploads import fraction


@pytest.fixture
def turns() -> list[Turn]:
    engine = StandIn()
    engine.add_document("report.pdf", tiny_pdf())
    list(engine.ask("Revenue in 2024?\x0b"))
    return engine.turns(1)


def test_markdown_export_names_its_sources(turns: list[Turn]) -> None:
    made = export.markdown(turns, "zh")
    assert "[1] report.pdf, 第 1 页" in made
    assert QUOTE in made


def test_word_export_opens_and_names_its_sources(turns: list[Turn]) -> None:
    from docx import Document as read

    document = read(io.BytesIO(export.word(turns, "en")))
    text = "\n".join(p.text for p in document.paragraphs)
    assert "[1] report.pdf, p. 1" in text
    assert QUOTE in text


def test_only_the_boxes_are_marked_and_ink_stays_black() -> None:
    page = Image.new("RGB", (200, 100), "white")
    page.putpixel((50, 50), (0, 0, 0))
    out = io.BytesIO()
    page.save(out, "PNG")
    made = Image.open(io.BytesIO(highlighted(out.getvalue(), [Box(1, 0.1, 0.4, 0.5, 0.6)]))).convert("RGB")
    assert made.getpixel((50, 50)) == (0, 0, 0)
    assert made.getpixel((30, 45)) == (255, 213, 79)
    assert made.getpixel((150, 50)) == (255, 255, 255)
    assert made.size == (200, 100)


@given(st.lists(st.text(alphabet="ab \n", max_size=12), min_size=1, max_size=5), st.data())
def test_a_document_span_is_found_on_its_pages(texts: list[str], data: st.DataObject) -> None:
    pages = [Page(n, text) for n, text in enumerate(texts, 1)]
    whole = PAGE_BREAK.join(texts)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    found = "".join(
        texts[n - 1][a:b] for n in range(1, len(pages) + 1) for a, b in spans_on_page(pages, n, start, end)
    )
    assert found == whole[start:end].replace(PAGE_BREAK, "")


def test_pages_of_the_stand_in_hold_the_quote() -> None:
    pages = [Page(n, text) for n, text in enumerate(PAGES, 1)]
    start = PAGES[0].index(QUOTE)
    assert spans_on_page(pages, 1, start, start + len(QUOTE)) == [(start, start + len(QUOTE))]
    assert spans_on_page(pages, 2, start, start + len(QUOTE)) == []


def document(**changes: object) -> Document:
    return dataclasses.replace(Document(1, 1, "default", "a.pdf", "0" * 64, 10, "queued"), **changes)  # type: ignore[arg-type]


def test_progress_only_grows_and_is_full_only_at_the_end() -> None:
    steps = [
        document(),
        document(status="parsing"),
        document(status="parsing", page_count=10, pages_done=9),
        document(status="embedding", chunk_count=10),
        document(status="embedding", chunk_count=10, chunks_done=10),
        document(status="ready"),
    ]
    shares = [fraction(step) for step in steps]
    assert shares == sorted(shares)
    assert shares[-2] < shares[-1] == 1.0


def test_filters_find_by_name_title_state_and_collection() -> None:
    documents = [
        document(id=1, name="Report A.pdf", status="ready"),
        document(id=2, name="b.docx", title="年度报告", status="failed"),
        document(id=3, name="c.txt", status="parsing", collection="old"),
    ]
    assert [d.id for d in matching(documents)] == [3, 2, 1]
    assert [d.id for d in matching(documents, "report a")] == [1]
    assert [d.id for d in matching(documents, "年度")] == [2]
    assert [d.id for d in matching(documents, kind="busy")] == [3]
    assert [d.id for d in matching(documents, collection="old")] == [3]
    assert matching(documents, "nowhere") == []


def test_names_for_downloads_and_sizes() -> None:
    assert download_name("../../etc/pass\x00wd") == "_.._etc_pass_wd"
    assert download_name("...") == "document"
    assert len(download_name("长" * 300 + ".pdf")) == 150
    assert size_words(2048) == "2 KB"
    assert size_words(3 * 2**20) == "3.0 MB"


def test_the_same_question_again_is_another_version(turns: list[Turn]) -> None:
    again = dataclasses.replace(turns[0], id=2)
    other = dataclasses.replace(
        turns[0], id=3, answer=dataclasses.replace(turns[0].answer, question="Other?")
    )
    assert [[t.id for t in group] for group in grouped([turns[0], again, other])] == [[1, 2], [3]]


def test_a_ticket_is_its_readers_own_and_old_ones_are_let_go() -> None:
    engine = StandIn()
    desk = AnswerDesk(engine)  # type: ignore[arg-type]
    for _ in range(KEPT + 5):
        ticket = desk.ask("nothing", LOCAL)
        assert ticket.wait(5)
    assert desk.ticket(ticket.id, LOCAL) is ticket
    assert desk.ticket(ticket.id, Principal("eve", "eve")) is None
    assert len(desk._tickets) <= KEPT + 1


def test_closing_the_house_stops_running_answers() -> None:
    engine = StandIn(token_s=0.2)
    engine.add_document("report.pdf", tiny_pdf())
    house = boot.House(engine=engine, desk=AnswerDesk(engine))  # type: ignore[arg-type]
    assert house.desk
    ticket = house.desk.ask("a long one", LOCAL)
    started = time.monotonic()
    boot.close_house(house)
    assert ticket.wait(5)
    assert time.monotonic() - started < 4
    assert threading.active_count() < 50


def test_an_unwritable_data_folder_is_a_message(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    house = boot.open_house(Settings(data_dir=blocked / "data"), work=False)
    assert house.engine is None
    assert house.problem is not None
    assert str(blocked) in str(house.problem)
    assert "WENJU_DATA_DIR" in house.problem.localized("zh")


def test_ingest_is_left_to_a_worker_by_setting(tmp_path: Path) -> None:
    house = boot.open_house(Settings(data_dir=tmp_path / "data", ingest={"in_page": False}))
    assert house.engine is not None
    assert house.service is None
    boot.close_house(house)


def test_malformed_settings_are_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wenju.toml").write_text("[chat]\ntemperatur = 1\n")
    monkeypatch.chdir(tmp_path)
    house = boot.open_house(work=False)
    assert house.problem is not None
    assert "temperatur" in str(house.problem)


def test_health_routes_tell_alive_from_ready() -> None:
    problem = ""
    client = TestClient(Starlette(routes=list(health_routes(lambda: problem))))
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    problem = "store.broken"
    assert client.get("/healthz").status_code == 200
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json()["code"] == "store.broken"
