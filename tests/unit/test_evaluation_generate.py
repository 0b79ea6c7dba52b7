"""Questions drafted from documents: what is asked, what is left out, how drafts are spread."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter

import pytest

from evaluation import phrasing
from evaluation.cells import Cell, number_of, read_cells
from evaluation.datasets import Question
from evaluation.facts import read_facts
from evaluation.generate import Draft, Source, draft, read_source
from evaluation.written import check, write
from rag.errors import ModelUnavailable
from rag.records import Document, Heading, Page, StoredChunk, Table
from rag.testing import QueueChatModel

ENGLISH = """Consolidated Statements of Income
Years Ended December 31,\t2023\t2022\t2021
(in millions)
Net sales\t$ 4,210\t$ 3,980\t$ 3,655
Cost of sales\t(2,610)\t(2,501)\t(2,300)
Operating income\t812\t760\t701
Income tax expense\t(170)\t(160)\t(150)
Total\t12\t13\t14
Diluted earnings per share\t$2.31\t$2.05\t$1.90
Amortization of acquired
intangible assets\t31\t30\t29
Selling, general and administrative expenses(1)\t640\t611\t590
Connections (‘000):
Total assets\t28,733\t27,411\t26,000"""
CHINESE = """合并利润表
单位：万元
项目\t附注\t2023年度\t2022年度
营业收入\t七、1\t12,345.67\t11,000.00
营业成本\t七、2\t8,000.00\t7,500.00
其他收益\t120.00\t130.00
归属于上市公司股东的\t1,234.00\t1,100.00
净利润
研发投入（亿元）\t2.07\t1.53"""
PARENT = """母公司利润表
单位：万元
项目\t2023年度\t2022年度
营业收入\t5,000.00\t4,000.00"""


def page(text: str, number: int = 1, start: int | None = None) -> Page:
    first = text.index("\n") + 1 if start is None else start
    return Page(number, text, tables=(Table(first, len(text)),))


def cells(text: str, language: str = "en") -> dict[tuple[str, int], Cell]:
    found = read_cells("a.pdf", language, [page(text)])  # type: ignore[arg-type]
    return {(c.label, c.year): c for c in found}


def source(name: str, company: str, text: str, language: str = "en", number: int = 1) -> Source:
    document = Document(1, 1, "default", name, "0" * 64, 1, "ready", language=language)  # type: ignore[arg-type]
    document = dataclasses.replace(document, about=dataclasses.replace(document.about, company=company))
    found = read_source(document, [page(text, number)])
    assert found
    return found


def test_cells_know_their_period_unit_and_scale() -> None:
    found = cells(ENGLISH)
    sales = found["Net sales", 2022]
    assert (sales.value, sales.unit, sales.scale, sales.timing, sales.page) == (3980, "USD", 1e6, "flow", 1)
    assert phrasing.amount(sales) == "$3,980 million"
    assert phrasing.amount(found["Cost of sales", 2023]) == "$2,610 million"  # brackets are how it is printed
    assert phrasing.amount(found["Diluted earnings per share", 2021]) == "$1.90"
    assert found["Selling, general and administrative expenses", 2021].value == 590


def test_what_is_in_doubt_is_not_read() -> None:
    labels = {label for label, _ in cells(ENGLISH)}
    assert "Total" not in labels  # of what?
    assert not any("intangible" in label.lower() for label in labels)  # a wrapped label
    assert "Total assets" not in labels  # below a heading in another unit
    quarters = ENGLISH.replace("Years Ended", "Three Months Ended")
    assert cells(quarters) == {}
    assert cells(ENGLISH.replace("(in millions)\n", "")) == {}  # no unit
    assert cells(ENGLISH.replace("2023\t2022\t2021", "2022\t2022\t2021")) == {}  # two columns called alike


def test_chinese_cells_and_the_parent_company() -> None:
    found = cells(CHINESE, "zh")
    assert phrasing.amount(found["营业收入", 2023]) == "12,345.67万元"
    assert phrasing.amount(found["研发投入", 2022]) == "1.53亿元"
    labels = {label for label, _ in found}
    assert "其他收益" not in labels
    assert not any("股东的" in label for label in labels)
    assert cells(PARENT, "zh") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [("$ (1,577.5)", None), ("(1,577)", -1577), ("-29.55", -29.55), ("8.83%", 8.83), ("$6", 6), ("nm", None)],
)
def test_printed_numbers(text: str, value: float | None) -> None:
    assert number_of(text) == value


def test_drafts_are_answered_balanced_and_valid_golden_questions() -> None:
    sources = [
        source("a.pdf", "Aurora Water", ENGLISH),
        source("b.pdf", "Borealis Energy", ENGLISH.replace("4,210", "9,999").replace("812", "1,444")),
        source("c.docx", "青禾科技", CHINESE, "zh"),
    ]
    made = draft(sources, count=24)
    assert made.drafts == draft(sources, count=24).drafts  # the same seed, the same drafts
    assert len({d.question for d in made.drafts}) == len(made.drafts) > 15
    for one in made.drafts:
        question = Question.model_validate(one.to_record())
        assert question.expect_refusal == (one.kind == "refuse")
        assert bool(question.answers) == bool(question.evidence) == (one.kind != "refuse")
        assert (
            re.search(r"[\u4e00-\u9fff]", one.question) if one.lang == "zh" else one.question.isascii or True
        )
    kinds = Counter(d.kind for d in made.drafts)
    assert {"table", "computed", "cross", "refuse", "ratio"} <= kinds.keys()
    assert {d.lang for d in made.drafts} == {"en", "zh"}


def by_kind(sources: list[Source], kind: str, count: int = 60) -> list[Draft]:
    return [d for d in draft(sources, count=count).drafts if d.kind == kind]


def test_growth_and_ratios_are_calculated_from_the_cells() -> None:
    drafts = by_kind([source("a.pdf", "Aurora Water", ENGLISH)], "computed")
    assert drafts
    for one in drafts:
        new, old = (float(n.replace(",", "")) for n in re.findall(r"[\d,.]+", one.formula)[:2])
        assert one.answers == (f"{(new - old) / old * 100:.2f}%",)
        assert re.search(r"change from 202\d to 202\d\?$", one.question)
    ratios = {d.formula: d for d in by_kind([source("a.pdf", "Aurora Water", ENGLISH)], "ratio")}
    operating = ratios["operating_income / revenue"]
    year = re.search(r"\d{4}", operating.question)
    assert year
    expected = {"2023": "19.29%", "2022": "19.10%", "2021": "19.18%"}[year.group()]
    assert operating.answers == (expected,)


def test_a_label_with_two_values_is_not_asked() -> None:
    twice = [source("a.pdf", "Aurora", ENGLISH), source("b.pdf", "Aurora", ENGLISH.replace("3,980", "3,111"))]
    asked = [d.question for d in draft(twice, count=80).drafts if "net sales" in d.question.lower()]
    assert not any("2022" in q for q in asked)


def test_the_same_value_in_two_documents_has_both_as_evidence() -> None:
    twice = [source("a.pdf", "Aurora", ENGLISH), source("b.pdf", "Aurora", ENGLISH, number=7)]
    (asked, *_) = by_kind(twice, "table")
    assert {(doc, number) for doc, number, _ in asked.evidence} == {("a.pdf", 1), ("b.pdf", 7)}


def test_refusals_ask_for_what_is_nowhere() -> None:
    drafts = by_kind([source("a.pdf", "Aurora Water", ENGLISH)], "refuse")
    assert drafts
    for one in drafts:
        known = "Aurora Water" in one.question and re.search(r"20(21|22|23)", one.question)
        assert not known or not any(label.lower() in one.question.lower() for label, _ in cells(ENGLISH)), (
            one.question
        )


PROSE = """Our Business
We define Adjusted EBITDA as net income before interest, taxes, depreciation and amortization of assets. The
Institutional Risk Management Committee (IRMC) met twice. As of December 31, 2023 the group had approximately
8,412
employees in nine countries. Borealis spent $12.5 million on a new training centre in the city of Bergen last
year."""


def test_facts_of_sentences() -> None:
    found = {f.question: f for f in read_facts("Borealis", "en", [Page(3, PROSE)])}
    assert found["What does “IRMC” stand for in Borealis’ document?"].answer == (
        "Institutional Risk Management Committee"
    )
    assert "net income before" in found["How does Borealis define “Adjusted EBITDA”?"].answer
    count = found["How many employees did Borealis have As of December 31, 2023?".replace("As", "as")]
    assert (count.answer, count.page) == ("8,412", 3)
    gap = next(f for q, f in found.items() if "____ on a new training centre" in q)
    assert gap.answer == "$12.5 million"
    assert gap.answer not in gap.question


def test_headings_that_occur_twice_are_not_topics() -> None:
    body = "\n".join(["A sentence about how water is cleaned in the plants."] * 12)
    text = f"Water Treatment Methods\n{body}\nSafety Culture Programme\n{body}"
    second = text.index("Safety")
    headings = (Heading(0, 23, 2), Heading(second, second + 24, 2))
    pages = [Page(1, text, headings=headings)]
    asked = [f.question for f in read_facts("Aurora", "en", pages) if f.kind == "topic"]
    assert len(asked) == 2
    again = [*pages, Page(2, text[:second], headings=headings[:1])]
    assert [f.question for f in read_facts("Aurora", "en", again) if f.kind == "topic"] == asked[1:]


@pytest.mark.parametrize(
    ("company", "file", "title", "expected"),
    [
        ("Verizon Communications Inc.", "x.pdf", "", "Verizon Communications"),
        ("", "NETFLIX_2017_10K.pdf", "", "Netflix"),
        ("", "四方科技_603339_2019年_年度报告.pdf", "", "四方科技"),
        ("", "2023.pdf", "青禾科技股份有限公司2023年年度报告", "青禾科技股份有限公司"),
        ("", "2023.pdf", "", ""),
    ],
)
def test_company_names(company: str, file: str, title: str, expected: str) -> None:
    assert phrasing.company_name(company, file, title) == expected


def chunk(text: str) -> StoredChunk:
    return StoredChunk(
        1, 1, 1, "a.pdf", "A", "physical", 0, text, 4, 5, 0, len(text), (), "", (), 50, "en"
    )  # fmt: skip


PASSAGE = "Aurora opened nine plants.\fThe board proposes a dividend of 0.85 euros a share for 2023."


def reply(**changes: str) -> str:
    good = {
        "question": "What dividend a share does Aurora’s board propose for 2023?",
        "answer": "0.85 euros",
        "quote": "The board proposes a dividend of 0.85 euros a share for 2023.",
    }
    return "Here it is:\n```json\n" + json.dumps({**good, **changes}) + "\n```"


def test_a_written_question_is_kept_with_its_page() -> None:
    made = check(reply(), chunk(PASSAGE))
    assert isinstance(made, Draft)
    assert made.evidence[0][:2] == ("a.pdf", 5)
    assert made.answers == ("0.85 euros",)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("I cannot do that.", "bad_form"),
        (reply(quote="The board proposes a dividend of 0.95 euros."), "quote_not_found"),
        (reply(answer="0.95 euros"), "answer_not_in_quote"),
        (reply(question="What does this passage say of the dividend?"), "speaks_of_the_passage"),
        (reply(question="Is the dividend of Aurora 0.85 euros?"), "answer_in_question"),
        (reply(question="奥罗拉公司董事会建议的每股股利是多少？"), "another_language"),
    ],
)
def test_what_a_model_wrote_badly_is_dropped(given: str, reason: str) -> None:
    assert check(given, chunk(PASSAGE)) == reason


def test_a_model_that_is_not_there_is_an_error() -> None:
    class Engine:
        def documents(self, _: object) -> list[Document]:
            return [Document(1, 1, "default", "Aurora.pdf", "0" * 64, 1, "ready")]

        def document_chunks(self, *_: object) -> list[StoredChunk]:
            return [chunk(PASSAGE * 4)]

    class Gone(QueueChatModel):
        def stream(self, messages: object) -> object:  # type: ignore[override]
            raise ModelUnavailable("chat.unreachable", url="http://nowhere")

    with pytest.raises(ModelUnavailable):
        write(Engine(), Gone())  # type: ignore[arg-type]
    made = write(Engine(), QueueChatModel([reply()]))  # type: ignore[arg-type]
    assert len(made.drafts) == 1
