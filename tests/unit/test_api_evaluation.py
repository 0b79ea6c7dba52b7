"""Evaluation runs and adapters over HTTP: what evaluators and admins may do, and what nobody may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api_house import QUESTION, House, house

from rag.access import LOCAL


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("api-eval")) as made:
        dataset = made.engine.save_dataset("golden")
        made.engine.save_golden_questions(
            dataset.id,
            [
                (
                    "q1",
                    {
                        "question": QUESTION,
                        "answers": ["1,577 million"],
                        "evidence": [{"doc": "Harbour 2023.md", "page": 1}],
                    },
                ),
                ("q2", {"question": "How many containers moved in 2023?", "answers": ["4.2 million"]}),
            ],
        )
        yield made


@pytest.fixture
def http(opened: House) -> Iterator[httpx.Client]:
    with opened.client(opened.token()) as client:
        yield client


def body(**more: Any) -> dict[str, Any]:
    return {"dataset": "golden", "systems": [{"name": "plain", "kind": "answer"}], **more}


def ended(http: httpx.Client, run_id: int) -> dict[str, Any]:
    until = time.monotonic() + 60
    while (run := http.get(f"/evaluation/runs/{run_id}").json())["status"] == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    return dict(run)


def test_a_run_from_start_to_results(http: httpx.Client, opened: House) -> None:
    assert http.get("/evaluation/datasets").json() == [
        {"id": opened.engine.datasets()[0].id, "name": "golden", "questions": 2}
    ]
    asked = body(name="nightly", systems=[{"name": "plain"}, {"name": "few", "options": {"search.top_k": 2}}])
    started = http.post("/evaluation/runs", json=asked, headers={"Idempotency-Key": "run-1"})
    assert started.status_code == 201
    run = ended(http, started.json()["id"])
    assert (run["status"], run["asked"], run["total"], run["name"]) == ("done", 4, 4, "nightly")
    assert run["summary"]["systems"].keys() == {"plain", "few"}
    first = http.get(f"/evaluation/runs/{run['id']}/results", params={"limit": 3}).json()
    assert first["has_more"]
    rest = http.get(f"/evaluation/runs/{run['id']}/results", params={"after": first["data"][-1]["id"]}).json()
    assert len(first["data"]) + len(rest["data"]) == 4
    right = next(r for r in first["data"] if r["question_key"] == "q1")
    assert "1,577 million" in right["answer"]["text"]
    again = http.post("/evaluation/runs", json=asked, headers={"Idempotency-Key": "run-1"})
    assert again.json()["id"] == run["id"]
    assert [r["id"] for r in http.get("/evaluation/runs").json()["data"]] == [run["id"]]
    assert http.post(f"/evaluation/runs/{run['id']}/stop").json()["status"] == "done"


@pytest.mark.parametrize(
    "system",
    [
        {"name": "x", "kind": "endpoint", "options": {"url": "http://169.254.169.254/v1", "model": "m"}},
        {"name": "x", "kind": "ranking", "options": {"path": "/etc/passwd"}},
        {"name": "x", "options": {"chat.base_url": "http://169.254.169.254/v1"}},
        {"name": "x", "options": {"chat.api_key": "k"}},
        {"name": "x", "options": {"chat.kind": "transformers"}},
        {"name": "x", "options": {"reranker.base_url": "http://10.0.0.1"}},
        {"name": "x", "options": {"reranker.model": "/tmp/model"}},
        {"name": "x", "options": {"key_env": "SECRET"}},
        {"name": "x", "options": {"embedding.model": "/tmp"}},
    ],
)
def test_no_system_reads_files_keys_or_other_servers(http: httpx.Client, system: dict[str, Any]) -> None:
    answer = http.post("/evaluation/runs", json=body(systems=[system]))
    assert answer.status_code == 422
    assert answer.json()["code"] in ("api.system_kind", "api.system_option")


def test_what_cannot_be_run_says_why(http: httpx.Client) -> None:
    for wrong, status in (
        (body(dataset="nowhere"), 404),
        (body(collection="nowhere"), 404),
        (body(systems=[]), 422),
        (body(systems=[{"name": "a"}, {"name": "a"}]), 422),
        (body(systems=[{"name": "a", "options": {"search.nonsense": 1}}]), 422),
        (body(collection="payroll", systems=[{"name": "p", "options": {"search.top_k": 3}}], limit=1), 422),
    ):
        answer = http.post("/evaluation/runs", json=wrong)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert http.get("/evaluation/runs/9999").status_code == 404
    assert http.get("/evaluation/runs/9999/results").status_code == 404
    assert http.post("/evaluation/runs/9999/stop").status_code == 404


def test_adapters_are_listed_and_switched_by_admins(http: httpx.Client, opened: House) -> None:
    opened.engine.store.add_adapter("fin-1", "qwen3", "/nowhere/fin-1", "0" * 64, {}, LOCAL.user_id)
    listed = http.get("/adapters").json()
    assert [(a["name"], a["state"]) for a in listed["data"]] == [("fin-1", "trained")]
    assert listed["shares"] == {}
    assert "path" not in listed["data"][0]
    assert http.get("/adapters/fin-1").json()["base_model"] == "qwen3"
    assert http.get("/adapters/none").status_code == 404
    refused = http.post("/adapters/fin-1/promote", json={"share": 0.5})
    assert (refused.status_code, refused.json()["code"]) == (409, "tune.not_gated")
    assert http.post("/adapters/fin-1/promote", json={"share": 2}).status_code == 422
    assert http.post("/adapters/rollback").json() == {"live": None}
