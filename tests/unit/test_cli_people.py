"""The command line around people: what it prints, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import app
from rag import passwords


@pytest.fixture(autouse=True)
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    monkeypatch.setenv("WENJU_ACCOUNTS__MODE", "on")
    passwords._nobodys.cache_clear()
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data-dir", str(folder)])


def test_users_collections_and_tokens(tmp_path: Path) -> None:
    added = run(tmp_path, "users", "add", "ann", "--role", "admin", "--full-name", "Ann A")
    assert added.exit_code == 0
    once = added.stdout.strip()
    assert len(once.split("-")) == 4  # stdout is the password alone
    assert once not in added.stderr
    run(tmp_path, "users", "add", "bob")
    assert run(tmp_path, "collections", "add", "Annual reports").exit_code == 0
    assert run(tmp_path, "collections", "share", "Annual reports", "bob", "--write").exit_code == 0
    (shelf,) = map(json.loads, run(tmp_path, "collections", "list", "--json").stdout.splitlines())
    assert (shelf["writers"], shelf["readers"], shelf["documents"]) == (["bob"], [], 0)
    made = run(tmp_path, "tokens", "create", "script", "--user", "bob", "-c", "Annual reports", "--days", "9")
    assert made.stdout.startswith("wj_")
    (token,) = map(json.loads, run(tmp_path, "tokens", "list", "--json").stdout.splitlines())
    assert (token["user"], token["rights"]) == ("bob", ["ask", "read"])
    assert made.stdout.strip().startswith(token["prefix"])
    assert run(tmp_path, "tokens", "revoke", str(token["id"])).exit_code == 0
    assert run(tmp_path, "collections", "unshare", "Annual reports", "bob").exit_code == 0
    assert run(tmp_path, "users", "role", "bob", "analyst", "evaluator").exit_code == 0
    assert run(tmp_path, "users", "off", "bob").exit_code == 0
    users = {
        u["name"]: u for u in map(json.loads, run(tmp_path, "users", "list", "--json").stdout.splitlines())
    }
    assert users["bob"]["roles"] == ["analyst", "evaluator"]
    assert (users["ann"]["active"], users["bob"]["active"]) == (True, False)
    assert run(tmp_path, "users", "password", "bob").stdout.strip() != ""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("users", "off", "ann"), "last active admin"),
        (("users", "role", "ann", "boss"), "not a role"),
        (("users", "add", "ann"), "is taken"),
        (("users", "password", "nobody"), "There are: ann"),
        (("collections", "share", "none", "ann"), "no collection none"),
        (("tokens", "create", "x"), "--user NAME"),
        (("tokens", "create", "x", "--user", "ann", "--right", "fly"), "not a right"),
        (("tokens", "revoke", "7"), "not there"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    run(tmp_path, "users", "add", "ann", "--role", "admin")
    refused = run(tmp_path, *words)
    assert refused.exit_code == 1
    assert problem in refused.stderr
    assert refused.stdout == ""
