"""Measures against values worked out by hand, and against the reference implementation."""

from __future__ import annotations

import random

import numpy as np
import pytest

from evaluation.datasets import Question
from evaluation.measures import hit_at, ndcg_at, recall_at, reciprocal_rank
from evaluation.numeric import gold_figure, numeric_match
from evaluation.runs import Found, Output, Quoted
from evaluation.scoring import MEASURES, complete, is_short, score, sounds_refused
from evaluation.statistics import bootstrap_interval, compare, percentiles
from evaluation.wording import contained, contains, exact_match, token_f1


def test_ranking_measures_equal_the_reference_implementation() -> None:
    ir = pytest.importorskip("ir_measures", reason="the dev extra brings ir-measures")
    draw = random.Random(3)
    names = [f"d{i}" for i in range(30)]
    for _ in range(40):
        ranked = draw.sample(names, 12)
        relevant = set(draw.sample(names, draw.randint(1, 6)))
        qrels = [ir.Qrel("q", name, 1) for name in relevant]
        run = [ir.ScoredDoc("q", name, 100.0 - rank) for rank, name in enumerate(ranked)]
        theirs = ir.calc_aggregate([ir.nDCG @ 10, ir.RR @ 10, ir.Recall @ 5, ir.Success @ 5], qrels, run)
        ours = [{name} for name in ranked]
        assert ndcg_at(ours, relevant, 10) == pytest.approx(theirs[ir.nDCG @ 10])
        assert reciprocal_rank(ours, relevant, 10) == pytest.approx(theirs[ir.RR @ 10])
        assert recall_at(ours, relevant, 5) == pytest.approx(theirs[ir.Recall @ 5])
        assert hit_at(ours, relevant, 5) == pytest.approx(theirs[ir.Success @ 5])


def test_ndcg_by_hand() -> None:
    # relevant at ranks 1 and 3 of two: (1 + 1/2) / (1 + 1/log2(3))
    assert ndcg_at([{"a"}, {"x"}, {"b"}], {"a", "b"}, 3) == pytest.approx(1.5 / (1 + 1 / np.log2(3)))
    assert ndcg_at([{"a"}, {"a"}], {"a", "b"}, 2) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert ndcg_at([{"a", "b"}], {"a", "b"}, 1) == 1.0


@pytest.mark.parametrize(
    ("answer", "gold", "em", "f1"),
    [
        ("The Denver Broncos!", "Denver Broncos", 1.0, 1.0),
        ("Denver Broncos of Colorado", "Denver Broncos", 0.0, 2 / 3),
        ("Carolina Panthers [1]", "Carolina Panthers", 1.0, 1.0),
        ("nothing", "Denver Broncos", 0.0, 0.0),
        ("", "Denver", 0.0, 0.0),
        ("光荣和ω-force", "光荣和ω-force。", 1.0, 1.0),
        # 由光荣合作开发 against 光荣和: the longest common run is 光荣, 2 of 7 and 2 of 3
        ("由光荣合作开发", "光荣和", 0.0, 2 * (2 / 7) * (2 / 3) / (2 / 7 + 2 / 3)),
        ("1,577", "1577", 1.0, 1.0),
        ("40.39 %", "40.39%", 1.0, 1.0),
        ("40.39 ％ [1]", "40.39%", 1.0, 1.0),
    ],
)
def test_exact_match_and_f1(answer: str, gold: str, em: float, f1: float) -> None:
    assert exact_match(answer, ["zzz", gold]) == em
    assert token_f1(answer, ["zzz", gold]) == pytest.approx(f1)


def test_an_answer_holds_whole_words() -> None:
    assert contains("The total was $1,577 million [2].", "1577")
    assert not contains("The total was 15770.", "1577")
    assert contains("法定代表人是黄杰。[1]", "黄杰")
    assert contains("电子信箱：zqb@ntsquare.com", "zqb@ntsquare.com")
    assert contained("A and C", [["a1", "c"], ["and"]]) == 1.0
    assert contained("A and C", [["c"], ["d"]]) == 0.0
    assert contained("anything", []) == 0.0


