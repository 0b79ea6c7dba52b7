"""What compliance rules find, however it is spelt, and what they leave alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer.rules import CompiledRule, RuleSet, check_definition, rule_set
from rag.answer.shipped_rules import SHIPPED
from rag.errors import RuleError
from rag.records import Rule
from rag.text.folding import flatten, fold, tighten


def made(kind: str = "forbidden", **definition: object) -> CompiledRule:
    given = {"action": "replace", **definition}
    return rule_set([Rule(1, "rule", kind, given, True)]).rules[0]  # type: ignore[arg-type]


def shipped(key: str) -> CompiledRule:
    rule = next(r for r in SHIPPED if r.key == key)
    return rule_set([Rule(1, rule.name, rule.kind, rule.definition, True)]).rules[0]


@pytest.mark.parametrize(
    "text",
    [
        "本产品保本保收益。",
        "保 本 保 收 益",
        "保\u200b本\u2060保收\u00ad益",
        "保-本_保·收.益",
        "本產品保證收益8%",
        "**保本**保收益",
        "Guaranteed returns of 8 %.",
        "ＧＵＡＲＡＮＴＥＥＤ　ＲＥＴＵＲＮＳ",
        "G u a r a n t e e d returns",
        "guaran**teed** returns",
        "guaranteed [1] returns",
        "guar\u0430nteed returns",  # a Cyrillic a
        "不但保本保收益，还送礼品",
    ],
)
def test_a_promise_is_found_in_any_spelling(text: str) -> None:
    assert shipped("promises").find(text)


@pytest.mark.parametrize(
    "text",
    [
        "本产品不保本保收益。",
        "禁止承诺保本保收益",
        "无风险收益率为 2.5%",
        "确保盈利能力持续提升",
        "We do not guarantee returns.",
        "Guaranteed returns are prohibited.",
        "The notes are guaranteed. Returns rose.",
        "the risk-free rate was 3 %",
    ],
)
def test_what_denies_it_or_only_sounds_alike_is_left_alone(text: str) -> None:
    assert shipped("promises").find(text) == []


def test_words_of_few_letters_are_whole_words() -> None:
    rule = made(words=["sure win"])
    assert [(m.start, m.end) for m in rule.find("A SURE  WIN!")] == [(2, 11)]
    assert rule.find("ensure winning") == []
    long = made(words=["guaranteed returns"])
    assert long.find("guaran-teed re turns")
    assert long.find("unguaranteed returns") == []


def test_own_traditional_pattern_meets_simplified_text() -> None:
    assert made(patterns=["穩賺"]).find("这是稳赚的")


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ({"patterns": ["ok", "(a"]}, "rule.pattern"),
        ({"patterns": [r"a(?=b)"]}, "rule.pattern"),
        ({"patterns": [r"(a)\1"]}, "rule.pattern"),
        ({"patterns": ["a*"]}, "rule.pattern_empty"),
        ({"patterns": ["(?:a{1,1000}){1,1000}"]}, "rule.pattern"),
        ({"patterns": ["a" * 501]}, "rule.pattern_length"),
        ({"words": [" \u200b"]}, "rule.empty_word"),
        ({"words": ["x" * 81]}, "rule.words"),
        ({}, "rule.looks_for_nothing"),
        ({"words": ["x"], "action": "append"}, "rule.action"),
        ({"words": ["x"], "color": "red"}, "rule.field"),
        ({"words": "x"}, "rule.field"),
    ],
)
def test_a_bad_rule_is_refused_with_the_place(definition: dict[str, object], code: str) -> None:
    with pytest.raises(RuleError) as refused:
        check_definition("forbidden", {"action": "replace", **definition})
    assert refused.value.code == code
    if code == "rule.pattern":
        assert refused.value.params["number"] in ("1", "2")
        assert refused.value.params["field"] == "patterns"


def test_no_pattern_can_hold_up_an_answer() -> None:
    rule = made(patterns=[r"(x+x+)+y", r"(a|aa)+$", r"([a-z]+)*1"])
    started = time.process_time()
    rule.find("x" * 20_000 + "aa" * 10_000 + "!")
    assert time.process_time() - started < 5


def test_the_version_is_that_of_what_counts() -> None:
    one = Rule(1, "a", "forbidden", {"action": "replace", "words": ["x"]}, True)
    off = Rule(2, "b", "forbidden", {"action": "replace", "words": ["y"]}, False)
    assert rule_set([]).version == rule_set([off]).version == ""
    assert rule_set([one]).version == rule_set([off, one]).version != ""
    other = Rule(1, "a", "forbidden", {"action": "flag", "words": ["x"]}, True)
    assert rule_set([one]).version != rule_set([other]).version
    assert isinstance(rule_set([one]), RuleSet)


@given(st.text(max_size=60))
def test_folded_text_knows_where_it_came_from(text: str) -> None:
    for folded in (flatten(text), fold(text), tighten(fold(text))):
        assert len(folded.text) == len(folded.starts) == len(folded.ends)
        assert all(a < b for a, b in zip(folded.starts, folded.ends, strict=True))
        assert list(folded.starts) == sorted(folded.starts)
        assert all(a >= 0 and b <= len(text) for a, b in zip(folded.starts, folded.ends, strict=True))


def test_personal_numbers_are_found_in_full_width_too() -> None:
    rule = shipped("numbers")
    assert [m.label for m in rule.find("卡号 ４１１１ １１１１ １１１１ １１１１")] == ["bank_card"]
    assert rule.find("营业收入 1,577 百万元") == []
