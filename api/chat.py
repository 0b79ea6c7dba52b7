"""``/v1/chat/completions`` and ``/v1/models``: any OpenAI client asks the library.

A collection is a model. An answer streams as it is written or comes whole; either way it ends with the
evidence (``wenju``), and a client that leaves stops the writing upstream.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.gate import Asker, Who
from api.openai_shapes import ChatCompletion, ChatRequest, Choice, ModelOut, Models, Reply, UsageOut
from api.pipe import Pipe, Pipes
from api.problems import ApiError, body_of, language_of, status_of
from api.shapes import Evidence
from rag.errors import WenjuError
from rag.records import Answer, Done, Event, Passage, Principal, Retrieved, Rewritten, Thinking, Token

if TYPE_CHECKING:
    import threading

    from rag.engine import Engine

router = APIRouter(tags=["OpenAI-compatible"])

ALL = "wenju"
_PING_S = 15.0
_CODE_OF_UNEXPECTED = "api.unexpected"


def resolve(
    model: str, collections: Sequence[tuple[int, str]], styles: Sequence[str]
) -> tuple[list[int] | None, str | None]:
    """(ids of the collections, style) that a model's name means. Raises ApiError("api.no_model")."""
    by_name = {name: key for key, name in collections}
    candidates: list[tuple[str, str | None]] = [(model, None)]
    bare, colon, style = model.rpartition(":")
    if colon:
        candidates.append((bare, style))
    for name, chosen in candidates:
        if chosen is not None and chosen not in styles:
            continue
        if name == ALL:
            return None, chosen
        if name.startswith(f"{ALL}/") and name.removeprefix(f"{ALL}/") in by_name:
            return [by_name[name.removeprefix(f"{ALL}/")]], chosen
    raise ApiError(404, "api.no_model", model=model[:200])


def names_of(engine: Engine, principal: Principal) -> list[str]:
    """Every model's name that means something to the principal."""
    styles = engine.prompt_uses()
    bare = [ALL, *(f"{ALL}/{c.name}" for c in engine.collections(principal))]
    return [name for b in bare for name in (b, *(f"{b}:{style}" for style in styles))]


@router.get("/models")
def list_models(request: Request, principal: Who) -> Models:
    return Models(data=[ModelOut(id=name) for name in names_of(request.app.state.engine, principal)])


@router.get("/models/{model:path}")
def show_model(request: Request, principal: Who, model: Annotated[str, Path(max_length=400)]) -> ModelOut:
    if model not in names_of(request.app.state.engine, principal):
        raise ApiError(404, "api.no_model", model=model[:200])
    return ModelOut(id=model)


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses={200: {"description": "whole, or with `stream` as server-sent events of OpenAI's chunks"}},
)
async def complete(request: Request, asked: ChatRequest, principal: Asker) -> Response:
    """Asks the library. The last user message is the question; earlier messages are its context."""
    engine: Engine = request.app.state.engine
    pipes: Pipes = request.app.state.pipes
    ignored = asked.refused_and_ignored()
    earlier, question = asked.talk()
    start = await run_in_threadpool(
        _question, engine, principal, asked, question, earlier, request.state.request_id
    )
    pipe = pipes.start(start)
    writer = _Writer(asked, language_of(request.headers), request.state.request_id, ignored, pipe)
    try:
        begun = await _first(request, pipe)
    except BaseException:
        pipe.leave()
        raise
    if not asked.stream:
        try:
            return await writer.whole(request, begun)
        finally:
            pipe.leave()
    stall_s = engine.settings.api.stall_s
    return _Stream(writer.chunks(begun), stall_s, pipe.leave)


def _question(
    engine: Engine,
    principal: Principal,
    asked: ChatRequest,
    question: str,
    earlier: Sequence[tuple[str, str]],
    request_id: str,
) -> Callable[[threading.Event], Iterator[Event]]:
    """The question, ready to be asked; what it names is checked here."""
    known = [(c.id, c.name) for c in engine.collections(principal)]
    collections, style = resolve(asked.model, known, engine.prompt_uses())
    more = asked.wenju

    def start(stop: threading.Event) -> Iterator[Event]:
        return engine.ask(
            question,
            principal,
            conversation_id=more.conversation_id,
            collection_ids=collections,
            document_ids=more.document_ids,
            ignored_chips=more.ignored_chips,
            anew=more.anew,
            stop=stop,
            use=more.style or style,
            request_id=request_id,
            earlier=() if more.conversation_id is not None else earlier,
        )

    return start


async def _first(request: Request, pipe: Pipe[Event]) -> list[Event]:
    """Events up to the first that shows something, so that what fails before it has a status of its own."""
    begun: list[Event] = []
    while all(isinstance(event, Rewritten) for event in begun):
        events = await _unless_gone(request, pipe)
        if not events:
            break
        begun.extend(events)
    return begun


