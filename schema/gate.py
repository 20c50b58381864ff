"""The gate, as resolvers find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from auth.gate import Gate
from schema.context import Info

if TYPE_CHECKING:
    pass


def gate_of(info: Info) -> Gate:
    return cast("Gate", info.context.platform.extras["gate"])
