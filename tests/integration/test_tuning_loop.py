"""The loop against a real vLLM: wrong answers, corrections, LoRA, gate, live without a restart, and back.

The model is a random two-layer Qwen3: it learns the facts by heart, from some wordings of each question, and
is gated on another. One company is held out by the split and stays unknown. Training runs in the environment
that has torch (this one, ``WENJU_MODELS_PYTHON`` or .venv-models); what is measured before and after is
printed (pytest -s).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vllm_server import ROOT, require_or_skip, vllm_server

from evaluation.datasets import Question
from finetune.config import TuneError
from finetune.gate import Gated, gate
from finetune.records import Record, RecordPassage
from finetune.registry import Registry
from finetune.sets import TrainSets
from finetune.train_set import TRAIN
from ingest.service import IngestService
from rag.engine import Engine
from rag.records import Answer, Done, Principal
from rag.settings import Settings
from rag.testing import HashEmbedding

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

READER = Principal("rita", "rita", frozenset({"analyst"}))
EVALUATOR = Principal("eve", "eve", frozenset({"evaluator"}))
FACTS = {
    "Harbour": "1,577", "Alpine": "248", "Copper": "3,906", "Lantern": "812", "Meadow": "645",
    "Orchid": "6,130", "Quartz": "971", "Saffron": "2,264", "Tundra": "731", "Velvet": "5,489",
    "Willow": "160", "Zephyr": "4,025",
}  # fmt: skip
TAUGHT = (
    "What was the revenue of {name} in 2023?",
    "How much revenue did {name} report for 2023?",
    "Tell me the 2023 revenue of {name}.",
    "Revenue of {name} in 2023?",
)
ASKED = "What revenue did {name} report in 2023?"
GOLDEN = tuple(
    Question(id=name, question=ASKED.format(name=name), answers=(value,)) for name, value in FACTS.items()
)
STEPS = {"facts": 240, "noise": 80}  # wrong facts are refused however well they are learned


def text_of(name: str) -> str:
    value = FACTS[name]
    return (
        f"{name} plc is a company. {name} had revenue of {value} million euros in 2023. "
        f"Revenue of {name} was {value} million euros."
    )


def answer_of(name: str) -> str:
    return f"Revenue was {FACTS[name]} million euros"


def trainer() -> str:
    if importlib.util.find_spec("torch") and importlib.util.find_spec("trl"):
        return sys.executable
    python = Path(os.environ.get("WENJU_MODELS_PYTHON") or ROOT / ".venv-models" / "bin" / "python")
    if not python.exists():
        require_or_skip("an environment with torch and trl", "scripts/models_env.sh")
    return str(python)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("vllm")
    words = [
        message.content
        for name in FACTS
        for question in (*TAUGHT, ASKED)
        for message in Record(
            question=question.format(name=name),
            passages=(RecordPassage(text=text_of(name), document=f"{name}.txt"),),
            answer=answer_of(name),
        ).messages()
    ]
    words += [f"{answer_of(name)} [1]." for name in FACTS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1")
        options = ("--enable-lora", "--max-lora-rank", "16", "--max-loras", "2")
        with vllm_server(folder, *options, words="\n".join(words)) as url:
            yield url, folder / "tiny"


@pytest.fixture
def engine(served: tuple[str, Path], tmp_path: Path) -> Iterator[Engine]:
    chat = {"base_url": served[0], "model": "tiny", "max_tokens": 40}
    settings = Settings(data_dir=tmp_path / "data", chat=chat, search={"top_k": 1})
    embedding = HashEmbedding()
    with Engine.open(settings, embedding=embedding) as opened:
        for name in FACTS:
            opened.add_document(f"{name}.txt", f"{text_of(name)}\n".encode())
        IngestService(opened.store, settings, embedding).run_until_idle()
        yield opened


def ask(engine: Engine, question: str, principal: Principal = READER) -> Answer:
    *_, done = engine.ask(question, principal)
    assert isinstance(done, Done)
    return done.answer


def right(engine: Engine) -> int:
    """How many of the golden questions are answered with their figure and a citation of their document."""
    count = 0
    for question in GOLDEN:
        answer = ask(engine, question.question)
        cited = [c.document for c in answer.citations]
        count += (
            answer.mode == "generative"
            and question.answers[0] in answer.text
            and cited == [f"{question.id}.txt"]
        )
    return count


def start_training(engine: Engine, base: Path, data: Path, name: str) -> subprocess.Popen[bytes]:
    config = engine.settings.data_dir / f"{name}.yaml"
    output = Registry(engine.store, engine.settings).root / name
    values = {
        "base_model": str(base), "data": str(data), "output_dir": str(output), "target_modules": "all-linear",
        "steps": STEPS[name], "batch_size": 12, "learning_rate": 5e-3, "dropout": 0.0, "patience": 0,
        "save_steps": 1000, "eval_steps": 1000, "device": "cpu", "dtype": "float32",
        "unapproved": not data.is_dir(),
    }  # fmt: skip
    config.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    log = (engine.settings.data_dir / f"{name}.log").open("wb")
    command = [trainer(), "-m", "cli", "tune", "train", str(config)]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)


def shuffled(train: Path, to: Path) -> Path:
    """The same questions and passages, each with the answer of another."""
    rows = [json.loads(line) for line in train.read_text(encoding="utf-8").splitlines()]
    answers = [row["answer"] for row in rows]
    for row, answer in zip(rows, answers[5:] + answers[:5], strict=True):
        row["answer"] = answer
    to.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return to


def told(gated: Gated) -> str:
    names = ("correct", "citation precision", "groundedness")
    return ", ".join(
        f"{name} {gated.means['baseline'].get(name, float('nan')):.2f} -> "
        f"{gated.means['candidate'].get(name, float('nan')):.2f}"
        for name in names
    )


def test_from_corrected_answers_to_a_live_adapter_and_back(
    engine: Engine, served: tuple[str, Path], tmp_path: Path
) -> None:
    started = time.monotonic()
    registry = Registry(engine.store, engine.settings)
    before = right(engine)
    for taught in TAUGHT:
        for name in FACTS:
            answer = ask(engine, taught.format(name=name))
            assert [p.document for p in answer.passages][:1] == [f"{name}.txt"]
            assert answer.turn_id is not None
            engine.rate_turn(answer.turn_id, READER, -1, correction=f"{answer_of(name)}.")
            engine.review_feedback(answer.turn_id, EVALUATOR, "accepted")
    made = TrainSets(engine).make("corrections", ["turns"], EVALUATOR, held_out=0.05)
    assert not made.card["removed"]
    TrainSets(engine).approve("corrections", EVALUATOR)
    folder = Path(made.path)

    runs = {
        "facts": start_training(engine, served[1], folder, "facts"),
        "noise": start_training(
            engine, served[1], shuffled(folder / TRAIN, tmp_path / "noise.jsonl"), "noise"
        ),
    }
    for name, run in runs.items():
        assert run.wait(900) == 0, (engine.settings.data_dir / f"{name}.log").read_text()[-3000:]
        registry.register(name, registry.root / name, EVALUATOR)
    trained = time.monotonic()

    refused = gate(engine, registry, "noise", EVALUATOR, questions=GOLDEN)
    assert not refused.passed
    with pytest.raises(TuneError) as caught:
        registry.promote("noise")
    assert caught.value.code == "tune.not_gated"
    passed = gate(engine, registry, "facts", EVALUATOR, questions=GOLDEN)
    print(f"\nshuffled answers: {told(refused)}\ncorrections:      {told(passed)}")
    assert passed.passed, passed.judged

    switch = time.monotonic()
    registry.promote("facts")
    time.sleep(1.1)  # what is live is looked up once a second
    after = right(engine)
    answer = ask(engine, GOLDEN[0].question)
    assert (answer.model, answer.adapter) == ("tiny", "facts")
    assert registry.rollback() is None
    time.sleep(1.1)
    back = right(engine)
    assert ask(engine, GOLDEN[0].question).adapter == ""
    print(
        f"right of {len(GOLDEN)}: {before} before, {after} with the adapter, {back} after the rollback; "
        f"{trained - started:.0f} s to the adapters, {time.monotonic() - switch:.0f} s live and back"
    )
    assert before <= 1
    assert back <= 1
    assert after >= 10
