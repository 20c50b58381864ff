"""What workspaces show of other tables, described."""

from __future__ import annotations

from sqlalchemy import func, select, text

from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows
from models.agents import EdgeAgent
from models.identity import Grant, Group, ServiceAccount, User


def members(_of: Of) -> Rows:
    """Whoever holds a role on the workspace itself, in the order in which they came. Members know each other
    by name, also those who may not see people."""
    name = func.coalesce(User.display_name, ServiceAccount.display_name, Group.name, EdgeAgent.name)
    found = (
        select(
            Grant.id,
            Grant.scope_id.label("workspace_id"),
            Grant.actor_id,
            Grant.actor_word,
            Grant.role_id,
            Grant.granted_at.label("joined_at"),
            func.coalesce(name, "").label("display_name"),
        )
        .outerjoin(User, User.id == Grant.actor_id)
        .outerjoin(ServiceAccount, ServiceAccount.id == Grant.actor_id)
        .outerjoin(Group, Group.id == Grant.actor_id)
        .outerjoin(EdgeAgent, EdgeAgent.id == Grant.actor_id)
        .where(
            Grant.scope_word == "workspace",
            Grant.expires_at.is_(None) | (Grant.expires_at > text("datawave_now()")),
        )
        .subquery("members")
    )
    row = found.c
    return Rows(query=select(found), row=row, by=row.workspace_id, order=[Key(row.joined_at), Key(row.id)])
