"""What can be asked: the product under settings, its search alone, a model without documents, any server.

========== =========================================================================================
kind       options
========== =========================================================================================
answer     ``use`` (prompt), ``within=document`` (only the files that the question is about), settings
retrieval  ``top_k`` (10), ``legs`` (``dense``, ``lexical``, ``dense+lexical``), ``within``, settings
closed_book the chat model without any passage; settings
endpoint   ``url``, ``model`` (OpenAI-compatible), ``passages=true`` (ours, in our prompt), ``within``
ranking    ``path`` of a TREC run file: what another search found, by passage id
========== =========================================================================================

Settings are keys with a dot of the sections search, reranker, chat and answer: ``search.top_k=4``. A question
that brings contexts along is asked of them alone.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr, ValidationError

import rag
from evaluation.datasets import Question, explain, passage_file
from evaluation.runs import Found, Output, Quoted, SystemSpec, SystemSpecError, fingerprint, found
from evaluation.scoring import sounds_refused
from rag.errors import ModelUnavailable, WenjuError
from rag.records import Document, Done, Passage, Principal
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.models.protocols import ChatModel

SECTIONS = ("search", "reranker", "chat", "answer")
OPTIONS: Mapping[str, frozenset[str]] = {
    "answer": frozenset({"use", "within"}),
    "retrieval": frozenset({"top_k", "legs", "within"}),
    "closed_book": frozenset(),
    "endpoint": frozenset({"url", "model", "passages", "within", "key_env", "top_k"}),
    "ranking": frozenset({"path"}),
}
NO_CHAT_MODEL = "eval.no_chat_model"

_CLOSED_BOOK = {
    "en": "Answer the question from what you know, in as few words as possible: the figure with its unit, or "
    "the name. If you do not know, say that you do not know.",
    "zh": "根据你自己的知识回答问题，尽量简短：只写数字（带单位）或名称。如果不知道，请直接说不知道。",
}


class System(Protocol):
    """``identity``: everything that can change what it says; JSON."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def ask(self, question: Question, stop: threading.Event) -> Output:
        """Raises ModelUnavailable when a model is away: asking again later may help. Safe to call from
        several threads."""
        ...


@dataclass(frozen=True, slots=True)
class Library:
    """The documents that may be asked, by file name."""

    documents: tuple[Document, ...]
    ids: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, engine: Engine, principal: Principal, collection: str = "") -> Library:
        """The ready documents of the principal's scope, or of one collection of it."""
        documents = tuple(
            d for d in engine.documents(principal) if d.status == "ready" and collection in ("", d.collection)
        )
        ids: dict[str, tuple[int, ...]] = {}
        for document in documents:
            ids[document.name] = (*ids.get(document.name, ()), document.id)
        return cls(documents, ids)

    @property
    def sha256(self) -> str:
        """Names what is in it: files and their bytes."""
        lines = sorted(f"{d.name}\t{d.sha256}" for d in self.documents)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def missing(self, question: Question) -> list[str]:
        """Files that the question needs and that are not here. A question that must be refused needs none."""
        contexts = [passage_file(context.id) for context in question.contexts]
        needed = contexts or ([] if question.expect_refusal else sorted(question.documents))
        return [name for name in needed if name not in self.ids]

    def scope(self, question: Question, *, within: bool) -> list[int] | None:
        """Ids of the documents to be searched: the question's contexts, or, ``within``, the files it is
        about; None for all."""
        names: Iterable[str] = [passage_file(context.id) for context in question.contexts]
        if not question.contexts:
            names = question.about if within else ()
        ids = [i for name in names for i in self.ids.get(name, ())]
        return ids or None


