"""The foundation: the log and its relay, commands, audit, jobs, the vault; people, sources, agents, the catalog.

The functions below are the clock, the log's numbering, and the triggers that keep history and tell of jobs, so that
no writer can forget either.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_21_foundation"
down_revision = None
branch_labels = None
depends_on = None

BEFORE = [
    # PostgreSQL 18 has uuidv7(); older servers get the same shape: milliseconds first, so that ids grow with time.
    """DO $do$ BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'CREATE FUNCTION datawave_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS ''SELECT uuidv7()''';
  ELSE
    EXECUTE $f$CREATE FUNCTION datawave_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $b$
      SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid $b$ $f$;
  END IF;
END $do$""",
    # The one clock: leases, schedules, expiry, history. Only test databases ever hold a row in `clock`.
    "CREATE TABLE clock (single boolean NOT NULL CONSTRAINT pk_clock PRIMARY KEY, shift_seconds double precision NOT NULL)",
    """CREATE FUNCTION datawave_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT clock_timestamp() + coalesce((SELECT make_interval(secs => shift_seconds) FROM clock), interval '0') $$""",
]

AFTER = [
    "INSERT INTO event_log (single, epoch) VALUES (true, encode(uuid_send(gen_random_uuid()), 'hex'))",
    "CREATE TABLE event_default PARTITION OF event DEFAULT",
    # Two months ahead, so that the default partition stays empty and old months can be dropped whole.
    """CREATE FUNCTION make_event_partitions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE month date; named text;
BEGIN
  FOR ahead IN 0..2 LOOP
    month := (date_trunc('month', datawave_now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
    named := 'event_p' || to_char(month, 'YYYYMM');
    IF to_regclass(named) IS NULL AND NOT EXISTS (
      SELECT 1 FROM event_default WHERE at >= month::timestamp AT TIME ZONE 'UTC'
        AND at < (month + interval '1 month') AT TIME ZONE 'UTC')
    THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)', named,
        month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
  END LOOP;
END $$""",
    "SELECT make_event_partitions()",
    # Gives committed events their places. The lock lasts as long as the statement's transaction; each statement inside
    # sees what was committed before it began, which a bare CTE would not. It answers with two numbers only: a longer
    # answer to a process that is paused would hold the lock until it wakes. The plan is for a log that has grown.
    """CREATE FUNCTION place_events(most integer) RETURNS TABLE (first bigint, last bigint)
LANGUAGE plpgsql SET lock_timeout = '1s' SET enable_seqscan = off AS $$
DECLARE base bigint; given bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('datawave.relay', 0));
  SELECT head INTO base FROM event_log FOR UPDATE;
  WITH next AS MATERIALIZED (
    SELECT e.id, e.at, row_number() OVER (ORDER BY e.number) AS n
    FROM (SELECT id, at, number FROM event WHERE position IS NULL ORDER BY number LIMIT most) e
  ), placed AS (
    UPDATE event e SET position = base + next.n FROM next WHERE e.id = next.id AND e.at = next.at AND e.position IS NULL
    RETURNING e.position, e.topics
  ), in_topics AS MATERIALIZED (
    SELECT t.topic, p.position,
      coalesce(lag(p.position) OVER (PARTITION BY t.topic ORDER BY p.position), h.position, 0) AS previous
    FROM placed p CROSS JOIN LATERAL unnest(p.topics) AS t(topic) LEFT JOIN topic_head h ON h.topic = t.topic
  ), kept AS (
    INSERT INTO event_topic (topic, position, previous) SELECT topic, position, previous FROM in_topics
  ), heads AS (
    INSERT INTO topic_head (topic, position) SELECT topic, max(position) FROM in_topics GROUP BY topic
    ON CONFLICT (topic) DO UPDATE SET position = excluded.position
  )
  SELECT count(*) INTO given FROM placed;
  IF given > 0 THEN
    UPDATE event_log SET head = base + given;
    RETURN QUERY SELECT base + 1, base + given;
  END IF;
END $$""",
    # Drops whole months that ended before the bound, moves `oldest`, and forgets their places in topics. An event that
    # was committed late may stand behind younger ones: what is kept begins after the last one that goes.
    """CREATE FUNCTION drop_events_before(bound timestamptz) RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE part record; gone bigint; keep bigint := 0;
BEGIN
  FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_p[0-9]{6}$'
      AND to_date(substr(c.relname, 8), 'YYYYMM') + interval '1 month' <= bound AT TIME ZONE 'UTC'
  LOOP
    EXECUTE format('SELECT max(position) FROM %I', part.relname) INTO gone;
    keep := greatest(keep, coalesce(gone, 0) + 1);
    EXECUTE format('DROP TABLE %I', part.relname);
  END LOOP;
  WITH deleted AS (DELETE FROM event_default WHERE at < bound AND position IS NOT NULL RETURNING position)
  SELECT max(position) INTO gone FROM deleted;
  keep := greatest(keep, coalesce(gone, 0) + 1);
  UPDATE event_log SET oldest = greatest(oldest, keep) RETURNING oldest INTO keep;
  DELETE FROM event_topic WHERE position < keep;
  RETURN keep;
