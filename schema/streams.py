"""Events as subscribers get them: their place and actor, whatever else a type adds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import strawberry

from datawave.kit.events import Logged
from schema.context import Info
from schema.scalars import Cursor

if TYPE_CHECKING:
    from schema.shapes import Actor


class FromLogged:
    """Mixin of the types that show an event of the log; further attributes are for the type's own
    resolvers."""

    logged: Logged

    @classmethod
    def of(cls, logged: Logged, **more: Any) -> Self:
        made = cls.__new__(cls)
        made.logged = logged
        for name, value in more.items():
            setattr(made, name, value)
        return made


@strawberry.interface(
    description="An event as a subscriber gets it; `replayed` while the stream is catching up from `after`."
)
class StreamEvent:
    @strawberry.field
    def cursor(self) -> Cursor:
        return Cursor(_logged(self).cursor)

    @strawberry.field
    def at(self) -> datetime:
        return _logged(self).at

    @strawberry.field
    async def actor(self, info: Info) -> Actor | None:
        event = _logged(self)
        if event.actor_id is None or event.actor_word is None:
            return None
        return await info.context.node(event.actor_word, event.actor_id)

    @strawberry.field
    def replayed(self) -> bool:
        return _logged(self).replayed


def _logged(self: Any) -> Logged:
    return self.logged
