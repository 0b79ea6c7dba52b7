"""What documents are about, page types, corrections, vocabulary, prompts, evaluation, people, audit, rules,
tuning."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    op.add_column("documents", _text("about", "{}"))
    op.add_column("documents", _text("about_edited", "[]"))
    op.add_column("chunks", sa.Column("page_type", sa.String(24), nullable=False, server_default=""))
    op.add_column("turns", _text("correction"))
    op.add_column("turns", sa.Column("review", sa.String(16), nullable=False, server_default=""))
    op.add_column("turns", _text("reviewed_by"))
    op.add_column("turns", sa.Column("collections", sa.Text(), nullable=True))
    op.create_table(
        "figures",
        _id(),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("turn_id", BigId, nullable=True),
        sa.Column("question_key", sa.String(32), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        _text("code"),
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
        _text("degraded", "[]"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "traces",
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

    op.create_table(
        "vocabulary",
        _id(),
        sa.Column(
            "collection_id", BigId, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False
        ),
        _text("entry"),
        _text("created_by"),
        _time("created_at"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(64), nullable=False),
    )

    op.create_table(
        "prompts",
        _id(),
        sa.Column("use", sa.String(32), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        _text("text"),
        _text("note"),
        sa.Column("fingerprint", sa.String(12), nullable=False),
        _text("created_by"),
        _time("created_at"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "datasets",
        _id(),
        _text("name"),
        _text("source"),
        _text("created_by"),
        _time("created_at"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "golden_questions",
        _id(),
        sa.Column("dataset_id", BigId, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
        _text("key"),
        _text("question", "{}"),
        sa.Column("state", sa.String(16), nullable=False, server_default="accepted"),
        _text("origin"),
        _text("reviewed_by"),
        _text("collections", "[]"),
        _time("created_at"),
        sa.UniqueConstraint("dataset_id", "key"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "eval_runs",
        _id(),
        _text("name"),
        _text("dataset"),
        sa.Column("dataset_sha256", sa.String(64), nullable=False, server_default=""),
        _text("systems", "[]"),
        _text("settings", "{}"),
        sa.Column("status", sa.String(16), nullable=False),
        _count("asked"),
        _count("total"),
        _text("summary", "{}"),
        _text("created_by"),
        _time("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        _text("collections", "[]"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "eval_results",
        _id(),
        sa.Column("run_id", BigId, sa.ForeignKey("eval_runs.id", ondelete="CASCADE"), nullable=False),
        _text("system"),
        _text("question_key"),
        _text("question", "{}"),
        _text("answer", "{}"),
        _text("measures", "{}"),
        sa.Column("error_class", sa.String(32), nullable=False, server_default=""),
        _time("created_at"),
        sa.UniqueConstraint("run_id", "system", "question_key"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "audit",
        _id(),
        _time("at"),
        _text("user_id"),
        _text("action"),
        _text("subject"),
        _text("detail", "{}"),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "users",
        sa.Column("id", sa.String(64), primary_key=True),
        _text("name"),
        _text("shown_name"),
        _text("password_hash"),
        sa.Column("oidc_subject", sa.Text(), nullable=True),
        _text("roles", "[]"),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()),
        _time("created_at"),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("oidc_subject"),
    )

    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        _time("created_at"),
        _time("expires_at"),
    )

    op.create_table(
        "sign_in_failures",
        sa.Column("key_sha256", sa.String(64), primary_key=True),
        _count("failures"),
        sa.Column("last_at", sa.Double(), nullable=False),
    )

    op.create_table(
        "memberships",
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

    op.create_table(
        "api_tokens",
        _id(),
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        _text("name"),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        _text("prefix"),
        _text("rights", "[]"),
        sa.Column("collections", sa.Text(), nullable=True),
        _time("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("token_sha256"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "idempotency",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        _text("response", "{}"),
        _time("created_at"),
    )

    op.create_table(
        "rules",
        _id(),
        _text("name"),
        sa.Column("kind", sa.String(32), nullable=False),
        _text("definition", "{}"),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("retired", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("shipped", sa.String(32), nullable=True),
        _text("created_by"),
        _time("created_at"),
        sa.UniqueConstraint("shipped"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "rule_hits",
        _id(),
        sa.Column("rule_id", BigId, sa.ForeignKey("rules.id"), nullable=False),
        sa.Column("turn_id", BigId, sa.ForeignKey("turns.id", ondelete="SET NULL"), nullable=True),
        _text("user_id"),
        _text("question"),
        _text("detail", "{}"),
        sa.Column("state", sa.String(16), nullable=False, server_default="open"),
        _text("note"),
        _text("reviewed_by"),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        _time("created_at"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "train_sets",
        _id(),
        _text("name"),
        _text("path"),
        sa.Column("sha256", sa.String(64), nullable=False),
        _text("card", "{}"),
        sa.Column("state", sa.String(16), nullable=False, server_default="draft"),
        _text("created_by"),
        _time("created_at"),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "tune_jobs",
        _id(),
        sa.Column("kind", sa.String(16), nullable=False),
        _text("config", "{}"),
        sa.Column("status", sa.String(16), nullable=False),
        _text("progress", "{}"),
        _text("log_path"),
        _text("error", "{}"),
        _text("created_by"),
        _time("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "adapters",
        _id(),
        _text("name"),
        _text("base_model"),
        _text("path"),
        sa.Column("sha256", sa.String(64), nullable=False, server_default=""),
        _text("card", "{}"),
        _text("gate", "{}"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("share", sa.Double(), nullable=False, server_default="0"),
        _text("created_by"),
        _time("created_at"),
        sa.Column("live_since", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_rated_at_rating", "turns", ["rated_at", "rating"])
    op.create_index("ix_figures_at_s", "figures", ["at_s"])
    op.create_index("ix_figures_turn_id", "figures", ["turn_id"])
    op.create_index("ix_vocabulary_collection_id", "vocabulary", ["collection_id"])
    op.create_index("ix_prompts_use_language_id", "prompts", ["use", "language", "id"])
    op.create_index("ix_eval_runs_created_at", "eval_runs", ["created_at"])
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_user_id_id", "audit", ["user_id", "id"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])
    op.create_index("ix_rule_hits_state_id", "rule_hits", ["state", "id"])
    op.create_index("ix_rule_hits_turn_id", "rule_hits", ["turn_id"])
