"""Things that come in the same record as the rows that name them: one row of another table, of which nothing
but its columns is asked, costs no statement of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType

from datawave.kit.reads import NEEDS, READ, Computed, Global, Pointed, Related, Said
from datawave.planner.kinds import class_of, is_abstract, is_composite, named
from datawave.planner.selections import Collector, beneath

if TYPE_CHECKING:
    from datawave.planner.making import Asked

MOST_TABLES = 4
"""As many as are worth looking into for each row."""


@dataclass(frozen=True)
class Joinable:
    """A table, the type that shows its rows, and the columns that name one of them."""

    row: Any
    kind: GraphQLObjectType
    key: str
    word: str | None = None


def joinable(collector: Collector, asked: Asked) -> list[Joinable]:
    """The tables in one of which what is asked for is found; none where it is not that simple."""
    found = list(_tables(collector, asked))
    rows = {each.row for each in found}
    if len(rows) < len(found) or len(found) > MOST_TABLES:
        return []
    return found if all(_is_plain(collector, each.kind, asked) for each in found) else []


def _tables(collector: Collector, asked: Asked) -> Iterator[Joinable]:
    read, kind = asked.read, named(asked.type)
    match read:
        case Pointed(word, key):
            row = None
        case Related(key=key, row=row) if row is not None:
            word = None
        case _:
            return
    for each in collector.schema.get_possible_types(kind) if is_abstract(kind) else [kind]:
        shown = getattr(class_of(each), "shows", None)
        if shown is not None and row in (None, shown):
            yield Joinable(shown, each, key, word)


def _is_plain(collector: Collector, kind: GraphQLObjectType, asked: Asked) -> bool:
    """Whether only columns are asked for, which whoever sees the row may see."""
    fields = collector.fields(kind, beneath(asked.nodes))
    return all(_is_column(kind, nodes[0].name.value) for nodes in fields.values())


def _is_column(kind: GraphQLObjectType, name: str) -> bool:
    if name not in kind.fields:
        return name == "__typename"
    field: Any = kind.fields[name]
    declared = field.extensions["strawberry-definition"]
    if is_composite(field.type) or declared.metadata.get(NEEDS):
        return False
    read = declared.metadata.get(READ)
    return isinstance(read, Global | Said | Computed) or (read is None and declared.base_resolver is None)
