"""The viewer's rights, followed as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator

import strawberry

from auth.gate import TOPIC
from datawave.kit.commands import SIGNED_IN
from schema.context import Info
from schema.directives import DeliveryMode
from schema.fields import subscription
from schema.gate import gate_of
from schema.identity.viewer import AccessChanged
from schema.scalars import Cursor
from schema.shapes import given


@strawberry.type
class Subscriptions:
    @subscription(
        needs=SIGNED_IN,
        delivery=DeliveryMode.LATEST,
        description="The viewer's rights: a message after each change of a grant, a group or a role of"
        " theirs. Whoever has no rights left is signed out instead.",
        own=True,
    )
    async def access_changed(
        self, info: Info, after: Cursor | None = strawberry.UNSET
    ) -> AsyncIterator[AccessChanged]:
        context, actors = info.context, gate_of(info).actors
        own = context.viewer.actor_id
        assert own is not None, "whoever is signed in is somebody"
        async for event in context.follow(TOPIC, given(after), wanted=lambda it: actors.concerns(own, it)):
            await actors.refresh([own])  # the event may be faster than the gate
            context.renewed()
            yield AccessChanged.of(event, asking=context.viewer)
