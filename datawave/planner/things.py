"""Where the fields of a thing are found: rows as the driver gives them, or Python's objects."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, cast

from sqlalchemy import DateTime, Text, and_, func, inspect, literal_column, select, true
from sqlalchemy.orm import InstrumentedAttribute

from datawave.kit.access import Viewer, may_be_told, tells
from datawave.kit.reads import Of, Rows, by_id
from datawave.transports.plans import Unplanned

_INSTANT = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""", type_=Text)


class Drawn:
    """Rows: the columns that somebody needs are counted as they are asked for, and selected in that order."""

    def __init__(self, rows: Rows, viewer: Viewer, *, first: int) -> None:
        self.rows, self.viewer = rows, viewer
        self.entity: Any = rows.entity
        self.first = first
        self.beside: dict[Hashable, Beside] = {}
        self.columns: list[tuple[Drawn, Any]] = []
        """Of these rows, and of what stands beside them: all are parts of one record."""
        self._places: dict[str, int] = {}

    def place(self, name: str) -> int:
        """Where in a record the column stands."""
        return self._placed(name, lambda: self.of(name))

    def of(self, name: str) -> Any:
        found = getattr(self.rows.row, name, None)
        if found is None:
            raise Unplanned("column", name)
        return found

    def is_id(self, place: int | None) -> bool:
        return place is not None and self._places.get("id") == place

    def told(self, name: str) -> int:
        """Where an instant stands in the words that it has in answers."""
        instant = func.timezone(literal_column("'UTC'"), self.of(name), type_=DateTime)
        return self._placed(f"told {name}", lambda: func.to_char(instant, _INSTANT, type_=Text))

    def first_said(self, names: Sequence[str]) -> int | None:
        """Where the first of some texts stands that says something; None where they are no texts."""
        columns = [self.of(name) for name in names]
        if not all(isinstance(each.type, Text) for each in columns):
            return None
        *some, last = columns
        full = [func.nullif(each, "", type_=each.type) for each in some]
        return self._placed(f"said {names}", lambda: func.coalesce(*full, last, type_=last.type))

    def may_be_null(self, name: str) -> bool:
        if self.entity is None:
            return True
        column = inspect(self.entity).mapper.columns.get(name)
        return column is None or column.nullable is not False

    def permitted(self, permission: str) -> int | None:
        """Where it stands whether the viewer is told what needs a permission; None where that is of all."""
        condition = tells(permission, self.rows.row, self.viewer)
        if condition.compare(true()):
            return None
        return self._placed(f"may {permission}", lambda: condition)

    @property
    def may_be_joined(self) -> bool:
        """Not where the order is the query's own: it would be lost."""
        return not cast("Any", self.rows.query)._order_by_clauses

    def joined(self, row: Any, *, key: str, word: str | None = None) -> Drawn:
        """The one row of another table that a column of these names by its id, where `word` is its word."""
        found = self.beside.get((row, key, word))
        if found is None:
            names = (self.place(key), self.place(word) if word else None)
            found = self.beside[row, key, word] = Beside(self, by_id(row)(Of(viewer=self.viewer)), *names)
        return found

    def known_or_extra(self, column: Any) -> int:
        """Where a column of the order stands: it may be asked for anyway."""
        name = getattr(column, "key", None)
        if isinstance(name, str) and getattr(self.rows.row, name, None) is column:
            return self.place(name)
        return self._placed(f"extra {len(self.columns)}", lambda: column)

    def _placed(self, name: str, made: Any) -> int:
        if name not in self._places:
            column = made()
            self._places[name] = self.first + len(self.columns)
            self.columns.append((self, column))
        return self._places[name]

    @property
    def labelled(self) -> list[Any]:
        """Its own, with names of their own, so that none is ambiguous."""
        return [
            _element(column).label(f"c{at}")
            for at, (whose, column) in enumerate(self.columns)
            if whose is self
        ]

    def with_beside(
        self, query: Any, order: Sequence[tuple[str, bool]] = (), *, told: int | None = None
    ) -> Any:
        """The query's rows, with what stands beside each; `order` is names, and whether they descend. Only
        the first columns are `told`, where the others are for the order alone."""
        page = query.subquery("page")
        columns, whole = dict(page.c.items()), page
        for at, each in enumerate(self.beside.values()):
            other = each.named_by(page, f"beside_{at}")
            whole = whole.outerjoin(other, true())
            columns |= other.c.items()
        shown = [columns[f"c{at}"] for at in range(told or len(self.columns))]
        directions = [page.c[name].desc() if down else page.c[name].asc() for name, down in order]
        return select(*list(page.c)[: self.first], *shown).select_from(whole).order_by(*directions)


class Beside(Drawn):
    """One row of another table, or none, beside each of some rows: in the same record."""

    def __init__(self, main: Drawn, rows: Rows, key: int, word: int | None) -> None:
        super().__init__(rows, main.viewer, first=main.first)
        self.columns = main.columns
        self._key, self._word = key, word

    def named_by(self, page: Any, name: str) -> Any:
        """Looked up for each row: PostgreSQL cannot know how few they are, and would read the whole table."""
        named = self.rows.by == page.c[f"c{self._key - self.first}"]
        if self._word is not None:
            named = and_(named, page.c[f"c{self._word - self.first}"] == self.entity.__word__)
        query = self.rows.query.where(named).with_only_columns(*self.labelled, maintain_column_froms=True)
        return query.offset(literal_column("0")).lateral(name)


def _element(column: Any) -> Any:
    return cast("Any", column).expression if isinstance(column, InstrumentedAttribute) else column


class Held:
    """Objects: instances of types, as resolvers make them."""


def may(permission: str, thing: Any, run: Any) -> bool:
    """Whether the viewer is told what needs a permission on what an object shows."""
    return may_be_told(permission, getattr(thing, "row", None), run.viewer)
