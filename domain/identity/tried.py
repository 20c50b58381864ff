"""Whom a sign-in that failed was about: the account that was named, if there is one. What was named is itself
kept as a mark only, since people put their password in the wrong field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from datawave.kit.database import Database
from datawave.kit.emails import folded
from models.identity import AuthMethod, ServiceAccount, User


async def account_tried(database: Database, arguments: Mapping[str, Any]) -> tuple[str, UUID] | None:
    """It takes as long whether or not there is one."""
    name = str(arguments.get("name", "")).strip()[:320]
    if arguments.get("method") is AuthMethod.CLIENT_CREDENTIALS:
        word, query = "service", select(ServiceAccount.id).where(ServiceAccount.client_id == name)
    else:
        word, query = "user", select(User.id).where(User.email == folded(name))
    async with database.session() as session:
        found = await session.scalar(query)
    return (word, found) if found is not None else None
