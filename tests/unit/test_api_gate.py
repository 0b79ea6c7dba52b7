"""Who comes in: tokens, the local user, other websites' pages, rates; and errors in two languages."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_house import CANARY_QUESTION, QUESTION, House, chat, house, serve
from starlette.requests import Request

from api.gate import is_local
from rag.access import LOCAL
from rag.engine import Engine
from rag.settings import Settings
from rag.testing import HashEmbedding


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("api-gate"), api={"failures_per_minute": 1000}) as opened:
        yield opened


def raw(house: House, request: str) -> str:
    """Bytes as they are, past what a client library would mend."""
    host, port = house.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")


# -- without a token


def test_a_program_on_this_machine_needs_no_token(open_house: House) -> None:
    with open_house.client() as http:
        assert http.get("/me").json()["name"] == "local"
        assert http.get("/me", headers={"Origin": open_house.url}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # DNS rebinding: its name leads here
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},  # a picture or a form of another website
        {"Sec-Fetch-Site": "same-site"},
        {"X-Forwarded-For": "203.0.113.9"},  # a proxy in front: the world may be behind it
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
)
def test_another_websites_page_is_not_local(open_house: House, headers: dict[str, str]) -> None:
    with open_house.client() as http:
        answer = http.get("/me", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["code"] == "api.needs_token"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert http.post("/chat/completions", json=chat(QUESTION), headers=headers).status_code == 401
    token = open_house.token()
    with open_house.client(token) as http:
        assert http.get("/me", headers=headers).status_code == 200


def test_two_hosts_or_none_are_not_local(open_house: House) -> None:
    twice = "GET /v1/me HTTP/1.1\nHost: 127.0.0.1\nHost: evil.example\nConnection: close\n\n"
    assert " 200 " not in raw(open_house, twice).split("\n")[0]
    assert " 200 " not in raw(open_house, "GET /v1/me HTTP/1.0\n\n").split("\n")[0]


def scope(**more: Any) -> Request:
    base: dict[str, Any] = {
        "type": "http",
        "headers": [(b"host", b"127.0.0.1:8501")],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8501),
    }
    return Request({**base, **more})


def test_local_means_this_machine_on_a_loopback_address() -> None:
    assert is_local(scope(), "127.0.0.1")
    assert is_local(scope(headers=[(b"host", b"[::1]:8501")], client=("::1", 1), server=("::1", 1)), "::1")
    assert not is_local(scope(), "0.0.0.0")
    assert not is_local(scope(), "")
    assert not is_local(scope(client=("10.0.0.7", 5000)), "127.0.0.1")
    assert not is_local(scope(server=("10.0.0.1", 8501)), "127.0.0.1")
    assert not is_local(scope(client=None), "127.0.0.1")
    assert not is_local(scope(headers=[(b"host", b"[::")]), "127.0.0.1")


def test_with_accounts_nobody_is_local(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, chat={"kind": "extractive"}, accounts={"mode": "on"})
    with Engine.open(given, embedding=HashEmbedding()) as engine, serve(engine) as url:
        opened = House(engine, url, None)  # type: ignore[arg-type]
        with opened.client() as http:
            for method, path in (("GET", "/me"), ("GET", "/documents"), ("DELETE", "/documents/1")):
                assert http.request(method, path).status_code == 401


# -- with one


def test_wrong_revoked_and_expired_tokens_are_401(open_house: House) -> None:
    engine = open_house.engine
    token, secret = engine.create_token(LOCAL, "t", rights={"read"})
    with open_house.client(secret) as http:
        assert http.get("/documents").status_code == 200
        engine.revoke_token(token.id)
        assert http.get("/documents").status_code == 401
    past = datetime.now(UTC) + timedelta(seconds=0.3)
    _, soon = engine.create_token(LOCAL, "soon", rights={"read"}, expires_at=past)
    import time

    time.sleep(0.4)
    for wrong in (soon, "wj_nonsense", secret[:-1], secret + "x", secret.upper(), "wj_", "wj_" + "x" * 600):
        with open_house.client(wrong) as http:
            answer = http.get("/me")
            assert answer.status_code == 401, wrong
            assert answer.headers["content-type"] == "application/problem+json"
    for header in ("Basic d2o6d2o=", "Bearer", "wj_x", "", "bearer"):
        with open_house.client(**{"Authorization": header}) as http:
            assert http.get("/me").status_code == 401, header


def test_a_wrong_token_on_this_machine_is_not_the_local_user(open_house: House) -> None:
    with open_house.client("wj_wrong") as http:
        assert http.get("/me").status_code == 401


RIGHTS = {
    ("GET", "/documents"): "read",
    ("POST", "/search"): "read",
    ("POST", "/chat/completions"): "ask",
    ("GET", "/turns/1"): "ask",
    ("POST", "/documents"): "write",
    ("DELETE", "/documents/1"): "write",
    ("POST", "/turns/1/feedback"): "feedback",
    ("GET", "/evaluation/runs"): "evaluate",
    ("POST", "/evaluation/runs"): "evaluate",
    ("GET", "/adapters"): "evaluate",
    ("POST", "/adapters/rollback"): "admin",
    ("POST", "/adapters/x/promote"): "admin",
}


@pytest.mark.parametrize(("method", "path"), list(RIGHTS))
def test_a_token_may_do_what_it_is_for(open_house: House, method: str, path: str) -> None:
    body: dict[str, Any] = (
        {
            "/search": {"json": {"query": QUESTION}},
            "/chat/completions": {"json": chat(QUESTION)},
            "/documents": {"files": {"file": ("x.md", b"x")}},
            "/turns/1/feedback": {"json": {"rating": 1}},
            "/evaluation/runs": {"json": {"dataset": "d", "systems": [{"name": "answer"}]}},
            "/adapters/x/promote": {"json": {}},
        }.get(path, {})
        if method == "POST"
        else {}
    )
    others = {"read", "ask", "write", "feedback", "evaluate", "admin"} - {RIGHTS[method, path]}
    with open_house.client(open_house.token(rights=others)) as http:
        answer = http.request(method, path, **body)
    assert answer.status_code == 403
    assert answer.json()["code"] == "access.needs_right"


def test_a_token_sees_its_collections_only(open_house: House) -> None:
    engine = open_house.engine
    default = next(c.id for c in engine.collections() if c.name == "default")
    payroll = next(d for d in engine.documents() if d.collection == "payroll")
    turn = next(e for e in engine.ask(CANARY_QUESTION) if hasattr(e, "answer")).answer.turn_id
    with open_house.client(open_house.token(collection_ids=[default])) as http:
        seen = [
            http.get("/documents"),
            http.get(f"/documents/{payroll.id}"),
            http.get(f"/documents/{payroll.id}/original"),
            http.get(f"/documents/{payroll.id}/pages/1"),
            http.get(f"/documents/{payroll.id}/pages/1/picture"),
            http.delete(f"/documents/{payroll.id}"),
            http.post(f"/documents/{payroll.id}/retry"),
            http.post("/search", json={"query": CANARY_QUESTION}),
            http.post("/search", json={"query": CANARY_QUESTION, "collections": ["payroll"]}),
            http.post("/search", json={"query": CANARY_QUESTION, "document_ids": [payroll.id]}),
            http.post("/chat/completions", json=chat(CANARY_QUESTION)),
            http.post("/chat/completions", json=chat(CANARY_QUESTION, stream=True)),
            http.post("/chat/completions", json=chat(CANARY_QUESTION, model="wenju/payroll")),
            http.post("/chat/completions", json=chat(CANARY_QUESTION, wenju={"document_ids": [payroll.id]})),
            http.get(f"/turns/{turn}"),
            http.get("/models"),
            http.get("/models/wenju/payroll"),
            http.get("/collections"),
            http.get("/me"),
        ]
    for answer in seen:
        assert "987,654" not in answer.text, answer.request.url
        assert "Payroll 2023" not in answer.text, answer.request.url
    assert [a.status_code for a in seen[1:7]] == [404] * 6
    assert {a.status_code for a in (seen[8], seen[9], seen[12], seen[13], seen[14], seen[16])} == {404}
    assert open_house.engine.document(payroll.id).status == "ready"


# -- rates and sizes


def test_requests_a_minute_are_counted_by_token(tmp_path: Path) -> None:
    with house(tmp_path, api={"requests_per_minute": 3}) as opened:
        one, two = opened.token(), opened.token()
        with opened.client(one) as http:
            answers = [http.get("/models") for _ in range(5)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
        last = answers[-1]
        assert last.json()["code"] == "api.rate_limit"
        assert 0 < int(last.headers["retry-after"]) <= 60
        assert answers[0].headers["x-ratelimit-remaining-requests"] == "2"
        with opened.client(two) as http:
            assert http.get("/models").status_code == 200


def test_wrong_tokens_at_speed_are_slowed(tmp_path: Path) -> None:
    with house(tmp_path, api={"failures_per_minute": 3}) as opened:
        codes = []
        for number in range(6):
            with opened.client(f"wj_{number}") as http:
                codes.append(http.get("/me").status_code)
        assert codes == [401, 401, 401, 429, 429, 429]
        with opened.client() as http:  # who does not guess is not slowed
            assert http.get("/me").status_code == 200


def test_too_large_is_said_before_it_is_read(open_house: House) -> None:
    with open_house.client(open_house.token()) as http:
        answer = http.post("/search", content=b"x" * 1_200_000, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["params"] == {"limit_kb": "1024", "setting": "api.max_body_kb"}

        def endless() -> Iterator[bytes]:
            for _ in range(40):
                yield b" " * 50_000

        headers = {"Content-Type": "application/json"}
        streamed = http.post("/search", content=endless(), headers=headers)
        assert streamed.status_code == 413
        assert streamed.json()["code"] == "api.too_large"


# -- errors


def test_problems_are_in_the_readers_language(open_house: House) -> None:
    with open_house.client(open_house.token()) as http:
        for wanted, words in (
            ("zh-CN,zh;q=0.9,en;q=0.5", "不存在，或您无权查看"),
            ("en-GB", "not there"),
            ("fr", "not there"),
            ("en;q=0.1, zh", "不存在，或您无权查看"),
            ("zh;q=rubbish", "not there"),
        ):
            answer = http.get("/documents/999", headers={"Accept-Language": wanted}).json()
            assert words in answer["detail"], wanted
            assert answer["code"] == "store.not_found"
            assert answer["type"] == "urn:wenju:problem:store.not_found"
            assert answer["status"] == 404


def test_request_ids_come_back_when_they_are_fit_for_logs(open_house: House) -> None:
    with open_house.client(open_house.token()) as http:
        assert http.get("/me", headers={"X-Request-ID": "abc-1.2"}).headers["x-request-id"] == "abc-1.2"
        for odd in ("a b", "x" * 200, "a;b", "a/b"):
            back = http.get("/documents/999", headers={"X-Request-ID": odd})
            assert back.headers["x-request-id"] != odd
            assert back.json()["request_id"] == back.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/", 404),
        ("GET", "/adapters/a%0Ab", 404),
        ("PUT", "/documents", 405),
        ("GET", "/documents/abc", 422),
        ("GET", "/documents/0", 422),
        ("GET", "/documents/99999999999999999999999", 422),
        ("GET", "/documents?limit=0", 422),
        ("GET", "/turns/99999", 404),
    ],
)
def test_every_error_is_a_problem(open_house: House, method: str, path: str, status: int) -> None:
    with open_house.client(open_house.token()) as http:
        answer = http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "request_id"} <= answer.json().keys()


def test_switched_off_it_is_not_there(tmp_path: Path) -> None:
    with house(tmp_path, api={"enabled": False}) as opened, opened.client() as http:
        answer = http.get("/models")
        assert answer.status_code == 404
        assert answer.json()["code"] == "api.off"


def test_members_see_their_collections_through_the_api(tmp_path: Path) -> None:
    """Real accounts: an analyst's token, the membership taken away, the account switched off."""
    from api_house import CANARY, HARBOUR

    from ingest.service import IngestService

    given = Settings(data_dir=tmp_path, chat={"kind": "extractive"}, accounts={"mode": "on"})
    embedding = HashEmbedding()
    with Engine.open(given, embedding=embedding) as engine, serve(engine) as url:
        engine.add_document("Harbour 2023.md", HARBOUR.encode())
        engine.add_document("Payroll 2023.md", CANARY.encode(), collection="payroll")
        IngestService(engine.store, given, embedding).run_until_idle()
        ids = {c.name: c.id for c in engine.collections()}
        user, _ = engine.create_user("ann", roles=("analyst",))
        user = engine.store.set_password(user.id, "x", must_change=False)
        engine.store.set_member(ids["default"], user.id, may_write=False)
        opened = House(engine, url, None)  # type: ignore[arg-type]
        token = opened.token(engine.principal_of(user), rights=["read", "ask", "write"])
        with opened.client(token) as http:
            assert [c["name"] for c in http.get("/collections").json()] == ["default"]
            done = http.post("/chat/completions", json=chat(QUESTION)).json()
            assert "1,577 million" in done["choices"][0]["message"]["content"]
            turn = done["wenju"]["turn_id"]
            assert "987,654" not in http.post("/chat/completions", json=chat(CANARY_QUESTION)).text
            for name in ("default", "payroll", "mine"):  # no member with that permission
                put = http.post(
                    "/documents", files={"file": ("x.md", b"# X\n\nx")}, data={"collection": name}
                )
                assert put.status_code == (403 if name == "default" else 404), name
                assert "payroll" not in put.json()["params"].get("known", "")
            assert http.get("/evaluation/runs").status_code == 403
            engine.store.remove_member(ids["default"], user.id)
            assert http.get("/collections").json() == []
            assert http.get(f"/turns/{turn}").status_code == 404
            assert (
                http.post("/chat/completions", json=chat(QUESTION, model="wenju/default")).status_code == 404
            )
            engine.set_active(user.id, False)
            assert http.get("/collections").status_code == 401
