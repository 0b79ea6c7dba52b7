"""The commands as a script sees them: exit codes, stdout, stderr. Real store, real parsing, hashed
embeddings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
from rag.testing import HashEmbedding

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Ran:
    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Wenju = Callable[..., Ran]


@pytest.fixture
def wenju(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Wenju:
    """Runs a command in this process, on a library of its own."""
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good files in a tree, a hidden one, a broken one and an empty one."""
    root = tmp_path / "in"
    (root / "deeper").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (root / "a.md").write_text("# Results\n\nRevenue was 531 million dollars in 2024.\n", encoding="utf-8")
    (root / "deeper" / "b.txt").write_text("公司2024年的研发费用为20,507万元。\f第二页。\n", encoding="utf-8")
    (root / "c.pdf").write_bytes(b"%PDF-1.7\nnot really")
    (root / "d.txt").write_bytes(b"")
    (root / ".hidden" / "e.txt").write_text("hidden", encoding="utf-8")
    (root / ".f.txt").write_text("hidden", encoding="utf-8")
    return root


def test_ingest_walks_says_what_became_of_each_and_goes_on(wenju: Wenju, folder: Path) -> None:
    ran = wenju("ingest", str(folder), "no-such-file.pdf", "--json")
    assert ran.code == 3
    rows = ran.lines()
    assert all(list(row) == ["file", "status", "pages", "chunks", "error"] for row in rows)
    found = {Path(row["file"]).name: row for row in rows}
    assert [Path(row["file"]).name for row in rows] == ["a.md", "c.pdf", "d.txt", "b.txt", "no-such-file.pdf"]
    assert {name: row["status"] for name, row in found.items()} == {
        "a.md": "ready", "b.txt": "ready", "c.pdf": "corrupt", "d.txt": "empty", "no-such-file.pdf": "failed",
    }  # fmt: skip
    assert found["b.txt"]["pages"] == 2
    assert found["a.md"]["chunks"] >= 1
    assert found["a.md"]["error"] is None
    assert "c.pdf" in found["c.pdf"]["error"]
    assert "no such file" in found["no-such-file.pdf"]["error"]
    assert "5 files" in ran.err

    again = wenju("ingest", str(folder / "a.md"), str(folder / "a.md"), "--json")
    assert again.code == 0
    assert [row["status"] for row in again.lines()] == ["duplicate"]  # the same path twice is one file


def test_search_ask_and_documents(wenju: Wenju, folder: Path) -> None:
    assert wenju("ingest", str(folder / "a.md"), str(folder / "deeper"), "-c", "reports").code == 0

    ran = wenju("search", "revenue in 2024", "--top-k", "1", "--json")
    assert ran.code == 0
    (found,) = ran.lines()
    assert found["query"] == "revenue in 2024"
    (hit,) = found["hits"]
    assert list(hit) == ["rank", "document", "page_start", "page_end", "text", "score"]
    assert (hit["rank"], hit["document"], hit["page_start"]) == (1, "a.md", 1)

    within = wenju("search", "revenue", "--document", "b.txt", "--json").lines()[0]
    assert {hit["document"] for hit in within["hits"]} <= {"b.txt"}
    assert "a.md, p. 1" in wenju("search", "revenue in 2024").out

    ran = wenju("ask", "What was the revenue in 2024?", "--json")
    assert ran.code == 0
    (answer,) = ran.lines()
    assert list(answer) == [
        "question", "answer", "refused", "refusal_code", "hints", "mode", "model", "prompt_version",
        "from_cache", "citations", "groundedness", "checks", "calculations", "hits", "understood",
        "timings_ms",
    ]  # fmt: skip
    assert (answer["refused"], answer["mode"], answer["model"]) == (False, "extractive", "")
    assert "531" in answer["answer"]
    assert answer["groundedness"] == 1.0
    assert {check["support"] for check in answer["checks"]} <= {"quoted", "supported", "no_claim"}
    citation = answer["citations"][0]
    assert list(citation) == ["marker", "document", "page_start", "page_end", "quote"]
    assert citation["document"] == "a.md"
    plain = wenju("ask", "What was the revenue in 2024?")
    assert "531" in plain.out
    assert "Sources" in plain.out
    assert "no chat model was used" in plain.out
    assert "100 % of the claims" in plain.out

    rows = wenju("documents", "--json").lines()
    assert {(row["document"], row["collection"], row["status"]) for row in rows} == {
        ("a.md", "reports", "ready"),
        ("b.txt", "reports", "ready"),
    }
    assert "b.txt" in wenju("documents").out
    assert wenju("delete", "b.txt").code == 0
    assert [row["document"] for row in wenju("documents", "--json").lines()] == ["a.md"]