END $$""",
    # A job's change of state and the event that tells of it are one statement: neither is ever without the other.
    """CREATE FUNCTION tell_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event (id, at, type, topics, actor_id, actor_word, command_id, subject_word, subject_id, workspace_id,
    source_id, correlation_id, data)
  VALUES (datawave_uuid(), datawave_now(), 'JobChanged',
    ARRAY['job:' || NEW.id, 'tracking:' || NEW.command_id, 'jobs'],
    NEW.actor_id, NEW.actor_word, NEW.command_id, 'job', NEW.id, NEW.workspace_id, NEW.source_id,
    replace(NEW.command_id::text, '-', ''),
    jsonb_build_object('job_id', NEW.id, 'command_id', NEW.command_id, 'kind', NEW.kind, 'state', NEW.state,
      'attempt', NEW.attempt, 'workspace_id', NEW.workspace_id, 'source_id', NEW.source_id));
  RETURN NULL;
END $$""",
    "CREATE TRIGGER job_made AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION tell_of_job()",
    "CREATE TRIGGER job_moved AFTER UPDATE OF state, attempt ON job FOR EACH ROW"
    " WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.attempt IS DISTINCT FROM NEW.attempt)"
    " EXECUTE FUNCTION tell_of_job()",
    """CREATE FUNCTION tell_of_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event (id, at, type, topics, actor_word, subject_word, subject_id, data)
  VALUES (datawave_uuid(), datawave_now(), 'DeadLetterAdded', ARRAY['platform'], 'system', 'letter', NEW.id,
    jsonb_build_object('letter_id', NEW.id, 'job_id', NEW.job_id));
  RETURN NULL;
END $$""",
    "CREATE TRIGGER letter_made AFTER INSERT ON dead_letter FOR EACH ROW EXECUTE FUNCTION tell_of_letter()",
    """CREATE OR REPLACE FUNCTION history_dated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.valid_from := greatest(datawave_now(), OLD.valid_from + interval '1 microsecond');
  RETURN NEW;
