"""The page's logic through Streamlit's AppTest: ask, stop, rate, language, upload, delete, unlock."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from ui_standin import QUOTE, StandIn, tiny_pdf

from rag.errors import SettingsError
from ui import boot, readiness
from ui.answering import MAX_RUNNING, AnswerDesk
from ui.texts import text

MAIN = str(Path(__file__).parents[2] / "ui" / "main.py")


@pytest.fixture
def engine() -> Iterator[StandIn]:
    engine = StandIn()
    readiness._kept = None
    readiness._looking = False
    boot.install(boot.House(engine=engine, desk=AnswerDesk(engine)))  # type: ignore[arg-type]
    yield engine
    boot.install(None)


def opened(**query: str) -> AppTest:
    page = AppTest.from_file(MAIN, default_timeout=15)
    for name, value in {"lang": "en", **query}.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def ask(page: AppTest, question: str) -> AppTest:
    page.chat_input(key="question").set_value(question).run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """Everything written on the page, Markdown's escapes taken away."""
    written = [m.value for m in page.markdown] + [c.value for c in page.caption]
    return re.sub(r"\\(?=[^\w\s])", "", "\n".join(written))


def wait_for(page: AppTest, what: str, seconds: float = 5.0) -> AppTest:
    until = time.monotonic() + seconds
    while what not in words(page) and time.monotonic() < until:
        time.sleep(0.05)
        page.run()
    assert what in words(page)
    return page


def keys(page: AppTest) -> set[str]:
    return {b.key for b in page.button if b.key}


def test_newcomer_is_offered_the_samples_and_cannot_ask_yet(engine: StandIn) -> None:
    page = opened()
    assert page.title[0].value == text("welcome.title", "en")
    assert page.button(key="samples").label == text("welcome.samples", "en")
    assert page.chat_input(key="question").disabled
    assert len(page.file_uploader) == 1


def test_samples_are_added_and_questions_suggested(engine: StandIn) -> None:
    page = press(opened(), "samples")
    page.run()
    assert {d.name for d in engine.documents()} == {p.name for p in _samples()}
    first = page.button(key="suggest-0")
    first.click().run()
    wait_for(page, "#cite-1-1-0")
    assert engine.asked[0]["question"]


def _samples() -> list[Path]:
    from samples import sample_files

    return sample_files()