def build(
    spec: SystemSpec,
    engine: Engine,
    principal: Principal,
    library: Library,
    *,
    collection: str = "",
    keys: Mapping[str, SecretStr] | None = None,
) -> System:
    """The system that ``spec`` names. ``keys``: API keys by system name. Raises SystemSpecError for options
    that it does not have, and for settings that do not exist or need the library to be indexed anew."""
    _check_options(spec)
    settings = overridden(engine.settings, spec)
    variant = engine if settings == engine.settings else engine.variant(settings)
    asked = _Asked(spec, variant, principal, library, collection)
    if spec.kind == "answer":
        return AnswerSystem(asked)
    if spec.kind == "retrieval":
        return RetrievalSystem(asked)
    if spec.kind == "ranking":
        return RankingSystem(asked)
    if spec.kind == "closed_book":
        return ChatSystem(asked, lambda: variant.chat_finder().find().model, passages=False)
    model = _endpoint(spec, settings, (keys or {}).get(spec.name))
    return ChatSystem(asked, lambda: model, passages=spec.options.get("passages", "false") == "true")


def _check_options(spec: SystemSpec) -> None:
    for key in spec.options:
        section = key.partition(".")[0]
        if "." in key and section not in SECTIONS:
            problem = f"{key} is not in the sections {', '.join(SECTIONS)} (others need `wenju reindex`)"
            raise SystemSpecError("eval.bad_system", system=spec.name, problem=problem)
        if "." not in key and key not in OPTIONS[spec.kind]:
            known = ", ".join(sorted(OPTIONS[spec.kind])) or "none"
            problem = f"{spec.kind} has no option {key} (it has: {known}, and settings such as search.top_k)"
            raise SystemSpecError("eval.bad_system", system=spec.name, problem=problem)
    if spec.kind == "endpoint" and not spec.options.get("url", "").startswith(("http://", "https://")):
        raise SystemSpecError("eval.bad_system", system=spec.name, problem="endpoint needs url=http://.../v1")
    if spec.options.get("within", "document") not in ("document", "library"):
        raise SystemSpecError("eval.bad_system", system=spec.name, problem="within is document or library")


