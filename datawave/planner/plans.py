"""Plans of documents: made once, run with each request's viewer and variables, in a few statements and
without a walk from field to field.

A plan gives whole and faultless answers, or none: whatever it does not know or cannot do raises `Unplanned`,
and the ordinary executor answers, errors included. The exception are fields that the viewer may not see,
whose errors are made here, because every page of an analyst has them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import strawberry
import structlog
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.values import VariableValues

from datawave.kit.commands import check_held
from datawave.kit.database import UNWRITABLE
from datawave.kit.errors import UnavailableError, UserError, forbidden
from datawave.kit.given import Moment
from datawave.kit.ids import taken_apart
from datawave.kit.reads import GUARD, ById, Of, Root, Rows, Shape
from datawave.kit.statements import Variants
from datawave.planner.arguments import Arguments, asked_of
from datawave.planner.making import Asked, Making, Refusable
from datawave.planner.moments import REFUSED, Run
from datawave.planner.selections import Collector, beneath
from datawave.planner.statements import Variant, made_variant
from datawave.planner.steps import Found, OnceStep
from datawave.planner.values import values_of
from datawave.transports.plans import Unplanned

log = structlog.get_logger(__name__)

Answer = tuple[dict[str, Any], Sequence[GraphQLError]]


class Plan:
    """One operation of a document, with the switches of its directives set."""

    def __init__(self, collector: Collector, operation: OperationDefinitionNode, query: Any) -> None:
        self.collector, self.operation = collector, operation
        self._making = Making(collector)
        fields = collector.fields(query, [operation.selection_set])
        self._roots = [(key, self._root(Asked(query, nodes, (key,), None))) for key, nodes in fields.items()]

    async def answer(self, context: Any, variables: VariableValues) -> Answer:
        run = Run(self, context, variables)
        data = {key: await root.answer(run) for key, root in self._roots}
        return data, list(_told(data, self._making.refusable.values())) if run.any_refused else ()

    def _root(self, asked: Asked) -> _Root:
        if asked.name == "__typename":
            return _Typename(asked.kind.name)
        if asked.name not in asked.kind.fields:
            raise Unplanned("introspection")
        read = asked.read
        if isinstance(read, Root):
            return _ReadRoot(read, asked, self._making)
        if isinstance(read, ById):
            return _ByIdRoot(read, asked, self._making)
        return _OwnRoot(asked, self._making)


class _Root(Protocol):
    async def answer(self, run: Run) -> Any: ...


@dataclass(frozen=True)
class _Typename(_Root):
    name: str

    async def answer(self, run: Run) -> Any:
        return self.name


class _ReadRoot(_Root):
    """Rows that the field's resolver describes."""

    def __init__(self, read: Root, asked: Asked, making: Making) -> None:
        self._read, self._asked, self._making = read, asked, making
        self._arguments = Arguments(asked.field, asked.nodes[0], asked.declared)
        self._guard = asked.declared.metadata[GUARD]
        self._variants: Variants[Variant] = Variants()

    async def answer(self, run: Run) -> Any:
        check_held(self._guard, run.viewer)
        coerced = self._arguments.coerced(run.variables)
        shape, values = self._arguments.parted(coerced)
        _refuse_unfit(values)
        asked = self._read.asked(asked_of(coerced)) if self._read.shape is Shape.PAGE else None
        variant = self._variants.find(shape, run, lambda: self._made(run, coerced, shape))
        return await variant.answer_of_root(run, Moment(run.viewer, arguments=values), asked)

    def _made(self, run: Run, coerced: dict[str, Any], shape: Hashable) -> Variant:
        if "''" in repr(shape):
            raise Unplanned("input", "an empty text")

        def describe(of: Of) -> Rows:
            return self._read.describe(of, **self._arguments.described(coerced))

        return made_variant(
            self._making,
            describe,
            run.viewer,
            shape=self._read.shape,
            kind=self._asked.type,
            selections=beneath(self._asked.nodes),
            path=self._asked.path,
            single=self._read.shape is Shape.ONE,
            timed=False,
            of_parents=False,
        )


class _ByIdRoot(_Root):
    """Whatever thing an id names, or several."""

    def __init__(self, read: ById, asked: Asked, making: Making) -> None:
        self._read = read
        self._arguments = Arguments(asked.field, asked.nodes[0], asked.declared)
        self._guard = asked.declared.metadata[GUARD]
        self._found = Found(making, asked.type, beneath(asked.nodes), asked.path, single=read.most is None)

    async def answer(self, run: Run) -> Any:
        check_held(self._guard, run.viewer)
        coerced = self._arguments.coerced(run.variables)
        ids: list[str] = [coerced["id"]] if self._read.most is None else coerced["ids"]
        if self._read.most is not None and len(ids) > self._read.most:
            raise Unplanned("input", "ids")
        for each in ids:
            _refuse_text(each)
        found = await self._found.answers([taken_apart(each) for each in ids], run)
        return found[0] if self._read.most is None else found


