"""The open transaction of a command: what it may get, change, emit and enqueue, and what all that left for
the record."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy import Integer, bindparam, column, func, literal, select
from sqlalchemy import event as hooks
from sqlalchemy import inspect as inspected
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import tables
from datawave.kit.access import Viewer, allowed, visible
from datawave.kit.database import Base, Database, Entity
from datawave.kit.errors import ConflictError, ErrorCode, forbidden, not_found, unauthenticated
from datawave.kit.events import Event
from datawave.kit.ids import global_id, new_id
from datawave.kit.jobs import Job, job_row
from datawave.kit.record import difference, key_of, plain, shown, taken_away
from datawave.kit.vault import Vault

P = ParamSpec("P")
R = TypeVar("R")
Row = TypeVar("Row", bound=Base)

Progress = tuple[tuple[str, ...], str, dict[str, Any]]
"""Topics, key, value: what live readers are told and nobody keeps."""

SIGNED_IN = "@signedIn"
PUBLIC = "@public"
INSIDE = "@inside"
"""Run by jobs and standing duties alone, with whatever rights they have: no field of the API may run such a
command."""


About = Callable[[Database, Mapping[str, Any]], Awaitable[tuple[str, UUID] | None]]


@dataclass(frozen=True)
class Command(Generic[P, R]):
    """A command as it is registered: its name is its function's."""

    name: str
    needs: str
    run: Callable[..., Awaitable[R]]
    recorded: bool
    parameters: frozenset[str]
    hides: tuple[str, ...] = ()
    """Arguments of which the record keeps only a mark: the same for the same value, and telling nothing of
    it."""
    about: About | None = None
    """What a refusal was about, where the arguments only hint at it."""

    def __call__(self, tx: Tx, **arguments: Any) -> Awaitable[R]:
        """Within another command's transaction."""
        return self.run(tx, **arguments)


COMMANDS: dict[str, Command[..., Any]] = {}


def command(
    *, needs: str, recorded: bool = True, hides: Sequence[str] = (), about: About | None = None
) -> Callable[[Callable[..., Awaitable[R]]], Command[..., R]]:
    """`needs` is a permission, SIGNED_IN, PUBLIC or INSIDE. `recorded=False`: it leaves no command and no
    audit entry. `hides` and `about` are for what somebody said who is not known yet."""

    def made(run: Callable[..., Awaitable[R]]) -> Command[..., R]:
        name = run.__name__
        assert name not in COMMANDS or COMMANDS[name].run.__module__ == run.__module__, f"two commands {name}"
        parameters = frozenset(list(inspect.signature(run).parameters)[1:])
        made = Command[..., R](
            name=name,
            needs=str(needs),
            run=run,
            recorded=recorded,
            parameters=parameters,
            hides=tuple(hides),
            about=about,
        )
        COMMANDS[name] = made
        return made

    return made


def check_held(needs: str, viewer: Viewer) -> None:
    """The first refusal, before any input is looked at."""
    if needs in (PUBLIC, INSIDE):
        return
    if not viewer.signed_in:
        raise unauthenticated()
    if needs != SIGNED_IN and not viewer.rights.anywhere(needs):
        raise forbidden(needs)


