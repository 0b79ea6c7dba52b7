"""The sample reports and their golden questions: two fictional companies, written for Wenju.

The Chinese one is a Word document, the English one a PDF with tables over several pages.
``python -m samples.make_samples`` makes both anew, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
REPORTS = _FOLDER / "reports"
CHINESE_REPORT = "云岭精密2024年年度报告.docx"
ENGLISH_REPORT = "Calder-Ridge-FY2024-Annual-Report.pdf"


@dataclass(frozen=True, slots=True)
class Evidence:
    """``text`` stands on the 1-based ``page`` of ``doc``, white space aside."""

    doc: str
    page: int
    text: str


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A golden question. ``answers`` are accepted wordings; empty when the question must be refused."""

    id: str
    question: str
    lang: str
    kind: str  # "lookup" | "table" | "computed" | "cross" | "refuse"
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]

    @property
    def expect_refusal(self) -> bool:
        return self.kind == "refuse"


def sample_files() -> list[Path]:
    """The two reports."""
    return [REPORTS / CHINESE_REPORT, REPORTS / ENGLISH_REPORT]


def sample_questions() -> list[SampleQuestion]:
    """The golden questions, in the order they are worth asking."""
    lines = (_FOLDER / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    return [_question(json.loads(line)) for line in lines if line]


def _question(record: dict[str, object]) -> SampleQuestion:
    fields = {key: value for key, value in record.items() if key in ("id", "question", "lang", "kind")}
    answers = record["answers"]
    evidence = record["evidence"]
    assert isinstance(answers, list)
    assert isinstance(evidence, list)
    return SampleQuestion(
        **{key: str(value) for key, value in fields.items()},
        answers=tuple(answers),
        evidence=tuple(Evidence(**item) for item in evidence),
    )
