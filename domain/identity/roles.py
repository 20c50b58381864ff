"""Roles: named sets of permissions. Nobody puts into a role what they do not hold everywhere themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select, text

from auth.permissions import BUILT_IN_ROLES, Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden
from domain.identity.events import RoleRemoved, RoleSaved
from domain.workspaces import checked_name
from models.identity import Grant, Role

KEEPS_THE_PLATFORM = (Permission.USER_UPDATE, Permission.ROLE_MANAGE, Permission.ROLE_GRANT)
"""Somebody must always hold these everywhere: without them nobody could give rights again."""

STILL_KEPT = text(
    "SELECT EXISTS (SELECT 1 FROM access_grant g JOIN role r ON r.id = g.role_id"
    " WHERE g.scope_id IS NULL AND g.expires_at IS NULL"
    " AND r.permission_names @> CAST(:permissions AS text[])"
    " AND EXISTS (SELECT 1 FROM person p WHERE p.state = 'ACTIVE' AND p.id IN ("
    " SELECT g.actor_id UNION ALL SELECT m.member_id FROM group_member m"
    " WHERE m.group_id = g.actor_id AND m.provider_id IS NULL)))"
)
"""Through a group too, but not by the word of a login service, which may take it back with nobody asked."""


@command(needs=Permission.ROLE_MANAGE)
async def save_role(
    tx: Tx,
    *,
    name: str,
    permissions: Sequence[str],
    description: str | None = None,
    role_id: UUID | None = None,
    version: int | None = None,
) -> Role:
    """Makes a role or changes one; a change counts for everybody who holds it, at once."""
    name, wanted = checked_name(name), checked_permissions(permissions)
    await refuse_taken_name(tx, name, role_id)
    if role_id is None:
        refuse_more_than_own(tx, wanted)
        role = await tx.add(Role(name=name, description=description, permission_names=wanted))
        tx.undone_by(remove_role, role_id=role.id)
    else:
        role = await tx.get(Role, role_id, version=version)
        refuse_built_in(role)
        refuse_more_than_own(tx, set(wanted) - set(role.permission_names))
        tx.undone_by(
            save_role,
            role_id=role.id,
            name=role.name,
            description=role.description,
            permissions=role.permission_names,
        )
        await stand_in_line(tx)
        role.name, role.description, role.permission_names = name, description, wanted
        await tx.session.flush()
        await refuse_nobody_left(tx)
    tx.emit(RoleSaved(role_id=role.id, name=name))
    return role


@command(needs=Permission.ROLE_MANAGE)
async def remove_role(tx: Tx, *, role_id: UUID, version: int | None = None) -> None:
    """Deletes a role that nobody holds, or takes back the making of one."""
    role = await tx.get(Role, role_id, version=version)
    refuse_built_in(role)
    if await tx.session.scalar(select(Grant.id).where(Grant.role_id == role_id).limit(1)) is not None:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"The role {role.name} is held by somebody; take it from them first.",
            path=["id"],
        )
    tx.undone_by(
        restore_role,
        role_id=role.id,
        name=role.name,
        description=role.description,
        permissions=role.permission_names,
    )
    await tx.session.delete(role)
    tx.emit(RoleRemoved(role_id=role_id, name=role.name))


@command(needs=Permission.ROLE_MANAGE)
async def restore_role(
    tx: Tx, *, role_id: UUID, name: str, permissions: Sequence[str], description: str | None
) -> Role:
    """The role again, under its own id."""
    await refuse_taken_name(tx, name, None)
    wanted = checked_permissions(permissions)
    refuse_more_than_own(tx, wanted)
    role = await tx.add(Role(id=role_id, name=name, description=description, permission_names=wanted))
    tx.undone_by(remove_role, role_id=role.id)
    tx.emit(RoleSaved(role_id=role.id, name=name))
    return role


@command(needs=Permission.ROLE_MANAGE)
async def keep_built_in_roles(tx: Tx) -> list[Role]:
    """The roles that come with the product, as this release has them; part of every migration."""
    known = {role.name: role for role in await tx.session.scalars(select(Role).with_for_update())}
    changed: list[Role] = []
    for name, (description, permissions) in BUILT_IN_ROLES.items():
        wanted = sorted(map(str, permissions))
        role = known.get(name)
        if role is None:
            role = await tx.add(
                Role(name=name, description=description, built_in=True, permission_names=wanted)
            )
        elif (role.description, role.permission_names, role.built_in) == (description, wanted, True):
            continue
        else:
            tx.touches(role)
            role.description, role.permission_names, role.built_in = description, wanted, True
        changed.append(role)
        tx.emit(RoleSaved(role_id=role.id, name=name))
    if not changed:
        tx.leaves_no_record()
    return changed


def checked_permissions(names: Iterable[str]) -> list[str]:
    wanted: set[str] = set()
    for at, name in enumerate(names):
        if name not in Permission.__members__.values():
            raise InputError(
                ErrorCode.INVALID,
                "There is no such permission; `permissions` lists them.",
                path=["permissions", str(at)],
                expected="a permission's name, as datasource:read",
            )
        wanted.add(str(name))
    if Permission.AGENT_ACT in wanted:
        raise InputError(
            ErrorCode.INVALID,
            "Only enrolled agents hold agent:act; no role gives it to anybody else.",
            path=["permissions"],
        )
    return sorted(wanted)


def refuse_more_than_own(tx: Tx, permissions: Iterable[str]) -> None:
    for name in sorted(permissions):
        if not tx.viewer.rights.scope(name).everywhere:
            raise forbidden(name, path=["permissions"])


def refuse_built_in(role: Role) -> None:
    if role.built_in:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"{role.name} comes with the product and stays as it is; make a role of your own.",
            path=["id"],
            current=("role", role.id),
            current_version=role.version,
        )


async def refuse_taken_name(tx: Tx, name: str, own: UUID | None) -> None:
    taken = await tx.session.scalar(select(Role.id).where(Role.name == name))
    if taken is not None and taken != own:
        raise InputError(
            ErrorCode.ALREADY_EXISTS, f"A role named “{name}” exists; choose another name.", path=["name"]
        )


async def stand_in_line(tx: Tx) -> None:
    """Whoever takes rights away does so one at a time: two administrators must not remove each other."""
    await tx.session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('datawave.access', 0))"))


async def refuse_nobody_left(tx: Tx) -> None:
    """The last administrator stays one."""
    kept = await tx.session.scalar(STILL_KEPT, {"permissions": [str(p) for p in KEEPS_THE_PLATFORM]})
    if not kept:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "Then nobody could give rights any more; make somebody else an administrator first.",
            path=["id"],
        )
