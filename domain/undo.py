"""Commands taken back, and done again. A command records what takes it back; this runs it.

Undo acts under the permission of the command it takes back, on things that still are as that command left
them. Redo takes back the undo, on whatever stands now. Both follow a command through its undos and redos, so
that the first id is good throughout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.commands import COMMANDS, Command, Tx, check_held, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, not_found

UNDO, REDO = "undo_command", "redo_command"


@command(needs=Permission.COMMAND_UNDO)
async def undo_command(tx: Tx, *, command_id: UUID, reason: str | None = None) -> None:
    """Takes a command back, if what it changed is still as it left it."""
    done = await _as_it_stands(tx, await _seen(tx, command_id))
    if done.name == UNDO:
        raise not_reversible("This command took another back; do that one again with redoCommand.")
    if done.undone_by is not None:
        raise _wrong_state(done, "This command has been taken back already.")
    tx.undoing = {UUID(hex=key): version for _, key, version in done.subjects if version is not None}
    await _run_inverse(tx, done, of=done)


@command(needs=Permission.COMMAND_UNDO)
async def redo_command(tx: Tx, *, command_id: UUID, reason: str | None = None) -> None:
    """Does again what was taken back; things may have been changed since."""
    done = await _as_it_stands(tx, await _seen(tx, command_id))
    if done.name == UNDO:
        raise not_reversible("Do again the command itself, not what took it back: give its id.")
    if done.undone_by is None:
        raise _wrong_state(done, "This command has not been taken back, so there is nothing to do again.")
    undo = await tx.session.get_one(tables.Command, done.undone_by, with_for_update=True)
    await _run_inverse(tx, undo, of=done)


async def _seen(tx: Tx, command_id: UUID) -> tables.Command:
    row = tables.Command
    found = await tx.session.scalar(
        select(row).where(row.id == command_id, visible(row, tx.viewer)).with_for_update()
    )
    if found is None:
        raise not_found("command", path=["commandId"])
    return found


async def _as_it_stands(tx: Tx, done: tables.Command) -> tables.Command:
    """The command itself, or the redo of its undo, or the redo of the undo of that, and so on."""
    while done.undone_by is not None:
        undo = await tx.session.get_one(tables.Command, done.undone_by, with_for_update=True)
        if undo.undone_by is None:
            return done
        done = await tx.session.get_one(tables.Command, undo.undone_by, with_for_update=True)
    return done


async def _run_inverse(tx: Tx, row: tables.Command, *, of: tables.Command) -> None:
    """Runs what takes `row` back, with the permission of the command that a person once gave."""
    if row.inverse is None:
        raise not_reversible("This command cannot be taken back.")
    inverse = COMMANDS.get(row.inverse["command"])
    first = await _first_of(tx, of)
    if inverse is None or first is None:
        raise not_reversible("This release no longer knows how to take this command back.")
    check_held(first.needs, tx.viewer)
    tx.runs_as(first)
    tx.undoes = row.id
    try:
        await inverse(tx, **arguments_of(inverse, row.inverse["arguments"]))
    except InputError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        raise ConflictError(
            ErrorCode.STALE_VERSION,
            "What this command changed is gone, so it cannot be taken back.",
            path=["commandId"],
        ) from error


async def _first_of(tx: Tx, done: tables.Command) -> Command[..., Any] | None:
    """The kind of command that was given first: a redo stands for what it did again."""
    while done.name == REDO and done.undoes is not None:
        undo = await tx.session.get_one(tables.Command, done.undoes)
        if undo.undoes is None:
            break
        done = await tx.session.get_one(tables.Command, undo.undoes)
    return COMMANDS.get(done.name)


def arguments_of(inverse: Command[..., Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded arguments, as JSON kept them, in the types that the command declares."""
    hints = get_type_hints(inverse.run)
    return {name: TypeAdapter(hints[name]).validate_python(value) for name, value in kept.items()}


def not_reversible(message: str) -> ConflictError:
    return ConflictError(ErrorCode.NOT_REVERSIBLE, message, path=["commandId"])


def _wrong_state(done: tables.Command, message: str) -> ConflictError:
    return ConflictError(ErrorCode.WRONG_STATE, message, path=["commandId"], current=("command", done.id))
