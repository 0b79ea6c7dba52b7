"""Search: dense and lexical candidates inside the scope, fused, reranked, loaded from the store.

Promises: a chunk outside the scope is never a candidate; a passage is loaded from the store inside the scope
at the end, so deleted text never comes back; whatever is missing (another embedding model, a model that
fails or does not cover the query's language, a busy index, a failing reranker) is said as ``Degraded`` and
the rest answers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from rag.budget import within
from rag.cache import Cache, cache_key, open_cache
from rag.errors import WenjuError
from rag.models.backends import cores
from rag.models.protocols import EmbeddingModel, Reranker, Vectors
from rag.records import Degraded, EmbeddingSpec, PartStatus, Passage, Scope, StoredChunk, Understood
from rag.search import files
from rag.search.cached_vector import CACHED_VECTOR, decode_vector, encode_vector
from rag.search.choosing import few_of_each, page_by_page, with_parts, without_repeats
from rag.search.fusion import reciprocal_rank_fusion
from rag.search.light import RERANKED, rerank_lightly, understand
from rag.search.own_terms import OwnTermLibrary
from rag.search.parts import parts_of
from rag.search.query_terms import MAX_CHARS, LexicalQuery, expansion_of, lexical_query, query_terms
from rag.search.understanding import Meant
from rag.search.views import View, Views
from rag.settings import Settings
from rag.text.language import detect_language
from rag.tracing import span

if TYPE_CHECKING:
    from rag.store import Store
    from rag.vocabulary.additions import Term

log = logging.getLogger(__name__)

T = TypeVar("T")
LEGS = ("dense", "lexical")
REINDEX = "wenju reindex"
TIER_WEIGHTS = {"": 1.0, " named": 1.0, " best named": 1.0}
"""Weights of the whole scope, the documents that the question names, and those that fit it best."""
NAME_WEIGHT = 0.25
"""Weight of the terms that name documents, when those documents are searched."""
UNCOVERED_DENSE_WEIGHT = 0.0
"""Weight of the dense leg for a query in a language that the embedding model was not trained on."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """``passages`` best first. ``timings_ms``: embed, dense, lexical, fuse, rerank (when on), load, total."""

    passages: tuple[Passage, ...]
    degraded: tuple[Degraded, ...]
    timings_ms: dict[str, float]
    understood: Understood = field(default_factory=Understood)


class SearchIndex:
    """Both views of one store. Thread-safe; one instance a process."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        embedding: Callable[[], EmbeddingModel],
        *,
        reranker: Callable[[], Reranker | None] | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._embedding = embedding
        self._load_reranker = reranker
        self._reranker: Reranker | None = None
        self._reranker_known = False
        self._reranker_lock = threading.Lock()
        self._cache = cache or open_cache(settings)
        self._views = Views(store, settings)
        self._own_terms = OwnTermLibrary(store)
        # Searches wait for Python's lock whenever they come back from FAISS, tantivy or SQLite; with more
        # of them at once than cores, each wait is a switch interval (5 ms) for every one before it.
        self._at_once = threading.BoundedSemaphore(cores(0))

    def refresh(self) -> int:
        """Catches up with the store; answers the generation searched from here on. Raises StoreError."""
        return self._views.refresh()

    def close(self) -> None:
        """Snapshots what is unsaved. Safe to call twice."""
        self._views.close()

    def meaning(self, question: str, scope: Scope) -> tuple[Vectors, frozenset[str]] | None:
        """The vector of a question and the keys of the chips that it is understood to name; None when there
        is no index or the embedding model does not answer, or not read its language. Raises StoreError."""
        view = self._views.current()
        missing: list[Degraded] = []
        if view is None or self._dense_weight(question, view, True, missing) <= 0 or missing:
            return None
        vector = self._embed(question, view.spec, missing)
        if vector is None:
            return None
        meant = view.library.subjects(scope).understand(question)
        return vector, frozenset(chip.key for chip in meant.chips)

    def basis(self) -> tuple[str, int] | None:
        """What is searched now: (fingerprint of the index's embedding model, generation of the store that
        both views are at). None while there is no index or one of them is behind. Raises StoreError."""
        view = self._views.current()
        if view is None or view.lexical is None or view.lexical.generation < view.dense_generation:
            return None
        return files.spec_fingerprint(view.spec), view.dense_generation

    def reranker_name(self) -> str:
        """The model that has the last word; "" for none, also when it cannot be loaded."""
        if not self._reranks():
            return ""
        try:
            found = self._get_reranker()
        except WenjuError:
            return ""
        return found.name if found is not None else ""

    @property
    def own_terms(self) -> OwnTermLibrary:
        return self._own_terms

    @property
    def cache(self) -> Cache:
        return self._cache

    # -- searching -------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        scope: Scope,
        *,
        top_k: int,
        legs: Sequence[str] = LEGS,
        ignored_chips: Collection[str] = (),
    ) -> SearchResult:
        """The ``top_k`` best passages inside the scope, best first. ``score`` is the fused score: the
        sum over legs of weight / (rrf_k + rank). ``ignored_chips`` are keys of what the query names and
        must not favour. Finding nothing is a result. Raises StoreError, and ValueError for an unknown leg."""
        unknown = set(legs) - set(LEGS)
        if unknown or not legs:
            raise ValueError(f"legs are {LEGS}, found {tuple(legs)}")
        clock = _Clock()
        query = " ".join(query.replace("\0", " ").split())[:MAX_CHARS]
        if top_k <= 0 or not query or not scope.collection_ids or scope.document_ids == frozenset():
            return SearchResult((), (), clock.done())
        view = self._views.current()
        if view is None:
            return SearchResult((), (), clock.done())
        asked = query_terms(query)
        meant = view.library.subjects(scope).understand(query, asked, ignored_chips)
        own = self._own_terms.terms(scope)
        added = expansion_of(query, own).shown
        understood = replace(meant.understood([query], ignored_chips), added=added)
        degraded: list[Degraded] = []
        vector, weight = None, 0.0
        if "dense" in legs:
            weight = self._settings.search.dense_weight
            weight *= self._dense_weight(query, view, "lexical" in legs, degraded)
            if weight > 0:
                with clock.part("embed"):  # not behind the gate: queries that wait here share a batch
                    vector = self._embed(query, view.spec, degraded)
        with self._at_once:
            rankings, weights, scores = self._candidates(
                lexical_query(query, own), meant, vector, weight, view, scope, legs,
                max(self._settings.search.candidates, 2 * top_k), clock, degraded,
            )  # fmt: skip
            with clock.part("fuse"):
                fused = reciprocal_rank_fusion(rankings, weights, self._settings.search.rrf_k)
            logits: dict[int, float] = {}
            if self._settings.reranker.kind != "off" and set(legs) == set(LEGS):
                with clock.part("light"):
                    fused, logits = self._rerank_lightly(
                        query, asked, meant, fused, scores, view, degraded, own
                    )
            if meant.sure:
                fused = _named_first(fused, rankings)
            if not self._reranks():
                with clock.part("settle"):
                    fused = self._settled(query, asked, meant, fused, scores, view, top_k)
                with clock.part("load"):
                    passages = self._load(fused, scope, top_k, scores, logits)
                return SearchResult(tuple(passages), tuple(degraded), clock.done(), understood)
        fused, logits = self._rerank(query, fused, logits, scope, clock, degraded)
        fused = self._settled(query, asked, meant, fused, scores, view, top_k)
        with clock.part("load"):
            passages = self._load(fused, scope, top_k, scores, logits)
        return SearchResult(tuple(passages), tuple(degraded), clock.done(), understood)

    def _candidates(
        self,
        asked: LexicalQuery,
        meant: Meant,
        vector: Vectors | None,
        dense_weight: float,
        view: View,
        scope: Scope,
        legs: Sequence[str],
        wanted: int,
        clock: _Clock,
        degraded: list[Degraded],
    ) -> tuple[dict[str, list[int]], dict[str, float], dict[str, dict[int, float]]]:
        """The rankings of every leg and tier, their weights, and the scores of each leg."""
        tiers = _narrowed(scope, meant)
        rankings: dict[str, list[int]] = {}
        scores: dict[str, dict[int, float]] = {"dense": {}, "lexical": {}}
        weights: dict[str, float] = {}
        if vector is not None:
            with clock.part("dense"):
                for tier, inside in tiers.items():
                    found = view.dense.search(vector, inside, wanted)
                    weights[f"dense{tier}"] = dense_weight * tier_weight(tier)
                    rankings[f"dense{tier}"] = [i for i, _ in found]
                    scores["dense"].update(found)
        if "lexical" in legs:
            weight = self._settings.search.lexical_weight
            with clock.part("lexical"):
                terms = asked
                for tier, inside in tiers.items():
                    if inside.document_ids is not None and inside.document_ids <= meant.named:
                        terms = asked.less_of(meant.terms, NAME_WEIGHT)
                    hits = self._search_lexical(terms, view, inside, wanted, degraded)
                    if hits is None:
                        break
                    weights[f"lexical{tier}"] = weight * tier_weight(tier)
                    rankings[f"lexical{tier}"] = [i for i, _ in hits]
                    scores["lexical"].update(hits)
        return rankings, weights, scores

    def _reranks(self) -> bool:
        """Whether a model may have the last word."""
        if self._reranker_known:
            return self._reranker is not None
        return self._load_reranker is not None or self._settings.reranker.kind not in ("off", "light")

    def _rerank_lightly(
        self,
        query: str,
        asked: dict[str, float],
        meant: Meant,
        fused: list[tuple[int, float]],
        scores: dict[str, dict[int, float]],
        view: View,
        degraded: list[Degraded],
        own: tuple[Term, ...] = (),
    ) -> tuple[list[tuple[int, float]], dict[int, float]]:
        """The fused list in the light reranker's order; unchanged without a lexical view."""
        if view.lexical is None or not fused:
            return fused, {}
        try:
            wanted = understand(query, asked, view.lexical, meant, own)
            return rerank_lightly(wanted, fused, scores["dense"], view.lexical)
        except (OSError, ValueError) as error:  # what tantivy raises
            log.warning("light reranker failed: %r", error)
            degraded.append(Degraded("reranker", "search.reranker_failed", {"problem": _short(error)}))
            return fused, {}

    def _dense_weight(self, query: str, view: View, lexical_too: bool, degraded: list[Degraded]) -> float:
        """0 when the dense leg cannot or should not run; says why."""
        try:
            model = self._bounded(self._embedding)
            found = model.spec(view.spec.chunker)
        except TimeoutError:
            degraded.append(self._slow("embedding"))
            return 0.0
        except WenjuError as error:
            degraded.append(Degraded("embedding", error.code, error.params))
            return 0.0
        except Exception as error:  # noqa: BLE001 - an outside model: whatever it raises, lexical answers
            log.warning("embedding model cannot be loaded: %r", error)
            degraded.append(Degraded("embedding", "search.embedding_failed", {"problem": _short(error)}))
            return 0.0
        if found != view.spec:
            degraded.append(Degraded("dense", "search.index_mismatch", _mismatch(view.spec, found)))
            return 0.0
        language = detect_language(query)
        if language != "other" and not model.covers(language):
            params = {"model": view.spec.model, "language": language}
            degraded.append(Degraded("embedding", "search.language_not_covered", params))
            return UNCOVERED_DENSE_WEIGHT if lexical_too else 1.0
        return 1.0

    def _embed(self, query: str, spec: EmbeddingSpec, degraded: list[Degraded]) -> Vectors | None:
        key = cache_key("query-vector", files.spec_fingerprint(spec), query)
        cached = self._cache.get(key, CACHED_VECTOR)
        if cached is not None:
            vector = decode_vector(cached, spec.dimension)
            if vector is not None:
                return vector
        try:
            vector = self._bounded(lambda: self._embedding().embed_query(query))
            if vector.shape != (spec.dimension,):
                raise ValueError(f"{vector.shape} is not ({spec.dimension},)")
        except TimeoutError:
            degraded.append(self._slow("embedding"))
            return None
        except WenjuError as error:
            degraded.append(Degraded("embedding", error.code, error.params))
            return None
        except Exception as error:  # noqa: BLE001 - an outside model: whatever it raises, lexical answers
            log.warning("query could not be embedded: %r", error)
            degraded.append(Degraded("embedding", "search.embedding_failed", {"problem": _short(error)}))
            return None
        self._cache.put(key, encode_vector(vector), CACHED_VECTOR)
        return vector

    def _bounded(self, call: Callable[[], T]) -> T:
        """An embeddings server has ``load.embed_s``; a model in this process takes milliseconds, once it is
        loaded. Raises TimeoutError."""
        if self._settings.embedding.kind != "openai":
            return call()
        return within(self._settings.load.embed_s, call)

    def _slow(self, part: Literal["embedding", "reranker"]) -> Degraded:
        load = self._settings.load
        code, limit = (
            ("load.embed_slow", load.embed_s) if part == "embedding" else ("load.rerank_slow", load.rerank_s)
        )
        return Degraded(part, code, {"seconds": f"{limit:g}"})

    def _search_lexical(
        self,
        terms: LexicalQuery,
        view: View,
        scope: Scope,
        wanted: int,
        degraded: list[Degraded],
    ) -> list[tuple[int, float]] | None:
        if view.lexical is None:
            params = {"problem": view.problem}
            code = "search.lexical_busy" if view.problem == "busy" else "search.lexical_unavailable"
            degraded.append(Degraded("lexical", code, params))
            return None
        try:
            return view.lexical.search(terms, scope, wanted)
        except (OSError, ValueError) as error:
            log.warning("lexical search failed: %r", error)
            degraded.append(Degraded("lexical", "search.lexical_unavailable", {"problem": _short(error)}))
            return None

    def _settled(
        self,
        query: str,
        asked: dict[str, float],
        meant: Meant,
        fused: list[tuple[int, float]],
        scores: dict[str, dict[int, float]],
        view: View,
        top_k: int,
    ) -> list[tuple[int, float]]:
        """The list without repeats in front, with a passage a page there, and with the best candidate of each
        part of the question in view. Parts are looked for among the candidates: no further search."""
        if view.lexical is None or self._settings.reranker.kind == "off":
            return fused
        try:
            order = [i for i, _ in fused]
            described = view.lexical.describe(order[:RERANKED])
            order = page_by_page(without_repeats(order, described, top_k), described, top_k)
            if not meant.named:
                order = few_of_each(order, described, top_k, self._settings.search.per_document)
            best = []
            for part in parts_of(query):
                wanted = understand(part, query_terms(part), view.lexical, meant)
                found, _ = rerank_lightly(wanted, fused, scores["dense"], view.lexical)
                best += [i for i, _ in found[:1]]
            order = with_parts(order, best, top_k)
        except (OSError, ValueError) as error:  # what tantivy raises; the order so far is an honest one
            log.warning("repeats and parts were not looked at: %r", error)
            return fused
        score = dict(fused)
        return [(i, score[i]) for i in order]

    def _rerank(
        self,
        query: str,
        fused: list[tuple[int, float]],
        light: dict[int, float],
        scope: Scope,
        clock: _Clock,
        degraded: list[Degraded],
    ) -> tuple[list[tuple[int, float]], dict[int, float]]:
        """The list with its first ``top_n`` in the reranker's order and its logits; as it came, with the
        logits of the light reranker, without one."""
        if not fused:
            return fused, {}
        with clock.part("rerank"):
            try:
                reranker = self._get_reranker()
                if reranker is None:
                    return fused, light
                head = [i for i, _ in fused[: self._settings.reranker.top_n]]
                loaded = self._store.passages(head, scope)
                present = [i for i in head if i in loaded]
                texts = [loaded[i].text for i in present]
                found = within(self._settings.load.rerank_s, lambda: reranker.rerank_logits(query, texts))
                logits = dict(zip(present, (float(logit) for logit in found), strict=True))
            except TimeoutError:
                degraded.append(self._slow("reranker"))
                return fused, light
            except WenjuError as error:
                degraded.append(Degraded("reranker", error.code, error.params))
                return fused, light
            except Exception as error:  # noqa: BLE001 - an outside model: the order so far stands
                log.warning("reranker failed: %r", error)
                degraded.append(Degraded("reranker", "search.reranker_failed", {"problem": _short(error)}))
                return fused, light
            order = {chunk_id: place for place, (chunk_id, _) in enumerate(fused)}
            best = sorted(present, key=lambda i: (-logits[i], order[i]))
            score = dict(fused)
            rest = [pair for pair in fused if pair[0] not in logits]
            return [(i, score[i]) for i in best] + rest, logits

    def _get_reranker(self) -> Reranker | None:
        with self._reranker_lock:
            if not self._reranker_known:
                if self._load_reranker is not None:
                    self._reranker = self._load_reranker()
                else:
                    from rag.models.reranker import load_reranker

                    self._reranker = load_reranker(self._settings)
                self._reranker_known = True
            return self._reranker

    def _load(
        self,
        fused: list[tuple[int, float]],
        scope: Scope,
        top_k: int,
        scores: dict[str, dict[int, float]],
        logits: dict[int, float],
    ) -> list[Passage]:
        """The first ``top_k`` that the store still has inside the scope."""
        passages: list[Passage] = []
        at = 0
        while len(passages) < top_k and at < len(fused):
            batch = fused[at : at + max(top_k, 8)]
            at += len(batch)
            # What the reranker saw is loaded again: it may have been deleted meanwhile.
            chunks = self._store.passages([i for i, _ in batch], scope)
            for chunk_id, score in batch:
                chunk = chunks.get(chunk_id)
                if chunk is not None and len(passages) < top_k:
                    rank = len(passages) + 1
                    passages.append(_passage(chunk, rank, score, scores, logits.get(chunk_id)))
        return passages

    def unknown_company(self, question: str, scope: Scope) -> str:
        """The company that ``question`` names and that no document in ``scope`` is about, as the question
        writes it: a refusal can then say that no document of that company is in the library. "" when it
        names a company that is there, names none, or no document's company is known. Judged by form (a legal
        form, 迈克生物2019年..., "Tesla's FY2019 revenue"): reliable where it speaks, silent about many."""
        view = self._views.current()
        return "" if view is None else view.library.subjects(scope).unknown_company(question)

    def unknown_period(self, question: str, scope: Scope) -> str:
        """The year that ``question`` asks of a company whose documents in ``scope`` all end before it (or
        begin more than five years after it); "" otherwise."""
        view = self._views.current()
        return "" if view is None else view.library.subjects(scope).understand(question).unknown_period

    def term_frequencies(self, wanted: Sequence[str]) -> tuple[dict[str, int], int]:
        """How many chunks hold each term, and how many chunks there are: what makes a word of a question
        rare. Empty without a lexical view."""
        view = self._views.current()
        if view is None or view.lexical is None:
            return {}, 0
        return view.lexical.frequencies(wanted), len(view.lexical)

    # -- status ----------------------------------------------------------------------------------

    def status(self) -> PartStatus:
        """What `wenju doctor` says of the index. Loads it. Never raises for what is wrong with it."""
        try:
            self._views.refresh()
            view = self._views.current()
        except (WenjuError, OSError) as error:
            return PartStatus("index", "broken", "search.broken", {"problem": _short(error)}, REINDEX)
        if view is None:
            return PartStatus("index", "ok", "search.index_empty", remedy="wenju ingest PATH")
        params = {
            "chunks": str(len(view.dense)),
            "model": view.spec.model,
            "generation": str(view.dense_generation),
            "recall": f"{view.dense.recall_at_10:.3f}",
        }
        try:
            found = self._embedding().spec(view.spec.chunker)
        except WenjuError:
            found = view.spec  # the embedding part reports its own trouble
        if found != view.spec:
            mismatch = _mismatch(view.spec, found)
            return PartStatus("index", "limited", "search.index_mismatch", mismatch, REINDEX)
        if view.lexical is None:
            params["problem"] = view.problem
            return PartStatus("index", "limited", "search.lexical_unavailable", params)
        if self._views.rebuilt:
            params["problem"] = self._views.rebuilt
            return PartStatus("index", "ok", "search.index_rebuilt", params)
        exact = all(s.approximate is None for s in view.dense.segments)
        return PartStatus(
            "index", "ok", "search.index_exact" if exact else "search.index_approximate", params
        )


