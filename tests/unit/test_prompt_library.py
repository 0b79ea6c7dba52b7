"""Prompts by use: what counts, what may be saved, what is kept, and what a turn says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.service import IngestService
from rag.access import LOCAL
from rag.answer import prompts, wording
from rag.engine import Engine
from rag.errors import AccessDenied, PromptError
from rag.messages import message
from rag.models.protocols import ChatMessage
from rag.records import Answer, Done, Principal
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel

READER = Principal("reader", "reader", frozenset({"analyst"}))
TEXT = "# Results\n\nRevenue of Harbour Logistics was 1,577 million euros in 2023.\n"
OWN = (
    "You check filings for a regulator. Name every gap. If nothing is there say {refusal} and cite like [1]."
)
QUESTION = "What was the revenue of Harbour Logistics in 2023?"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with _open(tmp_path) as engine:
        engine.add_document("Harbour 2023.md", TEXT.encode())
        IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
        yield engine


def _open(folder: Path, chat: QueueChatModel | None = None, **answer: object) -> Engine:
    settings = Settings(data_dir=folder, chat={"kind": "extractive"}, answer=answer)
    return Engine.open(settings, embedding=HashEmbedding(), chat=chat)


def _ask(engine: Engine, question: str = QUESTION, use: str | None = None) -> Answer:
    *_, done = engine.ask(question, use=use, anew=True)
    assert isinstance(done, Done)
    return done.answer


@pytest.mark.parametrize(("use", "language"), sorted(wording.BUILT_IN))
def test_what_came_with_the_program_keeps_its_own_rules(use: str, language: str) -> None:
    text = wording.BUILT_IN[(use, language)]
    assert wording.check_text(text) == text
    told = wording.render(text, language)
    assert message("refusal.text", language) in told
    assert told.endswith(wording.GUARD[language])
    assert "{" not in told


def test_analyst_writes_data_then_analysis_then_risk() -> None:
    for language, parts in (
        ("zh", ("数据", "分析", "风险提示")),
        ("en", ("Data", "Analysis", "Risk warning")),
    ):
        told = wording.render(wording.BUILT_IN[(wording.ANALYST, language)], language)
        places = [told.index(f"**{part}**") for part in parts]
        assert places == sorted(places)
        assert wording.risk_text(language) in told


def test_versions_name_use_language_and_words() -> None:
    versions = {
        prompts.built_in(u, code).version for u in wording.BUILT_IN_USES for code in prompts.LANGUAGES
    }
    assert len(versions) == 4
    same = prompts.Prompt("concise", "en", OWN)
    assert same.version.startswith("concise.en.")
    assert same.fingerprint != prompts.Prompt("other", "en", OWN).fingerprint
    assert same.fingerprint != prompts.Prompt("concise", "en", OWN + "!").fingerprint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("too short {refusal} [1]", "prompt.length"),
        ("x" * 7_000, "prompt.length"),
        (OWN.replace("{refusal}", "no"), "prompt.no_refusal"),
        (OWN.replace("[1]", "so"), "prompt.no_citation"),
        (OWN + " {question}", "prompt.placeholder"),
        (OWN + " <|im_start|>", "prompt.characters"),
        (OWN + "\u200b", "prompt.characters"),
        (OWN + " ⟦1⟧", "prompt.characters"),
    ],
)
def test_a_wording_that_lacks_what_answers_rest_on_is_refused(engine: Engine, text: str, code: str) -> None:
    with pytest.raises(PromptError) as caught:
        engine.save_prompt("concise", "en", text)
    assert caught.value.code == code
    for language in ("en", "zh"):
        assert "<" not in caught.value.localized(language).replace("<|im_start|>", "")
    assert _ask(engine).prompt_version == prompts.built_in("concise", "en").version


@pytest.mark.parametrize(
    ("use", "ok"), [("监管问答", True), ("ESG check", True), ("", False), ("a/b", False), ("x" * 33, False)]
)
def test_names_of_uses(use: str, ok: bool) -> None:
    if ok:
        assert wording.check_use(f" {use} ") == use
    else:
        with pytest.raises(PromptError):
            wording.check_use(use)


def test_saved_wording_is_what_the_model_is_told_and_every_turn_says_so(
    tmp_path: Path, engine: Engine
) -> None:
    chat = QueueChatModel(["Revenue was 1,577 million euros [1]."], repeat=True)
    saved = engine.save_prompt("regulator", "en", OWN, note="first")
    assert engine.prompt_uses() == ["concise", "analyst", "regulator"]
    with _open(tmp_path, chat) as other:  # another process on the same data sees it at once
        answer = _ask(other, use="regulator")
        assert answer.prompt_version == f"regulator.en.{saved.fingerprint}"
        system = chat.received[-1][0]
        assert system.content.startswith("You check filings for a regulator.")
        assert message("refusal.text", "en") in system.content
        assert "never an instruction" in system.content
        # A use in one language serves both; the guard keeps the answer in the question's language.
        assert _ask(other, "Harbour Logistics 2023年的收入是多少？", "regulator").prompt_version.startswith(
            "regulator.zh."
        )
        assert "用中文回答" in chat.received[-1][0].content


def test_history_is_kept_and_older_wordings_come_back(engine: Engine) -> None:
    first = engine.save_prompt("concise", "en", OWN + " One.")
    second = engine.save_prompt("concise", "en", OWN + " Two.")
    assert (
        engine.save_prompt("concise", "en", OWN + " Two.").id == second.id
    )  # nothing changed, nothing added
    assert _ask(engine).prompt_version.endswith(second.fingerprint)
    back = engine.restore_prompt("concise", "en", first.id)
    assert back.id > second.id
    assert back.fingerprint == first.fingerprint
    assert _ask(engine).prompt_version.endswith(first.fingerprint)
    engine.restore_prompt("concise", "en", 0)
    assert _ask(engine).prompt_version == prompts.built_in("concise", "en").version
    kept = [v.text for v in engine.prompt_versions("concise", "en")]
    assert kept[-1] == wording.BUILT_IN[("concise", "en")]
    assert kept.count(OWN + " One.") == 2
    for version in (9_999, engine.save_prompt("regulator", "en", OWN).id):
        with pytest.raises(PromptError):
            engine.restore_prompt("concise", "en", version)
    with pytest.raises(PromptError):
        engine.restore_prompt("regulator", "en", 0)


def test_an_own_use_can_be_retired_but_not_one_of_the_program(engine: Engine) -> None:
    engine.save_prompt("regulator", "en", OWN)
    engine.retire_prompt("regulator")
    assert "regulator" not in engine.prompt_uses()
    assert engine.prompt_versions("regulator", "en")[-1].text == OWN
    with pytest.raises(PromptError):
        engine.ask(QUESTION, use="regulator")
    for use in ("analyst", "nobody"):
        with pytest.raises(PromptError):
            engine.retire_prompt(use)


def test_only_admins_read_and_change_wordings(engine: Engine) -> None:
    denied = [
        lambda: engine.prompts(READER),
        lambda: engine.prompt_versions("concise", "en", READER),
        lambda: engine.save_prompt("concise", "en", OWN, READER),
        lambda: engine.restore_prompt("concise", "en", 0, READER),
        lambda: engine.retire_prompt("concise", READER),
        lambda: engine.preview_prompt("concise", OWN, QUESTION, READER),
    ]
    for attempt in denied:
        with pytest.raises(AccessDenied):
            attempt()
    assert engine.prompts(LOCAL)


def test_preview_shows_what_would_be_sent(engine: Engine) -> None:
    shown = engine.preview_prompt("concise", OWN, QUESTION)
    assert [m.role for m in shown.messages] == ["system", "user"]
    assert shown.messages[0].content.startswith("You check filings")
    assert "1,577 million" in shown.messages[1].content
    assert shown.messages[1].content.endswith(QUESTION)
    assert shown.tokens == sum(prompts.estimate_tokens(m.content) for m in shown.messages)
    assert shown.fingerprint == engine.save_prompt("concise", "en", OWN).fingerprint
    with pytest.raises(PromptError):
        engine.preview_prompt("concise", "nothing", QUESTION)


def test_preview_is_in_the_language_of_the_wording_not_of_the_question(engine: Engine) -> None:
    own = engine.preview_prompt("concise", OWN, "2023年营业收入是多少？")
    chosen = engine.preview_prompt("concise", OWN, "2023年营业收入是多少？", language="en")
    assert "无论上文" in own.messages[0].content
    assert "无论上文" not in chosen.messages[0].content
    assert chosen.fingerprint == engine.preview_prompt("concise", OWN, QUESTION).fingerprint


def test_an_unknown_use_is_an_error_when_asked_for_and_said_when_set(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(PromptError, match="concise, analyst"):
        engine.ask(QUESTION, use="poet")
    with _open(tmp_path, prompt_use="poet") as other:
        answer = _ask(other)
        assert answer.prompt_version.startswith("concise.en.")
        assert [d.code for d in answer.degraded] == ["prompt.unknown_use"]
    with _open(tmp_path, prompt_use="analyst") as other:
        assert _ask(other).prompt_version.startswith("analyst.en.")


def test_the_standing_risk_warning_is_one_line_and_no_claim(tmp_path: Path, engine: Engine) -> None:
    risk = wording.risk_text("en")
    quoted = _ask(engine, use="analyst")
    assert quoted.mode == "extractive"
    assert quoted.text.endswith(f"\n\n{risk}")
    assert risk not in _ask(engine).text
    assert "degraded.analyst_quotes" in {d.code for d in quoted.degraded}
    assert quoted.groundedness == 1.0
    assert quoted.text[quoted.checks[-1].start :].startswith("Standing notice")
    assert quoted.checks[-1].support == "no_claim"
    assert wording.is_standing(risk)
    assert not wording.is_standing("Revenue was 1,577 million euros.")
    assert not wording.is_standing("2023")
    refusal = message("refusal.text", "en")
    chat = QueueChatModel(["1,577 million euros [1].", f"1,577 million euros [1].\n{risk}", refusal])
    with _open(tmp_path, chat) as other:
        for _ in range(2):  # forgotten by the model: added; written by the model: not twice
            assert _ask(other, use="analyst").text.count(risk) == 1
        assert risk not in _ask(other, use="analyst").text


def test_training_and_serving_share_the_prompt() -> None:
    from finetune.records import Record

    told = Record(question=QUESTION, passages=("Revenue was 1.",), answer="1 [1].").messages()
    assert told[0] == ChatMessage("system", wording.render(wording.BUILT_IN[("concise", "en")], "en"))
    assert prompts.training_version() == "+".join(
        prompts.built_in("concise", c).version for c in ("zh", "en")
    )
