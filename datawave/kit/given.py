"""Values that are known only when a plan runs: they stand in SQL where the value will, so that one statement
serves all values.

SQLAlchemy takes whatever it does not know as a bound parameter, so a `Given` is written like the value
itself. Whoever needs the value while a statement is built cannot have it: comparing it in Python raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, any_, func, literal, select, tuple_

from datawave.kit.access import Viewer


class Moment:
    """What a plan runs with: who asks, and the values that its statement was left open for."""

    __slots__ = ("arguments", "at", "keys", "most", "place", "viewer")

    def __init__(
        self,
        viewer: Viewer,
        *,
        arguments: Sequence[Any] = (),
        keys: Sequence[Any] = (),
        at: Any = None,
        most: int = 0,
        place: Sequence[Any] = (),
    ) -> None:
        self.viewer = viewer
        self.arguments = arguments
        self.keys = keys
        self.at = at
        self.most = most
        self.place = place


class Given:
    """A value of the moment. One that is made of the parents' keys says by `of_keys` how SQL makes it of
    them, where those are not sent but read by the same statement; it is empty where SQL cannot."""

    __slots__ = ("of", "of_keys")
    __hash__ = object.__hash__

    def __init__(self, of: Callable[[Moment], Any], *, of_keys: str | None = None) -> None:
        self.of, self.of_keys = of, of_keys

    def __bool__(self) -> bool:
        """Only what says something is given: what is empty, null or zero is part of a plan's shape."""
        return True

    def __eq__(self, other: object) -> bool:
        raise TypeError("a given value is known only when the plan runs")

    def __iter__(self) -> Any:
        raise TypeError("a given value is known only when the plan runs")


def later(change: Callable[[Any], Any], value: Any) -> Any:
    """The change of a value, now or as soon as it is known."""
    if isinstance(value, Given):
        source = value.of
        return Given(lambda moment: change(source(moment)), of_keys=None if value.of_keys is None else "")
    return change(value)


def for_each(number: int, keys: Sequence[Any] | Given) -> int | Given:
    """So many for each of the keys."""
    if not isinstance(keys, Given):
        return number * len(keys)
    source = keys.of
    return Given(lambda moment: number * len(source(moment)), of_keys=f"({number} * cardinality({{keys}}))")


def among(column: Any, values: Sequence[Any] | Given) -> ColumnElement[bool]:
    """Whether a column is one of these: one parameter, however many they are."""
    listed = values if isinstance(values, Given) else list(values)
    return column == any_(literal(listed, ARRAY(column.type)))


def containing(column: Any, words: str | Given) -> ColumnElement[bool]:
    """Whether a text has these words in it, in whatever case."""
    return column.icontains(later(_escaped, words), escape="/")


def _escaped(words: str) -> str:
    for each in "/%_":
        words = words.replace(each, f"/{each}")
    return words


def pairs_among(columns: tuple[Any, Any], pairs: Sequence[tuple[Any, Any]] | Given) -> ColumnElement[bool]:
    """Whether two columns hold one of these pairs: two parameters, however many they are."""
    listed = (
        literal(later(lambda pairs, at=at: [pair[at] for pair in pairs], pairs), ARRAY(column.type))
        for at, column in enumerate(columns)
    )
    return tuple_(*columns).in_(select(*(func.unnest(each) for each in listed)))


GIVEN = "given"
"""Stands in the shape of arguments for a value that is no part of it."""


def is_shape(value: Any) -> bool:
    """What those who describe reads look at: it decides the statement."""
    return not value or isinstance(value, bool | Enum)


KEYS = Given(lambda moment: moment.keys, of_keys="{keys}")
AT = Given(lambda moment: moment.at)
MOST = Given(lambda moment: moment.most)


def argument(at: int) -> Given:
    return Given(lambda moment: moment.arguments[at])


def place(at: int) -> Given:
    """A part of the place at which a page begins."""
    return Given(lambda moment: moment.place[at])
