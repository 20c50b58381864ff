"""Events as subscribers get them: their place and actor, whatever else a type adds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import strawberry

from datawave.kit.events import Logged
from schema.reads import actor as acting
from schema.scalars import Cursor

if TYPE_CHECKING:
    from schema.shapes import Actor


class FromLogged:
    """Mixin of the types that show an event of the log; further attributes are for the type's own
    resolvers."""

    logged: Logged
    row: Logged
    """The same: what is declared of events reads their columns."""

    @classmethod
    def of(cls, logged: Logged, **more: Any) -> Self:
        made = cls.__new__(cls)
        made.logged = made.row = logged
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

    actor: Actor | None = acting("actor")

    @strawberry.field
    def replayed(self) -> bool:
        return _logged(self).replayed


def _logged(self: Any) -> Logged:
    return self.logged
