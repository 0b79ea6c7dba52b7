"""The Audit and Compliance pages over a real library, through Streamlit's AppTest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ingest.service import IngestService
from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel, Reply
from ui import boot
from ui.answering import AnswerDesk
from ui.texts import text

BAD = "Revenue was 1,577 million euros [1]. The shares offer guaranteed returns of **8** % [1]."


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    chat = QueueChatModel([Reply(BAD)])
    with Engine.open(settings, embedding=HashEmbedding(), chat=chat) as engine:
        engine.add_document("Harbour.md", b"# Results\n\nRevenue was 1,577 million euros.\n")
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()
        list(engine.ask("What was the revenue?"))
        boot.install(boot.House(engine=engine, desk=AnswerDesk(engine)))
        yield engine
        boot.install(None)


def opened(name: str, lang: str = "en") -> AppTest:
    def script(name: str, lang: str) -> None:
        import streamlit as st

        from ui import audit, compliance

        st.session_state.setdefault("lang", lang)
        (audit if name == "audit" else compliance).page()

    return AppTest.from_function(script, default_timeout=30, args=(name, lang)).run()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_audit_page_shows_filters_and_checks(engine: Engine, lang: str) -> None:
    page = opened("audit", lang)
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table[text("audit.what", lang)]) == ["question.ask", "document.add"]
    page.selectbox(key="audit-what").set_value("document").run()
    assert list(page.dataframe[0].value[text("audit.what", lang)]) == ["document.add"]
    page.button(key="audit-check").click().run()
    assert page.success[0].value.startswith("2 ")


def test_a_hit_is_reviewed_with_a_note(engine: Engine) -> None:
    page = opened("compliance")
    assert not page.exception
    (hit,) = engine.rule_hits(state="open")
    assert "guaranteed returns" in " ".join(m.value for m in page.markdown)
    page.text_input(key=f"hit-note-{hit.id}").input("so it is")
    page.button(key=f"hit-accept-{hit.id}").click().run()
    assert page.success
    assert [(h.state, h.note) for h in engine.rule_hits()] == [("accepted", "so it is")]
    assert text("compliance.nothing", "en") in [c.value for c in page.caption]


def test_rules_are_switched_changed_and_added(engine: Engine) -> None:
    page = opened("compliance")
    page.segmented_control(key="compliance-tab").set_value("rules").run()
    page.toggle(key="rule-on-1-True").set_value(False).run()
    assert not next(r for r in engine.rules() if r.id == 1).active
    area = page.text_area(key="rule-new-definition-forbidden")
    area.input('{"action": "replace", "patterns": ["(a"]}')
    page.text_input(key="rule-new-name").input("Own")
    page.button(key="rule-new-save").click().run()
    assert "pattern 1" in page.error[0].value
    assert page.text_input(key="rule-new-name").value == "Own"
    page.text_area(key="rule-new-definition-forbidden").input('{"action": "replace", "words": ["moonshot"]}')
    page.button(key="rule-new-save").click().run()
    assert [r.name for r in engine.rules()][-1] == "Own"
    page.text_area(key="rule-new-definition-forbidden").input("no json")
    page.button(key="rule-new-save").click().run()
    assert "JSON" in page.error[0].value


def test_a_text_is_tried(engine: Engine) -> None:
    page = opened("compliance", "zh")
    page.segmented_control(key="compliance-tab").set_value("try").run()
    page.text_area(key="try-text").input("本产品保本保收益。").run()
    shown = " ".join(m.value for m in page.markdown)
    assert "此句违反合规规则" in shown
    assert "保收益" not in shown.replace(text("compliance.seen", "zh"), "")