def _narrowed(scope: Scope, meant: Meant) -> dict[str, Scope]:
    """The scope, and inside it the documents that the question names: all of them, then those that fit it
    best, company by company."""
    tiers = {"": scope}
    narrower = [(" named", meant.named)]
    narrower += [(f" best named {n}" if n else " best named", best) for n, best in enumerate(meant.best)]
    for tier, documents in narrower:
        inside = documents if scope.document_ids is None else documents & scope.document_ids
        narrow = Scope(scope.collection_ids, inside)
        if inside and narrow not in tiers.values():
            tiers[tier] = narrow
    return tiers


def _named_first(fused: list[tuple[int, float]], rankings: dict[str, list[int]]) -> list[tuple[int, float]]:
    """What lies in the documents of a company that was named by its whole name, then the rest, each in the
    order it has. Candidates of those documents are known by the rankings that looked nowhere else."""
    named = {i for tier, ids in rankings.items() if tier.partition(" ")[2] for i in ids}
    return [f for f in fused if f[0] in named] + [f for f in fused if f[0] not in named]


def tier_weight(tier: str) -> float:
    """What a tier weighs; the best documents of each of several companies weigh the same."""
    return TIER_WEIGHTS[tier.rstrip(" 0123456789")] if tier else TIER_WEIGHTS[""]