def test_an_export_is_taken_in_elsewhere(wenju: Wenju, folder: Path, tmp_path: Path) -> None:
    wenju("ingest", str(folder / "a.md"), str(folder / "deeper"))
    assert wenju("export", "faiss", "out").code == 0
    assert (tmp_path / "out" / "index.faiss").is_file()
    other = ("--data-dir", str(tmp_path / "other"))
    assert wenju("import", "faiss", "out", *other).code == 0
    rows = wenju("documents", "--json", *other).lines()
    assert {(row["document"], row["status"]) for row in rows} == {
        ("a.md.txt", "ready"),
        ("b.txt.txt", "ready"),
    }
    refused = wenju("import", "faiss", "nowhere", *other)
    assert refused.code == 1
    assert "nowhere" in refused.err


def test_reindex_and_eval(wenju: Wenju, folder: Path, tmp_path: Path) -> None:
    wenju("ingest", str(folder / "a.md"))
    ran = wenju("reindex")
    assert ran.code == 0, ran.err
    assert "1 documents indexed with hash" in ran.err
    question = {"id": "1", "question": "revenue in 2024", "evidence": [{"doc": "a.md", "page": 1}]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n", encoding="utf-8")
    ran = wenju("eval", "retrieval", str(tmp_path))
    assert ran.code == 0, ran.err
    assert "| fused |" in ran.out
    assert wenju("eval", "retrieval", str(tmp_path), "--json").lines()[0]["questions"] == 1


def test_refusal_and_nothing_found_have_their_code(wenju: Wenju, folder: Path) -> None:
    empty = wenju("search", "anything", "--json", "--fail-on-refusal")
    nothing = {"chips": [], "queries": [], "added": []}
    assert (empty.code, empty.lines()) == (4, [{"query": "anything", "hits": [], "understood": nothing}])
    assert "Nothing found" in empty.err
    wenju("ingest", str(folder / "a.md"))
    refused = wenju("ask", "Who won the chess championship in Reykjavik?", "--json", "--fail-on-refusal")
    assert refused.code == 4
    assert refused.lines()[0]["refused"] is True
    assert wenju("ask", "Who won the chess championship in Reykjavik?").code == 0


def test_batches_resume(wenju: Wenju, folder: Path, tmp_path: Path) -> None:
    wenju("ingest", str(folder / "a.md"))
    questions, out = tmp_path / "questions.jsonl", tmp_path / "out" / "predictions.jsonl"
    records = [{"id": f"q{n}", "question": f"revenue {n}", "answers": ["x"]} for n in range(4)]
    questions.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    batch = ("search", "--batch", str(questions), "--out", str(out))
    assert wenju(*batch, "--jobs", "2").code == 0
    whole = out.read_text(encoding="utf-8")
    assert [json.loads(line)["id"] for line in whole.splitlines()] == ["q0", "q1", "q2", "q3"]
    assert list(json.loads(whole.splitlines()[0])) == ["id", "query", "hits", "understood"]

    lines = whole.splitlines(keepends=True)
    out.write_text("".join(lines[:2]) + lines[2][:20], encoding="utf-8")  # killed while writing
    resumed = wenju(*batch)
    assert resumed.code == 0
    assert "2 of 4" in resumed.err
    assert [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()] == [
        "q0", "q1", "q2", "q3",
    ]  # fmt: skip

    answers = tmp_path / "answers.jsonl"
    assert wenju("ask", "--batch", str(questions), "--out", str(answers)).code == 0
    first = json.loads(answers.read_text(encoding="utf-8").splitlines()[0])
    assert list(first)[:3] == ["id", "question", "answer"]
    assert not (tmp_path / "library" / "conversations").exists()

    out.write_text('{"somebody": "else"}\n', encoding="utf-8")
    spared = wenju(*batch)
    assert spared.code == 2
    assert out.read_text(encoding="utf-8") == '{"somebody": "else"}\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search",), "Give either a question or --batch"),
        (("ask", "x", "--batch", "q.jsonl", "--out", "o"), "Give either a question or --batch"),
        (("search", "--batch", "q.jsonl"), "Give either a question or --batch"),
        (("search", "--batch", "missing.jsonl", "--out", "o"), "missing.jsonl: cannot be read"),
        (("search", "x", "-c", "nowhere"), "no collection 'nowhere'"),
        (("search", "x", "-d", "nothing.pdf"), "no document 'nothing.pdf'"),
        (("ingest", "empty"), "Nothing to take in"),
        (("ingest",), "Missing argument"),
        (("nonsense",), "No such command"),
        (("search", "x", "--top-k", "0"), "--top-k"),
    ],
)
def test_wrong_usage_is_said_and_exits_with_2(
    wenju: Wenju, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    ran = wenju(*arguments)
    assert ran.code == 2, ran.err
    assert words in ran.err
    assert ran.out == ""


def test_bad_batch_line_is_named(wenju: Wenju, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"id": 1, "question": "x"}\n{"id": 2}\n', encoding="utf-8")
    ran = wenju("search", "--batch", "q.jsonl", "--out", "o.jsonl")
    assert ran.code == 2
    assert "q.jsonl, line 2: question" in ran.err


def test_doctor_prints_every_part(wenju: Wenju) -> None:
    ran = wenju("doctor", "--json")
    parts = ran.lines()
    assert {"chat", "embeddings", "index", "store"} <= {part["part"] for part in parts}
    assert all(list(part) == ["part", "state", "message", "remedy"] for part in parts)
    assert all(part["message"] for part in parts)
    assert ran.code == (1 if any(part["state"] == "broken" for part in parts) else 0)
    assert "store" in wenju("doctor").out


def test_settings_are_shown_without_secrets(wenju: Wenju, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENJU_CHAT__API_KEY", "sk-very-secret")
    ran = wenju("settings")
    assert "search.top_k" in ran.out
    assert "sk-very-secret" not in ran.out + wenju("settings", "--json").out
    monkeypatch.setenv("WENJU_SEARCH__TOP_K", "many")
    wrong = wenju("settings")
    assert wrong.code == 1
    assert "search.top_k" in wrong.err


def test_unwritable_library_is_one_clear_line(tmp_path: Path, wenju: Wenju) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = wenju("documents", "--data-dir", str(tmp_path / "file"))
    assert ran.code == 1
    assert ran.err.startswith("Error: ")
    assert "Traceback" not in ran.err


def test_chinese_readers_read_chinese(wenju: Wenju, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "提问" in wenju("--help").out
    assert "没有这个文件" in wenju("ingest", "没有.pdf").out
    monkeypatch.setenv("WENJU_LANGUAGE", "en")
    assert "Ask a question" in wenju("--help").out


def test_help_comes_at_once_and_imports_nothing_heavy() -> None:
    heavy = ["numpy", "pydantic", "sqlalchemy", "langchain_core", "faiss", "streamlit", "torch", "rich"]
    code = (
        "import sys, typer, cli, commands.console\n"
        "typer.main.get_command(cli.app)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    command = f"{sys.executable} cli.py settings | head -1; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "WENJU_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_interrupted_ingest_loses_nothing(tmp_path: Path) -> None:
    """Ctrl-C during an ingest: 130, a sentence, and the next run finishes."""
    files = tmp_path / "in"
    files.mkdir()
    for number in range(24):
        (files / f"{number:02}.txt").write_text(f"Document {number}. " + "word " * 2000, encoding="utf-8")
    start = (
        "import signal, sys, rag.models.embeddings as e\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        "from rag.testing import HashEmbedding\n"
        "model = HashEmbedding(delay_s=float(sys.argv.pop(1)))\n"
        "e.load_embedding = lambda settings: model\n"
        "import cli; cli.main()\n"
    )

    def command(delay: str) -> list[str]:
        library = ("--data-dir", str(tmp_path / "lib"))
        return [sys.executable, "-c", start, delay, "ingest", str(files), "--json", *library]

    environment = {**os.environ, "LANG": "en_US.UTF-8"}
    with subprocess.Popen(
        command("0.1"), cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline()  # the first file is done
        time.sleep(0.2)
        child.send_signal(2)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Nothing is lost" in err
    assert "Traceback" not in err
    done = subprocess.run(
        command("0"), cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    statuses = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    assert len(statuses) == 24
    assert set(statuses) == {"ready", "duplicate"}


def test_feedback_is_listed_and_exported(wenju: Wenju, folder: Path, tmp_path: Path) -> None:
    assert wenju("ingest", str(folder)).code in (0, 3)
    asked = wenju("ask", "--keep", "--json", "What was the revenue in 2023?").lines()
    assert wenju("feedback", "list").err.startswith("No feedback")
    from rag.access import LOCAL
    from rag.engine import Engine
    from rag.settings import load_settings

    with Engine.open(load_settings(data_dir=tmp_path / "library")) as engine:
        turn = engine.turns(engine.conversations()[0].id)[0]
        engine.rate_turn(turn.id, LOCAL, -1, ["wrong_page"], correction="42")
    (listed,) = wenju("feedback", "list", "--open", "--json").lines()
    assert (listed["class"], listed["correction"], listed["review"]) == ("wrong_page", "42", "")
    assert asked
    assert wenju("feedback", "export", "out.jsonl").code == 0
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == listed


def test_questions_are_drafted_and_reviewed(
    wenju: Wenju, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    rows = "项目\t2023年\t2022年\n营业收入\t12,345.60\t11,000.00\n管理费用\t1,234.00\t1,100.00\n"
    report = tmp_path / "青禾科技2023年年度报告.md"
    report.write_text(f"# 主要财务数据\n\n单位：万元\n{rows}", encoding="utf-8")
    assert wenju("ingest", str(report)).code == 0
    made = wenju("eval", "generate", "--count", "3", "--out", "drafts.jsonl", "--json")
    assert made.code == 0
    assert len(made.lines()) == 3
    assert len((tmp_path / "drafts.jsonl").read_text(encoding="utf-8").splitlines()) == 3
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nr\nq\n"))
    reviewed = wenju("eval", "review")
    assert "1 accepted, 1 rejected, 1 left" in reviewed.err
    assert wenju("eval", "review", "--dataset", "none").code == 2
    assert wenju("eval", "generate", "--model").code == 2  # there is no chat model


def test_prompts_are_listed_edited_and_restored(wenju: Wenju, folder: Path, tmp_path: Path) -> None:
    assert wenju("ingest", str(folder / "a.md")).code == 0
    rows = wenju("prompts", "list", "--json").lines()
    assert {(r["use"], r["language"]) for r in rows} == {
        (use, code) for use in ("concise", "analyst") for code in ("zh", "en")
    }
    assert "analyst" in wenju("prompts", "list").out
    file = tmp_path / "own.txt"
    file.write_text("Answer for a regulator. If nothing is there say {refusal}; cite like [1].", "utf-8")
    assert wenju("prompts", "edit", "concise", "en", "--file", str(file), "--note", "trial").code == 0
    assert wenju("prompts", "show", "concise", "en").out.startswith("Answer for a regulator")
    saved = wenju("prompts", "show", "concise", "en", "--json").lines()[0]
    answer = wenju("ask", "What was the revenue in 2024?", "--json").lines()[0]
    assert answer["prompt_version"] == f"concise.en.{saved['fingerprint']}"
    assert wenju("prompts", "restore", "concise", "en", "0").code == 0
    assert not wenju("prompts", "show", "concise", "en").out.startswith("Answer for")
    analyst = wenju("ask", "What was the revenue in 2024?", "--use", "analyst", "--json").lines()[0]
    assert analyst["prompt_version"].startswith("analyst.en.")
    assert wenju("prompts", "edit", "regulator", "en", "-f", str(file)).code == 0
    assert wenju("prompts", "remove", "regulator").code == 0
    file.write_text("Too free. " * 10, "utf-8")
    refused = wenju("prompts", "edit", "concise", "en", "--file", str(file))
    assert refused.code == 1
    assert "{refusal}" in refused.err
    assert wenju("ask", "What was the revenue?", "--use", "poet").code == 1
    assert wenju("prompts", "show", "concise", "en", "--version", "99").code == 2
