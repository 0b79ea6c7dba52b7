"""What every database must do for the store: run on SQLite by test_store_contract, on PostgreSQL by
tests/integration/test_postgres."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from store_kit import DIMENSION, OTHER_SPEC, SPEC, Clock, Kit, answer, chunked, digest, embedded, parsed

from rag import tracing
from rag.errors import AccessDenied, DocumentError, IndexMismatch, StoreError
from rag.records import Scope
from rag.settings import Settings
from rag.store import Store
from rag.store.figures import AskedQuestion, Counted, Figures, ModelFigures, StageTimes, Totals

NOTHING = Scope(frozenset())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(settings: Settings, clock: Clock) -> Iterator[Store]:
    with Store.open(settings, clock=clock) as opened:
        yield opened


@pytest.fixture
def kit(store: Store) -> Kit:
    return Kit(store)


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """Results of ``work(0..count-1)``, started at the same instant in threads."""
    barrier = threading.Barrier(count)

    def one(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


class TestTakingIn:
    def test_same_bytes_are_one_document(self, kit: Kit) -> None:
        first, created = kit.add("same")
        again, created_again = kit.add("same", name="b.pdf")
        assert (created, created_again) == (True, False)
        assert again.id == first.id
        assert again.name == "a.pdf"
        assert [d.id for d in kit.store.documents(kit.scope)] == [first.id]

    def test_same_bytes_at_once_are_one_document(self, kit: Kit) -> None:
        found = together(8, lambda n: kit.add("same", name=f"{n}.pdf"))
        assert len({document.id for document, _ in found}) == 1
        assert sum(created for _, created in found) == 1

    def test_collections_keep_their_own(self, kit: Kit, store: Store) -> None:
        other = store.ensure_collection("other ' OR 1=1 --")
        assert store.ensure_collection(other.name) == other
        assert store.collections() == [kit.collection, other]
        document, _ = kit.add("same")
        twin, created = store.add_document(
            collection_id=other.id, name="a.pdf", sha256=document.sha256, size_bytes=4
        )
        assert created
        store.delete_document(document.id)
        assert store.originals.exists(twin.sha256)
        store.delete_document(twin.id)
        assert not store.originals.exists(twin.sha256)

    def test_any_name_comes_back(self, kit: Kit) -> None:
        names = ["../../etc/passwd", "x" * 300, "😀年报.pdf", "'); DROP TABLE documents; --", "%s {0} \\ \n"]
        for number, name in enumerate(names):
            assert kit.add(str(number), name=name)[0].name == name
        assert [d.name for d in kit.store.documents(kit.scope)] == names[::-1]

    def test_characters_no_database_holds_keep_the_length(self, kit: Kit) -> None:
        assert kit.add("x", name="a\x00b\ud800c")[0].name == "a\ufffdb\ufffdc"
        assert kit.commit(kit.lease(), ["nul \x00 and \udfff", "rest"])
        assert kit.store.document_text(1) == "nul \ufffd and \ufffd\frest"
        for chunk in kit.store.document_chunks(1):
            assert kit.store.document_text(1)[chunk.char_start : chunk.char_end] == chunk.text

    @pytest.mark.parametrize("status", ["password", "scanned", "garbled", "empty", "corrupt", "failed"])
    def test_a_failed_one_is_queued_again(self, kit: Kit, status: str) -> None:
        document, _ = kit.add("x", password="first")
        lease = kit.lease()
        assert lease.password == "first"
        error = DocumentError(status, "document.x", name="年报", n=3)
        assert kit.store.commit_failed(lease, error, ["warn.a"])
        found = kit.store.document(document.id, kit.scope)
        assert (found.status, found.error_code, found.error_params) == (
            status, "document.x", {"name": "年报", "n": "3"},
        )  # fmt: skip
        assert found.warnings == ("warn.a",)
        assert kit.store.lease_next("w") is None
        again, created = kit.add("x", password="second")
        assert not created
        assert (again.status, again.attempts, again.error_code, again.warnings) == ("queued", 0, "", ())
        assert kit.lease().password == "second"

    def test_password_is_forgotten_in_every_final_state(self, kit: Kit) -> None:
        kit.add("x", password="secret")
        assert kit.store.commit_failed(kit.lease(), DocumentError("password", "document.password"))
        kit.store.requeue_document(1)
        assert kit.lease().password is None
        kit.add("y", password="secret")
        lease = kit.lease()
        assert "secret" not in repr(lease)
        assert kit.commit(lease)
        with kit.store._db.read() as connection:
            assert connection.exec_driver_sql("select password from documents").scalars().all() == [
                None,
                None,
            ]


class TestVersions:
    def test_new_bytes_of_a_source_replace_the_old_when_ready(self, kit: Kit) -> None:
        old = kit.ready("v1", source="/a")
        new, created = kit.add("v2", source="/a")
        assert created
        assert kit.visible()
        lease = kit.lease()
        assert {d.status for d in kit.store.documents(kit.scope)} == {"ready", "parsing"}
        before = kit.store.generation()
        assert kit.commit(lease)
        assert [d.id for d in kit.store.documents(kit.scope)] == [new.id]
        assert not kit.store.originals.exists(old.sha256)
        assert [c.kind for c in kit.store.changes_since(before) or ()] == ["add", "delete"]
        assert {c.document_id for c in kit.store.iter_chunks(1)} == {new.id}

    def test_a_failed_version_leaves_the_old_one(self, kit: Kit) -> None:
        old = kit.ready("v1", source="/a")
        kit.add("v2", source="/a")
        assert kit.store.commit_failed(kit.lease(), DocumentError("corrupt", "x"))
        assert kit.store.document(old.id, kit.scope).status == "ready"
        newest = kit.ready("v3", source="/a")
        assert [d.id for d in kit.store.documents(kit.scope)] == [newest.id]

    def test_a_newer_version_that_is_ready_first_wins(self, kit: Kit) -> None:
        kit.ready("v1", source="/a")
        kit.add("v2", source="/a")
        slow = kit.lease()
        newest = kit.ready("v3", source="/a")
        assert not kit.commit(slow)
        assert [d.id for d in kit.store.documents(kit.scope)] == [newest.id]

    def test_going_back_to_the_old_bytes_ends_the_new_version(self, kit: Kit) -> None:
        old = kit.ready("v1", source="/a")
        kit.add("v2", source="/a")
        slow = kit.lease()
        assert kit.add("v1", source="/a") == (old, False)
        assert not kit.commit(slow)
        assert [d.id for d in kit.store.documents(kit.scope)] == [old.id]

    def test_bytes_that_another_source_still_has_stay(self, kit: Kit) -> None:
        shared = kit.ready("v1", source="/a")
        kit.add("v1", source="/b")
        by_a = kit.ready("v2", source="/a")
        assert {d.id for d in kit.store.documents(kit.scope)} == {shared.id, by_a.id}
        by_b = kit.ready("v3", source="/b")
        assert {d.id for d in kit.store.documents(kit.scope)} == {by_a.id, by_b.id}

    def test_an_upload_by_hand_is_never_replaced(self, kit: Kit) -> None:
        mine = kit.ready("v1")
        kit.add("v1", source="/a")
        newer = kit.ready("v2", source="/a")
        assert {d.id for d in kit.store.documents(kit.scope)} == {mine.id, newer.id}


class TestLeases:
    def test_attempts_are_counted_first_and_end(self, kit: Kit, clock: Clock) -> None:
        kit.add("killer")
        for attempt in (1, 2, 3):
            assert kit.lease().document.attempts == attempt
            assert kit.store.lease_next("w") is None
            clock.now += 31
        assert kit.store.lease_next("w") is None
        found = kit.store.document(1, kit.scope)
        assert (found.status, found.error_code, found.error_params) == (
            "failed", "document.died", {"attempts": "3"},
        )  # fmt: skip
        assert kit.store.requeue_document(1).attempts == 0
        assert kit.lease().document.attempts == 1

    def test_who_loses_the_lease_learns_it(self, kit: Kit, clock: Clock) -> None:
        kit.add("x")
        late = kit.lease()
        clock.now += 29
        assert kit.store.renew(late, "parsing", 3, 0, page_count=10)
        assert kit.store.document(1, kit.scope).page_count == 10
        clock.now += 29
        assert kit.store.lease_next("other") is None
        clock.now += 2
        taken = kit.store.lease_next("worker")
        assert taken is not None
        assert not kit.store.renew(late, "embedding", 9, 9)
        assert not kit.commit(late)
        assert not kit.store.commit_failed(late, DocumentError("failed", "x"))
        assert not kit.store.release(late)
        found = kit.store.document(1, kit.scope)
        assert (found.status, found.pages_done) == ("parsing", 0)
        assert kit.commit(taken)
        assert not kit.commit(taken)

    def test_release_costs_no_attempt(self, kit: Kit) -> None:
        kit.add("x")
        for _ in range(9):
            lease = kit.lease()
            assert lease.document.attempts == 1
            assert kit.store.renew(lease, "embedding", 5, 5)
            assert kit.store.release(lease)
            assert not kit.store.release(lease)
        found = kit.store.document(1, kit.scope)
        assert (found.status, found.pages_done, found.attempts) == ("queued", 0, 0)

    def test_fewest_attempts_come_first(self, kit: Kit, clock: Clock) -> None:
        killer, _ = kit.add("killer")
        good, _ = kit.add("good")
        assert kit.lease().document.id == killer.id
        clock.now += 31
        assert kit.lease().document.id == good.id
        assert kit.lease().document.id == killer.id

    def test_racing_workers_share_nothing(self, kit: Kit) -> None:
        for number in range(24):
            kit.add(str(number))

        def work(_: int) -> list[int]:
            mine = []
            while (lease := kit.store.lease_next("w")) is not None:
                mine.append(lease.document.id)
                assert kit.commit(lease, [f"text of {lease.document.id}"])
            return mine

        done = [i for mine in together(6, work) for i in mine]
        assert sorted(done) == list(range(1, 25))
        assert kit.store.generation() == 24
        changes = kit.store.changes_since(0)
        assert changes is not None
        assert [c.generation for c in changes] == list(range(1, 25))
        assert {i for c in changes for i in c.chunk_ids} == kit.visible()

    def test_deleting_ends_the_work(self, kit: Kit) -> None:
        document, _ = kit.add("x")
        lease = kit.lease()
        kit.store.delete_document(document.id)
        assert not kit.store.renew(lease, "parsing", 1, 0)
        assert not kit.commit(lease)
        assert not kit.store.commit_failed(lease, DocumentError("failed", "x"))
        assert kit.store.documents(kit.scope) == []
        assert kit.store.generation() == 0
        assert kit.store.active_spec() is None

    def test_requeue(self, kit: Kit) -> None:
        ready = kit.ready("x")
        assert kit.store.requeue_document(ready.id, "p") == ready
        kit.add("y")
        kit.store.requeue_document(2, "p")
        assert kit.lease().password == "p"
        with pytest.raises(AccessDenied):
            kit.store.requeue_document(99)

    def test_lease_names_the_active_spec(self, kit: Kit) -> None:
        kit.add("x")
        lease = kit.lease()
        assert lease.spec is None
        kit.commit(lease)
        kit.add("y")
        assert kit.lease().spec == (1, SPEC)


class TestContents:
    def test_all_there_after_commit(self, kit: Kit) -> None:
        texts = ["第一页 one", "", "page 😀 three"]
        document, expected = parsed(texts), chunked(parsed(texts))
        kit.add("x")
        assert kit.commit(kit.lease(), texts)
        found = kit.store.document(1, kit.scope)
        assert (found.status, found.page_count, found.chunk_count, found.title, found.language) == (
            "ready", 3, 3, "A title", "zh",
        )  # fmt: skip
        assert (found.pages_done, found.chunks_done, found.media_type) == (3, 3, "application/pdf")
        assert found.warnings == ("warn.x",)
        assert kit.store.pages(1) == list(document.pages)
        assert kit.store.page(1, 3) == document.pages[2]
        assert kit.store.document_text(1) == document.text
        chunks = kit.store.document_chunks(1, kit.scope)
        assert chunks == list(kit.store.iter_chunks(1))
        for stored, chunk in zip(chunks, expected, strict=True):
            for name in chunk.__slots__:
                assert getattr(stored, name) == getattr(chunk, name)
            assert (stored.document, stored.title, stored.page_kind) == ("a.pdf", "A title", "physical")
            assert stored.collection_id == kit.collection.id
        ids = [c.id for c in chunks]
        assert kit.store.passages(ids, kit.scope) == {c.id: c for c in chunks}
        [(all_ids, matrix)] = kit.store.iter_vectors(1)
        assert all_ids.tolist() == ids
        assert matrix.dtype == np.float32
        np.testing.assert_array_equal(matrix, embedded(expected))
        some, rows = kit.store.vectors([ids[2], 99, ids[0]])
        assert some.tolist() == [ids[2], ids[0]]
        assert some.dtype == np.int64
        np.testing.assert_array_equal(rows, embedded(expected)[[2, 0]])

    def test_nothing_asked_nothing_found(self, kit: Kit) -> None:
        ids, matrix = kit.store.vectors([])
        assert (ids.shape, matrix.shape) == ((0,), (0, 0))
        assert kit.store.passages([], kit.scope) == {}
        assert kit.store.pages(5) == []
        assert kit.store.document_text(5) == ""
        assert list(kit.store.iter_vectors(1)) == []
        with pytest.raises(AccessDenied):
            kit.store.page(5, 1)

    def test_a_ready_document_without_chunks(self, kit: Kit) -> None:
        kit.add("x")
        document = parsed(["   "])
        empty = np.empty((0, DIMENSION), dtype=np.float32)
        spec_id = kit.store.ensure_spec(SPEC)
        assert kit.store.commit_ready(kit.lease(), document, [], empty, [], spec_id)
        assert kit.store.document(1, kit.scope).chunk_count == 0
        assert kit.store.documents_without(spec_id) == []

    @pytest.mark.parametrize("scope", [NOTHING, Scope(frozenset([99])), Scope(frozenset([1]), frozenset())])
    def test_nothing_outside_the_scope(self, kit: Kit, scope: Scope) -> None:
        ready = kit.ready("x")
        ids = kit.visible()
        assert ids
        assert kit.store.passages(ids, scope) == {}
        assert kit.store.document_chunks(ready.id, scope) == []
        assert kit.store.documents(scope) == []
        assert kit.store.pages(ready.id, scope) == []
        assert kit.store.document_text(ready.id, scope) == ""
        for call in (lambda: kit.store.document(ready.id, scope), lambda: kit.store.page(ready.id, 1, scope)):
            with pytest.raises(AccessDenied) as denied:
                call()
            with pytest.raises(AccessDenied) as absent:
                kit.store.document(99, kit.scope)
            assert str(denied.value) == str(absent.value)

    def test_document_ids_narrow(self, kit: Kit) -> None:
        one, two = kit.ready("one"), kit.ready("two")
        narrow = Scope(kit.scope.collection_ids, frozenset([two.id, *range(100, 40_000)]))
        assert [d.id for d in kit.store.documents(narrow)] == [two.id]
        found = kit.store.passages(kit.visible(), narrow).values()
        assert {c.document_id for c in found} == {two.id}
        other = kit.store.ensure_collection("other")
        assert kit.store.documents(Scope(frozenset([other.id]), frozenset([one.id]))) == []

    def test_wrong_contents_change_nothing(self, kit: Kit) -> None:
        kit.add("x")
        lease, document = kit.lease(), parsed(["abc", "def"])
        chunks = chunked(document)
        good, hashes, spec_id = embedded(chunks), ["h1", "h2"], kit.store.ensure_spec(SPEC)
        for bad in (good[:1], good[:, :4], np.full_like(good, np.nan)):
            with pytest.raises(StoreError) as error:
                kit.store.commit_ready(lease, document, chunks, bad, hashes, spec_id)
            assert error.value.code == "store.bad_vectors"
        with pytest.raises(ValueError, match="offsets"):
            kit.store.commit_ready(lease, parsed(["abd", "def"]), chunks, good, hashes, spec_id)
        assert kit.store.pages(1) == []
        assert kit.store.active_spec() is None
        assert kit.store.commit_ready(lease, document, chunks, good, hashes, spec_id)

    def test_known_vectors(self, kit: Kit) -> None:
        kit.ready("x", ["one", "two"])
        known = kit.store.known_vectors(1, [digest("two"), digest("three"), digest("two")])
        assert list(known) == [digest("two")]
        chunks = chunked(parsed(["one", "two"]))
        np.testing.assert_array_equal(known[digest("two")], embedded(chunks)[1])
        assert kit.store.known_vectors(kit.store.ensure_spec(OTHER_SPEC), [digest("two")]) == {}

    def test_renditions_go_with_their_last_document(self, kit: Kit) -> None:
        import io

        kit.add("x", password="p")
        lease = kit.lease()
        rendition, _ = kit.store.originals.put(io.BytesIO(b"decrypted"))
        assert kit.commit(lease, rendition=rendition)
        assert kit.store.document(1, kit.scope).rendition_sha256 == rendition
        kit.store.delete_document(1)
        assert not kit.store.originals.exists(rendition)
        kit.add("y")
        lost = kit.lease()
        kit.store.delete_document(2)
        kit.store.originals.put(io.BytesIO(b"decrypted"))
        assert not kit.commit(lost, rendition=rendition)
        assert not kit.store.originals.exists(rendition)


class TestSpecsAndChanges:
    def test_equal_specs_have_one_id(self, store: Store) -> None:
        ids = together(4, lambda _: store.ensure_spec(SPEC))
        assert len(set(ids)) == 1
        assert store.ensure_spec(OTHER_SPEC) not in ids
        assert store.active_spec() is None

    def test_another_spec_is_refused_with_the_remedy(self, kit: Kit) -> None:
        kit.ready("x")
        kit.add("y")
        lease = kit.lease()
        with pytest.raises(IndexMismatch) as error:
            kit.commit(lease, spec=OTHER_SPEC)
        assert error.value.code == "store.index_mismatch"
        for language in ("en", "zh"):
            text = error.value.localized(language)
            assert all(word in text for word in ("tiny", "other", "wenju reindex"))
        assert kit.commit(lease)

    def test_reindex_beside_then_swap(self, kit: Kit) -> None:
        one, two = kit.ready("one"), kit.ready("two")
        old, before = kit.visible(), kit.store.generation()
        spec_id = kit.store.ensure_spec(OTHER_SPEC)
        assert kit.store.documents_without(spec_id) == [one.id, two.id]
        assert kit.reindex(one.id)
        with pytest.raises(StoreError) as error:
            kit.store.activate_spec(spec_id)
        assert error.value.code == "store.spec_incomplete"
        assert kit.visible() == old
        assert kit.store.generation() == before
        beside = {c.id for c in kit.store.iter_chunks(spec_id)}
        assert beside
        assert kit.store.passages(beside, kit.scope) == {}
        assert kit.reindex(two.id)
        assert kit.reindex(two.id)  # again: in place of the first
        kit.store.activate_spec(spec_id)
        assert kit.store.active_spec() == (spec_id, OTHER_SPEC)
        assert not old & kit.visible()
        assert len(kit.visible()) == 4
        assert kit.store.passages(old, kit.scope) == {}
        assert kit.store.vectors(sorted(old))[0].size == 0
        assert kit.store.changes_since(before) is None
        after = kit.store.generation()
        assert after == before + 1
        kit.store.activate_spec(spec_id)
        assert kit.store.changes_since(after) == []

    def test_replacing_active_chunks_is_seen_at_once(self, kit: Kit) -> None:
        ready = kit.ready("x")
        old, before = kit.visible(), kit.store.generation()
        assert kit.reindex(ready.id, SPEC)
        changes = kit.store.changes_since(before)
        assert changes is not None
        assert [(c.kind, set(c.chunk_ids)) for c in changes] == [("delete", old), ("add", kit.visible())]
        assert not kit.reindex(99)

    def test_ids_are_never_given_out_twice(self, kit: Kit) -> None:
        seen: set[int] = set()
        for number in range(4):
            ready = kit.ready(str(number))
            assert not seen & kit.visible()
            seen |= kit.visible()
            kit.store.delete_document(ready.id)
            assert kit.visible() == set()

    def test_changes(self, kit: Kit) -> None:
        assert (kit.store.generation(), kit.store.changes_since(0)) == (0, [])
        one = kit.ready("one")
        since = kit.store.generation()
        two = kit.ready("two")
        kit.store.delete_document(two.id)
        changes = kit.store.changes_since(since)
        assert changes is not None
        assert [(c.kind, c.document_id, len(c.chunk_ids)) for c in changes] == [
            ("add", two.id, 0),
            ("delete", two.id, 2),
        ]
        assert changes[-1].generation == kit.store.generation()
        kit.store.delete_document(one.id)
        kit.store.delete_document(one.id)
        assert kit.store.changes_since(10_000) is None
        assert kit.store.changes_since(-1) is None

    def test_pruned_history_means_rebuild(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rag.store.base.KEPT_CHANGES", 2)
        for number in range(5):
            kit.ready(str(number))
        assert kit.store.generation() == 5
        assert kit.store.changes_since(2) is None
        assert [c.generation for c in kit.store.changes_since(3) or ()] == [4, 5]


class TestConversations:
    def test_turns_come_back_whole(self, store: Store) -> None:
        turn = store.log_turn(answer("q1 " + "长" * 300 + "\nline"), "ann")
        assert turn.answer.turn_id == turn.id
        assert turn.answer.conversation_id == turn.conversation_id
        again = store.log_turn(answer("q2"), "ann", turn.conversation_id)
        assert store.turns(turn.conversation_id, "ann") == [turn, again]
        [conversation] = store.conversations("ann")
        assert conversation.id == turn.conversation_id
        assert conversation.title.startswith("q1 长长")
        assert len(conversation.title) == 80
        assert conversation.updated_at == again.created_at

    def test_latest_first_and_named_by_the_first_question(self, store: Store) -> None:
        first, second = store.create_conversation("ann"), store.create_conversation("ann", "mine")
        assert [c.id for c in store.conversations("ann")] == [second.id, first.id]
        store.log_turn(answer("hello?"), "ann", first.id)
        assert [(c.id, c.title) for c in store.conversations("ann")] == [
            (first.id, "hello?"),
            (second.id, "mine"),
        ]
        assert store.rename_conversation(first.id, "  new\n name ", "ann").title == "new name"
        assert store.conversations("ann", limit=1)[0].title == "new name"

    def test_rating(self, store: Store) -> None:
        turn = store.log_turn(answer(), "ann")
        rated = store.rate_turn(turn.id, "ann", -1, ("wrong_number", "引用错误"), "不对 \x00😀")
        assert (rated.rating, rated.reasons, rated.comment) == (
            -1,
            ("wrong_number", "引用错误"),
            "不对 \ufffd😀",
        )
        assert store.turns(turn.conversation_id) == [rated]
        assert store.rate_turn(turn.id, "ann", 0).rating == 0
        assert store.rated_turns() == []
        with pytest.raises(ValueError, match="rating"):
            store.rate_turn(turn.id, "ann", 2)  # type: ignore[arg-type]

    def test_feedback_waits_for_a_review_and_a_new_verdict_opens_it_again(self, store: Store) -> None:
        good, bad, fixed = (store.log_turn(answer(), user) for user in ("ann", "bob", "cy"))
        store.rate_turn(good.id, "ann", 1)
        store.rate_turn(bad.id, "bob", -1)
        store.rate_turn(fixed.id, "cy", -1, correction="42 million")
        assert [t.id for t in store.rated_turns()] == [fixed.id, bad.id, good.id]
        assert [t.id for t in store.rated_turns(rating=1)] == [good.id]
        store.review_turn(bad.id, "dismissed", "eve")
        assert [t.id for t in store.rated_turns(open_only=True)] == [fixed.id]
        assert (store.turn(bad.id).review, store.turn(bad.id).reviewed_by) == ("dismissed", "eve")
        store.rate_turn(bad.id, "bob", -1, correction="7")
        assert [t.id for t in store.rated_turns(open_only=True)] == [bad.id, fixed.id]
        assert store.turn(bad.id).reviewed_by == ""
        with pytest.raises(AccessDenied):
            store.review_turn(9_999, "accepted", "eve")

    def test_nobody_elses(self, store: Store) -> None:
        turn = store.log_turn(answer(), "ann")
        conversation_id = turn.conversation_id
        assert store.conversations("bob") == []
        for call in (
            lambda: store.turns(conversation_id, "bob"),
            lambda: store.rate_turn(turn.id, "bob", 1),
            lambda: store.log_turn(answer(), "bob", conversation_id),
            lambda: store.rename_conversation(conversation_id, "x", "bob"),
            lambda: store.delete_conversation(conversation_id, "bob"),
            lambda: store.turns(99, "ann"),
        ):
            with pytest.raises(AccessDenied):
                call()
        assert store.turns(conversation_id, "ann") == [turn]
        store.delete_conversation(conversation_id, "ann")
        assert store.conversations("ann") == []
        with pytest.raises(AccessDenied):
            store.turns(conversation_id)

    def test_an_answer_with_odd_numbers_and_characters(self, store: Store) -> None:
        from dataclasses import replace

        odd = replace(answer("q\ud800"), timings_ms={"x": float("inf")}, citations=(), passages=())
        turn = store.log_turn(odd, "ann")
        [found] = store.turns(turn.conversation_id)
        assert found.answer.question == "q\ufffd"
        assert found.answer.timings_ms == {"x": float("inf")}


class TestTwoStores:
    def test_each_sees_what_the_other_did(self, kit: Kit, settings: Settings, clock: Clock) -> None:
        with Store.open(settings, clock=clock) as second:
            ready = kit.ready("x")
            assert second.document(ready.id, kit.scope) == ready
            second.delete_document(ready.id)
            assert kit.visible() == set()
            assert kit.store.generation() == second.generation() == 2

    def test_no_document_has_two_owners(self, kit: Kit, settings: Settings, clock: Clock) -> None:
        for number in range(10):
            kit.add(str(number))
        with Store.open(settings, clock=clock) as second:

            def drain(number: int) -> list[int]:
                mine, store = [], (kit.store, second)[number % 2]
                while (lease := store.lease_next(str(number))) is not None:
                    mine.append(lease.document.id)
                return mine

            leased = [i for mine in together(4, drain) for i in mine]
        assert sorted(leased) == list(range(1, 11))


def test_a_secret_is_the_same_for_everybody(store: Store, settings: Settings) -> None:
    found = together(6, lambda _: store.secret("cache"))
    assert len(set(found)) == 1
    (first,) = set(found)
    assert isinstance(first, bytes)
    assert len(first) == 32
    assert store.secret("another") != first
    with Store.open(settings) as again:
        assert again.secret("cache") == first


def figures(at_s: int, question: str = "q", **changes: object) -> Figures:
    made = Figures(
        at_s=at_s,
        request_id=f"r{at_s}",
        question_key=question,
        mode="generative",
        outcome="answered",
        total_ms=100.0,
        model="m",
        passages=3,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class TestFigures:
    DAY = 86_400

    def note(self, store: Store, *rows: Figures, kept: int = 100) -> None:
        store.note_figures([(row, None) for row in rows], traces_kept=kept)

    def test_nothing_yet(self, store: Store) -> None:
        assert store.totals(0, 10) == Totals()
        assert store.counts("outcome", 0, 10, step_s=5) == []
        assert store.latencies(0, 10, step_s=5) == ([], [])
        assert store.by_model(0, 10) == store.asked(0, 10) == store.traced(0, 10) == []
        assert store.degraded(0, 10) == store.document_counts() == {}

    def test_totals_of_a_range(self, store: Store) -> None:
        self.note(
            store,
            figures(9),
            figures(10, tokens_in=100, tokens_out=10, cost=0.5, groundedness=1.0),
            figures(11, from_cache=True, groundedness=0.5),
            figures(12, mode="refused", outcome="refused", code="refusal.model", passages=0),
            figures(13, outcome="incomplete"),
            figures(14, mode="none", outcome="error", code="store.locked", passages=0),
            figures(20),
        )
        assert store.totals(10, 20) == Totals(
            questions=5,
            answered=2,
            refused=1,
            incomplete=1,
            errors=1,
            from_cache=1,
            empty=1,
            tokens_in=100,
            tokens_out=10,
            cost=0.5,
            groundedness=0.75,
        )

    def test_days_begin_at_local_midnight(self, store: Store) -> None:
        china = 8 * 3600
        midnight = 100 * self.DAY - china  # 00:00 in UTC+8
        self.note(store, figures(midnight - 1), figures(midnight), figures(midnight + self.DAY - 1))
        found = store.counts("outcome", 0, 200 * self.DAY, step_s=self.DAY, offset_s=china)
        assert found == [
            Counted(midnight - self.DAY, "answered", 1),
            Counted(midnight, "answered", 2),
        ]
        _, times = store.latencies(0, 200 * self.DAY, step_s=self.DAY, offset_s=china)
        assert [t.start_s for t in times] == [midnight - self.DAY, midnight]

    def test_codes_are_of_refusals_and_errors(self, store: Store) -> None:
        self.note(store, figures(1), figures(2, outcome="refused", code="refusal.model"))
        assert store.counts("code", 0, 10, step_s=10) == [Counted(0, "refusal.model", 1)]

    def test_percentiles_are_those_of_the_durations(self, store: Store) -> None:
        rows = [
            figures(n, total_ms=float(n), first_token_ms=n / 2, stages_ms={"dense": n / 10})
            for n in range(1, 102)
        ]
        self.note(store, *rows, figures(102, total_ms=51.0, first_token_ms=None))
        stages, times = store.latencies(0, 1000, step_s=1000)
        found = {s.stage: s for s in stages}
        assert found["dense"] == StageTimes("dense", 101, pytest.approx((5.1, 9.6, 10.0)))
        assert found["first_token"].count == 101
        assert found["total"].count == 102
        assert found["total"].percentiles_ms == pytest.approx((51.0, 95.95, 99.99))
        assert [(t.start_s, t.stage) for t in times] == [(0, "first_token"), (0, "total")]

    def test_models_with_what_readers_thought(self, store: Store) -> None:
        good = store.log_turn(answer("good"), "ann")
        bad = store.log_turn(answer("bad"), "ann")
        store.rate_turn(good.id, "ann", 1)
        store.rate_turn(bad.id, "ann", -1)
        self.note(
            store,
            figures(1, model="m", adapter="a", turn_id=good.id, tokens_in=5, cost=0.1),
            figures(2, model="m", turn_id=bad.id, tokens_out=7, cost=0.2, groundedness=0.5),
            figures(3, model="", mode="extractive"),
            figures(4, model="", mode="refused", outcome="refused"),
        )
        assert store.by_model(0, 10) == [
            ModelFigures("m", "", 1, 0, 0, 7, 0.2, 0.5, 0, 1),
            ModelFigures("m", "a", 1, 0, 5, 0, 0.1, None, 1, 0),
            ModelFigures("", "", 1, 0, 0, 0, 0.0, None, 0, 0),
        ]
        now = int(time.time())
        assert {(c.name, c.count) for c in store.ratings(now - 60, now + 60, step_s=3600)} == {
            ("up", 1),
            ("down", 1),
        }

    def test_popular_and_unanswered_questions(self, store: Store) -> None:
        first, again, other, gone = (
            store.log_turn(answer(words), "ann") for words in ("Revenue?", "revenue", "Who?", "Secret")
        )
        self.note(
            store,
            figures(1, "revenue", turn_id=first.id),
            figures(2, "revenue", turn_id=again.id),
            figures(3, "who", turn_id=other.id, outcome="refused", code="refusal.model"),
            figures(4, "secret", turn_id=gone.id, outcome="refused", code="refusal.model"),
            figures(5, "never kept", outcome="error"),
        )
        store.delete_conversation(gone.conversation_id)
        assert store.asked(0, 10) == [
            AskedQuestion("revenue", 2, 0, 2, "", again.id),
            AskedQuestion("Who?", 1, 1, 3, "refusal.model", other.id),
        ]
        assert store.asked(0, 10, unanswered=True) == [
            AskedQuestion("Who?", 1, 1, 3, "refusal.model", other.id)
        ]
        assert store.asked(0, 10, limit=1) == [AskedQuestion("revenue", 2, 0, 2, "", again.id)]
        assert store.totals(0, 10).questions == 5

    def test_degraded_parts_are_counted_once_a_question(self, store: Store) -> None:
        self.note(
            store,
            figures(1, degraded=("chat:chat.busy", "dense:x")),
            figures(2, degraded=("chat:chat.busy", "chat:chat.busy")),
            figures(3),
        )
        assert store.degraded(0, 10) == {"chat:chat.busy": 2, "dense:x": 1}

    def test_traces_come_back_and_only_the_latest_are_kept(self, store: Store) -> None:
        turn = store.log_turn(answer("slow one"), "ann")
        made = []
        for number in range(5):
            with (
                tracing.trace("question", f"r{number}", documents=2) as root,
                tracing.span("dense", {"k": 8}),
            ):
                pass
            made.append(root.end())
        rows = [
            figures(n, request_id=f"r{n}", total_ms=100.0 - n, turn_id=turn.id if n == 3 else None)
            for n in range(5)
        ]
        store.note_figures(list(zip(rows, made, strict=True)), traces_kept=3)
        found = store.traced(0, 10)
        assert [(t.request_id, t.question) for t in found] == [("r4", ""), ("r3", "slow one"), ("r2", "")]
        assert [t.request_id for t in store.traced(0, 10, order="slowest")] == ["r2", "r3", "r4"]
        assert [t.request_id for t in store.traced(0, 10, request_id="r3")] == ["r3"]
        assert store.traced(0, 10, outcome="error") == []
        again = store.trace(found[0].id)
        assert (again.request_id, again.trace_id) == ("r4", made[4].trace_id)
        assert [(s.name, s.parent_id, dict(s.attributes)) for s in again.spans] == [
            (s.name, s.parent_id, dict(s.attributes)) for s in made[4].spans
        ]
        with pytest.raises(AccessDenied):
            store.trace(9999)

    def test_old_figures_are_forgotten(self, store: Store) -> None:
        self.note(store, figures(1), figures(2), figures(3))
        assert store.forget_figures(3) == 2
        assert store.totals(0, 10).questions == 1

    def test_documents_by_state(self, kit: Kit) -> None:
        kit.ready("one")
        kit.add("two")
        assert kit.store.document_counts() == {"ready": 1, "queued": 1}
