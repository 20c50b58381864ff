"""A page of a source's assets, and of what is in one, is read from an index, in its order."""

from __future__ import annotations

from alembic import op

revision = "2026_11_21_pages_of_sources"
down_revision = "2026_11_21_traces"
branch_labels = None
depends_on = None


# The old ones are read until the new ones are there.
NEW = (
    ("ix_asset_source_kind_name", ["source_id", "kind", "qualified_name", "id"]),
    ("ix_asset_parent_place", ["parent_id", "ordinal", "id"]),
)
OLD = (("ix_asset_source", ["source_id", "kind"]), ("ix_asset_parent", ["parent_id", "ordinal"]))


def _replaced(old: tuple[tuple[str, list[str]], ...], new: tuple[tuple[str, list[str]], ...]) -> None:
    with op.get_context().autocommit_block():
        for name, columns in new:
            op.create_index(name, "asset", columns, postgresql_concurrently=True, if_not_exists=True)
        for name, _ in old:
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)


def upgrade() -> None:
    _replaced(OLD, NEW)


def downgrade() -> None:
    _replaced(NEW, OLD)
