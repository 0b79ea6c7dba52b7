"""A chat model behind an OpenAI-compatible server: vLLM, Ollama, DeepSeek and their kin.

Promises: three limits hold exactly (connect, first token, whole reply); tries again, with back-off, only
while nothing has arrived; thoughts (``reasoning_content``, ``reasoning`` or inline ``<think>``) never mix
into the text; a stream that ends before the model said so is an error (``chat.cut``), not an answer;
closing the reply, from any thread, closes the connection at once, upon which the server stops generating.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.breaker import Breaker
from rag.errors import ModelUnavailable
from rag.models.chat_thinking import ThinkSplitter, begins_inside
from rag.models.protocols import ChatMessage, Delta
from rag.records import Usage
from rag.settings import ChatSettings

if TYPE_CHECKING:
    import httpx

_MAX_BACKOFF_S = 4.0


class _Wire:
    """One request's connection. ``cut`` ends it from any thread and remembers the first reason why."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.reason = ""  # "" | "closed" | "first_token" | "total"

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        if name in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self.reason:
                    _shut(self._socket)

    def cut(self, reason: str) -> None:
        with self._lock:
            if not self.reason:
                self.reason = reason
            _shut(self._socket)


def _shut(connection: socket.socket | None) -> None:
    if connection is not None:
        with contextlib.suppress(OSError):  # already gone
            connection.shutdown(socket.SHUT_RDWR)


_WIRE: contextvars.ContextVar[_Wire | None] = contextvars.ContextVar("wenju_chat_wire", default=None)


def _watch_connection(request: httpx.Request) -> None:
    wire = _WIRE.get()
    if wire is not None:
        request.extensions["trace"] = wire.trace


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1)
def _chat_class() -> Any:
    """ChatOpenAI (1.3 s to import: when first used), keeping the reasoning field that it drops."""
    from langchain_openai import ChatOpenAI

    class ReasoningChatOpenAI(ChatOpenAI):
        def _convert_chunk_to_generation_chunk(self, chunk: Any, *args: Any, **kwargs: Any) -> Any:
            made = super()._convert_chunk_to_generation_chunk(chunk, *args, **kwargs)
            choices = chunk.get("choices") or []
            if made is not None and choices:
                delta = choices[0].get("delta") or {}
                reasoning = delta.get("reasoning_content") or delta.get("reasoning")
                if isinstance(reasoning, str) and reasoning:
                    made.message.additional_kwargs["reasoning_content"] = reasoning
            return made

        def _get_request_payload(self, *args: Any, **kwargs: Any) -> Any:
            payload = super()._get_request_payload(*args, **kwargs)
            if "max_completion_tokens" in payload:  # the older name is the one that every server knows
                payload["max_tokens"] = payload.pop("max_completion_tokens")
            return payload

    return ReasoningChatOpenAI


class Reply(Iterator[Delta]):
    """The streamed reply. ``close`` may be called from any thread, any number of times."""

    def __init__(self, wire_box: list[_Wire], pieces: Iterator[Delta], closed: threading.Event) -> None:
        self._wires = wire_box
        self._pieces = pieces
        self._closed = closed

    def __next__(self) -> Delta:
        return next(self._pieces)

    def close(self) -> None:
        self._closed.set()
        for wire in self._wires:
            wire.cut("closed")
        # ValueError: another thread is inside; its read ends now that the connection is shut.
        with contextlib.suppress(ValueError):
            self._pieces.close()  # type: ignore[attr-defined]

    def __del__(self) -> None:
        if not self._closed.is_set():
            self.close()


