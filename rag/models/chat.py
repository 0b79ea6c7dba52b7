"""Finds the chat model: the one that the settings name, else a server on this machine, else none.

Promises: looking costs a few milliseconds when nothing listens; what was found is kept for a while and looked
for again afterwards, so that a server started later is used and one that died is noticed; nobody but the
first waits for that look; none found is a result (extractive answers), never an exception.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.breaker import breaker_for
from rag.errors import ModelError, ModelUnavailable
from rag.models.protocols import ChatModel
from rag.settings import ChatSettings, FallbackSettings, LoadSettings, Settings

if TYPE_CHECKING:
    from rag.models.openai_chat import OpenAIChat

FOUND_FOR_S = 30.0  # how long a found server is trusted
MISSED_FOR_S = 5.0  # how long "nothing there" is trusted
_PROBE_S = 1.0  # a server on this machine lists its models within this
_NO_CHAT = re.compile(r"embed|bge-|rerank|whisper|clip", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """``model`` None: answers are extractive; ``problem`` then says why, None when none was asked for."""

    model: ChatModel | None
    problem: ModelError | None = None
    url: str = ""


def find_chat_model(settings: Settings) -> ChatModel | None:
    """The chat model of the settings as it is now; None: extractive."""
    return ChatFinder(settings).find().model


class ChatFinder:
    """Keeps the answer of :func:`find_chat_model` fresh. Thread-safe."""

    def __init__(self, settings: Settings, *, given: ChatModel | None = None) -> None:
        self._settings = settings.chat
        self._load = settings.load
        self._given = given
        self._spares = tuple(ChatFinder(_instead(settings, spare)) for spare in settings.chat.fallbacks)
        self._known: tuple[str, str] | None = None
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._found: Found | None = None
        self._until = 0.0
        self._transformers: ChatModel | None = None
        self._adapted: dict[str, OpenAIChat] = {}

    def find(self) -> Found:
        if self._given is not None:
            return Found(self._given)
        # One looks; the others go on with what was found last.
        if time.monotonic() >= self._until and self._looking.acquire(blocking=self._found is None):
            try:
                if self._found is None or time.monotonic() >= self._until:
                    found = self._look()
                    # The same server as before: keep its client.
                    if self._found is not None and _same(found.model, self._found.model):
                        found = self._found
                    self._found = found
                    self._until = time.monotonic() + (FOUND_FOR_S if found.model else MISSED_FOR_S)
                    if found.model is not None:
                        self._known = (found.model.name, found.url)
            finally:
                self._looking.release()
        assert self._found is not None
        return self._found

    def spares(self) -> Iterator[Found]:
        """The fallbacks of the settings as they are now, in order, each looked for when it is its turn."""
        for spare in self._spares:
            yield spare.find()

    @property
    def has_spares(self) -> bool:
        return bool(self._spares)

    def identity(self) -> tuple[str, str] | None:
        """(name, address) of the model that is to answer, ("", "") for quotes. While its server does not
        answer, the one that answered last; None: it never did, so nobody can tell."""
        if self._given is not None:
            return self._given.name, type(self._given).__qualname__
        found = self.find()
        if found.model is not None:
            return found.model.name, found.url
        return self._known if found.problem is not None else ("", "")

    def adapted(self, name: str) -> ChatModel | None:
        """The adapter ``name`` on the server of the found model, with the same settings; None: no server was
        found that could serve it."""
        from rag.models.openai_chat import OpenAIChat

        base = self.find().model
        if not isinstance(base, OpenAIChat):
            return None
        with self._lock:
            kept = self._adapted.get(name)
            if kept is None or kept.base_url != base.base_url:
                kept = self._adapted[name] = _client(self._settings, self._load, base.base_url, name)
            return kept

    def failed(self, error: ModelError) -> None:
        """A reply failed: look again before the next one when the server seems gone."""
        if error.code in ("chat.unreachable", "chat.model_unknown", "chat.not_found", "chat.unauthorised"):
            self._until = 0.0

    def _look(self) -> Found:
        chat = self._settings
        if chat.kind == "extractive":
            return Found(None)
        if chat.kind == "transformers":
            from rag.models.transformers_chat import TransformersChat

            try:
                self._transformers = self._transformers or TransformersChat(chat)
            except ModelError as error:
                return Found(None, error)
            return Found(self._transformers)
        if chat.base_url:
            return _server(chat, self._load, chat.base_url, chat.connect_timeout_s, named=True)
        if chat.kind == "openai":
            return Found(None, ModelUnavailable("chat.no_base_url"))
        for url in chat.discover_urls:
            found = _server(chat, self._load, url, _PROBE_S, named=False)
            if found.model is not None:
                return found
        return Found(None)


def _same(one: ChatModel | None, other: ChatModel | None) -> bool:
    from rag.models.openai_chat import OpenAIChat

    return (
        isinstance(one, OpenAIChat)
        and isinstance(other, OpenAIChat)
        and (one.base_url, one.name) == (other.base_url, other.name)
    )


def _server(chat: ChatSettings, load: LoadSettings, url: str, timeout_s: float, *, named: bool) -> Found:
    """The model at ``url``, which may lack its ``/v1``. ``named``: the settings name it, faults are told."""
    url = url.strip().rstrip("/").removesuffix("/chat/completions")
    if urlsplit(url).scheme not in ("http", "https"):
        return Found(None, ModelUnavailable("chat.bad_url", url=url))
    candidates = (url,) if url.endswith("/v1") else (url, f"{url}/v1")
    problem: ModelError | None = None
    for base_url in candidates:
        try:
            models = list_models(chat, base_url, timeout_s)
        except ModelUnavailable as error:
            problem = error
            if error.code in ("chat.not_found", "chat.garbage"):
                continue
            break
        if chat.model and (chat.model in models or not models):
            return Found(_client(chat, load, base_url, chat.model), url=base_url)
        if chat.model:
            listed = ", ".join(models[:8])
            return Found(
                None,
                ModelUnavailable("chat.model_unlisted", url=base_url, model=chat.model, listed=listed),
                base_url,
            )
        chatty = [name for name in models if not _NO_CHAT.search(name)]
        if chatty:
            return Found(_client(chat, load, base_url, chatty[0]), url=base_url)
        return Found(None, ModelUnavailable("chat.no_models", url=base_url), base_url)
    if named and chat.model and problem is not None and problem.code == "chat.not_found":
        # A server that lists no models but was named together with its model: take the settings' word.
        return Found(_client(chat, load, url, chat.model), url=url)
    return Found(None, problem, url)


def _client(chat: ChatSettings, load: LoadSettings, base_url: str, model: str) -> OpenAIChat:
    from rag.models.openai_chat import OpenAIChat

    return OpenAIChat(chat, base_url=base_url, model=model, breaker=breaker_for("chat", base_url, load))


def _instead(settings: Settings, spare: FallbackSettings) -> Settings:
    """The settings with a fallback as the chat model."""
    own = {"base_url": spare.base_url, "api_key": spare.api_key} if spare.base_url else {}
    if spare.base_url and settings.chat.kind != "openai":
        own["kind"] = "auto"
    chat = settings.chat.model_copy(update={**own, "model": spare.model, "fallbacks": ()})
    return settings.model_copy(update={"chat": chat})


def list_models(chat: ChatSettings, base_url: str, timeout_s: float) -> list[str]:
    """Names that the server at ``base_url`` (ending in /v1) lists, adapters included. Raises
    ModelUnavailable."""
    import httpx

    from rag.models.openai_chat import explain

    key = chat.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        # A server on this machine is never behind a proxy.
        local = (urlsplit(base_url).hostname or "") in ("127.0.0.1", "localhost", "::1")
        with httpx.Client(
            timeout=httpx.Timeout(timeout_s), trust_env=not local, verify=base_url.startswith("https")
        ) as client:
            response = client.get(f"{base_url}/models", headers=headers)
            response.raise_for_status()
            body: Any = response.json()
            return [str(item["id"]) for item in body["data"]]
    except (httpx.TimeoutException, httpx.TransportError) as error:
        raise ModelUnavailable("chat.unreachable", url=base_url, detail=str(error) or "no answer") from error
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 404:
            raise ModelUnavailable("chat.not_found", url=base_url) from error
        raise explain(error, base_url, chat.model) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable("chat.garbage", url=base_url, detail=error) from error
