"""Jobs know the trace of the command that asked for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_21_traces"
down_revision = "2026_11_21_foundation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("traceparent", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "traceparent")
