"""People in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry

from auth import permissions as known
from datawave.kit.pages import Key
from datawave.kit.reads import Shape
from models import identity as rows
from resolvers.loaders import identity as loaders
from schema.reads import many, related
from schema.rows import FromRow
from schema.shapes import Actor, Node, Timestamped, Versioned

if TYPE_CHECKING:
    from schema.identity.access import Grant
    from schema.identity.factors import MfaFactor, RememberedDevice
    from schema.identity.sessions import AuthSession

    pass


strawberry.enum(rows.UserState, name="UserState", description="Whether a person may come in.")


@strawberry.type(description="A person.")
class User(FromRow, Node, Actor, Timestamped, Versioned, shows=rows.User):
    email: str
    display_name: str
    state: rows.UserState
    locale: str | None
    time_zone: str | None
    last_seen_at: datetime | None

    sessions: list[AuthSession] | None = related(
        Shape.MANY,
        loaders.living_sessions,
        description="One's own, or anybody's with the permission; those that have not ended.",
        needs=known.Permission.USER_UPDATE,
    )
    mfa_factors: list[MfaFactor] = many(
        rows.MfaFactor.user_id,
        order_by=[Key(rows.MfaFactor.created_at), Key(rows.MfaFactor.id)],
        description="Second factors, those included that are not confirmed yet.",
    )
    devices: list[RememberedDevice] | None = related(
        Shape.MANY,
        loaders.remembered_devices,
        description="Remembered devices, one's own, or anybody's with the permission; the last used first.",
        needs=known.Permission.USER_UPDATE,
    )
    grants: list[Grant] = related(Shape.MANY, loaders.grants)
