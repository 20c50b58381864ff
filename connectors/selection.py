"""Which tables are read: `schema.table` patterns of the options and of one run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate


class Selection:
    """Patterns with `*` and `?` over `schema.table`; one without a dot is about tables of any schema. Case
    counts only where the source's does, so it does not here."""

    def __init__(
        self, *, include: Sequence[str] = (), exclude: Sequence[str] = (), only: Sequence[str] = ()
    ) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)
        self._only = _compiled(only)
        self.everything = not (include or exclude or only)
        self.words = repr((sorted(include), sorted(exclude), sorted(only)))
        self.narrowed = bool(only)
        """This run looks at a part only, so what lies outside it was not looked for."""

    def takes(self, schema: str, table: str) -> bool:
        """Is this table to be read?"""
        return self.governs(schema, table) and self.looks_at(schema, table)

    def governs(self, schema: str, table: str) -> bool:
        """Do the options ask for this table?"""
        name = f"{schema}.{table}"
        if self._exclude is not None and self._exclude.match(name):
            return False
        return self._include is None or bool(self._include.match(name))

    def looks_at(self, schema: str, table: str) -> bool:
        """Does this run look at this table?"""
        return self._only is None or bool(self._only.match(f"{schema}.{table}"))

    def takes_empty(self, schema: str) -> bool:
        """Is a schema without any table to be shown? Only where no pattern asks for tables by name."""
        if self._include is not None or self._only is not None:
            return False
        return self._exclude is None or not self._exclude.match(f"{schema}.")


def _compiled(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    dotted = (pattern if "." in pattern else f"*.{pattern}" for pattern in patterns)
    # Brackets are letters here: names hold them, and a set of letters is not worth a rule of its own.
    return re.compile("|".join(translate(each.replace("[", "[[]")) for each in dotted), re.IGNORECASE)
