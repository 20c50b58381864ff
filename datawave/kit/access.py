"""Who asks, with what rights, and which rows that lets them see. The algebra only: rights are made in `auth`.

Scope ids enter SQL as bound parameters and nowhere else, so one statement serves everybody whose rights have
the same shape (everywhere, somewhere, nowhere).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, false, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased


class Reach(StrEnum):
    """How far a permission reaches: the word that is part of a plan's key."""

    EVERYWHERE = "everywhere"
    SOMEWHERE = "somewhere"
    NOWHERE = "nowhere"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where one permission is held."""

    everywhere: bool = False
    workspaces: frozenset[UUID] = frozenset()
    sources: frozenset[UUID] = frozenset()

    @cached_property
    def reach(self) -> Reach:
        if self.everywhere:
            return Reach.EVERYWHERE
        return Reach.SOMEWHERE if self.workspaces or self.sources else Reach.NOWHERE

    @cached_property
    def digest(self) -> str:
        """The same for scopes that reach the same."""
        if self.everywhere:
            return Reach.EVERYWHERE
        told = sha256(b"%d:" % len(self.workspaces))
        for key in (*self.workspace_list, *self.source_list):
            told.update(key.bytes)
        return told.hexdigest()[:32]

    @cached_property
    def source_list(self) -> list[UUID]:
        return _in_order(self.sources)

    @cached_property
    def workspace_list(self) -> list[UUID]:
        return _in_order(self.workspaces)


def _in_order(ids: frozenset[UUID]) -> list[UUID]:
    """Once for a scope and not for each statement. What is known only when a plan runs stays as it is."""
    return sorted(ids, key=_BYTES) if isinstance(ids, frozenset) else ids  # pyright: ignore[reportUnnecessaryIsInstance]


_BYTES = attrgetter("bytes")
NOT_HELD = Scope()
EVERYWHERE = Scope(everywhere=True)


@dataclass(frozen=True)
class Rights:
    """Permission → where it is held; immutable, one value a request."""

    held: Mapping[str, Scope] = field(default_factory=dict[str, Scope])
    digest: str = ""

    def scope(self, permission: str) -> Scope:
        return self.held.get(permission, NOT_HELD)

    def anywhere(self, permission: str) -> bool:
        return self.scope(permission).reach is not Reach.NOWHERE

    def on(self, permission: str, *, workspace_id: UUID | None = None, source_id: UUID | None = None) -> bool:
        scope = self.scope(permission)
        return (
            scope.everywhere
            or (workspace_id is not None and workspace_id in scope.workspaces)
            or (source_id is not None and source_id in scope.sources)
        )


class _Everything(dict[str, Scope]):
    def get(self, key: str, default: Any = None) -> Any:
        return EVERYWHERE


EVERYTHING = Rights(held=_Everything(), digest="everything")
"""The platform's own rights: schedules and duties act with them."""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who asks. Nobody has no actor; `system` is the platform itself (schedules, duties)."""

    actor_id: UUID | None = None
    actor_word: str | None = None
    """user, service, agent, system: the row word of the actor's id."""
    display_name: str = ""
    rights: Rights = field(default_factory=Rights)
    session_id: UUID | None = None
    address: str | None = None
    client: str | None = None

    @property
    def signed_in(self) -> bool:
        return self.actor_id is not None or self.actor_word == "system"


NOBODY = Viewer()
SYSTEM = Viewer(actor_word="system", display_name="DataWave", rights=EVERYTHING)
"""The platform itself."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a row says who sees it. `source` and `workspace` are paths from the row: a column of it, or a
    column that refers to another table and a column there (`source_id.workspace_id`). `own` names its owner's
    column. `between` names columns that refer to rows which must be seen too."""

    read: str | None = None
    source: str | None = None
    workspace: str | None = None
    own: str | None = None
    between: tuple[str, ...] = ()
    public: bool = False
    """Anybody signed in sees it."""
    internal: bool = False
    """Never served as a row."""


INTERNAL = Access(internal=True)


def visible(row: Any, viewer: Viewer) -> ColumnElement[bool]:
    """Which rows of this table the viewer may see."""
    access: Access = row.__access__
    if access.internal:
        return false()
    if access.public:
        return true() if viewer.signed_in else false()
    assert access.read is not None, f"{row.__name__} has no permission to read it"
    seen = allowed(access.read, row, viewer)
    return and_(seen, *_ends(row, access.between, viewer)) if access.between else seen


def _ends(row: Any, columns: tuple[str, ...], viewer: Viewer) -> Iterator[ColumnElement[bool]]:
    """Nothing is asked of the other rows where the viewer may see all of them."""
    for column in columns:
        [key] = row.__table__.c[column].foreign_keys
        [end] = (
            each.class_ for each in row.__mapper__.registry.mappers if each.local_table is key.column.table
        )
        if not viewer.rights.scope(end.__access__.read).everywhere:
            other = aliased(end)
            yield select(literal(1)).where(other.id == _at(row, column), visible(other, viewer)).exists()


def allowed(permission: str, row: Any, viewer: Viewer) -> ColumnElement[bool]:
    """On which rows of this table the viewer holds the permission; one's own always count for reading."""
    access: Access = row.__access__
    scope = viewer.rights.scope(permission)
    if scope.everywhere:
        return true()
    parts: list[ColumnElement[bool]] = []
    if access.source and scope.sources:
        parts.append(_at(row, access.source).in_(_ids("scope_sources", scope.source_list)))
    if access.workspace and scope.workspaces:
        parts.append(_within(row, access.workspace, scope.workspace_list))
    if access.own and viewer.actor_id and permission == access.read:
        parts.append(_is_own(row, access.own, viewer))
    return or_(*parts) if parts else false()


def tells(permission: str, row: Any, viewer: Viewer) -> ColumnElement[bool]:
    """Of which rows a field is told that needs a permission of its own: one's own keep nothing back."""
    own: str | None = row.__access__.own
    held = allowed(permission, row, viewer)
    if own is None or not viewer.actor_id:
        return held
    return or_(held, _is_own(row, own, viewer))


def _is_own(row: Any, column: str, viewer: Viewer) -> ColumnElement[bool]:
    return _at(row, column) == bindparam("own_actor", viewer.actor_id, Uuid(), unique=True)


def may_be_told(permission: str, row: Any, viewer: Viewer) -> bool:
    """The same of one row, or of a thing that is none."""
    access: Access | None = getattr(row, "__access__", None)
    if access is not None and access.own and viewer.actor_id and _at(row, access.own) == viewer.actor_id:
        return True
    word = getattr(row, "__word__", None)
    workspace = row.id if word == "workspace" else getattr(row, "workspace_id", None)
    source = row.id if word == "source" else getattr(row, "source_id", None)
    return viewer.rights.on(permission, workspace_id=workspace, source_id=source)


def _ids(name: str, ids: Any) -> Any:
    """`ids` may be known only when a plan runs."""
    return select(func.unnest(bindparam(name, ids, ARRAY(Uuid()), unique=True)))


def _at(row: Any, column: str) -> Any:
    return getattr(row, column)


def _within(row: Any, path: str, workspaces: Any) -> ColumnElement[bool]:
    ids = _ids("scope_workspaces", workspaces)
    first, _, rest = path.partition(".")
    if not rest:
        return _at(row, first).in_(ids)
    [key] = row.__table__.c[first].foreign_keys
    there = key.column.table
    return _at(row, first).in_(select(key.column).where(there.c[rest].in_(ids)))
