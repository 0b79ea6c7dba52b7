"""Between the writing and its reader: nothing that breaks a rule is seen, at any size of the pieces."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer.compliance import Gate, still_cited
from rag.answer.rules import RuleSet, rule_set
from rag.answer.shipped_rules import SHIPPED
from rag.messages import message
from rag.records import Event, Passage, Retrieved, Rule, Thinking, Token

REPLACED = message("compliance.replaced", "en")
SHIPPED_SET = rule_set(Rule(i, r.name, r.kind, r.definition, r.active) for i, r in enumerate(SHIPPED, 1))
SAFE = "Revenue was 1,577 million euros in 2023 [1]. It was 1,402 million in 2022 [1]."
BAD = "The fund offers guaranteed returns of 8 % a year [1]."


def rules(kind: str, **definition: object) -> RuleSet:
    return rule_set([Rule(1, "rule", kind, definition, True)])  # type: ignore[arg-type]


def passage(text: str) -> Passage:
    return Passage(
        1, 7, 2, "a.pdf", "a", 1, 1, (), "", text, 0, len(text), (), "en", "physical", 0.1, None, None, None
    )


def sent(gate: Gate, pieces: Iterable[str]) -> tuple[str, list[str]]:
    """The text shown in the end, and what had been shown after each piece."""
    shown, steps = "", []
    for piece in pieces:
        shown += words(gate.take(Token(piece)))
        steps.append(shown)
    return shown + words(gate.finish()), steps


def words(events: Iterable[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, Token))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_bad_sentence_is_never_seen(size: int) -> None:
    text = f"{SAFE} {BAD} {SAFE}"
    gate = Gate(SHIPPED_SET, "en")
    shown, steps = sent(gate, [text[i : i + size] for i in range(0, len(text), size)])
    assert shown == f"{SAFE} {REPLACED} {SAFE}"
    assert not any("guaranteed" in step or "The fund" in step for step in steps)
    (found,) = gate.found()
    assert (found.hit.rule_id, found.hit.action, found.hit.count) == (1, "replaced", 1)
    assert "guaranteed returns" in found.excerpt
    assert gate.changed


def test_good_sentences_leave_as_soon_as_the_next_begins() -> None:
    gate = Gate(SHIPPED_SET, "en")
    assert words(gate.take(Token("Revenue was 1,577 million"))) == ""
    assert words(gate.take(Token(" euros. "))) == ""
    assert words(gate.take(Token("It"))) == "Revenue was 1,577 million euros. "
    assert words(gate.finish()) == "It"


@given(st.text(alphabet="ab 保本收益。.\n!?[1]*", max_size=200), st.integers(1, 9))
def test_what_meets_no_rule_comes_through_unchanged(text: str, size: int) -> None:
    gate = Gate(rules("forbidden", action="replace", words=["zzzz"]), "en")
    shown, _ = sent(gate, [text[i : i + size] for i in range(0, len(text), size)])
    assert shown == text
    assert gate.found() == ()


def test_a_promise_broken_over_two_lines_is_met() -> None:
    gate = Gate(SHIPPED_SET, "zh")
    shown, _ = sent(gate, list("- 该产品属于保本\n- 保收益的一类，请放心购买\n"))
    assert "保本" in shown
    assert "保收益" not in shown


def test_a_sentence_without_end_is_held_only_so_long() -> None:
    gate = Gate(SHIPPED_SET, "en")
    text = "word " * 400 + "guaranteed returns " + "word " * 400
    shown, steps = sent(gate, [text[i : i + 5] for i in range(0, len(text), 5)])
    assert max(len(text[: 5 * (n + 1)]) - len(s) for n, s in enumerate(steps)) < 3_000
    assert "guaranteed returns" not in shown


def test_a_document_may_say_it_when_it_is_quoted() -> None:
    said = "The agent promised guaranteed returns to retail clients."
    quoted = Gate(SHIPPED_SET, "en", quoting=lambda: True)
    quoted.take(Retrieved((passage(f"Before. {said} After."),), {}))
    assert sent(quoted, [f"{said} [1]"])[0] == f"{said} [1]"
    written = Gate(SHIPPED_SET, "en")
    written.take(Retrieved((passage(said),), {}))
    assert sent(written, [f"{said} [1]"])[0].strip() == REPLACED
    marked = Gate(SHIPPED_SET, "en")
    marked.take(Retrieved((passage(said),), {}))
    whole = "The report says “The agent promised guaranteed returns” [1]."
    assert sent(marked, [whole])[0] == whole
    invented = Gate(SHIPPED_SET, "en")
    invented.take(Retrieved((passage(said),), {}))
    assert sent(invented, ["It says “we offer you guaranteed returns” [1]."])[0] == REPLACED


def test_quotes_count_where_the_rule_says_so() -> None:
    gate = Gate(
        rules("forbidden", action="replace", words=["guaranteed returns"], exempt_quotes=False),
        "en",
        quoting=lambda: True,
    )
    gate.take(Retrieved((passage("guaranteed returns for all"),), {}))
    assert sent(gate, ["guaranteed returns for all"])[0] == REPLACED


def test_personal_numbers_leave_masked() -> None:
    gate = Gate(SHIPPED_SET, "zh")
    shown, steps = sent(
        gate, list("他的身份证号是11010519491231002X。卡号４１１１１１１１１１１１１１１１。")
    )
    assert shown == "他的身份证号是[证件号码]。卡号[银行卡号]。"
    assert not any("110105" in s for s in steps)
    assert "110105" not in gate.found()[0].excerpt


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We recommend buying the shares [1].", "en"),
        ("建议投资者逢低买入该股[1]。", "zh"),
    ],
)
def test_advice_gets_its_warning(text: str, language: str) -> None:
    gate = Gate(SHIPPED_SET, language)
    shown, _ = sent(gate, [text])
    assert shown == f"{text}\n\n{message('answer.risk', language)}"
    assert gate.standing == [message("answer.risk", language)]
    assert [f.hit.action for f in gate.found()] == ["appended"]


def test_advice_with_its_warning_is_left_alone() -> None:
    gate = Gate(SHIPPED_SET, "en")
    text = "We recommend buying the shares. You may lose your capital."
    assert sent(gate, [text])[0] == text
    assert gate.found() == ()


def test_an_answer_can_be_held_back_whole() -> None:
    held = rules("required", action="hold", patterns=["recommend"], satisfied_by=["at risk"])
    gate = Gate(held, "en")
    shown, steps = sent(gate, ["I recommend it. ", "Truly so. ", "End."])
    assert set(steps) == {""}
    assert shown == message("compliance.held", "en")
    assert gate.found()[0].excerpt == "I recommend it. Truly so. End."
    gate = Gate(held, "en")
    assert sent(gate, ["I recommend it. ", "Capital is at risk."])[0] == "I recommend it. Capital is at risk."


def test_what_only_the_whole_says_is_told_under_it() -> None:
    gate = Gate(rules("forbidden", action="replace", patterns=["alpha.*omega"]), "en")
    shown, _ = sent(gate, ["This is alpha. ", "And this is omega."])
    assert shown.endswith(message("compliance.noted", "en"))
    assert [f.hit.action for f in gate.found()] == ["noted"]


def test_flagged_words_are_shown_and_queued() -> None:
    gate = Gate(rules("forbidden", action="flag", words=["moonshot"]), "en")
    assert sent(gate, ["A moonshot."])[0] == "A moonshot."
    assert [f.hit.action for f in gate.found()] == ["flagged"]


def test_reasoning_passes_through_the_rules_too() -> None:
    gate = Gate(SHIPPED_SET, "en")
    events = [
        *gate.take(Thinking("Say it has guaranteed returns. ")),
        *gate.take(Thinking("Good.")),
        *gate.finish(),
    ]
    assert "".join(e.text for e in events if isinstance(e, Thinking)) == f"{REPLACED} Good."


def test_own_words_are_not_checked() -> None:
    gate = Gate(SHIPPED_SET, "en", settled=lambda: True)
    assert (
        sent(gate, ["No document holds “guaranteed returns”."])[0]
        == "No document holds “guaranteed returns”."
    )
    assert gate.found() == ()


def test_places_of_removed_sentences_go() -> None:
    assert still_cited((), "x") == ()
