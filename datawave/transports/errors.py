"""How errors are told: an error meant for the client whole, a bug only as an id that finds it in the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from uuid import uuid4

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from datawave.transports.door import raw
from datawave.transports.limits import INVALID

Present = Callable[[GraphQLError], dict[str, Any]]

log = structlog.stdlib.get_logger(__name__)

_SUGGESTION = re.compile(r" Did you mean .*?\?(?= Found: |$)", re.DOTALL)
_VALUES = (
    (re.compile(r"(, but encountered error '.*'; found|, found): .*$", re.DOTALL), "."),
    (re.compile(r" Found: .*$", re.DOTALL), ""),
    (re.compile(r"(cannot represent [^:]{0,80}): .*$", re.DOTALL), r"\1."),
    (re.compile(r"Value '.*' does not exist in", re.DOTALL), "That value does not exist in"),
    (re.compile(r"(String|BlockString|Name|Int|Float) '.*'", re.DOTALL), r"\1"),
)
_HAS_VALUES = re.compile(r"has invalid value|cannot represent|found|Found: |Value '|^Syntax Error: ")


class Rejected(Exception):
    """A request that fails before anything of it is executed, or a stream that cannot go on."""

    def __init__(
        self, errors: Iterable[GraphQLError], *, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        self.errors = list(errors)
        self.headers = list(headers)
        super().__init__("; ".join(error.message for error in self.errors))


def rejection(code: str, message: str) -> Rejected:
    return Rejected([GraphQLError(message, extensions={"code": code})])


def failure(error: Exception, *, headers: Iterable[tuple[bytes, bytes]] = ()) -> Rejected:
    """What was raised on the way to an operation; `present` tells a refusal from a bug."""
    own: Mapping[str, str] = getattr(error, "headers", {})
    lines = [*headers, *(raw(*line) for line in own.items())]
    return Rejected([GraphQLError(str(error), original_error=error)], headers=lines)


def present(error: GraphQLError) -> dict[str, Any]:
    """The error as the client sees it."""
    cause = root_cause(error)
    if cause is None:
        return dict(error.formatted)
    told = told_extensions(cause)
    if told is None:
        return internal(error, cause)
    return {**error.formatted, "message": str(cause) or error.message, "extensions": told}


def root_cause(error: GraphQLError) -> Exception | None:
    """What was raised beneath graphql-core's wrapping; None where graphql-core itself complains."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def told_extensions(cause: Exception) -> dict[str, Any] | None:
    """The extensions of an error meant for the client, be they an attribute or a method; None for a bug."""
    told = getattr(cause, "extensions", None)
    if callable(told):
        told = told()
    return dict(cast("Mapping[str, Any]", told)) if isinstance(told, Mapping) else None


def internal(error: GraphQLError, cause: Exception) -> dict[str, Any]:
    """Logs a bug with its trace and gives the client the id alone."""
    reference = uuid4().hex
    path = ".".join(str(step) for step in error.path or [])
    log.error("graphql.bug", id=reference, path=path, exc_info=cause)
    shown: dict[str, Any] = {"message": "Something went wrong on our side; the id finds it in the log."}
    shown |= {key: value for key, value in error.formatted.items() if key in ("locations", "path")}
    return {**shown, "extensions": {"code": "INTERNAL", "id": reference}}


def of_request(error: GraphQLError, *, frank: bool) -> GraphQLError:
    """An error of parsing, validation or coercion, ready to be shown: it is the client's, never a bug."""
    cause = root_cause(error)
    extensions = (told_extensions(cause) if cause else None) or error.extensions or {"code": INVALID}
    message = error.message if frank else discreet(error.message)
    if isinstance(error, GraphQLSyntaxError):
        return GraphQLError(message, source=error.source, positions=error.positions, extensions=extensions)
    return GraphQLError(message, nodes=error.nodes, extensions=extensions)


def discreet(message: str) -> str:
    """The message without hints at names nobody asked for and without the values that were sent."""
    message = _SUGGESTION.sub("", message)
    if _HAS_VALUES.search(message):
        for pattern, instead in _VALUES:
            message = pattern.sub(instead, message)
    return message
