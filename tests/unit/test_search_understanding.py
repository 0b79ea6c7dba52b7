"""What a question is understood to name, and which documents that favours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_library import Library as SearchLibrary

from rag.records import About, Document, Scope
from rag.search.understanding import Library, Subjects


def document(number: int, name: str, title: str = "", collection: int = 1, **about: object) -> Document:
    return Document(
        number, collection, "c", name, "0" * 64, 1, "ready", title=title,
        about=About(**about),  # type: ignore[arg-type]
    )  # fmt: skip


def report(
    number: int, company: str, year: int, kind: str = "annual", part: str = "FY", **more: object
) -> Document:
    return document(
        number,
        f"{number}.pdf",
        company=company,
        fiscal_year=year,
        report_type=kind,
        fiscal_period=part,
        **more,
    )


DOCUMENTS = [
    report(1, "3M Company", 2018, ticker="MMM", aliases=("3M",)),
    report(2, "3M Company", 2022, ticker="MMM", aliases=("3M",)),
    report(3, "Best Buy Co., Inc.", 2019, ticker="BBY", date="2019-02-02"),
    report(4, "MGM Resorts International", 2022, "earnings", "Q4", aliases=("MGMRESORTS",)),
    report(5, "Costco Wholesale Corporation", 2021, ticker="COST"),
    report(6, "四方科技集团股份有限公司", 2019, aliases=("四方科技",)),
    report(7, "Adobe Inc.", 2022, ticker="ADBE"),
    report(8, "Johnson & Johnson", 2022, ticker="JNJ", date="2023-01-01"),
    report(9, "Johnson & Johnson", 2023, "current", "", ticker="JNJ", date="2023-08-30"),
    report(10, "Ulta Beauty, Inc.", 2022, "earnings", "Q4", date="2023-01-28"),
    report(11, "Amcor plc", 2023, "quarterly", "Q2"),
    report(12, "Amcor plc", 2023),
    report(13, "Amcor", 2023, "earnings", "Q4"),
    document(14, "handbook.pdf", "Employee Handbook of the Leeds Office"),
    report(15, "江苏安靠智能输电工程科技股份有限公司", 2019, aliases=("安靠智电",)),
    report(16, "Block, Inc.", 2020, aliases=("Square",)),
    report(17, "Microsoft Corporation", 2023, ticker="MSFT"),
]  # fmt: skip
SUBJECTS = Subjects(DOCUMENTS)


def chips(question: str) -> list[tuple[str, str, set[int]]]:
    return [(c.kind, c.text, set(c.document_ids)) for c in SUBJECTS.understand(question).chips]


@pytest.mark.parametrize(
    ("question", "named", "best"),
    [
        ("What is the FY2018 capital expenditure for 3M?", {1, 2}, {1}),
        ("3m capex fy18", {1, 2}, {1}),
        ("Does 3M pay dividends?", {1, 2}, None),
        ("Which stores did Best Buy close?", {3}, None),
        ("best buy revenue", {3}, None),  # typed without capitals
        ("What drove MGM's margin in FY2022?", {4}, {4}),
        ("MGMRESORTS EBITDAR", {4}, None),
        ("四方科技2019年电子信箱是什么?", {6}, {6}),
        ("四方科技集团股份有限公司的注册地址在哪里？", {6}, None),
        ("江苏安靠智能输电工程科技股份有限公司2019年的营业外支出", {15}, {15}),
        ("安靠智电2019年基本每股收益", {15}, {15}),
        ("What is Adobe's revenue?", {7}, None),
        ("Are JnJ's FY2022 financials that of a high growth company?", {8, 9}, {8}),
        ("What did Johnson and Johnson gain as of August 30, 2023?", {8, 9}, {9}),
        ("What drove Ulta Beauty's inventories at the end of FY2023?", {10}, {10}),  # its year ends in 2023
        ("AMCOR's Q2 2023 earnings", {11, 12, 13}, {11}),
        ("What was AMCOR's EBITDA in its FY2023 earnings release?", {11, 12, 13}, {13}),
        ("Amcor 10-K 2023 acquisitions", {11, 12, 13}, {12}),
        ("Pfizzer and Microsft revenue", {17}, None),  # the one that is known, misspelt
        (
            "What was the cost of sales in 2021?",
            {5},
            {5},
        ),  # the period alone; COST is no word of the question
        ("How many square feet are there?", None, None),
        ("Who is the best at buying?", None, None),
        ("How much leave does the employee handbook give?", {14}, None),
        ("", None, None),
    ],
)
def test_names(question: str, named: set[int] | None, best: set[int] | None) -> None:
    meant = SUBJECTS.understand(question)
    assert set(meant.named) == (named or set())
    assert set().union(*meant.best) == (best or set())


def test_chips_say_what_was_understood() -> None:
    assert chips("3M FY2018 10-K capex") == [
        ("company", "3M", {1, 2}),
        ("period", "FY2018", {1}),
        ("report_type", "annual report", {1, 2}),
    ]
    assert chips("四方科技2019年年报的法定代表人") == [
        ("company", "四方科技", {6}),
        ("period", "2019年", {6}),
        ("report_type", "年度报告", {6}),
    ]


def test_every_company_of_a_comparison_has_its_own_best_documents() -> None:
    meant = SUBJECTS.understand("Compare Best Buy and Costco: which grew faster, FY2019 to FY2021?")
    assert meant.companies == ("Best Buy", "Costco Wholesale")
    meant = SUBJECTS.understand("Compare 3M and Adobe in FY2022")
    assert meant.best == (frozenset({2}), frozenset({7}))


def test_the_report_of_the_year_comes_before_the_one_after_it() -> None:
    three = Subjects(
        [report(1, "Acme Corp", 2019), report(2, "Acme Corp", 2018), report(3, "Acme Corp", 2016)]
    )
    assert three.understand("Acme FY2018 sales").best == (frozenset({2}),)
    assert three.understand("Acme FY2015 sales").best == (frozenset({3}),)  # FY2015 also stands there
    assert three.understand("Acme sales from FY2016 to FY2018").best == (frozenset({2}),)


def test_last_year_is_the_newest_report_where_only_one_can_be_meant() -> None:
    assert chips("What was 3M's revenue last year?")[1] == ("period", "FY2022", {2})
    assert chips("四方科技去年的营业收入")[1] == ("period", "2019年", {6})
    assert [kind for kind, *_ in chips("revenue last year")] == []  # companies differ in their newest year


def test_a_chip_taken_away_favours_nothing() -> None:
    question = "3M FY2018 capex"
    meant = SUBJECTS.understand(question, ignored={"period:FY2018"})
    assert [c.key for c in meant.chips] == ["company:3M"]
    assert meant.best == ()
    meant = SUBJECTS.understand(question, ignored={"company:3M", "period:FY2018"})
    assert meant.chips == ()
    assert not meant.named


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("我想知道2019年扬州扬杰电子科技股份有限公司证券简称是什么？", "扬州扬杰电子科技股份有限公司"),
        ("迈克生物2019年硕士人数是什么?", "迈克生物"),
        ("What was Tesla's FY2019 revenue?", "Tesla"),
        ("What is the FY2018 capex for General Mills?", "General Mills"),
        ("四方科技2019年的营业收入是多少元？", ""),
        ("3M's FY2018 capex?", ""),
        ("什么是资产负债表？", ""),
        ("公司2019年营业收入是多少", ""),
        ("What is working capital?", ""),
        ("How did operating income change in 2019?", ""),
    ],
)
def test_a_company_that_no_document_is_about(question: str, name: str) -> None:
    assert SUBJECTS.unknown_company(question) == name
    assert Subjects([document(1, "a.pdf")]).unknown_company(question) == ""  # nothing is known of companies


def test_a_year_that_no_report_of_the_company_tells_of() -> None:
    assert SUBJECTS.understand("四方科技2023年的营业收入是多少元？").unknown_period == "2023"
    assert SUBJECTS.understand("四方科技2018年的营业收入是多少元？").unknown_period == ""


def test_a_library_from_before_is_named_by_its_files() -> None:
    old = Subjects(
        [
            document(1, "ACME_2018_10K.pdf"),
            document(2, "ACME_2019_10K.pdf"),
            document(3, "GLOBEX_2019_10K.pdf"),
        ]
    )
    assert old.understand("Acme FY2019 sales").best == (frozenset({2}),)


_NAMES = st.sampled_from(
    ["3M", "Best Buy", "四方科技", "Adobe", "JNJ", "Amcor", "Block", "Microsoft", "FY2018", "2019年"]
)
_FILLERS = st.sampled_from(
    ["capex", "营业收入", "in", "and", "10-K", "Q2", "last year", "年报", "?", "compare"]
)


@given(
    st.lists(_NAMES | _FILLERS, max_size=8).map(" ".join) | st.text(max_size=60),
    st.frozensets(st.integers(1, 17), max_size=17),
    st.frozensets(st.sampled_from([1, 2]), max_size=2),
)
def test_chips_never_widen_the_scope(
    question: str, documents: frozenset[int], collections: frozenset[int]
) -> None:
    library = Library(DOCUMENTS)
    meant = library.subjects(Scope(collections, documents)).understand(question)
    inside = {d.id for d in DOCUMENTS if d.id in documents and d.collection_id in collections}
    assert meant.named <= inside
    assert set().union(*meant.best) <= meant.named
    for chip in meant.chips:
        assert set(chip.document_ids) <= inside
    again = library.subjects(Scope(collections, documents)).understand(
        question, ignored=[c.key for c in meant.chips]
    )
    assert {c.key for c in again.chips}.isdisjoint(c.key for c in meant.chips)


def test_a_period_alone_names_all_that_fit_it_best() -> None:
    documents = [d for d in DOCUMENTS if d.id in (13, 17)]
    meant = Subjects(documents).understand("last year")
    assert meant.chips
    assert frozenset().union(*meant.best) <= meant.named


def test_the_named_document_comes_first_and_the_scope_still_holds(tmp_path: Path) -> None:
    library = SearchLibrary(tmp_path)
    text = "net sales by region and segment"
    first = library.add("ACME_2020_10K.pdf", [text, "other words"], "red")
    library.add("GLOBEX_2020_10K.pdf", [text, "net sales again net sales"], "red")
    library.add("INITECH_2020_10K.pdf", [text], "red")
    library.add("ACME_2021_10K.pdf", [text], "blue")
    index = library.index()
    best = index.search("net sales of Acme in FY2020", library.scope(), top_k=1).passages[0]
    assert best.document_id == first
    inside = index.search("net sales of Acme in FY2021", library.scope("red"), top_k=9).passages
    assert {p.document for p in inside} == {
        "ACME_2020_10K.pdf",
        "GLOBEX_2020_10K.pdf",
        "INITECH_2020_10K.pdf",
    }
    assert inside[0].document_id == first
