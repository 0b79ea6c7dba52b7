"""The tables. What is true of them:

- a chunk's id is never given out twice, so a view can never mistake one chunk for another;
- ``changes.id`` is the store's *generation*: it only grows, in the order in which transactions commit;
- rows of ``pages``, ``chunks`` and ``vectors`` exist only for documents whose status is ready;
- at most one embedding spec is active (``active`` is 1 or NULL, and unique).

``HEAD`` is the newest migration; a fresh database is made by running the migrations, and a test compares
the outcome with this module.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

HEAD = "0002"


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware datetimes in UTC on every database (SQLite keeps no time zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite gives out 64-bit ids only to columns declared INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> sa.Column[int]:
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=False)


def _document(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "document_id",
        BigId,
        sa.ForeignKey("documents.id", ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


def _spec(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "spec_id",
        BigId,
        sa.ForeignKey("embedding_specs.id"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


collections = sa.Table(
    "collections",
    metadata,
    _id(),
    sa.Column("name", sa.Text(), nullable=False),
    _time("created_at"),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

documents = sa.Table(
    "documents",
    metadata,
    _id(),
    sa.Column("collection_id", BigId, sa.ForeignKey("collections.id"), nullable=False),
    _text("name"),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("rendition_sha256", sa.String(64), nullable=False, server_default=""),
    sa.Column("size_bytes", sa.BigInteger(), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    _text("source"),
    # Only while the document waits or is worked on; NULL in every final state.
    sa.Column("password", sa.Text(), nullable=True),
    _text("media_type"),
    _text("title"),
    sa.Column("language", sa.String(8), nullable=False, server_default="other"),
    sa.Column("page_kind", sa.String(16), nullable=False, server_default="physical"),
    _text("metadata_json", "{}"),
    _text("about", "{}"),  # see records.About
    _text("about_edited", "[]"),  # names of what a person has set: reading the file again keeps it
    _count("page_count"),
    _count("chunk_count"),
    _count("pages_done"),
    _count("chunks_done"),
    _text("error_code"),
    _text("error_params", "{}"),
    _text("warnings", "[]"),
    _count("attempts"),
    _text("lease_owner"),
    # A fresh random value a lease: an owner that lost its lease can't pass for itself later.
    sa.Column("lease_token", sa.String(32), nullable=False, server_default=""),
    sa.Column("lease_until", sa.Double(), nullable=False, server_default="0"),  # seconds since 1970
    _time("created_at"),
    _time("updated_at"),
    sa.UniqueConstraint("collection_id", "sha256"),
    sa.Index(None, "status", "lease_until"),
    sa.Index(None, "sha256"),
    sa.Index(None, "rendition_sha256"),
    sqlite_autoincrement=True,
)

# Where a document's bytes were read from; "" is an upload by hand. The row with the greatest id is a
# source's newest version. A document goes when its last source has moved on to other bytes.
document_sources = sa.Table(
    "document_sources",
    metadata,
    _id(),
    sa.Column("collection_id", BigId, sa.ForeignKey("collections.id"), nullable=False),
    _text("source"),
    _document(),
    sa.UniqueConstraint("document_id", "source"),
    sa.Index(None, "collection_id", "source"),
    sqlite_autoincrement=True,
)

pages = sa.Table(
    "pages",
    metadata,
    _document(primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    _text("text"),
    sa.Column("width_pt", sa.Double(), nullable=False),
    sa.Column("height_pt", sa.Double(), nullable=False),
    sa.Column("geometry", sa.LargeBinary(), nullable=False),  # lines, headings, tables: see codec
)

embedding_specs = sa.Table(
    "embedding_specs",
    metadata,
    _id(),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    _text("spec"),
    sa.Column("active", sa.Integer(), nullable=True),
    _time("created_at"),
    sa.UniqueConstraint("fingerprint"),
    sa.UniqueConstraint("active"),
    sqlite_autoincrement=True,
)

# Which specs a ready document was chunked and embedded for.
document_specs = sa.Table(
    "document_specs",
    metadata,
    _document(primary_key=True),
    _spec(primary_key=True),
    _count("chunk_count"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    _id(),
    _document(),
    _spec(),
    sa.Column("ordinal", sa.Integer(), nullable=False),
    _text("text"),
    sa.Column("page_start", sa.Integer(), nullable=False),
    sa.Column("page_end", sa.Integer(), nullable=False),
    sa.Column("char_start", sa.Integer(), nullable=False),
    sa.Column("char_end", sa.Integer(), nullable=False),
    _text("section_path", "[]"),
    _text("table_header"),
    _text("boxes", "[]"),
    sa.Column("token_count", sa.Integer(), nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("embedded_sha256", sa.String(64), nullable=False),
    sa.Column("page_type", sa.String(24), nullable=False, server_default=""),
    sa.UniqueConstraint("document_id", "spec_id", "ordinal"),
    sa.Index(None, "spec_id", "id"),
    sa.Index(None, "embedded_sha256"),
    sqlite_autoincrement=True,
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column(
        "chunk_id",
        BigId,
        sa.ForeignKey("chunks.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("data", sa.LargeBinary(), nullable=False),  # little-endian float32
)

changes = sa.Table(
    "changes",
    metadata,
    _id(),
    sa.Column("kind", sa.String(8), nullable=False),  # add, delete, reset
    sa.Column("document_id", BigId, nullable=False),  # 0 for reset; no key: it outlives the document
    _text("chunk_ids", "[]"),
    _time("created_at"),
    sqlite_autoincrement=True,
)

# Originals that nothing refers to any more and whose bytes are still to be removed.
orphans = sa.Table("orphans", metadata, sa.Column("sha256", sa.String(64), primary_key=True))

conversations = sa.Table(
    "conversations",
    metadata,
    _id(),
    _text("user_id"),
    _text("title"),
    _time("created_at"),
    _time("updated_at"),
    sa.Index(None, "user_id", "updated_at"),
    sqlite_autoincrement=True,
)

turns = sa.Table(
    "turns",
    metadata,
    _id(),
    sa.Column(
        "conversation_id", BigId, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False
    ),
    _text("user_id"),
    _time("created_at"),
    _text("question"),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("refused", sa.Boolean(), nullable=False),
    sa.Column("incomplete", sa.Boolean(), nullable=False),
    _text("model"),
    _text("prompt_version"),
    _text("answer", "{}"),
    sa.Column("rating", sa.SmallInteger(), nullable=False, server_default="0"),
    _text("reasons", "[]"),
    _text("comment"),
    sa.Column("rated_at", UtcDateTime(), nullable=True),
    _text("correction"),
    # What an evaluator made of the feedback: "" not yet, accepted (a golden question), dismissed.
    sa.Column("review", sa.String(16), nullable=False, server_default=""),
    _text("reviewed_by"),
    # JSON ids of the collections whose documents it rests on (0: of a document that was gone by then); NULL
    # in rows of an older Wenju. Kept here, so that it can be withheld when documents are gone too.
    sa.Column("collections", sa.Text(), nullable=True),
    sa.Index(None, "conversation_id", "id"),
    sa.Index(None, "created_at"),
    sa.Index(None, "rating"),
    sa.Index(None, "rated_at", "rating"),
    sqlite_autoincrement=True,
)

# What was measured of each question that was asked, without its words: those are the turn's. ``turn_id`` has
# no key, so that a conversation's end does not change what the service did and cost.
figures = sa.Table(
    "figures",
    metadata,
    _id(),
    sa.Column("at_s", sa.BigInteger(), nullable=False),  # seconds since 1970, when the question came
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("turn_id", BigId, nullable=True),
    sa.Column("question_key", sa.String(32), nullable=False),  # equal for the same question; a hash
    sa.Column("mode", sa.String(16), nullable=False),  # records.AnswerMode; "none" when there is no answer
    sa.Column("outcome", sa.String(16), nullable=False),  # metrics.Outcome
    _text("code"),  # why it was refused or failed
    _text("model"),
    _text("adapter"),
    sa.Column("from_cache", sa.Boolean(), nullable=False),
    _count("tokens_in"),
    _count("tokens_out"),
    sa.Column("cost", sa.Double(), nullable=False, server_default="0"),
    _count("passages"),
    sa.Column("groundedness", sa.Double(), nullable=True),
    sa.Column("first_token_ms", sa.Double(), nullable=True),
    sa.Column("total_ms", sa.Double(), nullable=False),
    _text("stages_ms", "{}"),
    _text("degraded", "[]"),  # ["part:code", ...]
    sa.Index(None, "at_s"),
    sa.Index(None, "turn_id"),
    sqlite_autoincrement=True,
)

# The spans of the latest questions: see rag.tracing.
traces = sa.Table(
    "traces",
    metadata,
    sa.Column(
        "figures_id",
        BigId,
        sa.ForeignKey("figures.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("trace_id", sa.String(32), nullable=False),
    _text("spans", "[]"),
)

# Words that admins add to the field's vocabulary, for one collection.
vocabulary = sa.Table(
    "vocabulary",
    metadata,
    _id(),
    sa.Column("collection_id", BigId, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    _text("entry"),  # JSON: see rag.vocabulary
    _text("created_by"),
    _time("created_at"),
    sa.Index(None, "collection_id"),
    sqlite_autoincrement=True,
)

# What processes on one library share and nobody else may know, e.g. what signs values in Redis.
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(64), nullable=False),  # hexadecimal
)

# Every text a prompt ever had; the newest row of a (use, language) that is active is used. Rows never change.
prompts = sa.Table(
    "prompts",
    metadata,
    _id(),
    sa.Column("use", sa.String(32), nullable=False),  # "analyst", "concise", ...
    sa.Column("language", sa.String(8), nullable=False),
    _text("text"),
    _text("note"),
    sa.Column("fingerprint", sa.String(12), nullable=False),
    _text("created_by"),
    _time("created_at"),
    sa.Index(None, "use", "language", "id"),
    sqlite_autoincrement=True,
)

datasets = sa.Table(
    "datasets",
    metadata,
    _id(),
    _text("name"),
    _text("source"),
    _text("created_by"),
    _time("created_at"),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

# Golden questions. "draft": made by the generator, waits for a person; only "accepted" ones are asked.
golden_questions = sa.Table(
    "golden_questions",
    metadata,
    _id(),
    sa.Column("dataset_id", BigId, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    _text("key"),  # the question's own id inside its dataset
    _text("question", "{}"),  # JSON: see evaluation.datasets.Question
    sa.Column("state", sa.String(16), nullable=False, server_default="accepted"),
    _text("origin"),  # "file", "generated", "turn:12"
    _text("reviewed_by"),
    _text("collections", "[]"),  # JSON ids: of the documents that it names
    _time("created_at"),
    sa.UniqueConstraint("dataset_id", "key"),
    sqlite_autoincrement=True,
)

eval_runs = sa.Table(
    "eval_runs",
    metadata,
    _id(),
    _text("name"),
    _text("dataset"),
    sa.Column("dataset_sha256", sa.String(64), nullable=False, server_default=""),
    _text("systems", "[]"),  # JSON: what was compared, each with its settings fingerprint
    _text("settings", "{}"),
    sa.Column("status", sa.String(16), nullable=False),  # running, done, stopped, failed
    _count("asked"),
    _count("total"),
    _text("summary", "{}"),  # JSON: see evaluation.report
    _text("created_by"),
    _time("created_at"),
    sa.Column("finished_at", UtcDateTime(), nullable=True),
    _text("collections", "[]"),  # JSON ids: what could be searched for its answers
    sa.Index(None, "created_at"),
    sqlite_autoincrement=True,
)

# One question asked of one system. What makes a run resumable: a row that is there is not asked again.
eval_results = sa.Table(
    "eval_results",
    metadata,
    _id(),
    sa.Column("run_id", BigId, sa.ForeignKey("eval_runs.id", ondelete="CASCADE"), nullable=False),
    _text("system"),
    _text("question_key"),
    _text("question", "{}"),
    _text("answer", "{}"),  # JSON: records.Answer, or what an outside endpoint said
    _text("measures", "{}"),
    sa.Column("error_class", sa.String(32), nullable=False, server_default=""),
    _time("created_at"),
    sa.UniqueConstraint("run_id", "system", "question_key"),
    sqlite_autoincrement=True,
)

# Who did what, in order. ``hash`` is SHA-256 over the row before and this row: see rag.store.audit.
audit = sa.Table(
    "audit",
    metadata,
    _id(),
    _time("at"),
    _text("user_id"),
    _text("action"),  # "document.add", "adapter.promote", ...
    _text("subject"),
    _text("detail", "{}"),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index(None, "at"),
    sa.Index(None, "user_id", "id"),
    sqlite_autoincrement=True,
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # never given out twice, never shown
    _text("name"),  # what is typed at sign-in
    _text("shown_name"),
    _text("password_hash"),  # argon2; "" for people who come through OIDC
    sa.Column("oidc_subject", sa.Text(), nullable=True),
    _text("roles", "[]"),
    sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
    sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()),
    _time("created_at"),
    sa.Column("signed_in_at", UtcDateTime(), nullable=True),
    sa.UniqueConstraint("name"),
    sa.UniqueConstraint("oidc_subject"),
)

# Browser sessions. The cookie holds a random value, this table its SHA-256.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    sa.Index(None, "user_id"),
)

# Wrong passwords lately, by what was tried: SHA-256 of a name or of an address. See rag.store.people.
sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("key_sha256", sa.String(64), primary_key=True),
    _count("failures"),
    sa.Column("last_at", sa.Double(), nullable=False),  # seconds since 1970
)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column(
        "collection_id",
        BigId,
        sa.ForeignKey("collections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("may_write", sa.Boolean(), nullable=False, server_default=sa.false()),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    _id(),
    sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    _text("name"),
    sa.Column("token_sha256", sa.String(64), nullable=False),
    _text("prefix"),  # the first characters, to tell tokens apart in a list
    _text("rights", "[]"),  # see records.Right
    sa.Column("collections", sa.Text(), nullable=True),  # JSON ids; NULL: all that the user may read
    _time("created_at"),
    sa.Column("expires_at", UtcDateTime(), nullable=True),
    sa.Column("used_at", UtcDateTime(), nullable=True),
    sa.Column("revoked_at", UtcDateTime(), nullable=True),
    sa.UniqueConstraint("token_sha256"),
    sa.Index(None, "user_id"),
    sqlite_autoincrement=True,
)

# Answers to writes that a client may send twice.
idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("user_id", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request_sha256", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer(), nullable=False),
    _text("response", "{}"),
    _time("created_at"),
)

# What answers must or must not say.
rules = sa.Table(
    "rules",
    metadata,
    _id(),
    _text("name"),
    sa.Column("kind", sa.String(32), nullable=False),  # forbidden, required, mask
    _text("definition", "{}"),  # "{}": a shipped rule as it came
    sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
    sa.Column("retired", sa.Boolean(), nullable=False, server_default=sa.false()),  # its hits stay readable
    sa.Column("shipped", sa.String(32), nullable=True),  # which of the program's own; NULL: an admin's
    _text("created_by"),
    _time("created_at"),
    sa.UniqueConstraint("shipped"),
    sqlite_autoincrement=True,
)

# A hit outlives the conversation that it was met in: deleting that must not empty the review queue.
rule_hits = sa.Table(
    "rule_hits",
    metadata,
    _id(),
    sa.Column("rule_id", BigId, sa.ForeignKey("rules.id"), nullable=False),
    sa.Column("turn_id", BigId, sa.ForeignKey("turns.id", ondelete="SET NULL"), nullable=True),
    _text("user_id"),
    _text("question"),
    _text("detail", "{}"),
    sa.Column("state", sa.String(16), nullable=False, server_default="open"),  # open, accepted, dismissed
    _text("note"),
    _text("reviewed_by"),
    sa.Column("reviewed_at", UtcDateTime(), nullable=True),
    _time("created_at"),
    sa.Index(None, "state", "id"),
    sa.Index(None, "turn_id"),
    sqlite_autoincrement=True,
)

# Training data, one row a version; the records lie in a folder, checked by their hash.
train_sets = sa.Table(
    "train_sets",
    metadata,
    _id(),
    _text("name"),
    _text("path"),
    sa.Column("sha256", sa.String(64), nullable=False),
    _text("card", "{}"),
    sa.Column("state", sa.String(16), nullable=False, server_default="draft"),  # draft, approved
    _text("created_by"),
    _time("created_at"),
    sqlite_autoincrement=True,
)

tune_jobs = sa.Table(
    "tune_jobs",
    metadata,
    _id(),
    sa.Column("kind", sa.String(16), nullable=False),  # train, distill, merge, retriever, gate, cycle
    _text("config", "{}"),
    sa.Column("status", sa.String(16), nullable=False),  # queued, running, done, stopped, failed
    _text("progress", "{}"),
    _text("log_path"),
    _text("error", "{}"),
    _text("created_by"),
    _time("created_at"),
    sa.Column("finished_at", UtcDateTime(), nullable=True),
    sqlite_autoincrement=True,
)

# ``share`` of users who are answered by it, 0..1; the base model answers the rest.
adapters = sa.Table(
    "adapters",
    metadata,
    _id(),
    _text("name"),
    _text("base_model"),
    _text("path"),
    sa.Column("sha256", sa.String(64), nullable=False, server_default=""),
    _text("card", "{}"),
    _text("gate", "{}"),
    # trained, candidate (passed the gate), refused (did not), live, retired
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("share", sa.Double(), nullable=False, server_default="0"),
    _text("created_by"),
    _time("created_at"),
    sa.Column("live_since", UtcDateTime(), nullable=True),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)
