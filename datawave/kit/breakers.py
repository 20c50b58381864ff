"""Circuit breakers: the guard before everything outside. Rows, so that all processes share them and people
see them.

Closed: calls go through, failures are counted. Open: calls are refused at once until `next_try_at`. Half
open: one call is let through; its outcome closes the breaker or opens it again for longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import tables
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.events import Event
from datawave.kit.tables import BreakerState

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class CircuitBreakerChanged(Event):
    """A circuit breaker opened, let one call through, or closed."""

    topics = ("platform", "breaker:{breaker_id}")
    subject = ("breaker", "breaker_id")
    breaker_id: UUID
    name: str
    before: str
    after: str


async def of(
    session: AsyncSession, name: str, *, subject: tuple[str, UUID] | None = None
) -> tables.CircuitBreaker:
    """The breaker of this name, locked; made closed on first use."""
    row = tables.CircuitBreaker
    # What the caller has changed so far is written with the rest of it, not for this.
    locked = select(row).where(row.name == name).with_for_update().execution_options(autoflush=False)
    if (known := (await session.scalars(locked)).one_or_none()) is not None:
        return known
    await session.execute(
        insert(row)
        .values(
            name=name,
            subject_word=subject[0] if subject else None,
            subject_id=subject[1] if subject else None,
        )
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return (await session.scalars(locked)).one()


def admit(breaker: tables.CircuitBreaker, now: datetime) -> list[Event]:
    """Lets the call through, or raises CIRCUIT_OPEN with the time of the next try. Returns the event of a
    half-opening."""
    if breaker.state is BreakerState.CLOSED:
        return []
    if breaker.next_try_at is not None and breaker.next_try_at > now:
        wait = max(1, round((breaker.next_try_at - now).total_seconds()))
        raise UnavailableError(
            ErrorCode.CIRCUIT_OPEN,
            f"The circuit breaker “{breaker.name}” {_why(breaker)}; calls go through again in {wait} s,"
            f" at {_clock(breaker.next_try_at)}.",
            retry_after_seconds=wait,
            breaker_id=breaker.id,
        )
    before, breaker.state = breaker.state, BreakerState.HALF_OPEN
    breaker.next_try_at = now + FIRST_PAUSE
    return _changed(breaker, before)


def _why(breaker: tables.CircuitBreaker) -> str:
    if breaker.state is BreakerState.HALF_OPEN:
        return "has just let one call through to see whether there is an answer again"
    since = f" since {_clock(breaker.opened_at)}" if breaker.opened_at else ""
    code = (breaker.last_failure or {}).get("code")
    last = f", the last {code}" if code else ""
    return f"is open{since} ({breaker.failures} failures in a row{last})"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def succeeded(breaker: tables.CircuitBreaker) -> list[Event]:
    before = breaker.state
    breaker.state, breaker.failures = BreakerState.CLOSED, 0
    breaker.opened_at = breaker.next_try_at = breaker.degraded = None
    return _changed(breaker, before)


def failed(breaker: tables.CircuitBreaker, now: datetime, failure: dict[str, Any]) -> list[Event]:
    before = breaker.state
    breaker.last_failure = failure
    if before is BreakerState.OPEN:  # this call was under way already: it tells nothing new
        return []
    breaker.failures += 1
    if breaker.failures < breaker.threshold and before is BreakerState.CLOSED:
        return []
    over = min(max(breaker.failures - breaker.threshold, 0), 8)
    breaker.state, breaker.opened_at = BreakerState.OPEN, now
    breaker.next_try_at = now + min(FIRST_PAUSE * 2**over, LONGEST_PAUSE)
    breaker.degraded = f"Calls to {breaker.name} are refused until it answers again."
    return _changed(breaker, before)


def _changed(breaker: tables.CircuitBreaker, before: BreakerState) -> list[Event]:
    if breaker.state is before:
        return []
    return [
        CircuitBreakerChanged(
            breaker_id=breaker.id, name=breaker.name, before=before.value, after=breaker.state.value
        )
    ]
