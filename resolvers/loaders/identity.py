"""What people and programs show of other tables, described."""

from __future__ import annotations

from sqlalchemy import func, select, text

from datawave.kit.access import visible
from datawave.kit.given import among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, at_most
from models.identity import AuthSession, ExternalIdentity, Grant, Group, GroupMember, RememberedDevice

MOST_SESSIONS = 100
"""Of each person, the newest."""

MOST_GRANTS = 500
MOST_IDENTITIES = 100


def living_sessions(of: Of) -> Rows:
    """Sessions that have not ended, the last used first."""
    row = AuthSession
    place = func.row_number().over(partition_by=row.actor_id, order_by=(row.last_seen_at.desc(), row.id))
    newest = (
        select(row.id.label("id"), place.label("place"))
        .where(
            among(row.actor_id, of.keys),
            row.ended_at.is_(None),
            row.expires_at > text("datawave_now()"),
            visible(row, of.viewer),
        )
        .subquery("newest")
    )
    query = select(row).join(newest, newest.c.id == row.id).where(newest.c.place <= MOST_SESSIONS)
    return Rows(
        query=query, row=row, by=row.actor_id, order=[Key(row.last_seen_at, descending=True), Key(row.id)]
    )


def remembered_devices(of: Of) -> Rows:
    """Devices that are remembered still, the last used first; a person has few."""
    row = RememberedDevice
    query = select(row).where(row.expires_at > text("datawave_now()"), visible(row, of.viewer))
    order = [Key(row.last_used_at, descending=True), Key(row.id)]
    return Rows(query=query, row=row, by=row.user_id, order=order)


def grants(of: Of) -> Rows:
    """What they hold, the oldest first; one that has run out no longer counts."""
    row = Grant
    query = select(row).where(
        row.expires_at.is_(None) | (row.expires_at > text("datawave_now()")), visible(row, of.viewer)
    )
    order = [Key(row.granted_at), Key(row.id)]
    return Rows(query=at_most(query, MOST_GRANTS, of), row=row, by=row.actor_id, order=order)


def groups(_of: Of) -> Rows:
    """Whoever sees somebody sees which groups they are in, by name."""
    query = select(Group).join(GroupMember, GroupMember.group_id == Group.id)
    return Rows(query=query, row=Group, by=GroupMember.member_id, order=[Key(Group.name), Key(Group.id)])


def identities(of: Of) -> Rows:
    """How login services know them, the oldest first; those of a deleted service no longer count."""
    row = ExternalIdentity
    query = select(row).where(row.lapsed_at.is_(None), visible(row, of.viewer))
    order = [Key(row.linked_at), Key(row.id)]
    return Rows(query=at_most(query, MOST_IDENTITIES, of), row=row, by=row.user_id, order=order)
