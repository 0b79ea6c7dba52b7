"""What a document is about, read from its first pages and its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.about import about_of, with_about
from rag.records import About, Document, Page, ParsedDocument

COVER = """UNITED STATES
SECURITIES AND EXCHANGE COMMISSION
Washington, D.C. 20549
FORM {form}
(Mark One)
☒ {kind} PURSUANT TO SECTION 13 OR 15(d) OF THE SECURITIES EXCHANGE ACT OF 1934
{period}
Commission file number 1-2345
{company}
(Exact name of registrant as specified in its charter)
Delaware\t41-0417775
Title of each class\tTrading Symbol(s)\tName of each exchange on which registered
Common Stock, Par Value $.01 Per Share\tNWK\tNew York Stock Exchange
"""


def parsed(*pages: str, language: str = "en", **info: str) -> ParsedDocument:
    texts = tuple(Page(i, text) for i, text in enumerate(pages, 1))
    return ParsedDocument("application/pdf", "", language, texts, metadata=info)  # type: ignore[arg-type]


def cover(form: str, kind: str, period: str, company: str = "NORTHWICK FOODS, INC.") -> str:
    return COVER.format(form=form, kind=kind, period=period, company=company)


def test_an_annual_report_by_its_cover_whatever_the_file_is_called() -> None:
    text = cover("10-K", "ANNUAL REPORT", "For the fiscal year ended December 31, 2021")
    about = about_of(parsed(text, "Northwick Foods, Inc. makes food."), "scan0001.pdf")
    assert about == About(
        "Northwick Foods, Inc.", "NWK", "annual", 2021, "FY", "2021-12-31", ("Northwick Foods",)
    )


@pytest.mark.parametrize(
    ("period", "said", "year"),
    [
        ("January 28, 2023", "", 2023),  # ends late in January: the year in which it ends
        ("January 1, 2023", "", 2022),  # the 52 weeks of a calendar year
        (
            "January 28, 2023",
            "In fiscal 2022, sales rose. Fiscal 2021 was weak, fiscal 2022 strong. " * 3,
            2022,
        ),
        (
            "January 28, 2023",
            "Fiscal 2023 beat fiscal 2022. Sales of fiscal 2023 rose. In fiscal 2023. ",
            2023,
        ),
        ("January 28, 2023", 'Fiscal 2022 ("fiscal 2022") is the year ended January 28, 2023.', 2022),
        ("June 30, 2023", "The outlook for fiscal 2024 is good.", 2023),
        ("February 2, 2019", "", 2019),
    ],
)
def test_a_year_is_named_as_the_company_names_it(period: str, said: str, year: int) -> None:
    text = cover("10-K", "ANNUAL REPORT", f"For the fiscal year ended {period}")
    assert about_of(parsed(text, said), "x.pdf").fiscal_year == year


def test_the_file_name_decides_between_two_namings_that_the_text_leaves_open() -> None:
    text = cover("10-K", "ANNUAL REPORT", "For the fiscal year ended January 28, 2023")
    assert about_of(parsed(text), "NORTHWICK_2022_10K.pdf").fiscal_year == 2022


@pytest.mark.parametrize(
    ("ended", "statements", "said", "part", "year"),
    [
        ("March 31, 2023", "three months ended March 31", "", "Q1", 2023),
        ("June 30, 2023", "for the three and six months ended June 30", "", "Q2", 2023),
        ("September 30, 2023", "Three and nine months ended September 30", "", "Q3", 2023),
        (
            "December 31, 2022",
            "three and six months ended December 31",
            "fiscal 2023",
            "Q2",
            2023,
        ),  # year to June
        (
            "July 29, 2023",
            "twenty-six weeks ended July 29",
            "fiscal 2024 and fiscal 2023; fiscal 2024",
            "Q2",
            2024,
        ),
    ],
)
def test_quarters_are_counted_from_the_months_that_statements_cover(
    ended: str, statements: str, said: str, part: str, year: int
) -> None:
    text = cover("10-Q", "QUARTERLY REPORT", f"For the quarterly period ended {ended}")
    about = about_of(parsed(text, statements, said), "x.pdf")
    assert (about.report_type, about.fiscal_period, about.fiscal_year) == ("quarterly", part, year)


def test_a_current_report_has_its_day() -> None:
    text = cover(
        "8-K",
        "CURRENT REPORT",
        "Date of Report (Date of earliest event reported): July 1, 2022",
    )
    about = about_of(parsed(text), "x.pdf")
    assert (about.report_type, about.date, about.fiscal_year) == ("current", "2022-07-01", 2022)


def test_an_earnings_release_by_its_headline_and_dateline() -> None:
    text = (
        "FOR IMMEDIATE RELEASE\nNorthwick Reports Third Quarter Fiscal 2023 Results\n"
        "LEEDS, Ohio – November 2, 2023 – Northwick Foods, Inc. (NASDAQ: NWK) today reported results for the"
        " quarter ended September 30, 2023, compared with the quarter ended September 30, 2022.\n"
    )
    about = about_of(parsed(text), "scan.pdf")
    assert about == About(
        "Northwick Foods, Inc.", "NWK", "earnings", 2023, "Q3", "2023-09-30", ("Northwick Foods",)
    )


def test_the_file_name_gives_another_name_of_the_company() -> None:
    text = cover("10-K", "ANNUAL REPORT", "For the fiscal year ended December 31, 2020")
    assert "HARVESTLINE" in about_of(parsed(text), "HARVESTLINE_2020_10K.pdf").aliases


HEAD = "证券代码：000999 证券简称：青山科技\n青山科技股份有限公司\n"
CHINESE = "2019 年年度报告\n公司代码：600999\t公司简称：青山科技\n青山科技集团股份有限公司\n"
FACTS = (
    "一、 公司信息\n公司的中文名称\t青山科技集团股份有限公司\n公司的中文简称\t青山科技\n"
    "公司的外文名称\tGREENHILL GROUP CO.,LTD\n公司的外文名称缩写\tGHTG\n"
    "股票种类\t股票上市交易所\t股票简称\t股票代码\t变更前股票简称\nA股\t上海证券交易所\t青山科技\t600999\t青山机械\n"
)


def test_a_chinese_annual_report() -> None:
    about = about_of(parsed(CHINESE, FACTS, language="zh"), "扫描件.pdf")
    assert about == About(
        "青山科技集团股份有限公司", "600999", "annual", 2019, "FY", "2019-12-31",
        ("青山科技", "GREENHILL GROUP CO.,LTD", "GHTG", "青山机械"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "kind", "part", "year", "date"),
    [
        ("2021年半年度报告", "half_year", "H1", 2021, "2021-06-30"),
        ("2022 年第一季度报告", "quarterly", "Q1", 2022, "2022-03-31"),
        ("2022年第三季度报告", "quarterly", "Q3", 2022, "2022-09-30"),
        ("二〇二〇年年度报告", "annual", "FY", 2020, "2020-12-31"),
    ],
)
def test_chinese_kinds_of_reports(line: str, kind: str, part: str, year: int, date: str) -> None:
    about = about_of(parsed(f"{HEAD}{line}", language="zh"), "a.pdf")
    assert (about.report_type, about.fiscal_period, about.fiscal_year, about.date) == (kind, part, year, date)
    assert (about.company, about.ticker) == ("青山科技股份有限公司", "000999")


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("contract.pdf", "SERVICE AGREEMENT\nAgreed between Northwick Foods, Inc. and Ace Ltd.", "en"),
        ("manual_2019.pdf", "User Manual\nModel X-200\nSee the maker's annual report.", "en"),
        ("合同.docx", "技术服务合同\n甲方：青山科技股份有限公司\n日期：2020年3月1日", "zh"),
        ("员工手册.pdf", "员工手册\n公司年度报告由董事会办公室编制，员工应予配合。", "zh"),
        ("empty.txt", "", "other"),
    ],
)  # fmt: skip
def test_what_is_no_report_stays_empty(name: str, text: str, language: str) -> None:
    assert about_of(parsed(text, language=language), name) == About()


@given(st.text(max_size=400), st.text(max_size=400), st.text(min_size=1, max_size=60))
def test_any_text_gives_something_that_can_be_kept(cover: str, more: str, name: str) -> None:
    about = about_of(parsed(cover, more, language="other"), name)
    assert about.fiscal_year is None or 1980 <= about.fiscal_year <= 2099
    assert len(about.aliases) <= 8
    assert len(about.company) <= 90


def test_values_of_a_person_stay() -> None:
    document = Document(
        1, 1, "c", "NORTHWICK_2020_10K.pdf", "0" * 64, 1, "ready", title="Mine",
        about=About(company="Mine Ltd", fiscal_year=None), about_edited=("company", "fiscal_year", "title"),
    )  # fmt: skip
    text = cover("10-K", "ANNUAL REPORT", "For the fiscal year ended December 31, 2020")
    kept = with_about(document, parsed(text))
    assert (kept.title, kept.about.company, kept.about.fiscal_year) == ("Mine", "Mine Ltd", None)
    assert kept.about.report_type == "annual"


def test_it_is_kept_when_a_document_is_taken_in(tmp_path: Path) -> None:
    from ingest.service import IngestService
    from rag.engine import Engine
    from rag.settings import Settings
    from rag.testing import HashEmbedding

    text = cover("10-K", "ANNUAL REPORT", "For the fiscal year ended December 31, 2021")
    with Engine.open(Settings(data_dir=tmp_path), embedding=HashEmbedding(16)) as engine:
        added = engine.add_document("notes.txt", f"{text}\nNorthwick Foods, Inc. sells food.".encode())
        IngestService(engine.store, engine.settings, engine.embedding).run_until_idle()
        document = engine.document(added.document.id)
        assert document.about.company == "Northwick Foods, Inc."
        assert engine.document_chunks(document.id)[0].about == document.about


@pytest.mark.parametrize(
    ("title", "language", "company", "year"),
    [
        ("Halden Ferries AS Annual Report 2025", "en", "Halden Ferries AS", 2025),
        ("Orchard Bank: 2024 Annual Report", "en", "Orchard Bank", 2024),
        ("北岭风电有限公司2025年度运营报告", "zh", "北岭风电有限公司", None),
    ],
)
def test_a_title_names_whose_report_it_is(title: str, language: str, company: str, year: int | None) -> None:
    about = about_of(parsed(f"{title}\n\nsome words", language=language), "x.pdf")
    assert (about.company, about.fiscal_year) == (company, year)
