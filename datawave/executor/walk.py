"""The walk over the things that a document asks for."""

from __future__ import annotations

from asyncio import Task, ensure_future, iscoroutine, shield
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from graphql import GraphQLObjectType, Undefined
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable as is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from datawave.executor.kinds import Kinds, of_objects
from datawave.executor.leaves import Get
from datawave.executor.ways import Way, Ways, WaysOfDocument


@dataclass(slots=True, eq=False)
class _List:
    """A list of objects: what has become of its things so far, and what is waited for."""

    kind: Any
    details: Any
    path: Path
    answers: list[Any]
    waits: list[_Wait]


@dataclass(slots=True, eq=False)
class _Member:
    """A place in a list."""

    list: _List
    at: int
    path: Path


@dataclass(slots=True, eq=False)
class _Wait:
    """A field whose value comes later, and the member of a list that it belongs to, if any. What was `begun`
    is completed then; what was not is complete."""

    answer: dict[str, Any]
    way: Way
    path: Path
    coming: Any
    member: _Member | None


def _read(thing: Any, leaves: Sequence[tuple[str, Get]]) -> dict[str, Any] | None:
    """A thing of which only leaves are asked; None where one of them will not do."""
    try:
        return {name: leaf(thing) for name, leaf in leaves}
    except Exception:
        return None


_Base: Any = StrawberryGraphQLCoreExecutionContext
"""Its types are generic in a context that its signatures leave open."""


