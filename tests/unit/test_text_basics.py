"""Language, normalisation, context and sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import About
from rag.text.context import context_header, embedded_text, subject, text_hash
from rag.text.language import detect_language
from rag.text.normalise import normalise
from rag.text.sentences import sentence_spans


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Revenue rose by 12 percent", "en"),
        ("EBITDA margin", "en"),
        ("营业收入同比增长", "zh"),
        ("营业收入 (Apple Inc.)", "zh"),
        ("Apple Inc. and its Chinese name 苹果 are used here", "en"),
        ("これは日本語の文章です", "other"),
        ("Der Umsatz ist in dem Jahr für die Gesellschaft gestiegen und", "other"),
        ("Выручка выросла", "other"),
        ("1,577 12.5%", "other"),
        ("", "other"),
        ("x" * 50_000 + "中" * 100, "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_normalise_drops_what_cannot_be_seen() -> None:
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "ignore")
    assert normalise(f"a\u200bb\u202ec\u00ad{hidden}１２ﬁ") == "abc12fi"


@given(st.text())
def test_normalise_is_idempotent(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_context_header() -> None:
    assert context_header("", (), "") == ""
    assert context_header("Report", ("Part I", "Item 1"), "") == "Report > Part I > Item 1"
    assert context_header("Report", ("Report", "Item 1"), "a\t b  c") == "Report > Item 1\na\tb c"
    assert context_header("", (), "a\tb") == "a\tb"
    many = context_header("Report", [f"section number {i}" for i in range(40)], "")
    assert many.startswith("Report > ")
    assert many.endswith("section number 39")
    assert len(many) < 240
    assert len(context_header("字" * 500, ("节" * 500,), "表" * 500)) <= 24 + 32 + 64 + 5


def test_what_a_document_is_about_stands_in_place_of_its_title() -> None:
    about = About("Northwick Foods, Inc.", "NWK", "annual", 2021, "FY", "2021-12-31")
    assert context_header("Registrant's telephone number", ("Item 7",), "a\tb", about) == (
        "Northwick Foods annual report FY2021 > Item 7\na\tb"
    )
    assert subject(replace(about, report_type="quarterly", fiscal_period="Q2")) == (
        "Northwick Foods quarterly report Q2 FY2021"
    )
    assert subject(replace(about, report_type="current")) == "Northwick Foods current report 2021-12-31"
    chinese = About("青山智能输电工程科技股份有限公司", "600999", "annual", 2019, "FY", "", ("青山智电",))
    assert subject(chinese) == "青山智电 2019年 年度报告"
    assert subject(About()) == ""
    assert context_header("Handbook", ("Leave",), "", About()) == "Handbook > Leave"


def test_embedded_text_and_hash() -> None:
    assert embedded_text("", "text") == "text"
    assert embedded_text("head", "text") == "head\ntext"
    assert len(text_hash("\ud800")) == 64


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Apple Inc. reported 12.5% growth.", "The U.S. market grew.", "Mr. J. Smith agreed."],
        ["See No. 5 for details.", "It fell in Dec. 2021 to $1.5 million."],
        ["Acme Inc.", "The board met.", "1. Revenue rose.", "2. Costs fell (see Note 5)."],
        ["Item 7. Management's discussion.", "We did it!", "Did we?", 'He said "yes."', "Then left."],
        ["It grew, e.g. in Asia, by 3 p.p. or more.", "Wait... for it."],
        ["Sales fell in 2021.", "Margins rose.", "See Section 2.1.3 for more."],
    ],
)
def test_english_sentences(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected
    assert sentences("\n\n".join(expected)) == expected


def test_chinese_sentences() -> None:
    expected = [
        "公司2021年实现营业收入1,577.25万元，同比增长12.5%。",
        "净利润下降！",
        "真的吗？",
        "他说：“是的。”",
        "详见第3.2节；以及附注（五）。",
    ]
    assert sentences("".join(expected)) == expected


def test_table_rows_headings_and_items_are_their_own() -> None:
    text = (
        "Results of operations\nRevenue increased by 12% in the year, which was driven by higher\nvolumes in "
        "Asia.\n"
        "Item\t2021\nRevenue\t1,577\nThe table above shows revenue.\n• First thing\n• Second thing"
    )
    assert sentences(text) == [
        "Results of operations",
        "Revenue increased by 12% in the year, which was driven by higher\nvolumes in Asia.",
        "Item\t2021",
        "Revenue\t1,577",
        "The table above shows revenue.",
        "• First thing",
        "• Second thing",
    ]


def test_a_wrapped_line_is_not_a_boundary() -> None:
    text = "公司主要从事半导体芯片的研发、设计与销售，产品广泛应用于汽车电子\n和消费电子领域，并提供服务。"
    assert sentences(text) == [text]


@given(st.text(alphabet="aA1 .。！!?\n\t\f中”)。.·-", max_size=80) | st.text(max_size=80))
def test_spans_cover_every_non_blank_character_once(text: str) -> None:
    spans = sentence_spans(text)
    covered = [i for start, end in spans for i in range(start, end)]
    assert covered == sorted(set(covered))
    assert {i for i, c in enumerate(text) if not c.isspace()} <= set(covered)
    for start, end in spans:
        assert start < end
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
