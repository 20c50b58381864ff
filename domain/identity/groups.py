"""Groups: people and programs who hold together what their group is given. Whoever takes somebody in gives
them all that the group holds, and so must hold it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.duties import NOW
from datawave.kit.errors import ErrorCode, InputError, forbidden, not_found
from domain.identity.events import (
    GrantRevoked,
    GroupMembersAdded,
    GroupMembersRemoved,
    GroupRemoved,
    GroupSaved,
)
from domain.identity.grants import ACTORS, Place, given, refuse_beyond_own
from domain.identity.roles import refuse_nobody_left, stand_in_line
from domain.workspaces import checked_name
from models.identity import Grant, Group, GroupMember, Role
from models.sources import DataSource

MOST_AT_ONCE = 500
"""Members in one command, and in one event."""

Member = tuple[str, UUID, UUID | None]
"""Word, key, and the login service that says so; nobody but a person where it is None."""

Kept = tuple[UUID, UUID, str | None, UUID | None, datetime | None]
"""A grant of a group that is gone: its id, role, scope's word and id, end."""


@command(needs=Permission.ROLE_MANAGE)
async def save_group(
    tx: Tx,
    *,
    name: str,
    description: str | None = None,
    group_id: UUID | None = None,
    version: int | None = None,
) -> Group:
    """Makes a group without members and rights, or renames one."""
    name = checked_name(name)
    await refuse_taken_name(tx, name, group_id)
    if group_id is None:
        if not tx.viewer.rights.scope(Permission.ROLE_MANAGE).everywhere:
            raise forbidden(Permission.ROLE_MANAGE)
        group = await tx.add(Group(name=name, description=description))
        tx.undone_by(delete_group, group_id=group.id)
    else:
        group = await tx.get(Group, group_id, version=version)
        tx.undone_by(save_group, group_id=group.id, name=group.name, description=group.description)
        group.name, group.description = name, description
    tx.emit(GroupSaved(group_id=group.id, name=name))
    return group


@command(needs=Permission.ROLE_MANAGE)
async def delete_group(tx: Tx, *, group_id: UUID) -> None:
    """Its members lose what it held; taken back, all is as it was."""
    await stand_in_line(tx)
    group = await tx.get(Group, group_id)
    members = await _taken_out(tx, group, None)
    kept = await _grants_taken(tx, group)
    tx.undone_by(
        restore_group,
        group_id=group.id,
        name=group.name,
        description=group.description,
        members=members,
        grants=kept,
    )
    tx.counts(members=len(members), grants=len(kept))
    await tx.session.delete(group)
    await tx.session.flush()
    await refuse_nobody_left(tx)
    tx.emit(GroupRemoved(group_id=group_id, name=group.name))


@command(needs=Permission.ROLE_MANAGE)
async def restore_group(
    tx: Tx,
    *,
    group_id: UUID,
    name: str,
    description: str | None,
    members: Sequence[Member],
    grants: Sequence[Kept],
) -> Group:
    """The group again, under its own id; who does it gives all that it held."""
    await refuse_taken_name(tx, name, None)
    group = await tx.add(Group(id=group_id, name=name, description=description))
    for grant_id, role_id, word, scope_id, until in grants:
        if until is None or until > tx.now:
            await given(tx, grant_id, "group", group_id, role_id, word, scope_id, until)
    await _taken_in(tx, group, members)
    tx.counts(members=len(members), grants=len(grants))
    tx.undone_by(delete_group, group_id=group_id)
    tx.emit(GroupSaved(group_id=group_id, name=name))
    return group


@command(needs=Permission.ROLE_MANAGE)
async def add_group_members(tx: Tx, *, group_id: UUID, members: Sequence[tuple[str, UUID]]) -> Group:
    """Who is in it already stays so. Needs all that the group holds, and `role:grant`, wherever it holds."""
    _refuse_too_many(members)
    group = await tx.get(Group, group_id, path=["groupId"])
    await _refuse_unknown(tx, members)
    await _refuse_giving_more_than_own(tx, group)
    added = await _taken_in(tx, group, [(word, key, None) for word, key in members])
    tx.undone_by(remove_group_members, group_id=group.id, members=added)
    return group


@command(needs=Permission.ROLE_MANAGE)
async def remove_group_members(tx: Tx, *, group_id: UUID, members: Sequence[tuple[str, UUID]]) -> Group:
    """They lose what they held through the group alone."""
    _refuse_too_many(members)
    await stand_in_line(tx)
    group = await tx.get(Group, group_id, path=["groupId"])
    removed = await _taken_out(tx, group, [key for _, key in members])
    await refuse_nobody_left(tx)
    tx.undone_by(restore_group_members, group_id=group.id, members=removed)
    return group