class OpenAIChat:
    """A ChatModel. ``base_url`` ends where ``/chat/completions`` begins; ``model`` is a name that the server
    lists."""

    def __init__(
        self, settings: ChatSettings, *, base_url: str, model: str, breaker: Breaker | None = None
    ) -> None:
        self._settings = settings
        self._breaker = breaker or Breaker("chat", base_url)
        self.base_url = base_url
        self._model = model
        self._lock = threading.Lock()
        self._chat: Any = None
        self._template_arguments = True  # until the server refuses them
        self._counts_asked = True  # likewise

    @property
    def name(self) -> str:
        return self._model

    def stream(self, messages: Sequence[ChatMessage]) -> Reply:
        """Raises (while iterated) ModelUnavailable."""
        wires: list[_Wire] = []
        closed = threading.Event()
        return Reply(wires, self._stream(messages, wires, closed), closed)

    def warm_up(self) -> None:
        """Imports the client (over a second) before the first question does. Sends nothing."""
        self._client()

    def _client(self) -> Any:
        with self._lock:
            if self._chat is None:
                import httpx

                limits = self._settings
                # No kept-alive connections: each reply has its own, to be shut without hurting another.
                client = httpx.Client(
                    timeout=httpx.Timeout(connect=limits.connect_timeout_s, read=None, write=30.0, pool=None),
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                    verify=_tls(),
                    event_hooks={"request": [_watch_connection]},
                )
                self._chat = _chat_class()(
                    base_url=self.base_url,
                    api_key=limits.api_key.get_secret_value() or "none",
                    model=self._model,
                    temperature=limits.temperature,
                    max_tokens=limits.max_tokens,
                    max_retries=0,
                    http_client=client,
                    stream_usage=False,  # decided with each request
                    use_responses_api=False,
                )
            return self._chat

    def _stream(
        self, messages: Sequence[ChatMessage], wires: list[_Wire], closed: threading.Event
    ) -> Iterator[Delta]:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay
        from tenacity import wait_random_exponential as backoff

        limits = self._settings
        self._client()  # the import takes longer than some limits: before their clocks start
        deadline = time.monotonic() + limits.total_timeout_s
        again = Retrying(
            retry=retry_if_exception(lambda error: not closed.is_set() and _is_transient(error)),
            stop=stop_after_attempt(limits.retries + 1) | stop_after_delay(limits.total_timeout_s),
            wait=backoff(multiplier=0.5, max=_MAX_BACKOFF_S),
            sleep=lambda seconds: _ignore(closed.wait(seconds)),
            reraise=True,
        )
        try:
            first, rest = again(self._begin, messages, wires, closed, deadline)
            if first is not None:
                yield first
                yield from rest
        except ModelUnavailable:
            if not closed.is_set():
                raise

    def _begin(
        self,
        messages: Sequence[ChatMessage],
        wires: list[_Wire],
        closed: threading.Event,
        deadline: float,
    ) -> tuple[Delta | None, Iterator[Delta]]:
        """One attempt, up to its first piece: what may be tried again."""
        wire = _Wire()
        wires[:] = [wire]
        if closed.is_set():
            return None, iter(())
        rest = self._once(messages, wire, deadline)
        try:
            with self._breaker.call(
                ModelUnavailable, lambda error: None if closed.is_set() else _is_outage(error)
            ):
                return next(rest, None), rest
        except ModelUnavailable as error:
            if self._counts_asked and _blames_stream_options(error):
                self._counts_asked = False
            elif self._template_arguments and _blames_template_arguments(error):
                self._template_arguments = False  # this server refuses what it does not know
            else:
                raise
            return self._begin(messages, wires, closed, deadline)

    def _once(self, messages: Sequence[ChatMessage], wire: _Wire, deadline: float) -> Iterator[Delta]:
        limits = self._settings
        # The connect limit comes on top: a server that cannot be reached at all is another fault.
        patience_s = limits.connect_timeout_s + limits.first_token_timeout_s
        first = threading.Timer(patience_s, wire.cut, ("first_token",))
        total = threading.Timer(max(0.0, deadline - time.monotonic()), wire.cut, ("total",))
        for timer in (first, total):
            timer.daemon = True
            timer.start()
        extra: dict[str, Any] = {}
        if self._template_arguments:
            extra["extra_body"] = {"chat_template_kwargs": {"enable_thinking": limits.enable_thinking}}
        splitter: ThinkSplitter | None = None
        finish_reason = ""
        usage: Usage | None = None
        reasoned = False
        chunks: Any = None
        try:
            chunks = self._client().stream(
                [(m.role, m.content) for m in messages], stream_usage=self._counts_asked, **extra
            )
            while (chunk := _next(chunks, wire)) is not None:
                thinking = chunk.additional_kwargs.get("reasoning_content", "")
                text = chunk.content if isinstance(chunk.content, str) else ""
                finish_reason = chunk.response_metadata.get("finish_reason") or finish_reason
                usage = _usage(chunk.usage_metadata) or usage
                if thinking or text:
                    first.cancel()
                if thinking:
                    reasoned = True
                    yield Delta(thinking=thinking)
                if text:
                    if splitter is None:
                        splitter = ThinkSplitter(inside=not reasoned and begins_inside(self._model))
                    yield from splitter.feed(text)
        except Exception as error:  # SDK, httpx and json raise their own kinds: each means the server failed
            raise self._explain(error, wire) from error
        finally:
            first.cancel()
            total.cancel()
            if chunks is not None:
                chunks.close()
        if splitter is not None:
            yield from splitter.finish()
        if wire.reason or not finish_reason:
            raise self._explain(None, wire)
        yield Delta(finish_reason=finish_reason, usage=usage)

    def _explain(self, error: Exception | None, wire: _Wire) -> ModelUnavailable:
        """The error tree's word for whatever ended the stream."""
        url, limits = self.base_url, self._settings
        if wire.reason == "first_token":
            return ModelUnavailable("chat.first_token", url=url, seconds=f"{limits.first_token_timeout_s:g}")
        if wire.reason == "total":
            return ModelUnavailable("chat.total", url=url, seconds=f"{limits.total_timeout_s:g}")
        if error is None or wire.reason:
            return ModelUnavailable("chat.cut", url=url)
        return explain(error, url, self._model)