async def _unless_gone(request: Request, pipe: Pipe[Event]) -> list[Event]:
    """The next events. Raises ClientDisconnect once the client has left."""
    taking = asyncio.ensure_future(pipe.take())
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({taking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if taking.done():
            return taking.result()
        raise ClientDisconnect
    finally:
        for task in (taking, leaving):
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Writer:
    """Makes OpenAI's shapes of one answer's events."""

    def __init__(
        self, asked: ChatRequest, language: str, request_id: str, ignored: list[str], pipe: Pipe[Event]
    ) -> None:
        self._asked, self._language, self._request_id = asked, language, request_id
        self._ignored, self._pipe = ignored, pipe
        self._id, self._created = f"chatcmpl-{request_id}", int(time.time())

    async def whole(self, request: Request, begun: list[Event]) -> Response:
        events = begun
        answer: Answer | None = None
        while events:
            answer = next((e.answer for e in events if isinstance(e, Done)), answer)
            events = await _unless_gone(request, self._pipe)
        assert answer is not None  # the engine's promise: Done ends every question
        usage = _usage(answer)
        completion = ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._asked.model,
            choices=[
                Choice(
                    message=Reply(content=answer.text, reasoning_content=answer.thinking or None),
                    finish_reason=_finish_reason(answer),
                )
            ],
            usage=UsageOut(**usage),
            system_fingerprint=_fingerprint(answer),
            wenju=self._evidence(answer),
        )
        return JSONResponse(completion.model_dump(mode="json"))

    async def chunks(self, begun: list[Event]) -> AsyncIterator[str]:
        """Server-sent events. An error after the first is told inside the stream."""
        yield self._chunk({"role": "assistant", "content": ""})
        events = begun
        try:
            while events:
                for event in events:
                    for chunk in self._chunks_of(event):
                        yield chunk
                while True:
                    try:
                        async with asyncio.timeout(_PING_S):
                            events = await self._pipe.take()
                        break
                    except TimeoutError:
                        yield ": still working\n\n"
        except WenjuError as error:
            yield self._problem(status_of(error), error.code, dict(error.params))
        except Exception:
            import logging

            logging.getLogger(__name__).exception("request %s failed", self._request_id)
            yield self._problem(500, _CODE_OF_UNEXPECTED, {"request_id": self._request_id})
        yield "data: [DONE]\n\n"

    def _chunks_of(self, event: Event) -> Iterator[str]:
        match event:
            case Token(text=text):
                yield self._chunk({"content": text})
            case Thinking(text=text):
                yield self._chunk({"reasoning_content": text})
            case Retrieved(passages=passages):
                shown = [_passage(p) for p in passages] if self._asked.wenju.passages else []
                yield self._chunk({}, wenju={"event": "retrieved", "passages": shown})
            case Done(answer=answer):
                evidence = self._evidence(answer).model_dump(mode="json")
                yield self._chunk(
                    {},
                    finish_reason=_finish_reason(answer),
                    system_fingerprint=_fingerprint(answer),
                    wenju=evidence,
                )
                options = self._asked.stream_options
                if options is not None and options.include_usage:
                    yield self._line({"choices": [], "usage": _usage(answer)})

    def _evidence(self, answer: Answer) -> Evidence:
        found = Evidence.of(answer, self._language, self._request_id, self._ignored)
        return found if self._asked.wenju.passages else found.model_copy(update={"passages": ()})

    def _chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return self._line({"choices": [choice], **more})

    def _line(self, body: dict[str, Any]) -> str:
        head = {"id": self._id, "object": "chat.completion.chunk", "created": self._created}
        return f"data: {json.dumps({**head, 'model': self._asked.model, **body}, ensure_ascii=False)}\n\n"

    def _problem(self, status: int, code: str, params: dict[str, str]) -> str:
        body = body_of(
            status, code, params, language=self._language, request_id=self._request_id, openai=True
        )
        return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


class _Stream(StreamingResponse):
    """Ends what is written for a reader that left or takes nothing for ``stall_s``."""

    def __init__(self, chunks: AsyncIterator[str], stall_s: float, leave: Callable[[], None]) -> None:
        super().__init__(chunks, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._stall_s, self._leave = stall_s, leave

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            async with asyncio.timeout(self._stall_s):
                await send(message)

        try:
            await super().__call__(scope, receive, sending)
        except TimeoutError as error:
            raise ClientDisconnect from error
        finally:
            self._leave()


def _passage(passage: Passage) -> dict[str, Any]:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Passage] = TypeAdapter(Passage)
    shown: dict[str, Any] = adapter.dump_python(passage, mode="json")
    return shown


def _finish_reason(answer: Answer) -> Any:
    return "length" if answer.incomplete else "stop"


def _fingerprint(answer: Answer) -> str:
    return f"turn-{answer.turn_id}" if answer.turn_id is not None else "turn-none"


def _usage(answer: Answer) -> dict[str, int]:
    """As the chat server counted; an answer of quotes took no tokens."""
    used = answer.usage
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }
