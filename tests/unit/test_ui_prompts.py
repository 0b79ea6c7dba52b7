"""The Prompts page and the choice of a style, over a real library, through Streamlit's AppTest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ingest.service import IngestService
from rag.answer import wording
from rag.engine import Engine
from rag.records import Principal
from rag.settings import Settings
from rag.testing import HashEmbedding
from ui import boot, readiness
from ui.answering import AnswerDesk
from ui.texts import text

MAIN = str(Path(__file__).parents[2] / "ui" / "main.py")
OWN = (
    "You check filings for a regulator. Name every gap. If there is nothing say {refusal} and cite like [1]."
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    readiness._kept = None
    readiness._looking = False
    with Engine.open(
        Settings(data_dir=tmp_path, chat={"kind": "extractive"}), embedding=HashEmbedding()
    ) as engine:
        engine.add_document(
            "Harbour 2023.md", b"# Results\n\nRevenue of Harbour was 1,577 million euros in 2023.\n"
        )
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        boot.install(boot.House(engine=engine, desk=AnswerDesk(engine)))
        yield engine
        boot.install(None)


def opened(lang: str = "en") -> AppTest:
    page = AppTest.from_file(MAIN, default_timeout=30)
    page.query_params["lang"] = lang
    page.run()
    assert not page.exception
    return page


def _prompts_page(lang: str = "en") -> AppTest:
    """The page's own script: AppTest cannot follow st.navigation to a page that is a function."""

    def script() -> None:
        import streamlit as st

        from ui import prompts

        st.session_state.setdefault("lang", "en")
        prompts.page()

    page = AppTest.from_function(script, default_timeout=30)
    page.session_state["lang"] = lang
    page.run()
    assert not page.exception
    return page


def _area(page: AppTest):
    return page.text_area[0]


def test_admin_edits_previews_and_restores(engine: Engine) -> None:
    page = _prompts_page()
    assert page.title[0].value == text("prompts.title", "en")
    assert _area(page).value == wording.BUILT_IN[("concise", "en")]
    assert page.button(key="prompt-save").disabled
    _area(page).set_value(OWN).run()
    page.text_input(key="prompt_question").set_value("What was the revenue of Harbour?").run()
    sent = [c.value for c in page.code]
    assert any(s.startswith("You check filings") for s in sent)
    assert any("1,577 million" in s for s in sent)
    page.button(key="prompt-save").click().run()
    assert not page.exception
    saved = engine.prompt_versions("concise", "en")[0]
    assert saved.text == OWN
    assert _area(page).value == OWN
    page.button(key="prompt-restore-0").click().run()
    assert not page.exception
    assert _area(page).value == wording.BUILT_IN[("concise", "en")]
    assert page.button(key=f"prompt-restore-{saved.id}")


def test_a_wording_without_the_refusal_is_not_saved_and_not_lost(engine: Engine) -> None:
    page = _prompts_page()
    _area(page).set_value("Answer as you like, and cite like [1] at the end of every sentence.").run()
    page.button(key="prompt-save").click().run()
    assert "{refusal}" in page.toast[0].value.replace("\\", "")
    assert _area(page).value.startswith("Answer as you like")
    assert len(engine.prompt_versions("concise", "en")) == 1


def test_admin_adds_a_style_that_readers_can_choose(engine: Engine) -> None:
    page = _prompts_page()  # AppTest formats options outside a session, in English
    page.selectbox(key="prompt_use").select("").run()
    page.text_input(key="prompt_name").set_value("监管问答").run()
    page.button(key="prompt-save").click().run()
    assert not page.exception
    assert engine.prompt_uses()[-1] == "监管问答"
    assert page.selectbox(key="prompt_use").value == "监管问答"
    chat = opened()
    assert chat.radio(key="answer_use").options[-1] == "监管问答"
    chat.radio(key="answer_use").set_value("监管问答").run()
    chat.chat_input(key="question").set_value("Harbour 2023年的 Revenue 是多少？").run()
    for _ in range(100):
        if engine.conversations():
            break
        chat.run()
    turn = engine.turns(engine.conversations()[0].id)[0]
    assert turn.answer.prompt_version.startswith("监管问答.")


def test_readers_choose_but_do_not_edit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Principal("reader", "reader", frozenset({"analyst"}))
    monkeypatch.setattr("ui.prompts.principal", lambda: reader)
    page = _prompts_page()
    assert page.error
    assert not page.text_area
    assert re.search("Analyst", " ".join(opened().radio(key="answer_use").options))


def test_a_refusal_offers_the_next_step(engine: Engine) -> None:
    engine.add_document("Other.md", b"# Notes\n\nThe garden has roses and tulips.\n", collection="two")
    IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
    other = next(d.id for d in engine.documents() if d.name == "Other.md")
    page = opened()
    page.multiselect(key="scope_documents").set_value([other]).run()
    page.chat_input(key="question").set_value("What was the revenue of Harbour in 2023?").run()
    for _ in range(100):
        if engine.conversations() and engine.turns(engine.conversations()[0].id):
            break
        page.run()
    page.run()
    turn = engine.turns(engine.conversations()[0].id)[0]
    assert turn.answer.hints[0].action == "widen"
    page.button(key=f"widen-{turn.id}").click().run()
    for _ in range(100):
        if len(engine.turns(engine.conversations()[0].id)) == 2:
            break
        page.run()
    assert not page.exception
    assert not engine.turns(engine.conversations()[0].id)[1].answer.refused
