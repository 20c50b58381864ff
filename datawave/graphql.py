"""Builds the one schema: walks the rooms, lets the types meet, merges the roots. Nothing lists the
features."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

import strawberry
from graphql import DocumentNode, OperationDefinitionNode
from strawberry.tools import merge_types
from strawberry.types.base import has_object_definition

import resolvers as resolver_room
import schema as schema_room
from datawave.executor import Executor
from schema.context import Info
from schema.own import Touched, touched_by
from schema.rows import SHOWN
from schema.scalars import CONFIG

DESCRIPTION = "The DataWave API: a data governance platform as one GraphQL graph."
PURPOSE = {
    "Query": "Reads, from read models; nothing here changes anything.",
    "Mutation": "Writes: each is one command, in one transaction, with its events, its audit entry, and its"
    " way back where there is one.",
    "Subscription": "Live, resumable streams: `after` is the cursor of the last event seen; without it the"
    " stream begins now.",
}


LOADERS = "resolvers.loaders."
"""Batch reads: they know no types, so none are put into their namespaces."""


def modules(room: ModuleType) -> list[ModuleType]:
    """The files of a room and of the folders in it; a folder's own `__init__` only names what its files
    hold."""
    names = sorted(
        found.name
        for found in pkgutil.walk_packages(room.__path__, prefix=f"{room.__name__}.")
        if not found.ispkg and not found.name.startswith(LOADERS)
    )
    return [importlib.import_module(name) for name in names]


def _meet(rooms: list[ModuleType]) -> list[type[Any]]:
    """Puts each schema type into every module's namespace, so that files refer to each other's types by
    name."""
    types: dict[str, Any] = {}
    for module in rooms:
        module.__dict__.setdefault("Info", Info)
    for module in modules(schema_room):
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and isinstance(value, type):
                assert types.setdefault(name, value) is value, f"two types are called {name}"
    for module in rooms:
        for name, value in types.items():
            module.__dict__.setdefault(name, value)
    return [value for value in types.values() if has_object_definition(value)]


def _root(name: str, part: str, rooms: list[ModuleType]) -> Any:
    parts = tuple(found for module in rooms if (found := vars(module).get(part)) is not None)
    if not parts:
        return None
    merged: Any = merge_types(name, parts)
    merged.__strawberry_definition__.description = PURPOSE[name]
    return merged


@cache
def schema() -> strawberry.Schema:
    roots = modules(resolver_room)
    types = _meet([*modules(schema_room), *roots])
    reachable = [t for t in types if _is_concrete(t)]
    return strawberry.Schema(
        query=_root("Query", "Queries", roots),
        mutation=_root("Mutation", "Mutations", roots),
        subscription=_root("Subscription", "Subscriptions", roots),
        types=[*dict.fromkeys([*SHOWN.values(), *reachable])],
        config=CONFIG,
        execution_context_class=Executor,
        schema_directives=[],
    )


def _is_concrete(kind: type[Any]) -> bool:
    definition = kind.__strawberry_definition__
    return not (definition.is_interface or definition.is_input or definition.is_graphql_generic)


def touched(document: DocumentNode, operation: OperationDefinitionNode) -> Touched:
    """What a document touches of things that one may own."""
    built: Any = schema()
    return touched_by(built._schema, document, operation)


def sdl() -> str:
    return schema().as_str() + "\n"
