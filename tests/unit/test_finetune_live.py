"""Adapters are switched only when they are safe, gated and served with the template of their training."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from finetune.config import TuneError
from finetune.live import AdapterServer, check_folder
from finetune.probe import hash_tokens
from finetune.registry import Registry
from rag.access import LOCAL
from rag.answer.prompts import training_version
from rag.errors import AccessDenied
from rag.records import Principal, Right
from rag.settings import Settings, TuningSettings
from rag.store import Store

ANALYST = Principal("ann", "ann", frozenset({"analyst"}))
EVALUATOR = Principal("eve", "eve", frozenset({"evaluator"}))
TOKENS = [[1, 2, 3], [4, 5]]


class FakeVllm:
    """The part of vLLM's HTTP interface that switching uses. ``tokens``: what /tokenize answers, in turn."""

    def __init__(self) -> None:
        self.served = {"tiny": ""}
        self.tokens = TOKENS
        self.loads: list[str] = []
        self.garbage = False
        self.root = ""  # of the base: its folder or hub name
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def _say(self, status: int, body: object) -> None:
                raw = b"<html>" if fake.garbage else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self) -> None:
                rows = [{"id": n, "parent": p, "root": fake.root} for n, p in fake.served.items()]
                self._say(200, {"data": rows})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                name = body.get("lora_name", "")
                if self.path == "/v1/load_lora_adapter":
                    if not Path(body["lora_path"]).is_dir():
                        self._say(404, {"error": {"message": "No adapter found"}})
                        return
                    fake.served[name] = "tiny"
                    fake.loads.append(name)
                elif self.path == "/v1/unload_lora_adapter":
                    del fake.served[name]
                elif self.path == "/tokenize":
                    rows = fake.tokens
                    row = rows[0] if "passages" in body["messages"][0]["content"] else rows[1]
                    self._say(200, {"tokens": row})
                    return
                self._say(200, {})

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def vllm() -> Iterator[FakeVllm]:
    fake = FakeVllm()
    yield fake
    fake.close()


@pytest.fixture
def registry(tmp_path: Path, vllm: FakeVllm) -> Iterator[Registry]:
    settings = Settings(data_dir=tmp_path / "data", tuning=TuningSettings(server_url=vllm.url))
    with Store.open(settings) as store:
        yield Registry(store, settings)


def card(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "method": "lora",
        "base_model": "tiny",
        "revision": "",
        "data_sha256": "0" * 64,
        "records": 9,
        "left_out": 0,
        "prompt_version": training_version(),
        "probe_sha256": hash_tokens(TOKENS),
        "created_at": "2026-11-24T00:00:00Z",
        "versions": {},
        "config": {},
        "losses": [2.0, 1.0],
        "heldout_losses": {},
        "trainable": 8,
        "parameters": 100,
    }
    return {**fields, **changes}


