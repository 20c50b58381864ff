"""How fields are declared: roots with their permission, relations with their table, so that neither can be
forgotten.

Everything here turns into ordinary Strawberry fields; what was declared also stays readable (`DECLARED`), for
the checks that walk the schema.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.extensions import FieldExtension
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.access import Access, may_be_told
from datawave.kit.commands import INSIDE, PUBLIC, SIGNED_IN, Command, check_held
from datawave.kit.database import Db
from datawave.kit.errors import AccessError, ErrorCode, UserError, forbidden
from datawave.kit.ids import global_id
from datawave.kit.kept import kept
from datawave.kit.reads import BEGINS, GUARD, NEEDS, READ, Begun, Declared, Loaded, Rows, Shape
from datawave.kit.reads import Root as RootRead
from models.sources import DataSource
from schema import showing
from schema.context import Info
from schema.directives import Cost, Delivery, DeliveryMode, Needs, Public, SignedIn
from schema.errors import shown as shown_error
from schema.own import OWN
from schema.shapes import connection
from schema.texts import refuse_unfit

Resolver = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Root:
    """What a root field declared."""

    kind: str
    name: str
    needs: str
    command: str | None = None
    delivery: DeliveryMode | None = None


ROOTS: list[Root] = []


def _said(needs: str) -> Any:
    if needs == PUBLIC:
        return Public()
    return SignedIn() if needs == SIGNED_IN else Needs(permission=needs)


def _directives(needs: str, cost: int | Cost | None, *more: Any) -> list[Any]:
    costs = [] if cost is None else [cost if isinstance(cost, Cost) else Cost(weight=cost)]
    return [_said(needs), *costs, *more]


class _Guarded(FieldExtension):
    """The first refusal: before the resolver, and so before any value is looked at."""

    def __init__(self, needs: str) -> None:
        self.needs = needs

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        try:
            check_held(self.needs, info.context.viewer)
            refuse_unfit(kwargs)
            found = next_(source, info, **kwargs)
            return await found if inspect.isawaitable(found) else found
        except AccessError as error:
            await _recorded(info, self.needs, error)
            raise


def query(
    *, needs: str, description: str, cost: int | Cost | None = None, read: Declared | None = None
) -> Callable[[Resolver], Any]:
    """A root field of Query. `needs` is a permission, SIGNED_IN or PUBLIC."""

    def made(resolver: Resolver) -> Any:
        return _query(resolver, resolver.__name__, needs, description, cost, read)

    return made


def _query(
    resolver: Resolver,
    name: str,
    needs: str,
    description: str,
    cost: int | Cost | None,
    read: Declared | None,
) -> Any:
    ROOTS.append(Root(kind="query", name=name, needs=str(needs)))
    return strawberry.field(
        resolver=resolver,
        description=description,
        directives=_directives(str(needs), cost),
        extensions=[_Guarded(str(needs))],
        metadata={GUARD: str(needs), READ: read},
    )


def read(
    shape: Shape,
    describe: Callable[..., Rows],
    *,
    needs: str,
    description: str,
    cost: int | Cost | None = None,
    from_end: bool = False,
) -> Any:
    """A root field of Query that gives rows, which a function describes, given an `Of` and the field's
    arguments. Its type is its annotation in the class. A page begins `from_end` where that is what one looks
    at first."""
    declared = RootRead(describe, shape, from_end)

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        reading, db = kept(describe, of_parents=False), info.context.db
        if shape is Shape.PAGE:
            asked = declared.asked(showing.taken_asked(arguments))
            page, at = await reading.page(db, asked, arguments)
            return connection(page, showing.showing(showing.field_of(info), at))
        answer, at = await reading.listed(db, arguments)
        if shape is Shape.VALUE:
            return answer[0]
        show = showing.showing(showing.field_of(info), at)
        if shape is Shape.MANY:
            return [show(row) for row in answer]
        return show(answer[0]) if answer else None

    own = list(inspect.signature(describe).parameters.values())[1:]
    more = showing.paging(from_end=from_end) if shape is Shape.PAGE else []
    resolve.__module__, resolve.__name__ = describe.__module__, describe.__name__
    resolve.__annotations__.clear()
    cast("Any", resolve).__signature__ = showing.signature([*own, *more])
    return _query(resolve, describe.__name__, needs, description, cost, declared)


class _Answered(FieldExtension):
    """Runs a mutation and shapes the answer: typed errors in the payload, the command's id as
    `trackingId`."""

    def __init__(self, needs: str) -> None:
        self.needs = needs
        self.payload: type[Any] | None = None

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        context = info.context
        context.tracking_id = None
        context.renewed()
        try:
            check_held(self.needs, context.viewer)
            refuse_unfit(kwargs)
            answer = await next_(source, info, **kwargs)
        except UserError as error:
            tracking = getattr(error, "tracking_id", None) or await _recorded(info, self.needs, error)
            if error.code is ErrorCode.UNAUTHENTICATED:
                raise
            return self._payload(info)(
                errors=[shown_error(error)], tracking_id=ID(_tracking("audit", tracking))
            )
        if not answer.tracking_id and context.tracking_id is not None:
            answer.tracking_id = ID(_tracking("command", context.tracking_id))
        return answer

    def _payload(self, info: Any) -> type[Any]:
        if self.payload is None:
            kind: Any = info.return_type
            self.payload = getattr(kind, "of_type", kind)
        assert self.payload is not None
        return self.payload


async def _recorded(info: Any, needs: str, error: UserError) -> Any:
    """A refusal that came before any command ran, or where none runs, leaves its entry all the same."""
    from datawave.kit.tables import Outcome

    context = info.context
    return await context.platform.commands.refusals.write(
        context.viewer,
        action=info.python_name,
        permission=None if needs in (PUBLIC, SIGNED_IN) else needs,
        outcome=Outcome.REFUSED if isinstance(error, AccessError) else Outcome.FAILED,
        code=error.code.value,
        detail={"message": error.message},
    )


def _tracking(word: str, key: Any) -> str:
    return global_id(word, key) if key is not None else ""


def mutation(
    *, runs: Command[..., Any], description: str, cost: int | Cost | None = None
) -> Callable[[Resolver], Any]:
    """A root field of Mutation, with the permission of the command it runs."""

    if runs.needs == INSIDE:
        raise TypeError(f"{runs.name} is run inside alone: no field may run it")

    def made(resolver: Resolver) -> Any:
        ROOTS.append(Root(kind="mutation", name=resolver.__name__, needs=runs.needs, command=runs.name))
        return strawberry.mutation(
            resolver=resolver,
            description=description,
            directives=_directives(runs.needs, cost),
            extensions=[_Answered(runs.needs)],
        )

    return made


def subscription(
    *,
    needs: str,
    delivery: DeliveryMode,
    description: str,
    cost: int | Cost | None = None,
    own: bool | Sequence[type[Any]] = False,
) -> Callable[[Callable[..., AsyncIterator[Any]]], Any]:
    """A root field of Subscription. `own`: what it gives depends on who asks beyond their rights; or, for
    those who may not read all of these rows, on which of them are theirs. The resolver keeps nothing in mind
    from one event to the next: who has caught up is handed over to another run of it."""

    def made(resolver: Callable[..., AsyncIterator[Any]]) -> Any:
        ROOTS.append(Root(kind="subscription", name=resolver.__name__, needs=str(needs), delivery=delivery))
        return strawberry.subscription(
            resolver=_guarded_stream(resolver, str(needs)),
            description=description,
            directives=_directives(str(needs), cost, Delivery(mode=delivery)),
            metadata={OWN: own or None},
        )

    return made


def _guarded_stream(resolver: Callable[..., AsyncIterator[Any]], needs: str) -> Any:
    """A field extension hands an async generator on without awaiting it, so the guard stands in the
    generator."""

    @wraps(resolver)  # Strawberry reads the arguments from what is wrapped
    async def guarded(self: Any, info: Info, **kwargs: Any) -> Any:
        try:
            check_held(needs, info.context.viewer)
        except AccessError as error:
            await _recorded(info, needs, error)
            raise
        refuse_unfit(kwargs)
        stream: Any = resolver(self, info, **kwargs)
        try:
            async for event in stream:
                check_held(needs, info.context.viewer)
                yield event
        finally:
            await stream.aclose()

    return guarded


class _NeedsOnRow(FieldExtension):
    """A field that tells more than its row: null, and one FORBIDDEN per response path, without the permission
    on it. One's own row keeps nothing back."""

    def __init__(self, needs: str) -> None:
        self.needs = needs

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        if not await self._is_told(getattr(source, "row", None), info.context):
            path = tuple(str(step) for step in info.path.as_list() if not isinstance(step, int))
            if path in info.context.told:
                return None
            info.context.told.add(path)
            raise forbidden(self.needs)
        found = next_(source, info, **kwargs)
        return await found if inspect.isawaitable(found) else found

    async def _is_told(self, row: Any, context: Any) -> bool:
        """Most rows know their source, and only it its workspace, where the permission may be held."""
        if may_be_told(self.needs, row, context.viewer):
            return True
        access: Access | None = getattr(row, "__access__", None)
        held = context.viewer.rights.scope(self.needs).workspaces
        if not held or access is None or access.workspace != "source_id.workspace_id":
            return False
        return await context.loaders.loaded(WORKSPACES, None).load(row.source_id) in held


