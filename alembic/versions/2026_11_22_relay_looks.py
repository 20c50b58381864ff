"""A look that writes nothing tells whether the relay has anything to do."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_relay_looks"
down_revision = "2026_11_21_pages_of_sources"
branch_labels = None
depends_on = None

# By indexes that hold only what waits, whatever the statistics say of the tables.
RELAY_WAITS = """CREATE FUNCTION relay_waits(again double precision) RETURNS TABLE (events boolean, jobs boolean)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
  RETURN QUERY SELECT EXISTS (SELECT FROM event WHERE position IS NULL),
    EXISTS (SELECT FROM job WHERE state IN ('QUEUED', 'RETRYING') AND next_attempt_at <= (SELECT datawave_now())
      AND (signalled_at IS NULL OR signalled_at < (SELECT datawave_now()) - make_interval(secs => again)));
END $$"""


def upgrade() -> None:
    op.execute(RELAY_WAITS)


def downgrade() -> None:
    op.execute("DROP FUNCTION relay_waits")
