"""The Operations page and `wenju stats` over a real library with questions asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from commands.stats import stats
from ingest.service import IngestService
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import AccessDenied
from rag.records import Done, Principal
from rag.settings import Settings
from rag.testing import HashEmbedding
from ui import boot
from ui.answering import AnswerDesk
from ui.operations import TABS
from ui.texts import text

ANALYST = Principal("ann", "Ann", frozenset({"analyst"}))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path / "data", chat={"kind": "extractive"})
    with Engine.open(settings, embedding=HashEmbedding()) as opened:
        opened.add_document("a.md", b"# Results\n\nRevenue of Harbour plc was 1,577 million euros in 2023.\n")
        IngestService(opened.store, settings, HashEmbedding()).run_until_idle()
        boot.install(boot.House(engine=opened, desk=AnswerDesk(opened)))
        yield opened
        boot.install(None)


def _page(language: str, tab: str = "overview") -> AppTest:
    def script(language: str, tab: str) -> None:
        import streamlit as st

        from ui import operations

        st.session_state.setdefault("lang", language)
        st.session_state.setdefault("ops-tab", tab)
        operations.page()

    return AppTest.from_function(script, kwargs={"language": language, "tab": tab}, default_timeout=60).run()


def _ask(engine: Engine, *questions: str) -> None:
    for question in questions:
        [answer] = [e.answer for e in engine.ask(question) if isinstance(e, Done)]
        assert answer.turn_id is not None
        engine.rate_turn(answer.turn_id, LOCAL, -1 if answer.refused else 1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_tab_is_drawn_in_both_languages(engine: Engine, language: str) -> None:
    shown = _page(language)
    assert [i.value for i in shown.info] == [text("ops.nothing", language)]
    _ask(engine, "What was the revenue of Harbour in 2023?", "Who chairs Zanzibarium?")
    engine.observer.flush()
    st.cache_data.clear()  # figures are kept for half a minute
    for tab in TABS:
        shown = _page(language, tab)
        assert not shown.exception, tab
        values = {m.label: m.value for m in shown.metric}
        assert values[text("ops.questions", language)] == "2"


def test_only_admins_see_it(engine: Engine) -> None:
    _ask(engine, "What was the revenue of Harbour in 2023?")
    for look in (
        lambda: engine.overview(0, principal=ANALYST),
        lambda: engine.asked_questions(0, principal=ANALYST),
        lambda: engine.traced_questions(0, principal=ANALYST),
        lambda: engine.question_trace(1, ANALYST),
    ):
        with pytest.raises(AccessDenied):
            look()


def test_stats_tell_the_same(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    stats(engine, days=1, as_json=False)
    _ask(engine, "What was the revenue of Harbour in 2023?", "Who chairs Zanzibarium?")
    stats(engine, days=1, as_json=True)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["totals"]["questions"] == 2
    assert [one["question"] for one in told["unanswered"]] == ["Who chairs Zanzibarium?"]
    stats(engine, days=1, as_json=False)
    assert "Who chairs Zanzibarium?" in capsys.readouterr().out
