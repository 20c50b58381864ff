"""Jobs know the trace of the command that asked for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_21_traces"
down_revision = "2026_11_21_foundation"
branch_labels = None
depends_on = None


OF_ITS_COMMAND = "replace(NEW.command_id::text, '-', '')"
OF_ITS_TRACE = f"coalesce(substr(NEW.traceparent, 4, 32), {OF_ITS_COMMAND})"
TELL_OF_JOB = """CREATE OR REPLACE FUNCTION tell_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event (id, at, type, topics, actor_id, actor_word, command_id, subject_word, subject_id, workspace_id,
    source_id, correlation_id, data)
  VALUES (datawave_uuid(), datawave_now(), 'JobChanged',
    ARRAY['job:' || NEW.id, 'tracking:' || NEW.command_id, 'jobs'],
    NEW.actor_id, NEW.actor_word, NEW.command_id, 'job', NEW.id, NEW.workspace_id, NEW.source_id,
    {correlation},
    jsonb_build_object('job_id', NEW.id, 'command_id', NEW.command_id, 'kind', NEW.kind, 'state', NEW.state,
      'attempt', NEW.attempt, 'workspace_id', NEW.workspace_id, 'source_id', NEW.source_id));
  RETURN NULL;
END $$"""


def tell_of_job(correlation: str) -> sa.TextClause:
    return sa.text(TELL_OF_JOB.format(correlation=correlation).replace(":", "\\:"))


def upgrade() -> None:
    op.add_column("job", sa.Column("traceparent", sa.Text(), nullable=True))
    op.execute(tell_of_job(OF_ITS_TRACE))


def downgrade() -> None:
    op.execute(tell_of_job(OF_ITS_COMMAND))
    op.drop_column("job", "traceparent")
