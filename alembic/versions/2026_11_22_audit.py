"""Anchors of the audit trail, exports, and what the trail is looked through by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_audit"
down_revision = "2026_11_22_values"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_anchor",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_digest", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_key", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removal", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_anchor")),
        sa.UniqueConstraint("number", name=op.f("uq_audit_anchor_number")),
        sa.UniqueConstraint("last_sequence", name=op.f("uq_audit_anchor_last_sequence")),
    )
    op.create_table(
        "export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum("AUDIT", name="exportkind", native_enum=False, length=64), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_by_word", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("written", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_export_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
    )
    op.create_index(
        "ix_export_expires_at", "export", ["expires_at"], postgresql_where=sa.text("removed_at IS NULL")
    )
    op.create_index("ix_audit_entry_action", "audit_entry", ["action", "sequence"])
    op.create_index("ix_audit_entry_command", "audit_entry", ["command_id"])
    op.create_index(
        "ix_audit_entry_session",
        "audit_entry",
        ["session_id", "sequence"],
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_entry_address",
        "audit_entry",
        ["address", "sequence"],
        postgresql_where=sa.text("address IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_entry_at",
        "audit_entry",
        ["at"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16},
    )


def downgrade() -> None:
    for name in ("at", "address", "session", "command", "action"):
        op.drop_index(f"ix_audit_entry_{name}", table_name="audit_entry")
    op.drop_table("export")
    op.drop_table("audit_anchor")
