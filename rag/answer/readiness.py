"""What works, what is limited, and the one command that mends or improves it: for `wenju doctor` and the
page.

Promises: never raises and never waits long; each part is looked at by itself, so that one broken part hides
no other.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
from collections.abc import Callable
from typing import Protocol

from rag import monitoring
from rag.breaker import breakers
from rag.errors import WenjuError
from rag.load import LoadState
from rag.models.chat import ChatFinder
from rag.models.protocols import EmbeddingModel
from rag.records import CacheStatistics, Document, PartStatus, Principal
from rag.search.index import SearchIndex
from rag.settings import Settings

log = logging.getLogger(__name__)

START_VLLM = "vllm serve Qwen/Qwen3-8B --port 8000"
_LOW_DISK_GB = 2.0


class Engine(Protocol):
    """What is looked at: the part of :class:`rag.engine.Engine` that the checks use."""

    settings: Settings

    def chat_finder(self) -> ChatFinder: ...
    def embedding(self) -> EmbeddingModel: ...
    def search_index(self) -> SearchIndex: ...
    def documents(self, principal: Principal) -> list[Document]: ...
    def cache_statistics(self) -> CacheStatistics: ...
    def load_state(self) -> LoadState: ...


def part_statuses(engine: Engine) -> list[PartStatus]:
    """chat, embeddings, languages, index, store, disk, cache, answers, load, outside, ocr: in the order of
    what a reader notices first."""
    parts: tuple[tuple[str, Callable[[Engine], PartStatus]], ...] = (
        ("chat", _chat),
        ("embeddings", _embeddings),
        ("languages", _languages),
        ("index", lambda e: e.search_index().status()),
        ("store", _store),
        ("disk", _disk),
        ("cache", lambda e: e.search_index().cache.status()),
        ("answers", _answers),
        ("load", _load),
        ("outside", _outside),
        ("ocr", _ocr),
    )
    statuses: list[PartStatus] = []
    for name, look in parts:
        try:
            statuses.append(look(engine))
        except WenjuError as error:
            statuses.append(PartStatus(name, "broken", error.code, error.params))
        except Exception as error:
            log.exception("the check of %s failed", name)
            detail = f"{type(error).__name__}: {error}"[:300]
            statuses.append(PartStatus(name, "broken", "answer.check_failed", {"detail": detail}))
    spans = monitoring.status(engine.settings)
    return [*statuses, spans] if spans is not None else statuses


def _chat(engine: Engine) -> PartStatus:
    found = engine.chat_finder().find()
    if found.problem is not None:
        remedy = found.problem.params.get("command", "")
        if found.problem.code == "chat.unreachable":
            remedy = START_VLLM
        return PartStatus("chat", "broken", found.problem.code, found.problem.params, remedy)
    if found.model is None:
        if engine.settings.chat.kind == "extractive":
            return PartStatus("chat", "off", "chat.chosen_none")
        return PartStatus("chat", "limited", "chat.none", remedy=START_VLLM)
    params = {"model": found.model.name, "url": found.url}
    return PartStatus("chat", "ok", "chat.ok" if found.url else "chat.ok_in_process", params)


def _embeddings(engine: Engine) -> PartStatus:
    model = engine.embedding()
    spec = model.spec("")
    params = {
        "model": spec.model,
        "dimension": str(spec.dimension),
        "max_tokens": str(spec.max_tokens),
        "languages": _listed(spec.languages),
    }
    return PartStatus("embeddings", "ok", "answer.embeddings_ok", params)


def _languages(engine: Engine) -> PartStatus:
    """Whether the embedding model reads the languages of the library."""
    from rag.access import LOCAL

    model = engine.embedding()
    held = {d.language for d in engine.documents(LOCAL) if d.status == "ready"} - {"other"}
    blind = sorted(language for language in held if not model.covers(language))
    name = model.spec("").model
    if not blind:
        return PartStatus("languages", "ok", "answer.languages_ok", {"model": name})
    params = {"model": name, "languages": _listed(blind)}
    return PartStatus(
        "languages", "limited", "answer.languages_uncovered", params, "WENJU_EMBEDDING__KIND=flag "
        "WENJU_EMBEDDING__MODEL=BAAI/bge-m3 wenju reindex",
    )  # fmt: skip


def _store(engine: Engine) -> PartStatus:
    from rag.access import LOCAL

    documents = engine.documents(LOCAL)
    url = engine.settings.resolved_database_url
    params = {
        "documents": str(len(documents)),
        "ready": str(sum(d.status == "ready" for d in documents)),
        "database": url.split(":", 1)[0].split("+")[0],
    }
    return PartStatus("store", "ok", "answer.store_ok", params)


def _disk(engine: Engine) -> PartStatus:
    free_gb = shutil.disk_usage(engine.settings.data_dir).free / 2**30
    params = {"folder": str(engine.settings.data_dir), "free_gb": f"{free_gb:.1f}"}
    if free_gb < _LOW_DISK_GB:
        return PartStatus("disk", "limited", "answer.disk_low", params)
    return PartStatus("disk", "ok", "answer.disk_ok", params)


def _answers(engine: Engine) -> PartStatus:
    """What giving kept answers again came to, since this process began."""
    found = engine.cache_statistics()
    params = {
        "hits": str(found.hits),
        "asked": str(found.hits + found.misses),
        "rate": f"{(found.hit_rate or 0) * 100:.0f}",
        "tokens": str(found.saved_prompt_tokens + found.saved_completion_tokens),
        "refused": str(found.refused),
    }
    if not found.on:
        return PartStatus("answers", "off", "kept.off")
    if found.refused:
        return PartStatus("answers", "limited", "kept.refused", params)
    return PartStatus("answers", "ok", "kept.ok", params)


def _load(engine: Engine) -> PartStatus:
    found = engine.load_state()
    params = {
        "running": str(found.running),
        "limit": str(found.limit),
        "waiting": str(found.waiting),
        "users": str(found.waiting_users),
        "seconds": str(found.retry_after_s),
    }
    if found.draining:
        return PartStatus("load", "limited", "load.draining", params)
    return PartStatus("load", *(("limited", "load.full") if found.waiting else ("ok", "load.ok")), params)


def _outside(_: Engine) -> PartStatus:
    """Outside systems that this process leaves alone for a while."""
    known = breakers()
    alone = [b for b in known if b.state != "closed"]
    if not alone:
        return PartStatus("outside", "ok", "breaker.all_closed", {"count": str(len(known))})
    systems = "; ".join(f"{b.part} {b.url} ({b.problem})" for b in alone)
    return PartStatus("outside", "limited", "breaker.some_open", {"systems": systems})


def _ocr(engine: Engine) -> PartStatus:
    """Scanned pages need a reader of pictures, which this version does not have."""
    if importlib.util.find_spec("rapidocr") is not None or shutil.which("tesseract"):
        return PartStatus("ocr", "off", "answer.ocr_unused")
    return PartStatus("ocr", "off", "answer.ocr_off", remedy="ocrmypdf INPUT.pdf OUTPUT.pdf")


def _listed(languages: object) -> str:
    names = list(languages)  # type: ignore[call-overload]
    return "*" if "*" in names else ", ".join(names)
