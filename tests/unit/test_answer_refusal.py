"""When an answer is refused, why, and what would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_calculator import passage

from ingest.service import IngestService
from rag.answer.evidence import essence, understand
from rag.answer.hints import hints
from rag.answer.kinds import asks_definition, holds, kinds_asked
from rag.answer.refusal import Refusal, Signals, decide, measure
from rag.engine import Engine
from rag.messages import message
from rag.records import About, Answer, Document
from rag.search.query_terms import query_terms
from rag.settings import AnswerSettings, Settings
from rag.testing import HashEmbedding, QueueChatModel

SETTINGS = AnswerSettings()
GOOD = Signals(found=True, best=1.0, together=1.0, quoted=True, quote=1.0)


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        (GOOD, ""),
        (Signals(found=False), "refusal.nothing_found"),
        (replace(GOOD, missing=("zeppelin",)), "refusal.missing_terms"),
        (replace(GOOD, years=(2031,)), "refusal.missing_terms"),
        (replace(GOOD, best=0.1, together=0.1), "refusal.weak_evidence"),
        (replace(GOOD, quoted=False), "refusal.weak_evidence"),
        (replace(GOOD, kind_there=False), "refusal.weak_evidence"),
        (replace(GOOD, concept=True), "refusal.not_about_documents"),
        (replace(GOOD, concept=True, explained=True), ""),
        (replace(GOOD, best=0.1, with_subject=1.0), ""),
    ],
)
def test_decisions(signals: Signals, code: str) -> None:
    refusal = decide(signals, SETTINGS)
    assert (refusal.code if refusal else "") == code


def test_thresholds_come_from_the_settings() -> None:
    weak = replace(GOOD, best=0.6, quote=0.6)
    assert decide(weak, AnswerSettings(min_coverage=0.5, min_quote=0.0)) is None
    assert decide(weak, AnswerSettings(min_coverage=0.7, min_quote=0.0)) is not None
    assert decide(weak, AnswerSettings(min_coverage=0.5, min_quote=0.7)) is not None


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("青禾科技股份回购的完成时间是什么？", ("date",)),
        ("减持部分占总股本比例是多少？", ("percent",)),
        ("交易金额是多少？", ("money",)),
        ("公司的证券代码是什么？", ("code",)),
        ("How many people did it employ?", ("count",)),
        ("When was the dividend paid?", ("date",)),
        ("Who is the auditor?", ()),
        ("营业收入是多少？", ()),
    ],
)
def test_kinds_that_are_asked_for(question: str, kinds: tuple[str, ...]) -> None:
    assert kinds_asked(question) == kinds


@pytest.mark.parametrize(
    ("kind", "text", "there"),
    [
        ("date", "股东大会于8月17日召开", True),
        ("date", "The meeting was held on Monday.", True),
        ("date", "公司拟减持不超过六成股份", False),
        ("percent", "占总股本的1.5%", True),
        ("percent", "减持了部分股份", False),
        ("money", "成交价为2.5亿人民币", True),
        ("money", "paid $3 million", True),
        ("money", "双方签署了协议", False),
        ("code", "（300617）", True),
        ("code", "公司名称", False),
    ],
)
def test_kinds_that_are_there(kind: str, text: str, there: bool) -> None:
    assert holds(kind, text, row=False) is there  # type: ignore[arg-type]
    assert holds("money", "营业收入\t12,345", row=True)


def test_definitions_are_told_from_other_questions() -> None:
    for question in (
        "什么是营业利润？",
        "股份支付是什么意思？",
        "what does EBITDA mean",
        "What is a convertible bond?",
    ):
        assert asks_definition(question), question
    for question in ("青禾科技的营业利润是多少？", "Why did margins fall?"):
        assert not asks_definition(question), question


REPORT = """# 主要财务数据

单位：万元
项目\t2020年\t2019年
营业收入\t12,345\t11,000

青禾科技2020年研发人员为412人。营业利润下降了。
流动比率是指流动资产与流动负债之比，用于衡量短期偿债能力。
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        engine.add_document("青禾科技2020年年度报告.md", REPORT.encode())
        engine.add_document(
            "海港物流2021年年度报告.md", REPORT.replace("青禾科技", "海港物流").encode(), collection="two"
        )
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()
        yield engine


def ask(engine: Engine, question: str, **more: object) -> Answer:
    *_, done = engine.ask(question, **more)  # type: ignore[arg-type]
    answer: Answer = done.answer
    return answer


@pytest.mark.parametrize(
    ("question", "code", "hint"),
    [
        ("贵州茅台2020年的营业收入是多少？", "refusal.missing_terms", "hint.no_company"),
        ("青禾科技2015年的营业收入是多少？", "refusal.missing_terms", "hint.other_years"),
        ("什么是营业利润？", "refusal.not_about_documents", "hint.general"),
    ],
)
def test_a_refusal_says_what_would_help(engine: Engine, question: str, code: str, hint: str) -> None:
    answer = ask(engine, question)
    assert (answer.refused, answer.refusal_code) == (True, code)
    assert [h.code for h in answer.hints] == [hint]
    shown = message(hint, "zh", answer.hints[0].params)
    assert "<" not in shown
    assert shown in answer.text
    kept = engine.turns(answer.conversation_id)[0].answer
    assert kept.hints == answer.hints


