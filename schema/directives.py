"""What a field says of itself in the SDL."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.schema_directive import Location


@strawberry.enum(description="What happens when a subscriber reads more slowly than events come.")
class DeliveryMode(Enum):
    EVERY = strawberry.enum_value(
        "EVERY",
        description="Nothing is dropped: a reader too slow is closed with 4290 `resume` (over SSE the"
        " response ends), and resumes from its cursors.",
    )
    LATEST = strawberry.enum_value(
        "LATEST",
        description="Superseded progress is dropped, the latest is kept; lifecycle events are never dropped.",
    )


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="The permission the viewer needs, globally, in the thing's workspace,"
    " or on the thing itself.",
)
class Needs:
    permission: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="Needs a signed-in viewer only: it shows or changes nothing but the viewer's own, or filters"
    " by what the viewer may see.",
)
class SignedIn:
    pass


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="May be called without signing in; rate limited by address.",
)
class Public:
    pass


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="Points the field costs, times the length of the named list arguments. Without it an object"
    " costs 1, a leaf 0; what is under a connection's `edges` and `nodes` counts `first` (or `last`) times,"
    " what is in another list as often as those arguments are long, or `@listSize` says.",
)
class Cost:
    weight: int = 1
    times: list[str] = strawberry.field(default_factory=list)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="How many things a list that is no page is taken to hold when a query is priced; without it"
    " 5.",
)
class ListSize:
    assumed_size: int


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="How a stream treats a reader that is too slow for it.",
)
class Delivery:
    mode: DeliveryMode