@command(needs=Permission.ROLE_MANAGE)
async def restore_group_members(tx: Tx, *, group_id: UUID, members: Sequence[Member]) -> Group:
    """Those who were taken out again, as they were in it."""
    group = await tx.get(Group, group_id, path=["groupId"])
    await _refuse_giving_more_than_own(tx, group)
    back = await _taken_in(tx, group, members)
    tx.undone_by(remove_group_members, group_id=group.id, members=back)
    return group


async def refuse_taken_name(tx: Tx, name: str, own: UUID | None) -> None:
    taken = await tx.session.scalar(select(Group.id).where(Group.name == name))
    if taken is not None and taken != own:
        raise InputError(
            ErrorCode.ALREADY_EXISTS, f"A group named “{name}” exists; choose another name.", path=["name"]
        )


def _refuse_too_many(members: Sequence[tuple[str, UUID]]) -> None:
    if not members or len(members) > MOST_AT_ONCE:
        raise InputError(
            ErrorCode.INVALID if members else ErrorCode.REQUIRED,
            f"Name 1 to {MOST_AT_ONCE} members at once.",
            path=["memberIds"],
            expected=f"1 to {MOST_AT_ONCE} ids",
        )


async def _refuse_unknown(tx: Tx, members: Sequence[tuple[str, UUID]]) -> None:
    known: set[UUID] = set()
    for word in {word for word, _ in members}:
        row = ACTORS[word]
        wanted = [key for each, key in members if each == word]
        known.update(await tx.session.scalars(select(row.id).where(row.id.in_(wanted))))
    for at, (word, key) in enumerate(members):
        if key not in known:
            raise not_found(word, path=["memberIds", str(at)])


async def _refuse_giving_more_than_own(tx: Tx, group: Group) -> None:
    held = await tx.session.execute(
        select(Grant.scope_word, Grant.scope_id, DataSource.workspace_id, Role.permission_names)
        .join(Role, Role.id == Grant.role_id)
        .outerjoin(DataSource, DataSource.id == Grant.scope_id)
        .where(Grant.actor_id == group.id, Grant.expires_at.is_(None) | (Grant.expires_at > NOW))
    )
    for word, key, workspace_id, permissions in held:
        place = Place(workspace_id=key) if word == "workspace" else Place(workspace_id, key)
        refuse_beyond_own(tx, place, [Permission.ROLE_GRANT, *permissions], path=["groupId"])


async def _taken_in(tx: Tx, group: Group, members: Sequence[Member]) -> list[tuple[str, UUID]]:
    """Those who were not in it before, in the order given; told in parts."""
    if not members:
        return []
    values = [
        {"group_id": group.id, "member_word": word, "member_id": key, "provider_id": provider}
        for word, key, provider in members
    ]
    words = {key: word for word, key, _ in members}
    fresh: list[UUID] = []
    for at in range(0, len(values), 5 * MOST_AT_ONCE):
        added = insert(GroupMember).values(values[at : at + 5 * MOST_AT_ONCE]).on_conflict_do_nothing()
        fresh += await tx.session.scalars(added.returning(GroupMember.member_id))
    for at in range(0, len(fresh), MOST_AT_ONCE):
        tx.emit(GroupMembersAdded(group_id=group.id, actor_ids=fresh[at : at + MOST_AT_ONCE]))
    return [(words[key], key) for key in fresh]


async def _taken_out(tx: Tx, group: Group, which: Sequence[UUID] | None) -> list[Member]:
    """These, or all; told in parts."""
    row = GroupMember
    gone = delete(row).where(row.group_id == group.id)
    if which is not None:
        gone = gone.where(row.member_id.in_(which))
    gone = gone.returning(row.member_word, row.member_id, row.provider_id)
    found = (await tx.session.execute(gone.execution_options(synchronize_session=False))).all()
    taken: list[Member] = [(word, key, provider) for word, key, provider in found]
    for at in range(0, len(taken), MOST_AT_ONCE):
        part = [key for _, key, _ in taken[at : at + MOST_AT_ONCE]]
        tx.emit(GroupMembersRemoved(group_id=group.id, actor_ids=part))
    return taken


async def _grants_taken(tx: Tx, group: Group) -> list[Kept]:
    row = Grant
    gone = delete(row).where(row.actor_id == group.id).returning(row)
    found = (await tx.session.scalars(gone.execution_options(synchronize_session=False))).all()
    sources = [each.scope_id for each in found if each.scope_word == "source"]
    query = select(DataSource.id, DataSource.workspace_id).where(DataSource.id.in_(sources))
    found_in = await tx.session.execute(query)
    workspaces: dict[UUID | None, UUID] = {each.id: each.workspace_id for each in found_in}
    for each in found:
        on_source = each.scope_word == "source"
        tx.emit(
            GrantRevoked(
                grant_id=each.id,
                actor_id=group.id,
                role_id=each.role_id,
                workspace_id=workspaces.get(each.scope_id) if on_source else each.scope_id,
                source_id=each.scope_id if on_source else None,
            )
        )
    return [(each.id, each.role_id, each.scope_word, each.scope_id, each.expires_at) for each in found]