_TRANSIENT = frozenset({"chat.unreachable", "chat.server_error", "chat.busy", "chat.cut"})
_OUTAGE = _TRANSIENT - {"chat.busy"} | {"chat.first_token", "chat.total", "chat.garbage"}


def _usage(told: Mapping[str, Any] | None) -> Usage | None:
    """What the server counted. Some send it with every piece, as it grows."""
    if not told or not told.get("input_tokens"):
        return None
    return Usage(int(told["input_tokens"]), int(told.get("output_tokens") or 0))


def _ignore(_: object) -> None:
    return None


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, ModelUnavailable) and error.code in _TRANSIENT


def _is_outage(error: BaseException) -> bool:
    """Whether the server cannot do its work; not when it refuses this request."""
    return not isinstance(error, ModelUnavailable) or error.code in _OUTAGE


def _next(chunks: Any, wire: _Wire) -> Any:
    """The next chunk. A generator's body runs in whoever iterates it: the wire is set for each step."""
    token = _WIRE.set(wire)
    try:
        return next(chunks, None)
    finally:
        _WIRE.reset(token)


def explain(error: BaseException, url: str, model: str) -> ModelUnavailable:
    """What an exception of the OpenAI SDK, httpx or json means, and what mends it."""
    import httpx
    import openai

    detail = " ".join(str(getattr(error, "message", "") or error).split())[:300]
    status = getattr(getattr(error, "response", None), "status_code", None)
    low = detail.lower()
    if status in (401, 403):
        return ModelUnavailable("chat.unauthorised", url=url, status=status)
    if status == 404:
        known = "model" in low or model.lower() in low
        return ModelUnavailable("chat.model_unknown" if known else "chat.not_found", url=url, model=model)
    if status == 429:
        return ModelUnavailable("chat.busy", url=url)
    if status is not None and status >= 500:
        return ModelUnavailable("chat.server_error", url=url, status=status, detail=detail)
    if status is not None:
        too_long = "context" in low or "too long" in low or ("maximum" in low and "token" in low)
        return ModelUnavailable("chat.too_long" if too_long else "chat.rejected", url=url, detail=detail)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return ModelUnavailable("chat.garbage", url=url, detail=detail)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
            return ModelUnavailable("chat.unreachable", url=url, detail=str(cause) or type(cause).__name__)
        if isinstance(cause, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
            return ModelUnavailable("chat.cut", url=url)
        cause = cause.__cause__
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailable("chat.unreachable", url=url, detail=detail)
    if isinstance(error, openai.APIError):  # an error sent inside the stream
        return ModelUnavailable("chat.server_error", url=url, status=200, detail=detail)
    return ModelUnavailable("chat.garbage", url=url, detail=f"{type(error).__name__}: {detail}")


def _blames_stream_options(error: ModelUnavailable) -> bool:
    detail = error.params.get("detail", "").lower()
    return error.code == "chat.rejected" and ("stream_options" in detail or "include_usage" in detail)


def _blames_template_arguments(error: ModelUnavailable) -> bool:
    if error.code != "chat.rejected":
        return False
    detail = error.params.get("detail", "").lower()
    return any(word in detail for word in ("chat_template_kwargs", "unrecognized", "unknown", "extra"))
