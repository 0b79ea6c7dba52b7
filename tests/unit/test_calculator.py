"""Questions that ask for arithmetic over small statements: right, from cited rows, or not at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rag.answer import calculator, expressions
from rag.answer.calculator import Missing, Result, calculate
from rag.answer.figures import figures
from rag.answer.shelf import Shelf
from rag.answer.verify import verify
from rag.records import About, Passage, Scope

INCOME = """Acme Corporation
Consolidated Statements of Income
(in millions, except per share data)
Years ended December 31,
2019	2018	2017
Net sales	$6,489	$7,500	$7,017
Cost of sales	2,126	2,517	2,501
Gross profit	4,363	4,983	4,516
Operating income	1,607	1,988	1,309
Net income	$1,503	$1,848	$273
Basic earnings per share	$1.96	$2.43	$0.36"""
BALANCE = """Acme Corporation
Consolidated Balance Sheets
(in millions)
At December 31, 2019	At December 31, 2018
Total current assets	$7,292	$6,106
Property and equipment, net	253	282
Total assets	$19,845	$17,890
Total current liabilities	2,915	2,642
Total liabilities	7,040	6,498"""
CASH = """Acme Corporation
Consolidated Statements of Cash Flows
(in millions)
2019	2018	2017
Net cash provided by operating activities	1,831	1,790	2,213
Capital expenditures	(116)	(131)	(155)"""
CHINESE = """合并利润表
单位：元	币种：人民币
项目	附注	2019 年度	2018 年度
一、营业总收入	1,175,301,034.32	1,230,537,181.80
其中：营业收入	七、61	1,175,301,034.32	1,230,537,181.80
其中：营业成本	903,236,584.52	901,488,823.98
研发费用	48,428,964.78	51,663,182.04
五、净利润（净亏损以“－”号填列）	129,400,000.00	182,200,000.00"""
CHINESE_PARENT = """母公司利润表
单位：元	币种：人民币
项目	附注	2019 年度	2018 年度
一、营业收入	421,378,931.67	400,000,000.00
减：营业成本	287,995,126.25	280,000,000.00"""


def passage(number: int, text: str, document: str, year: int, document_id: int = 1) -> Passage:
    return Passage(
        rank=number, chunk_id=number, document_id=document_id, document=document, title="",
        page_start=number, page_end=number, section_path=(), table_header="",
        text=text, char_start=0, char_end=len(text), boxes=(),
        language="en", page_kind="physical", score=1.0, about=About(fiscal_year=year),
    )  # fmt: skip


ACME = [passage(n, t, "ACME_2019_10K.pdf", 2019) for n, t in enumerate((INCOME, BALANCE, CASH), 1)]
ZH = [passage(n, t, "远山泵业_2019年_年度报告.pdf", 2019) for n, t in enumerate((CHINESE_PARENT, CHINESE), 1)]


def ask(
    question: str, passages: list[Passage], hidden: list[Passage] | None = None
) -> Result | Missing | None:
    """``hidden``: what only a further search finds."""
    there = {p.page_start: p.text for p in (*passages, *(hidden or ()))}
    shelf = Shelf(
        passages,
        Scope(frozenset({1})),
        lambda query, scope, top_k: hidden or (),
        lambda document_id, number: SimpleNamespace(text=there[number]),  # type: ignore[arg-type,return-value]
    )
    return calculate(question, shelf)


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("What is Acme's FY2019 gross margin? Round to one decimal place.", "67.2 %"),
        ("What is the FY2019 fixed asset turnover ratio for Acme? It is defined as FY2019 revenue / (average "
         "PP&E between FY2018 and FY2019). Round your answer to two decimal places.", "24.26"),
        ("What was the percentage change in net sales from 2018 to 2019?", "-13.48 %"),
        ("What was the change in operating income between 2018 and 2019?", "-$381 million"),
        ("What is the FY2017 - FY2019 3 year average of capex as a % of revenue for Acme?", "1.91 %"),
        ("What is Acme's FY2019 capital expenditure amount in USD millions?", "116 million"),
        ("How much total assets did Acme have at the end of FY2019? Answer in USD billions.",
         "$19.85 billion"),
        ("What is the average net income for 2018 and 2019?", "$1,675.5 million"),
        ("What were capital expenditures as a percentage of net cash provided by operating activities in "
         "2019?", "6.34 %"),
        ("What is Acme's current ratio in FY2019?", "2.50"),
    ],
)  # fmt: skip
def test_english_arithmetic(question: str, shown: str) -> None:
    made = ask(question, ACME)
    assert isinstance(made, Result), made
    assert made.calculation.result == shown
    assert all(f"[{o.marker}]" in made.text for o in made.calculation.operands)


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("远山泵业2019年毛利率是多少？请保留两位小数。", "23.15%"),
        ("远山泵业2019年研发费用占营业收入的比例是多少？保留两位小数。", "4.12%"),
        ("远山泵业2019年营业收入同比增长率是多少？", "-4.49%"),
        ("远山泵业2019年的营业收入是多少元？", "1,175,301,034.32元"),
        ("远山泵业2019年的营业收入是多少亿元？", "11.75亿元"),
    ],
)
def test_chinese_arithmetic_takes_the_consolidated_statement(question: str, shown: str) -> None:
    made = ask(question, ZH)
    assert isinstance(made, Result), made
    assert made.calculation.result == shown


def test_a_figure_that_is_not_there_is_named_and_not_guessed() -> None:
    made = ask("What is Acme's FY2019 quick ratio?", ACME[:1])
    assert isinstance(made, Missing)
    assert made.year == 2019
    assert ask("What is Acme's FY2015 gross margin?", ACME) != "guess"
    assert not isinstance(ask("What is Acme's FY2015 gross margin?", ACME), Result)


def test_operands_are_searched_for_and_their_passages_added() -> None:
    made = ask("What is Acme's asset turnover in FY2019?", ACME[:1], ACME[1:])
    assert isinstance(made, Result)
    assert [p.chunk_id for p in made.added] == [2]
    assert made.added[0].rank == 2
    assert {o.marker for o in made.calculation.operands} == {1, 2}


@pytest.mark.parametrize(
    "question",
    [
        "Why did net sales fall in 2019?",
        "Who is the chief executive officer of Acme?",
        "What was the net sales of the Norwegian warehouse segment in 2019?",
        "远山泵业2019年每10股派发现金红利多少元？",
        "Is Acme a capital-intensive business based on FY2019 data?",
    ],
)
def test_what_is_no_question_for_a_figure_is_left_to_the_quotes(question: str) -> None:
    assert not isinstance(ask(question, ZH if "泵" in question else ACME), Result)


def test_the_calculated_line_is_checked_as_calculated() -> None:
    made = ask("What is Acme's FY2019 gross margin?", ACME)
    assert isinstance(made, Result)
    verdict = verify(made.text, ACME, calculations=(made.calculation,))
    assert [c.support for c in verdict.checks] == ["calculated"]
    assert verdict.groundedness == 1.0


def test_cited_rows_stand_word_for_word_in_their_passages() -> None:
    made = ask("What is Acme's FY2019 gross margin?", ACME)
    assert isinstance(made, Result)
    cited = calculator.cite(made, lambda d, n: SimpleNamespace())  # type: ignore[arg-type,return-value]
    assert all(c.quote == ACME[c.marker - 1].text[c.char_start : c.char_end] for c in cited)
    assert any("Gross profit" in c.quote for c in cited)


def test_scale_sign_and_period_of_a_table() -> None:
    rows = {(f.label, f.column.year): f for f in figures(CASH)}
    capex = rows["Capital expenditures", 2018]
    assert capex.value == Decimal("-131000000")
    assert capex.scaled
    each = {(f.label, f.column.year): f.value for f in figures(INCOME)}
    assert each["Basic earnings per share", 2019] == Decimal("1.96")


def test_an_expression_is_written_with_its_brackets() -> None:
    a, b = expressions.Wanted("a", (), 1), expressions.Wanted("b", (), 1)
    tree = expressions.Operation("/", expressions.Operation("-", a, b), expressions.Operation("*", a, b))
    assert expressions.write(tree, lambda w: w.name, "average({})") == "(a - b) / (a × b)"
    with pytest.raises(ZeroDivisionError):
        expressions.evaluate(expressions.Operation("/", a, b), lambda w: Decimal(0))


def test_a_calculation_is_known_to_be_of_the_company_that_is_named() -> None:
    def about(company: str) -> list[Passage]:
        return [replace(p, about=About(company=f"{company}, Inc.", aliases=(company,))) for p in ACME]

    question = "What is Acme's FY2019 gross margin?"
    ours, other = (ask(question, about(name)) for name in ("Acme", "Cme"))
    assert isinstance(ours, Result)
    assert isinstance(other, Result)
    assert calculator.about_asked(question, ours)
    assert not calculator.about_asked(question, other)  # a part of a word is no name
    assert not calculator.of_prose(ours)


def test_running_text_between_tables_names_no_columns() -> None:
    lines = f"{INCOME}\n{'The consolidated results of 2015 and 2016 were restated. ' * 8}\n{BALANCE}"
    each = {(f.label, f.column.year): f.value for f in figures(lines)}
    assert each["Net sales", 2019] == Decimal("6489e6")
    assert each["Total assets", 2018] == Decimal("17890e6")


def test_changes_beside_the_years_shift_no_column() -> None:
    table = """Years Ended December 31,	Change	Change
