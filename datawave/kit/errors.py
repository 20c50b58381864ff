"""What a caller can put right. A kind is a different reaction of the client, a code a different reason."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID


class ErrorCode(StrEnum):
    INVALID = "INVALID"
    REQUIRED = "REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FORBIDDEN = "FORBIDDEN"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    STALE_VERSION = "STALE_VERSION"
    WRONG_STATE = "WRONG_STATE"
    RATE_LIMITED = "RATE_LIMITED"
    TOO_COSTLY = "TOO_COSTLY"
    UNAVAILABLE = "UNAVAILABLE"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    POLICY_VIOLATION = "POLICY_VIOLATION"
    EXPRESSION_ERROR = "EXPRESSION_ERROR"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    INTERNAL = "INTERNAL"


class UserError(Exception):
    """Never raised itself: one of the four kinds below is."""

    tracking_id: UUID | None = None
    """Of the audit entry that the refusal of a command left."""

    def __init__(self, code: ErrorCode, message: str, *, path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = list(path)

    @property
    def extensions(self) -> dict[str, Any]:
        """What a query or stream carries in `errors[].extensions`."""
        shown: dict[str, Any] = {"code": self.code.value, "kind": type(self).__name__}
        if self.path:
            shown["path"] = self.path
        return shown | {key: value for key, value in self.more().items() if value is not None}

    def more(self) -> dict[str, Any]:
        return {}


class InputError(UserError):
    """A value that will not do."""

    def __init__(
        self, code: ErrorCode, message: str, *, path: Sequence[str] = (), expected: str | None = None
    ) -> None:
        super().__init__(code, message, path=path)
        self.expected = expected

    def more(self) -> dict[str, Any]:
        return {"expected": self.expected}


class AccessError(UserError):
    """Something that may not be done, with the permission that is missing."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        path: Sequence[str] = (),
        permission: str | None = None,
        resource_id: str | None = None,
    ) -> None:
        super().__init__(code, message, path=path)
        self.permission = permission
        self.resource_id = resource_id

    def more(self) -> dict[str, Any]:
        return {"permission": self.permission, "resourceId": self.resource_id}


class ConflictError(UserError):
    """The thing has changed, or is in another state, than the caller thought."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        path: Sequence[str] = (),
        current: tuple[str, UUID] | None = None,
        current_version: int | None = None,
    ) -> None:
        super().__init__(code, message, path=path)
        self.current = current
        self.current_version = current_version

    def more(self) -> dict[str, Any]:
        return {"currentVersion": self.current_version}


class UnavailableError(UserError):
    """Something outside does not answer, or there is too much of it; try again later."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        path: Sequence[str] = (),
        retry_after_seconds: int | None = None,
        breaker_id: UUID | None = None,
    ) -> None:
        super().__init__(code, message, path=path)
        self.retry_after_seconds = retry_after_seconds
        self.breaker_id = breaker_id

    def more(self) -> dict[str, Any]:
        return {"retryAfterSeconds": self.retry_after_seconds}


def unauthenticated(message: str = "Sign in first: this needs a signed-in viewer.") -> AccessError:
    return AccessError(ErrorCode.UNAUTHENTICATED, message)


def forbidden(permission: str, *, resource_id: str | None = None, path: Sequence[str] = ()) -> AccessError:
    where = "on this" if resource_id else "anywhere"
    return AccessError(
        ErrorCode.FORBIDDEN,
        f"This needs the permission {permission}, which you do not hold {where};"
        " ask an administrator for a role with it.",
        permission=permission,
        resource_id=resource_id,
        path=path,
    )


def not_found(word: str, *, path: Sequence[str] = ()) -> InputError:
    thing = word.replace("_", " ")
    return InputError(
        ErrorCode.NOT_FOUND, f"There is no such {thing}, or you may not see it; check the id.", path=path
    )


def invalid(message: str, *, path: Sequence[str] = (), expected: str | None = None) -> InputError:
    return InputError(ErrorCode.INVALID, message, path=path, expected=expected)