async def _workspaces(db: Db, source_ids: Sequence[UUID], _at: Any) -> Mapping[UUID, UUID]:
    place = select(DataSource.id, DataSource.workspace_id).where(DataSource.id.in_(source_ids))
    return {row.id: row.workspace_id for row in await db.rows(place)}


WORKSPACES = Loaded(_workspaces)


def field(
    resolver: Resolver | None = None,
    *,
    description: str | None = None,
    needs: Permission | None = None,
    cost: int | Cost | None = None,
    read: Declared | None = None,
    begins: Callable[[Any, dict[str, Any]], Begun] | None = None,
    own: bool = False,
) -> Any:
    """A field with a resolver, where it costs more, needs a permission of its own (then its type is
    nullable), or answers by who asks beyond their rights (`own`); `read` says where plans find it, `begins`
    how the executor does without the resolver."""
    costs = [] if cost is None else [cost if isinstance(cost, Cost) else Cost(weight=cost)]
    directives = [*([Needs(permission=str(needs))] if needs else []), *costs]
    extensions: list[FieldExtension] = [_NeedsOnRow(str(needs))] if needs else []
    made = strawberry.field(
        description=description,
        directives=directives,
        extensions=extensions,
        metadata={READ: read, NEEDS: str(needs) if needs else None, BEGINS: begins, OWN: own or None},
    )
    return made(resolver) if resolver else made
