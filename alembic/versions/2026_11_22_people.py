"""E-mail addresses in one spelling, what they look like, and what a link from a mail is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from datawave.kit.emails import folded, skeleton

revision = "2026_11_22_people"
down_revision = "2026_11_22_groups"
branch_labels = None
depends_on = None

KINDS = sa.Enum("INVITATION", "RESET", name="tokenkind", native_enum=False, length=64)


def upgrade() -> None:
    op.add_column("person", sa.Column("email_skeleton", sa.Text(), nullable=True))
    _spell_addresses()
    op.alter_column("person", "email_skeleton", nullable=False)
    op.create_index("ix_person_email_skeleton", "person", ["email_skeleton"])
    op.add_column("password_token", sa.Column("kind", KINDS, server_default="RESET", nullable=False))
    op.alter_column("password_token", "kind", server_default=None)
    op.add_column(
        "password_token",
        sa.Column(
            "made_at", sa.DateTime(timezone=True), server_default=sa.text("datawave_now()"), nullable=False
        ),
    )


def _spell_addresses() -> None:
    """Each gets the spelling by which it is looked up from now on, unless it would then be somebody else's:
    such a person keeps theirs, and an administrator invites them anew."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, email FROM person ORDER BY id")).all()
    taken = {row.email for row in rows}
    for row in rows:
        email = folded(row.email)
        if email in taken:
            email = row.email
        taken.add(email)
        connection.execute(
            sa.text("UPDATE person SET email = :email, email_skeleton = :skeleton WHERE id = :id"),
            {"id": row.id, "email": email, "skeleton": skeleton(email)},
        )


def downgrade() -> None:
    op.drop_column("password_token", "made_at")
    op.drop_column("password_token", "kind")
    op.drop_index("ix_person_email_skeleton", table_name="person")
    op.drop_column("person", "email_skeleton")