@pytest.mark.parametrize(
    ("answer", "gold", "question", "scale", "right"),
    [
        ("$1,577 million [1]", "$1577.00", "capital expenditure (in USD millions)?", "", 1.0),
        ("It was $1.577 billion.", "$1577.00", "capital expenditure (in USD millions)?", "", 1.0),
        ("Purchases of PP&E (1,577) (1,373)", "$1577.00", "capex (in USD millions)?", "", 1.0),
        ("1,577 thousand", "$1577.00", "capital expenditure (in USD millions)?", "", 0.0),
        ("1,600", "$1577.00", "capital expenditure (in USD millions)?", "", 0.0),
        ("1,592", "$1577.00", "capital expenditure (in USD millions)?", "", 1.0),  # 0.95 % off
        ("$8,738 million", "$8.70", "Answer in USD billions.", "", 1.0),
        ("毛利率为23.15%", "23.15%", "毛利率是多少？", "", 1.0),
        ("毛利率为0.2315", "23.15%", "毛利率是多少？", "", 1.0),
        ("毛利率为23.15", "23.15%", "毛利率是多少？", "", 1.0),
        ("较上年下降15.49%", "-15.49%", "净利润较上年变动多少？", "", 1.0),
        ("较上年增长15.49%", "-15.49%", "净利润较上年变动多少？", "", 0.0),
        ("营业收入11.75亿元", "1,175,301,034.32元", "营业收入是多少元？", "", 1.0),
        ("增长38.2%", "0.382", "增长率是多少?", "", 1.0),
        ("76.09 percent", "76.09", "the proportion (in percentage)?", "percent", 1.0),
        ("24.26%", "24.26", "What is the turnover ratio?", "", 0.0),
        ("0.7 million", "-0.7", "total net derivative losses?", "million", 0.0),
        ("a loss of 0.7 million", "-0.7", "total net derivative?", "million", 1.0),
        ("no figure", "5", "How many?", "", 0.0),
        ("308", "308", "How many points in 308 BC?", "", 1.0),
    ],
)
def test_figures_are_worth_what_unit_and_scale_say(
    answer: str, gold: str, question: str, scale: str, right: float
) -> None:
    assert numeric_match(answer, [gold], question, scale) == right


def test_words_are_no_figure() -> None:
    assert numeric_match("5", ["the 5 companies that were bought in spring"], "Which?") is None
    assert gold_figure("2018", "Which year?") is None  # compared as a word: 2019 is within 1 %
    assert gold_figure("Las Vegas resorts contributed ~90% of company level EBITDAR") is None
    assert numeric_match("first 7 then 5", ["5"], "How many?") == 1.0
    assert numeric_match("first 7 then 5", ["5"], "How many?", first=True) == 0.0


def _question(**more: object) -> Question:
    return Question.model_validate({"id": "q", "question": "How much was paid?", **more})


def test_score_of_an_answer_with_evidence() -> None:
    question = _question(
        answers=["12 million"], evidence=[{"doc": "a.pdf", "page": 3}, {"doc": "a.pdf", "page": 4}]
    )
    output = Output(
        text="They paid 12 million. [1]", mode="extractive", depth=8, groundedness=0.5,
        citations=(Quoted("a.pdf", 3, 3), Quoted("b.pdf", 3, 3)), timings_ms={"total": 12.0},
        passages=(Found("b.pdf", 1, 1), Found("a.pdf", 2, 3)),
    )  # fmt: skip
    found = score(question, output)
    assert found["correct"] == found["numeric match"] == found["answer contained"] == 1.0
    assert (found["exact match"], found["refused wrongly"]) == (0.0, 0.0)
    assert (found["citation precision"], found["citation recall"]) == (0.5, 0.5)
    assert (found["page hit@1"], found["page hit@5"], found["page recall@5"]) == (0.0, 1.0, 0.5)
    assert "page hit@10" not in found  # eight were asked for
    assert (found["document hit@1"], found["groundedness"], found["latency"]) == (0.0, 0.5, 12.0)
    assert set(found) <= set(MEASURES)
    assert set(score(question, output, only=["correct"])) == {"correct"}
    uncited = score(question, Output(text="12 million", mode="generative"))
    assert (uncited["citation precision"], uncited["citation recall"]) == (0.0, 0.0)


def test_score_of_refusals_is_always_a_pair() -> None:
    refused = Output(text="12 is not to be found", refused=True, mode="refused")
    assert score(_question(expect_refusal=True), refused) == {"refused when it must": 1.0, "correct": 1.0}
    assert score(_question(expect_refusal=True), Output(text="12"))["correct"] == 0.0
    found = score(_question(answers=["12"], expect_refusal=False), refused)
    assert (found["refused wrongly"], found["correct"], found["token F1"]) == (1.0, 0.0, 0.0)
    assert "citation precision" not in found
    assert "refused wrongly" not in score(_question(answers=["12"]), refused)  # nobody knows
    failed = score(
        _question(answers=["12"], evidence=[{"doc": "a", "page": 1}]), Output(error="x", text="12")
    )
    assert failed["correct"] == 0.0