(Millions, except percentages and per share amounts)	2022	2021	2020	2022 vs. 2021	2021 vs. 2020
Total revenues	$52,862	$42,380	$36,087	$10,482	25 %	$6,293	17 %
Pretax income	9,585	10,689	4,296	(1,104)	(10)	6,393	#
Effective tax rate	21.6 %	24.6 %	27.0 %"""
    each = {(f.label, f.column.year): f.text for f in figures(table) if f.column.kind == "amount"}
    assert each["Pretax income", 2022] == "9,585"
    assert each["Pretax income", 2021] == "10,689"
    assert each["Total revenues", 2020] == "$36,087"
    assert ("Pretax income", None) not in each
    assert each["Effective tax rate", 2022] == "21.6 %"


def test_the_name_of_a_report_at_the_head_of_a_page_dates_no_column() -> None:
    table = (
        "2020 年年度报告\n\n货币资金\t1,108,509,231.31\t1,108,509,231.31\n应收账款\t576,253,532.88\t5,253.88"
    )
    header = "影响金额 / 会计政策变更的内容和原因\t受影响的报表项目"
    assert {f.column.year for f in figures(table, table_header=header, year=2020)} == {None}


SEGMENTS = """Segment results (in millions)
Years ended December 31,
2019	2019	2018	2018
East	West	East	West
Net sales	$2,000	$4,489	$2,500	$5,000"""


def test_a_row_with_a_segment_in_each_column_gives_way_to_the_statement() -> None:
    made = ask(
        "What were Acme's net sales in FY2019?", [passage(4, SEGMENTS, "ACME_2019_10K.pdf", 2019), *ACME]
    )
    assert isinstance(made, Result)
    assert made.calculation.result == "$6,489 million"


@pytest.mark.parametrize(
    "question",
    [
        "How did Acme's net sales change from 2018 to 2019?",
        "How have net sales developed between 2018 and 2019?",
        "How fast did net sales grow from 2018 to 2019?",
    ],
)
def test_how_a_figure_changed_is_told_in_percent(question: str) -> None:
    made = ask(question, ACME)
    assert isinstance(made, Result)
    assert made.calculation.result == "-13.48 %"


ZH_PAGES = {
    60: "合并资产负债表\n单位：元\n项目\t2019 年 12 月 31 日\t2018 年 12 月 31 日"
    "\n资产总计\t2,464,948,703.85\t2,051,223,456.86"
    "\n流动负债合计\t696,435,257.06\t382,344,340.93",
    61: "负债合计\t719,546,813.39\t405,997,436.79\n\n母公司资产负债表\n单位：元"
    "\n项目\t2019 年 12 月 31 日\t2018 年 12 月 31 日\n货币资金\t122,775,584.93\t219,607,349.88",
    62: "资产总计\t1,309,295,398.09\t1,257,779,376.14\n负债合计\t176,691,681.69\t154,564,376.98",
}
ZH_HEADER = "单位：元 / 项目\t2019 年 12 月 31 日\t2018 年 12 月 31 日"


def ask_pages(question: str, found: list[int]) -> Result | Missing | None:
    """``found``: the pages that the search found; the others are only turned over to."""
    pages = {
        n: replace(
            passage(1, text, "远山泵业_2019年_年度报告.pdf", 2019),
            page_start=n, page_end=n, chunk_id=n, page_type="balance_sheet" if n < 62 else "",
            table_header="" if n == 60 else ZH_HEADER,
        )
        for n, text in ZH_PAGES.items()
    }  # fmt: skip
    shelf = Shelf(
        [pages[n] for n in found],
        Scope(frozenset({1})),
        lambda query, scope, top_k: (),
        lambda document_id, number: SimpleNamespace(text=ZH_PAGES.get(number, "")),  # type: ignore[arg-type,return-value]
        lambda document_id, number: [pages[number]] if number in pages else [],
    )
    return calculate(question, shelf)


def test_the_parent_companys_figures_are_never_taken_for_the_groups() -> None:
    made = ask_pages("远山泵业2019年的资产负债率是多少？", [60, 62])  # 61 is turned over to
    assert isinstance(made, Result)
    assert made.calculation.result == "29.19%"
    assert not isinstance(ask_pages("远山泵业2019年的资产负债率是多少？", [62]), Result)


def test_the_parent_companys_figures_answer_a_question_about_it() -> None:
    made = ask_pages("远山泵业母公司2019年的资产负债率是多少？", [62])
    assert isinstance(made, Result)
    assert made.calculation.result == "13.50%"
