"""What every table stands on. Importing this room's modules registers all tables (Alembic walks them)."""

from datawave.kit import tables
from datawave.kit.access import INTERNAL, Access
from datawave.kit.database import UNCHECKED, Base, Entity
from datawave.kit.history import Historic, historic

__all__ = ["INTERNAL", "UNCHECKED", "Access", "Base", "Entity", "Historic", "historic", "tables"]
