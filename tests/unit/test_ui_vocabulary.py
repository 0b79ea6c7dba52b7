"""Own terms in the Library, over a real library, through Streamlit's AppTest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding
from ui import boot
from ui.answering import AnswerDesk
from ui.texts import text


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        engine.add_document("Harbour.md", b"# Results\n\nRevenue was 1,577 million euros.\n")
        boot.install(boot.House(engine=engine, desk=AnswerDesk(engine)))
        yield engine
        boot.install(None)


def section() -> AppTest:
    def script() -> None:
        import streamlit as st

        from ui import vocabulary

        st.session_state.setdefault("lang", "en")
        vocabulary.section("default")

    return AppTest.from_function(script, default_timeout=30).run()


def add(page: AppTest, term: str, synonyms: str) -> AppTest:
    page.text_input(key="own-term-name").input(term)
    page.text_input(key="own-term-synonyms").input(synonyms)
    return page.button[-1].click().run()


def test_the_form_is_emptied_when_a_term_was_taken_and_kept_when_not(engine: Engine) -> None:
    page = section()
    assert page.expander[0].label == text("vocabulary.title", "en", name="General")
    add(page, "SKU", "stock keeping unit; 货号")
    assert not page.exception
    assert [t.names for t in engine.own_terms()] == [("SKU", "stock keeping unit", "货号")]
    assert [field.value for field in page.text_input] == ["", ""]
    add(page, "SKU", "")
    assert page.error
    assert page.text_input(key="own-term-name").value == "SKU"