def make_adapter(registry: Registry, name: str, **changes: Any) -> Path:
    folder = registry.root / name
    folder.mkdir(parents=True)
    save_file({"lora_A": np.ones((2, 4), dtype=np.float32)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "card.json").write_text(json.dumps(card(**changes)))
    return folder


def ready(registry: Registry, *names: str, **changes: Any) -> None:
    for name in names:
        registry.register(name, make_adapter(registry, name, **changes))
        registry._store.set_gate(name, {}, True, "eve")


def live(registry: Registry) -> dict[str, float]:
    return {a.name: a.share for a in registry._store.live_adapters()}


def test_promote_share_and_roll_back(registry: Registry, vllm: FakeVllm) -> None:
    ready(registry, "one", "two")
    assert registry.promote("one").state == "live"
    assert (live(registry), "one" in vllm.served) == ({"one": 1.0}, True)
    registry.promote("two", share=0.2)
    assert live(registry) == {"two": 0.2, "one": 1.0}
    back = registry.rollback()
    assert back is not None
    assert (back.name, live(registry)) == ("one", {"one": 1.0})
    registry.promote("two")
    assert live(registry) == {"two": 1.0}
    assert (registry.rollback() or back).name == "one"
    assert registry.rollback() is None
    assert live(registry) == {}
    assert registry._store.broken_action() is None


def test_a_server_that_was_started_anew_gets_what_is_live(registry: Registry, vllm: FakeVllm) -> None:
    ready(registry, "one")
    registry.promote("one")
    vllm.served = {"tiny": ""}
    assert registry.serve_live() == ["one"]
    assert registry.serve_live() == []
    assert registry.lora_modules() == [f"one={registry.root / 'one'}"]


def test_only_what_passed_the_gate_is_promoted(registry: Registry) -> None:
    registry.register("one", make_adapter(registry, "one"))
    with pytest.raises(TuneError) as error:
        registry.promote("one")
    assert error.value.code == "tune.not_gated"
    registry._store.set_gate("one", {}, False, "eve")
    with pytest.raises(TuneError):
        registry.promote("one")
    assert live(registry) == {}


@pytest.mark.parametrize("fault", ["down", "garbage", "template"])
def test_a_server_that_fails_leaves_the_old_one_live(registry: Registry, vllm: FakeVllm, fault: str) -> None:
    ready(registry, "one", "two")
    registry.promote("one")
    if fault == "down":
        vllm.close()
    elif fault == "garbage":
        vllm.garbage = True
    else:
        vllm.tokens = [[9, 9], [9]]
    with pytest.raises(TuneError) as error:
        registry.promote("two")
    assert error.value.code == ("tune.template" if fault == "template" else "tune.server")
    assert live(registry) == {"one": 1.0}
    if fault == "template":
        assert "two" not in vllm.served


@pytest.mark.parametrize(
    ("trained_on", "served", "fits"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B", True),
        ("Qwen/Qwen3-8B", "/models/qwen3-8b-awq/", True),
        ("Qwen/Qwen3-8B", "/models/Qwen3-14B", False),
        ("Qwen/Qwen3-8B", "/models/ours", False),
        ("Qwen/Qwen3-8B", "", True),  # a server that does not say it
    ],
)
def test_an_adapter_is_loaded_on_its_own_base_alone(
    registry: Registry, vllm: FakeVllm, trained_on: str, served: str, fits: bool
) -> None:
    ready(registry, "one", base_model=trained_on)
    vllm.root = served
    if not fits:
        with pytest.raises(TuneError) as caught:
            registry.promote("one")
        assert caught.value.code == "tune.other_base"
        assert (live(registry), vllm.loads) == ({}, [])
        tuning = registry._settings.tuning.model_copy(
            update={"base_model": trained_on}
        )  # one under two names
        registry._settings = registry._settings.model_copy(update={"tuning": tuning})
    registry.promote("one")
    assert live(registry) == {"one": 1.0}


def test_changed_files_are_not_served(registry: Registry) -> None:
    ready(registry, "one")
    save_file(
        {"lora_A": np.zeros((2, 4), dtype=np.float32)}, registry.root / "one" / "adapter_model.safetensors"
    )
    with pytest.raises(TuneError) as error:
        registry.promote("one")
    assert error.value.code == "tune.changed"


@pytest.mark.parametrize("bad", ["pickle", "link", "outside", "no_weights", "broken", "no_card", "script"])
def test_what_could_be_hostile_is_not_taken_in(registry: Registry, tmp_path: Path, bad: str) -> None:
    folder = make_adapter(registry, "one")
    if bad == "pickle":
        (folder / "optimizer.bin").write_bytes(b"\x80\x04.")
    elif bad == "script":
        (folder / "modeling.py").write_text("import os")
    elif bad == "link":
        (folder / "extra.json").symlink_to("/etc/hostname")
    elif bad == "outside":
        folder = folder.rename(tmp_path / "elsewhere")
    elif bad == "no_weights":
        save_file({}, folder / "adapter_model.safetensors")
    elif bad == "broken":
        (folder / "adapter_model.safetensors").write_bytes(b"\xff" * 64)
    else:
        (folder / "card.json").unlink()
    with pytest.raises(TuneError) as error:
        registry.register("one", folder)
    assert error.value.code == "tune.unsafe"
    assert registry.adapters() == []
    with pytest.raises(TuneError):
        check_folder(registry.root / ".." / "x", registry.root)


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "a/b"])
def test_names_are_plain(registry: Registry, name: str) -> None:
    with pytest.raises(TuneError) as error:
        registry.register(name, make_adapter(registry, "one"))
    assert error.value.code == "tune.bad_name"


def test_roles(registry: Registry) -> None:
    ready(registry, "one")
    with pytest.raises(AccessDenied):
        registry.adapters(ANALYST)
    assert [a.name for a in registry.adapters(EVALUATOR)] == ["one"]
    for action in (lambda: registry.promote("one", EVALUATOR), lambda: registry.rollback(EVALUATOR)):
        with pytest.raises(AccessDenied):
            action()
    assert registry.promote("one", LOCAL).state == "live"


def test_a_token_may_no_more_than_it_says(registry: Registry) -> None:
    """An admin's tokens: each right opens what it names, and nothing else."""
    ready(registry, "one")

    def token(*rights: Right) -> Principal:
        return replace(LOCAL, rights=frozenset(rights), token_id=1)

    for which in (token("admin"), token("read", "ask", "write", "feedback")):
        for look in (
            lambda who=which: registry.adapters(who),
            lambda who=which: registry.adapter("one", who),
        ):
            with pytest.raises(AccessDenied) as error:
                look()
            assert error.value.code == "access.needs_right"
    for which in (token("evaluate"), token("read", "feedback")):
        with pytest.raises(AccessDenied):
            registry.promote("one", which)
        with pytest.raises(AccessDenied):
            registry.rollback(which)
    assert [a.name for a in registry.adapters(token("evaluate"))] == ["one"]
    assert registry.promote("one", token("admin")).state == "live"


def test_no_server_is_said(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with Store.open(settings) as store, pytest.raises(TuneError) as error:
        Registry(store, settings).server()
    assert error.value.code == "tune.no_server"
    with pytest.raises(TuneError):
        AdapterServer("http://127.0.0.1:9/v1", timeout_s=2).models()
