"""Each rule of the error analysis, on answers made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evaluation.errors import Case, by_month, classify, classify_turn, harm, wrong_scale
from rag.records import Answer, Calculation, Citation, NumberCheck, SentenceCheck, Turn


def answer(text: str = "Revenue was 1,577 million [1].", **more: object) -> Answer:
    cited = (Citation(1, 1, 1, "a.pdf", 4, 4, "Revenue 1,577", 0, 13),)
    return Answer(
        **{
            "turn_id": None, "conversation_id": None, "question": "What was revenue?",
            "standalone_question": "What was revenue?", "text": text, "mode": "extractive", "refused": False,
            "refusal_code": "", "model": "", "citations": cited, "passages": (), "degraded": (),
            "incomplete": False, "thinking": "", "prompt_version": "", "timings_ms": {}, **more,
        }
    )  # type: ignore[arg-type]  # fmt: skip


REFUSED = answer("The documents do not say.", refused=True, mode="refused", citations=())
DIVISION = Calculation("m", "a / b", "1 / 2", 0.5, "0.5")
LOST = SentenceCheck(0, 10, "unsupported", 0.1, numbers=(NumberCheck(0, 5, "1,577", "missing"),))


def case(given: Answer, **known: object) -> Case:
    return Case(given.question, given, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        ({"expect_refusal": True}, answer(), "answered_wrongly"),
        ({"pages": {("a.pdf", 4)}, "answers": ("12",)}, REFUSED, "refused_wrongly"),
        ({"pages": {("b.pdf", 4)}, "library": {"a.pdf"}}, REFUSED, "not_found"),
        ({"documents": {"b.pdf"}, "library": {"a.pdf", "b.pdf"}}, answer(), "wrong_document"),
        ({"pages": {("a.pdf", 9)}}, answer(), "wrong_page"),
        ({"pages": {("a.pdf", 4)}, "answers": ("1,402 million",)}, answer(), "wrong_value"),
        ({"pages": {("a.pdf", 4)}, "answers": ("1.577",)}, answer(), "format"),
        ({"pages": {("a.pdf", 4)}, "answers": ("0.3",), "kind": "computed"}, answer(), "arithmetic"),
        ({"pages": {("a.pdf", 4)}, "answers": ("3",)}, answer(checks=(LOST,)), "unsupported"),
        (
            {"answers": ("1,577",)},
            answer("公司的营业收入是一千五百七十七百万元。", mode="generative", model="m"),
            "language",
        ),
    ],
)  # fmt: skip
def test_gold_decides(known: dict[str, object], given: Answer, expected: str) -> None:
    frozen = {k: frozenset(v) if isinstance(v, set) else v for k, v in known.items()}
    found = classify(case(given, **frozen))
    assert (found.error_class, found.rule) == (expected, "gold")


@pytest.mark.parametrize(
    ("reasons", "given", "expected"),
    [
        (("wrong_value",), answer(), "wrong_value"),
        (("wrong_value",), answer(calculations=(DIVISION,)), "arithmetic"),
        (("other", "wrong_document", "wrong_value"), answer(), "wrong_document"),
        (("in_documents",), REFUSED, "refused_wrongly"),
        (("other",), REFUSED, "refused_wrongly"),
    ],
)  # fmt: skip
def test_then_the_readers_reasons(reasons: tuple[str, ...], given: Answer, expected: str) -> None:
    found = classify(case(given, reasons=reasons))
    assert (found.error_class, found.rule) == (expected, "reason")


def test_then_the_answers_own_checks() -> None:
    assert classify(case(answer(checks=(LOST,)))).error_class == "unsupported"
    assert classify(case(answer())).error_class == "other"


def test_a_correction_in_another_scale_is_a_matter_of_format() -> None:
    turn = Turn(1, 1, "ann", datetime(2024, 5, 1, tzinfo=UTC), answer(), -1, correction="1.577 million")
    assert classify_turn(turn).error_class == "format"
    assert classify_turn(replace(turn, reasons=("wrong_document",))).error_class == "wrong_document"


def test_scale_is_wrong_only_when_the_number_itself_is_absent() -> None:
    assert wrong_scale("12.5 thousand", ["12,500"])
    assert wrong_scale("0.124", ["12.4%"])
    assert not wrong_scale("12,500", ["12,500"])
    assert not wrong_scale("12,501 in 2024 [3]", ["9", "2024"])


def test_months_without_mistakes_are_counted_as_such() -> None:
    dated = [
        (datetime(2023, 12, 5), "other"),
        (datetime(2024, 2, 1), "language"),
        (datetime(2024, 2, 9), "other"),
    ]
    rows = by_month(dated)  # type: ignore[arg-type]
    assert [(m.isoformat(), sum(c.values())) for m, c in rows] == [
        ("2023-12-01", 1), ("2024-01-01", 0), ("2024-02-01", 2),
    ]  # fmt: skip
    assert by_month([]) == []


def test_confident_inventions_are_the_worst() -> None:
    sure, unsure = answer(groundedness=0.9), answer(groundedness=0.1)
    assert harm("answered_wrongly", sure) > harm("answered_wrongly", unsure) > harm("wrong_value", sure)
    assert harm("wrong_value", unsure) > harm("refused_wrongly", REFUSED)
