"""What documents are about, page types, corrections, vocabulary, prompts, evaluation."""

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
    op.create_index("ix_vocabulary_collection_id", "vocabulary", ["collection_id"])
    op.create_index("ix_prompts_use_language_id", "prompts", ["use", "language", "id"])
    op.create_index("ix_eval_runs_created_at", "eval_runs", ["created_at"])
