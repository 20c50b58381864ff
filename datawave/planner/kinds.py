"""Questions to types of the schema, which graphql-core types only in part."""

from __future__ import annotations

from typing import Any, cast

import graphql.type

_types = cast("Any", graphql.type)


def is_required(kind: Any) -> bool:
    return _types.is_non_null_type(kind)


def bare(kind: Any) -> Any:
    """The type, whether or not it may be null."""
    return kind.of_type if is_required(kind) else kind


def is_list(kind: Any) -> bool:
    return _types.is_list_type(bare(kind))


def member(kind: Any) -> Any:
    """The type of a list's members."""
    return bare(kind).of_type


def named(kind: Any) -> Any:
    return _types.get_named_type(kind)


def is_composite(kind: Any) -> bool:
    return _types.is_composite_type(named(kind))


def is_abstract(kind: Any) -> bool:
    return _types.is_abstract_type(kind)


def is_input(kind: Any) -> bool:
    return _types.is_input_object_type(kind)


def is_enum(kind: Any) -> bool:
    return _types.is_enum_type(kind)


def class_of(kind: Any) -> Any:
    """The Strawberry class behind a type."""
    return kind.extensions["strawberry-definition"].origin
