"""Of which type the things of a class are, where their class alone says it."""

from __future__ import annotations

from functools import cache
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.types.base import get_object_definition

from datawave.planner.kinds import bare, is_abstract, is_composite, is_list


class Kinds:
    """What one execution was told; a class that does not tell is remembered too."""

    __slots__ = ("_known", "_schema")

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: dict[tuple[Any, type[Any]], GraphQLObjectType | None] = {}

    def of(self, kind: Any, thing: Any, info: Any) -> GraphQLObjectType | None:
        """The type of a thing where one of `kind` stands; None where its class does not say it."""
        key = (kind, thing.__class__)
        if key not in self._known:
            self._known[key] = self._told(kind, thing, info) if is_abstract(kind) else _made_for(*key)
        return self._known[key]

    def _told(self, kind: Any, thing: Any, info: Any) -> GraphQLObjectType | None:
        """As `resolve_type` tells it, if it looks at the class alone."""
        if not _is_plain(thing.__class__):
            return None
        try:
            named = kind.resolve_type(thing, info, kind)
        except Exception:
            return None
        found: Any = self._schema.get_type(named) if named.__class__ is str else None
        return found if found is not None and self._schema.is_sub_type(kind, found) else None


def _made_for(kind: Any, python: type[Any]) -> GraphQLObjectType | None:
    """The type itself, where the class was declared as it."""
    definition: Any = kind.extensions.get("strawberry-definition")
    if definition is None or definition.is_type_of is not None:
        return None
    own = definition.concrete_of or definition
    return kind if own.origin is python else None


@cache
def _is_plain(python: type[Any]) -> bool:
    """Whether the class of a thing alone says of what type it is."""
    definition: Any = get_object_definition(python)
    return definition is not None and not definition.is_graphql_generic and definition.is_type_of is None


@cache
def of_objects(kind: Any) -> Any:
    """The type of objects, or None where it is another."""
    return bare(kind) if is_composite(kind) and not is_list(kind) else None