class _OwnRoot(_Root):
    """A field that its own resolver answers; what is beneath is planned."""

    def __init__(self, asked: Asked, making: Making) -> None:
        kind = asked.type
        arguments = Arguments(asked.field, asked.nodes[0], asked.declared)
        values = values_of(making, kind, beneath(asked.nodes), asked.path, single=True)
        self._step = OnceStep(asked, arguments, values)

    async def answer(self, run: Run) -> Any:
        return (await self._step.run([None], run, None))[0]


LONG, MANY = 10_000, 500
"""Beyond these a text or a list of ids is refused."""


def _refuse_unfit(values: Sequence[Any]) -> None:
    """What the door of fields refuses (schema.texts): the executor says it."""
    for value in values:
        if isinstance(value, str):
            _refuse_text(value)
        elif isinstance(value, list):
            if len(cast("list[Any]", value)) > MANY:
                raise Unplanned("input", "a long list")
            for each in cast("list[Any]", value):
                if isinstance(each, str):
                    _refuse_text(each)


def _refuse_text(text: str) -> None:
    if not text or len(text) > LONG or UNWRITABLE.search(text):
        raise Unplanned("input", "a text")


# --- errors of fields that may not be seen


def _told(data: dict[str, Any], refusable: Iterable[Refusable]) -> Iterator[GraphQLError]:
    """One error for each response path, at the first place where it was refused."""
    for each in refusable:
        place = _first_refused(data, each)
        if place is not None:
            error = forbidden(each.permission)
            yield GraphQLError(str(error), nodes=each.nodes, path=place, original_error=error)


def _first_refused(data: Any, refusable: Refusable) -> list[str | int] | None:
    """Puts null wherever the field was refused, and says where it was first."""
    first: list[str | int] | None = None
    look: list[tuple[Any, int, list[str | int]]] = [(data, 0, [])]
    while look:
        value, depth, place = look.pop()
        if isinstance(value, list):
            members = list(enumerate(cast("list[Any]", value)))
            look += [(each, depth, [*place, at]) for at, each in reversed(members)]
        elif isinstance(value, dict):
            key = refusable.path[depth]
            found = cast("dict[str, Any]", value).get(key)
            if depth + 1 < len(refusable.path):
                look.append((found, depth + 1, [*place, key]))
            elif found is REFUSED:
                value[key] = None
                first = first or [*place, key]
    return first


# --- plans by document


class Planner:
    """Plans for the documents that were asked last; what cannot be planned is remembered too."""

    def __init__(self, schema: strawberry.Schema, *, most: int = 1_000) -> None:
        self._schema: GraphQLSchema = cast("Any", schema)._schema
        self._most = most
        self._known: OrderedDict[Hashable, _Planned] = OrderedDict()

    def plan(self, text: str, document: DocumentNode, operation: OperationDefinitionNode) -> _Planned:
        key = (text, operation.name.value if operation.name else None)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _Planned(self._schema, document, operation)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found


class _Planned:
    """The plans of one operation, for each setting of its switches."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self._schema, self._operation = schema, operation
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._switches = sorted(_switches([operation, *self._fragments.values()]))
        self._plans: dict[Hashable, Plan | Unplanned] = {}

    async def answer(self, context: Any, variables: VariableValues) -> Answer:
        """Raises `Unplanned` where the executor has to answer."""
        plan = self._plan(variables.coerced)
        if isinstance(plan, Unplanned):
            raise plan
        try:
            return await plan.answer(context, variables)
        except (Unplanned, UnavailableError):
            raise
        except (UserError, GraphQLError) as error:
            raise Unplanned("refused", str(error)) from None
        except Exception:
            log.exception("plan.failed")
            raise Unplanned("failed") from None

    def _plan(self, variables: Mapping[str, Any]) -> Plan | Unplanned:
        switches = {name: variables.get(name) for name in self._switches}
        key = tuple(switches.values())
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= 64:
                self._plans.clear()
            found = self._plans[key] = self._made(switches)
        return found

    def _made(self, switches: Mapping[str, Any]) -> Plan | Unplanned:
        collector = Collector(self._schema, self._fragments, switches)
        try:
            return Plan(collector, self._operation, self._schema.query_type)
        except Unplanned as unplanned:
            return unplanned


def _switches(definitions: Sequence[OperationDefinitionNode | FragmentDefinitionNode]) -> set[str]:
    """Variables that skip and include."""
    found: set[str] = set()
    look: list[SelectionSetNode] = [each.selection_set for each in definitions]
    while look:
        for node in look.pop().selections:
            for directive in node.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found.add(argument.value.name.value)
            inner = getattr(node, "selection_set", None)
            if inner is not None:
                look.append(inner)
    return found
