"""A measure over runs, and two runs side by side."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from evaluation.trend import points, traced
from rag.records import EvalResult, EvalRun


def ran(
    key: int, mean: float, *, status: str = "done", sha: str = "a", dataset: str = "Mine", n: int = 40
) -> EvalRun:
    found = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "n": n}
    summary = {"systems": {"answer": {"measures": {"correct": found, "latency": {**found, "mean": 400.0}}}}}
    return EvalRun(
        id=key, name=f"run {key}", dataset=dataset, dataset_sha256=sha, systems=({"name": "answer"},),
        settings={}, status=status, asked=n, total=n, summary=summary if status == "done" else {},  # type: ignore[arg-type]
        created_by="me", created_at=datetime(2026, 1, key, tzinfo=UTC),
    )  # fmt: skip


RUNS = [
    ran(3, 0.8),
    ran(2, 0.6, sha="b"),
    ran(1, 0.5),
    ran(4, 0.9, status="stopped"),
    ran(5, 0.7, dataset="Other"),
]


def test_only_what_was_finished_twice_has_a_trend() -> None:
    assert traced(RUNS) == {("Mine", "answer"): ["correct", "latency"]}
    assert traced([ran(1, 0.5)]) == {}
    assert traced([]) == {}


def test_points_are_in_order_and_other_questions_are_marked() -> None:
    found = points(RUNS, "Mine", "answer", "correct")
    assert [(p.run_id, p.mean, p.same) for p in found] == [(1, 0.5, True), (2, 0.6, False), (3, 0.8, True)]
    assert points(RUNS, "Mine", "other", "correct") == []
    assert [p.same for p in points([ran(2, 0.6, n=10), ran(1, 0.5)], "Mine", "answer", "correct")] == [
        False,
        True,
    ]


def trend_page(lang: str) -> AppTest:
    def script() -> None:
        from tests.unit.test_quality_trend import RUNS
        from ui import quality_trend

        quality_trend.over_runs(RUNS)

    shown = AppTest.from_function(script, default_timeout=30)
    shown.query_params["lang"] = lang
    shown.run()
    assert not shown.exception
    return shown


@pytest.mark.parametrize(
    ("lang", "title", "verdict"), [("en", "Over time", "more than chance"), ("zh", "历次变化", "超出偶然")]
)
def test_the_trend_is_drawn_in_both_languages(lang: str, title: str, verdict: str) -> None:
    shown = trend_page(lang)
    drawn = "\n".join(h.proto.body for h in shown.get("html"))
    assert "50 % (45–55) · n=40" in drawn
    assert "80 % (75–85) · n=40" in drawn
    assert "#2 *" in drawn
    assert any(title in e.label for e in shown.expander)
    assert any(verdict in c.value for c in shown.caption)
    shown.selectbox(key="trend-measure").select_index(1).run()
    assert not shown.exception
    assert "400 ms" in "\n".join(h.proto.body for h in shown.get("html"))


def result(key: int, question: str, said: str, correct: float) -> EvalResult:
    return EvalResult(
        id=key, run_id=1, system="answer", question_key=str(key), question={"question": question},
        answer={"text": said}, measures={"correct": correct}, error_class="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


MINE = [result(1, "How much?", "12 <b>million</b>", 1.0), result(2, "Who?", "", 0.0)]
BASE = [result(3, "How much?", "13 million", 0.0), result(4, "Who?", "Nobody", 1.0)]


def test_two_runs_stand_side_by_side() -> None:
    def script() -> None:
        from tests.unit.test_quality_trend import BASE, MINE
        from ui import quality_trend

        quality_trend.side_by_side(MINE, BASE, ("#1 new", "#2 old"))

    shown = AppTest.from_function(script, default_timeout=30)
    shown.query_params["lang"] = "en"
    shown.run()
    assert not shown.exception
    (drawn,) = [h.proto.body for h in shown.get("html")]
    assert "<td>right · 12 &lt;b&gt;million&lt;/b&gt;</td><td>wrong · 13 million</td>" in drawn
    assert "<th>#1 new</th><th>#2 old</th>" in drawn
    assert "<td>wrong · –</td>" in drawn