def test_score_of_parts_prose_and_planted_facts() -> None:
    parts = _question(answers=["x"], answer_keys=[["黄杰"], ["3.5亿元"]])
    assert complete("黄杰，350,000,000元", parts) == 1.0
    assert complete("黄杰", parts) == 0.0
    both = _question(answers=["黄杰", "3.5亿元"], answer_keys=[["黄杰"], ["3.5亿元"]])
    half = score(both, Output(text="3.5亿元"))
    assert (half["numeric match"], half["correct"]) == (1.0, 0.0)
    facts = _question(facts={"a": "5.0元", "b": "7.0元"}, answers=["a：5.0元；b：7.0元"])
    assert complete("a 5.0元", facts) == 0.0
    assert complete("a 5.0元, b 7.0元", facts) == 1.0
    assert facts.model_copy(update={"answer_groups": ()}).required == (("a：5.0元；b：7.0元",),)
    assert not _question(facts={"a": "5"}, formula="a/b", answers=["3"]).answer_groups
    prose = _question(answers=["word " * 40], evidence=[{"doc": "a", "page": 1}])
    assert not is_short(prose)
    assert not is_short(_question(answers=["Customer deposits"], answer_type="free_text"))
    assert is_short(_question(answers=["$400,000,000 increase."], answer_type="free_text"))
    assert "correct" not in score(prose, Output(text="word"))
    assert score(prose, Output(text="word", judge={"correct": 1}))["correct"] == 1.0
    planted = _question(answers=["广州"], wrong_answers=["江苏苏宁"])
    assert score(planted, Output(text="江苏苏宁"))["false fact repeated"] == 1.0
    assert score(planted, Output(text="不是江苏苏宁，是广州"))["false fact repeated"] == 0.0


def test_gold_passages_are_files() -> None:
    question = _question(gold_passages=["T 1/a"])
    output = Output(retrieved_only=True, depth=10, passages=(Found("x.txt", 1, 1), Found("T_1_a.txt", 1, 1)))
    found = score(question, output)
    assert (found["passage hit@1"], found["passage hit@5"], found["passage MRR@10"]) == (0.0, 1.0, 0.5)
    assert not any(name.startswith(("correct", "document", "refused")) for name in found)


def test_a_model_that_declines_is_heard() -> None:
    assert sounds_refused("I cannot answer this from the passages.")
    assert sounds_refused("文档信息不足，无法回答。")
    assert sounds_refused("")
    assert not sounds_refused("The company does 5 billion in revenue.")
    assert not sounds_refused("It is 5. " * 30 + "I do not know more.")


def test_bootstrap_intervals_cover_and_stay_the_same() -> None:
    draw = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        sample = draw.normal(0.3, 1.0, 60)
        interval = bootstrap_interval(sample.tolist(), resamples=1000, seed=trial)
        covered += interval.low <= 0.3 <= interval.high
    assert 0.89 <= covered / 200 <= 0.985
    values = draw.random(50).tolist()
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval([]).n == 0
    # The bootstrap's standard error of a mean is known: sd / sqrt(n), sd with n below the root.
    wide = bootstrap_interval([0.0, 1.0] * 200)
    assert (wide.high - wide.low) / 2 == pytest.approx(1.96 * 0.5 / np.sqrt(400), rel=0.05)


def test_better_only_when_the_interval_says_so() -> None:
    draw = np.random.default_rng(7)
    base = (draw.random(200) < 0.5).astype(float)
    better = np.maximum(base, (draw.random(200) < 0.4).astype(float))
    clear = compare(better.tolist(), base.tolist())
    assert clear.low > 0
    assert clear.p < 0.01
    assert clear.verdict() == "better"
    assert clear.verdict(higher_is_better=False) == "worse"
    assert compare(base.tolist(), better.tolist()).mean == -clear.mean
    few = compare([1, 1, 0], [0, 1, 0])
    assert few.verdict() == "no difference shown"
    three = compare([1, 1, 1], [0, 0, 0])  # the interval is one point, three questions are not enough
    assert (three.low, three.verdict()) == (1.0, "no difference shown")
    assert few.p == 1.0  # one question differs: both signs are as far
    assert compare([1, 0], [1, 0]).verdict() == "no difference shown"
    # Five differ, all one way: 2 of 32 sign patterns are as far.
    assert compare([1.0] * 5, [0.0] * 5).p == pytest.approx(2 / 32, abs=0.01)
    with pytest.raises(ValueError, match="not paired"):
        compare([1], [])


def test_false_alarms_of_the_permutation_test_are_as_rare_as_promised() -> None:
    draw = np.random.default_rng(11)
    alarms = 0
    for trial in range(200):
        one, other = draw.random(40), draw.random(40)
        alarms += compare(one.tolist(), other.tolist(), resamples=500, seed=trial).p < 0.05
    assert alarms / 200 <= 0.1


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentiles([1, 2, 3, 4, 100]) == {"p50": 3, "p90": 100, "p95": 100, "p99": 100}
    assert percentiles([]) == {}