@dataclass
class Tx:
    """The open transaction of one command."""

    session: AsyncSession
    viewer: Viewer
    command: Command[..., Any]
    now: datetime
    vault: Vault
    command_id: UUID = field(default_factory=new_id)
    correlation_id: str | None = None
    """The trace that the command belongs to."""
    undoing: Mapping[UUID, int] = field(default_factory=dict[UUID, int])
    """In an undo: the version each thing must still have."""
    undoes: UUID | None = None
    """The command that this one takes back; a redo takes back an undo."""

    events: list[Event] = field(default_factory=list[Event])
    jobs: list[tables.Job] = field(default_factory=list[tables.Job])
    changes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    subjects: dict[UUID, Base] = field(default_factory=dict[UUID, Base])
    progress: list[Progress] = field(default_factory=list[Progress])
    inverse: dict[str, Any] | None = None
    counted: dict[str, Any] = field(default_factory=dict[str, Any])
    scope: Base | None = None
    """Where a new thing is made, for the place of a command that has no other subject."""
    quiet: bool = False

    _removed: set[UUID] = field(default_factory=set[UUID])
    _before: dict[UUID, dict[str, Any]] = field(default_factory=dict[UUID, dict[str, Any]])
    _raised: set[UUID] = field(default_factory=set[UUID])

    def __post_init__(self) -> None:
        hooks.listen(self.session.sync_session, "before_flush", self._raise_versions)

    async def get(
        self,
        row: type[Row],
        key: UUID,
        *,
        version: int | None = None,
        needs: str | None = None,
        path: Sequence[str] = ("id",),
        lock: bool = True,
    ) -> Row:
        """The thing, locked: NOT_FOUND where the viewer may not see it, FORBIDDEN without the permission on
        it, STALE_VERSION where it is not the version the caller read."""
        thing = await self._admitted(row, key, needs=needs, path=path, lock=lock)
        self._check_version(thing, version, path)
        self.touches(thing)
        return thing

    async def within(
        self, row: type[Row], key: UUID, *, needs: str | None = None, path: Sequence[str] = ()
    ) -> Row:
        """The scope a new thing is made in: the permission must be held there. The scope itself is not
        changed."""
        thing = await self._admitted(row, key, needs=needs, path=path, lock=False)
        self.scope = self.scope or thing
        return thing

    async def _admitted(
        self, row: type[Row], key: UUID, *, needs: str | None, path: Sequence[str], lock: bool
    ) -> Row:
        permission = str(needs or self.command.needs)
        seen = visible(row, self.viewer)
        if permission in (PUBLIC, INSIDE):
            may = literal(True)
        else:
            may = seen if permission == SIGNED_IN else allowed(permission, row, self.viewer)
        query = select(row, may.label("may"), seen.label("seen")).where(_id_of(row) == key)
        if lock:
            # Others may go on referring to the thing (foreign keys), and what this transaction read of it
            # before it had the lock is read again.
            query = query.with_for_update(of=row, key_share=True).execution_options(populate_existing=True)
        found = (await self.session.execute(query)).one_or_none()
        if found is None or not (found.may or found.seen):
            raise not_found(row.__word__, path=path)
        if not found.may:
            raise forbidden(permission, resource_id=global_id(row.__word__, key), path=path)
        return found[0]

    async def add(self, thing: Row) -> Row:
        self.session.add(thing)
        await self.session.flush()
        self.touches(thing, made=True)
        return thing

    def touches(self, thing: Base, *, made: bool = False) -> None:
        """The thing is one of the command's subjects: its change is recorded, and its version rises once."""
        key = key_of(thing)
        if key not in self.subjects:
            self.subjects[key] = thing
            self._before[key] = {} if made else shown(thing)

    def removes(self, thing: Base) -> None:
        """The thing goes by a statement that the session knows nothing of; its record keeps what it was."""
        self.touches(thing)
        self._removed.add(key_of(thing))

    def forgets(self, thing: Base) -> None:
        """What the thing was before is not for the record: words of a person that are erased."""
        self._before[key_of(thing)] = shown(thing)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def enqueue(
        self,
        job: Job,
        *,
        subject: tuple[str, UUID] | None = None,
        workspace_id: UUID | None = None,
        source_id: UUID | None = None,
        not_before: datetime | None = None,
    ) -> tables.Job:
        """Background work, a row of the same transaction; carried to arq after the commit."""
        row = job_row(
            job,
            command_id=self.command_id,
            viewer=self.viewer,
            now=self.now,
            subject=subject,
            workspace_id=workspace_id,
            source_id=source_id,
            not_before=not_before,
        )
        self.jobs.append(row)
        self.session.add(row)
        return row

    def progressed(self, *topics: str, key: str, progress: dict[str, Any]) -> None:
        """Progress is told to live readers after the commit and not kept; at most one a second for each
        key."""
        self.progress.append((topics, key, progress))

    def undone_by(self, inverse: Command[..., Any], **arguments: Any) -> None:
        """What takes this command back, with which arguments; the runner minds the versions."""
        self.inverse = {"command": inverse.name, "arguments": plain(arguments)}

    def counts(self, **counts: Any) -> None:
        """A set-based command records counts, not each row."""
        self.counted |= counts

    def leaves_no_record(self) -> None:
        """This run changed nothing worth a record (a known batch, nothing to claim)."""
        self.quiet = True

    def runs_as(self, what: Command[..., Any]) -> None:
        """From here on things are got with this command's permission: an undo acts under that of what it
        takes back."""
        self.command = dataclasses.replace(self.command, needs=what.needs)

    @property
    def recorded(self) -> bool:
        return self.command.recorded and not self.quiet

    def _check_version(self, thing: Base, version: int | None, path: Sequence[str]) -> None:
        if not isinstance(thing, Entity):
            return
        expected = self.undoing.get(thing.id, version)
        if expected is not None and thing.version != expected:
            raise ConflictError(
                ErrorCode.STALE_VERSION,
                f"This has been changed since version {expected}; it is at version {thing.version} now. "
                "Read it again and repeat the change if it is still wanted.",
                path=["version"] if version is not None else path,
                current=(thing.__word__, thing.id),
                current_version=thing.version,
            )

    def _raise_versions(self, session: Any, *_: Any) -> None:
        """With the first change that is written, so that a thing is written (and kept in its history)
        once."""
        for key, thing in self.subjects.items():
            if key in self._raised or not self._before[key] or not isinstance(thing, Entity):
                continue
            if thing in session.dirty and session.is_modified(thing):
                self._raised.add(key)
                if not inspected(thing).attrs.version.history.has_changes():
                    thing.version += 1
                thing.updated_at = self.now

    async def finish(self) -> None:
        """All is written but the events and the record, and what changed is known."""
        await self.session.flush()
        for key, thing in self.subjects.items():
            gone = key in self._removed or inspected(thing).deleted
            self.changes += taken_away(self._before[key]) if gone else difference(thing, self._before[key])

    def event_rows(self) -> list[dict[str, Any]]:
        return event_rows(
            self.events,
            viewer=self.viewer,
            command_id=self.command_id if self.recorded else None,
            correlation_id=self.correlation_id,
            now=self.now,
        )


