"""Kept answers: found only when nothing that could change them changed, never a bad one, given up at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from ingest.service import IngestService
from rag.access import LOCAL
from rag.answer.kept import AnswerCache, AnswerParts, answer_key, keepable, normalised, settings_parts
from rag.answer.similar import subject
from rag.cache import ProcessCache
from rag.engine import Engine
from rag.errors import ModelUnavailable
from rag.records import Answer, Degraded, Done, Event, Principal, Retrieved, Rewritten, Token
from rag.settings import Settings
from rag.testing import HashEmbedding, QueueChatModel, Reply

REPORT = """# Results

Revenue of Harbour Logistics was 1,577 million euros in 2023, after 1,402 million euros in 2022.
"""
SECRET = """# Secret plan

Harbour Logistics plans to buy Zeppelin Airways for 90 million euros in 2024.
"""
ASKED = "What was the revenue of Harbour Logistics in 2023?"
SAID = "Revenue was 1,577 million euros in 2023 [1]."
PARTS = AnswerParts(
    question="q",
    language="en",
    history="",
    collections=(1,),
    documents=None,
    ignored_chips=(),
    generation=1,
    history_of="2026",
    index="i",
    embedding="e",
    reranker="r",
    search="s",
    answer="a",
    vocabulary="v",
    prompt_use="concise",
    prompts=("p",),
    model="m",
    adapter="",
    sampling="t",
    rules="",
    program="1",
)

Make = Callable[..., Engine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    engines: list[Engine] = []
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as engine:
        engine.add_document("Harbour Logistics 2023.md", REPORT.encode())
        IngestService(engine.store, settings, HashEmbedding()).run_until_idle()

    def made(*replies: str | Reply, repeat: bool = False, **sections: Any) -> Engine:
        given = Settings(data_dir=tmp_path, **{"chat": {"kind": "extractive"}, **sections})
        chat = QueueChatModel(replies, repeat=repeat) if replies else None
        engines.append(Engine.open(given, embedding=HashEmbedding(), chat=chat))
        return engines[-1]

    yield made
    for engine in engines:
        engine.close()


def run(events: Iterator[Event]) -> Answer:
    *_, last = events
    assert isinstance(last, Done)
    return last.answer


def test_a_hit_is_the_same_answer_and_says_so(make: Make) -> None:
    engine = make(SAID)
    first = run(engine.ask(ASKED))
    assert not first.from_cache
    assert len(first.cache_key) == 64
    events = list(
        engine.ask("  what was the revenue".replace("what", "What") + " of Harbour Logistics in 2023？ ")
    )
    again = events[-1].answer  # type: ignore[union-attr]
    assert again.from_cache
    assert isinstance(events[0], Rewritten)
    assert isinstance(events[1], Retrieved)
    assert "".join(e.text for e in events if isinstance(e, Token)) == again.text == SAID
    for name in (
        "text",
        "mode",
        "model",
        "citations",
        "passages",
        "checks",
        "groundedness",
        "prompt_version",
    ):
        assert getattr(again, name) == getattr(first, name), name
    assert again.turn_id not in (None, first.turn_id)
    assert engine.turns(again.conversation_id or 0)[-1].answer.from_cache
    found = engine.cache_statistics()
    assert (found.hits, found.misses, found.kept, found.hit_rate) == (1, 1, 1, 0.5)
    assert found.saved_completion_tokens > 5
    assert found.saved_prompt_tokens > 20


def test_asking_anew_goes_past_it_and_takes_its_place(make: Make) -> None:
    engine = make(SAID, "The revenue of 2023 was 1,577 million euros [1].")
    run(engine.ask(ASKED))
    anew = run(engine.ask(ASKED, anew=True))
    assert not anew.from_cache
    assert anew.text != SAID
    assert run(engine.ask(ASKED)).text == anew.text


def test_thumbs_down_and_a_correction_evict(make: Make) -> None:
    engine = make(SAID, repeat=True)
    for rating, correction in ((-1, ""), (0, "It was 1,577 million euros.")):
        run(engine.ask(ASKED))
        hit = run(engine.ask(ASKED))
        assert hit.from_cache
        engine.rate_turn(hit.turn_id or 0, LOCAL, 1)
        assert run(engine.ask(ASKED)).from_cache, "praise keeps it"
        engine.rate_turn(hit.turn_id or 0, LOCAL, rating, correction=correction)  # type: ignore[arg-type]
        assert not run(engine.ask(ASKED)).from_cache
    assert engine.cache_statistics().evicted == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(
            "Revenue was 1,577 million euros [1].",
            error=ModelUnavailable("chat.unreachable", url="x", detail=""),
        ),
        Reply("Revenue was 1,577 million euros in 2023 [1].", cut_after=3),
        Reply("Revenue was 1,577 million euros [1].", finish_reason="length"),
        Reply(""),
        Reply("Revenue was 1,999 million euros in 2023 [1]."),  # a number that no passage has
        Reply("Revenue was 1,577 million euros in 2023 [7]."),
        Reply("Revenue was 1,577 million euros in 2023."),
        Reply("The documents do not contain enough information to answer this question."),
    ],
    ids=["error", "cut", "length", "empty", "unsupported", "unknown-marker", "uncited", "refusal"],
)
def test_nothing_that_lacked_something_is_kept(make: Make, reply: Reply) -> None:
    engine = make(reply, SAID)
    run(engine.ask(ASKED))
    second = run(engine.ask(ASKED))
    assert not second.from_cache
    assert second.text == SAID
    assert run(engine.ask(ASKED)).from_cache


def test_a_stopped_or_left_answer_is_not_kept(make: Make) -> None:
    long = f"{SAID} {SAID} {SAID}"  # the first sentence leaves when the second one begins
    engine = make(Reply(long, word_s=0.02), Reply(long, word_s=0.02), SAID)
    stop = threading.Event()
    for event in engine.ask(ASKED, stop=stop):
        if isinstance(event, Token):
            stop.set()
    events = engine.ask(ASKED)
    for event in events:
        if isinstance(event, Token):
            break
    events.close()  # type: ignore[attr-defined]
    assert not run(engine.ask(ASKED)).from_cache


def test_a_new_document_a_deleted_one_and_an_edit_make_it_another_question(make: Make) -> None:
    engine = make(SAID, repeat=True)
    run(engine.ask(ASKED))
    engine.add_document("plan.md", SECRET.encode())
    service = IngestService(engine.store, engine.settings, HashEmbedding())
    service.run_until_idle()
    engine.search_index().refresh()
    assert not run(engine.ask(ASKED)).from_cache
    assert run(engine.ask(ASKED)).from_cache
    (plan,) = [d for d in engine.documents() if d.name == "plan.md"]
    engine.delete_document(plan.id)
    engine.search_index().refresh()
    assert not run(engine.ask(ASKED)).from_cache


def test_an_answer_begun_before_a_change_is_not_kept_for_after_it(make: Make) -> None:
    engine = make(Reply(SAID, word_s=0.02), SAID)
    events = engine.ask(ASKED)
    for event in events:
        if isinstance(event, Retrieved):
            engine.add_document("plan.md", SECRET.encode())
            IngestService(engine.store, engine.settings, HashEmbedding()).run_until_idle()
    assert not run(engine.ask(ASKED)).from_cache


def test_the_scope_is_part_of_it(make: Make) -> None:
    engine = make(SAID, repeat=True)
    (document,) = engine.documents()
    run(engine.ask(ASKED))
    assert not run(engine.ask(ASKED, document_ids=[document.id])).from_cache
    assert run(engine.ask(ASKED, document_ids=[document.id])).from_cache
    nobody = Principal("nobody", "nobody", frozenset({"analyst"}), collection_ids=frozenset())
    found = run(engine.ask(ASKED, nobody))
    assert not found.from_cache
    assert found.refused


def test_chips_and_use_are_part_of_it(make: Make) -> None:
    engine = make(SAID, repeat=True)
    run(engine.ask(ASKED))
    assert not run(engine.ask(ASKED, ignored_chips=["period:FY2023"])).from_cache
    assert not run(engine.ask(ASKED, use="analyst")).from_cache
    assert run(engine.ask(ASKED)).from_cache


def test_switched_off_nothing_is_given_again(make: Make) -> None:
    engine = make(SAID, repeat=True, cache={"answers": False})
    run(engine.ask(ASKED))
    again = run(engine.ask(ASKED))
    assert (again.from_cache, again.cache_key) == (False, "")
    assert not engine.cache_statistics().on


def test_quotes_are_kept_too(make: Make) -> None:
    engine = make()
    first = run(engine.ask(ASKED))
    again = run(engine.ask(ASKED))
    assert (first.mode, again.from_cache, again.text) == ("extractive", True, first.text)
    assert engine.cache_statistics().saved_completion_tokens == 0, "quotes cost no tokens"


def test_old_answers_are_not_given(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make(SAID, repeat=True, cache={"ttl_s": 3600})
    run(engine.ask(ASKED))
    later = time.time() + 3601
    monkeypatch.setattr("rag.answer.kept.time.time", lambda: later)
    assert not run(engine.ask(ASKED)).from_cache


# ---------------------------------------------------------------- the same question at once


def test_of_many_who_ask_the_same_at_once_one_is_answered(make: Make) -> None:
    engine = make(Reply(SAID, stall_s=0.3))  # a second call would raise: the queue is empty
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(run(engine.ask(ASKED)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [a.text for a in answers] == [SAID] * 8
    assert sum(a.from_cache for a in answers) == 7
    assert engine.cache_statistics().shared == 7


def test_who_waited_for_an_answer_that_may_not_be_given_is_answered_too(make: Make) -> None:
    engine = make(Reply(SAID, stall_s=0.3, cut_after=2), SAID, SAID, SAID)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(run(engine.ask(ASKED)))) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join(20)
    assert sorted(a.incomplete for a in answers) == [False, False, False, True]


def test_waiting_for_another_takes_no_place(make: Make) -> None:
    engine = make(Reply(SAID, stall_s=1.0), load={"answers": 2})
    threads = [threading.Thread(target=lambda: run(engine.ask(ASKED))) for _ in range(5)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, engine.load_state().running)
        time.sleep(0.005)
    assert most == 1
    assert engine.cache_statistics().shared == 4


def test_a_waiting_reader_may_leave(make: Make) -> None:
    engine = make(Reply(SAID, stall_s=3.0))
    first = threading.Thread(target=lambda: run(engine.ask(ASKED)))
    first.start()
    while not engine.load_state().running:
        time.sleep(0.01)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert run(engine.ask(ASKED, stop=stop)).incomplete
    assert first.is_alive(), "it did not wait to the end"
    first.join(20)


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("name", [f.name for f in fields(AnswerParts)])
def test_each_part_changes_the_key(name: str) -> None:
    value = getattr(PARTS, name)
    other = (
        value + 1
        if isinstance(value, int)
        else f"{value}x"
        if isinstance(value, str)
        else (*(value or ()), "9" if name in ("ignored_chips", "prompts") else 9)
    )
    assert answer_key(b"s", replace(PARTS, **{name: other})) != answer_key(b"s", PARTS)
    assert answer_key(b"other library", PARTS) != answer_key(b"s", PARTS)


@pytest.mark.parametrize(
    ("section", "name", "value", "changes"),
    [
        ("chat", "temperature", 0.5, True),
        ("chat", "max_tokens", 7, True),
        ("chat", "enable_thinking", True, True),
        ("chat", "context_tokens", 999, True),
        ("chat", "total_timeout_s", 9.0, False),
        ("search", "top_k", 3, True),
        ("search", "candidates", 9, True),
        ("search", "refresh_s", 9.0, False),
        ("answer", "min_coverage", 0.9, True),
        ("answer", "max_sentences", 1, True),
        ("embedding", "query_instruction", "find: ", True),
        ("embedding", "model", "other", True),
        ("embedding", "timeout_s", 9.0, False),
    ],
)
def test_settings_that_matter_are_in_it(section: str, name: str, value: object, changes: bool) -> None:
    before = settings_parts(Settings())
    after = settings_parts(Settings(**{section: {name: value}}))  # type: ignore[arg-type]
    assert (before != after) == changes


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is  revenue?", "What is revenue", True),
        ("２０２３年营业收入？", "2023年营业收入", True),
        ("What is US revenue", "What is us revenue", False),
        ("revenue 2023", "revenue 2022", False),
        ("10⁵", "105", False),
    ],
)
def test_only_differences_that_cannot_matter_are_levelled(one: str, other: str, same: bool) -> None:
    assert (normalised(one) == normalised(other)) is same


# ---------------------------------------------------------------- values that are not ours


class Tampering:
    """A cache whose one value can be read and replaced."""

    def __init__(self, engine: Engine) -> None:
        self.cache = ProcessCache()
        self.kept = AnswerCache(engine.settings, engine.store, self.cache)

    def value(self) -> dict[str, Any]:
        (raw,) = self.cache._values.values()
        loaded: dict[str, Any] = json.loads(raw)
        return loaded

    def put(self, raw: bytes) -> None:
        (name,) = self.cache._values
        self.cache._values[name] = raw


def test_a_poisoned_value_is_a_miss_and_is_counted(make: Make) -> None:
    engine = make(SAID)
    answer = run(engine.ask(ASKED))
    scope = engine.scope(LOCAL, None, None)
    tampering = Tampering(engine)
    key, other = "a" * 64, "b" * 64
    assert tampering.kept.keep(key, answer)
    good = tampering.value()
    assert tampering.kept.look(key, scope) is not None
    changed = good["answer"].replace("1,577", "9,999")
    poisons: list[object] = [
        {**good, "answer": changed},
        {**good, "kept_at": good["kept_at"] + 1},
        {**good, "signature": "0" * 64},
        {**good, "format": 2},
        {**good, "more": 1},
        {k: v for k, v in good.items() if k != "signature"},
        [],
        "text",
        None,
    ]
    for poison in poisons:
        tampering.kept.keep(key, answer)
        tampering.put(json.dumps(poison).encode())
        assert tampering.kept.look(key, scope) is None, poison
    tampering.cache._values.clear()
    tampering.kept.keep(key, answer)
    (raw,) = tampering.cache._values.values()
    tampering.cache._values[f"answer:{other}"] = raw  # a good value under another question's key
    assert tampering.kept.look(other, scope) is None
    assert tampering.kept.statistics().refused == 4


def test_what_is_out_of_the_scope_or_changed_is_not_shown(make: Make) -> None:
    engine = make(SAID)
    answer = run(engine.ask(ASKED))
    kept = AnswerCache(engine.settings, engine.store, ProcessCache())
    kept.keep("k", answer)
    scope = engine.scope(LOCAL, None, None)
    assert kept.look("k", scope) is not None
    assert kept.look("k", replace(scope, collection_ids=frozenset())) is None
    (first, *rest) = answer.passages
    kept.keep("k", replace(answer, passages=(replace(first, text=f"Before. {first.text} After."), *rest)))
    assert kept.look("k", scope) is not None, "a passage that has grown beyond its chunk"
    moved = replace(answer, passages=(replace(answer.passages[0], text="Other words."),))
    kept.keep("k", moved)
    assert kept.look("k", scope) is None


def test_what_may_be_kept() -> None:
    good = Answer(
        turn_id=1, conversation_id=1, question="q", standalone_question="q", text="t", mode="generative",
        refused=False, refusal_code="", model="m", citations=(), passages=(), degraded=(), incomplete=False,
        thinking="", prompt_version="", timings_ms={},
    )  # fmt: skip
    assert keepable(good)
    for wrong in (
        replace(good, text=""),
        replace(good, incomplete=True),
        replace(good, degraded=(Degraded("chat", "chat.cut"),)),
        replace(good, refused=True),
        replace(good, mode="refused"),
        replace(good, from_cache=True),
    ):
        assert not keepable(wrong)


# ---------------------------------------------------------------- the same in other words


def test_other_words_are_given_the_answer_only_where_a_setting_asks(make: Make) -> None:
    other = "How much revenue did Harbour Logistics make in 2023?"
    engine = make(SAID, repeat=True, cache={"semantic": True, "semantic_cosine": 0.5})
    run(engine.ask(ASKED))
    near = run(engine.ask("What was Harbour Logistics revenue in 2023?"))
    assert near.from_cache
    assert near.degraded == (Degraded("cache", "degraded.similar", {"question": ASKED}),)
    assert not run(engine.ask("What was the revenue of Harbour Logistics in 2022?")).from_cache
    assert not run(engine.ask(other)).from_cache, "asked in another way"
    found = engine.cache_statistics()
    assert (found.hits, found.similar, found.misses) == (1, 1, 3)
    plain = make(SAID, repeat=True)
    run(plain.ask(ASKED))
    assert not run(plain.ask("What was Harbour Logistics revenue in 2023?")).from_cache


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("revenue of 3M in 2018", "3M's revenue in 2018", True),
        ("revenue in 2018", "revenue in 2017", False),
        ("revenue in Q1 2018", "revenue in 2018", False),
        ("gross margin in 2018", "net margin in 2018", False),
        ("why did revenue rise", "by how much did revenue rise", False),
        ("did revenue rise", "did revenue fall", False),
        ("the revenue of Nike", "the revenue of Adidas", False),
        ("2019年营业收入是多少", "2019年的营业收入多少", True),
        ("2019年营业收入", "2019年营业成本", False),
        ("2019年上半年营业收入", "2019年营业收入", False),
        ("三季度净利润", "四季度净利润", False),
        ("母公司净利润", "合并净利润", False),
    ],
)
def test_the_guard(one: str, other: str, same: bool) -> None:
    assert (subject(one, ()) == subject(other, ())) is same
