"""Which statement a page is, and which pages are none."""

from __future__ import annotations

import pytest

from ingest.chunk import Chunker
from rag.records import Page, PageType, ParsedDocument
from rag.settings import ChunkSettings
from rag.testing import WordTokenizer
from rag.vocabulary.page_types import State, page_type

INCOME = (
    "CALDER INC.\nCONSOLIDATED STATEMENTS OF INCOME\n(in millions)\n\t2024\t2023\nNet sales\t900\t800\n"
    "Cost of sales\t500\t450\nOperating income\t200\t180\nProvision for income taxes\t40\t30\n"
    "Net income\t150\t140\n"
)
BALANCE = (
    "Consolidated Balance Sheets\n\t2024\t2023\nTotal current assets\t$ 1,200\t$ 1,100\n"
    "Property, plant and equipment, net\t800\t700\nTotal assets\t2,000\t1,800\nAccounts payable\t90\t80\n"
    "Total liabilities\t900\t800\nTotal shareholders\u2019 equity\t1,100\t1,000\n"
)
CASH = (
    "Consolidated Statement of Cash Flows\n\t2024\nNet income\t150\nDepreciation and amortization\t60\n"
    "Net cash provided by operating activities\t250\nPurchases of property, plant and equipment\t(70)\n"
    "Dividends paid\t(20)\n"
)
CHINESE = (
    "{title}\n编制单位：某公司  单位：元\n项目\t期末余额\t期初余额\n货币资金\t1,000.00\t900.00\n"
    "应收账款\t20.00\t10.00\n存货\t30.00\t20.00\n流动资产合计\t1,050.00\t930.00\n"
    "资产总计\t2,000.00\t1,800.00\n"
)
CONTENTS = (
    "Index to Financial Statements\nConsolidated Balance Sheets\t58\nConsolidated Statements of Income\t56\n"
)
NOTES = (
    "Notes to Consolidated Financial Statements\nNote 1. Summary of policies\n"
    + "Words about policies. " * 60
)
COVER = "UNITED STATES\nSECURITIES AND EXCHANGE COMMISSION\nFORM 10-K\nAnnual report pursuant to Section 13"
PROSE = "The consolidated balance sheets of the company are audited, as are its statements of income.\n" * 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (INCOME, "income_statement"),
        (BALANCE, "balance_sheet"),
        (CASH, "cash_flow"),
        (CHINESE.format(title="合并资产负债表"), "balance_sheet"),
        (CHINESE.format(title="母公司资产负债表"), ""),
        (NOTES, "notes"),
        (COVER, "cover"),
        (CONTENTS, ""),
        (PROSE, ""),
        ("", ""),
    ],
)
def test_a_page_is_what_its_title_and_rows_say(text: str, expected: PageType) -> None:
    assert page_type(text, 1)[0] == expected


def test_a_cover_is_among_the_first_pages() -> None:
    assert page_type(COVER, 30)[0] == ""


def test_a_statement_goes_on_over_the_page() -> None:
    first, state = page_type(CHINESE.format(title="合并资产负债表"), 60)
    rest = "短期借款\t10.00\t9.00\n应付账款\t8.00\t7.00\n流动负债合计\t18.00\t16.00\n负债合计\t18.00\t16.00\n"
    assert (first, page_type(rest, 61, state)[0]) == ("balance_sheet", "balance_sheet")
    assert page_type(rest, 61, State())[0] == "", "too little by itself"
    parent = page_type(CHINESE.format(title="母公司资产负债表"), 62, state)[1]
    assert page_type(rest, 63, parent)[0] == "", "the parent company's goes on too"


def test_where_the_parents_begins_the_groups_counts() -> None:
    both = (
        "短期借款\t10.00\t9.00\n应付账款\t8.00\t7.00\n负债合计\t18.00\t16.00\n所有者权益合计\t1.00\t2.00\n"
        + CHINESE.format(title="母公司资产负债表")
    )
    kind, state = page_type(both, 61, State("balance_sheet"))
    assert (kind, state) == ("balance_sheet", State("balance_sheet", parent=True))


def test_chunks_carry_the_type_of_their_page() -> None:
    pages = tuple(Page(i, text) for i, text in enumerate((COVER, INCOME, BALANCE, NOTES), 1))
    parsed = ParsedDocument("text/plain", "Report", "en", pages)
    found = {c.page_start: c.page_type for c in Chunker(WordTokenizer(), ChunkSettings()).chunk(parsed)}
    assert found == {1: "cover", 2: "income_statement", 3: "balance_sheet", 4: "notes"}
