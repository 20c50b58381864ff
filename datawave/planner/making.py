"""The making of levels: each field of a document becomes a piece of Python, by what its type says of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLObjectType

from datawave.kit.reads import (
    NEEDS,
    READ,
    Computed,
    Declared,
    Global,
    Loaded,
    Pointed,
    PointedEach,
    Related,
    Said,
    Same,
)
from datawave.kit.statements import python_of_driver
from datawave.planner import leaves
from datawave.planner.arguments import Arguments
from datawave.planner.joining import joinable
from datawave.planner.kinds import class_of, is_abstract, is_composite, is_list, is_required, named
from datawave.planner.levels import Level
from datawave.planner.selections import Collector, Fields, Selections, beneath
from datawave.planner.steps import (
    LoadedStep,
    OnceStep,
    PointedEachStep,
    PointedStep,
    RelatedStep,
    Step,
    ValueStep,
)
from datawave.planner.things import Drawn, Held, may
from datawave.planner.writing import Writer
from datawave.transports.plans import Unplanned

Path = tuple[str, ...]


@dataclass(frozen=True)
class Refusable:
    """A field with a permission of its own, where the document asks for it."""

    path: Path
    permission: str
    nodes: Sequence[FieldNode]


@dataclass
class Making:
    """What the levels of one document have in common while they are made."""

    collector: Collector
    refusable: dict[Path, Refusable] = field(default_factory=dict[Path, Refusable])

    def level(
        self, kind: Any, selections: Selections, source: Drawn | Held, path: Path, *, single: bool
    ) -> Level:
        return _LevelMaking(self, source, path, single=single).level(named(kind), selections)


@dataclass(frozen=True)
class Asked:
    """One field that a document asks of an object."""

    kind: GraphQLObjectType
    nodes: Sequence[FieldNode]
    path: Path
    told: Any

    @property
    def name(self) -> str:
        return self.nodes[0].name.value

    @property
    def field(self) -> Any:
        """As graphql-core has it."""
        return self.kind.fields[self.name]

    @property
    def type(self) -> Any:
        return self.field.type

    @property
    def declared(self) -> Any:
        """As Strawberry has it."""
        return self.field.extensions["strawberry-definition"]

    @property
    def read(self) -> Declared | None:
        return self.declared.metadata.get(READ)

    @property
    def place(self) -> str:
        return f"{self.kind.name}.{self.name}"


def _told_apart(kinds: Iterable[Any]) -> tuple[str, Mapping[str, str]] | None:
    """The column, and the type for each of its values, where one table is shown as several types."""
    return next((apart for each in kinds if (apart := getattr(class_of(each), "told_apart", None))), None)


class _LevelMaking:
    def __init__(self, making: Making, source: Drawn | Held, path: Path, *, single: bool) -> None:
        self.making, self.source, self.path, self.single = making, source, path, single
        self.writer = Writer()
        self.steps: list[Step] = []
        self._shared: dict[Hashable, int] = {}
        self._several = False
        self._apart = ""
        """The column that tells types apart."""

    def level(self, kind: Any, selections: Selections) -> Level:
        concretes = self._concretes(kind)
        self._several = len(concretes) > 1
        parts: list[tuple[Any, str]] = []
        for told, each in concretes:
            fields = self.making.collector.fields(each, selections)
            parts.append((told, self._object(each, fields, self.path, told)))
        alike = len({text for _, text in parts}) == 1
        if alike:
            for step in self.steps:
                step.only = None
        return self._one_part(parts[0][1]) if alike else self._several_parts(parts)

    def _one_part(self, part: str) -> Level:
        text = f"def build(things, run{self._names}):\n    return [{part} {self._each}]\n"
        return self._made(self.writer.function(text, "build"), None)

    def _several_parts(self, parts: Sequence[tuple[Any, str]]) -> Level:
        """Each thing is told apart by what its row or its class says."""
        names = self._names
        text = "".join(
            f"def part{at}(r, run{names}):\n    return {part}\n" for at, (_, part) in enumerate(parts)
        )
        known = ", ".join(f"{self.writer.name(told)}: part{at}" for at, (told, _) in enumerate(parts))
        told = self._told_by()
        text += (
            f"parts = {{{known}}}\n"
            f"def told(r):\n    return {told}\n"
            f"def build(things, run{names}):\n"
            f"    return [parts[{told}](r, run{names}) {self._each}]\n"
        )
        build = self.writer.function(text, "build")
        return self._made(build, self.writer.names["told"])

    def _made(self, build: Callable[..., list[Any]], told: Callable[[Any], Any] | None) -> Level:
        related = [step for step in self.steps if isinstance(step, RelatedStep) and step.place is not None]
        return Level(tuple(self.steps), related, build, told)

    @property
    def _names(self) -> str:
        return "".join(f", s{at}" for at in range(len(self.steps)))

    @property
    def _each(self) -> str:
        return f"for r{self._names} in zip(things{self._names})" if self.steps else "for r in things"

    def _concretes(self, kind: Any) -> list[tuple[Any, GraphQLObjectType]]:
        """(what tells it apart, the type) for each type that the things may be of."""
        if not is_abstract(kind):
            return [(None, kind)]
        possible: list[GraphQLObjectType] = list(self.making.collector.schema.get_possible_types(kind))
        if isinstance(self.source, Held):
            return [(class_of(each), each) for each in possible]
        entity = self.source.entity
        shown = {each.name: each for each in possible if getattr(class_of(each), "shows", None) is entity}
        if len(shown) == 1:
            return [(None, each) for each in shown.values()]
        if not shown or (apart := _told_apart(shown.values())) is None:
            raise Unplanned("type", kind.name)
        self._apart = apart[0]
        return [(value, shown[name]) for value, name in apart[1].items()]

    def _told_by(self) -> str:
        return "r.__class__" if isinstance(self.source, Held) else f"r[{self.source.place(self._apart)}]"

    # --- one object

    def _object(self, kind: GraphQLObjectType, fields: Fields, path: Path, told: Any) -> str:
        members = [
            f"{key!r}: {self._field(Asked(kind, nodes, (*path, key), told))}" for key, nodes in fields.items()
        ]
        return "{" + ", ".join(members) + "}"

    def _field(self, asked: Asked) -> str:
        if asked.name == "__typename":
            return repr(asked.kind.name)
        if asked.name not in asked.kind.fields:
            raise Unplanned("field", asked.place)
        text = self._drawn(asked, self.source) if isinstance(self.source, Drawn) else self._held(asked)
        permission = asked.declared.metadata.get(NEEDS)
        return self._permitted(asked, permission, text) if permission else text

    def _permitted(self, asked: Asked, permission: str, text: str) -> str:
        if isinstance(self.source, Drawn):
            place = self.source.permitted(permission)
            held = f"r[{place}]" if place is not None else None
        else:
            held = f"{self.writer.name(may)}({permission!r}, r, run)"
        if held is None:
            return text
        self.making.refusable[asked.path] = Refusable(asked.path, permission, asked.nodes)
        return f"({text} if {held} else run.refused)"

    # --- fields of rows as the driver gives them

    def _drawn(self, asked: Asked, source: Drawn) -> str:
        read, declared = asked.read, asked.declared
        if isinstance(read, Global):
            return f"{source.entity.__word__ + '_'!r} + r[{source.place('id')}].hex"
        if isinstance(read, Same):
            return self._same(asked)
        if isinstance(read, Said):
            return self._said(asked, source, read)
        if isinstance(read, Computed):
            return self._computed(asked, read, [self._python(source, name) for name in read.columns])
        if read is None and declared.base_resolver is None:
            return self._column(asked, source, declared.python_name)
        if read is None:
            return self._once(asked)
        return self._beside(asked, source) or self._stepped(asked)

    def _column(self, asked: Asked, source: Drawn, name: str) -> str:
        wire = leaves.of_driver(source.of(name).type, asked.type)
        if wire is Unplanned:
            return self._value(asked, self._python(source, name))
        tells_itself = wire is leaves.TellsItself
        place = f"r[{source.told(name) if tells_itself else source.place(name)}]"
        text = place if wire is None or tells_itself else f"{self.writer.name(wire)}({place})"
        if is_required(asked.type) and source.may_be_null(name):
            return f"({text} if {place} is not None else {self.writer.name(leaves.required)}(None))"
        return text

    def _said(self, asked: Asked, source: Drawn, read: Said) -> str:
        if len(read.columns) == 1 and read.otherwise is None:
            return self._column(asked, source, read.columns[0])
        plain = all(leaves.of_driver(source.of(name).type, asked.type) is None for name in read.columns)
        if not plain:
            raise Unplanned("field", asked.place)
        place = source.first_said(read.columns)
        text = f"r[{place}]" if place is not None else self._first_said(source, read)
        if read.otherwise is not None:
            text = f"({text} or {leaves.of_python(asked.type)(read.otherwise)!r})"
        bare = is_required(asked.type) and read.otherwise is None
        return f"{self.writer.name(leaves.required)}({text})" if bare else text

    def _first_said(self, source: Drawn, read: Said) -> str:
        return f"({' or '.join(f'r[{source.place(name)}]' for name in read.columns)})"

    def _python(self, source: Drawn, name: str) -> str:
        made = python_of_driver(source.of(name).type)
        text = f"r[{source.place(name)}]"
        return text if made is None else f"{self.writer.name(made)}({text})"

    def _same(self, asked: Asked) -> str:
        kind: Any = named(asked.type)
        fields = self.making.collector.fields(kind, beneath(asked.nodes))
        return self._object(kind, fields, asked.path, asked.told)

    def _beside(self, asked: Asked, source: Drawn) -> str | None:
        """What comes in the same record; None where nothing may."""
        tables = joinable(self.making.collector, asked) if source.may_be_joined else []
        if not tables:
            return None
        text = "None"
        for each in tables:
            row = source.joined(each.row, key=each.key, word=each.word)
            fields = self.making.collector.fields(each.kind, beneath(asked.nodes))
            members = [
                f"{key!r}: {self._of_beside(Asked(each.kind, nodes, (*asked.path, key), None), row)}"
                for key, nodes in fields.items()
            ]
            text = f"({{{', '.join(members)}}} if r[{row.place('id')}] is not None else {text})"
        return f"{self.writer.name(leaves.required)}({text})" if is_required(asked.type) else text

    def _of_beside(self, asked: Asked, row: Drawn) -> str:
        return repr(asked.kind.name) if asked.name == "__typename" else self._drawn(asked, row)

    # --- fields of objects

    def _held(self, asked: Asked) -> str:
        read, resolver = asked.read, asked.declared.base_resolver
        if isinstance(read, Computed):
            return self._computed(asked, read, [f"r.row.{name}" for name in read.columns])
        if isinstance(read, Said):
            return self._value(asked, f"{self.writer.name(read.of)}(r.row)")
        if isinstance(read, Same):
            shown = self.writer.name(class_of(named(asked.type)))
            return self._value(asked, f"{shown}.of(r.row)")
        if read is not None and not isinstance(read, Global):
            return self._stepped(asked)
        if resolver is None:
            return self._value(asked, f"r.{asked.declared.python_name}")
        if resolver.is_async or asked.field.args:
            return self._once(asked)
        call = self.writer.name(resolver.wrapped_func)
        return self._value(asked, f"{call}(r{', run.info' if resolver.info_parameter else ''})")

    def _computed(self, asked: Asked, read: Computed, given: list[str]) -> str:
        viewer = ["run.viewer"] if read.asking else []
        return self._value(asked, f"{self.writer.name(read.by)}({', '.join(viewer + given)})")

    def _value(self, asked: Asked, text: str) -> str:
        """What Python's value of a field becomes."""
        if not is_composite(asked.type):
            wire = leaves.of_python(asked.type)
            return f"{self.writer.name(wire)}({text})"
        get = self.writer.function(f"def get(r, run):\n    return {text}\n", "get")
        return self._step(asked, lambda: ValueStep(get, self._beneath(asked)))

    # --- what is not in the things themselves

    def _stepped(self, asked: Asked) -> str:
        read = asked.read
        if isinstance(read, Related):
            arguments = Arguments(asked.field, asked.nodes[0], asked.declared)
            return self._step(
                asked,
                lambda: RelatedStep(
                    read,
                    self._key(read.key),
                    self._place(read),
                    arguments,
                    self.making,
                    asked.type,
                    beneath(asked.nodes),
                    asked.path,
                    single=self.single and not is_list(asked.type),
                    alone=self.single and not read.each,
                ),
            )
        if isinstance(read, Pointed):
            get = self._keys((read.word, read.key))
            return self._step(
                asked,
                lambda: PointedStep(
                    get, self.making, asked.type, beneath(asked.nodes), asked.path, single=self.single
                ),
            )
        if isinstance(read, PointedEach):
            named = f"{self.writer.name(read.named)}({self._held_or_drawn(read.column)})"
            get = self.writer.function(f"def key(r):\n    return {named}\n", "key")
            return self._step(
                asked,
                lambda: PointedEachStep(
                    get, self.making, asked.type, beneath(asked.nodes), asked.path, single=False
                ),
            )
        if isinstance(read, Loaded):
            get = self._key(read.keys[0]) if len(read.keys) == 1 else self._keys(read.keys)
            return self._step(asked, lambda: LoadedStep(read, get, self._beneath(asked)))
        raise Unplanned("field", asked.place)

    def _once(self, asked: Asked) -> str:
        """A field that its own resolver answers: where there is one thing, that is no walk."""
        if not self.single:
            raise Unplanned("field", asked.place)
        arguments = Arguments(asked.field, asked.nodes[0], asked.declared)
        shown = None
        if isinstance(self.source, Drawn):
            if self.source.entity is None:
                raise Unplanned("field", asked.place)
            shown = (self.source.entity, self._key("id"))
        return self._step(asked, lambda: OnceStep(asked, arguments, self._beneath(asked), shown))

    def _beneath(self, asked: Asked) -> Any:
        from datawave.planner.values import values_of

        return values_of(self.making, asked.type, beneath(asked.nodes), asked.path, single=self.single)

    def _step(self, asked: Asked, make: Callable[[], Step]) -> str:
        """Types that ask for the same in the same words share a step."""
        by = id(asked.read or asked.declared.base_resolver)
        same = (asked.path, by, *(id(each) for each in asked.nodes))
        at = self._shared.get(same)
        if at is None:
            at = self._shared[same] = len(self.steps)
            step = make()
            step.only = {asked.told} if self._several else None
            self.steps.append(step)
        elif (only := self.steps[at].only) is not None:
            only.add(asked.told)
        text = f"s{at}"
        return f"{self.writer.name(leaves.required)}({text})" if is_required(asked.type) else text

    def _key(self, name: str) -> Callable[[Any], Any]:
        return self.writer.function(f"def key(r):\n    return {self._held_or_drawn(name)}\n", "key")

    def _keys(self, names: Sequence[str]) -> Callable[[Any], Any]:
        found = ", ".join(self._held_or_drawn(name) for name in names)
        return self.writer.function(f"def key(r):\n    return ({found},)\n", "key")

    def _place(self, read: Related) -> int | None:
        """Where SQL finds the key of what is related; None where it does not."""
        source = self.source
        if (
            not isinstance(source, Drawn)
            or read.each
            or python_of_driver(source.of(read.key).type) is not None
        ):
            return None
        return source.place(read.key)

    def _held_or_drawn(self, name: str) -> str:
        return self._python(self.source, name) if isinstance(self.source, Drawn) else f"r.row.{name}"
