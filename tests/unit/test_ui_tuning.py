"""The Tuning page over a real library and a fake vLLM, through Streamlit's AppTest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from test_chat_server import serving
from test_finetune_gate import GOLDEN, VALUES, Vllm
from test_finetune_live import make_adapter

from finetune.gate import gate
from finetune.registry import Registry
from ingest.service import IngestService
from rag.engine import Engine
from rag.records import Principal
from rag.settings import Settings
from rag.testing import HashEmbedding
from ui import boot
from ui.answering import AnswerDesk
from ui.texts import text


@pytest.fixture
def vllm() -> Vllm:
    return Vllm()


@pytest.fixture
def engine(vllm: Vllm, tmp_path: Path) -> Iterator[Engine]:
    with serving(vllm) as url:
        settings = Settings(
            data_dir=tmp_path / "data", chat={"base_url": url, "retries": 0}, search={"top_k": 2}
        )
        embedding = HashEmbedding()
        with Engine.open(settings, embedding=embedding) as opened:
            for name, value in VALUES.items():
                opened.add_document(
                    f"{name}.txt",
                    f"{name} plc. Revenue of {name} was {value} million euros in 2023.\n".encode(),
                )
            IngestService(opened.store, settings, embedding).run_until_idle()
            boot.install(boot.House(engine=opened, desk=AnswerDesk(opened)))
            yield opened
            boot.install(None)


def page(language: str = "en") -> AppTest:
    def script(language: str) -> None:
        import streamlit as st

        from ui import tuning

        st.session_state.setdefault("lang", language)
        tuning.page()

    return AppTest.from_function(script, kwargs={"language": language}, default_timeout=60).run()


def test_promote_with_a_share_and_roll_back(engine: Engine) -> None:
    registry = Registry(engine.store, engine.settings)
    for name in ("good", "bad"):
        registry.register(name, make_adapter(registry, name))
        gate(engine, registry, name, questions=GOLDEN, source="golden")
    shown = page()
    assert not shown.exception
    assert any(text("tuning.live_base", "en") == m.value for m in shown.markdown)
    [promote] = [b for b in shown.button if str(b.key).startswith("promote-")]  # the refused one has none
    shown.select_slider[0].set_value(20)
    promote.click().run()
    assert not shown.exception
    assert {a.name: a.share for a in engine.store.live_adapters()} == {"good": 0.2}
    assert any("good (20%), the base model (80%)" in m.value for m in shown.markdown)
    shown.button(key="tuning-rollback").click().run()
    assert engine.store.live_adapters() == []
    chinese = page("zh")
    assert not chinese.exception
    assert any(text("tuning.live_base", "zh") == m.value for m in chinese.markdown)


def test_a_server_that_is_down_is_told_and_changes_nothing(engine: Engine, vllm: Vllm) -> None:
    registry = Registry(engine.store, engine.settings)
    registry.register("good", make_adapter(registry, "good"))
    gate(engine, registry, "good", questions=GOLDEN)
    vllm.models = 500
    shown = page()
    [promote] = [b for b in shown.button if str(b.key).startswith("promote-")]
    promote.click().run()
    assert shown.error
    assert engine.store.live_adapters() == []


def test_a_set_is_made_from_feedback_looked_at_and_approved(engine: Engine) -> None:
    eve = Principal("eve", "eve", frozenset({"evaluator"}))
    shown = page()
    shown.button[0].click().run()  # nothing there to make it from
    assert "0" in shown.error[0].value
    for question in GOLDEN[:6]:
        *_, done = engine.ask(question.question)
        turn_id = done.answer.turn_id  # type: ignore[union-attr]
        correction = f"Revenue was {question.answers[0]} million euros."
        engine.rate_turn(turn_id, boot.principal(), -1, correction=correction)
        engine.review_feedback(turn_id, eve, "accepted")
    shown.text_input(key="train-set-name").input("july")
    shown.button[0].click().run()
    assert not shown.exception
    [made] = engine.store.train_sets()
    assert (made.name, made.state) == ("july", "draft")
    assert any("turn 6" in m.value for m in shown.markdown)
    shown.button(key=f"approve-{made.id}").click().run()
    assert engine.store.train_set(made.id).state == "approved"
