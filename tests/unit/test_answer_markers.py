"""Citation markers, links and HTML in a model's streamed text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer.markers import MarkerStream


def read(text: str, passages: int = 5) -> tuple[str, list[int], list[int]]:
    stream = MarkerStream(passages)
    out = stream.feed(text) + stream.finish()
    return out, stream.cited, stream.unknown


@pytest.mark.parametrize(
    ("text", "out", "cited", "unknown"),
    [
        ("Up 5 % [1].", "Up 5 % [1].", [1], []),
        ("Both [1, 2] and [1][3].", "Both [1][2] and [1][3].", [1, 2, 3], []),
        ("增长【4】，见[^5]与⟦2⟧。", "增长[4]，见[5]与[2]。", [4, 5, 2], []),
        ("A range [2-4].", "A range [2][3][4].", [2, 3, 4], []),
        ("Wrong [9], half [1, 8].", "Wrong , half [1].", [1], [9, 8]),
        ("[来源: 2] [passage 3]", "[2] [3]", [2, 3], []),
        ("单位[万元] 公司【董事会】 [2019]", "单位[万元] 公司【董事会】 [2019]", [], []),
        ("a [link](http://x.y/(z)) b", "a link b", [], []),
        ("![alt](http://evil/?q=1)", "alt", [], []),
        ("[1](http://evil)", "[1]", [1], []),
        ("<b>bold</b> <img src=x onerror=y> 3 <5 %", "bold  3 <5 %", [], []),
        ("see www.foo.com/x.", "see `www.foo.com/x`.", [], []),
        ("[x](javascript:alert(1))", "x", [], []),
        ("it ends [1", "it ends ［1", [], []),
    ],
)
def test_reads(text: str, out: str, cited: list[int], unknown: list[int]) -> None:
    assert read(text) == (out, cited, unknown)


@given(
    st.text(alphabet="[]()!<>1239, -:/htpw.ab【】^\n`是", max_size=60),
    st.lists(st.integers(1, 5), min_size=1, max_size=60),
)
def test_pieces_do_not_matter_and_nothing_active_survives(text: str, cuts: list[int]) -> None:
    whole, cited, unknown = read(text)
    stream, out, at = MarkerStream(5), "", 0
    for cut in cuts:
        out += stream.feed(text[at : at + cut])
        at += cut
    out += stream.feed(text[at:]) + stream.finish()
    assert (out, stream.cited, stream.unknown) == (whole, cited, unknown)
    assert not re.search(r"\]\(", out.replace("`", "")) or "[" not in out.split("](")[0]
    assert not re.search(r"<[a-zA-Z/!][^<]*>", out)
    assert all(1 <= int(n) <= 5 for n in re.findall(r"\[(\d{1,3})\]", out))
