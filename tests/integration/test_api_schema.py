"""Requests made up from our own OpenAPI, good ones and malformed ones, against a real server: never a 500."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.unit.api_house import House, house

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("WENJU_TEST_EXAMPLES", "20"))  # of each operation
EXPECTED_5XX = {501, 502, 503}  # an extra or an outside server that is not there: said so, with a code


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("api-schema")
    with house(folder, api={"requests_per_minute": 10_000_000}) as made:
        yield made


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_the_server(opened: House, mode: GenerationMode) -> None:
    seen: Counter[str] = Counter()
    for found in schemathesis.openapi.from_url(f"{opened.url}/v1/openapi.json").get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            headers = {"Authorization": f"Bearer {_token(opened)}"}
            response = case.call(headers=headers, timeout=60)
            status, kind = response.status_code, response.headers.get("content-type", [""])[0]
            seen[f"{status // 100}xx"] += 1
            told = f"{case.method} {case.formatted_path}: {status} {response.text[:300]}"
            assert status < 500 or status in EXPECTED_5XX, told
            assert status < 400 or kind == "application/problem+json", told

        try:
            check()
        except Unsatisfiable:  # nothing can be wrong with an operation that takes nothing
            assert mode is GenerationMode.NEGATIVE
    assert sum(seen.values()) > 10 * EXAMPLES, seen
    print(mode, dict(seen))


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
