"""Statements made once and run with other values each time: SQL text, and where each parameter comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import orjson
from sqlalchemy import ARRAY
from sqlalchemy import Enum as EnumOf
from sqlalchemy.dialects.postgresql import JSONB, asyncpg
from sqlalchemy.sql import compiler
from sqlalchemy.types import NullType

from datawave.kit.access import NOT_HELD, Reach, Rights, Scope, Viewer
from datawave.kit.given import Given, Moment

PLACE = re.compile(r"\$(\d+)")
"""Where a parameter stands in a text."""
PLAIN = re.compile(r"[\w .:-]*", re.ASCII)
_DIALECT: Any = cast("Any", asyncpg).dialect()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One place of the text: a value that is always the same, or what the moment gives."""

    constant: Any
    given: Callable[[Moment], Any] | None
    sent: Callable[[Any], Any] | None
    """How the value goes to the driver, where it does not go as it is."""
    of_keys: str | None = None
    """How SQL makes it of the parents' keys, as `Given` says."""

    def value(self, moment: Moment) -> Any:
        if self.given is None:
            return self.constant
        found = self.given(moment)
        return found if self.sent is None or found is None else self.sent(found)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    text: str
    parameters: tuple[Parameter, ...]
    width: int
    """How many columns it gives."""
    combines: bool
    """Whether it can be one of several in one: its columns can be told as arrays, and SQL makes whatever it
    needs of the parents' keys."""

    @classmethod
    def of(cls, query: Any) -> Statement:
        # A table that is joined to no other is warned of, as where SQLAlchemy itself runs a statement.
        compiled: Any = query.compile(dialect=_DIALECT, linting=compiler.FROM_LINTING)
        state: Any = compiled.construct_expanded_state()
        binds: dict[str, Any] = compiled.binds
        every = [
            _parameter(state.parameters[name], state.processors.get(name), binds.get(name))
            for name in state.positiontup or ()
        ]
        text, parameters = _with_constants(state.statement, every)
        kinds = [column.type for column in query.selected_columns]
        combines = all(each.of_keys != "" for each in parameters) and not any(
            isinstance(kind, ARRAY | NullType) for kind in kinds
        )
        return cls(text, tuple(parameters), len(kinds), combines)

    def values(self, moment: Moment) -> list[Any]:
        return [each.value(moment) for each in self.parameters]


def _parameter(value: Any, sent: Callable[[Any], Any] | None, bind: Any) -> Parameter:
    if isinstance(value, Given):
        return Parameter(None, value.of, None if _goes_as_it_is(bind) else sent, value.of_keys)
    return Parameter(sent(value) if sent is not None and value is not None else value, None, None)


def _with_constants(text: str, every: Sequence[Parameter]) -> tuple[str, list[Parameter]]:
    """What is always the same is written into the text: nothing is sent for it, and PostgreSQL can plan with
    it."""
    words: dict[str, str] = {}
    sent: list[Parameter] = []
    for at, each in enumerate(every, 1):
        constant = _written(each.constant) if each.given is None else None
        if constant is None:
            sent.append(each)
        words[str(at)] = constant or f"${len(sent)}"
    return PLACE.sub(lambda found: words[found[1]], text), sent


def _written(constant: Any) -> str | None:
    """As SQL; None where it is sent all the same, because it is not that simple."""
    match constant:
        case bool():
            return str(constant).lower()
        case int():
            return f"({constant})" if constant < 0 else str(constant)
        case str() if PLAIN.fullmatch(constant):
            return f"'{constant}'"
        case _:
            return None


def _goes_as_it_is(bind: Any) -> bool:
    """A list whose items need nothing done to them: SQLAlchemy would look at each all the same."""
    kind: Any = bind.type if bind is not None else None
    return (
        isinstance(kind, ARRAY)
        and cast("Any", kind).item_type.dialect_impl(_DIALECT).bind_processor(_DIALECT) is None
    )


def python_of_driver(column: Any) -> Callable[[Any], Any] | None:
    """What makes the driver's value of a column the one that the tables' classes have."""
    if isinstance(column, EnumOf):
        members: dict[str, Any] = dict(cast("Any", column.enum_class).__members__)
        return lambda name: members[name] if name is not None else None
    if isinstance(column, JSONB):
        return lambda text: orjson.loads(text) if text is not None else None
    if isinstance(column, ARRAY):
        inner = python_of_driver(cast("Any", column).item_type)
        if inner is None:
            return None
        return lambda values: [inner(each) for each in values] if values is not None else None
    return None


class OpenRights(Rights):
    """The rights of whoever will ask: how far each permission reaches is settled, where exactly is given."""

    def __init__(self, rights: Rights) -> None:
        super().__init__()
        object.__setattr__(self, "settled", rights)
        object.__setattr__(self, "touched", {})

    def scope(self, permission: str) -> Scope:
        settled: Rights = cast("Any", self).settled
        reach = settled.scope(permission).reach
        cast("Any", self).touched[permission] = reach
        if reach is Reach.NOWHERE:
            return NOT_HELD
        if reach is Reach.EVERYWHERE:
            return Scope(everywhere=True)
        return _somewhere(permission)

    def on(self, permission: str, **_where: Any) -> bool:
        raise TypeError("where a permission is held is known only when the plan runs")


def _somewhere(permission: str) -> Scope:
    sources = Given(lambda moment: moment.viewer.rights.scope(permission).source_list)
    workspaces = Given(lambda moment: moment.viewer.rights.scope(permission).workspace_list)
    return Scope(sources=cast("Any", sources), workspaces=cast("Any", workspaces))


def open_viewer(viewer: Viewer) -> tuple[Viewer, dict[str, Reach]]:
    """A viewer for whom a statement is made, in place of all whose rights reach as far; and, filled as it is
    made, which permissions it depends on."""
    rights = OpenRights(viewer.rights)
    actor = Given(lambda moment: moment.viewer.actor_id) if viewer.actor_id is not None else None
    opened = Viewer(actor_id=cast("Any", actor), actor_word=viewer.actor_word, display_name="", rights=rights)
    return opened, cast("Any", rights).touched


MOST_VARIANTS = 64
V = TypeVar("V", bound="Varied")


class Varied(Protocol):
    """What depends on how far some permissions reach."""

    touched: Mapping[str, Reach]


class Asking(Protocol):
    viewer: Viewer


class Variants(Generic[V]):
    """The variants of one read; as many as are kept, the rest is made anew."""

    def __init__(self) -> None:
        self._touched: tuple[str, ...] = ()
        self._known: dict[Hashable, V] = {}

    def find(self, shape: Hashable, asking: Asking, make: Callable[[], V]) -> V:
        found = self._known.get(self._key(shape, asking.viewer))
        if found is None:
            found = make()
            if more := found.touched.keys() - set(self._touched):
                self._touched = (*self._touched, *sorted(more))
                self._known.clear()
            if len(self._known) >= MOST_VARIANTS:
                self._known.clear()
            self._known[self._key(shape, asking.viewer)] = found
        return found

    def _key(self, shape: Hashable, viewer: Viewer) -> Hashable:
        rights = viewer.rights
        return (shape, viewer.actor_id is None, *(rights.scope(name).reach for name in self._touched))
