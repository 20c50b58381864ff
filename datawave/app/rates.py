"""What an operation's points do to its viewer's minute: told in headers, refused when it is spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from graphql import OperationType

from auth.rates import MINUTE, Rates
from datawave.kit.access import Viewer
from datawave.kit.errors import ErrorCode, InputError, UnavailableError, UserError
from datawave.transports.execution import Ready
from schema.context import Context


@dataclass(frozen=True, kw_only=True)
class Points:
    """May be asked before each operation: `Engine.admit`.

    `per_minute` is for whoever is signed in, `unsigned` for each address of those who are not. A stream pays
    for one event, when it is opened.
    """

    rates: Rates
    per_minute: int
    unsigned: int
    tell: bool = False
    "Whether answers have the cost among their `extensions`."

    async def admit(self, ready: Ready) -> None:
        context = cast("Context", ready.context)
        who, most = self._allowance(context.viewer)
        points = max(1, ready.points)
        standing = await self.rates.spend(who, points, most=most)
        context.headers += (
            (b"ratelimit-policy", b'"points";q=%d;w=%d' % (most, MINUTE)),
            (b"ratelimit", b'"points";r=%d;t=%d' % (standing.remaining, standing.reset)),
        )
        if standing.refused:
            context.headers.append((b"retry-after", b"%d" % standing.reset))
            raise _spent(points, most, standing.reset)
        if self.tell and ready.operation.operation is not OperationType.SUBSCRIPTION:
            context.extensions["cost"] = {
                "points": ready.points,
                "limit": most,
                "remaining": standing.remaining,
            }

    def _allowance(self, viewer: Viewer) -> tuple[str, int]:
        if viewer.actor_id is not None:
            return viewer.actor_id.hex, self.per_minute
        return f"at {viewer.address}", self.unsigned


def _spent(points: int, most: int, wait: int) -> UserError:
    if points > most:
        return InputError(
            ErrorCode.TOO_COSTLY, f"This costs {points:,} points, and a minute has {most:,}: ask for less."
        )
    return UnavailableError(
        ErrorCode.RATE_LIMITED,
        f"The {most:,} points of this minute are spent; this costs {points:,}. Try again in {wait} s.",
        retry_after_seconds=wait,
    )
