"""``wenju eval`` as a script sees it, on the sample reports and their golden questions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
from rag.testing import HashEmbedding
from samples import REPORTS

GOLDEN = Path(__file__).resolve().parents[2] / "samples" / "golden.jsonl"


@dataclass
class Ran:
    code: int
    out: str
    err: str


Wenju = Callable[..., Ran]


@pytest.fixture
def wenju(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Wenju:
    model = HashEmbedding()
    monkeypatch.setattr("rag.models.embeddings.load_embedding", lambda settings: model)
    monkeypatch.setenv("WENJU_CHAT__KIND", "extractive")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES", "WENJU_LANGUAGE", "WENJU_CONFIG", "WENJU_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["wenju", "--data-dir", str(tmp_path / "library"), *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capfd.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_golden_questions_of_the_samples_end_to_end(wenju: Wenju, tmp_path: Path) -> None:
    assert wenju("ingest", str(REPORTS)).code == 0
    asked = wenju("eval", "run", str(GOLDEN), "--out", str(tmp_path / "reports"), "--name", "first")
    assert asked.code == 0, asked.err
    table = asked.out.splitlines()
    assert table[0] == "| measure | answer | n | search | n |"
    rows = {line.split("|")[1].strip()[:-2]: line for line in table if line.startswith("| ")}
    for measure in ("correct", "numeric match", "refused when it must", "refused wrongly", "page hit@5",
                    "citation precision"):  # fmt: skip
        assert measure in rows
    assert "Run 1: 40 of 40 asked" in asked.out
    html = (tmp_path / "reports" / "run-1.html").read_text(encoding="utf-8")
    assert "<svg" in html
    assert not any(word in html for word in ("<script", "http://", "https://", "src="))
    report = json.loads((tmp_path / "reports" / "run-1.json").read_text(encoding="utf-8"))
    assert len(report["results"]) == 40
    assert report["summary"]["systems"]["answer"]["measures"]["correct"]["n"] > 10
    markdown = (tmp_path / "reports" / "run-1.md").read_text(encoding="utf-8")
    assert "## Definitions" in markdown

    strict = "one:answer.min_coverage=1.0,answer.min_cosine=1.0"
    worse = wenju("eval", "run", str(GOLDEN), "-s", strict, "--json")
    assert json.loads(worse.out)["run"]["id"] == 2
    listed = wenju("eval", "list", "--json").out.splitlines()
    assert [json.loads(line)["id"] for line in listed] == [2, 1]
    compared = json.loads(wenju("eval", "compare", "2", "1:answer", "--json").out)["differences"]
    assert compared["correct"]["n"] == report["summary"]["systems"]["answer"]["measures"]["correct"]["n"]
    shut = wenju("eval", "gate", "2", "--against", "1:answer", "--guard", "refused wrongly:0.05")
    assert shut.code == 5, shut.out
    assert "FAIL" in shut.out
    assert (
        wenju("eval", "gate", "1", "--against", "1", "--guard", "correct", "--guard", "page hit@5:0").code
        == 0
    )
    assert wenju("eval", "gate", "1", "--against", "1", "--target", "correct").code == 5
    for arguments in (["--guard", "nonsense"], ["--guard", "correct:x"]):
        assert wenju("eval", "gate", "1", "--against", "1", *arguments).code == 1
    assert wenju("eval", "gate", "1", "--against", "1").code == 2
    exported = wenju("eval", "report", "last", "--format", "ragas").out.splitlines()
    line = json.loads(exported[0])
    assert set(line) == {
        "user_input", "response", "retrieved_contexts", "reference", "question_key", "system",
    }  # fmt: skip
    assert wenju("eval", "report", "9").code == 2
    assert wenju("eval", "report", "1", "--format", "pdf").code == 2


def test_datasets_come_and_go(wenju: Wenju, tmp_path: Path) -> None:
    sheet = tmp_path / "mine.xlsx"
    assert wenju("eval", "template", str(sheet)).code == 0
    taken = wenju("eval", "import", str(sheet), "--json")
    assert (taken.code, json.loads(taken.out)) == (
        0, {"dataset": "mine", "questions": 2, "new": 2, "bad": []},
    )  # fmt: skip
    (tmp_path / "bad.csv").write_text("question,page\nok?,\nbad?,x\n", encoding="utf-8")
    bad = wenju("eval", "import", str(tmp_path / "bad.csv"), "--name", "mine")
    assert bad.code == 3
    assert "line 3, column page" in bad.err
    (dataset,) = map(json.loads, wenju("eval", "datasets", "--json").out.splitlines())
    assert (dataset["name"], dataset["accepted"]) == ("mine", 3)
    rows: list[dict[str, Any]] = [json.loads(x) for x in wenju("eval", "export", "mine").out.splitlines()]
    assert [row["id"][:2] for row in rows] == ["q1", "q2", "q-"]
    assert wenju("eval", "run", "nobody").code == 2
    assert wenju("eval", "run", "mine", "-m", "nonsense").code == 2


def test_a_pack_is_prepared_and_asked(wenju: Wenju, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    (pack / "corpus").mkdir(parents=True)
    passages = [
        {"id": "p1", "title": "", "text": "Alpha paid dividends of 5.44 dollars per share."},
        {"id": "p2", "title": "", "text": "贝塔公司的研发费用为20,507万元。"},
    ]
    questions = [
        {"id": "a", "question": "What dividends did Alpha pay per share?", "answers": ["5.44"],
         "gold_passages": ["p1"]},
        {"id": "b", "question": "贝塔公司的研发费用是多少？", "answers": ["20,507万元"],
         "gold_passages": ["p2"]},
        {"id": "c", "question": "Where?", "gold_passages": ["gone"]},
    ]  # fmt: skip
    for name, rows in (("corpus/passages.jsonl", passages), ("questions.jsonl", questions)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (pack / name).write_text(text, encoding="utf-8")
    unprepared = wenju("eval", "run", str(pack))
    assert unprepared.code == 1
    assert "p1.txt" in unprepared.err
    at_once = wenju("eval", "run", str(pack), "--prepare", "--json")
    assert at_once.code == 3, at_once.err  # c cannot be asked
    assert json.loads(at_once.out)["summary"]["systems"]["answer"]["n"] > 0
    gone = wenju("eval", "run", str(tmp_path / "nowhere"), "--prepare")
    assert gone.code == 1
    assert "nowhere" in gone.err
    assert wenju("eval", "prepare", str(pack)).code == 0
    assert "2 of 2" in wenju("eval", "prepare", str(pack)).err  # again: nothing new
    ran = wenju("eval", "run", str(pack), "--json")
    assert ran.code == 3  # one question could not be asked
    found = json.loads(ran.out)
    assert found["skipped"] == {"c": ["gone.txt"]}
    measures = found["summary"]["systems"]["answer"]["measures"]
    assert measures["numeric match"]["mean"] == measures["passage hit@1"]["mean"] == 1.0
    assert set(found["summary"]["systems"]["search"]["by_language"]) == set()
