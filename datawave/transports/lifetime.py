"""When a session on an open connection ends, and when its reader is told beforehand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from graphql import GraphQLError

from datawave.transports.door import UNAUTHENTICATED, Session
from datawave.transports.errors import Rejected

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


class Lifetime:
    """Counts from the moment the session was entered or renewed."""

    __slots__ = ("_began", "_notice_seconds", "_now", "_session")

    def __init__(self, session: Session, *, now: Clock, notice_seconds: float) -> None:
        self._session, self._now = session, now
        self._notice_seconds = notice_seconds
        self.began_anew()

    def began_anew(self) -> None:
        self._began = self._now()

    @property
    def over(self) -> bool:
        expires = self._session.expires_at
        return self._session.ended or (expires is not None and self._now() >= expires)

    @property
    def notice(self) -> datetime | None:
        """The end, once it is near: within the notice, or within half the life of a short session."""
        expires = self._session.expires_at
        return expires if expires and self._now() >= expires - self._ahead(expires) else None

    def seconds_to_next(self) -> float | None:
        """Until the notice is due, then until the end; None for a session without one."""
        expires = self._session.expires_at
        if expires is None:
            return None
        now, notice = self._now(), expires - self._ahead(expires)
        return max(0.0, ((notice if now < notice else expires) - now).total_seconds())

    def farewell(self) -> Rejected:
        """What each operation is told when the session is over."""
        said = "Your session has ended" if self._session.ended else "Your session has expired"
        return Rejected([GraphQLError(f"{said}; sign in again.", extensions={"code": UNAUTHENTICATED})])

    def _ahead(self, expires: datetime) -> timedelta:
        return min(timedelta(seconds=self._notice_seconds), (expires - self._began) / 2)
