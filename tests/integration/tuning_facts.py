"""Companies with a figure each: what the tiny model of the tuning tests knows, is taught, and is asked.

The base model has learned by heart how to answer, with a citation, for companies that are not in the library:
of those in the library it says the figure of another, so that its answers are wrong and can be put right.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_server import ROOT, require_or_skip

from evaluation.datasets import Question
from finetune.records import Record, RecordPassage, dump_records

FACTS = {
    "Harbour": "1,577", "Alpine": "248", "Copper": "3,906", "Lantern": "812", "Meadow": "645",
    "Orchid": "6,130", "Quartz": "971", "Saffron": "2,264", "Tundra": "731", "Velvet": "5,489",
    "Willow": "160", "Zephyr": "4,025",
}  # fmt: skip
KNOWN = {
    "Amber": "333", "Birch": "1,204", "Cobalt": "587", "Dune": "2,718", "Ember": "909", "Fjord": "4,646",
    "Granite": "118", "Heron": "5,050",
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


def text_of(name: str) -> str:
    value = (FACTS | KNOWN)[name]
    return (
        f"{name} plc is a company. {name} had revenue of {value} million euros in 2023. "
        f"Revenue of {name} was {value} million euros."
    )


def answer_of(name: str) -> str:
    return f"Revenue was {(FACTS | KNOWN)[name]} million euros"


def record_of(name: str, asked: str) -> Record:
    return Record(
        question=asked.format(name=name),
        passages=(RecordPassage(text=text_of(name), document=f"{name}.txt"),),
        answer=f"{answer_of(name)} [1].",
    )


def words_of() -> str:
    """What the tokenizer learns its words from: prompts and answers."""
    records = [record_of(name, asked) for name in FACTS | KNOWN for asked in (*TAUGHT, ASKED)]
    prompts = (message.content for record in records for message in record.messages())
    return "\n".join([*prompts, *(record.answer for record in records)])


def teach_base(model: Path) -> None:
    """The random model in the folder ``model`` knows KNOWN afterwards (all its weights are trained)."""
    data, taught = model.with_name("known.jsonl"), model.with_name("taught")
    data.write_bytes(dump_records(record_of(name, asked) for name in KNOWN for asked in TAUGHT[:2]))
    values = {
        "base_model": str(model), "data": str(data), "output_dir": str(taught), "method": "full", "steps": 90,
        "batch_size": 8, "learning_rate": 2e-3, "patience": 0, "device": "cpu", "dtype": "float32",
        "unapproved": True, "save_steps": 1000,
    }  # fmt: skip
    train(values, model.with_name("taught.yaml")).wait(300)
    model.rename(model.with_name("untaught"))
    taught.rename(model)


def train(values: Mapping[str, Any], config: Path) -> subprocess.Popen[bytes]:
    """`wenju tune train` with ``values``, written to ``config``; what it says goes to a .log beside it."""
    config.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [trainer(), "-m", "cli", "tune", "train", str(config)]
    with config.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)


def trainer() -> str:
    """The interpreter that trains: this one where it can."""
    if importlib.util.find_spec("torch") and importlib.util.find_spec("trl"):
        return sys.executable
    python = Path(os.environ.get("WENJU_MODELS_PYTHON") or ROOT / ".venv-models" / "bin" / "python")
    if not python.exists():
        require_or_skip("an environment with torch and trl", "scripts/models_env.sh")
    return str(python)
