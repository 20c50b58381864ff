"""How fields are declared: roots with their permission, relations with their table, so that neither can be
forgotten.

Everything here turns into ordinary Strawberry fields; what was declared also stays readable (`DECLARED`), for
the checks that walk the schema.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.commands import INSIDE, PUBLIC, SIGNED_IN, Command, check_held
from datawave.kit.errors import ErrorCode, UserError, forbidden
from datawave.kit.ids import global_id
from datawave.kit.pages import Asked, Key
from schema.context import Info
from schema.directives import Cost, Delivery, DeliveryMode, Needs, Public, SignedIn
from schema.errors import shown as shown_error
from schema.rows import SHOWN, shown
from schema.scalars import Cursor
from schema.shapes import connection, given
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
        check_held(self.needs, info.context.viewer)
        refuse_unfit(kwargs)
        found = next_(source, info, **kwargs)
        return await found if inspect.isawaitable(found) else found


def query(*, needs: str, description: str, cost: int | Cost | None = None) -> Callable[[Resolver], Any]:
    """A root field of Query. `needs` is a permission, SIGNED_IN or PUBLIC."""

    def made(resolver: Resolver) -> Any:
        ROOTS.append(Root(kind="query", name=resolver.__name__, needs=str(needs)))
        return strawberry.field(
            resolver=resolver,
            description=description,
            directives=_directives(str(needs), cost),
            extensions=[_Guarded(str(needs))],
        )

    return made


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
            if error.code is ErrorCode.UNAUTHENTICATED:
                raise
            tracking = getattr(error, "tracking_id", None) or await _recorded(info, self.needs, error)
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
    """A refusal that came before any command ran leaves its entry all the same."""
    from datawave.kit.tables import Outcome

    context = info.context
    return await context.platform.commands.refusals.write(
        context.viewer,
        action=info.python_name,
        permission=None if needs in (PUBLIC, SIGNED_IN) else needs,
        outcome=Outcome.REFUSED if error.code is ErrorCode.FORBIDDEN else Outcome.FAILED,
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
    *, needs: str, delivery: DeliveryMode, description: str, cost: int | Cost | None = None
) -> Callable[[Callable[..., AsyncIterator[Any]]], Any]:
    """A root field of Subscription."""

    def made(resolver: Callable[..., AsyncIterator[Any]]) -> Any:
        ROOTS.append(Root(kind="subscription", name=resolver.__name__, needs=str(needs), delivery=delivery))
        return strawberry.subscription(
            resolver=_guarded_stream(resolver, str(needs)),
            description=description,
            directives=_directives(str(needs), cost, Delivery(mode=delivery)),
        )

    return made


def _guarded_stream(resolver: Callable[..., AsyncIterator[Any]], needs: str) -> Any:
    """A field extension hands an async generator on without awaiting it, so the guard stands in the
    generator."""

    @wraps(resolver)  # Strawberry reads the arguments from what is wrapped
    async def guarded(self: Any, info: Info, **kwargs: Any) -> Any:
        check_held(needs, info.context.viewer)
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
    on it."""

    def __init__(self, needs: str) -> None:
        self.needs = needs

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        viewer, row = info.context.viewer, getattr(source, "row", None)
        workspace, source_id = scope_of(row)
        if not viewer.rights.on(self.needs, workspace_id=workspace, source_id=source_id):
            path = tuple(str(step) for step in info.path.as_list() if not isinstance(step, int))
            if path in info.context.told:
                return None
            info.context.told.add(path)
            raise forbidden(self.needs)
        found = next_(source, info, **kwargs)
        return await found if inspect.isawaitable(found) else found


def scope_of(row: Any) -> tuple[Any, Any]:
    """The workspace and source a row stands in, as far as it carries them."""
    if row is None:
        return None, None
    word = row.__word__
    workspace = row.id if word == "workspace" else getattr(row, "workspace_id", None)
    source = row.id if word == "source" else getattr(row, "source_id", None)
    return workspace, source


def field(
    resolver: Resolver | None = None,
    *,
    description: str | None = None,
    needs: Permission | None = None,
    cost: int | Cost | None = None,
) -> Any:
    """A field with a resolver, where it costs more or needs a permission of its own (then its type is
    nullable)."""
    costs = [] if cost is None else [cost if isinstance(cost, Cost) else Cost(weight=cost)]
    directives = [*([Needs(permission=str(needs))] if needs else []), *costs]
    extensions: list[FieldExtension] = [_NeedsOnRow(str(needs))] if needs else []
    made = strawberry.field(description=description, directives=directives, extensions=extensions)
    return made(resolver) if resolver else made


def one(column: str, row: type[Any], *, description: str | None = None) -> Any:
    """The row that a column of this one refers to; null where there is none or the viewer may not see it."""

    async def resolve(self: Any, info: Info) -> Any:
        key = getattr(self.row, column)
        found = await info.context.loaders.row(row).load(key) if key else None
        return SHOWN[row].of(found) if found is not None else None

    return strawberry.field(resolver=_untyped(resolve), description=description)


def actor(prefix: str, *, description: str | None = None) -> Any:
    """Who acted, from the columns `<prefix>_id`/`<prefix>_word` or `<prefix>`/`<prefix>_word`."""

    async def resolve(self: Any, info: Info) -> Any:
        row = self.row
        key = getattr(row, f"{prefix}_id", None) or getattr(row, prefix, None)
        word = getattr(row, f"{prefix}_word", None)
        return await info.context.node(word, key) if key and word else None

    return strawberry.field(resolver=_untyped(resolve), description=description)


def many(column: Any, *, order_by: Sequence[Any] = (), description: str | None = None) -> Any:
    """The few rows that refer to this one."""

    async def resolve(self: Any, info: Info) -> Any:
        return [shown(row) for row in await info.context.loaders.rows_of(column, order_by).load(self.row.id)]

    return strawberry.field(resolver=_untyped(resolve), description=description)


def page(
    column: Any,
    *,
    order_by: Sequence[Key],
    description: str | None = None,
    cost: int | Cost | None = None,
) -> Any:
    """A page of the rows that refer to this one, in this order."""

    async def resolve(
        self: Any, info: Info, first: int | None = 50, after: Cursor | None = strawberry.UNSET
    ) -> Any:
        asked = Asked(first=first, after=given(after)).checked()
        found = await info.context.loaders.page_of(column, order_by, asked).load(self.row.id)
        return connection(found, shown)

    costs = [] if cost is None else [cost if isinstance(cost, Cost) else Cost(weight=cost)]
    return strawberry.field(resolver=_untyped(resolve), description=description, directives=costs)


def _untyped(resolve: Callable[..., Awaitable[Any]]) -> Any:
    """The type of a declared field is its annotation in the class, so the resolver must not have one."""
    resolve.__annotations__.pop("return", None)
    return resolve
