"""Questions about a term itself get no figure; what would help says how it is worked out."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.answer.concepts import asks_meaning, formula_told
from rag.answer.hints import hints
from rag.answer.refusal import Refusal
from rag.engine import Engine
from rag.records import About, Answer, Document, Done
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel

STATEMENT = """Acme Corporation
Consolidated Balance Sheets
(in millions)
At December 31, 2019	At December 31, 2018
Total current assets	$7,292	$6,106
Total assets	$19,845	$17,890
Total current liabilities	2,915	2,642
Current ratio	2.50	2.31
Total liabilities	7,040	6,498"""


@pytest.mark.parametrize(
    "question",
    [
        "什么是负债率？",
        "请问什么是流动比率",
        "流动比率是什么意思？",
        "净利率怎么计算？",
        "毛利率的计算公式是什么？",
        "负债率是什么？",
        "What is a current ratio?",
        "what's an interest coverage ratio",
        "What is meant by working capital?",
        "How is the quick ratio calculated?",
        "How do you calculate gross margin?",
        "What does free cash flow mean?",
        "Define inventory turnover.",
    ],
)
def test_asks_for_a_meaning(question: str) -> None:
    assert asks_meaning(question)


@pytest.mark.parametrize(
    "question",
    [
        "2024年的负债率是多少？",
        "什么是云岭精密2024年的负债率？",
        "What is the current ratio?",
        "What is Acme's current ratio?",
        "What is a reasonable estimate of 3M's FY2018 capital expenditure?",
        "How is revenue calculated in the FY2022 report?",
        "净利润是多少？",
        "主要风险是什么？",
        "Define free cash flow as cash from operations less capex: what was it in FY2019?",
    ],
)
def test_asks_for_something_else(question: str) -> None:
    assert not asks_meaning(question)


def test_the_formula_is_told_in_the_language_of_the_question() -> None:
    assert formula_told("What is a quick ratio?", "en") == (
        "quick ratio",
        "(total current assets - inventory) / total current liabilities",
    )
    told = formula_told("什么是负债率？", "zh")
    assert told is not None
    assert told[1] == "负债合计 / 资产总计"
    assert formula_told("What is a lighthouse?", "en") is None


def last(engine: Engine, question: str) -> Answer:
    *_, done = engine.ask(question, log=False)
    assert isinstance(done, Done)
    return done.answer


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = Engine.open(Settings(data_dir=tmp_path, chat={"kind": "extractive"}), embedding=HashEmbedding())
    engine.add_document("ACME_2019_10K.txt", STATEMENT.encode())
    IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
    return engine


def test_a_meaning_is_no_figure(engine: Engine) -> None:
    answer = last(engine, "What is a current ratio?")
    assert not answer.calculations
    assert answer.refused
    assert answer.hints[0].code == "hint.formula"
    assert "total current assets / total current liabilities" in answer.text
    figure = last(engine, "What is Acme's current ratio in FY2019?")
    assert figure.calculations
    assert "2.50" in figure.text


def test_beside_a_calculation_stands_only_what_gives_its_result(engine: Engine) -> None:
    answer = last(engine, "What is Acme's current ratio in FY2019?")
    assert len(answer.calculations) == 1
    quotes = [c.quote for c in answer.citations]
    assert [q.split("\t")[0] for q in quotes[:2]] == ["Total current assets", "Total current liabilities"]
    assert all("2.50" in q for q in quotes[2:]), quotes


def document(key: int, company: str, year: int) -> Document:
    about = About(company=company, fiscal_year=year)
    return Document(
        id=key, collection_id=1, collection="default", name=f"{key}.pdf", sha256=str(key), size_bytes=1,
        status="ready", about=about,
    )  # fmt: skip


def test_hints_name_the_company_that_is_not_there_and_the_years_that_are() -> None:
    library = [document(1, "Acme Inc", 2018), document(2, "Acme Inc", 2019), document(3, "Acme Inc", 2020)]
    refusal = Refusal("refusal.missing_terms", {"terms": "Tesla"})
    (hint,) = hints("What was Tesla's FY2019 revenue?", refusal, library, library, unknown_company="Tesla")
    assert (hint.code, hint.params) == ("hint.no_company", {"company": "Tesla", "known": "“Acme Inc”"})
    (hint,) = hints("Acme Inc revenue in FY2025?", refusal, library, library, unknown_period="2025")
    assert hint.code == "hint.other_years"
    assert hint.params == {"subject": "Acme Inc", "years": "2018–2020", "asked": "2025"}


def test_own_terms_reach_answer_prompt_and_hints(tmp_path: Path) -> None:
    chat = QueueChatModel(["Haulage cost 30 million [1]."])
    words = "Haulage from the port cost 30 million in the year."
    with Engine.open(Settings(data_dir=tmp_path), embedding=HashEmbedding(), chat=chat) as engine:
        engine.add_document("one.md", words.encode())
        engine.add_document("two.md", b"Nothing of that kind: wages, rent, light.")
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        engine.add_term("drayage", ["haulage"])
        last(engine, "How much did drayage cost?")
        assert "- drayage = haulage" in chat.received[-1][-1].content
        alone = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
        quiet = engine.variant(alone)
        answer = last(quiet, "How much did drayage cost?")
        assert not answer.refused
        assert "30 million" in answer.text
        refused = last(quiet, "Which lighthouse keeper dislikes drayage on Tuesdays?")
        assert refused.refused
        assert [h.params for h in refused.hints if h.code == "hint.own_term"] == [
            {"term": "drayage", "others": "“haulage”"}
        ]


def test_the_calculator_knows_an_own_name_of_a_known_item(engine: Engine) -> None:
    engine.add_term("short-term pile", ["total current assets"])
    answer = last(engine, "What was Acme's short-term pile in FY2019?")
    assert "7,292" in answer.text
