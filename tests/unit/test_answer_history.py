"""Follow-ups made to stand alone, by rule."""

from __future__ import annotations

import pytest

from rag.answer.history import by_rule, standalone
from rag.errors import ModelUnavailable
from rag.testing import QueueChatModel, Reply

NAMES = [
    "青禾科技_2023年_年度报告.pdf",
    "海港物流_2022年_年度报告.pdf",
    "3M_2018_10K.pdf",
    "Amazon_2017_10K.pdf",
]
ZH = "青禾科技2019年的营业收入是多少？"
EN = "What was the net revenue of Amazon in 2017?"


@pytest.mark.parametrize(
    ("question", "previous", "expected"),
    [
        ("那2018年呢？", ZH, "青禾科技2018年的营业收入是多少？"),
        ("那海港物流呢？", ZH, "海港物流2019年的营业收入是多少？"),
        ("它的净利润是多少？", ZH, "2019年青禾科技的净利润是多少？"),
        ("毛利率是多少？", ZH, "2019年青禾科技毛利率是多少？"),
        ("and in 2018?", EN, "What was the net revenue of Amazon in 2018?"),
        ("What about 3M?", EN, "What was the net revenue of 3M in 2017?"),
        ("What about its margin?", "What were the sales of 3M?", "3M's margin?"),
        # These stand alone and stay as typed.
        ("什么是毛利率？", ZH, "什么是毛利率？"),
        ("海港物流2020年的净利润是多少？", ZH, "海港物流2020年的净利润是多少？"),
        ("What was the net income of 3M in 2018?", EN, "What was the net income of 3M in 2018?"),
    ],
)
def test_by_rule(question: str, previous: str, expected: str) -> None:
    assert by_rule(question, previous, NAMES) == expected


def test_model_first_rule_as_the_net() -> None:
    turns = [(ZH, ZH, "12 亿元 [1]。")]
    model = QueueChatModel(
        ["问题：青禾科技2018年营业收入？\n多余", Reply(error=ModelUnavailable("chat.cut", url="u"))]
    )
    assert standalone("那2018年呢？", turns, NAMES, model) == ("青禾科技2018年营业收入？", None)
    said, problem = standalone("那2018年呢？", turns, NAMES, model)
    assert said == "青禾科技2018年的营业收入是多少？"
    assert problem is not None
    assert standalone("海港物流2020年的净利润是多少？", turns, NAMES, model)[0].startswith("海港物流")
    assert standalone("那2018年呢？", [], NAMES, model) == ("那2018年呢？", None)