def overridden(settings: Settings, spec: SystemSpec) -> Settings:
    """``settings`` with the system's. Raises SystemSpecError naming the key."""
    sections: dict[str, dict[str, str]] = {}
    for key, value in spec.options.items():
        section, dot, name = key.partition(".")
        if dot:
            sections.setdefault(section, {})[name] = value
    changed: dict[str, Any] = {}
    for section, values in sections.items():
        before = getattr(settings, section)
        try:
            changed[section] = type(before).model_validate({**dict(before), **values})
        except ValidationError as error:
            field, problem = explain(error)
            raise SystemSpecError(
                "eval.bad_system", system=spec.name, problem=f"{section}.{field}: {problem}"
            ) from error
    return settings.model_copy(update=changed) if changed else settings


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every system needs."""

    spec: SystemSpec
    engine: Engine
    principal: Principal
    library: Library
    collection: str

    def scope(self, question: Question) -> dict[str, Any]:
        """Arguments of Engine.ask and Engine.search."""
        within = self.spec.options.get("within") == "document"
        documents = self.library.scope(question, within=within)
        if documents is not None:
            return {"document_ids": documents}
        if not self.collection:
            return {}
        ids = [c.id for c in self.engine.collections(self.principal) if c.name == self.collection]
        return {"collection_ids": ids}

    def identity(self, **more: Any) -> dict[str, Any]:
        settings = self.engine.settings
        chosen = {
            name: getattr(settings, name).model_dump(mode="json", exclude={"api_key"}) for name in SECTIONS
        }
        options = {k: v for k, v in self.spec.options.items() if k != "key_env"}
        return {
            "kind": self.spec.kind,
            "options": options,
            "settings": chosen,
            "embedding": _embedding(self.engine),
            "library": self.library.sha256,
            "collection": self.collection,
            "code": code_version(),
            **more,
        }


class AnswerSystem:
    """The whole product: Engine.ask. Nothing is logged as a turn."""

    def __init__(self, asked: _Asked) -> None:
        self.name = asked.spec.name
        self._asked = asked
        self._use = asked.spec.options.get("use")
        chat = asked.engine.chat_finder().find()
        self._chat_wanted = any(key.startswith("chat.") for key in asked.spec.options)
        shares = asked.engine.adapter_shares() if chat.model else {}
        self.identity = asked.identity(
            model=chat.model.name if chat.model else "",
            prompt=_prompt_versions(asked, self._use),
            **({"adapters": shares} if shares else {}),
        )

    def ask(self, question: Question, stop: threading.Event) -> Output:
        asked = self._asked
        arguments: dict[str, Any] = asked.scope(question)
        for event in asked.engine.ask(
            question.question, asked.principal, log=False, stop=stop, use=self._use, anew=True, **arguments
        ):
            if isinstance(event, Done):
                said = [d for d in event.answer.degraded if d.part == "chat" and d.code != "chat.length"]
                if said and self._chat_wanted:  # quotes must not pass for the model's answer
                    if said[0].code == "chat.empty":  # it was asked and said nothing
                        return Output(error=said[0].code, model=event.answer.model)
                    raise ModelUnavailable(said[0].code, **said[0].params)
                return Output.of_answer(event.answer, asked.engine.settings.search.top_k)
        raise AssertionError("Engine.ask ended without Done")


def _prompt_versions(asked: _Asked, use: str | None) -> str:
    """What a model is told, in both languages. Raises SystemSpecError for an unknown use."""
    from rag.answer.prompt_library import PromptLibrary

    engine = asked.engine
    known = engine.prompt_uses()
    if use is not None and use not in known:
        problem = f"use is one of {', '.join(known)}"
        raise SystemSpecError("eval.bad_system", system=asked.spec.name, problem=problem)
    chosen = use or engine.settings.answer.prompt_use
    if chosen not in known:
        return ""
    return "+".join(prompt.version for prompt in PromptLibrary(engine.store).pair(chosen).values())


class RetrievalSystem:
    """Search alone: Engine.search."""

    def __init__(self, asked: _Asked) -> None:
        self.name = asked.spec.name
        self._asked = asked
        self._top_k = int(asked.spec.options.get("top_k", "10"))
        self._legs = tuple(asked.spec.options.get("legs", "dense+lexical").split("+"))
        if not set(self._legs) <= {"dense", "lexical"}:
            raise SystemSpecError(
                "eval.bad_system", system=self.name, problem="legs are dense, lexical or dense+lexical"
            )
        self.identity = asked.identity(legs=list(self._legs), top_k=self._top_k)

    def ask(self, question: Question, stop: threading.Event) -> Output:
        started = time.perf_counter()
        result = self._asked.engine.search(
            question.question,
            self._asked.principal,
            top_k=self._top_k,
            legs=self._legs,  # type: ignore[arg-type]
            **self._asked.scope(question),
        )
        return Output(
            mode="retrieval",
            passages=found(result.passages),
            timings_ms={**result.timings_ms, "total": (time.perf_counter() - started) * 1000},
            degraded=tuple(dict.fromkeys(event.code for event in result.degraded)),
            retrieved_only=True,
            depth=self._top_k,
        )


class RankingSystem:
    """Another search's ranking, read from a TREC run file: measured, not asked."""

    def __init__(self, asked: _Asked) -> None:
        from evaluation.readers import read_trec_run

        self.name = asked.spec.name
        path = Path(asked.spec.options.get("path", ""))
        self._ranked = read_trec_run(path)
        self._depth = max(map(len, self._ranked.values()), default=0)
        self.identity = {"kind": "ranking", "ranking": hashlib.sha256(path.read_bytes()).hexdigest()}

    def ask(self, question: Question, stop: threading.Event) -> Output:
        ranked = self._ranked.get(question.id, [])
        passages = tuple(Found(passage_file(name), 1, 1, score=score) for name, score in ranked)
        return Output(mode="retrieval", passages=passages, retrieved_only=True, depth=self._depth)


