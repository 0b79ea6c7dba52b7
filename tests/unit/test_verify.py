"""Answers made right and wrong on purpose, held against small passages: what is flagged and what is not."""

from __future__ import annotations

import pytest

from rag.answer.verify import Verdict, verify
from rag.records import About, Passage


def passage(
    text: str,
    document: str = "ACME_2019_10K.pdf",
    *,
    header: str = "",
    company: str = "",
    year: int | None = None,
) -> Passage:
    language = "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"
    return Passage(
        rank=1, chunk_id=1, document_id=1, document=document, title="", page_start=1, page_end=1,
        section_path=(), table_header=header, text=text, char_start=0, char_end=len(text), boxes=(),
        language=language, page_kind="physical", score=1.0, about=About(company=company, fiscal_year=year),
    )  # fmt: skip


CASH_FLOW = passage(
    "Consolidated Statement of Cash Flows\n(Millions)\t2018\t2017\t2016\n"
    "Net income including noncontrolling interest\t$5,363\t$4,869\t$5,058\n"
    "Depreciation and amortization\t1,488\t1,544\t1,474\n"
    "Purchases of property, plant and equipment (PP&E)\t(1,577)\t(1,373)\t(1,420)\n"
    "Dividends paid to shareholders\t(3,193)\t(2,803)\t(2,678)\n",
    "ACME_2018_10K.pdf",
    company="Acme",
    year=2018,
)
PROSE = passage(
    "Total revenue increased 12.5% to $1.2 billion in 2019, driven by higher demand for pumps in Europe. "
    "The Company does not expect material restructuring charges in 2020. "
    "Amortization was $95.1 million, $97.2 million and $80.0 million in 2019, 2018 and 2017, respectively.",
    "ACME_2019_10K.pdf",
    company="Acme",
    year=2019,
)
OTHER = passage(
    "Borealis reported revenue of $640 million in 2019.",
    "BOREALIS_2019_10K.pdf",
    company="Borealis",
    year=2019,
)
CHINESE = passage(
    "单位：元\t币种：人民币\n主要会计数据\t2019年\t2018年\t本期比上年同期增减(%)\n"
    "营业收入\t1,175,301,034.32\t1,230,537,181.80\t-4.49\n"
    "营业成本\t903,236,584.52\t901,488,823.98\t0.19\n",
    "远山泵业_2019年_年度报告.pdf",
    company="远山泵业",
    year=2019,
)
CHINESE_PROSE = passage(
    "报告期内，公司实现营业收入 117,530.10 万元，较去年同期减少 4.49%，主要受全球经济放缓、中美贸易摩擦影响。"
    "公司未发生重大诉讼事项。",
    "远山泵业_2019年_年度报告.pdf",
    company="远山泵业",
    year=2019,
)
CHINESE_OTHER = passage(
    "澄江电气2019年营业收入为3.18亿元。", "澄江电气_2019年_年度报告.pdf", company="澄江电气"
)

RIGHT = [
    ("Capital expenditure was $1,577 million in FY2018 [1].", [CASH_FLOW]),
    ("In 2018 Acme spent $1.58 billion on property, plant and equipment. [1]", [CASH_FLOW]),
    ("Capital expenditure rose 14.9% in 2018, from $1,373 million to $1,577 million [1].", [CASH_FLOW]),
    ("Dividends of $3,193 million and capex of $1,577 million make $4,770 million in all [1].", [CASH_FLOW]),
    ("Revenue grew 12.5 % to $1,200 million in 2019 [1].", [PROSE]),
    ("Amortization was $97.2 million in 2018 [1].", [PROSE]),
    ("The company expects no material restructuring charges in 2020 [1].", [PROSE]),
    ("1. Higher demand for pumps in Europe drove revenue [1].", [PROSE]),
    ("营业收入为1,175,301,034.32元[1]。", [CHINESE]),
    ("2019年营业收入约11.75亿元，同比下降4.49%[1]。", [CHINESE]),
    ("2019年远山泵业的毛利率为23.15%，即（1,175,301,034.32元-903,236,584.52元）/营业收入[1]。", [CHINESE]),
    ("公司2019年实现营业收入11.75亿元[1]。", [CHINESE_PROSE]),
    ("营业收入减少主要受全球经济放缓和中美贸易摩擦影响[1]。", [CHINESE_PROSE]),
    ("公司没有发生重大诉讼事项[1]。", [CHINESE_PROSE]),
    ("2018年资本开支为15.77亿美元[1]。", [CASH_FLOW]),
]  # fmt: skip
WRONG = [
    ("number", "Capital expenditure was $1,677 million in FY2018 [1].", [CASH_FLOW]),
    ("number", "Revenue grew 13.5 % to $1,200 million in 2019 [1].", [PROSE]),
    ("number", "营业收入为1,175,301,934.32元[1]。", [CHINESE]),
    ("unit", "Capital expenditure was $1,577 billion in FY2018 [1].", [CASH_FLOW]),
    ("unit", "2019年营业收入为117,530.10亿元[1]。", [CHINESE_PROSE]),
    ("unit", "Revenue was $1.2 million in 2019 [1].", [PROSE]),
    ("year", "Capital expenditure was $1,577 million in FY2017 [1].", [CASH_FLOW]),
    ("year", "Amortization was $97.2 million in 2019 [1].", [PROSE]),
    ("year", "2018年营业收入为1,175,301,034.32元[1]。", [CHINESE]),
    ("company", "Borealis reported revenue of $1.2 billion in 2019 [1].", [PROSE, OTHER]),
    ("company", "澄江电气2019年营业收入为11.75亿元[1]。", [CHINESE, CHINESE_OTHER]),
    ("negated", "The company expects material restructuring charges in 2020 [1].", [PROSE]),
    ("negated", "公司发生重大诉讼事项[1]。", [CHINESE_PROSE]),
    ("negated", "Total revenue decreased 12.5% to $1.2 billion in 2019 [1].", [PROSE]),
    ("invented", "The board approved a new share plan for warehouse staff in Norway [1].", [PROSE]),
    ("invented", "公司计划在新加坡设立数据中心并收购一家软件企业[1]。", [CHINESE_PROSE]),
    ("invented", "Capital expenditure of $1,577 million was 31 % of sales in 2018 [1].", [CASH_FLOW]),
]


