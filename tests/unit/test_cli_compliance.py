"""``wenju audit``, ``rules``, ``backup`` and ``restore`` as a person types them: words, exit codes, files."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WENJU_LANGUAGE", "en")

    def typed(*words: str, data: str = "data") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wenju", "--data-dir", data, *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capfd.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return typed


def test_rules_are_listed_added_switched_and_tried(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("rules", "list", "--json")
    assert code == 0
    assert [json.loads(line)["shipped"] for line in out.splitlines()] == [
        "promises", "advice", "numbers", "contacts",
    ]  # fmt: skip
    rule = {"name": "Own", "kind": "forbidden", "definition": {"action": "replace", "words": ["moonshot"]}}
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    assert run("rules", "add", "rule.json")[0] == 0
    (tmp_path / "text.txt").write_text("A moonshot. 保本保收益。")
    code, out, err = run("rules", "check", "text.txt")
    assert code == 4
    assert "moonshot" not in out
    assert "Own: replaced (1)" in err
    for number in ("1", "5"):
        assert run("rules", "off", number)[0] == 0
    assert run("rules", "check", "text.txt")[:2] == (0, "A moonshot. 保本保收益。\n")
    assert run("rules", "remove", "1")[0] == 1
    assert run("rules", "remove", "5")[0] == 0
    (tmp_path / "bad.json").write_text("{")
    assert run("rules", "add", "bad.json")[0] == 2
    code, out, _ = run("audit", "list", "--json", "--action", "rule")
    actions = [json.loads(line)["action"] for line in out.splitlines()]
    assert actions == ["rule.remove", "rule.switch", "rule.switch", "rule.add"]


def test_the_chain_is_exported_and_checked(run: Run, tmp_path: Path) -> None:
    run("rules", "off", "1")
    assert run("audit", "verify")[0] == 0
    assert run("audit", "export", "chain.csv")[0] == 0
    assert (tmp_path / "chain.csv").read_text().startswith("id,at,user_id,action")
    assert run("audit", "export", "chain.csv")[0] == 2  # never over a file that is there
    with sqlite3.connect(tmp_path / "data" / "wenju.db") as connection:
        connection.execute("update audit set user_id = 'somebody else' where id = 1")
    code, _, err = run("audit", "verify")
    assert code == 1
    assert "Entry 1" in err


def test_backup_and_restore(run: Run, tmp_path: Path) -> None:
    run("rules", "off", "1")
    assert run("backup", "b.wenju")[0] == 0
    assert run("backup", "b.wenju")[0] == 1
    assert run("restore", "b.wenju", data="new")[0] == 0
    out = run("rules", "list", "--json", data="new")[1]
    assert not json.loads(out.splitlines()[0])["active"]
    code, _, err = run("restore", "b.wenju", data="new")
    assert code == 1
    assert "not empty" in err
