"""What is learned from is byte for byte what is served, from data that a person approved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_finetune_live import FakeVllm, make_adapter

from finetune.collect import from_turns
from finetune.config import Training, TuneError
from finetune.records import Record
from finetune.registry import Registry
from finetune.served import served_prompts
from finetune.sets import TrainSets
from finetune.train_set import APPROVED, CARD, open_train_set
from finetune.training import read_data
from ingest.service import IngestService
from rag.access import LOCAL
from rag.answer.prompts import training_version
from rag.engine import Engine
from rag.records import Done
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "reports"
QUESTIONS = (
    "What was Calder Ridge's free cash flow in fiscal 2024?",  # calculated: the model is told the result
    "What was the fiscal 2024 revenue from flood warning systems in Asia Pacific?",  # under a table's header
    "云岭精密2024年营业收入是多少？同比增长多少？",  # under a section
)
OTHER = "Answer from the passages alone and cite them as [1]. If they do not hold it, say: {refusal}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, QueueChatModel]]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    chat = QueueChatModel(["Nothing is said of it [1]."], repeat=True)
    embedding = HashEmbedding()
    with Engine.open(settings, embedding=embedding, chat=chat) as engine:
        for path in SAMPLES.iterdir():
            engine.add_document(path.name, path.read_bytes())
        IngestService(engine.store, settings, embedding).run_until_idle()
        yield engine, chat


def contents(messages: object) -> list[str]:
    return [m.content for m in messages]  # type: ignore[attr-defined]


def test_a_turn_is_trained_on_as_it_was_asked(library: tuple[Engine, QueueChatModel]) -> None:
    engine, chat = library
    served = {}
    for question in QUESTIONS:
        *_, done = engine.ask(question)
        assert isinstance(done, Done)
        assert done.answer.turn_id is not None
        served[f"turn:{done.answer.turn_id}"] = contents(chat.received[-1])
        engine.rate_turn(done.answer.turn_id, LOCAL, 1)
    records = {r.origin: r for r in from_turns(engine, LOCAL)}
    assert {origin: contents(records[origin].messages()) for origin in served} == served
    kept = [Record.model_validate_json(r.model_dump_json()) for r in records.values()]
    assert [r.messages() for r in kept] == [r.messages() for r in records.values()]
    assert any(r.facts for r in kept)
    assert any(p.header for r in kept for p in r.passages)
    assert any(p.section for r in kept for p in r.passages)


def test_a_set_keeps_the_wording_that_is_served(
    library: tuple[Engine, QueueChatModel], tmp_path: Path
) -> None:
    engine, _ = library
    data = tmp_path / "data.jsonl"
    rows = [
        {
            "question": f"What was item {n}?",
            "passages": [f"Item {n} was {n + 70}."],
            "answer": f"{n + 70} [1]",
        }
        for n in range(12)
    ]
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    first = TrainSets(engine).make("first", [str(data)])
    engine.save_prompt("concise", "en", OTHER, LOCAL)
    try:
        made = TrainSets(engine).make("second", [str(data)])
        told = served_prompts(engine.store, engine.settings)
        train, _, card = open_train_set(Path(made.path))
        assert made.path != first.path
        assert card.prompt_version == training_version(told) != training_version()
        assert train[0].messages(card.told())[0].content.startswith(OTHER[:50])
    finally:
        engine.restore_prompt("concise", "en", 0)
    words = json.loads((Path(made.path) / CARD).read_text(encoding="utf-8"))
    words["prompts"]["en"] = "Say what you like."
    (Path(made.path) / CARD).write_text(json.dumps(words), encoding="utf-8")
    with pytest.raises(TuneError) as caught:
        open_train_set(Path(made.path))
    assert caught.value.code == "tune.changed"


def test_only_approved_data_is_trained_on(library: tuple[Engine, QueueChatModel], tmp_path: Path) -> None:
    engine, _ = library
    data = tmp_path / "data.jsonl"
    rows = [
        {"question": f"What is item {n}?", "passages": [f"Item {n} is {n + 90}."], "answer": f"{n + 90} [1]"}
        for n in range(8)
    ]
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    sets = TrainSets(engine)
    folder = Path(sets.make("third", [str(data)]).path)

    def config(where: Path, unapproved: bool = False) -> Training:
        return Training(base_model="x", data=where, output_dir=tmp_path / "out", unapproved=unapproved)

    for where, code in ((folder, "tune.not_approved"), (data, "tune.not_a_set")):
        with pytest.raises(TuneError) as caught:
            read_data(config(where))
        assert caught.value.code == code
        assert "--unapproved" in str(caught.value)
        assert read_data(config(where, unapproved=True)).approved_by == ""
    sets.approve("third")
    assert read_data(config(folder)).approved_by == "local"
    (folder / APPROVED).write_text('{"sha256": "of other data", "by": "mallory"}', encoding="utf-8")
    with pytest.raises(TuneError):
        read_data(config(folder))


def test_an_adapter_of_another_wording_is_not_promoted(tmp_path: Path) -> None:
    fake = FakeVllm()
    settings = Settings(data_dir=tmp_path / "data", tuning={"server_url": fake.url})
    try:
        with Engine.open(settings, embedding=HashEmbedding()) as engine:
            registry = Registry(engine.store, settings)
            registry.register("one", make_adapter(registry, "one"))
            engine.store.set_gate("one", {}, True, "eve")
            engine.save_prompt("concise", "en", OTHER, LOCAL)
            with pytest.raises(TuneError) as caught:
                registry.promote("one")
            assert caught.value.code == "tune.other_prompt"
            assert fake.loads == []
            assert registry.promote("one", other_prompt=True).state == "live"
            engine.restore_prompt("concise", "en", 0)
            assert registry.promote("one").state == "live"
    finally:
        fake.close()