def test_an_answer_has_citations_that_open_the_evidence(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = wait_for(ask(opened(), "What was revenue?"), "#cite-1-1-0")
    assert "cite-1-1" in keys(page)
    press(page, "cite-1-1")
    assert "close-evidence" in keys(page)
    assert "page 1 of 2" in words(page)
    press(page, "page-on")
    assert "page 2 of 2" in words(page)
    press(page, "page-home")
    assert "page 1 of 2" in words(page)
    press(page, "close-evidence")
    assert "close-evidence" not in keys(page)


def test_word_files_show_their_text_with_the_quote_marked(engine: StandIn) -> None:
    engine.add_document("report.docx", b"x")
    page = press(wait_for(ask(opened(), "What was revenue?"), "#cite-1-1-0"), "cite-1-1")
    shown = "".join(h.proto.body for h in page.get("html"))
    assert f"<mark>{QUOTE}</mark>" in shown


def test_evidence_of_a_deleted_document_keeps_the_quote(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = wait_for(ask(opened(), "What was revenue?"), "#cite-1-1-0")
    engine.delete_document(1)
    press(page, "cite-1-1")
    assert any(i.value == text("evidence.gone", "en") for i in page.info)
    assert "1,577 million" in words(page)


def test_a_running_answer_survives_other_work_and_stops_when_asked(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    engine.token_s = 0.05
    page = ask(opened(), "a long question")
    assert "stop" in keys(page)
    assert page.chat_input(key="question").disabled
    page.run()  # any rerun: rating, scrolling, another page
    ticket = page.session_state["_ticket"]
    assert not boot.current().desk.ticket(ticket, boot.principal()).done  # type: ignore[union-attr]
    press(page, "new-chat")
    assert f"running-{ticket}" in keys(page)
    press(page, f"running-{ticket}")
    press(page, "stop")
    wait_for(page, text("answer.incomplete", "en"))
    assert len(engine.turns(1)) == 1
    assert engine.turns(1)[0].answer.incomplete


def test_a_reloaded_tab_finds_its_running_answer(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    engine.token_s = 0.05
    first = ask(opened(), "a long question")
    again = opened(t=first.session_state["_ticket"])
    assert "stop" in keys(again)
    press(again, "stop")


def test_an_error_is_told_and_the_question_can_be_tried_again(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = ask(opened(), "explode")
    assert any("Nothing was lost" in e.value for e in page.error)
    assert "retry-question" in keys(page)


def test_too_many_answers_at_once_are_refused(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    engine.token_s = 0.2
    desk = boot.current().desk
    assert desk is not None
    running = [desk.ask("long", boot.principal()) for _ in range(MAX_RUNNING)]
    page = ask(opened(), "one more")
    assert any(str(MAX_RUNNING) in e.value for e in page.error)
    for ticket in running:
        ticket.stop()


def test_rating_with_reasons(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = wait_for(ask(opened(), "What was revenue?"), "#cite-1-1-0")
    press(page, "good-1")
    assert engine.turns(1)[0].rating == 1
    page.pills(key="reasons-1").set_value(["wrong_value"])
    page.text_area(key="comment-1").set_value("It is 1,575.")
    page.text_area(key="correction-1").set_value("$1,575 million")
    press(page, "send-1")
    turn = engine.turns(1)[0]
    assert (turn.rating, turn.reasons, turn.comment) == (-1, ("wrong_value",), "It is 1,575.")
    assert turn.correction == "$1,575 million"
    assert page.text_area(key="correction-1").value == "$1,575 million"  # it can be edited later


def test_answering_again_keeps_both_versions(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = wait_for(ask(opened(), "What was revenue?"), "#cite-1-1-0")
    press(page, "again-1")
    wait_for(page, "#cite-2-1-0")
    assert "Answer 2 of 2" in words(page)
    assert "#cite-1-1-0" not in words(page)


def test_refusal_shows_the_nearest_passages(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = wait_for(ask(opened(), "nothing"), "do not answer")
    assert any(e.label == text("answer.nearest", "en") for e in page.expander)
    assert press(page, "show-1-1").button(key="close-evidence")


def test_model_text_is_never_a_link_or_picture(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    engine.mode = "generative"
    page = wait_for(ask(opened(), "What was revenue?"), "#cite-1-1-0")
    answer = next(m.value for m in page.markdown if "#cite-1-1-0" in m.value)
    assert "evil" not in answer
    assert "<img" not in answer
    assert "**Net revenue**" in answer
    assert not any(m.allow_html for m in page.markdown)


def test_language_is_switched_and_stays(engine: StandIn) -> None:
    page = opened()
    page.segmented_control(key="lang-en").set_value("zh").run()
    assert page.title[0].value == text("welcome.title", "zh")
    assert page.query_params["lang"] == "zh"
    again = opened(lang="zh")
    assert again.button(key="samples").label == text("welcome.samples", "zh")


def test_conversations_are_named_switched_renamed_and_deleted(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = wait_for(ask(opened(), "First question"), "#cite-1-1-0")
    press(page, "new-chat")
    wait_for(ask(page, "Second question"), "#cite-2-1-0")
    press(page, "open-1")
    assert "First question" in words(page)
    assert page.query_params["c"] == "1"
    press(page, "rename-conversation")
    page.text_input(key="conversation-title").set_value("Revenue")
    next(b for b in page.button if b.label == text("save", "en")).click().run()
    assert engine.conversations()[-1].title == "Revenue"
    press(page, "delete-conversation")
    press(page, "delete-conversation-yes")
    assert [c.id for c in engine.conversations()] == [2]


def test_a_conversation_that_is_gone_opens_a_new_chat(engine: StandIn) -> None:
    assert opened(c="99").title[0].value == text("welcome.title", "en")


def library(page: AppTest) -> AppTest:
    def script() -> None:
        import streamlit as st

        from ui import library, state

        st.session_state[state.COPIES] = {}
        library.page()

    fresh = AppTest.from_function(script, default_timeout=15)
    fresh.query_params["lang"] = page.query_params["lang"]
    return fresh.run()


def test_upload_then_the_same_bytes_again(engine: StandIn) -> None:
    page = library(opened())
    page.file_uploader[0].set_value(("report.pdf", tiny_pdf(), "application/pdf")).run()
    assert not page.exception
    assert [d.name for d in engine.documents()] == ["report.pdf"]
    assert any("added: 1" in s.value for s in page.success)
    page.file_uploader[0].set_value(("copy.pdf", tiny_pdf(), "application/pdf")).run()
    assert len(engine.documents()) == 1
    assert any("already in the library" in i.value for i in page.info)


def test_states_say_what_is_wrong_and_a_password_unlocks(engine: StandIn) -> None:
    engine.add_document("locked.pdf", b"locked")
    engine.set_status(1, status="password")
    page = library(opened())
    assert text("hint.password", "en") in words(page)
    page.text_input(key="password-1").set_value("secret")
    page.button(key="unlock-now-1").click().run()
    assert engine.document(1).status == "ready"


def test_delete_asks_first(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = press(library(opened()), "delete-1")
    assert len(engine.documents()) == 1
    press(page, "delete-yes")
    assert engine.documents() == []


def test_viewer_shows_passages_and_details(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = press(library(opened()), "look-1")
    page.segmented_control(key="viewer-1").set_value("details").run()
    assert engine.document(1).sha256 in words(page)


def test_five_hundred_documents_come_in_pages(engine: StandIn) -> None:
    for number in range(500):
        engine.add_document(f"report {number}.pdf", str(number).encode())
    page = library(opened())
    assert len([k for k in keys(page) if k.startswith("look-")]) == 15
    page.text_input(key="library-search").set_value("report 499").run()
    assert [k for k in keys(page) if k.startswith("look-")] == ["look-500"]


def test_what_cannot_start_says_why() -> None:
    boot.install(boot.House(problem=SettingsError("settings.invalid", problems="chat.temperature: too hot")))
    try:
        page = AppTest.from_file(MAIN, default_timeout=15)
        page.query_params["lang"] = "zh"
        page.run()
        assert not page.exception
        assert "temperature" in page.error[0].value
        assert page.title[0].value == text("problem.title", "zh")
    finally:
        boot.install(None)


def test_readiness_lists_every_part_with_its_remedy(engine: StandIn) -> None:
    def script() -> None:
        from ui import readiness

        readiness.page()

    page = AppTest.from_function(script, default_timeout=15)
    page.query_params["lang"] = "en"
    page.run()
    assert "Chat model" in words(page)
    assert [c.value for c in page.code] == ["wenju run"]


def test_a_question_can_be_limited_to_documents_that_may_be_deleted_later(engine: StandIn) -> None:
    engine.add_document("a.pdf", tiny_pdf())
    engine.add_document("b.pdf", tiny_pdf(("Other text",)))
    page = opened()
    page.multiselect(key="scope_documents").set_value([2]).run()
    wait_for(ask(page, "What was revenue?"), "#cite-1-1-0")
    assert list(engine.asked[0]["document_ids"]) == [2]
    engine.add_document("c.pdf", tiny_pdf(("Third",)))
    engine.delete_document(2)
    page.run()
    assert not page.exception
    assert page.multiselect(key="scope_documents").value == []


def test_a_chip_can_be_taken_away_and_put_back(engine: StandIn) -> None:
    engine.add_document("aurora.pdf", tiny_pdf())
    page = ask(opened(), "Aurora revenue in FY2024")
    assert "Looked first in:" in words(page)
    assert [b.label for b in page.button if b.key and b.key.startswith("chip-1-")] == [
        ":material/apartment: Aurora Water ✕",
        ":material/calendar_month: FY2024 ✕",
    ]
    press(page, "chip-1-1")
    assert engine.asked[-1]["question"] == "Aurora revenue in FY2024"
    assert engine.asked[-1]["ignored_chips"] == ("period:FY2024",)
    assert [b.key for b in page.button if b.key and b.key.startswith("chip-2-")] == ["chip-2-0"]
    press(page, "chip-2-0")
    assert engine.asked[-1]["ignored_chips"] == ("period:FY2024", "company:Aurora Water")
    press(page, "again-3")  # asking again leaves them away
    assert engine.asked[-1]["ignored_chips"] == ("period:FY2024", "company:Aurora Water")
    press(page, "chips-back-4")
    assert engine.asked[-1]["ignored_chips"] == ()


def test_earlier_answers_only_say_what_was_understood(engine: StandIn) -> None:
    engine.add_document("aurora.pdf", tiny_pdf())
    page = ask(ask(opened(), "Aurora revenue in FY2024"), "and the segments?")
    assert "Looked first in: Aurora Water · FY2024" in words(page)
    assert not [b for b in page.button if b.key and b.key.startswith("chip-")]


def test_what_a_document_is_about_can_be_edited_and_filtered_by(engine: StandIn) -> None:
    engine.add_document("aurora.pdf", tiny_pdf())
    engine.add_document("brook.txt", b"Brook")
    page = library(opened())
    assert "blue-badge[" not in words(page)
    press(page, "about-1")
    page.text_input(key="edit-company").set_value("Aurora Water Group plc")
    page.selectbox(key="edit-type").set_value("annual")
    page.text_input(key="edit-year").set_value("20x4")
    press(page, "edit-save")
    assert "20x4" in page.error[0].value
    assert engine.document(1).about.company == ""
    page.text_input(key="edit-year").set_value("2024")
    press(page, "edit-save")
    about = engine.document(1).about
    assert (about.company, about.report_type, about.fiscal_year) == ("Aurora Water Group plc", "annual", 2024)
    page = library(opened())
    assert ":gray-badge[Aurora Water] :blue-badge[annual report] :green-badge[FY2024]" in words(page)
    engine.edit_about(2, company="Brook Ltd", fiscal_year=2023, report_type="quarterly")
    page = library(opened())
    page.selectbox(key="about-company").set_value("Brook").run()
    assert not page.exception
    assert {b.key for b in page.button if b.key and b.key.startswith("look-")} == {"look-2"}
    page = library(opened(lang="zh"))
    assert ":blue-badge[年度报告]" in words(page)


def test_a_kept_answer_says_so_and_asking_again_asks_anew(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    page = ask(opened(), "hot: what was net revenue?")
    wait_for(page, "#cite-1-1-0")
    assert ":gray-badge[:material/history: Kept answer]" in words(page)
    assert engine.asked[-1]["anew"] is False
    press(page, "again-1")
    assert engine.asked[-1]["anew"] is True
    wait_for(page, "#cite-2-1-0")
    assert "Kept answer" not in words(page)


def test_too_many_at_once_is_told_with_when_and_a_retry(engine: StandIn) -> None:
    engine.add_document("report.pdf", tiny_pdf())
    engine.busy = True
    page = ask(opened(), "What was net revenue?")
    until = time.monotonic() + 5
    while not page.warning and time.monotonic() < until:
        page.run()
    assert "7 s" in page.warning[0].value
    assert not page.error
    engine.busy = False
    press(page, "retry-question")
    wait_for(page, "#cite-1-1-0")