def _id_of(row: type[Any]) -> Any:
    return row.id


async def insert_events(
    session: AsyncSession,
    events: Sequence[Event],
    *,
    viewer: Viewer,
    command_id: UUID | None,
    now: datetime,
) -> None:
    if events:
        rows = event_rows(events, viewer=viewer, command_id=command_id, now=now, correlation_id=None)
        await session.execute(insert(tables.Event), rows)


_EVENT = tables.Event.__table__
_TOLD = (
    "id", "at", "type", "schema_version", "topics", "actor_id", "actor_word", "command_id", "subject_word",
    "subject_id", "workspace_id", "source_id", "correlation_id", "data",
)  # fmt: skip


def events_told(rows: Sequence[dict[str, Any]]) -> Insert:
    """As one statement, whatever their number, which may be a part of another; in their order."""
    numbered = [{**row, "place": place} for place, row in enumerate(rows)]
    types = [column(name, _EVENT.c[name].type) for name in _TOLD]
    told = (
        func.jsonb_to_recordset(bindparam("told", numbered, JSONB(), unique=True))
        .table_valued(*types, column("place", Integer()))
        .render_derived(name="told", with_types=True)
    )
    chosen = select(*(told.c[name] for name in _TOLD)).order_by(told.c.place)
    return insert(tables.Event).from_select(list(_TOLD), chosen, include_defaults=False)


def event_rows(
    events: Sequence[Event],
    *,
    viewer: Viewer,
    command_id: UUID | None,
    now: datetime,
    correlation_id: str | None,
) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(),
            "at": now,
            "type": type(event).__name__,
            "schema_version": event.schema_version,
            "topics": event.in_topics(),
            "actor_id": viewer.actor_id,
            "actor_word": viewer.actor_word,
            "command_id": command_id,
            "subject_word": event.subject[0] if event.subject else None,
            "subject_id": getattr(event, event.subject[1]) if event.subject else None,
            "workspace_id": getattr(event, "workspace_id", None),
            "source_id": getattr(event, "source_id", None),
            "correlation_id": correlation_id,
            "data": event.data(),
        }
        for event in events
    ]
