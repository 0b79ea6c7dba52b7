"""Thoughts are folded out of the text, however the stream is cut."""

from __future__ import annotations

import pytest

from rag.models.chat_thinking import ThinkSplitter, begins_inside


def split(text: str, size: int, inside: bool = False) -> tuple[str, str]:
    splitter = ThinkSplitter(inside)
    deltas = [d for i in range(0, len(text), size) for d in splitter.feed(text[i : i + size])]
    deltas += splitter.finish()
    return "".join(d.text for d in deltas), "".join(d.thinking for d in deltas)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>hm</think>\n\nAnswer <5 %", ("Answer <5 %", "hm")),
        ("Plain a<b and <thin air", ("Plain a<b and <thin air", "")),
        ("<THINK>x</THINK>y", ("y", "x")),
        ("<think>never closed", ("", "never closed")),
    ],
)
def test_splits(text: str, expected: tuple[str, str], size: int) -> None:
    assert split(text, size) == expected


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_opening_tag_in_the_prompt(size: int) -> None:
    assert split("thoughts</think>answer", size, inside=True) == ("answer", "thoughts")
    text, thinking = split("an answer after all", size, inside=True)
    assert text == thinking == "an answer after all"


def test_known_names() -> None:
    assert begins_inside("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
    assert not begins_inside("Qwen/Qwen3-8B")
