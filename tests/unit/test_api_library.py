"""Documents, search and feedback over HTTP; writes that are sent twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from api_house import QUESTION, House, chat, house
from ui_standin import tiny_pdf

from rag.access import LOCAL


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"ingest": {"max_file_mb": 1}}
    with house(
        tmp_path_factory.mktemp("api-library"), api={"requests_per_minute": 10_000}, **limits
    ) as opened:
        yield opened


@pytest.fixture
def http(open_house: House) -> Iterator[httpx.Client]:
    with open_house.client(open_house.token()) as client:
        yield client


def upload(http: httpx.Client, name: str, data: bytes, key: str = "", **form: str) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return http.post("/documents", files={"file": (name, data)}, data=form, headers=headers)


def test_a_document_from_upload_to_answer_to_deletion(http: httpx.Client, open_house: House) -> None:
    made = upload(http, "Aurora 2024.pdf", tiny_pdf(), collection="water")
    assert made.status_code == 201
    document = made.json()["document"]
    assert (made.json()["created"], document["status"], document["done"]) == (True, "queued", False)
    again = upload(http, "Aurora 2024.pdf", tiny_pdf(), collection="water")
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.json()["document"]["id"] == document["id"]
    open_house.take_in()
    state = http.get(f"/documents/{document['id']}").json()
    assert (state["status"], state["done"], state["page_count"], state["error"]) == ("ready", True, 2, None)
    assert not {"source", "sha256", "rendition_sha256", "path"} & state.keys()

    picture = http.get(f"/documents/{document['id']}/pages/1/picture", params={"width_px": 200})
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert http.get(f"/documents/{document['id']}/pages/9/picture").status_code == 404
    assert "1,577 million" in http.get(f"/documents/{document['id']}/pages/1").json()["text"]
    assert http.get(f"/documents/{document['id']}/pages/9").json()["code"] == "api.no_page"
    original = http.get(f"/documents/{document['id']}/original")
    assert original.content == tiny_pdf()
    assert original.headers["content-disposition"].endswith("Aurora%202024.pdf")

    asked = chat("How much net revenue did Aurora Water Group have in 2024?", model="wenju/water")
    cited = http.post("/chat/completions", json=asked).json()["wenju"]["citations"][0]
    assert (cited["document_id"], cited["page_start"]) == (document["id"], 1)
    assert cited["boxes"]

    assert http.delete(f"/documents/{document['id']}").status_code == 204
    assert http.get(f"/documents/{document['id']}").status_code == 404
    assert http.delete(f"/documents/{document['id']}").status_code == 404
    assert http.post("/chat/completions", json=asked).json()["wenju"]["refused"]


def test_what_cannot_be_read_says_why(http: httpx.Client, open_house: House) -> None:
    made = upload(http, "broken.pdf", b"%PDF-1.7\nnothing of a PDF follows")
    open_house.take_in()
    state = http.get(f"/documents/{made.json()['document']['id']}", headers={"Accept-Language": "zh"}).json()
    assert state["done"]
    assert state["status"] != "ready"
    assert "broken.pdf" in state["error"]["message"]
    assert http.post(f"/documents/{state['id']}/retry").json()["status"] == "queued"


def test_no_picture_points_at_the_text(http: httpx.Client, open_house: House) -> None:
    document = next(d for d in open_house.engine.documents() if d.name == "Harbour 2023.md")
    answer = http.get(f"/documents/{document.id}/pages/1/picture")
    assert answer.status_code == 404
    assert answer.json()["code"] == "api.no_picture"
    assert http.get(answer.json()["params"]["text"].removeprefix("/v1")).status_code == 200


def test_lists_come_in_pages(http: httpx.Client) -> None:
    for number in range(3):
        upload(http, f"page {number}.md", f"# {number}\n\nWords {number}.".encode(), collection="pages")
    first = http.get("/documents", params={"collection": "pages", "limit": 2}).json()
    assert [d["name"] for d in first["data"]] == ["page 2.md", "page 1.md"]
    assert first["has_more"]
    rest = http.get("/documents", params={"collection": "pages", "after": first["data"][-1]["id"]}).json()
    assert [d["name"] for d in rest["data"]] == ["page 0.md"]
    assert not rest["has_more"]
    assert [d["name"] for d in http.get("/documents", params={"name": "page 1.md"}).json()["data"]]


def test_too_large_is_stopped_while_it_comes_in(http: httpx.Client, open_house: House) -> None:
    before = len(open_house.engine.documents())
    said = upload(http, "big.md", b"x" * 3_000_000)
    assert said.status_code == 413
    assert said.json()["params"]["setting"] == "ingest.max_file_mb"
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.md"\r\n\r\n'
        for _ in range(2000):  # 200 MB
            sent += 100_000
            yield b"x" * 100_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        streamed = http.post("/documents", content=endless(), headers=headers)
        assert streamed.status_code == 413
        assert streamed.json()["code"] == "api.too_large"
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # the server hung up on it
    assert sent < 20_000_000
    assert len(open_house.engine.documents()) == before


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"--b\r\nrubbish", "multipart/form-data; boundary=b"),
        (b"--b\r\n", "multipart/form-data"),
        (b"{}", "application/json"),
        (b"file=x", "application/x-www-form-urlencoded"),
        (b"\x00\xff", "application/octet-stream"),
        (b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\nx\r\n--b--\r\n',
         "multipart/form-data; boundary=b"),
    ],
)  # fmt: skip
def test_malformed_uploads_are_said_to_be(http: httpx.Client, content: bytes, kind: str) -> None:
    answer = http.post("/documents", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.md", "..\\..\\boot.md", "/etc/x.md", "a\u202egpj.md", "长" * 300]
)
def test_odd_names_never_reach_a_path(http: httpx.Client, open_house: House, name: str) -> None:
    made = upload(http, name, f"# Odd\n\nNamed {len(name)} {hash(name)}.".encode(), collection="odd")
    assert made.status_code == 201
    kept = made.json()["document"]["name"]
    assert "/" not in kept
    assert "\\" not in kept
    assert len(kept) <= 255


def test_a_reader_of_a_collection_may_not_write_into_it(open_house: House) -> None:
    token = open_house.token(rights=["read", "ask"])
    with open_house.client(token) as http:
        assert upload(http, "x.md", b"# X").status_code == 403


# -- once


def test_the_same_key_is_done_once(http: httpx.Client, open_house: House) -> None:
    first = upload(http, "once.md", b"# Once\n\nOnly once.", "key-1", collection="once")
    again = upload(http, "once.md", b"# Once\n\nOnly once.", "key-1", collection="once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()  # as answered then, not as it is now
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for other in (
        upload(http, "once.md", b"# Once\n\nOther bytes.", "key-1", collection="once"),
        upload(http, "twice.md", b"# Once\n\nOnly once.", "key-1", collection="once"),
        upload(http, "once.md", b"# Once\n\nOnly once.", "key-1", collection="elsewhere"),
    ):
        assert other.status_code == 409
        assert other.json()["code"] == "api.idempotency_other"
    with open_house.client(open_house.token()) as somebody:
        assert upload(somebody, "other.md", b"# Other", "key-1").status_code == 201


def test_one_key_at_the_same_time_goes_ahead_once(http: httpx.Client, open_house: House) -> None:
    token, together = open_house.token(), threading.Barrier(6)

    def send(_: int) -> int:
        with open_house.client(token) as mine:
            together.wait(10)
            return upload(mine, "race.md", b"# Race\n\nRun.", "race", collection="race").status_code

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(send, range(6)))
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert sum(d.collection == "race" for d in open_house.engine.documents()) == 1


def test_a_failed_request_leaves_its_key_free(http: httpx.Client, open_house: House) -> None:
    body = {"rating": 1}
    assert http.post("/turns/9999/feedback", json=body, headers={"Idempotency-Key": "f"}).status_code == 404
    turn = http.post("/chat/completions", json=chat(QUESTION)).json()["wenju"]["turn_id"]
    path = f"/turns/{turn}/feedback"
    assert http.post(path, json=body, headers={"Idempotency-Key": "f"}).status_code == 200


@pytest.mark.parametrize("key", ["x" * 161, "\t"])
def test_keys_have_a_form(http: httpx.Client, key: str) -> None:
    answer = http.post("/turns/1/feedback", json={"rating": 1}, headers={"Idempotency-Key": f"a{key}b"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "api.idempotency_key"


# -- search and feedback


def test_search_finds_passages_without_an_answer(http: httpx.Client) -> None:
    found = http.post("/search", json={"query": QUESTION, "top_k": 2, "collections": ["default"]}).json()
    assert found["passages"][0]["document"] == "Harbour 2023.md"
    assert len(found["passages"]) <= 2
    assert found["timings_ms"]
    lexical = http.post("/search", json={"query": QUESTION, "legs": ["lexical"]}).json()["passages"][0]
    assert lexical["cosine"] is None
    assert http.post("/search", json={"query": "   "}).json()["code"] == "answer.empty_question"
    assert http.post("/search", json={"query": "x", "collections": ["nowhere"]}).status_code == 404
    assert http.post("/search", json={"query": "x", "document_ids": [99999]}).status_code == 404
    assert http.post("/search", json={"query": "x", "rubbish": 1}).status_code == 422


def test_feedback_is_kept_with_its_turn(http: httpx.Client, open_house: House) -> None:
    turn = http.post("/chat/completions", json=chat(QUESTION)).json()["wenju"]["turn_id"]
    given = {"rating": -1, "reasons": ["wrong"], "comment": "no", "correction": "1,577 million euros"}
    assert http.post(f"/turns/{turn}/feedback", json=given).json() == given
    kept = http.get(f"/turns/{turn}").json()
    assert {name: kept[name] for name in given} == given
    assert open_house.engine.feedback_turn(turn, LOCAL).rating == -1
    assert http.post(f"/turns/{turn}/feedback", json={"rating": 7}).status_code == 422


def test_a_turn_of_a_document_gone_from_view_is_not_shown(http: httpx.Client, open_house: House) -> None:
    turn = http.post("/chat/completions", json=chat(QUESTION)).json()["wenju"]["turn_id"]
    payroll = next(c.id for c in open_house.engine.collections() if c.name == "payroll")
    with open_house.client(open_house.token(collection_ids=[payroll])) as narrow:
        assert narrow.get(f"/turns/{turn}").status_code == 404
    assert http.get(f"/turns/{turn}").status_code == 200


def test_page_files_of_the_docs_are_served_from_here(open_house: House, tmp_path: Path) -> None:
    with open_house.client() as http:
        page = http.get("/docs")
        assert page.status_code == 200
        assert "https://" not in page.text
        assert http.get("/docs-files/swagger-ui-bundle.js").status_code == 200
        spec = http.get("/openapi.json").json()
        assert spec["servers"] == [{"url": "/v1"}]
        assert "/chat/completions" in spec["paths"]
