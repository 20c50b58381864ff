"""The four kinds of error, as a mutation's payload carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import ID

from datawave.kit import errors
from schema.context import Info

if TYPE_CHECKING:
    from schema.operations import CircuitBreaker
    from schema.shapes import Node

ErrorCode = strawberry.enum(
    errors.ErrorCode,
    name="ErrorCode",
    description="What kind of thing went wrong; queries and streams carry it as `errors[].extensions.code`.",
)


@strawberry.interface(
    description="Something in the request that the caller can put right; `path` leads to the input field."
)
class UserError:
    code: errors.ErrorCode
    message: str
    path: list[str]


@strawberry.type(description="A value that will not do.")
class InputError(UserError):
    expected: str | None = None


@strawberry.type(description="Something that may not be done, with the permission that is missing.")
class AccessError(UserError):
    permission: str | None = None
    resource_id: ID | None = None


@strawberry.type(
    description="The thing has changed, or is in another state, than the caller thought;"
    " here is how it stands."
)
class ConflictError(UserError):
    current_version: int | None = None

    @strawberry.field
    async def current(self, info: Info) -> Node | None:
        place: tuple[str, Any] | None = getattr(self, "place", None)
        return await info.context.node(*place) if place else None


@strawberry.type(
    description="Something outside does not answer, or there is too much of it; try again later."
)
class UnavailableError(UserError):
    retry_after_seconds: int | None = None

    @strawberry.field
    async def circuit_breaker(self, info: Info) -> CircuitBreaker | None:
        from schema.operations import CircuitBreaker

        return await info.context.node_of(CircuitBreaker, getattr(self, "breaker_id", None))


def shown(error: errors.UserError) -> UserError:
    """The payload's form of an error raised below."""
    common: dict[str, Any] = {"code": error.code, "message": error.message, "path": error.path}
    match error:
        case errors.InputError():
            return InputError(**common, expected=error.expected)
        case errors.AccessError():
            resource = ID(error.resource_id) if error.resource_id else None
            return AccessError(**common, permission=error.permission, resource_id=resource)
        case errors.ConflictError():
            conflict = ConflictError(**common, current_version=error.current_version)
            conflict.__dict__["place"] = error.current
            return conflict
        case errors.UnavailableError():
            unavailable = UnavailableError(**common, retry_after_seconds=error.retry_after_seconds)
            unavailable.__dict__["breaker_id"] = error.breaker_id
            return unavailable
        case _:
            raise TypeError(f"{type(error).__name__} is not one of the four kinds")
