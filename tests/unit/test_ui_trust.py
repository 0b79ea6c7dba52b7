"""Marks of what no source holds, formulas and exports: text stays text, reasons come with the marks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rag.records import Answer, Calculation, Citation, NumberCheck, Operand, SentenceCheck, Turn
from ui import export, trust

TEXT = "Revenue was $5 million [1]. It opened a plant in Oslo [1]."
CHECKS = (
    SentenceCheck(0, 27, "supported", 1.0, (1,)),
    SentenceCheck(
        28, 58, "unsupported", 0.0, (1,), (NumberCheck(28, 30, "9 %", "missing"),), "check.number_missing"
    ),
)
MADE = Calculation(
    "gross margin", "gross profit / revenue", "2 / 5", 0.4, "40.00 %",
    (Operand("2", 2e6, "Gross profit", "FY2019", 1), Operand("5", 5e6, "Net sales", "FY2019", 1)),
)  # fmt: skip


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    monkeypatch.setattr(trust, "language", lambda: "en")
    monkeypatch.setattr(trust, "say", lambda key, **params: "not found in the sources")
    cited = (
        Citation(1, 1, 1, "acme.pdf", 1, 1, "Net sales\t5", 0, 11),
        Citation(1, 1, 1, "acme.pdf", 1, 1, "Gross profit\t2", 12, 26),
    )
    answer = Answer(
        turn_id=3, conversation_id=1, question="?", standalone_question="?", text=TEXT, mode="generative",
        refused=False, refusal_code="", model="m", citations=cited, passages=(), degraded=(),
        incomplete=False, thinking="", prompt_version="", timings_ms={},
        checks=CHECKS, groundedness=0.5, calculations=(MADE,),
    )  # fmt: skip
    return Turn(3, 1, "local", datetime.now(UTC), answer)


def test_a_mark_stands_after_the_unsupported_sentence_with_its_reason(turn: Turn) -> None:
    source = trust.drawn(trust.with_marks(turn.answer), turn)
    before, _, after = source.partition("[not found in the sources](#check-3-0 ")
    assert before.rstrip().endswith("in Oslo [1].")
    assert "does not follow" in after
    assert "9 %" in after
    assert source.count("#check-") == 1


def test_no_mark_where_everything_is_supported(turn: Turn) -> None:
    answer = replace(turn.answer, checks=CHECKS[:1])
    assert trust.with_marks(answer) == TEXT


def test_a_text_that_holds_the_placeholder_gets_none(turn: Turn) -> None:
    answer = replace(turn.answer, text=f"\ue0100\ue011{TEXT}")
    assert trust.with_marks(answer) == f"0{TEXT}"


def test_operands_lead_to_the_row_that_holds_them(turn: Turn) -> None:
    assert trust._operand(turn, MADE.operands[0]).endswith("(#cite-3-1-1)")
    assert trust._operand(turn, MADE.operands[1]).endswith("(#cite-3-1-0)")


def test_a_reason_cannot_break_out_of_the_link(turn: Turn) -> None:
    assert '"' not in trust._title('a "quoted" [link](x) <b>')
    assert "<" not in trust._title("<b>")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_exports_carry_formulas_and_checks(turn: Turn, lang: str) -> None:
    written = export.markdown_answer(turn.answer, lang)
    assert "gross margin: gross profit / revenue = 2 / 5 = 40.00 %" in written
    assert "It opened a plant in Oslo" in written.split("gross margin")[1]
    from io import BytesIO

    from docx import Document

    words = "\n".join(p.text for p in Document(BytesIO(export.word([turn], lang))).paragraphs)
    assert "gross profit / revenue = 2 / 5" in words
