"""Comparisons over years and formulas that the question gives: from cited rows, or not at all."""

from __future__ import annotations

import pytest

from rag.answer.asked_formula import plan_of
from rag.answer.calculator import Missing, Result
from rag.answer.expressions import wanted_in
from rag.answer.over_years import asked_in
from rag.answer.verify import verify
from tests.unit.test_calculator import ACME, ZH, ask, passage


def made(question: str, passages: list = ACME) -> Result:  # type: ignore[type-arg]
    result = ask(question, list(passages))
    assert isinstance(result, Result), result
    return result


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("In which year was Acme's net sales highest?", "FY2018: $7,500 million"),
        ("Which year saw the lowest net income?", "FY2017: $273 million"),
        ("Which fiscal year had the highest gross profit between 2018 and 2019?", "FY2018: $4,983 million"),
        ("In how many years did net sales exceed $7 billion?", "2 of 3 years"),
        ("How many of the years 2017 to 2019 was net income below operating income?", "3 of 3 years"),
        ("How many years did operating income exceed $1,500 million?", "2 of 3 years"),
    ],
)
def test_english_comparisons_over_years(question: str, result: str) -> None:
    calculated = made(question)
    assert calculated.calculation.result == result
    assert all(operand.marker for operand in calculated.calculation.operands)
    assert calculated.alone
    verdict = verify(
        calculated.text, ACME, question=question, calculations=(calculated.calculation,), weights=None
    )
    assert not verdict.missing, verdict
    assert verdict.groundedness == 1.0, verdict


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("哪一年的研发费用最高？", "2018年：51,663,182.04元"),
        ("2018至2019年净利润最低的是哪一年？", "2019年：129,400,000.00元"),
        ("2018至2019年有几年研发费用超过5,000万元？", "1年"),
    ],
)
def test_chinese_comparisons_over_years(question: str, result: str) -> None:
    calculated = made(question, ZH)
    assert calculated.calculation.result == result
    assert len(calculated.calculation.operands) == 2


def test_a_year_that_is_not_there_is_named() -> None:
    missing = ask("Which year had the highest net sales between 2015 and 2019?", ACME)
    assert isinstance(missing, Missing)
    assert missing.year in (2015, 2016)


def test_an_amount_is_not_held_against_figures_of_unknown_scale() -> None:
    bare = "Acme\nService revenue by region\n\t2019\t2018\t2017\nAPJC\t1,872\t1,885\t1,801"
    passages = [passage(1, bare, "ACME_2019.txt", 2019)]
    assert not isinstance(ask("How many years did APJC exceed $1,500 million?", passages), Result)
    scaled = [passage(1, bare.replace("by region", "by region (in millions)"), "ACME_2019.txt", 2019)]
    found = ask("How many years did APJC exceed $1,500 million?", scaled)
    assert isinstance(found, Result)
    assert found.calculation.result == "3 of 3 years"
    share = ask("How many years did APJC exceed 20%?", scaled)
    assert not isinstance(share, Result)
    rates = "Acme\n(in millions)\n\t2019\t2018\nGross margin\t21.5%\t19.0%"
    rate = ask("How many years did gross margin exceed 20%?", [passage(1, rates, "ACME_2019.txt", 2019)])
    assert not isinstance(rate, Result) or rate.calculation.result == "1 of 2 years"


@pytest.mark.parametrize(
    "question",
    [
        "Which year was the company founded?",
        "How many years has the CEO been in office?",
        "公司是哪一年成立的？",
        "What was the highest net sales?",
    ],
)
def test_other_questions_about_years_are_none(question: str) -> None:
    assert asked_in(question) is None


@pytest.mark.parametrize(
    ("question", "result"),
    [
        ("What is (net sales - cost of sales) / net sales for Acme in FY2019?", "0.67"),
        ("Calculate total current assets / total current liabilities in FY2019", "2.50"),
        ("Compute (net income + cost of sales) / net sales * 100% in FY2018.", "58.20 %"),
        ("total current assets - total current liabilities in 2019?", "$4,377 million"),
        ("operating income / average total assets in FY2019, as a percentage", "8.52 %"),
    ],
)
def test_a_formula_that_the_question_gives(question: str, result: str) -> None:
    calculated = made(question)
    assert calculated.calculation.result == result
    assert all(operand.marker for operand in calculated.calculation.operands)


def test_a_chinese_formula() -> None:
    calculated = made("用（营业收入-营业成本）/营业收入计算2019年的毛利率", ZH)
    assert calculated.calculation.result == "23.15%"
    assert calculated.text.startswith("所给公式，2019年：")


def test_a_formula_without_its_figure_is_not_replaced() -> None:
    missing = ask("Calculate (net sales - goodwill) / net sales in FY2019", ACME)
    assert isinstance(missing, Missing)
    assert missing.item == "goodwill"


@pytest.mark.parametrize(
    "question",
    [
        "What was the increase / (decrease) in the Asia Pacific revenue from 2018 to 2019?",
        "What is the Loans due from subsidiaries - non-current portion for 2019?",
        "What is the year-over-year change in revenue and/or sales from FY2018 - FY2020?",
        "蒙牛乳业股东增持事件对应的交易股票/股份数量是什么？",
        "What does the 10-K say of PP&E?",
    ],
)
def test_what_only_looks_like_a_formula(question: str) -> None:
    assert plan_of(question) is None


def test_hostile_formulas_end() -> None:
    assert plan_of("What is " + "(" * 200 + "net sales + cost of sales" + ")" * 200) is None
    deep = "What is " + "(" * 60 + "net sales + cost of sales" + ")" * 60
    plan = plan_of(deep)
    assert plan is None or len(wanted_in(plan.expression)) == 2
    assert plan_of("What is " + " + ".join(["net sales"] * 40)) is None
