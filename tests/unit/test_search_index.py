"""SearchIndex over a real store: scopes, degradation, freshness, damaged and lost files, other processes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_library import Library

from rag.errors import ModelUnavailable
from rag.records import Passage, Scope
from rag.search.index import SearchIndex, SearchResult
from rag.search.views import net_effect
from rag.testing import FakeReranker, HashEmbedding

WORDS = [
    "revenue",
    "profit",
    "cash",
    "flow",
    "dividend",
    "equity",
    "asset",
    "debt",
    "segment",
    "goodwill",
    "净利润",
    "现金流",
    "股东",
    "资产",
]


def page(seed: int) -> str:
    words = random.Random(seed)
    return " ".join(words.choices(WORDS, k=12)) + f" item {seed}"


def names(result: SearchResult) -> list[tuple[str, int]]:
    return [(p.document, p.page_start) for p in result.passages]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = Library(tmp_path)
    found.add(
        "a.pdf", ["capital expenditure was 1,577 million", "dividends per share 5.44"], "reports", "3M 2018"
    )
    found.add("b.pdf", ["capital of France is Paris", "the quick brown fox"], "other")
    found.add("c.pdf", ["公司净利润为 12,345 万元", "电子信箱 zqb@example.com"], "other")
    return found


def test_finds_by_words_and_vectors_with_scores(library: Library) -> None:
    result = library.index().search("capital expenditures 2018", library.scope(), top_k=3)
    best = result.passages[0]
    assert (best.document, best.page_start, best.rank, best.title) == ("a.pdf", 1, 1, "3M 2018")
    assert best.cosine is not None
    assert best.bm25 is not None
    assert best.score == pytest.approx(2 / 61)
    assert [p.rank for p in result.passages] == [1, 2, 3]
    assert result.degraded == ()
    assert {"embed", "dense", "lexical", "fuse", "load", "total"} <= set(result.timings_ms)
    assert names(library.index().search("净利润是多少", library.scope(), top_k=1)) == [("c.pdf", 1)]


def test_one_leg_alone(library: Library) -> None:
    index = library.index()
    dense = index.search("fox", library.scope(), top_k=5, legs=("dense",)).passages
    lexical = index.search("fox", library.scope(), top_k=5, legs=("lexical",)).passages
    assert dense[0].bm25 is None
    assert [(p.document, p.page_start, p.cosine) for p in lexical] == [("b.pdf", 2, None)]
    with pytest.raises(ValueError, match="legs"):
        index.search("fox", library.scope(), top_k=5, legs=("colbert",))


def test_empty_library_and_empty_questions(tmp_path: Path, library: Library) -> None:
    empty = Library(tmp_path / "empty")
    index = empty.index()
    assert index.search("anything", empty.scope(), top_k=3).passages == ()
    assert index.search("anything", Scope(frozenset({1})), top_k=3).passages == ()
    assert index.status().code == "search.index_empty"
    index.close()
    index = library.index()
    for query in ("", "   ", "\0"):
        assert index.search(query, library.scope(), top_k=3).passages == ()
    assert index.search("fox", Scope(frozenset()), top_k=3).passages == ()
    assert index.search("fox", library.scope(), top_k=0).passages == ()


@pytest.mark.parametrize(
    "query", ['body:"x" AND (', "*", "\ud800", "a" * 50_000, "😀", "' OR 1=1", "%s{0}", "\u202e"]
)
def test_hostile_questions_are_only_text(library: Library, query: str) -> None:
    scope = library.scope("reports")
    result = library.index().search(query, scope, top_k=5)
    assert all(p.document == "a.pdf" for p in result.passages)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_outside_the_scope_after_any_history(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    library = Library(tmp_path_factory.mktemp("library"))
    index = library.index()
    collections = ["red", "green", "blue"]
    where: dict[int, str] = {}
    for step in range(data.draw(st.integers(1, 5))):
        if where and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(where)))
            library.store.delete_document(gone)
            del where[gone]
        else:
            place = data.draw(st.sampled_from(collections))
            seed = data.draw(st.integers(0, 99))
            added = library.add(f"{step}.pdf", [page(seed + i) for i in range(3)], place)
            where[added] = place
        index.refresh()
        chosen = data.draw(st.sets(st.sampled_from(collections)))
        documents = data.draw(st.none() | st.sets(st.sampled_from([*where, 999]) if where else st.just(999)))
        scope = Scope(
            frozenset(c.id for c in library.store.collections() if c.name in chosen),
            None if documents is None else frozenset(documents),
        )
        result = index.search(page(data.draw(st.integers(0, 99))), scope, top_k=50)
        inside = {i for i, c in where.items() if c in chosen and (documents is None or i in documents)}
        found = {p.document_id for p in result.passages}
        assert found <= inside
        assert found == inside, "fifty passages hold everything that is inside"
    index.close()
    library.store.close()


def test_deleted_and_new_text(library: Library) -> None:
    index = library.index()
    first = index.search("fox", library.scope(), top_k=3).passages[0]
    library.store.delete_document(first.document_id)
    assert "b.pdf" not in {p.document for p in index.search("fox", library.scope(), top_k=9).passages}
    library.add("d.pdf", ["a red fox appeared"])
    time.sleep(0.005)
    assert names(index.search("fox", library.scope(), top_k=1)) == [("d.pdf", 1)]


def test_another_embedding_model_leaves_the_words(library: Library) -> None:
    index = SearchIndex(library.store, library.settings, lambda: HashEmbedding(32, model="other"))
    result = index.search("capital expenditure", library.scope(), top_k=2)
    (degraded,) = result.degraded
    assert (degraded.part, degraded.code) == ("dense", "search.index_mismatch")
    assert degraded.params["command"] == "wenju reindex"
    assert degraded.params["index_model"] == "hash"
    assert result.passages[0].document == "a.pdf"
    assert result.passages[0].cosine is None
    assert (index.status().state, index.status().remedy) == ("limited", "wenju reindex")


def test_a_failing_embedding_leaves_the_words(library: Library) -> None:
    broken = HashEmbedding(64, fail=ModelUnavailable("chat.cut", model="x"))
    result = SearchIndex(library.store, library.settings, lambda: broken).search(
        "fox", library.scope(), top_k=1
    )
    assert [(d.part, d.code) for d in result.degraded] == [("embedding", "chat.cut")]
    assert names(result) == [("b.pdf", 2)]

    def missing() -> HashEmbedding:
        raise RuntimeError("no weights")

    result = SearchIndex(library.store, library.settings, missing).search("fox", library.scope(), top_k=1)
    assert [(d.part, d.code) for d in result.degraded] == [("embedding", "search.embedding_failed")]
    assert names(result) == [("b.pdf", 2)]


def test_an_uncovered_language_leans_on_words(tmp_path: Path) -> None:
    library = Library(tmp_path, HashEmbedding(64, languages=("en",)))
    library.add("c.pdf", ["公司净利润为 12,345 万元", "net profit"])
    index = library.index()
    result = index.search("净利润是多少", library.scope(), top_k=2)
    assert [(d.part, d.code) for d in result.degraded] == [("embedding", "search.language_not_covered")]
    assert names(result)[0] == ("c.pdf", 1)
    assert index.search("net profit", library.scope(), top_k=2).degraded == ()


def test_reranker_orders_and_may_fail(library: Library) -> None:
    reranker = FakeReranker()
    index = library.index(reranker=lambda: reranker)
    result = index.search("quick brown fox of capital", library.scope(), top_k=3)
    logits = [p.rerank_logit for p in result.passages if p.rerank_logit is not None]
    assert logits == sorted(logits, reverse=True)
    assert reranker.calls
    failing = library.index(reranker=lambda: FakeReranker(fail=ModelUnavailable("chat.cut", model="r")))
    plain = library.index().search("quick brown fox", library.scope(), top_k=3)
    kept = failing.search("quick brown fox", library.scope(), top_k=3)
    assert names(kept) == names(plain)
    assert [d.part for d in kept.degraded] == ["reranker"]


def test_query_vectors_are_cached_and_checked(library: Library) -> None:
    embedding = library.embedding
    assert isinstance(embedding, HashEmbedding)
    index = library.index()
    for _ in range(3):
        index.search("capital expenditure", library.scope(), top_k=1)
    assert embedding.queries_embedded == 1
    index.search("capital expenditure ", library.scope(), top_k=1)
    assert embedding.queries_embedded == 1


# -- files ---------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Library, list[list[Passage]]]:
    """A library whose index is on disk, and what it answered."""
    library = Library(tmp_path)
    for number in range(6):
        library.add(f"{number}.pdf", [page(number * 10 + i) for i in range(5)])
    index = library.index()
    answers = top_tens(library, index)
    index.close()
    return library, answers


def top_tens(library: Library, index: SearchIndex) -> list[list[Passage]]:
    return [list(index.search(page(s), library.scope(), top_k=10).passages) for s in (3, 17, 48)]


def index_files(library: Library) -> list[Path]:
    return sorted(p for p in library.settings.index_dir.rglob("*") if p.is_file())


def test_a_flipped_byte_in_any_file_changes_no_answer(saved: tuple[Library, list[list[Passage]]]) -> None:
    library, answers = saved
    whole = library.settings.index_dir
    copy = whole.with_name("copy")
    shutil.copytree(whole, copy)
    flipped = 0
    for number in range(len(index_files(library))):
        shutil.rmtree(whole)
        shutil.copytree(copy, whole)
        path = index_files(library)[number]
        content = bytearray(path.read_bytes())
        if not content:
            continue
        content[random.Random(number).randrange(len(content))] ^= 0x10
        path.write_bytes(content)
        index = library.index()
        assert top_tens(library, index) == answers, path.name
        if path.suffix in (".faiss", ".npy", ".term", ".idx", ".fast"):
            assert index.status().code == "search.index_rebuilt", path.name
        index.close()
        flipped += 1
    assert flipped >= 8


@pytest.mark.parametrize("lost", ["all", "manifest.json", "*.faiss", "lexical.json", "meta.json", "*.term"])
def test_lost_files_are_rebuilt(saved: tuple[Library, list[list[Passage]]], lost: str) -> None:
    library, answers = saved
    if lost == "all":
        shutil.rmtree(library.settings.index_dir)
    else:
        found = list(library.settings.index_dir.rglob(lost))
        assert found
        for path in found:
            path.unlink()
    index = library.index()
    assert top_tens(library, index) == answers
    index.close()
    again = library.index()
    assert top_tens(library, again) == answers
    assert again.status().code == "search.index_exact"


def test_a_stale_snapshot_catches_up(saved: tuple[Library, list[list[Passage]]]) -> None:
    library, _ = saved
    library.store.delete_document(1)
    new = library.add("new.pdf", ["goodwill impairment of the wind segment"])
    index = library.index()
    result = index.search("wind impairment", library.scope(), top_k=50)
    assert result.passages[0].document_id == new
    assert 1 not in {p.document_id for p in result.passages}
    assert len(result.passages) == 26


@pytest.mark.parametrize("pages", [1, 5])
def test_a_snapshot_of_another_history_is_rebuilt(
    saved: tuple[Library, list[list[Passage]]], tmp_path: Path, pages: int
) -> None:
    library, _ = saved
    other = Library(tmp_path / "elsewhere")
    for number in range(6):
        other.add(f"{number}.pdf", [page(500 + number)] * pages)
    shutil.copytree(library.settings.index_dir, other.settings.index_dir)
    index = other.index()
    result = index.search(page(503), other.scope(), top_k=50)
    assert len(result.passages) == 6 * pages
    assert result.passages[0].document == "3.pdf"
    assert index.status().code == "search.index_rebuilt"


def test_an_unwritable_index_folder_still_answers_by_meaning(library: Library) -> None:
    library.settings.index_dir.parent.mkdir(exist_ok=True)
    library.settings.index_dir.write_text("a file where the folder should be")
    result = library.index().search("fox", library.scope(), top_k=1)
    assert [d.code for d in result.degraded] == ["search.lexical_unavailable"]
    assert names(result) == [("b.pdf", 2)]


def test_readers_see_whole_states_while_documents_come(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.add("0.pdf", [page(0), page(1)])
    index = library.index()
    stop, problems, counts = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                found = index.search("revenue profit item", library.scope(), top_k=50).passages
                counts.append(len(found))
                assert len({p.chunk_id for p in found}) == len(found)
            except BaseException as error:  # noqa: BLE001 - shown by the test itself
                problems.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 12):
        library.add(f"{number}.pdf", [page(number * 2), page(number * 2 + 1)])
    time.sleep(0.05)
    stop.set()
    for reader in readers:
        reader.join()
    assert not problems
    assert len(index.search("revenue profit item", library.scope(), top_k=50).passages) == 24
    assert counts


# -- other processes -------------------------------------------------------------------------------

CHILD = """
import json, sys, time
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
from search_library import Library
library = Library(Path(sys.argv[1]))
index = library.index()
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    query = json.loads(line)
    found = index.search(query, library.scope(), top_k=5)
    print(json.dumps([[p.document for p in found.passages], [d.code for d in found.degraded]]), flush=True)
