"""The first schema: documents, chunks, vectors, changes, conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _ref(name: str, target: str, *, ondelete: str | None = None, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        BigId,
        sa.ForeignKey(target, ondelete=ondelete),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


def upgrade() -> None:
    op.create_table(
        "collections",
        _id(),
        sa.Column("name", sa.Text(), nullable=False),
        _time("created_at"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "documents",
        _id(),
        _ref("collection_id", "collections.id"),
        _text("name"),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rendition_sha256", sa.String(64), nullable=False, server_default=""),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        _text("source"),
        sa.Column("password", sa.Text(), nullable=True),
        _text("media_type"),
        _text("title"),
        sa.Column("language", sa.String(8), nullable=False, server_default="other"),
        sa.Column("page_kind", sa.String(16), nullable=False, server_default="physical"),
        _text("metadata_json", "{}"),
        _count("page_count"),
        _count("chunk_count"),
        _count("pages_done"),
        _count("chunks_done"),
        _text("error_code"),
        _text("error_params", "{}"),
        _text("warnings", "[]"),
        _count("attempts"),
        _text("lease_owner"),
        sa.Column("lease_token", sa.String(32), nullable=False, server_default=""),
        sa.Column("lease_until", sa.Double(), nullable=False, server_default="0"),
        _time("created_at"),
        _time("updated_at"),
        sa.UniqueConstraint("collection_id", "sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_documents_status_lease_until", "documents", ["status", "lease_until"])
    op.create_index("ix_documents_sha256", "documents", ["sha256"])
    op.create_index("ix_documents_rendition_sha256", "documents", ["rendition_sha256"])
    op.create_table(
        "document_sources",
        _id(),
        _ref("collection_id", "collections.id"),
        _text("source"),
        _ref("document_id", "documents.id", ondelete="CASCADE"),
        sa.UniqueConstraint("document_id", "source"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_document_sources_collection_id_source", "document_sources", ["collection_id", "source"]
    )
    op.create_table(
        "pages",
        _ref("document_id", "documents.id", ondelete="CASCADE", primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        _text("text"),
        sa.Column("width_pt", sa.Double(), nullable=False),
        sa.Column("height_pt", sa.Double(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "embedding_specs",
        _id(),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        _text("spec"),
        sa.Column("active", sa.Integer(), nullable=True),
        _time("created_at"),
        sa.UniqueConstraint("fingerprint"),
        sa.UniqueConstraint("active"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "document_specs",
        _ref("document_id", "documents.id", ondelete="CASCADE", primary_key=True),
        _ref("spec_id", "embedding_specs.id", primary_key=True),
        _count("chunk_count"),
    )
    op.create_table(
        "chunks",
        _id(),
        _ref("document_id", "documents.id", ondelete="CASCADE"),
        _ref("spec_id", "embedding_specs.id"),
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
        sa.UniqueConstraint("document_id", "spec_id", "ordinal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chunks_spec_id_id", "chunks", ["spec_id", "id"])
    op.create_index("ix_chunks_embedded_sha256", "chunks", ["embedded_sha256"])
    op.create_table(
        "vectors",
        _ref("chunk_id", "chunks.id", ondelete="CASCADE", primary_key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "changes",
        _id(),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("document_id", BigId, nullable=False),
        _text("chunk_ids", "[]"),
        _time("created_at"),
        sqlite_autoincrement=True,
    )
    op.create_table("orphans", sa.Column("sha256", sa.String(64), primary_key=True))
    op.create_table(
        "conversations",
        _id(),
        _text("user_id"),
        _text("title"),
        _time("created_at"),
        _time("updated_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conversations_user_id_updated_at", "conversations", ["user_id", "updated_at"])
    op.create_table(
        "turns",
        _id(),
        _ref("conversation_id", "conversations.id", ondelete="CASCADE"),
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
        _time("rated_at", nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_conversation_id_id", "turns", ["conversation_id", "id"])
    op.create_index("ix_turns_created_at", "turns", ["created_at"])
    op.create_index("ix_turns_rating", "turns", ["rating"])


def downgrade() -> None:
    raise NotImplementedError("an older Wenju refuses a newer schema; put back the backup instead")
