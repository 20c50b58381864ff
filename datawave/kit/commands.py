"""Commands: one change, one transaction. The runner keeps what nobody may forget: permission, audit,
idempotency, undo.

A command is an async function whose first argument is the open transaction (`Tx`). It returns rows, raises a
`UserError`, and never commits, publishes, calls the network or reads the clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
import structlog
from sqlalchemy import exc as sa
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import audit, metrics, tables, tracing
from datawave.kit.access import Viewer
from datawave.kit.database import Database, is_unavailable, lost_race, translated
from datawave.kit.errors import AccessError, ErrorCode, InputError, UnavailableError, UserError
from datawave.kit.ids import new_id
from datawave.kit.record import RESULTS, Shown, key_of, packed, place_of, plain, result, revealed, unpacked
from datawave.kit.secrets import HIDDEN
from datawave.kit.transaction import (
    COMMANDS,
    INSIDE,
    PUBLIC,
    SIGNED_IN,
    Command,
    Progress,
    Tx,
    check_held,
    command,
    events_told,
    insert_events,
)
from datawave.kit.vault import Keyring, Vault

log = structlog.get_logger(__name__)

R = TypeVar("R")

SHOWN_AGAIN = timedelta(minutes=10)
RACES = 5
"""So often a command is run again that lost a race (a deadlock, a name somebody else took at the same
moment)."""

BEGIN = text(
    "SELECT pg_current_xact_id()\\:\\:text, datawave_now(), set_config('datawave.command', :command, true)"
)


@dataclass(frozen=True, kw_only=True)
class Done(Generic[R]):
    """What a command came to."""

    value: R
    tracking_id: UUID
    repeated: bool = False


Fence = Callable[[Tx], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Asked(Generic[R]):
    """One run of a command, as it was asked for."""

    what: Command[..., R]
    viewer: Viewer
    arguments: Mapping[str, Any]
    tracking_id: UUID
    key: str | None
    fence: Fence | None
    undoing: Mapping[UUID, int]
    undoes: UUID | None


class Commands:
    """Runs commands against one database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database = database
        self.vault = Vault(keyring)
        self.keyring = keyring
        self.refusals = audit.Refusals(database)
        self.tell: Callable[[list[Progress]], None] = lambda _progress: None
        """Given by the program: takes progress to the live topics."""

    async def run(
        self,
        what: Command[..., R],
        viewer: Viewer,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        fence: Fence | None = None,
        undoing: Mapping[UUID, int] | None = None,
        undoes: UUID | None = None,
    ) -> Done[R]:
        outcome = "BROKEN"
        try:
            check_held(what.needs, viewer)
            asked = Asked(
                what=what,
                viewer=viewer,
                arguments=arguments,
                tracking_id=new_id(),
                key=_checked_key(idempotency_key),
                fence=fence,
                undoing=undoing or {},
                undoes=undoes,
            )
            told = {"datawave.tracking_id": asked.tracking_id.hex}
            with tracing.span(f"command {what.name}", "internal", told):
                done = await self._despite_races(asked)
            outcome = "REPEATED" if done.repeated else "DONE"
            return done
        except UserError as error:
            outcome = error.code.value
            error.tracking_id = await self._refused(what, viewer, arguments, error)
            raise
        finally:
            metrics.COMMANDS.labels(what.name, outcome).inc()

    async def _despite_races(self, asked: Asked[R]) -> Done[R]:
        """A race that was lost to another transaction is run again: then it sees what the other did, and
        refuses or goes on in the command's own words."""
        for left in reversed(range(RACES)):
            try:
                with translated():
                    return await self._transacted(asked)
            except sa.DBAPIError as error:
                if not left or not lost_race(error):
                    raise
                log.info("command.again", command=asked.what.name, error=type(error.orig).__name__)
                await asyncio.sleep(random.uniform(0.005, 0.05) * (RACES - left))
        raise AssertionError("the last race is decided")

    async def _transacted(self, asked: Asked[R]) -> Done[R]:
        async with AsyncSession(self.database.engine, expire_on_commit=False) as session:
            tx = await self._begun(session, asked)
            if asked.fence is not None:
                await asked.fence(tx)
            if asked.key is not None:
                known = await self._claim(tx, asked.key, asked.arguments)
                if known is not None:
                    value = await self._again(tx, known)
                    return Done(value=value, tracking_id=known.command_id, repeated=True)
            value = await asked.what.run(tx, **asked.arguments)
            await tx.finish()
            await self._record(tx, asked.arguments)
            if asked.key is not None:
                await self._remember(tx, asked.key, value)
            await session.commit()
        self._tell(tx)
        return Done(value=value, tracking_id=asked.tracking_id)

    async def _begun(self, session: AsyncSession, asked: Asked[Any]) -> Tx:
        """BEGIN with a transaction id at once, so that `settledAt` misses no writer. A pooled connection may
        have died with its server: nothing has happened yet, so the beginning is tried once more."""
        given = {"command": str(asked.tracking_id)}
        try:
            begun = (await session.execute(BEGIN, given)).one()
        except Exception as error:
            if not is_unavailable(error):
                raise
            await session.rollback()
            begun = (await session.execute(BEGIN, given)).one()
        now: datetime = begun[1]
        return Tx(
            session,
            asked.viewer,
            asked.what,
            now,
            self.vault,
            asked.tracking_id,
            tracing.trace_id(),
            asked.undoing,
            asked.undoes,
        )

    def _tell(self, tx: Tx) -> None:
        """What is committed is done, whoever fails to hear of it."""
        try:
            if tx.recorded or tx.events or tx.jobs:
                self.database.committed()
            if tx.progress:
                self.tell(tx.progress)
        except Exception:
            log.exception("command.not_told", command=tx.command.name)

    async def _claim(self, tx: Tx, key: str, arguments: Mapping[str, Any]) -> tables.Idempotency | None:
        """The row of an earlier use, or None and the claim is ours; a parallel twin waits in the insert."""
        if tx.viewer.actor_id is None:
            return None
        place = {"actor_id": tx.viewer.actor_id, "mutation": tx.command.name, "key": key}
        digest = self.keyring.mac(orjson.dumps(revealed(arguments), option=orjson.OPT_SORT_KEYS))
        fresh = (
            insert(tables.Idempotency)
            .values(**place, input_hash=digest, command_id=tx.command_id, result={}, at=tx.now)
            .on_conflict_do_nothing()
            .returning(tables.Idempotency.key)
        )
        if (await tx.session.execute(fresh)).one_or_none() is not None:
            return None
        known = await tx.session.get_one(
            tables.Idempotency, (place["actor_id"], place["mutation"], place["key"])
        )
        if known.input_hash != digest:
            raise InputError(
                ErrorCode.INVALID,
                "This key was used before with other input; use a new key for a new request.",
                path=["idempotencyKey"],
            )
        return known

    async def _remember(self, tx: Tx, key: str, value: Any) -> None:
        if tx.viewer.actor_id is None:
            return
        secrets: list[str] = []
        answer = packed(value, secrets)
        sealed = self.keyring.seal(orjson.dumps(secrets), f"shown:{tx.command_id}") if secrets else None
        await tx.session.execute(
            update(tables.Idempotency)
            .where(
                tables.Idempotency.actor_id == tx.viewer.actor_id,
                tables.Idempotency.mutation == tx.command.name,
                tables.Idempotency.key == key,
            )
            .values(result={"value": answer}, sealed=sealed)
        )

    async def _again(self, tx: Tx, known: tables.Idempotency) -> Any:
        """The same things as they are now; what was shown once is shown again only for a while."""
        secrets: list[str] = []
        if known.sealed is not None and tx.now - known.at < SHOWN_AGAIN:
            secrets = orjson.loads(self.keyring.open(known.sealed, f"shown:{known.command_id}"))
        return await unpacked(tx.session, known.result.get("value"), secrets)

    async def _record(self, tx: Tx, arguments: Mapping[str, Any]) -> None:
        """The events last, since whoever waited for a row of ours comes after us in the log; and with them,
        in one statement, the command and its audit entry."""
        if not tx.recorded:
            if tx.events:
                await tx.session.execute(insert(tables.Event), tx.event_rows())
            return
        given = self._told(tx.command, arguments)
        if tx.undoes is not None:
            await tx.session.execute(
                update(tables.Command).where(tables.Command.id == tx.undoes).values(undone_by=tx.command_id)
            )
        record = insert(tables.AuditEntry).values(_audit_values(tx, given))
        record = record.add_cte(insert(tables.Command).values(_command_values(tx, given)).cte("command_kept"))
        if tx.events:
            record = record.add_cte(events_told(tx.event_rows()).cte("events_told"))
        await tx.session.execute(record)

    def _told(self, what: Command[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The input for the record. Somebody may have put their password where their name belongs, so what a
        command hides is kept as a mark under the platform's key."""
        told: dict[str, Any] = plain(arguments)
        for name in what.hides:
            if isinstance(value := told.get(name), str):
                mark = self.keyring.mac(b"tried\0" + value.strip().casefold().encode())
                told[name] = f"{HIDDEN} {mark.hex()[:16]}"
        return told

    async def _refused(
        self, what: Command[..., Any], viewer: Viewer, arguments: Mapping[str, Any], error: UserError
    ) -> UUID:
        """A refusal or failure writes its entry in a transaction of its own; the entry's id is its
        `trackingId`."""
        if not what.recorded or isinstance(error, UnavailableError):
            return new_id()
        refused = isinstance(error, AccessError)
        about = await what.about(self.database, arguments) if what.about and arguments else None
        return await self.refusals.write(
            viewer,
            action=what.name,
            permission=_permission(what),
            outcome=tables.Outcome.REFUSED if refused else tables.Outcome.FAILED,
            code=error.code.value,
            subject=about,
            detail={"input": self._told(what, arguments), "message": plain(error.message)},
        )


def _command_values(tx: Tx, given: Any) -> dict[str, Any]:
    workspace_id, source_id = place_of(next(iter(tx.subjects.values()), None) or tx.scope)
    return {
        "id": tx.command_id,
        "name": tx.command.name,
        "at": tx.now,
        "actor_id": tx.viewer.actor_id,
        "actor_word": tx.viewer.actor_word,
        "input": given,
        "changes": tx.changes,
        "subjects": [
            [thing.__word__, key.hex, getattr(thing, "version", None)] for key, thing in tx.subjects.items()
        ],
        "subject_ids": list(tx.subjects),
        "workspace_id": workspace_id,
        "source_id": source_id,
        "inverse": tx.inverse,
        "undoes": tx.undoes,
        "correlation_id": tx.correlation_id,
    }


def _audit_values(tx: Tx, given: Any) -> dict[str, Any]:
    first = next(iter(tx.subjects.values()), None)
    detail = {"input": given, "changes": tx.changes, "counts": plain(tx.counted)}
    return audit.entry_values(
        tx.viewer,
        action=tx.command.name,
        permission=_permission(tx.command),
        outcome=tables.Outcome.DONE,
        at=tx.now,
        subject=(first.__word__, key_of(first)) if first is not None else None,
        command_id=tx.command_id,
        detail={name: value for name, value in detail.items() if value or name == "input"},
    )


def _permission(what: Command[..., Any]) -> str | None:
    return None if what.needs in (SIGNED_IN, PUBLIC, INSIDE) else what.needs


def _checked_key(key: str | None) -> str | None:
    if key is not None and not (1 <= len(key) <= 200 and key == plain(key)):
        raise InputError(
            ErrorCode.INVALID, "An idempotency key has 1 to 200 characters.", path=["idempotencyKey"]
        )
    return key


__all__ = [
    "COMMANDS",
    "INSIDE",
    "PUBLIC",
    "RESULTS",
    "SIGNED_IN",
    "Command",
    "Commands",
    "Done",
    "Fence",
    "Progress",
    "Shown",
    "Tx",
    "check_held",
    "command",
    "insert_events",
    "result",
]
