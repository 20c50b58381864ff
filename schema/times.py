"""Types that show a row as of a time: all beneath them is read as of then too."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from schema.rows import FromRow


class AsOf(FromRow):
    """Mixin of types whose rows have a history. `at` is the time that was asked for; None is now."""

    at: datetime | None = None

    @classmethod
    def of(cls, row: Any, at: datetime | None = None) -> Self:
        made = super().of(row)
        made.at = at
        return made
