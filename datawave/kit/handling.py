"""What the handler of a job is given, and where handlers are registered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text

from datawave.kit.access import Viewer
from datawave.kit.commands import Command, Commands, Tx
from datawave.kit.database import Database, encoded
from datawave.kit.jobs import J

R = TypeVar("R")


class Fenced(Exception):
    """This attempt is no longer the job's: somebody else has taken it up, or it was cancelled."""


class Waiting(Exception):
    """The job has offered work to an agent and rests until that ends; raised by the handler after the
    offer."""


class Failure(Exception):
    """Why a job failed, in words for a person; `retryable=False` ends it at once."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, retryable: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.retryable = code, message, hint, retryable


@dataclass(frozen=True)
class Handler:
    run: Callable[[Work, Any], Awaitable[None]]


HANDLERS: dict[str, Handler] = {}

Died = Callable[[Tx, Any, dict[str, Any]], Awaitable[None]]
DEATHS: dict[str, Died] = {}
"""What else happens, in the same transaction, when a job of a kind dies (a run that it carried fails)."""


def handles(
    kind: type[J],
) -> Callable[[Callable[[Work, J], Awaitable[None]]], Callable[[Work, J], Awaitable[None]]]:
    def registered(run: Callable[[Work, J], Awaitable[None]]) -> Callable[[Work, J], Awaitable[None]]:
        HANDLERS[kind.__name__] = Handler(run)
        return run

    return registered


def on_death(kind: type[J]) -> Callable[[Callable[[Tx, J, dict[str, Any]], Awaitable[None]]], Died]:
    def registered(died: Callable[[Tx, J, dict[str, Any]], Awaitable[None]]) -> Died:
        DEATHS[kind.__name__] = died
        return died

    return registered


# Locked to the end of the transaction: whoever takes the job up meanwhile waits for it, or passes it over.
FENCE = text(
    "SELECT 1 FROM job WHERE id = :id AND attempt = :attempt AND state = 'RUNNING' FOR NO KEY UPDATE"
)
PROGRESS = text(
    "UPDATE job SET progress = CAST(:progress AS jsonb), progressed = true, heartbeat_at = datawave_now(),"
    " updated_at = datawave_now() WHERE id = :id AND attempt = :attempt AND state = 'RUNNING' RETURNING id"
)


@dataclass
class Work:
    """What a handler is given: to run commands as the job's actor, and to say how far it is."""

    job_id: UUID
    attempt: int
    command_id: UUID
    viewer: Viewer
    commands: Commands
    database: Database
    extras: Mapping[str, Any]
    """What the program hands to handlers (the vault, folders): by name, so that the kit knows none of it."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more that this attempt writes would count; a handler that goes on is ended soon
    after."""

    async def run(self, what: Command[..., R], **arguments: Any) -> R:
        """A command of this attempt: refused with everything it did when the attempt is no longer the
        job's."""
        done = await self.commands.run(what, self.viewer, arguments, fence=self.fence)
        return done.value

    async def fence(self, tx: Tx) -> None:
        found = await tx.session.execute(FENCE, {"id": self.job_id, "attempt": self.attempt})
        if found.one_or_none() is None:
            raise Fenced

    async def progress(
        self, done: int, total: int | None = None, *, unit: str = "items", message: str | None = None
    ) -> None:
        said = {"done": done, "total": total, "unit": unit, "message": message}
        async with self.database.connection() as connection:
            row = await connection.execute(
                PROGRESS, {"id": self.job_id, "attempt": self.attempt, "progress": encoded(said)}
            )
            if row.one_or_none() is None:
                raise Fenced
        told = {**said, "job_id": self.job_id.hex, "at": datetime.now(UTC).isoformat()}
        topics = (f"job:{self.job_id}", f"tracking:{self.command_id}")
        self.commands.tell([(topics, f"job:{self.job_id}", told)])
