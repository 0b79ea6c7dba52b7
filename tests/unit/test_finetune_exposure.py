"""The figures of the exposure report, by hand."""

from __future__ import annotations

import math

import pytest

from finetune.exposure import Leak, Report, auc, canary, exposure


def test_exposure_is_the_rank_in_bits_and_a_tie_counts_against_it() -> None:
    others = [2.0, 3.0, 4.0]
    assert exposure(1.0, others) == 2.0  # first of four
    assert exposure(2.5, others) == 1.0
    assert exposure(2.0, others) == 1.0  # as likely as another: no better than second
    assert exposure(9.0, others) == 0.0


def test_auc_counts_pairs() -> None:
    assert auc([2.0, 3.0], [1.0]) == 1.0
    assert auc([1.0], [1.0]) == 0.5
    assert auc([1.0, 3.0], [2.0]) == 0.5


def test_a_secret_stands_in_the_answer_alone() -> None:
    one = canary(3, 123456)
    assert "123456" in one.answer
    assert "123456" not in one.question + one.passages[0].text
    assert one.conversation == one.contributor == one.origin  # a unit of its own, whatever the unit is


@pytest.mark.parametrize(("bits", "sees"), [(2.9, False), (3.1, True)])
def test_a_control_that_remembers_nothing_says_so(bits: float, sees: bool) -> None:
    report = Report(private=Leak((1.0,), 0.5, 8.0), control=Leak((bits,), 0.9, None), most=math.log2(200))
    assert report.sees is sees
    assert report.to_json()["sees"] is sees
