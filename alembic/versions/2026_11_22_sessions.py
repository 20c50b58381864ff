"""The login service by which a session began, so that it ends with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_sessions"
down_revision = "2026_11_22_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("auth_session", sa.Column("provider_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_auth_session_provider_id"), "auth_session", ["provider_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_auth_session_provider_id"), table_name="auth_session")
    op.drop_column("auth_session", "provider_id")