class _Clock:
    """Milliseconds of each part of a search."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            with span(name):
                yield
        finally:
            self._parts[name] = (time.perf_counter() - started) * 1000

    def done(self) -> dict[str, float]:
        return {**self._parts, "total": (time.perf_counter() - self._started) * 1000}


def _passage(
    chunk: StoredChunk, rank: int, score: float, scores: dict[str, dict[int, float]], logit: float | None
) -> Passage:
    return Passage(
        rank=rank,
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        document=chunk.document,
        title=chunk.title,
        page_start=chunk.page_start,
        page_end=chunk.page_end,
        section_path=chunk.section_path,
        table_header=chunk.table_header,
        text=chunk.text,
        char_start=chunk.char_start,
        char_end=chunk.char_end,
        boxes=chunk.boxes,
        language=chunk.language,
        page_kind=chunk.page_kind,
        score=score,
        cosine=scores.get("dense", {}).get(chunk.id),
        bm25=scores.get("lexical", {}).get(chunk.id),
        rerank_logit=logit,
        page_type=chunk.page_type,
        about=chunk.about,
    )


def _mismatch(indexed: EmbeddingSpec, found: EmbeddingSpec) -> dict[str, str]:
    return {
        "index_model": indexed.model,
        "model": found.model,
        "fields": ", ".join(indexed.differs_from(found)),
        "command": REINDEX,
    }


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
