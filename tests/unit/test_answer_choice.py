"""Which row or sentence is quoted: the asked item itself, under any of its names, of the asked year."""

from __future__ import annotations

import pytest

from rag.answer.evidence import Asked, as_typed, essence, missing_names, understand
from rag.answer.extractive import choose
from rag.answer.fit import has_figure, has_person, precision
from rag.records import Passage
from rag.search.query_terms import query_terms
from rag.text.terms import terms
from rag.vocabulary import mentions

STATEMENT = (
    "Consolidated Statements of Operations (in thousands)\n\t2024\t2023\n"
    "Total revenue\t900\t800\nCost of revenue\t500\t450\n"
    "Interest and other income, net\t23\t14\nNet income\t517\t440\n"
    "Net income attributable to noncontrolling interests\t7\t6\n"
    "Purchases of property, plant and equipment\t(28)\t(22)\n"
)
PEOPLE = "Name\tOffice\tAge\nMiriam Kaldor\tPresident and Chief Executive Officer\t54\nOffice of the CEO.\n"
CHINESE = (
    "2024年研发投入205万元，占营业收入的11.00%。\n项目\t2024年\t2023年\n营业收入\t1,864\t1,589\n"
    "研发投入占营业收入比例\t11.00%\t10.20%\n五、净利润\t259\t186\n扣除非经常性损益的净利润\t229\t163\n"
)


def passage(text: str, document: str = "report.pdf") -> Passage:
    return Passage(
        rank=1, chunk_id=1, document_id=1, document=document, title="", page_start=1, page_end=1,
        section_path=(), table_header="", text=text, char_start=0, char_end=len(text), boxes=(),
        language="en", page_kind="physical", score=1.0,
    )  # fmt: skip


def asked(question: str) -> Asked:
    wanted = list(query_terms(essence(question)))
    return understand(question, wanted, dict.fromkeys(wanted, 3), 100)


@pytest.mark.parametrize(
    ("question", "text", "first"),
    [
        ("What was net income in 2024?", STATEMENT, "Net income\t517"),
        ("What was capex in 2024?", STATEMENT, "Purchases of property"),
        ("How much were net sales in 2024?", STATEMENT, "Total revenue"),
        ("What was COGS in 2023?", STATEMENT, "Cost of revenue"),
        ("Who is the current CEO?", PEOPLE, "Miriam Kaldor"),
        ("2024年营业收入是多少？", CHINESE, "营业收入\t1,864"),
        ("2024年营收是多少？", CHINESE, "营业收入\t1,864"),
        ("2024年净利润是多少？", CHINESE, "五、净利润"),
        ("2024年研发投入占营业收入的比例是多少？", CHINESE, "研发投入占营业收入比例"),
    ],
)
def test_the_asked_item_comes_first(question: str, text: str, first: str) -> None:
    quotes = choose(asked(question), [passage(text)], 4)
    assert quotes[0].unit.text.startswith(first)


def test_weak_quotes_stay_out_and_other_parts_come_in() -> None:
    alone = choose(asked("What was net income in 2024?"), [passage(STATEMENT)], 4)
    assert [q.unit.text.split("\t")[0] for q in alone] == ["Net income"]
    both = choose(asked("How much were net income and capex in 2024?"), [passage(STATEMENT)], 4)
    assert {q.unit.text.split(" ")[0] for q in both} >= {"Net", "Purchases"}


def test_a_figure_of_another_year_is_no_answer() -> None:
    old = passage("Item\t2019\t2018\nNet income\t5\t4", "report 2019.pdf")
    assert choose(asked("What was net income in 2024?"), [old], 4) == []
    assert choose(asked("What was net income in 2018?"), [old], 4)


def test_labels_are_judged_both_ways() -> None:
    plain = asked("What was net income in 2024?")
    exact, whole = precision(plain, "Net income", frozenset(terms("net income")))
    longer, part = precision(plain, "Interest and other income, net", frozenset(terms("net income")))
    assert (whole, part) == (True, False)
    assert exact > longer
    sales = asked("What were sales?")
    assert precision(sales, "Total net sales", sales.terms)[1]
    assert not precision(sales, "Cost of sales", sales.terms)[1]


def test_other_names_and_small_words_are_not_missing() -> None:
    people = [passage(PEOPLE.replace("Office of the CEO.\n", ""))]
    assert missing_names(asked("Who is the CEO?"), people) == []
    assert missing_names(asked("现任董事长是谁？"), [passage("沈某\t董事长")]) == []
    assert missing_names(asked("What was the revenue of Harbour Logistics?"), [passage(CHINESE)]) == [
        "Harbour Logistics"
    ]


def test_what_is_missing_is_told_as_it_was_typed() -> None:
    assert as_typed("Did Zeppelin Airways buy O'Neil-Tech?", ["zeppelin", "airway", "tech"]) == [
        "Zeppelin Airways",
        "O'Neil-Tech",
    ]
    assert as_typed("Zeppelin or Airways", ["airway", "zeppelin"]) == ["Zeppelin", "Airways"]
    assert as_typed("贵州茅台的营业收入", ["贵州茅台"]) == ["贵州茅台"]


def test_what_a_longer_name_holds_is_taken_once() -> None:
    assert [m.name.text for m in mentions("Cost of sales rose")] == ["cost of sales"]
    assert {m.id for m in mentions("capex")} == {m.id for m in mentions("购建固定资产支付的现金")}


def test_figures_and_people() -> None:
    assert has_figure("Revenue was 12.5 million")
    assert not has_figure("August 29, 2024: Item 3")
    who = asked("Who is the chief executive officer of Calder Ridge?")
    assert has_person(who, "Miriam Kaldor is in charge")
    assert not has_person(who, "Calder Ridge has a Chief Executive Officer")
    assert has_person(asked("董事长是谁？"), "董事长\t沈怀瑾")