class ChatSystem:
    """A chat model asked the question alone, or with our passages in our prompt. Without a model every answer
    is empty, and says so."""

    def __init__(self, asked: _Asked, model: Callable[[], ChatModel | None], *, passages: bool) -> None:
        from rag.answer import prompts

        self.name = asked.spec.name
        self._asked = asked
        self._model = model
        self._passages = passages
        self._top_k = int(asked.spec.options.get("top_k", asked.engine.settings.search.top_k))
        now = model()
        wording = (
            prompts.training_version()
            if passages
            else hashlib.sha256(repr(_CLOSED_BOOK).encode()).hexdigest()
        )
        self.identity = asked.identity(model=now.name if now else "", passages=passages, prompt=wording)

    def ask(self, question: Question, stop: threading.Event) -> Output:
        from rag.answer import prompts
        from rag.models.protocols import ChatMessage

        model = self._model()
        if model is None:
            return Output(mode="closed_book", refused=True, degraded=(NO_CHAT_MODEL,))
        started = time.perf_counter()
        passages: Sequence[Passage] = ()
        if self._passages:
            asked = self._asked
            result = asked.engine.search(
                question.question, asked.principal, top_k=self._top_k, **asked.scope(question)
            )
            passages = prompts.fit(list(result.passages), asked.engine.settings.chat.context_tokens)
            messages = prompts.build(question.question, passages)
        else:
            language = prompts.prompt_language(question.question)
            messages = [
                ChatMessage("system", _CLOSED_BOOK[language]),
                ChatMessage("user", question.question),
            ]
        text = _said(model, messages, stop)
        return Output(
            text=text,
            refused=prompts.is_refusal(text) or sounds_refused(text),
            mode="generative" if self._passages else "closed_book",
            model=model.name,
            citations=_cited(text, passages),
            passages=found(passages),
            timings_ms={"total": (time.perf_counter() - started) * 1000},
            incomplete=stop.is_set(),
            depth=self._top_k if self._passages else 0,
        )


def _said(model: ChatModel, messages: Any, stop: threading.Event) -> str:
    pieces = []
    reply: Any = model.stream(messages)
    try:
        for delta in reply:
            pieces.append(delta.text)
            if stop.is_set():
                break
    finally:
        close = getattr(reply, "close", None)
        if close is not None:
            close()
    return "".join(pieces).strip()


def _cited(text: str, passages: Sequence[Passage]) -> tuple[Quoted, ...]:
    """The passages that [n] in the text points at."""
    markers = dict.fromkeys(int(n) for n in re.findall(r"\[(\d{1,3})\]", text))
    return tuple(
        Quoted(p.document, p.page_start, p.page_end, "", n)
        for n in markers
        if 1 <= n <= len(passages)
        for p in (passages[n - 1],)
    )


def _endpoint(spec: SystemSpec, settings: Settings, key: SecretStr | None) -> ChatModel:
    """Raises ModelUnavailable when the server does not answer or lists no such model."""
    from rag.models.chat import ChatFinder

    chat = settings.chat.model_copy(
        update={
            "kind": "openai",
            "base_url": spec.options["url"],
            "model": spec.options.get("model", ""),
            "api_key": key or SecretStr(""),
        }
    )
    looked = ChatFinder(settings.model_copy(update={"chat": chat})).find()
    if looked.model is None:
        raise looked.problem or ModelUnavailable("chat.no_models", url=spec.options["url"])
    return looked.model


def _embedding(engine: Engine) -> dict[str, Any]:
    """What the library's vectors were made with."""
    try:
        spec = engine.embedding().spec("")
    except WenjuError as error:
        return {"missing": error.code}
    return {name: getattr(spec, name) for name in ("model", "revision", "dimension", "max_tokens")}


@lru_cache(maxsize=1)
def code_version() -> str:
    """Names the code that answers: a hash of every source file of rag."""
    digest = hashlib.sha256()
    folder = Path(rag.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def describe(system: System, spec: SystemSpec) -> dict[str, Any]:
    """As kept with a run."""
    return {**spec.to_json(), "fingerprint": fingerprint(system.identity), "identity": dict(system.identity)}
