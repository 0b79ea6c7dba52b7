"""A reranker behind any /rerank endpoint: Jina, Cohere, vLLM (``documents`` -> ``results``) or Hugging Face
TEI (``texts`` -> a list).

Promises: one request a question, ended within ``timeout_s``; which of the two forms a server speaks is found
out by the first request; an answer that does not give every passage one finite score is an error, never a
guess; ModelUnavailable for whatever goes wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rag.breaker import Breaker, breaker_for
from rag.errors import ModelUnavailable, SettingsError
from rag.settings import Settings

MAX_CHARS = 8_000  # of one passage: chunks are shorter
_REFUSED = (400, 404, 415, 422)  # what servers answer to a body in the other form


class ServerReranker:
    """A :class:`rag.models.protocols.Reranker`; thread-safe."""

    def __init__(self, client: Any, url: str, model: str, breaker: Breaker | None = None) -> None:
        self._breaker = breaker or Breaker("reranker", url)
        self._client = client
        self._url = url
        self._model = model
        self._texts: bool | None = None  # whether the server speaks TEI's form; None: not known yet

    @property
    def name(self) -> str:
        return self._model or self._url

    def rerank_logits(self, query: str, passages: Sequence[str]) -> list[float]:
        """The server's scores, in its own range."""
        if not passages:
            return []
        with self._breaker.call(ModelUnavailable, _is_outage):
            return self._ask(query, passages)

    def _ask(self, query: str, passages: Sequence[str]) -> list[float]:
        cut = [passage[:MAX_CHARS] or " " for passage in passages]
        documents = {"model": self._model, "query": query, "documents": cut, "top_n": len(cut)}
        texts = {"query": query, "texts": cut, "truncate": True, "raw_scores": True}
        forms = [f for f in (False, True) if self._texts in (None, f)]
        for form in forms:
            status, answer = self._post(texts if form else documents)
            if status in _REFUSED and form is not forms[-1]:
                continue
            if status >= 400:
                raise ModelUnavailable(
                    "reranker.server_refused", url=self._url, status=status, detail=str(answer)
                )
            scores = _scores(answer, len(cut))
            if scores is None:
                raise ModelUnavailable("reranker.server_garbage", url=self._url, detail=str(answer)[:200])
            self._texts = form
            return scores
        raise AssertionError("no form of request is left")

    def _post(self, body: dict[str, Any]) -> tuple[int, Any]:
        import httpx

        try:
            response = self._client.post(self._url, json=body)
        except httpx.HTTPError as error:
            detail = str(error) or type(error).__name__
            raise ModelUnavailable("reranker.server_unreachable", url=self._url, detail=detail) from error
        try:
            return response.status_code, response.json()
        except ValueError:
            return response.status_code, response.text[:200]


def _is_outage(error: BaseException) -> bool:
    """Whether the server cannot do its work; not when it refuses this request."""
    if not isinstance(error, ModelUnavailable) or error.code != "reranker.server_refused":
        return True
    return error.params["status"][:1] == "5"


def _scores(answer: Any, count: int) -> list[float] | None:
    """One score a passage, in input order; None when the answer does not hold exactly that."""
    rows = answer.get("results") if isinstance(answer, dict) else answer
    if not isinstance(rows, list) or len(rows) != count:
        return None
    found: dict[int, float] = {}
    for row in rows:
        if not isinstance(row, dict):
            return None
        at, score = row.get("index"), row.get("relevance_score", row.get("score"))
        if isinstance(at, bool) or not isinstance(at, int) or isinstance(score, bool):
            return None
        if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= at < count:
            return None
        found[at] = float(score)
    return [found[at] for at in range(count)] if len(found) == count else None


def load_server_reranker(settings: Settings) -> ServerReranker:
    """SettingsError without a base_url. Asks the server for nothing yet."""
    import httpx

    wanted = settings.reranker
    url = wanted.base_url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise SettingsError("reranker.server_url_missing", url=url)
    key = wanted.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    client = httpx.Client(
        timeout=httpx.Timeout(wanted.timeout_s), headers=headers, verify=url.startswith("https")
    )
    url = url if url.endswith("/rerank") else f"{url}/rerank"
    return ServerReranker(client, url, wanted.model, breaker_for("reranker", url, settings.load))