def only(verdict: Verdict) -> str:
    assert len(verdict.checks) == 1
    return verdict.checks[0].support


@pytest.mark.parametrize(("text", "passages"), RIGHT)
def test_what_the_passages_say_is_supported(text: str, passages: list[Passage]) -> None:
    verdict = verify(text, passages)
    assert only(verdict) in ("quoted", "supported", "calculated"), verdict
    assert verdict.groundedness == 1.0
    assert not verdict.missing


@pytest.mark.parametrize(("kind", "text", "passages"), WRONG)
def test_what_they_do_not_say_is_unsupported(kind: str, text: str, passages: list[Passage]) -> None:
    verdict = verify(text, passages)
    assert only(verdict) == "unsupported", (kind, verdict)
    assert verdict.checks[0].reason
    assert verdict.groundedness == 0.0


def test_recomputed_number_states_its_formula() -> None:
    text = "Capital expenditure grew 14.9% from $1,373 million to $1,577 million [1]."
    check = verify(text, [CASH_FLOW]).checks[0]
    growth = next(n for n in check.numbers if n.text == "14.9%")
    assert (growth.status, growth.markers) == ("recomputed", (1,))
    assert "1,577" in growth.formula
    assert "1,373" in growth.formula
    assert text[growth.start : growth.end] == "14.9%"


def test_years_dates_pages_and_list_numbers_are_no_claims() -> None:
    text = "1. On December 31, 2019 the company (page 47, Note 16) filed its 10-K for Q4 [1]."
    assert not verify(text, [PROSE]).checks[0].numbers


def test_nothing_claimed_has_no_groundedness() -> None:
    assert verify("Here is what the documents say:", [PROSE]).groundedness is None
    assert verify("The documents do not mention any acquisition.", [PROSE]).groundedness is None


def test_a_claim_of_another_passage_than_the_cited_is_weak() -> None:
    check = verify("Revenue of Borealis was $640 million in 2019 [1].", [PROSE, OTHER]).checks[0]
    assert (check.support, check.reason, check.markers) == ("weak", "check.other_passage", (2,))


def test_markers_after_the_full_stop_belong_to_the_sentence_before() -> None:
    text = "Revenue grew 12.5 % in 2019. [1] Capital expenditure was $1,577 million in 2018. [2]"
    checks = verify(text, [PROSE, CASH_FLOW]).checks
    assert [(c.support, c.markers) for c in checks] == [("supported", (1,)), ("supported", (2,))]
    assert all(text[c.start : c.end].endswith("]") for c in checks)


def test_words_alone_never_condemn_another_language() -> None:
    check = verify("欧洲市场对水泵的需求推动了收入[1]。", [PROSE]).checks[0]
    assert check.support == "weak"


def test_years_of_a_sentence_with_two_clauses_are_kept_apart() -> None:
    report = passage("Revenue was 1,577 million euros in 2023, after 1,402 million euros in 2022.")
    assert only(verify("Revenue was 1,577 million euros in 2023 [1].", [report])) == "quoted"
    assert only(verify("Revenue was 1,577 million euros in 2022 [1].", [report])) == "unsupported"


def test_missing_numbers_are_named_once() -> None:
    report = passage("Revenue was 1,577 million euros in 2023.")
    assert verify("It was 1,600 [1]. Again 1,600 [1].", [report]).missing == ("1,600",)
