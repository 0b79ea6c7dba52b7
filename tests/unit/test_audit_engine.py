"""Who did what stands in the chain, is for admins only, and stays checkable when it is cut short."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.service import IngestService
from rag.access import LOCAL
from rag.engine import Engine
from rag.errors import AccessDenied, RuleError
from rag.records import Answer, Done, Principal
from rag.settings import Settings
from rag.store.schema import audit
from rag.testing import HashEmbedding, QueueChatModel, Reply

ANALYST = Principal("ann", "Ann", frozenset({"analyst"}))
REPORT = b"# Results\n\nRevenue of Harbour Logistics was 1,577 million euros in 2023.\n"
QUESTION = "What was the revenue of Harbour Logistics in 2023?"
BAD = (
    "Revenue was 1,577 million euros in 2023 [1]. The shares offer guaranteed returns [1]. "
    "We recommend buying the shares."
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(data_dir=tmp_path, chat={"kind": "extractive"}, audit={"days": 30})
    chat = QueueChatModel([Reply(BAD)] * 4)
    with Engine.open(settings, embedding=HashEmbedding(), chat=chat) as opened:
        opened.add_document("Harbour 2023.md", REPORT)
        IngestService(opened.store, settings, HashEmbedding()).run_until_idle()
        yield opened


def ask(engine: Engine) -> Answer:
    done = list(engine.ask(QUESTION))[-1]
    assert isinstance(done, Done)
    return done.answer


def names(engine: Engine) -> list[str]:
    return [e.action for e in reversed(engine.audit_entries(limit=1000))]


def test_everything_done_is_noted_without_its_words(engine: Engine) -> None:
    answer = ask(engine)
    assert answer.turn_id is not None
    assert answer.conversation_id is not None
    document = engine.documents()[0]
    engine.edit_about(document.id, company="Harbour")
    engine.original(document.id)
    engine.add_term("revenue", ["turnover"])
    engine.rate_turn(answer.turn_id, LOCAL, -1)
    engine.review_feedback(answer.turn_id, LOCAL, "dismissed")
    dataset = engine.save_dataset("gold")
    engine.save_golden_questions(dataset.id, [("q", {"question": QUESTION})])
    engine.note_export("conversation", str(answer.conversation_id))
    engine.delete_conversation(answer.conversation_id)
    engine.delete_document(document.id)
    assert names(engine) == [
        "document.add", "question.ask", "document.change", "document.export", "term.add", "feedback.review",
        "golden.save", "conversation.export", "conversation.delete", "document.delete",
    ]  # fmt: skip
    asked = engine.audit_entries(action="question")[0]
    assert asked.subject == str(answer.turn_id)
    assert asked.detail["documents"] == [document.id]
    everything = "".join(engine.export_audit())
    assert QUESTION not in everything
    assert "1,577" not in everything
    assert engine.check_audit().broken is None


def test_filters(engine: Engine) -> None:
    ask(engine)
    now = datetime.now(UTC)
    assert engine.audit_entries(since=now + timedelta(minutes=1)) == []
    assert len(engine.audit_entries(until=now + timedelta(minutes=1))) == 2
    assert [e.action for e in engine.audit_entries(action="document", user_id="local")] == ["document.add"]


def test_only_admins_come_in(engine: Engine) -> None:
    for act in (
        lambda: engine.audit_entries(ANALYST), lambda: engine.check_audit(ANALYST),
        lambda: engine.export_audit(ANALYST), lambda: engine.keep_audit_short(ANALYST),
        lambda: engine.rules(ANALYST), lambda: engine.rule_hits(ANALYST),
        lambda: engine.add_rule("x", "forbidden", {"action": "flag", "words": ["x"]}, ANALYST),
        lambda: engine.change_rule(1, ANALYST, active=False), lambda: engine.remove_rule(1, ANALYST),
        lambda: engine.review_hit(1, "dismissed", ANALYST), lambda: engine.try_rules("x", ANALYST),
        lambda: engine.rule_hit_counts(ANALYST), lambda: engine.back_up(Path("never"), ANALYST),
    ):  # fmt: skip
        with pytest.raises(AccessDenied):
            act()


def test_exports_are_safe_and_noted(engine: Engine) -> None:
    engine.store.note_action("=cmd|'/c calc'!A0", "@x", "+1", {"a": "b,c"})
    rows = list(csv.reader(io.StringIO("".join(engine.export_audit(form="csv")))))
    (row,) = [r for r in rows if "cmd" in r[2]]
    assert row[2:5] == ["'=cmd|'/c calc'!A0", "'@x", "'+1"]
    lines = [json.loads(line) for line in engine.export_audit(form="jsonl")]
    assert [line["action"] for line in lines if line["action"] == "audit.export"] == ["audit.export"] * 2
    assert {"id", "at", "user_id", "action", "subject", "detail", "previous", "hash"} == lines[0].keys()


def age(engine: Engine, rows: int) -> None:
    """Makes the first rows 40 days older, chain included, as if they had been written then."""
    from rag.store import audit as chain

    with engine.store._db.write() as connection:
        entries = connection.execute(sa.select(audit).order_by(audit.c.id)).all()
        previous = chain.BEGINNING
        for number, row in enumerate(entries):
            at = row.at - timedelta(days=40) if number < rows else row.at
            detail = json.loads(row.detail)
            digest = chain._hash(previous, at, row.user_id, row.action, row.subject, detail)
            connection.execute(
                sa.update(audit).where(audit.c.id == row.id).values(at=at, previous=previous, hash=digest)
            )
            previous = digest


def test_what_retention_removes_leaves_an_anchor(engine: Engine) -> None:
    for number in range(6):
        engine.store.note_action("ann", "x.do", str(number))
    age(engine, 4)
    assert engine.check_audit().broken is None
    assert engine.keep_audit_short() == 4
    assert engine.keep_audit_short() == 0
    state = engine.check_audit()
    assert (state.broken, state.rows) == (None, 4)
    (anchor,) = engine.audit_entries(action="audit.trim")
    assert anchor.detail["rows"] == 4
    with engine.store._db.write() as connection:  # somebody cuts more off, without an anchor
        connection.execute(sa.delete(audit).where(audit.c.id == 5))
    assert engine.check_audit().broken == 6


def test_a_model_that_promises_is_stopped_and_queued(engine: Engine) -> None:
    answer = ask(engine)
    assert "guaranteed" not in answer.text
    assert answer.text.startswith("Revenue was 1,577 million euros in 2023 [1]. [A sentence is not shown")
    assert answer.text.endswith("no investment advice.")
    assert [(h.kind, h.action) for h in answer.rule_hits] == [
        ("forbidden", "replaced"),
        ("required", "appended"),
    ]
    assert answer.rules_version == engine.rules_version() != ""
    assert not [
        c for c in answer.checks if c.support == "unsupported" and "not shown" in answer.text[c.start : c.end]
    ]
    hits = engine.rule_hits(state="open")
    assert {h.hit.action for h in hits} == {"replaced", "appended"}
    bad = next(h for h in hits if h.hit.action == "replaced")
    assert "guaranteed returns" in bad.excerpt
    engine.review_hit(bad.id, "accepted", note="right so")
    assert [h.id for h in engine.rule_hits(state="accepted")] == [bad.id]
    assert engine.rule_hits(state="accepted")[0].note == "right so"
    engine.delete_conversation(answer.conversation_id)  # type: ignore[arg-type]
    assert engine.rule_hits(state="accepted")[0].turn_id is None  # the queue keeps what was met
    assert engine.rule_hit_counts()[bad.hit.rule_id] == {"accepted": 1}


def test_what_an_admin_changes_counts_at_once(engine: Engine) -> None:
    before = engine.rules_version()
    promises = next(r for r in engine.rules() if r.shipped == "promises")
    for rule in engine.rules():
        engine.change_rule(rule.id, active=False)
    assert engine.rules_version() == ""
    assert "guaranteed returns" in ask(engine).text
    engine.change_rule(promises.id, active=True)
    assert engine.rules_version() not in ("", before)
    assert "guaranteed returns" not in ask(engine).text
    engine.change_rule(promises.id, definition={"action": "flag", "words": ["nothing here"]})
    assert next(r for r in engine.rules() if r.id == promises.id).edited
    engine.change_rule(promises.id, definition={})
    assert not next(r for r in engine.rules() if r.id == promises.id).edited
    own = engine.add_rule("Own", "forbidden", {"action": "replace", "words": ["million euros"]})
    assert "million euros" not in ask(engine).text
    engine.remove_rule(own.id)
    assert own.id not in [r.id for r in engine.rules()]
    with pytest.raises(RuleError):
        engine.remove_rule(promises.id)
    assert [e.action for e in engine.audit_entries(action="rule", limit=3)] == [
        "rule.remove",
        "rule.add",
        "rule.change",
    ]


def test_a_text_can_be_tried(engine: Engine) -> None:
    tried = engine.try_rules("本产品保本保收益。营业收入增长。")
    assert "保收益" not in tried.text
    assert tried.text.endswith("营业收入增长。")
    assert engine.rule_hits() == []
