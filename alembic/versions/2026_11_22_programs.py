"""Keys for programs, and a second secret while one is rotated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_programs"
down_revision = "2026_11_22_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_word", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("permission_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    op.create_index(op.f("ix_api_key_actor_id"), "api_key", ["actor_id"], unique=False)
    op.add_column(
        "service_account",
        sa.Column(
            "secret_made_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("datawave_now()"),
            nullable=False,
        ),
    )
    op.add_column("service_account", sa.Column("former_secret_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "service_account", sa.Column("former_secret_made_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "service_account", sa.Column("former_secret_until", sa.DateTime(timezone=True), nullable=True)
    )
    # Until now a secret was never changed: it is as old as its account.
    op.execute("UPDATE service_account SET secret_made_at = created_at")


def downgrade() -> None:
    for name in ("former_secret_until", "former_secret_made_at", "former_secret_hash", "secret_made_at"):
        op.drop_column("service_account", name)
    op.drop_table("api_key")
