"""Texts that will not do, refused at the door with their place: no resolver and no command has to think of
them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

from datawave.kit.database import UNWRITABLE
from datawave.kit.errors import invalid

INPUT = "input"
"""The one argument of a mutation: paths lead from within it."""
LONGEST = 10_000
"""Characters of a text; names and keys have bounds of their own, where they are taken in."""
LONGER = frozenset({"ca"})
"""Files that are given as texts, by name; their bound is the body's."""
OTHERS_WORDS = "failure"
"""Where an agent says what a source said: it is cut, not refused, or the work would never end."""
MOST_IDS = 500


def refuse_unfit(arguments: Mapping[str, Any]) -> None:
    """INVALID for the first text with NUL or half of a character in it, the first that is too long, the first
    list with too many ids, and the first id that is empty, which would be taken as one that was left out.

    What is of type JSON is another's: whoever takes it in looks at it, or what cannot be kept is replaced.
    What is of type Secret is kept sealed."""
    for name, value in arguments.items():
        place = [] if name == INPUT else [to_camel_case(name)]
        for text, path in _texts(value, place):
            if UNWRITABLE.search(text):
                raise invalid(
                    "This text has a NUL or half of a character in it; leave it out.",
                    path=path,
                    expected="a text without NUL and lone surrogates",
                )
            if len(text) > LONGEST and not _may_be_longer(path):
                raise invalid(
                    f"This text is too long: it has {len(text):,} characters, and at most {LONGEST:,} are"
                    " taken.",
                    path=path,
                    expected=f"at most {LONGEST:,} characters",
                )
            if not text and _names_a_thing(path):
                raise invalid("This id is empty; give one, or leave it out.", path=path)


def _texts(value: Any, path: list[str]) -> Iterator[tuple[str, list[str]]]:
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, list):
        if len(cast("list[Any]", value)) > MOST_IDS and _names_a_thing(path):
            raise invalid(
                f"Give at most {MOST_IDS} ids at once.", path=path, expected=f"at most {MOST_IDS} ids"
            )
        for at, each in enumerate(cast("list[Any]", value)):
            yield from _texts(each, [*path, str(at)])
    elif definition := cast(
        "StrawberryObjectDefinition | None", getattr(value, "__strawberry_definition__", None)
    ):
        for field in definition.fields:
            name = field.graphql_name or to_camel_case(field.python_name)
            yield from _texts(getattr(value, field.python_name), [*path, name])


def _may_be_longer(path: list[str]) -> bool:
    return bool(path) and (path[0] == OTHERS_WORDS or path[-1] in LONGER)


def _names_a_thing(path: list[str]) -> bool:
    """By its name in the schema; values no longer know their type."""
    name = next((step for step in reversed(path) if not step.isdigit()), "")
    return name in ("id", "ids") or name.endswith(("Id", "Ids"))