"""


def child(folder: Path, code: str = CHILD) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, "-c", code.format(root=str(here.parent.parent), here=str(here)), str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def ask(process: subprocess.Popen[str], query: str) -> tuple[list[str], list[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(query) + "\n")
    process.stdin.flush()
    documents, codes = json.loads(process.stdout.readline())
    return documents, codes


def test_another_process_sees_a_new_document(library: Library) -> None:
    mine = library.index()
    mine.search("fox", library.scope(), top_k=1)
    process = child(library.settings.data_dir)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == "ready"
        assert ask(process, "fox")[0][0] == "b.pdf"
        library.add("new.pdf", ["a walrus on the ice"])
        assert names(mine.search("walrus", library.scope(), top_k=1)) == [("new.pdf", 1)]
        time.sleep(0.01)
        assert ask(process, "walrus") == (["new.pdf", *ask(process, "walrus")[0][1:]], [])
        library.add("newer.pdf", ["a heron at the lake"])
        assert ask(process, "heron")[0][0] == "newer.pdf"
        assert names(mine.search("heron", library.scope(), top_k=1)) == [("newer.pdf", 1)]
    finally:
        process.kill()
        process.wait()


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
from search_library import Library
from rag.search import views
views.SNAPSHOT_AFTER = 0
library = Library(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    index = library.index()
    library.add(f"{{number}}-killed.pdf", [f"walrus number {{number}} " + "padding " * 50] * 1)
    index.search("walrus", library.scope(), top_k=5)
    index.close()
    number += 1
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_while_writing(tmp_path: Path) -> None:
    Library(tmp_path).add("a.pdf", ["the quick brown fox"])
    moments = random.Random(7)
    for _ in range(4):
        process = child(tmp_path, KILLED)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.02, 0.35))
        process.send_signal(signal.SIGKILL)
        process.wait()
        library = Library(tmp_path)
        index = library.index()
        found = index.search("walrus fox padding number", library.scope(), top_k=50)
        ready = [d for d in library.store.documents(library.scope()) if d.status == "ready"]
        assert {p.document_id for p in found.passages} == {d.id for d in ready}
        assert found.degraded == ()
        lexical = index.search("fox", library.scope(), top_k=50, legs=("lexical",))
        assert names(lexical) == [("a.pdf", 1)]
        index.close()
        library.store.close()


def test_net_effect_of_changes() -> None:
    from rag.records import Change

    changes = [Change(1, "add", 1, (1, 2)), Change(2, "delete", 1, (1, 2)), Change(3, "add", 2, (3,))]
    assert net_effect(changes) == ({1, 2}, {3})


def test_a_large_library_gets_an_approximate_index_beside_and_keeps_it(tmp_path: Path) -> None:
    library = Library(tmp_path, exact_up_to=40)
    for number in range(10):
        library.add(f"{number}.pdf", [page(number * 10 + i) for i in range(10)])
    index = library.index()
    index.search("revenue", library.scope(), top_k=5)
    deadline = time.monotonic() + 30
    while index.status().code != "search.index_approximate":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert float(index.status().params["recall"]) > 0.9
    new = library.add("new.pdf", ["a walrus on the ice"])
    found = index.search("walrus on ice", library.scope(), top_k=1, legs=("dense",))
    assert found.passages[0].document_id == new
    narrow = index.search("revenue", library.scope(documents=[2]), top_k=50).passages
    assert {p.document_id for p in narrow} == {2}
    assert len(narrow) == 10
    index.close()
    again = library.index()
    assert again.search("walrus on ice", library.scope(), top_k=1).passages[0].document_id == new
    assert again.status().code == "search.index_approximate", "the companion was saved with the snapshot"
    again.close()
