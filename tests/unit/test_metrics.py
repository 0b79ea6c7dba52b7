"""What is counted: fed by answers, bounded in its labels, free of what people wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag import metrics
from rag.records import Answer, Degraded, Usage

SECRET = "what did Nadir Holdings earn in 2019"


def _answer(**changes: object) -> Answer:
    made = Answer(
        turn_id=None,
        conversation_id=None,
        question=SECRET,
        standalone_question=SECRET,
        text="It earned 5 million.",
        mode="generative",
        refused=False,
        refusal_code="",
        model="Qwen/Qwen3-8B",
        citations=(),
        passages=(),
        degraded=(),
        incomplete=False,
        thinking="",
        prompt_version="v1",
        timings_ms={"total": 1500.0, "first_token": 200.0, "embed": 5.0, "unheard-of": 1.0},
        groundedness=0.85,
        usage=Usage(1000, 50),
        adapter="finance-1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_an_answer_is_counted_once_in_every_instrument() -> None:
    who = {"model": "Qwen_Qwen3-8B", "adapter": "finance-1"}
    names = [
        ("wenju_questions_total", {"mode": "generative", "outcome": "answered"}, 1.0),
        ("wenju_tokens_total", {**who, "direction": "in"}, 1000.0),
        ("wenju_tokens_total", {**who, "direction": "out"}, 50.0),
        ("wenju_cost_total", {**who, "currency": "CNY"}, 0.25),
        ("wenju_stage_seconds_sum", {"stage": "embed"}, 0.005),
        ("wenju_question_seconds_sum", {"mode": "generative"}, 1.5),
        ("wenju_first_token_seconds_count", {"mode": "generative"}, 1.0),
        ("wenju_groundedness_bucket", {"le": "0.9"}, 1.0),
        ("wenju_groundedness_bucket", {"le": "0.8"}, 0.0),
        ("wenju_retrievals_empty_total", {}, 1.0),
        ("wenju_degraded_total", {"part": "chat", "code": "degraded.rewrite"}, 1.0),
    ]
    before = [_value(name, **labels) for name, labels, _ in names]
    metrics.note_answer(_answer(degraded=(Degraded("chat", "degraded.rewrite"),)), cost=0.25, currency="CNY")
    after = [_value(name, **labels) for name, labels, _ in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([n for _, _, n in names])


def test_outcomes_are_told_apart() -> None:
    refused = _answer(mode="refused", refused=True, refusal_code="refusal.nothing_found", usage=Usage())
    before = _value("wenju_refusals_total", code="refusal.nothing_found")
    metrics.note_answer(refused)
    assert _value("wenju_refusals_total", code="refusal.nothing_found") == before + 1
    assert metrics.outcome_of(refused) == "refused"
    assert metrics.outcome_of(_answer(incomplete=True)) == "incomplete"


def test_an_answer_from_the_cache_costs_no_tokens() -> None:
    labels = {"model": "Qwen_Qwen3-8B", "adapter": "finance-1", "direction": "in"}
    before = _value("wenju_tokens_total", **labels)
    metrics.note_answer(_answer(from_cache=True), cost=3.0, currency="CNY")
    metrics.note_cache("answers", "hit", saved_tokens=1050)
    assert _value("wenju_tokens_total", **labels) == before


def test_nothing_that_people_wrote_is_in_the_exposition() -> None:
    metrics.note_answer(
        _answer(
            mode="refused",
            refused=True,
            refusal_code=f"refusal.nothing_found?name={SECRET}",
            degraded=(Degraded("dense", SECRET),),
        )
    )
    metrics.note_error(f"{SECRET}.pdf")
    text = metrics.exposition().decode()
    assert "Nadir" not in text
    assert 'wenju_question_errors_total{code="other"}' in text


def test_label_values_are_bounded_and_clean() -> None:
    names = metrics._Names(most=3)
    assert names("/srv/models/Qwen3-8B/") == "Qwen3-8B"
    assert names('a"b\n{c}') == "a_b_c_"
    assert len(names("x" * 500)) == 80
    assert names("one too many") == "other"
    assert names("/srv/models/Qwen3-8B/") == "Qwen3-8B"
    assert names("") == ""


def test_documents_are_asked_for_when_scraped() -> None:
    counts = {"ready": 4, "queued": 2, "failed": 1}
    metrics.watch_documents(lambda: counts)
    try:
        counts["queued"] = 3
        text = metrics.exposition().decode()
        assert 'wenju_documents{status="queued"} 3.0' in text
        assert "wenju_ingest_queue_depth 3.0" in text

        def down() -> dict[str, int]:
            raise OSError("the database is away")

        metrics.watch_documents(down)
        text = metrics.exposition().decode()
        assert "wenju_ingest_queue_depth" not in text
        assert "wenju_questions_total" in text
    finally:
        metrics.watch_documents(None)


def test_every_instrument_is_named_and_explained() -> None:
    names = metrics.instrument_names()
    assert {"wenju_questions_total", "wenju_stage_seconds_bucket", "wenju_documents"} <= names
    assert "process_resident_memory_bytes" in names
    for metric in metrics.REGISTRY.collect():
        assert metric.documentation, metric.name


def test_breakers_and_requests() -> None:
    metrics.note_breaker("chat", "open")
    assert _value("wenju_breaker_state", system="chat") == 2
    metrics.note_breaker("chat", "closed")
    assert _value("wenju_breaker_state", system="chat") == 0
    metrics.note_http("/v1/models", "BREW", 200, 0.01)
    assert _value("wenju_http_requests_total", route="/v1/models", method="other", status="200") == 1