END $$""",
    """CREATE OR REPLACE FUNCTION access_grant_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO access_grant_history ("id", "actor_id", "actor_word", "role_id", "scope_word", "scope_id", "granted_by", "granted_by_word", "granted_at", "expires_at", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."actor_id", o."actor_word", o."role_id", o."scope_word", o."scope_id", o."granted_by", o."granted_by_word", o."granted_at", o."expires_at", o."valid_from", n.valid_from, nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o JOIN new_rows n USING (id) WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION access_grant_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO access_grant_history ("id", "actor_id", "actor_word", "role_id", "scope_word", "scope_id", "granted_by", "granted_by_word", "granted_at", "expires_at", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."actor_id", o."actor_word", o."role_id", o."scope_word", o."scope_id", o."granted_by", o."granted_by_word", o."granted_at", o."expires_at", o."valid_from", greatest(datawave_now(), o.valid_from + interval '1 microsecond'), nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o;
  RETURN NULL;
END $$""",
    """CREATE TRIGGER access_grant_dated BEFORE UPDATE ON access_grant FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()""",
    """CREATE TRIGGER access_grant_updated AFTER UPDATE ON access_grant REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION access_grant_keep_updated()""",
    """CREATE TRIGGER access_grant_deleted AFTER DELETE ON access_grant REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION access_grant_keep_deleted()""",
    """CREATE OR REPLACE FUNCTION asset_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO asset_history ("source_id", "parent_id", "kind", "name", "qualified_name", "description", "comment", "state", "state_before", "attributes", "digest", "definition", "primary_key", "ordinal", "native_type", "data_type", "nullable", "default_expression", "valid_from", "id", "version", "created_at", "updated_at", valid_to, superseded_by)
  SELECT o."source_id", o."parent_id", o."kind", o."name", o."qualified_name", o."description", o."comment", o."state", o."state_before", o."attributes", o."digest", o."definition", o."primary_key", o."ordinal", o."native_type", o."data_type", o."nullable", o."default_expression", o."valid_from", o."id", o."version", o."created_at", o."updated_at", n.valid_from, nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o JOIN new_rows n USING (id) WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION asset_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO asset_history ("source_id", "parent_id", "kind", "name", "qualified_name", "description", "comment", "state", "state_before", "attributes", "digest", "definition", "primary_key", "ordinal", "native_type", "data_type", "nullable", "default_expression", "valid_from", "id", "version", "created_at", "updated_at", valid_to, superseded_by)
  SELECT o."source_id", o."parent_id", o."kind", o."name", o."qualified_name", o."description", o."comment", o."state", o."state_before", o."attributes", o."digest", o."definition", o."primary_key", o."ordinal", o."native_type", o."data_type", o."nullable", o."default_expression", o."valid_from", o."id", o."version", o."created_at", o."updated_at", greatest(datawave_now(), o.valid_from + interval '1 microsecond'), nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o;
  RETURN NULL;
END $$""",
    """CREATE TRIGGER asset_dated BEFORE UPDATE ON asset FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()""",
    """CREATE TRIGGER asset_updated AFTER UPDATE ON asset REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION asset_keep_updated()""",
    """CREATE TRIGGER asset_deleted AFTER DELETE ON asset REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION asset_keep_deleted()""",
    """CREATE OR REPLACE FUNCTION asset_tag_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO asset_tag_history ("id", "asset_id", "tag_id", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."asset_id", o."tag_id", o."valid_from", n.valid_from, nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o JOIN new_rows n USING (id) WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION asset_tag_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO asset_tag_history ("id", "asset_id", "tag_id", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."asset_id", o."tag_id", o."valid_from", greatest(datawave_now(), o.valid_from + interval '1 microsecond'), nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o;
  RETURN NULL;
END $$""",
    """CREATE TRIGGER asset_tag_dated BEFORE UPDATE ON asset_tag FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()""",
    """CREATE TRIGGER asset_tag_updated AFTER UPDATE ON asset_tag REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION asset_tag_keep_updated()""",
    """CREATE TRIGGER asset_tag_deleted AFTER DELETE ON asset_tag REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION asset_tag_keep_deleted()""",
    """CREATE OR REPLACE FUNCTION classification_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO classification_history ("source_id", "asset_id", "label_id", "confidence", "state", "layer", "evidence", "fallback", "made_by", "made_by_word", "reviewed_by", "reviewed_by_word", "reviewed_at", "review_reason", "valid_from", "id", "version", "created_at", "updated_at", valid_to, superseded_by)
  SELECT o."source_id", o."asset_id", o."label_id", o."confidence", o."state", o."layer", o."evidence", o."fallback", o."made_by", o."made_by_word", o."reviewed_by", o."reviewed_by_word", o."reviewed_at", o."review_reason", o."valid_from", o."id", o."version", o."created_at", o."updated_at", n.valid_from, nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o JOIN new_rows n USING (id) WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION classification_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO classification_history ("source_id", "asset_id", "label_id", "confidence", "state", "layer", "evidence", "fallback", "made_by", "made_by_word", "reviewed_by", "reviewed_by_word", "reviewed_at", "review_reason", "valid_from", "id", "version", "created_at", "updated_at", valid_to, superseded_by)
  SELECT o."source_id", o."asset_id", o."label_id", o."confidence", o."state", o."layer", o."evidence", o."fallback", o."made_by", o."made_by_word", o."reviewed_by", o."reviewed_by_word", o."reviewed_at", o."review_reason", o."valid_from", o."id", o."version", o."created_at", o."updated_at", greatest(datawave_now(), o.valid_from + interval '1 microsecond'), nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o;
  RETURN NULL;
END $$""",
    """CREATE TRIGGER classification_dated BEFORE UPDATE ON classification FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()""",
    """CREATE TRIGGER classification_updated AFTER UPDATE ON classification REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION classification_keep_updated()""",
    """CREATE TRIGGER classification_deleted AFTER DELETE ON classification REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION classification_keep_deleted()""",
    """CREATE OR REPLACE FUNCTION lineage_edge_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lineage_edge_history ("id", "source_id", "from_id", "to_id", "origin", "confidence", "state", "evidence", "transformation", "columns", "first_seen_at", "last_seen_at", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."source_id", o."from_id", o."to_id", o."origin", o."confidence", o."state", o."evidence", o."transformation", o."columns", o."first_seen_at", o."last_seen_at", o."valid_from", n.valid_from, nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o JOIN new_rows n USING (id) WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION lineage_edge_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lineage_edge_history ("id", "source_id", "from_id", "to_id", "origin", "confidence", "state", "evidence", "transformation", "columns", "first_seen_at", "last_seen_at", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."source_id", o."from_id", o."to_id", o."origin", o."confidence", o."state", o."evidence", o."transformation", o."columns", o."first_seen_at", o."last_seen_at", o."valid_from", greatest(datawave_now(), o.valid_from + interval '1 microsecond'), nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o;
  RETURN NULL;
END $$""",
    """CREATE TRIGGER lineage_edge_dated BEFORE UPDATE ON lineage_edge FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()""",
    """CREATE TRIGGER lineage_edge_updated AFTER UPDATE ON lineage_edge REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION lineage_edge_keep_updated()""",
    """CREATE TRIGGER lineage_edge_deleted AFTER DELETE ON lineage_edge REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION lineage_edge_keep_deleted()""",
    """CREATE OR REPLACE FUNCTION ownership_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ownership_history ("id", "asset_id", "actor_id", "actor_word", "kind", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."asset_id", o."actor_id", o."actor_word", o."kind", o."valid_from", n.valid_from, nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o JOIN new_rows n USING (id) WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION ownership_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ownership_history ("id", "asset_id", "actor_id", "actor_word", "kind", "valid_from", valid_to, superseded_by)
  SELECT o."id", o."asset_id", o."actor_id", o."actor_word", o."kind", o."valid_from", greatest(datawave_now(), o.valid_from + interval '1 microsecond'), nullif(current_setting('datawave.command', true), '')::uuid FROM old_rows o;
  RETURN NULL;
END $$""",
    """CREATE TRIGGER ownership_dated BEFORE UPDATE ON ownership FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()""",
    """CREATE TRIGGER ownership_updated AFTER UPDATE ON ownership REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ownership_keep_updated()""",
    """CREATE TRIGGER ownership_deleted AFTER DELETE ON ownership REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ownership_keep_deleted()""",
]


def upgrade() -> None:
    for statement in BEFORE:
        op.execute(sa.text(statement.replace(":", "\\:")))

    op.create_table(
        "access_grant_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.Column("role_id", sa.Uuid(), nullable=True),
        sa.Column("scope_word", sa.Text(), nullable=True),
        sa.Column("scope_id", sa.Uuid(), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("granted_by_word", sa.Text(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
    )
    op.create_index("ix_access_grant_history_key", "access_grant_history", ["id", "valid_from"], unique=False)
    op.create_index(
        "ix_access_grant_history_valid", "access_grant_history", ["valid_to", "valid_from"], unique=False
    )
    op.create_table(
        "api_presence",
        sa.Column("single", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("back_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_api_presence")),
    )
    op.create_table(
        "asset_history",
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "DATABASE",
                "SCHEMA",
                "TABLE",
                "VIEW",
                "MATERIALIZED_VIEW",
                "COLUMN",
                "BUCKET",
                "FOLDER",
                "FILE",
                "TOPIC",
                "STREAM",
                "DASHBOARD",
                "PIPELINE",
                "OTHER",
                name="assetkind",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("qualified_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "ACTIVE",
                "MISSING",
                "DEPRECATED",
                "ARCHIVED",
                "DELETED",
                name="assetstate",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column(
            "state_before",
            sa.Enum(
                "ACTIVE",
                "MISSING",
                "DEPRECATED",
                "ARCHIVED",
                "DELETED",
                name="assetstate",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("definition", sa.Text(), nullable=True),
        sa.Column("primary_key", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ordinal", sa.Integer(), nullable=True),
        sa.Column("native_type", sa.Text(), nullable=True),
        sa.Column(
            "data_type",
            sa.Enum(
                "BOOLEAN",
                "INTEGER",
                "DECIMAL",
                "FLOAT",
                "STRING",
                "BINARY",
                "DATE",
                "TIME",
                "TIMESTAMP",
                "INTERVAL",
                "UUID",
                "JSON",
                "ARRAY",
                "STRUCT",
                "MAP",
                "GEOMETRY",
                "OTHER",
                name="datatype",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("nullable", sa.Boolean(), nullable=True),
        sa.Column("default_expression", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
    )
    op.create_index("ix_asset_history_key", "asset_history", ["id", "valid_from"], unique=False)
    op.create_index("ix_asset_history_parent_id", "asset_history", ["parent_id"], unique=False)
    op.create_index("ix_asset_history_qualified_name", "asset_history", ["qualified_name"], unique=False)
    op.create_index("ix_asset_history_valid", "asset_history", ["valid_to", "valid_from"], unique=False)
    op.create_table(
        "asset_tag_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("tag_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
    )
    op.create_index("ix_asset_tag_history_asset_id", "asset_tag_history", ["asset_id"], unique=False)
    op.create_index("ix_asset_tag_history_key", "asset_tag_history", ["id", "valid_from"], unique=False)
    op.create_index(
        "ix_asset_tag_history_valid", "asset_tag_history", ["valid_to", "valid_from"], unique=False
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=True),
        sa.Column("subject_word", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum("DONE", "REFUSED", "FAILED", name="outcome", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("command_id", sa.Uuid(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("detail_digest", sa.LargeBinary(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("sequence", name=op.f("uq_audit_entry_sequence")),
    )
    op.create_index("ix_audit_entry_actor", "audit_entry", ["actor_id", "sequence"], unique=False)
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject_id", "sequence"], unique=False)
    op.create_index(
        "ix_audit_entry_unsealed",
        "audit_entry",
        ["number"],
        unique=False,
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.create_table(
        "auth_session",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_word", sa.Text(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "PASSWORD",
                "OIDC",
                "CLIENT_CREDENTIALS",
                "API_KEY",
                "CERTIFICATE",
                "REFRESH_TOKEN",
                name="authmethod",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("cookie_hash", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_session")),
        sa.UniqueConstraint("cookie_hash", name=op.f("uq_auth_session_cookie_hash")),
    )
    op.create_index(op.f("ix_auth_session_actor_id"), "auth_session", ["actor_id"], unique=False)
    op.create_table(
        "authority",
        sa.Column("single", sa.Boolean(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_authority")),
    )
    op.create_table(
        "certificate",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_word", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_certificate_fingerprint")),
        sa.UniqueConstraint("serial", name=op.f("uq_certificate_serial")),
    )
    op.create_index(op.f("ix_certificate_actor_id"), "certificate", ["actor_id"], unique=False)
    op.create_table(
        "circuit_breaker",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject_word", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("CLOSED", "HALF_OPEN", "OPEN", name="breakerstate", native_enum=False, length=64),
            server_default="CLOSED",
            nullable=False,
        ),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("threshold", sa.Integer(), server_default="5", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("degraded", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuit_breaker")),
        sa.UniqueConstraint("name", name=op.f("uq_circuit_breaker_name")),
    )
    op.create_index(op.f("ix_circuit_breaker_subject_id"), "circuit_breaker", ["subject_id"], unique=False)
    op.create_table(
        "classification_history",
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("label_id", sa.Uuid(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("SUGGESTED", "ACCEPTED", "REJECTED", name="reviewstate", native_enum=False, length=64),
            nullable=True,
        ),
        sa.Column(
            "layer",
            sa.Enum(
                "PATTERN",
                "NAME",
                "STATISTICS",
                "MODEL",
                "RULE",
                "PROPAGATION",
                "PERSON",
                name="classifierlayer",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("fallback", sa.Boolean(), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_by_word", sa.Text(), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_by_word", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
    )
    op.create_index(
        "ix_classification_history_asset_id", "classification_history", ["asset_id"], unique=False
    )
    op.create_index(
        "ix_classification_history_key", "classification_history", ["id", "valid_from"], unique=False
    )
    op.create_index(
        "ix_classification_history_valid", "classification_history", ["valid_to", "valid_from"], unique=False
    )
    op.create_table(
        "command",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.Column("input", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("subjects", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("subject_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("inverse", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("undoes", sa.Uuid(), nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
    )
    op.create_index(op.f("ix_command_actor_id"), "command", ["actor_id"], unique=False)
    op.create_index(
        "ix_command_subject_ids", "command", ["subject_ids"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "edge_policy",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sample_rows", sa.Integer(), server_default="200", nullable=False),
        sa.Column(
            "sample_patterns", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "never_sample", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "values_leave",
            sa.Enum("NEVER", "MASKED", "SAMPLES", name="valuesleave", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column(
            "mask_with",
            sa.Enum(
                "REDACT",
                "HASH",
                "PARTIAL",
                "FORMAT_PRESERVING",
                name="maskmethod",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("max_query_seconds", sa.Integer(), server_default="60", nullable=False),
        sa.Column(
            "quiet_hours",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edge_policy")),
        sa.UniqueConstraint("name", name=op.f("uq_edge_policy_name")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("schema_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.Column("command_id", sa.Uuid(), nullable=True),
        sa.Column("subject_word", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_event")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_event_command", "event", ["command_id"], unique=False)
    op.create_index(
        "ix_event_position",
        "event",
        ["position"],
        unique=False,
        postgresql_where=sa.text("position IS NOT NULL"),
    )
    op.create_index("ix_event_subject", "event", ["subject_id", "position"], unique=False)
    op.create_index(
        "ix_event_unplaced", "event", ["number"], unique=False, postgresql_where=sa.text("position IS NULL")
    )
    op.create_table(
        "event_log",
        sa.Column("single", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("head", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("oldest", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "settled_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_event_log")),
    )
    op.create_table(
        "event_topic",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "position", name=op.f("pk_event_topic")),
    )
    op.create_table(
        "idempotency",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("mutation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "mutation", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_at"), "idempotency", ["at"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "WAITING",
                "RETRYING",
                "SUCCEEDED",
                "FAILED",
                "CANCELLED",
                "DEAD",
                name="jobstate",
                native_enum=False,
                length=64,
            ),
            server_default="QUEUED",
            nullable=False,
        ),
        sa.Column("queue", sa.Text(), server_default="default", nullable=False),
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("subject_word", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_tries", sa.Integer(), nullable=False),
        sa.Column(
            "attempts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("progressed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("datawave_now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_command_id"), "job", ["command_id"], unique=False)
    op.create_index(
        "ix_job_due",
        "job",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('QUEUED', 'RETRYING')"),
    )
    op.create_index(
        "ix_job_running", "job", ["heartbeat_at"], unique=False, postgresql_where=sa.text("state = 'RUNNING'")
    )
    op.create_index("ix_job_subject", "job", ["subject_id"], unique=False)
    op.create_table(
        "label",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "sensitivity",
            sa.Enum(
                "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", name="severity", native_enum=False, length=64
            ),
            nullable=False,
        ),
        sa.Column("regulations", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["label.id"], name=op.f("fk_label_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
        sa.UniqueConstraint("name", name=op.f("uq_label_name")),
    )
    op.create_table(
        "lineage_edge_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("from_id", sa.Uuid(), nullable=True),
        sa.Column("to_id", sa.Uuid(), nullable=True),
        sa.Column(
            "origin",
            sa.Enum(
                "VIEW_DEFINITION",
                "QUERY_LOG",
                "FOREIGN_KEY",
                "DBT",
                "OPENLINEAGE",
                "PIPELINE",
                "MANUAL",
                "INFERRED",
                name="lineageorigin",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("SUGGESTED", "ACCEPTED", "REJECTED", name="reviewstate", native_enum=False, length=64),
            nullable=True,
        ),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("transformation", sa.Text(), nullable=True),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
    )
    op.create_index("ix_lineage_edge_history_from_id", "lineage_edge_history", ["from_id"], unique=False)
    op.create_index("ix_lineage_edge_history_key", "lineage_edge_history", ["id", "valid_from"], unique=False)
    op.create_index("ix_lineage_edge_history_to_id", "lineage_edge_history", ["to_id"], unique=False)
    op.create_index(
        "ix_lineage_edge_history_valid", "lineage_edge_history", ["valid_to", "valid_from"], unique=False
    )
    op.create_table(
        "ownership_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "OWNER",
                "STEWARD",
                "TECHNICAL",
                "CONSUMER",
                name="ownershipkind",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
    )
    op.create_index("ix_ownership_history_asset_id", "ownership_history", ["asset_id"], unique=False)
    op.create_index("ix_ownership_history_key", "ownership_history", ["id", "valid_from"], unique=False)
    op.create_index(
        "ix_ownership_history_valid", "ownership_history", ["valid_to", "valid_from"], unique=False
    )
    op.create_table(
        "person",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "INVITED", "ACTIVE", "SUSPENDED", "DELETED", name="userstate", native_enum=False, length=64
            ),
            nullable=False,
        ),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_table(
        "role",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("built_in", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("permission_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "service_account",
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_account")),
        sa.UniqueConstraint("client_id", name=op.f("uq_service_account_client_id")),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("color", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("name", name=op.f("uq_tag_name")),
    )
    op.create_table(
        "topic_head",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_topic_head")),
    )
    op.create_table(
        "vault_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("master_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vault_key")),
    )
    op.create_table(
        "workspace",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace")),
        sa.UniqueConstraint("name", name=op.f("uq_workspace_name")),
    )
    op.create_table(
        "access_grant",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_word", sa.Text(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("scope_word", sa.Text(), nullable=True),
        sa.Column("scope_id", sa.Uuid(), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("granted_by_word", sa.Text(), nullable=True),
        sa.Column(
            "granted_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "valid_from", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_access_grant_role_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
    )
    op.create_index(op.f("ix_access_grant_actor_id"), "access_grant", ["actor_id"], unique=False)
    op.create_index(op.f("ix_access_grant_role_id"), "access_grant", ["role_id"], unique=False)
    op.create_index(op.f("ix_access_grant_scope_id"), "access_grant", ["scope_id"], unique=False)
    op.create_index(
        "uq_access_grant",
        "access_grant",
        ["actor_id", "role_id", "scope_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "data_source",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "CONFIGURED",
                "CONNECTED",
                "DISCOVERING",
                "GOVERNED",
                "DEGRADED",
                "UNREACHABLE",
                "DECOMMISSIONED",
                name="sourcestate",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column(
            "state_before",
            sa.Enum(
                "CONFIGURED",
                "CONNECTED",
                "DISCOVERING",
                "GOVERNED",
                "DEGRADED",
                "UNREACHABLE",
                "DECOMMISSIONED",
                name="sourcestate",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("credentials_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rotate_after_days", sa.Integer(), nullable=True),
        sa.Column(
            "health_state",
            sa.Enum(
                "UNKNOWN", "HEALTHY", "DEGRADED", "DOWN", name="healthstate", native_enum=False, length=64
            ),
            nullable=False,
        ),
        sa.Column("health_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("health_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("health_latency_ms", sa.Double(), nullable=True),
        sa.Column("health_statistics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("health_failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("health_misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("decommissioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destroy_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_catalog", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["edge_policy.id"], name=op.f("fk_data_source_policy_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_data_source_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_source")),
        sa.UniqueConstraint("key", name=op.f("uq_data_source_key")),
    )
    op.create_index(op.f("ix_data_source_workspace_id"), "data_source", ["workspace_id"], unique=False)
    op.create_index(
        "uq_data_source_name",
        "data_source",
        ["workspace_id", "name"],
        unique=True,
        postgresql_where=sa.text("state <> 'DECOMMISSIONED'"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trace", sa.Text(), nullable=True),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "resolution",
            sa.Enum("REQUEUED", "DISCARDED", name="deadletterresolution", native_enum=False, length=64),
            nullable=True,
        ),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("resolved_by_word", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_dead_letter_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
    )
    op.create_index(op.f("ix_dead_letter_job_id"), "dead_letter", ["job_id"], unique=False)
    op.create_table(
        "edge_agent",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "LIGHTWEIGHT", "FULL", "MONITORING", "SYNC", name="agentkind", native_enum=False, length=64
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "ENROLLED",
                "ONLINE",
                "OFFLINE",
                "DRAINING",
                "REVOKED",
                name="agentstate",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("capabilities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("software_version", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column(
            "labels",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("last_heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("load", sa.Double(), nullable=True),
        sa.Column("spooled_batches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_down_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bundle_version", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["edge_policy.id"], name=op.f("fk_edge_agent_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edge_agent")),
        sa.UniqueConstraint("name", name=op.f("uq_edge_agent_name")),
    )
    op.create_table(
        "password_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["person.id"], name=op.f("fk_password_token_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_token")),
    )
    op.create_index(op.f("ix_password_token_user_id"), "password_token", ["user_id"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["auth_session.id"], name=op.f("fk_refresh_token_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_session_id"), "refresh_token", ["session_id"], unique=False)
    op.create_table(
        "vault_entry",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["vault_key.id"], name=op.f("fk_vault_entry_key_id")),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_vault_entry")),
    )
    op.create_index(op.f("ix_vault_entry_expires_at"), "vault_entry", ["expires_at"], unique=False)
    op.create_table(
        "agent_source",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["edge_agent.id"], name=op.f("fk_agent_source_agent_id")),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_agent_source_source_id")),
        sa.PrimaryKeyConstraint("agent_id", "source_id", name=op.f("pk_agent_source")),
    )
    op.create_index(op.f("ix_agent_source_source_id"), "agent_source", ["source_id"], unique=False)
    op.create_table(
        "agent_task",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "TEST",
                "DISCOVER",
                "SAMPLE",
                "PROFILE",
                "CLASSIFY",
                "MONITOR",
                "SYNC",
                "SPARK",
                name="agentcapability",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "OFFERED",
                "CLAIMED",
                "RUNNING",
                "COMPLETED",
                "FAILED",
                "EXPIRED",
                "CANCELLED",
                name="taskstate",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("stage_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("wanted_agent_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_batch", sa.Integer(), server_default="-1", nullable=False),
        sa.Column("instructions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("secret_reference", sa.Text(), nullable=True),
        sa.Column(
            "results",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_agent_task_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_task")),
    )
    op.create_index(op.f("ix_agent_task_agent_id"), "agent_task", ["agent_id"], unique=False)
    op.create_index(op.f("ix_agent_task_job_id"), "agent_task", ["job_id"], unique=False)
    op.create_index(
        "ix_agent_task_open",
        "agent_task",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('OFFERED', 'CLAIMED', 'RUNNING')"),
    )
    op.create_index(op.f("ix_agent_task_run_id"), "agent_task", ["run_id"], unique=False)
    op.create_index(op.f("ix_agent_task_source_id"), "agent_task", ["source_id"], unique=False)
    op.create_table(
        "asset",
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "DATABASE",
                "SCHEMA",
                "TABLE",
                "VIEW",
                "MATERIALIZED_VIEW",
                "COLUMN",
                "BUCKET",
                "FOLDER",
                "FILE",
                "TOPIC",
                "STREAM",
                "DASHBOARD",
                "PIPELINE",
                "OTHER",
                name="assetkind",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("qualified_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "ACTIVE",
                "MISSING",
                "DEPRECATED",
                "ARCHIVED",
                "DELETED",
                name="assetstate",
                native_enum=False,
                length=64,
            ),
            server_default="ACTIVE",
            nullable=False,
        ),
        sa.Column(
            "state_before",
            sa.Enum(
                "ACTIVE",
                "MISSING",
                "DEPRECATED",
                "ARCHIVED",
                "DELETED",
                name="assetstate",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("definition", sa.Text(), nullable=True),
        sa.Column("primary_key", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ordinal", sa.Integer(), nullable=True),
        sa.Column("native_type", sa.Text(), nullable=True),
        sa.Column(
            "data_type",
            sa.Enum(
                "BOOLEAN",
                "INTEGER",
                "DECIMAL",
                "FLOAT",
                "STRING",
                "BINARY",
                "DATE",
                "TIME",
                "TIMESTAMP",
                "INTERVAL",
                "UUID",
                "JSON",
                "ARRAY",
                "STRUCT",
                "MAP",
                "GEOMETRY",
                "OTHER",
                name="datatype",
                native_enum=False,
                length=64,
            ),
            nullable=True,
        ),
        sa.Column("nullable", sa.Boolean(), nullable=True),
        sa.Column("default_expression", sa.Text(), nullable=True),
        sa.Column(
            "valid_from", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
    )
    op.create_index("ix_asset_parent", "asset", ["parent_id", "ordinal"], unique=False)
    op.create_index("ix_asset_source", "asset", ["source_id", "kind"], unique=False)
    op.create_index("uq_asset_qualified_name", "asset", ["qualified_name"], unique=True)
    op.create_table(
        "asset_foreign_key",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("to_dataset_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("to_name", sa.Text(), nullable=False),
        sa.Column("column_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("to_column_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("references", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("enforced", sa.Boolean(), server_default="true", nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["data_source.id"], name=op.f("fk_asset_foreign_key_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_foreign_key")),
    )
    op.create_index(
        op.f("ix_asset_foreign_key_dataset_id"), "asset_foreign_key", ["dataset_id"], unique=False
    )
    op.create_index(op.f("ix_asset_foreign_key_source_id"), "asset_foreign_key", ["source_id"], unique=False)
    op.create_index(
        op.f("ix_asset_foreign_key_to_dataset_id"), "asset_foreign_key", ["to_dataset_id"], unique=False
    )
    op.create_table(
        "connection_test",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("server_version", sa.Text(), nullable=True),
        sa.Column("server_info", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("read_only", sa.Boolean(), nullable=True),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tested_by", sa.Uuid(), nullable=True),
        sa.Column("tested_by_word", sa.Text(), nullable=True),
        sa.Column("credentials_version", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_connection_test_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_test")),
    )
    op.create_index(op.f("ix_connection_test_source_id"), "connection_test", ["source_id"], unique=False)
    op.create_table(
        "health_snapshot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "UNKNOWN", "HEALTHY", "DEGRADED", "DOWN", name="healthstate", native_enum=False, length=64
            ),
            nullable=False,
        ),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("statistics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_health_snapshot_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_snapshot")),
    )
    op.create_index("ix_health_snapshot_source", "health_snapshot", ["source_id", "at"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "QUEUED",
                "WAITING",
                "RUNNING",
                "PAUSING",
                "PAUSED",
                "SUCCEEDED",
                "PARTIAL",
                "FAILED",
                "CANCELLED",
                "ROLLING_BACK",
                "ROLLED_BACK",
                name="runstate",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column(
            "mode",
            sa.Enum("FULL", "INCREMENTAL", "SCHEMA_ONLY", name="discoverymode", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_by_word", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column(
            "progress",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "summary",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_run_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_source_id"), "run", ["source_id"], unique=False)
    op.create_index(
        "uq_run_open_discovery",
        "run",
        ["source_id"],
        unique=True,
        postgresql_where=sa.text(
            "kind = 'discovery' AND state IN ('QUEUED', 'WAITING', 'RUNNING', 'PAUSING', 'PAUSED')"
        ),
    )
    op.create_table(
        "schedule",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_word", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_schedule_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("source_id", name=op.f("uq_schedule_source_id")),
    )
    op.create_index(op.f("ix_schedule_next_at"), "schedule", ["next_at"], unique=False)
    op.create_table(
        "secret_version",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "ACTIVE",
                "PREVIOUS",
                "RETIRED",
                name="secretversionstate",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_by_word", sa.Text(), nullable=True),
        sa.Column("test_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_secret_version_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret_version")),
    )
    op.create_index(op.f("ix_secret_version_source_id"), "secret_version", ["source_id"], unique=False)
    op.create_index("uq_secret_version", "secret_version", ["source_id", "number"], unique=True)
    op.create_table(
        "asset_tag",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column(
            "valid_from", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_asset_tag_asset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_asset_tag_tag_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_tag")),
    )
    op.create_index(op.f("ix_asset_tag_tag_id"), "asset_tag", ["tag_id"], unique=False)
    op.create_index("uq_asset_tag", "asset_tag", ["asset_id", "tag_id"], unique=True)
    op.create_table(
        "classification",
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("SUGGESTED", "ACCEPTED", "REJECTED", name="reviewstate", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column(
            "layer",
            sa.Enum(
                "PATTERN",
                "NAME",
                "STATISTICS",
                "MODEL",
                "RULE",
                "PROPAGATION",
                "PERSON",
                name="classifierlayer",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fallback", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_by_word", sa.Text(), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_by_word", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.Column(
            "valid_from", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_classification_asset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name=op.f("fk_classification_label_id")),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_classification_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classification")),
    )
    op.create_index(op.f("ix_classification_label_id"), "classification", ["label_id"], unique=False)
    op.create_index(op.f("ix_classification_source_id"), "classification", ["source_id"], unique=False)
    op.create_index("uq_classification", "classification", ["asset_id", "label_id"], unique=True)
    op.create_table(
        "column_profile",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("profiled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_column_profile_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_column_profile")),
    )
    op.create_table(
        "dataset_profile",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sampled_rows", sa.BigInteger(), nullable=True),
        sa.Column("profiled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_dataset_profile_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_dataset_profile")),
    )
    op.create_table(
        "lineage_edge",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("from_id", sa.Uuid(), nullable=False),
        sa.Column("to_id", sa.Uuid(), nullable=False),
        sa.Column(
            "origin",
            sa.Enum(
                "VIEW_DEFINITION",
                "QUERY_LOG",
                "FOREIGN_KEY",
                "DBT",
                "OPENLINEAGE",
                "PIPELINE",
                "MANUAL",
                "INFERRED",
                name="lineageorigin",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("SUGGESTED", "ACCEPTED", "REJECTED", name="reviewstate", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column(
            "evidence",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("transformation", sa.Text(), nullable=True),
        sa.Column(
            "columns",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "valid_from", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["from_id"], ["asset.id"], name=op.f("fk_lineage_edge_from_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_lineage_edge_source_id")),
        sa.ForeignKeyConstraint(
            ["to_id"], ["asset.id"], name=op.f("fk_lineage_edge_to_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_edge")),
    )
    op.create_index(op.f("ix_lineage_edge_source_id"), "lineage_edge", ["source_id"], unique=False)
    op.create_index("ix_lineage_edge_to", "lineage_edge", ["to_id"], unique=False)
    op.create_index("uq_lineage_edge", "lineage_edge", ["from_id", "to_id", "origin"], unique=True)
    op.create_table(
        "ownership",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_word", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "OWNER",
                "STEWARD",
                "TECHNICAL",
                "CONSUMER",
                name="ownershipkind",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column(
            "valid_from", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_ownership_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ownership")),
    )
    op.create_index(op.f("ix_ownership_actor_id"), "ownership", ["actor_id"], unique=False)
    op.create_index("uq_ownership", "ownership", ["asset_id", "actor_id"], unique=True)
    op.create_table(
        "reading_mark",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("ABSENT", "DIGEST", "PREDICTED", name="markkind", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column("thing_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_reading_mark_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "kind", "thing_id", name=op.f("pk_reading_mark")),
    )
    op.create_table(
        "schema_change",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "ASSET_ADDED",
                "ASSET_REMOVED",
                "ASSET_RENAMED",
                "TYPE_CHANGED",
                "NULLABILITY_CHANGED",
                "KEY_CHANGED",
                "DEFINITION_CHANGED",
                name="schemachangekind",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("breaking", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_schema_change_run_id")),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_schema_change_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_change")),
    )
    op.create_index(op.f("ix_schema_change_asset_id"), "schema_change", ["asset_id"], unique=False)
    op.create_index(op.f("ix_schema_change_run_id"), "schema_change", ["run_id"], unique=False)
    op.create_index("ix_schema_change_source", "schema_change", ["source_id", "at"], unique=False)
    op.create_table(
        "stage_run",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "CONNECT",
                "DISCOVER",
                "VALIDATE",
                "SAMPLE",
                "PROFILE",
                "CLASSIFY",
                "APPLY_RULES",
                "CHECK_COMPLIANCE",
                "UPDATE_CATALOG",
                "REPORT",
                "NOTIFY",
                "TRANSFORM",
                "CUSTOM",
                name="stagekind",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column(
            "where",
            sa.Enum("WORKER", "AGENT", "SPARK", name="stageplace", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "QUEUED",
                "WAITING",
                "RUNNING",
                "PAUSING",
                "PAUSED",
                "SUCCEEDED",
                "PARTIAL",
                "FAILED",
                "CANCELLED",
                "ROLLING_BACK",
                "ROLLED_BACK",
                name="runstate",
                native_enum=False,
                length=64,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "attempts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "inputs",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "results",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "metrics",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("failure", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_stage_run_run_id")),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_stage_run_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_run")),
    )
    op.create_index(op.f("ix_stage_run_run_id"), "stage_run", ["run_id"], unique=False)
    op.create_index("uq_stage_run_key", "stage_run", ["run_id", "key"], unique=True)
    op.create_table(
        "validation_issue",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("qualified_name", sa.Text(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_validation_issue_run_id")),
        sa.ForeignKeyConstraint(
            ["source_id"], ["data_source.id"], name=op.f("fk_validation_issue_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_validation_issue")),
    )
    op.create_index(op.f("ix_validation_issue_run_id"), "validation_issue", ["run_id"], unique=False)
    op.create_table(
        "view_reading",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("unplaced", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_view_reading_asset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_view_reading_source_id")),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_view_reading")),
    )
    op.create_index(op.f("ix_view_reading_source_id"), "view_reading", ["source_id"], unique=False)

    for statement in AFTER:
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError(
        "There is nothing before the foundation: restore a backup, or begin with an empty database."
    )
