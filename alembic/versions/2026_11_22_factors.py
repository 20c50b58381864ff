"""Second factors, sign-ins that wait for one, and devices that are remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_factors"
down_revision = "2026_11_22_oidc"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _factors()
    _challenges()
    _devices()


def _factors() -> None:
    op.create_table(
        "mfa_factor",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("TOTP", "RECOVERY_CODES", name="mfakind", native_enum=False, length=64),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("codes_left", sa.Integer(), nullable=True),
        _of_person("mfa_factor"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mfa_factor")),
    )
    op.create_index(op.f("ix_mfa_factor_user_id"), "mfa_factor", ["user_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("factor_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["factor_id"],
            ["mfa_factor.id"],
            name=op.f("fk_recovery_code_factor_id_mfa_factor"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_factor_id"), "recovery_code", ["factor_id"], unique=False)


def _challenges() -> None:
    op.create_table(
        "sign_in_challenge",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("against", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        _of_person("sign_in_challenge"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_challenge")),
    )
    for column in ("user_id", "expires_at"):
        name = op.f(f"ix_sign_in_challenge_{column}")
        op.create_index(name, "sign_in_challenge", [column], unique=False)


def _devices() -> None:
    op.create_table(
        "remembered_device",
        sa.Column("id", sa.Uuid(), server_default=sa.text("datawave_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("remembered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _of_person("remembered_device"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_device")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_remembered_device_token_hash")),
    )
    for column in ("user_id", "expires_at"):
        name = op.f(f"ix_remembered_device_{column}")
        op.create_index(name, "remembered_device", [column], unique=False)


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["person.id"], name=op.f(f"fk_{table}_user_id_person"), ondelete="CASCADE"
    )


def downgrade() -> None:
    for table in ("remembered_device", "sign_in_challenge", "recovery_code", "mfa_factor"):
        op.drop_table(table)
