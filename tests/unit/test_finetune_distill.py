"""A teacher's answers over our prompts become a set like any other, and a broken run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_chat_server import serving
from test_finetune_gate import VALUES, Vllm
from typer.testing import CliRunner

from cli import app
from finetune.config import TuneError
from finetune.distill import teach, teacher_model
from finetune.records import Record
from finetune.sets import TrainSets
from finetune.train_set import open_train_set
from rag.engine import Engine
from rag.errors import ModelUnavailable
from rag.settings import ChatSettings, Settings
from rag.testing import HashEmbedding, QueueChatModel

RECORDS = [
    Record.model_validate(
        {
            "question": f"How much revenue did {name} report in 2023?",
            "passages": [
                {"text": f"Revenue of {name} was {value} million euros.", "document": f"{name}.txt"}
            ],
            "answer": f"{value} [1]",
            "origin": f"golden:{name}",
        }
    )
    for name, value in VALUES.items()
]


@pytest.fixture
def url() -> Iterator[str]:
    vllm = Vllm()
    vllm.models = ["tiny", "good"]  # "good" answers well
    with serving(vllm) as served:
        yield served


def test_the_prompts_are_ours_and_the_answers_the_teachers(tmp_path: Path) -> None:
    teacher = QueueChatModel(["Revenue was high [1]."], repeat=True, name="big")
    found = list(teach(RECORDS[:2], teacher, tmp_path / "kept.jsonl"))
    assert [tuple(r.messages()) for r in RECORDS[:2]] == sorted(
        teacher.received, key=lambda m: "Harbour" not in m[1].content
    )
    assert [(r.answer, r.kind, r.origin) for r in found] == [
        ("Revenue was high [1].", "distilled", f"teacher:big:{r.origin}") for r in RECORDS[:2]
    ]
    assert [r.passages for r in found] == [r.passages for r in RECORDS[:2]]


def test_a_teacher_that_fails_is_asked_only_for_the_rest(tmp_path: Path) -> None:
    def down(_: object) -> str:
        raise ModelUnavailable("chat.unreachable", url="http://x", detail="gone")

    kept = tmp_path / "kept.jsonl"
    first = QueueChatModel(["one [1]", "two [1]"], name="big")
    list(teach(RECORDS[:2], first, kept))
    with pytest.raises(TuneError) as caught:
        list(teach(RECORDS[:4], QueueChatModel([down], repeat=True, name="big"), kept))
    assert caught.value.code == "tune.teacher_failed"
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"key": "cut o')  # as a kill leaves it
    second = QueueChatModel(["three [1]", "four [1]"], name="big")
    assert len(list(teach(RECORDS[:4], second, kept))) == 4
    assert len(second.received) == 2


def test_a_teacher_is_named_by_server_and_model(url: str) -> None:
    with pytest.raises(TuneError) as caught:
        teacher_model(ChatSettings(), url, "huge")
    assert caught.value.code == "tune.teacher_unknown"
    assert "tiny" in str(caught.value)
    with pytest.raises(TuneError) as caught:
        teacher_model(ChatSettings(), "", "good")
    assert caught.value.code == "tune.no_teacher"


def test_a_distilled_set_is_made_by_one_command(url: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(r.model_dump_json() for r in RECORDS), encoding="utf-8")
    data = tmp_path / "data"
    with Engine.open(Settings(data_dir=data), embedding=HashEmbedding()) as engine:
        TrainSets(engine).make("plain", [str(rows)])
    command = ["--data-dir", str(data), "tune", "data", "distill", "taught", "--set", "plain", "--json"]
    result = CliRunner().invoke(app, [*command, "--url", url, "--model", "good"])
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout.splitlines()[-1])
    train, heldout, _ = open_train_set(Path(made["folder"]))
    assert {r.kind for r in (*train, *heldout)} == {"distilled"}
    assert all(r.answer == f"Revenue was {VALUES[_name(r)]} million euros [1]." for r in train)
    assert made["state"] == "draft"  # a person looks at it like at any other


def _name(record: Record) -> str:
    return next(name for name in VALUES if name in record.question)
