"""The Tuning page over a real library and a fake vLLM, through Streamlit's AppTest."""

from __future__ import annotations

import json
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from test_chat_server import serving
from test_finetune_gate import GOLDEN, VALUES, Vllm
from test_finetune_jobs import TRAINER
from test_finetune_live import card, make_adapter

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


def labelled(shown: AppTest, code: str) -> Any:
    return next(b for b in shown.button if b.label == text(code, "en"))


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
    labelled(shown, "tuning.make").click().run()  # nothing there to make it from
    assert "0" in shown.error[0].value
    for question in GOLDEN[:6]:
        *_, done = engine.ask(question.question)
        turn_id = done.answer.turn_id  # type: ignore[union-attr]
        correction = f"Revenue was {question.answers[0]} million euros."
        engine.rate_turn(turn_id, boot.principal(), -1, correction=correction)
        engine.review_feedback(turn_id, eve, "accepted")
    shown.text_input(key="train-set-name").input("july")
    labelled(shown, "tuning.make").click().run()
    assert not shown.exception
    [made] = engine.store.train_sets()
    assert (made.name, made.state) == ("july", "draft")
    assert any("turn 6" in m.value for m in shown.markdown)
    shown.button(key=f"approve-{made.id}").click().run()
    assert engine.store.train_set(made.id).state == "approved"


def test_feedback_is_reviewed_where_it_is_learned_from(engine: Engine) -> None:
    turns = []
    for number, question in enumerate(GOLDEN[:4]):
        *_, done = engine.ask(question.question)
        turns.append(done.answer.turn_id)  # type: ignore[union-attr]
        correction = f"Revenue was {question.answers[0]} million euros." if number < 2 else ""
        liked = 1 if number == 2 else -1  # the last one is only called wrong: nothing to learn from
        engine.rate_turn(turns[-1], boot.principal(), liked, correction=correction)  # type: ignore[arg-type]
    shown = page()
    assert any(c.value == text("tuning.review_counts", "en", waiting=3, accepted=0) for c in shown.caption)
    shown.button(key=f"reject-{turns[0]}").click().run()
    shown.button(key="accept-these").click().run()
    assert not shown.exception
    found = {turn.id: turn.review for turn in engine.feedback(boot.principal())}
    assert found == {turns[0]: "dismissed", turns[1]: "accepted", turns[2]: "accepted", turns[3]: ""}
    assert any(c.value == text("tuning.review_counts", "en", waiting=0, accepted=2) for c in shown.caption)


def test_the_records_of_a_set_are_shown_with_the_reasons_of_what_is_not_in_it(engine: Engine) -> None:
    for question in GOLDEN[:6]:
        *_, done = engine.ask(question.question)
        turn_id = done.answer.turn_id  # type: ignore[union-attr]
        wrong = question is GOLDEN[0]
        correction = "Revenue was 99,999 euros." if wrong else f"Revenue was {question.answers[0]} million."
        engine.rate_turn(turn_id, boot.principal(), -1, correction=correction)
        engine.review_feedback(turn_id, boot.principal(), "accepted")
    shown = page()
    labelled(shown, "tuning.make").click().run()
    [made] = engine.store.train_sets()
    shown.toggle(key=f"records-{made.id}").set_value(True).run()
    assert not shown.exception
    table = shown.dataframe[0].value
    reason = text("tuning.part_removed", "en", reason="its passages do not say so")
    assert table["Part"].isin(["to train on", "held out"]).sum() == 5
    assert "99,999" in table[table["Part"] == reason]["Answer to learn"].iloc[0]


def test_from_corrected_answers_to_a_live_adapter_and_back(engine: Engine, tmp_path: Path) -> None:
    """With the page's own buttons; only the trainer is a stand-in (the real one: tests/integration)."""
    trainer = tmp_path / "trainer"
    trainer.write_text(TRAINER.format(python=sys.executable, card=json.dumps(card())), encoding="utf-8")
    trainer.chmod(trainer.stat().st_mode | stat.S_IXUSR)
    tuning = engine.settings.tuning.model_copy(update={"python": str(trainer)})
    engine.settings = engine.settings.model_copy(update={"tuning": tuning})
    eve = Principal("eve", "eve", frozenset({"evaluator"}))
    golden = engine.save_dataset("asked", eve)
    asked = [(one.id, one.model_dump(mode="json", exclude_defaults=True)) for one in GOLDEN]
    engine.save_golden_questions(golden.id, asked, eve)
    for question in GOLDEN[:10]:
        *_, done = engine.ask(f"Tell me: {question.question}")
        turn_id = done.answer.turn_id  # type: ignore[union-attr]
        correction = f"Revenue was {question.answers[0]} million euros."
        engine.rate_turn(turn_id, boot.principal(), -1, correction=correction)
        engine.review_feedback(turn_id, eve, "accepted")
    shown = page()
    assert any(text("tuning.job_needs_set", "en") == c.value for c in shown.caption)
    shown.text_input(key="train-set-name").input("july")
    labelled(shown, "tuning.make").click().run()
    [made] = engine.store.train_sets()
    shown.button(key=f"approve-{made.id}").click().run()
    shown.text_input(key="train-name").input("good")
    shown.text_input(key="train-base").input("tiny")
    shown.text_area(key="train-more").input("learning_rate: oops")
    labelled(shown, "tuning.job_start").click().run()
    assert "valid number" in shown.error[0].value  # nothing typed is lost
    shown.text_area(key="train-more").input("learning_rate: 3.0e-4")
    shown.number_input(key="train-steps").set_value(3)
    labelled(shown, "tuning.job_start").click().run()
    assert not shown.exception
    [job] = engine.store.jobs()
    deadline = time.monotonic() + 90
    while engine.store.job(job.id).finished_at is None and time.monotonic() < deadline:
        time.sleep(0.2)
    ended = engine.store.job(job.id)
    assert (ended.status, ended.progress.get("passed")) == ("done", True), Path(job.log_path).read_text()
    shown = page()
    [promote] = [b for b in shown.button if str(b.key).startswith("promote-")]
    promote.click().run()
    assert [a.name for a in engine.store.live_adapters()] == ["good"]
    shown.button(key="tuning-rollback").click().run()
    assert engine.store.live_adapters() == []
