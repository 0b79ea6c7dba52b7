"""The sign-in page, the session cookie and the guard before the page, over HTTP without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from rag import passwords
from rag.engine import Engine
from rag.settings import AccountsSettings, Settings
from ui.door import COOKIE, PASSWORD, SIGN_IN, SIGN_OUT, Guard, door_routes, safe_path

GOOD = "four words make one"
HTML = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    passwords._nobodys.cache_clear()
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)


async def inside(_: object) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("the page")
    await socket.close()


def site(engine: Engine) -> Starlette:
    routes = [
        *door_routes(lambda: engine),
        Route("/healthz", inside),
        Route("/v1/models", inside),
        Route("/v1x", inside),
        Route("/media/picture.png", inside),
        Route("/library", inside),
        Route("/", inside),
        WebSocketRoute("/_stcore/stream", stream),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, engine=lambda: engine)])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    accounts = AccountsSettings(mode="on", proxies=0)
    with Engine.open(Settings(data_dir=tmp_path, accounts=accounts)) as opened:
        yield opened


@pytest.fixture
def client(engine: Engine) -> TestClient:
    user, once = engine.create_user("ann")
    engine.change_password(user, once, GOOD)
    return TestClient(site(engine), base_url="http://wenju.example", follow_redirects=False)


def enter(client: TestClient, name: str = "ann", password: str = GOOD, path: str = SIGN_IN, **more: str):  # type: ignore[no-untyped-def]
    return client.post(path, data={"name": name, "password": password}, headers=more)


def test_nothing_of_the_page_without_a_session(client: TestClient) -> None:
    for path in ("/", "/library", "/media/picture.png", "/v1x"):
        assert client.get(path).status_code == 401
        assert "the page" not in client.get(path).text
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/_stcore/stream"):
        pass
    assert closed.value.code == 4401
    leads = client.get("/library?c=3&x=%2F", headers=HTML)
    assert leads.status_code == 303
    assert parse_qs(urlsplit(leads.headers["location"]).query)["next"] == ["/library?c=3&x=%2F"]
    assert client.get("/", headers=HTML).headers["location"] == SIGN_IN
    for path in ("/healthz", "/v1/models"):  # these have doors of their own
        assert client.get(path).text == "the page"
    client.cookies.set(COOKIE, "made-up")
    assert client.get("/").status_code == 401


def test_signing_in_and_out(client: TestClient, engine: Engine) -> None:
    refused = enter(client, password="wrong")
    assert refused.status_code == 401
    assert "is wrong" in refused.text
    assert 'value="ann"' in refused.text  # typed once
    assert "wrong</" not in refused.text.split("<form")[1]
    assert COOKIE not in client.cookies
    taken = enter(client, path=f"{SIGN_IN}?next=/library")
    assert (taken.status_code, taken.headers["location"]) == (303, "/library")
    cookie = taken.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"))
    assert "Secure" not in cookie
    assert client.get("/library").text == "the page"
    own = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    with client.websocket_connect("/_stcore/stream", headers=own) as socket:
        assert socket.receive_text() == "the page"
    assert client.get(SIGN_IN, headers=HTML).headers["location"] == "/"
    secret = client.cookies[COOKIE]
    assert client.post(SIGN_OUT).headers["location"] == SIGN_IN
    assert engine.session_user(secret) is None
    client.cookies.set(COOKIE, secret)  # a copy of it is worth nothing
    assert client.get("/library").status_code == 401


def test_over_https_the_cookie_is_secure(engine: Engine) -> None:
    user, once = engine.create_user("bo")
    engine.change_password(user, once, GOOD)
    client = TestClient(site(engine), base_url="https://wenju.example", follow_redirects=False)
    assert "Secure" in enter(client, "bo").headers["set-cookie"]


def test_a_given_password_is_changed_first(client: TestClient, engine: Engine) -> None:
    _, once = engine.create_user("new")
    taken = enter(client, "new", once, path=f"{SIGN_IN}?next=/library")
    assert taken.headers["location"] == f"{PASSWORD}?next=%2Flibrary"
    assert client.get("/library", headers=HTML).headers["location"].startswith(PASSWORD)
    assert client.get("/library").status_code == 401
    page = client.get(PASSWORD)
    assert "Choose your own" in page.text
    assert 'value="new" autocomplete="username"' in page.text
    for old, new, again, words in (
        ("not it", GOOD, GOOD, "is wrong"),
        (once, GOOD, "another one altogether", "differ"),
        (once, "short", "short", "10 to 256"),
        (once, once, once, "is the old one"),
    ):
        answer = client.post(PASSWORD, data={"old": old, "new": new, "again": again})
        assert answer.status_code == 400
        assert words in answer.text
    done = client.post(f"{PASSWORD}?next=/library", data={"old": once, "new": GOOD, "again": GOOD})
    assert (done.status_code, done.headers["location"]) == (303, "/library")
    assert client.get("/library").text == "the page"


def test_wrong_passwords_at_speed(client: TestClient) -> None:
    answers = [enter(client, password=f"wrong {n}") for n in range(8)]
    assert [a.status_code for a in answers] == [401] * 5 + [429] * 3
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "Try again in" in answers[-1].text
    assert enter(client).status_code == 429


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://wenju.example"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://wenju.example"}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({}, 303),
    ],
)
def test_forms_of_other_sites_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert enter(client, **headers).status_code == status
    assert (COOKIE in client.cookies) is (status == 303)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/library?c=1", "/library?c=1"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/x\\y", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_afterwards_only_to_this_site(wanted: str, path: str) -> None:
    assert safe_path(wanted) == path


def test_what_is_typed_is_never_markup(client: TestClient) -> None:
    answer = enter(client, name='"><script>alert(1)</script>')
    assert "<script" not in answer.text
    assert client.get(f"{SIGN_IN}?next=/%22%3E%3Cscript%3E&lang=en").text.count("<script") == 0


def test_a_huge_form_is_not_read(client: TestClient) -> None:
    assert enter(client, password="x" * 20_000).status_code == 413


def test_both_languages(client: TestClient) -> None:
    assert "登录" in client.get(f"{SIGN_IN}?lang=zh").text
    assert "登录" in client.get(SIGN_IN, headers={"accept-language": "zh-CN,zh;q=0.9"}).text
    assert "用户名或密码不正确" in enter(client, password="x", path=f"{SIGN_IN}?lang=zh").text
    assert 'lang="en"' in client.get(SIGN_IN).text


def test_addresses_behind_proxies_are_believed_only_as_far_as_said(tmp_path: Path) -> None:
    from starlette.requests import Request

    from ui.door import source_of

    def came(header: str) -> Request:
        headers = [(b"x-forwarded-for", header.encode())] if header else []
        return Request({"type": "http", "headers": headers, "client": ("10.0.0.1", 1), "path": "/"})

    assert source_of(came("6.6.6.6"), 0) == "10.0.0.1"
    assert source_of(came("6.6.6.6, 1.2.3.4"), 1) == "1.2.3.4"
    assert source_of(came("6.6.6.6, 1.2.3.4, 10.0.0.9"), 2) == "1.2.3.4"
    assert source_of(came(""), 1) == "10.0.0.1"


def test_a_provider_that_lacks_something_is_named(tmp_path: Path) -> None:
    from rag.errors import SettingsError
    from ui.door import check_provider, provider_secrets

    def with_provider(**more: object) -> Settings:
        accounts = {"mode": "on", "oidc_metadata_url": "https://id.example.com/x", **more}
        return Settings(data_dir=tmp_path, accounts=accounts)  # type: ignore[arg-type]

    check_provider(Settings(data_dir=tmp_path))
    with pytest.raises(SettingsError) as refused:
        check_provider(with_provider(oidc_client_id="wenju", oidc_redirect_url="https://wenju.example/"))
    assert refused.value.params["missing"] == "accounts.oidc_client_secret, accounts.oidc_redirect_url"
    whole = with_provider(
        oidc_client_id="wenju",
        oidc_client_secret="s",
        oidc_redirect_url="https://wenju.example/oauth2callback",
    )
    check_provider(whole)
    secrets = provider_secrets(whole)
    assert secrets is not None
    assert secrets["auth"]["client_secret"] == "s"  # type: ignore[index]


def test_without_accounts_there_is_no_door(tmp_path: Path) -> None:
    with Engine.open(Settings(data_dir=tmp_path)) as engine:
        client = TestClient(site(engine), follow_redirects=False)
        assert client.get("/library").text == "the page"
        assert client.get(SIGN_IN).headers["location"] == "/"


def test_a_switched_off_user_is_out_at_once(client: TestClient, engine: Engine) -> None:
    engine.create_user("root", roles=["admin"])
    enter(client)
    assert client.get("/library").text == "the page"
    engine.set_active(engine.find_user("ann").id, False)
    assert client.get("/library").status_code == 401
    assert enter(client).status_code == 401
