"""The sample reports: made again byte for byte, parsed whole, every golden evidence on its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import samples
from ingest.parse import parse
from rag.records import ParsedDocument
from rag.settings import IngestSettings
from samples import figures_en, figures_zh
from samples.make_samples import make


@pytest.fixture(scope="module")
def parsed() -> dict[str, ParsedDocument]:
    return {path.name: parse(path, path.name, IngestSettings()) for path in samples.sample_files()}


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_reports_are_small_and_long_enough(parsed: dict[str, ParsedDocument]) -> None:
    assert all(path.stat().st_size < 400_000 for path in samples.sample_files())
    assert all(len(document.pages) >= 12 for document in parsed.values())
    assert [document.language for document in parsed.values()] == ["zh", "en"]


def test_reports_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    for made, kept in zip(make(tmp_path), samples.sample_files(), strict=True):
        assert made.read_bytes() == kept.read_bytes(), f"{kept.name}: run `make samples`"


def test_every_evidence_stands_on_its_page(parsed: dict[str, ParsedDocument]) -> None:
    for question in samples.sample_questions():
        for evidence in question.evidence:
            page = parsed[evidence.doc].pages[evidence.page - 1]
            assert page.number == evidence.page
            assert _bare(evidence.text) in _bare(page.text), (question.id, evidence)


def test_questions_are_of_every_kind() -> None:
    questions = samples.sample_questions()
    assert len(questions) >= 12
    assert len({question.id for question in questions}) == len(questions)
    assert {question.lang for question in questions} == {"zh", "en"}
    assert sum(question.expect_refusal for question in questions) >= 3
    assert sum(len({e.doc for e in question.evidence}) == 2 for question in questions) >= 2
    for question in questions:
        assert question.expect_refusal == (not question.answers) == (not question.evidence), question.id


def test_headings_are_headings(parsed: dict[str, ParsedDocument]) -> None:
    """The longest heading that we wrote has 58 characters: body text is not taken for one."""
    for name, document in parsed.items():
        headings = [page.text[h.start : h.end] for page in document.pages for h in page.headings]
        assert len(headings) >= 40
        assert max(map(len, headings)) < 80, (name, max(headings, key=len))


def test_figures_agree() -> None:
    figures_en.check()
    figures_zh.check()
    assert figures_en.NET_INCOME == (51_745, 44_010, 33_612)
    current = figures_en.TOTAL_CURRENT_ASSETS[0] / figures_en.TOTAL_CURRENT_LIABILITIES[0]
    assert f"{current:.2f}" == "2.10"
    current = figures_zh.TOTAL_CURRENT_ASSETS[0] / figures_zh.TOTAL_CURRENT_LIABILITIES[0]
    assert f"{current:.2f}" == "2.30"


def test_a_table_goes_over_three_pages(parsed: dict[str, ParsedDocument]) -> None:
    pages = parsed[samples.ENGLISH_REPORT].pages[14:17]
    assert all("Product line and region" in page.text for page in pages)
    assert "Total revenue" in pages[-1].text
