"""What programs come in with, described."""

from __future__ import annotations

from sqlalchemy import select, text

from datawave.kit.access import visible
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, at_most
from models.agents import Certificate
from models.identity import ApiKey, ServiceAccount

MOST = 50
"""Of each actor."""


def living_keys(of: Of) -> Rows:
    row = ApiKey
    query = select(row).where(
        row.revoked_at.is_(None), row.expires_at > text("datawave_now()"), visible(row, of.viewer)
    )
    order = [Key(row.created_at, descending=True), Key(row.id)]
    return Rows(query=at_most(query, MOST, of), row=row, by=row.actor_id, order=order)


def certificates(of: Of) -> Rows:
    """A certificate says no more of a program than whoever sees the program knows."""
    row = Certificate
    query = (
        select(row)
        .join(ServiceAccount, ServiceAccount.id == row.actor_id)
        .where(row.revoked_at.is_(None), visible(ServiceAccount, of.viewer))
    )
    order = [Key(row.not_before, descending=True), Key(row.id)]
    return Rows(query=at_most(query, MOST, of), row=row, by=row.actor_id, order=order)
