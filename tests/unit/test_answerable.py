"""Whether quotes answer the question: fields, sought things, and the learned weights."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
from test_calculator import passage

from benchmarks.learn_refusal import Example, learn
from rag.answer import extractive
from rag.answer.answerable import NAMES, features, learned
from rag.answer.evidence import essence, understand
from rag.answer.fields import field_asked, fields
from rag.answer.refusal import Refusal, decide_quotes, measure
from rag.answer.sought import places, sought
from rag.search.query_terms import query_terms
from rag.settings import AnswerSettings

ASKED = "青禾科技企业融资事件对应的{}是什么？"
NEWS = "青禾科技完成天使轮融资3000万元，该轮融资由远山资本投资。"


@pytest.mark.parametrize(
    ("question", "field", "gives", "does_not"),
    [
        (ASKED.format("披露时间"), "disclosed", "8月1日，青禾科技公告称", "青禾科技于去年回购了股份"),
        (ASKED.format("领投方"), "lead_investor", "由远山资本领投", "由远山资本投资"),
        (ASKED.format("质权方"), "pledgee", "质押给东山银行", "解除质押200万股"),
        (
            ASKED.format("质押物占总股比"),
            "share_of_total",
            "占公司总股本的5.92%",
            "占其所持股份25.51%",
        ),
        (ASKED.format("每股交易价格"), "unit_price", "9.51元/股", "回购675万股"),
        ("When was Zeppelin 3 released?", "released", "It was released in May.", "It is a game."),
    ],
)
def test_a_field_is_told_by_how_texts_word_it(question: str, field: str, gives: str, does_not: str) -> None:
    asked = field_asked(question)
    assert asked is not None
    assert asked.id == field
    assert asked.held.search(gives)
    assert not asked.held.search(does_not)


def test_fields_have_each_an_id_of_their_own() -> None:
    ids = [field.id for field in fields()]
    assert len(ids) == len(set(ids)) > 20
    assert field_asked("营业收入由什么构成？") is None


def test_what_the_question_says_is_not_what_it_seeks() -> None:
    assert sought("青禾科技的董事长是谁？") == ("person",)
    question = "王小明在哪里出生？"
    assert places(("person",), "王小明和李四", question) != places(("person",), "王小明", question) == []
    assert sought("营业收入由什么构成？") == ()


def decided(question: str, text: str, **settings: object) -> Refusal | None:
    found = [passage(1, text, "新闻.txt", 2020)]
    asked = understand(question, list(query_terms(essence(question))), {}, 0)
    quotes = extractive.choose(asked, found, 4)
    signals = measure(asked, found, quotes, covers=False)
    assert features(asked, found, quotes, signals).shape == (len(NAMES),)
    return decide_quotes(asked, found, quotes, signals, AnswerSettings(**settings), "zh")  # type: ignore[arg-type]


def test_the_passage_is_there_but_not_the_asked_field() -> None:
    assert decided(ASKED.format("投资方"), NEWS) is None
    refusal = decided(ASKED.format("领投方"), NEWS)
    assert refusal is not None
    assert refusal.code == "refusal.weak_evidence"
    assert decided(ASKED.format("领投方"), NEWS.replace("投资。", "领投。")) is None
    # By thresholds alone it would have been quoted.
    assert decided(ASKED.format("领投方"), NEWS, learned_refusal=False, min_coverage=0.3) is None


def test_another_years_or_anothers_figure_is_refused_by_rule() -> None:
    refusal = decided("青禾科技2031年的营业收入是多少？", "青禾科技2020年营业收入为12亿元。")
    assert refusal is not None
    assert "2031" in refusal.params["terms"]


def test_a_question_about_something_else_entirely_is_refused() -> None:
    # The weights, which never saw such a question, would let the quote stand.
    assert decided("今天上海的天气怎么样？", "潘先生现任上海市政府决策咨询特聘专家。") is not None


def test_the_weights_say_where_they_came_from() -> None:
    body = json.loads((files("rag.answer") / "answerable_weights.json").read_text("utf-8"))
    assert set(body["languages"]["zh"]["weights"]) == set(NAMES)
    assert any("zh_fin_news" in row for row in body["languages"]["zh"]["figures"])
    assert learned("zh") is not None
    assert learned("en") is None


def test_learning_finds_what_tells_and_keeps_the_bound() -> None:
    draw = np.random.default_rng(1)
    first = 3 * np.eye(len(NAMES))[0]
    examples = [
        Example("p", "zh", f"g{n}", bool(n % 2), draw.normal(size=len(NAMES)) + (n % 2) * first,
                by_rule=False, calculated=False, before=False)
        for n in range(400)
    ]  # fmt: skip
    found = learn(examples, penalty=5.0, bound=0.1)
    refused = [e for e in examples if found.refuses(e)]
    assert np.abs(found.weights).argmax() == 0
    assert sum(e.must for e in refused) > 160
    assert sum(not e.must for e in refused) <= 22  # 200 that can be answered