class Executor(_Base):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _Base.__init__(self, *args, **kwargs)
        self._ways = WaysOfDocument(self.schema, self.variable_values)
        self._kinds = Kinds(self.schema)

    def build_per_event_executor(self, payload: Any) -> Any:
        """The infos of its ways name the root value, which is the event."""
        made: Any = _Base.build_per_event_executor(self, payload)
        made._ways = WaysOfDocument(self.schema, self.variable_values)
        return made

    # --- objects

    def execute_fields(
        self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, position_context: Any
    ) -> Any:
        ways = self._ways.of(parent_type, grouped_field_set)
        answer: dict[str, Any] = {}
        waits: list[_Wait] = []
        try:
            self._fill(answer, source_value, path, ways, waits, None)
        except Exception:
            self._abandon(waits)
            raise
        return self._settled(answer, waits) if waits else answer

    def _fill(
        self,
        answer: dict[str, Any],
        thing: Any,
        path: Any,
        ways: Ways,
        waits: list[_Wait],
        member: _Member | None,
    ) -> None:
        """What is there of a thing's fields; what comes later is added to what is waited for."""
        parent = ways.parent
        for way in ways.all:
            if way.leaf is not None:
                try:
                    answer[way.name] = way.leaf(thing)
                    continue
                except Exception:  # whatever it is, graphql-core tells it
                    place = Path(path, way.name, parent.name)
                    found = self.execute_field(parent, thing, way.details, place, None)
            else:
                place = Path(path, way.name, parent.name)
                found = self._find(way, parent, thing, place)
            if found is not Undefined:
                answer[way.name] = found
                if is_awaitable(found):
                    waits.append(_Wait(answer, way, place, found, member))

    def _find(self, way: Way, parent: GraphQLObjectType, thing: Any, path: Path) -> Any:
        """The field's value, the future of what is begun, or a coroutine that completes the field."""
        if way.begun is None and way.get is None:
            return self.execute_field(parent, thing, way.details, path, None)
        if way.info is None:
            way.info = self._info_of(way, parent, path)
        if way.begun is None:
            return self._got(way, thing, path)
        try:
            coming = way.begun.load(thing, self.context_value)
        except Exception:
            return self.execute_field(parent, thing, way.details, path, None)
        return coming if coming is not None else self._completed(way, way.begun.shown(None), path)

    def _got(self, way: Way, thing: Any, path: Path) -> Any:
        """As `execute_field` does for a resolver that needs no info."""
        assert way.get is not None
        try:
            value = way.get(thing)
        except Exception as error:
            self.handle_field_error(error, way.kind, way.details, path)
            return None
        if is_awaitable(value):
            return self.complete_awaitable_value(way.kind, way.details, way.info, path, value, None)
        return self._completed(way, value, path)

    def _completed(self, way: Way, value: Any, path: Path) -> Any:
        """What a field's value becomes; its error is told where null may be."""
        try:
            completed = self.complete_value(way.kind, way.details, way.info, path, value, None)
        except Exception as error:
            self.handle_field_error(error, way.kind, way.details, path)
            return None
        return self._told(way, completed, path) if is_awaitable(completed) else completed

    async def _told(self, way: Way, completed: Awaitable[Any], path: Path) -> Any:
        """The same for what completes later."""
        try:
            return await completed
        except Exception as error:
            self.handle_field_error(error, way.kind, way.details, path)
            return None

    def _info_of(self, way: Way, parent: GraphQLObjectType, path: Path) -> Any:
        nodes = [each.node for each in way.details]
        return self.build_resolve_info(parent.fields[nodes[0].name.value], nodes, parent, path)

    def complete_abstract_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        context: Any,
    ) -> Any:
        kind = self._kinds.of(return_type, result, info)
        if kind is None:
            return _Base.complete_abstract_value(
                self, return_type, field_details_list, info, path, result, context
            )
        return self.collect_and_execute_subfields(kind, field_details_list, path, result, context)

    # --- lists of objects

    def complete_list_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        context: Any,
    ) -> Any:
        if result.__class__ is not list:
            return _Base.complete_list_value(
                self, return_type, field_details_list, info, path, result, context
            )
        return self.complete_iterable_value(
            return_type.of_type, field_details_list, info, path, result, context
        )

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Any, position_context: Any
    ) -> Any:
        asked = self._asked(item_type, field_details_list, info, items) if items.__class__ is list else None
        if asked is None:
            return _Base.complete_iterable_value(
                self, item_type, field_details_list, info, path, items, position_context
            )
        made = _List(item_type, field_details_list, path, [], [])
        try:
            for at, thing in enumerate(cast("list[Any]", items)):
                ways = asked[thing.__class__]
                answer = _read(thing, ways.leaves) if ways.leaves is not None else None
                if answer is not None:
                    made.answers.append(answer)
                else:
                    self._add(made, at, thing, ways)
        except Exception:
            self._abandon(made.waits)
            raise
        return self._settled(made.answers, made.waits) if made.waits else made.answers

    def _asked(
        self, item_type: Any, details: Any, info: Any, items: list[Any]
    ) -> dict[type[Any], Ways] | None:
        """What is asked of each class among the things; None where their classes do not say of what type they
        are."""
        kind = of_objects(item_type)
        if kind is None:
            return None
        found: dict[type[Any], Ways] = {}
        for thing in items:
            if thing.__class__ not in found:
                known = self._kinds.of(kind, thing, info)
                if known is None:
                    return None
                found[thing.__class__] = self._ways.of(known, self.collect_subfields(known, details)[0])
        return found

    def _add(self, to: _List, at: int, thing: Any, ways: Ways) -> None:
        """One thing more of a list, field by field; null in its place where an error takes it."""
        answer: dict[str, Any] = {}
        to.answers.append(answer)
        before = len(to.waits)
        member = _Member(to, at, to.path.add_key(at, None))
        try:
            self._fill(answer, thing, member.path, ways, to.waits, member)
        except Exception as error:
            self._abandon(to.waits[before:])
            del to.waits[before:]
            self._lose(member, error)

    # --- what comes later

    async def _settled(self, answer: Any, waits: list[_Wait]) -> Any:
        """The answer, once everything in it has come: side by side. An error takes with it what the
        specification says, and ends the rest only where nothing of it remains."""
        tasks = [ensure_future(wait.coming) if iscoroutine(wait.coming) else None for wait in waits]
        further: list[tuple[_Wait, Task[Any]]] = []
        try:
            for wait, task in zip(waits, tasks, strict=True):
                if task is not None:
                    await self._take(wait, task)
                elif (rest := await self._complete(wait)) is not None:
                    further.append((wait, ensure_future(rest)))
            for wait, task in further:
                await self._take(wait, task)
        except BaseException:
            self._end([task for task in (*tasks, *(task for _, task in further)) if task is not None])
            raise
        return answer

    async def _take(self, wait: _Wait, task: Task[Any]) -> None:
        """What completed itself, and told its own error where null may be."""
        wait.answer[wait.way.name] = None
        try:
            wait.answer[wait.way.name] = await task
        except Exception as error:
            if wait.member is None:
                raise
            self._lose(wait.member, error)

    async def _complete(self, wait: _Wait) -> Coroutine[Any, Any, Any] | None:
        """What was begun; what is left of it, where something beneath it comes later still."""
        way, coming = wait.way, wait.coming
        assert way.begun is not None
        wait.answer[way.name] = None
        try:
            # What others wait for too is not cancelled with who waits here.
            found = way.begun.shown(await (coming if coming.done() else shield(coming)))
            value = self.complete_value(way.kind, way.details, way.info, wait.path, found, None)
        except Exception as error:
            self._miss(wait, error)
            return None
        if is_awaitable(value):
            return self._told(way, value, wait.path)
        wait.answer[way.name] = value
        return None

    def _miss(self, wait: _Wait, error: Exception) -> None:
        """A field without its value: null where that may be, else what it belongs to is lost."""
        try:
            self.handle_field_error(error, wait.way.kind, wait.way.details, wait.path)
        except Exception as raised:
            if wait.member is None:
                raise
            self._lose(wait.member, raised)

    def _lose(self, member: _Member, error: Exception) -> None:
        """A member that is null for its error; where it may not be, the whole list is lost."""
        self.handle_field_error(error, member.list.kind, member.list.details, member.path)
        member.list.answers[member.at] = None

    def _end(self, tasks: list[Task[Any]]) -> None:
        """What runs is of no use any more."""
        for task in tasks:
            task.cancel()
        if tasks:
            self.settle_in_background(cast("list[Awaitable[Any]]", tasks))

    def _abandon(self, waits: Iterable[_Wait]) -> None:
        """What nobody needs any more runs to its end, as with graphql-core: its error is nobody's."""
        coming = [wait.coming for wait in waits if iscoroutine(wait.coming)]
        if coming:
            self.settle_in_background(cast("list[Awaitable[Any]]", coming))
