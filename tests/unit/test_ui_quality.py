"""The Quality page through AppTest, over a small real library: run, look, compare, correct, draft, upload."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from evaluation.running import RunDesk
from ingest.service import IngestService
from rag.access import LOCAL
from rag.engine import Engine
from rag.records import Box, Done, Line, Page, Principal
from rag.settings import Settings
from rag.testing import HashEmbedding
from ui import boot, quality_datasets
from ui.answering import AnswerDesk
from ui.quality_result import boxes_of, find_words
from ui.texts import text

REPORT = """# Consolidated results

(in millions)
Years ended December 31,\t2023\t2022
Net sales\t1,577\t1,402
Operating income\t312\t260

Harbour Logistics moved 4.2 million containers in 2023.
"""
REPORT_NAME = "Harbour Logistics 2023.md"


def known(key: str, question: str, answer: str, where: str) -> tuple[str, dict[str, object]]:
    evidence = [{"doc": REPORT_NAME, "page": 1, "text": where}] if where else []
    record = {"id": key, "question": question, "lang": "en", "answers": [answer] if answer else []}
    return key, {**record, "kind": "lookup", "evidence": evidence, "expect_refusal": not answer}


QUESTIONS = (
    known(
        "good", "How many containers did Harbour Logistics move in 2023?", "4.2 million", "moved 4.2 million"
    ),
    known("bad", "What were the net sales of Harbour Logistics in 2023?", "9,999 million", "Net sales"),
    known("refuse", "How tall is the lighthouse of Skerryvore?", "", ""),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    embedding = HashEmbedding()
    with Engine.open(settings, embedding=embedding) as opened:
        opened.add_document(REPORT_NAME, REPORT.encode())
        IngestService(opened.store, settings, embedding).run_until_idle()
        assert [d.status for d in opened.documents()] == ["ready"]
        house = boot.House(engine=opened, desk=AnswerDesk(opened), runs=RunDesk(opened))
        boot.install(house)
        yield opened
        boot.install(None)
        boot.close_house(dataclasses.replace(house, engine=None))


def page(**query: str) -> AppTest:
    def script() -> None:
        import streamlit as st

        from ui import quality, state

        st.session_state[state.COPIES] = {}
        quality.page()

    fresh = AppTest.from_function(script, default_timeout=30)
    for name, value in {"lang": "en", **query}.items():
        fresh.query_params[name] = value
    return run(fresh)


def run(shown: AppTest) -> AppTest:
    shown.run()
    assert not shown.exception
    return shown


def press(shown: AppTest, key: str) -> AppTest:
    shown.button(key=key).click()
    return run(shown)


def tab(shown: AppTest, name: str) -> AppTest:
    shown.segmented_control(key="quality-tab").set_value(name)
    return run(shown)


def words(shown: AppTest) -> str:
    written = [m.value for m in shown.markdown] + [c.value for c in shown.caption]
    written += [h.proto.body for h in shown.get("html")] + [b.label for b in shown.button]
    return re.sub(r"\\(?=[^\w\s])", "", "\n".join(written))


def keys(shown: AppTest) -> set[str]:
    return {b.key for b in shown.button if b.key}


def golden(engine: Engine, name: str = "Mine") -> int:
    dataset = engine.save_dataset(name)
    engine.save_golden_questions(dataset.id, QUESTIONS)
    return dataset.id


def finished(shown: AppTest) -> AppTest:
    """Waits for the run that was started; the page opens it by itself."""
    desk = boot.current().runs
    assert desk is not None
    until = time.monotonic() + 30
    while any(not t.done for t in desk.tickets(LOCAL)) and time.monotonic() < until:
        time.sleep(0.05)
    run(shown)
    assert "all-runs" in keys(shown)
    return shown


def test_a_run_is_started_watched_and_read_down_to_the_question(engine: Engine) -> None:
    golden(engine)
    shown = page()
    assert text("quality.no_runs", "en") in words(shown)
    shown = finished(press(shown, "run-go"))
    (made,) = engine.runs()
    assert (made.status, made.total) == ("done", 3)
    assert shown.query_params["run"] == [str(made.id)] or shown.query_params["run"] == str(made.id)
    classes = {r.question_key: r.error_class for r in engine.results(made.id)}
    assert classes == {"good": "", "bad": "wrong_value", "refuse": ""}
    assert text("mistake.wrong_value", "en") in words(shown)
    wrong = next(r for r in engine.results(made.id) if r.question_key == "bad")
    shown.segmented_control(key="result-outcome").set_value("wrong")
    run(shown)
    assert {k for k in keys(shown) if re.fullmatch(r"result-\d+", k)} == {f"result-{wrong.id}"}
    press(shown, f"result-{wrong.id}")
    seen = words(shown)
    assert "9,999 million" in seen  # what is right
    assert "1,577" in seen  # what was answered
    assert "<mark>Net sales" in seen  # where it stands
    press(shown, "close-result")
    press(shown, "all-runs")
    assert f"look-run-{made.id}" in keys(shown)


def test_two_runs_are_compared_and_flipped_questions_named(engine: Engine) -> None:
    dataset = golden(engine)
    shown = finished(press(page(), "run-go"))
    first = engine.runs()[0]
    bad = next(q for q in engine.golden_questions(dataset) if q.key == "bad")
    engine.store.set_measures(
        {r.id: {**r.measures, "correct": 1.0} for r in engine.results(first.id) if r.question_key == "bad"}
    )
    assert bad.state == "accepted"
    press(shown, "all-runs")
    shown.multiselect(key="run-systems").set_value(["within"])
    run(shown)
    shown = finished(press(shown, "run-go"))
    shown.selectbox(key="compare-with").set_value(first.id)
    run(shown)
    seen = words(shown)
    assert text("quality.verdict_same", "en") in seen
    second = engine.runs()[0]
    flipped = next(r for r in engine.results(second.id) if r.question_key == "bad")
    assert f"flip-{flipped.id}" in keys(shown)
    assert text("quality.now_wrong", "en") in seen


def test_a_result_becomes_a_golden_question(engine: Engine) -> None:
    golden(engine)
    shown = finished(press(page(), "run-go"))
    wrong = next(r for r in engine.results(engine.runs()[0].id) if r.question_key == "bad")
    press(press(shown, f"result-{wrong.id}"), "make-golden")
    shown.text_area(key="golden-bad-a").set_value("$1,577 million\n1,577")
    shown.text_input(key="into-bad").set_value("Fixed")
    shown.button(key="golden-bad-go").click()
    run(shown)
    fixed = next(d for d in engine.datasets() if d.name == "Fixed")
    (kept,) = engine.golden_questions(fixed.id)
    assert kept.question["answers"] == ["$1,577 million", "1,577"]
    assert kept.question["evidence"][0]["text"] == "Net sales"
    assert kept.origin == f"result:{wrong.id}"


def test_a_readers_correction_becomes_a_golden_question_or_is_dismissed(engine: Engine) -> None:
    turns = []
    for asked in ("How many containers did Harbour Logistics move?", "What was operating income?"):
        events = list(engine.ask(asked))
        assert isinstance(events[-1], Done)
        turns.append(events[-1].answer.turn_id)
    engine.rate_turn(turns[0], LOCAL, -1, ["wrong_value"], "hm", "4.2 million in 2023")
    engine.rate_turn(turns[1], LOCAL, -1)
    shown = tab(page(), "feedback")
    assert "4.2 million in 2023" in words(shown)
    press(shown, f"dismiss-{turns[1]}")
    assert engine.feedback_turn(turns[1], LOCAL).review == "dismissed"
    press(shown, f"golden-turn-{turns[0]}")
    assert shown.text_area(key=f"golden-turn-{turns[0]}-a").value == "4.2 million in 2023"
    assert "Harbour Logistics 2023.md | 1" in shown.text_area(key=f"golden-turn-{turns[0]}-e").value
    shown.button(key=f"golden-turn-{turns[0]}-go").click()
    run(shown)
    assert engine.feedback_turn(turns[0], LOCAL).review == "accepted"
    (dataset,) = engine.datasets()
    assert [q.origin for q in engine.golden_questions(dataset.id)] == [f"turn:{turns[0]}"]


def test_uploads_name_bad_lines_and_keep_the_good_ones(engine: Engine) -> None:
    good = json.dumps({"id": "a", "question": "What were net sales?", "answers": ["1,577 million"]})
    shown = tab(page(), "datasets")
    shown.file_uploader[0].set_value(("mine.jsonl", f"{good}\n{{broken\n".encode(), "application/json"))
    run(shown)
    assert text("quality.preview", "en", good=1) in words(shown)
    assert any("Line 2" in w.value for w in shown.warning), [w.value for w in shown.warning]
    press(shown, "golden-save")
    (dataset,) = engine.datasets()
    assert (dataset.name, dataset.accepted) == ("mine", 1)
    (kept,) = engine.golden_questions(dataset.id)
    press(shown, f"edit-{kept.id}")
    shown.text_area(key=f"edit-form-{kept.id}-e").set_value("Harbour Logistics 2023.md | one")
    shown.button(key=f"edit-form-{kept.id}-go").click()
    run(shown)
    assert any("is not" in e.value and "one" in e.value for e in shown.error)
    shown.text_area(key=f"edit-form-{kept.id}-e").set_value("Harbour Logistics 2023.md | 1")
    shown.button(key=f"edit-form-{kept.id}-go").click()
    run(shown)
    assert engine.golden_questions(dataset.id)[0].question["evidence"][0]["page"] == 1
    press(shown, f"erase-{kept.id}")
    assert engine.golden_questions(dataset.id) == []
    press(press(shown, "delete-dataset"), "delete-dataset-yes")
    assert engine.datasets() == []


def test_an_unreadable_upload_is_a_message(engine: Engine) -> None:
    shown = tab(page(), "datasets")
    shown.file_uploader[0].set_value(("x.xlsx", b"not a sheet", "application/vnd.ms-excel"))
    run(shown)
    assert shown.error
    assert "golden-save" not in keys(shown)


def test_drafts_wait_for_a_person(engine: Engine) -> None:
    shown = press(tab(page(), "datasets"), "draft-go")
    (dataset,) = engine.datasets()
    assert dataset.drafts > 3
    assert dataset.accepted == 0
    first, second, *_ = engine.golden_questions(dataset.id)
    press(shown, f"accept-{first.id}")
    press(shown, f"reject-{second.id}")
    states = {q.id: q.state for q in engine.golden_questions(dataset.id)}
    assert (states[first.id], states[second.id]) == ("accepted", "rejected")


def test_a_reader_without_the_role_sees_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    golden(engine)
    reader = Principal("ann", "Ann", frozenset({"analyst"}))
    monkeypatch.setattr("ui.quality.principal", lambda: reader)
    shown = page()
    assert shown.info
    assert "run-go" not in keys(shown)


def test_a_stopped_run_goes_on_where_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    golden(engine)
    asked: list[str] = []
    from evaluation.systems import AnswerSystem

    answer = AnswerSystem.ask

    def slowly(self: AnswerSystem, question: object, stop: object) -> object:
        asked.append(question.id)  # type: ignore[attr-defined]
        time.sleep(0.2)
        return answer(self, question, stop)  # type: ignore[arg-type]

    monkeypatch.setattr(AnswerSystem, "ask", slowly)
    shown = press(page(), "run-go")
    desk = boot.current().runs
    assert desk is not None
    (ticket,) = desk.tickets(LOCAL)
    if not ticket.done:
        ticket.stop()
    finished(shown)
    (stopped,) = engine.runs()
    kept = {r.question_key for r in engine.results(stopped.id)}
    asked.clear()
    press(shown, "all-runs")
    finished(press(shown, "run-go"))
    assert [r.id for r in engine.runs()] == [stopped.id]  # the same run, gone on with
    assert engine.run(stopped.id).status == "done"
    assert not kept & set(asked)  # what had been answered was not asked again


def test_samples_are_offered_when_both_are_ready(engine: Engine) -> None:
    assert "run-samples" not in keys(page())
    from samples import sample_files

    for path in sample_files():
        engine.add_document(path.name, path)
    IngestService(engine.store, engine.settings, engine.embedding()).run_until_idle()
    shown = page()
    assert "run-samples" in keys(shown)
    shown = finished(press(shown, "run-samples"))
    assert engine.runs()[0].total == 20
    press(shown, "all-runs")
    assert "run-samples" not in keys(shown)  # it has been tried


def test_words_are_found_however_cells_are_parted() -> None:
    lines = (Line(0, 9, 0, 0.1, 1, 0.2), Line(10, 36, 0, 0.2, 1, 0.3))
    shown = Page(3, "Net sales\nR&D\t63,735\t54,430 (note 2)", lines=lines)
    span = find_words(shown.text, "R&D 63,735 54,430")
    assert span == (10, 27)
    assert boxes_of(shown, [span]) == [Box(3, 0, 0.2, 1, 0.3)]
    assert find_words(shown.text, "nowhere 1") is None
    assert find_words(shown.text, "") is None


def test_the_template_can_be_uploaded() -> None:
    found = quality_datasets.read_upload("模板.xlsx", quality_datasets_template())
    assert found.questions
    assert not found.bad
    assert found.name == "模板"


def quality_datasets_template() -> bytes:
    from evaluation.tables import template

    return template("zh")