@pytest.mark.parametrize(
    "question",
    [
        "青禾科技设有哪些站点？",
        "能否根据青禾科技2020年的年报介绍研发人员？",
        "青禾科技研发人员有什么特性？",
    ],
)
def test_what_is_looked_for_is_no_missing_name(engine: Engine, question: str) -> None:
    answer = ask(engine, question)
    assert answer.refusal_code != "refusal.missing_terms", answer.text


def test_years_that_are_there_are_named(engine: Engine) -> None:
    hint = ask(engine, "青禾科技2015年的营业收入是多少？").hints[0]
    assert hint.params == {"subject": "青禾科技", "years": "2020", "asked": "2015"}


def test_a_definition_that_a_document_gives_is_quoted(engine: Engine) -> None:
    answer = ask(engine, "什么是流动比率？")
    assert not answer.refused
    assert "流动资产与流动负债之比" in answer.text


def test_a_scope_that_hides_the_document_is_named(engine: Engine) -> None:
    two = next(c.id for c in engine.collections() if c.name == "two")
    answer = ask(engine, "青禾科技2020年的研发人员有多少人？", collection_ids=[two])
    assert answer.refused
    assert (answer.hints[0].code, answer.hints[0].action) == ("hint.outside_scope", "widen")
    assert "青禾科技2020年年度报告.md" in answer.text


def test_the_models_refusal_has_hints_too(tmp_path: Path, engine: Engine) -> None:
    chat = QueueChatModel([message("refusal.text", "zh")])
    with Engine.open(engine.settings, embedding=HashEmbedding(), chat=chat) as other:
        answer = ask(other, "青禾科技2020年的研发人员有多少人？")
    assert answer.refusal_code == "refusal.model"
    assert answer.hints


def _document(name: str, status: str = "ready", about: About | None = None, key: int = 1) -> Document:
    return Document(key, 1, "default", name, "0", 1, status, about=about or About())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [
        ("parsing", "hint.being_read", "wait"),
        ("queued", "hint.being_read", "wait"),
        ("scanned", "hint.scanned", "library"),
        ("password", "hint.password", "library"),
        ("garbled", "hint.unreadable", "library"),
    ],
)
def test_documents_that_are_not_ready_are_named(status: str, code: str, action: str) -> None:
    documents = [_document("Zeppelin_2023_10K.pdf", status), _document("Other.pdf", key=2)]
    found = hints(
        "What was the revenue of Zeppelin in 2023?", Refusal("refusal.missing_terms"), documents, documents
    )
    assert (found[0].code, found[0].action) == (code, action)
    assert found[0].params["name"] == "Zeppelin_2023_10K.pdf"
    nothing = hints(
        "What was the revenue of Acme in 2023?",
        Refusal("refusal.missing_terms", {"terms": "acme"}),
        documents,
        documents,
    )
    assert [h.code for h in nothing] == ["hint.no_document"]


def test_what_is_known_of_a_document_names_it() -> None:
    about = About(company="Walmart Inc.", ticker="WMT", fiscal_year=2019, aliases=("Walmart",))
    documents = [_document("10k.pdf", about=about)]
    found = hints(
        "What were Walmart's sales in 2025?", Refusal("refusal.missing_terms"), documents, documents
    )
    assert found[0].code == "hint.other_years"
    assert found[0].params["years"] == "2019"


def test_an_empty_library_and_one_being_read() -> None:
    refusal = Refusal("refusal.nothing_found")
    assert hints("x?", refusal, [], [])[0].code == "hint.upload_first"
    waiting = [_document("a.pdf", "queued")]
    assert hints("x?", refusal, waiting, waiting)[0].code == "hint.wait_all"
    one, both = [_document("a.pdf")], [_document("a.pdf"), _document("b.pdf", key=2)]
    assert hints("x?", Refusal("refusal.weak_evidence"), one, both)[0].code == "hint.narrowed"
    assert hints("x?", Refusal("refusal.weak_evidence"), both, both)[0].code == "hint.nearest"


def test_a_name_is_there_when_its_document_is_about_it() -> None:
    """A file called NORTHHARBOUR_2022 whose pages speak of "we" is still North Harbour's."""
    question = "How much did the tax rate of North Harbour change in 2022?"
    plain = passage(
        1, "Our tax rate was 21.6 percent in 2022 and 24.6 percent in 2021.", "NORTHHARBOUR_2022", 2022
    )
    known = replace(plain, about=About(company="North Harbour Company", fiscal_year=2022))
    wanted = list(query_terms(essence(question)))
    asked = understand(question, wanted, {t: 0 if t in ("north", "harbour") else 40 for t in wanted}, 100)
    assert set(measure(asked, [plain], covers=True).missing) == {"North Harbour"}
    assert measure(asked, [known], covers=True).missing == ()
