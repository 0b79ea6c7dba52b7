"""Signing in through an OpenID Connect provider that the test starts itself."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Page, expect

from rag.engine import Engine
from rag.settings import Settings
from tests.real_app import free_port, running_app

CLIENT, SECRET = "wenju", "not a secret outside this test"


class Provider(BaseHTTPRequestHandler):
    """The four addresses of a provider; whoever ``server.claims`` describes is signed in there already."""

    server: Any

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {k: v[0] for k, v in parse_qs(url.query).items()}
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        if url.path == "/.well-known/openid-configuration":
            self.send_json(
                {
                    "issuer": base,
                    "authorization_endpoint": f"{base}/authorize",
                    "token_endpoint": f"{base}/token",
                    "jwks_uri": f"{base}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "code_challenge_methods_supported": ["S256"],
                }
            )
        elif url.path == "/keys":
            self.send_json({"keys": [self.server.key.as_dict(private=False)]})
        elif url.path == "/authorize":
            assert asked["client_id"] == CLIENT
            code = secrets.token_urlsafe(16)
            self.server.codes[code] = asked
            self.send_response(302)
            back = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self.send_json({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {k: v[0] for k, v in parse_qs(body).items()}
        asked = self.server.codes.pop(sent["code"])
        verifier = hashlib.sha256(sent["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() == asked["code_challenge"]
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = self.headers.get("Authorization") == f"Basic {basic}" or sent.get("client_secret") == SECRET
        if not known:
            self.send_json({"error": "invalid_client"}, 401)
            return
        now = int(time.time())
        claims = {
            "iss": f"http://127.0.0.1:{self.server.server_address[1]}",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.server.claims,
        }
        token = jwt.encode({"alg": "RS256", "kid": self.server.key.kid}, claims, self.server.key)
        self.send_json({"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def send_json(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@dataclass
class Site:
    url: str
    folder: Path
    provider: Any

    def engine(self) -> Engine:
        accounts = {"mode": "on"}
        return Engine.open(Settings(data_dir=self.folder / "data", accounts=accounts))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.key, server.codes, server.claims = RSAKey.generate_key(2048, auto_kid=True), {}, {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder, port = tmp_path_factory.mktemp("provider"), free_port()
    metadata = f"http://127.0.0.1:{server.server_address[1]}/.well-known/openid-configuration"
    settings = {
        "MODE": "on",
        "OIDC_METADATA_URL": metadata,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_REDIRECT_URL": f"http://127.0.0.1:{port}/oauth2callback",
        "OIDC_COOKIE_SECRET": secrets.token_hex(32),
        "OIDC_LABEL": "Example ID",
        "OIDC_ALLOW": '["@example.com"]',
        "OIDC_EVALUATORS": '["groups=quality"]',
    }
    with running_app(folder, port=port, **{f"WENJU_ACCOUNTS__{k}": v for k, v in settings.items()}) as url:
        yield Site(url, folder, server)
    server.shutdown()


def person(email: str, **more: object) -> dict[str, object]:
    return {"sub": email, "email": email, "email_verified": True, "name": email.split("@")[0].title(), **more}


def test_a_colleague_enters_and_is_switched_off(site: Site, visit: Callable[..., Page]) -> None:
    site.provider.claims = person("ann@example.com", groups=["quality"])
    page = visit(site.url)
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_text("Signed in as Ann")).to_be_visible()
    expect(page.get_by_role("link", name="Quality")).to_be_visible()  # the group makes an evaluator
    expect(page.get_by_role("link", name="People")).to_have_count(0)
    with site.engine() as engine:
        ann = engine.find_user("ann@example.com")
        assert (ann.through_oidc, ann.roles) == (True, {"analyst", "evaluator"})
        engine.set_active(ann.id, False)
    page.reload()
    expect(page.get_by_text("may not enter here")).to_be_visible()


def test_a_stranger_does_not_enter(site: Site, visit: Callable[..., Page]) -> None:
    for claims in (person("eve@evil.org"), person("bob@example.com", email_verified=False)):
        site.provider.claims = claims
        page = visit(site.url)
        page.get_by_role("link", name="Sign in with Example ID").click()
        expect(page.get_by_text("may not enter here")).to_be_visible()
        expect(page.get_by_role("link", name="Library")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()  # lets go of the provider's cookie
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    with site.engine() as engine:
        names = {user.name for user in engine.users()}
    assert not names & {"eve@evil.org", "bob@example.com"}


def test_a_forged_cookie_opens_nothing(site: Site, visit: Callable[..., Page]) -> None:
    page = visit(site.url)
    page.context.add_cookies([{"name": "_streamlit_user", "value": "forged", "url": site.url}])
    page.goto(f"{site.url}/library")
    expect(page).to_have_url(f"{site.url}/auth/sign-in")
    expect(page.get_by_role("link", name="Library")).to_have_count(0)
