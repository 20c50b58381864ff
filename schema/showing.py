"""What declared fields have in common: arguments of paging, signatures, the types that show rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import strawberry
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition

from datawave.kit.pages import Asked
from schema.context import Info
from schema.rows import SHOWN
from schema.scalars import Cursor
from schema.shapes import given

PAGE_ARGUMENTS = ("first", "after", "last", "before")


def taken_asked(arguments: dict[str, Any]) -> Asked:
    """Takes the arguments of paging out of the others."""
    asked = {name: given(arguments.pop(name, None)) for name in PAGE_ARGUMENTS}
    return Asked(**asked).checked()


def field_of(info: Any) -> Any:
    return info._field


def showing(field: Any, at: datetime | None) -> Callable[[Any], Any]:
    kind = shown_by(field)
    if at is not None:
        return lambda row: kind.of(row, at)
    return kind.of


@cache
def shown_by(field: Any) -> Any:
    """The class that shows what a field answers: of a list its members, of a page its nodes."""
    kind: Any = field.type
    while isinstance(kind, StrawberryOptional | StrawberryList):
        kind = kind.of_type
    definition: Any = get_object_definition(kind)
    if definition is not None and definition.type_var_map:
        [kind] = definition.type_var_map.values()
    if not hasattr(kind, "of"):  # an interface: the type of one row implements it
        [kind] = {shown for shown in SHOWN.values() if issubclass(shown, kind)}
    return kind


def paging(*, from_end: bool = False) -> list[inspect.Parameter]:
    """From the start of a list, or both ways where one begins at its end."""
    first, after = _parameter("first", int | None, default=50), _parameter("after", Cursor | None)
    if not from_end:
        return [first, after]
    first, last = (_parameter(name, int | None) for name in ("first", "last"))
    return [first, after, last, _parameter("before", Cursor | None)]


def _parameter(name: str, annotation: Any, default: Any = strawberry.UNSET) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def signature(own: Sequence[inspect.Parameter]) -> inspect.Signature:
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    return inspect.Signature(
        [inspect.Parameter("self", plain), inspect.Parameter("info", plain, annotation=Info), *keywords]
    )
