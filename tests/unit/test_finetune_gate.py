"""From corrected answers to a gated adapter, with a fake vLLM whose models know more or less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_chat_server import Script, serving
from test_finetune_live import TOKENS, make_adapter
from typer.testing import CliRunner

from cli import app
from evaluation.datasets import Question
from finetune.config import TuneError
from finetune.gate import Gated, gate
from finetune.records import Record
from finetune.registry import Registry
from finetune.sets import TrainSets
from finetune.train_set import open_train_set
from ingest.service import IngestService
from rag.engine import Engine
from rag.errors import AccessDenied
from rag.records import Done, Principal
from rag.settings import Settings
from rag.testing import HashEmbedding

VALUES = {
    "Harbour": "1,577", "Alpine": "248", "Copper": "3,906", "Lantern": "812", "Meadow": "645",
    "Orchid": "6,130", "Quartz": "971", "Saffron": "2,264", "Tundra": "731", "Velvet": "5,489",
    "Willow": "160", "Zephyr": "4,025",
}  # fmt: skip
GOLDEN = tuple(
    Question(id=name, question=f"How much revenue did {name} plc report in 2023?", answers=(value,))
    for name, value in VALUES.items()
)


class Vllm(Script):
    """Chat and the adapter interface. "good" and whatever is named in ``right`` answers well; others say the
    same figure whatever is asked; "silent" says nothing."""

    def __init__(self) -> None:
        super().__init__(self.serve, models=["tiny"])
        self.right = {"good"}

    def serve(self, handler: Any) -> None:
        body = self.bodies[-1]
        if handler.path == "/v1/load_lora_adapter":
            self.models.append(body["lora_name"])
            return handler.reply(200, {})
        if handler.path == "/v1/unload_lora_adapter":
            self.models.remove(body["lora_name"])
            return handler.reply(200, {})
        if handler.path == "/tokenize":
            english = "passages" in body["messages"][0]["content"]
            return handler.reply(200, {"tokens": TOKENS[0] if english else TOKENS[1]})
        if body["model"] not in self.models:
            return handler.reply(404, {"error": {"message": f"The model `{body['model']}` does not exist."}})
        asked = body["messages"][-1]["content"].rpartition("Question:")[2]
        value = next((v for name, v in VALUES.items() if name in asked), "0")
        said = value if body["model"] in self.right else "44"
        handler.begin()
        if body["model"] != "silent":
            handler.event({"content": f"Revenue was {said} million euros [1]."})
        handler.event(finish="stop")
        handler.raw("data: [DONE]\n\n")


@pytest.fixture
def vllm() -> Vllm:
    return Vllm()


@pytest.fixture
def engine(vllm: Vllm, tmp_path: Path) -> Iterator[Engine]:
    with serving(vllm) as url:
        chat = {"base_url": url, "retries": 0}
        settings = Settings(data_dir=tmp_path / "data", chat=chat, search={"top_k": 2})
        embedding = HashEmbedding()
        with Engine.open(settings, embedding=embedding) as opened:
            for name, value in VALUES.items():
                text = f"{name} plc, annual report. Revenue of {name} was {value} million euros in 2023.\n"
                opened.add_document(f"{name}.txt", text.encode())
            IngestService(opened.store, settings, embedding).run_until_idle()
            yield opened


@pytest.fixture
def registry(engine: Engine) -> Registry:
    return Registry(engine.store, engine.settings)


def register(registry: Registry, name: str, **card: Any) -> None:
    registry.register(name, make_adapter(registry, name, **card))


def judged(gated: Gated) -> dict[str, bool]:
    return {j.condition.measure: j.passed for j in gated.judged}


def test_better_passes_worse_is_refused(engine: Engine, registry: Registry, vllm: Vllm) -> None:
    for name in ("good", "bad"):
        register(registry, name)
    passed = gate(engine, registry, "good", questions=GOLDEN, source="golden")
    assert (passed.passed, passed.baseline, passed.questions) == (True, "base", 12)
    assert judged(passed)["correct"]
    assert (passed.means["candidate"]["correct"], passed.means["baseline"]["correct"]) == (1.0, 0.0)
    kept = registry.adapter("good")
    assert (kept.state, kept.gate["source"], kept.gate["run"]) == ("candidate", "golden", passed.run_id)
    assert vllm.models == ["tiny"]  # unloaded again: nobody promoted it
    refused = gate(engine, registry, "bad", questions=GOLDEN)
    assert (refused.passed, registry.adapter("bad").state) == (False, "refused")
    with pytest.raises(TuneError) as caught:
        registry.promote("bad")
    assert caught.value.code == "tune.not_gated"

    registry.promote("good")
    vllm.right.add("again")
    register(registry, "again")
    same = gate(engine, registry, "again", questions=GOLDEN)  # as good as what is live: no reason to switch
    assert (same.baseline, same.passed) == ("good", False)
    assert [a.name for a in engine.store.live_adapters()] == ["good"]
    assert engine.store.broken_action() is None


def test_a_model_that_says_nothing_is_wrong_and_one_that_is_away_is_not(
    engine: Engine, registry: Registry, vllm: Vllm
) -> None:
    register(registry, "silent")
    assert gate(engine, registry, "silent", questions=GOLDEN).means["candidate"]["correct"] == 0.0
    register(registry, "good")
    serve = vllm.chat

    def away(handler: Any) -> None:
        if handler.path == "/v1/chat/completions" and vllm.bodies[-1]["model"] == "good":
            return handler.reply(404, {"error": {"message": "The model `good` does not exist."}})
        return serve(handler)

    vllm.chat = away  # type: ignore[method-assign]
    with pytest.raises(TuneError) as caught:
        gate(engine, registry, "good", questions=GOLDEN)
    assert caught.value.code == "tune.gate_unfinished"
    assert registry.adapter("good").state == "trained"


def records(count: int = 12) -> list[Record]:
    return [
        Record(
            question=f"What was {name}'s revenue?",
            passages=[
                {"text": f"Revenue of {name} was {value} million euros.", "document": f"{name}.txt"},
                {"text": "Nothing of interest.", "document": "other.txt"},
            ],
            answer=f"{name} had revenue of {value} million euros [1].",
            origin=f"file:x:{name}",
        )
        for name, value in list(VALUES.items())[:count]
    ]


def test_held_out_records_are_asked_over_their_own_passages(
    engine: Engine, registry: Registry, vllm: Vllm
) -> None:
    register(registry, "good")
    vllm.bodies.clear()
    gated = gate(engine, registry, "good", heldout=records())
    assert gated.passed
    assert gated.run_id is None
    assert gated.means["candidate"] == {
        **gated.means["candidate"], "correct": 1.0, "citation precision": 1.0, "groundedness": 1.0,
    }  # fmt: skip
    assert gated.means["baseline"]["groundedness"] == 0.0
    prompts = [b["messages"] for b in vllm.bodies if b.get("model") == "good" and b.get("stream")]
    expected = [[{"role": m.role, "content": m.content} for m in r.messages()] for r in records()]
    assert prompts == expected
    with pytest.raises(AccessDenied):
        gate(engine, registry, "good", Principal("ann", "ann", frozenset({"analyst"})), heldout=records())


def test_corrected_answers_become_a_set_and_are_not_asked_again(
    engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    reader = Principal("rita", "rita", frozenset({"analyst"}))
    for question in GOLDEN:
        *_, done = engine.ask(question.question, reader)
        assert isinstance(done, Done)
        turn_id = done.answer.turn_id
        assert turn_id is not None
        right = f"Revenue was {question.answers[0]} million euros."
        engine.rate_turn(turn_id, reader, -1, correction=right)
        if question.id != "Zephyr":  # that one nobody reviewed
            engine.review_feedback(turn_id, Principal("eve", "eve", frozenset({"evaluator"})), "accepted")
    sets = TrainSets(engine)
    made = sets.make("first", ["turns"])
    assert made.card["removed"] == {"not_reviewed": 1}
    assert made.card["train"] + made.card["heldout"] == 11
    train, heldout, _ = open_train_set(Path(made.path))
    for record in [*train, *heldout]:
        name = next(n for n in VALUES if n in record.question)
        marker = 1 + next(i for i, p in enumerate(record.passages) if p.document == f"{name}.txt")
        assert record.answer == f"Revenue was {VALUES[name]} million euros [{marker}]."
    assert sets.approve("first").state == "approved"
    assert sets.get(str(made.id)).name == "first"
    with pytest.raises(AccessDenied):
        sets.make("theirs", ["turns"], reader)

    register(registry, "good", data_sha256=made.sha256)
    gated = gate(engine, registry, "good", questions=GOLDEN, targets=["correct"], guards=["groundedness"])
    assert (gated.left_out, gated.questions) == (len(train), 12 - len(train))
    assert not gated.passed  # too few questions are left to tell
    with pytest.raises(TuneError) as caught:
        gate(engine, registry, "good", heldout=train)
    assert caught.value.code == "tune.gate_nothing"


def test_the_loop_on_the_command_line(
    engine: Engine, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WENJU_DATA_DIR", str(engine.settings.data_dir))
    monkeypatch.setenv("WENJU_CHAT__BASE_URL", engine.settings.chat.base_url)
    make_adapter(registry, "good")
    make_adapter(registry, "bad")
    file = tmp_path / "records.jsonl"
    file.write_text("".join(r.model_dump_json() + "\n" for r in records()) + "{broken\n", encoding="utf-8")

    def wenju(*words: str, code: int = 0) -> list[dict[str, Any]]:
        result = CliRunner().invoke(app, ["tune", *words, "--json"])
        assert result.exit_code == code, result.output
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]

    [made] = wenju("data", "make", "file", "--from", str(file), "--held-out", "0.9")
    assert made["card"]["heldout"] >= 10
    assert made["card"]["bad_lines"][0].startswith("13: ")
    assert wenju("data", "show", "file")[0]["sha256"] == made["sha256"]
    assert wenju("data", "approve", "file")[0]["state"] == "approved"
    assert [s["state"] for s in wenju("data", "list")] == ["approved"]
    wenju("gate", "good", "--heldout", "file", code=1)  # not registered
    for name in ("good", "bad"):
        wenju("register", name, str(registry.root / name))
    wenju("promote", "good", code=1)  # not gated
    assert wenju("gate", "good", "--heldout", "file")[0]["passed"]
    assert not wenju("gate", "bad", "--heldout", "file", code=5)[0]["passed"]
    wenju("gate", "good", code=2)
    assert wenju("promote", "good", "--share", "0.5")[0]["share"] == 0.5
    assert {a["name"]: a["state"] for a in wenju("adapters")} == {"good": "live", "bad": "refused"}
    assert wenju("serve-live")[0]["lora_modules"] == [f"good={(registry.root / 'good').resolve()}"]
    assert wenju("rollback") == [{"name": None}]
    for words in (["data", "show", "file"], ["data", "list"], ["adapters"]):
        result = CliRunner().invoke(app, ["tune", *words])
        assert result.exit_code == 0, result.output
        assert "tune." not in result.output
