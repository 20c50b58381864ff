"""Login services, who people are there, and sign-ins on their way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_oidc"
down_revision = "2026_11_22_programs"
branch_labels = None
depends_on = None

NOW = sa.text("datawave_now()")


def upgrade() -> None:
    op.create_table(
        "oidc_provider",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("secret_reference", sa.Text(), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("role_claim", sa.Text(), nullable=True),
        sa.Column("group_mappings", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column(
            "default_role_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "redirect_uris", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("creates_users", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("links_by_email", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("trusts_emails", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_provider")),
        sa.UniqueConstraint("name", name=op.f("uq_oidc_provider_name")),
    )
    op.create_table(
        "external_identity",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lapsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["person.id"], name=op.f("fk_external_identity_user_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_identity")),
        sa.UniqueConstraint("provider_id", "subject", name=op.f("uq_external_identity_provider_id_subject")),
    )
    op.create_index("ix_external_identity_user_id", "external_identity", ["user_id"], unique=False)
    op.create_table(
        "oidc_attempt",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["oidc_provider.id"],
            name=op.f("fk_oidc_attempt_provider_id_oidc_provider"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_oidc_attempt")),
    )
    op.create_index("ix_oidc_attempt_provider_id", "oidc_attempt", ["provider_id"], unique=False)
    op.create_index("ix_oidc_attempt_expires_at", "oidc_attempt", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("oidc_attempt")
    op.drop_table("external_identity")
    op.drop_table("oidc_provider")
