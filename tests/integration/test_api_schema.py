"""Requests made up from our own OpenAPI, good ones and malformed ones, against a real server: never a 500."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from tests.unit.api_house import House, house

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("WENJU_TEST_EXAMPLES", "20"))  # of each operation
EXPECTED_5XX = {501, 502, 503}  # an extra or an outside server that is not there: said so, with a code


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("api-schema")
    with house(folder, api={"requests_per_minute": 10_000_000}) as made:
        yield made


@pytest.fixture(scope="module")
def schema(opened: House) -> Any:
    return schemathesis.openapi.from_url(f"{opened.url}/v1/openapi.json")


operations = schemathesis.pytest.from_fixture("schema")


@operations.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_no_request_breaks_the_server(case: Any, opened: House) -> None:
    response = case.call(headers={"Authorization": f"Bearer {_token(opened)}"}, timeout=60)
    kind = response.headers.get("content-type", [""])[0]
    if response.status_code >= 400:
        assert kind == "application/problem+json", (response.status_code, kind)
    if response.status_code not in EXPECTED_5XX:
        case.validate_response(response, checks=[not_a_server_error])


_tokens: dict[str, str] = {}


def _token(opened: House) -> str:
    """One that may do everything, for all examples."""
    return _tokens.setdefault(opened.url, opened.token())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"a":' * 5000, b"\xff\xfe\x00", b"1e999", b'"\\ud800"']
)
@pytest.mark.parametrize("path", ["/chat/completions", "/search", "/turns/1/feedback", "/evaluation/runs"])
def test_no_body_breaks_the_server(opened: House, path: str, body: bytes) -> None:
    for kind in ("application/json", "application/problem+json", "text/plain", "multipart/form-data", "x"):
        headers = {"Authorization": f"Bearer {_token(opened)}", "Content-Type": kind}
        answer = requests.post(f"{opened.url}/v1{path}", data=body, headers=headers, timeout=30)
        assert 400 <= answer.status_code < 500, (kind, answer.status_code, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"


def test_what_was_sent_is_all_that_was_kept(opened: House) -> None:
    """After all of that, the library still answers."""
    assert Path(opened.engine.settings.data_dir).is_dir()
    with opened.client(_token(opened)) as http:
        assert http.get("/models").status_code == 200
