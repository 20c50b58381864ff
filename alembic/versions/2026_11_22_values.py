"""Sampled values that may leave, and the rules of who sees them; profiles know their source."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "2026_11_22_values"
down_revision = "2026_11_22_factors"
branch_labels = None
depends_on = None

METHODS = ("REDACT", "HASH", "PARTIAL", "FORMAT_PRESERVING")


def upgrade() -> None:
    op.add_column("column_profile", sa.Column("source_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE column_profile p SET source_id = a.source_id FROM asset a"
        " WHERE a.id = p.asset_id AND p.source_id IS NULL"
    )
    op.alter_column("column_profile", "source_id", nullable=False)
    _access_rules()
    _values()


def _access_rules() -> None:
    op.create_table(
        "access_rule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("built_in", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("label_ids", ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "min_sensitivity",
            sa.Enum("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", native_enum=False, length=64),
            nullable=True,
        ),
        sa.Column("states", ARRAY(sa.Text()), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("without", sa.Enum("MASK", "HIDE", native_enum=False, length=64), nullable=False),
        sa.Column("mask_with", sa.Enum(*METHODS, native_enum=False, length=64), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_access_rule_source_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_access_rule_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_access_rule_name")),
        sa.UniqueConstraint("built_in", name=op.f("uq_access_rule_built_in")),
    )
    op.create_index("ix_access_rule_source_id", "access_rule", ["source_id"], unique=False)
    op.create_index("ix_access_rule_workspace_id", "access_rule", ["workspace_id"], unique=False)


def _values() -> None:
    op.create_table(
        "column_values",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("masked_with", sa.Enum(*METHODS, native_enum=False, length=64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_column_values_asset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["source_id"], ["data_source.id"], name=op.f("fk_column_values_source_id")),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_column_values")),
    )
    op.create_index("ix_column_values_source_id", "column_values", ["source_id"], unique=False)
    op.create_index("ix_column_values_taken_at", "column_values", ["taken_at"], unique=False)


def downgrade() -> None:
    op.drop_table("column_values")
    op.drop_table("access_rule")
    op.drop_column("column_profile", "source_id")
