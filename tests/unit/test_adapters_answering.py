"""Live adapters answer their share of the users, through the whole path, on the server of the base model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_chat_server import Script, serving

from ingest.service import IngestService
from rag.access import LOCAL
from rag.answer.arms import Arms, choose_adapter
from rag.engine import Engine
from rag.errors import StoreError
from rag.records import Answer, Degraded, Done, Event, Principal
from rag.settings import ChatSettings, Settings
from rag.store.tuning import Adapter
from rag.testing import HashEmbedding

TEXT = "Harbour Logistics plc. Revenue was 1,577 million euros in 2023.\n"
QUESTION = "What was the revenue of Harbour Logistics in 2023?"
USERS = [f"user-{n}" for n in range(4000)]


def adapter(name: str, share: float) -> Adapter:
    now = datetime.now(UTC)
    return Adapter(1, name, "tiny", "", "", {}, {}, "live", share, "eve", now, now)


def test_shares_hold_stay_and_are_independent() -> None:
    fifth, half = adapter("one", 0.2), adapter("one", 0.5)
    first = {u for u in USERS if choose_adapter(u, [fifth]) == "one"}
    assert len(first) == pytest.approx(800, abs=100)  # four standard deviations
    assert first < {u for u in USERS if choose_adapter(u, [half]) == "one"}  # who has it keeps it
    chosen = [choose_adapter(u, [adapter("two", 0.5), half]) for u in USERS]
    counts = [chosen.count(name) for name in ("two", "one", "")]
    assert counts == pytest.approx([2000, 1000, 1000], abs=140)
    assert {choose_adapter(u, [fifth, adapter("old", 1.0)]) for u in USERS} == {"one", "old"}
    assert choose_adapter("anybody", []) == ""


def test_what_is_live_is_looked_up_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("rag.answer.arms.time.monotonic", lambda: clock[0])
    looks = []

    def live() -> list[Adapter]:
        looks.append(clock[0])
        if len(looks) == 3:
            raise StoreError("store.locked")
        return [adapter("one", 1.0)]

    arms = Arms(ChatSettings(), live)
    for moment in (100.0, 100.9, 101.0, 102.5):
        clock[0] = moment
        assert arms.of("ann") == "one"
    assert looks == [100.0, 101.0, 102.5]
    assert Arms(ChatSettings(adapter="base"), live).of("ann") == ""
    assert Arms(ChatSettings(adapter="other"), live).of("ann") == "other"


class Server:
    """Answers as the model that was asked; ``served``: what it has."""

    def __init__(self) -> None:
        self.served = {"tiny", "one"}
        self.script = Script(self.chat, models=["tiny"])

    def chat(self, handler: Any) -> None:
        name = self.script.bodies[-1]["model"]
        if name not in self.served:
            return handler.reply(404, {"error": {"message": f"The model `{name}` does not exist."}})
        handler.begin()
        handler.event({"content": f"Revenue, says {name}, was 1,577 million euros [1]."})
        handler.event(finish="stop")
        handler.raw("data: [DONE]\n\n")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def engine(server: Server, tmp_path: Path) -> Iterator[Engine]:
    with serving(server.script) as url:
        settings = Settings(data_dir=tmp_path, chat={"base_url": url, "retries": 0})
        embedding = HashEmbedding()
        with Engine.open(settings, embedding=embedding) as opened:
            opened.add_document("Harbour Logistics 2023.txt", TEXT.encode())
            IngestService(opened.store, settings, embedding).run_until_idle()
            opened.store.add_adapter("one", "tiny", "/adapters/one", "0" * 64, {}, "eve")
            yield opened


def ask(engine: Engine, principal: Principal = LOCAL) -> tuple[Answer, list[Event]]:
    events = list(engine.ask(QUESTION, principal))
    assert isinstance(events[-1], Done)
    return events[-1].answer, events


def promote(engine: Engine, name: str | None, share: float = 1.0) -> None:
    engine.store.set_live(name, share, "eve", "adapter.promote")
    engine._asking()._arms._until = 0.0  # instead of a second's wait


def test_promotion_and_rollback_change_who_answers(engine: Engine) -> None:
    answer, _ = ask(engine)
    assert (answer.model, answer.adapter) == ("tiny", "")
    promote(engine, "one")
    assert engine.adapter_shares() == {"one": 1.0}
    answer, events = ask(engine)
    assert (answer.model, answer.adapter, answer.mode) == ("tiny", "one", "generative")
    assert "says one" in answer.text
    assert not [e for e in events if isinstance(e, Degraded) and e.part == "chat"]
    kept = engine.turns(answer.conversation_id or 0)[-1].answer
    assert (kept.model, kept.adapter) == ("tiny", "one")
    promote(engine, None)
    assert "says tiny" in ask(engine)[0].text


def test_each_user_has_one_arm(engine: Engine) -> None:
    promote(engine, "one", 0.5)
    live = engine.store.live_adapters()
    for user in ("ann", "bob", "cai", "dan", "eva", "fay"):
        principal = Principal(user, user, frozenset({"analyst"}))
        assert ask(engine, principal)[0].adapter == choose_adapter(user, live)


def test_an_adapter_that_the_server_lacks_gives_way_aloud(engine: Engine, server: Server) -> None:
    promote(engine, "one")
    server.served.remove("one")
    answer, _ = ask(engine)
    assert (answer.model, answer.adapter, answer.incomplete) == ("tiny", "", False)
    assert "says tiny" in answer.text
    [said] = [d for d in answer.degraded if d.part == "chat"]
    assert (said.code, said.params["adapter"]) == ("degraded.adapter", "one")
    server.served.add("one")
    assert ask(engine)[0].adapter == "one"  # it is asked again at once


def test_a_variant_asks_the_adapter_it_names(engine: Engine) -> None:
    promote(engine, "one")
    chat = engine.settings.chat.model_copy(update={"adapter": "base"})
    variant = engine.variant(engine.settings.model_copy(update={"chat": chat}))
    assert (ask(variant)[0].adapter, variant.adapter_shares()) == ("", {})
    assert ask(engine)[0].adapter == "one"
