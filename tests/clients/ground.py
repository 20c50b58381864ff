"""A served house for other people's clients: it beats often, and its open connections see time pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from datawave.transports.limits import Limits
from tests import furnished, servers
from tests.clients.programs import Deed
from tests.fixtures.api import House, house_at

LIMITS = Limits(beat_seconds=0.1, notice_seconds=250)


class Sundial:
    """The clock by which open connections see their sessions end."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def set(self, ahead: float) -> None:
        self._ahead = timedelta(seconds=ahead)


@dataclass(frozen=True, kw_only=True)
class Ground:
    house: House
    clock: Sundial
    token: str

    @property
    def given(self) -> Mapping[str, Any]:
        """What a program is told of the house."""
        return {
            "url": f"{self.house.url}/graphql",
            "token": self.token,
            "email": furnished.ADMIN.email,
            "password": furnished.ADMIN.password.reveal() if furnished.ADMIN.password else "",
        }

    @property
    def deeds(self) -> Mapping[str, Deed]:
        return {"token": self._token, "set the clock": self.clock.set}

    async def _token(self, _given: Any) -> str:
        """Of a session of its own."""
        return await admin_token(self.house)


async def admin_token(house: House) -> str:
    client = await house.as_admin()
    await client.close()
    assert client.token
    return client.token


@asynccontextmanager
async def ground(valkey: servers.ValkeySpace) -> AsyncIterator[Ground]:
    clock = Sundial()
    more: Mapping[str, Any] = {"limits": LIMITS, "now": clock, "failures_per_minute": 1_000}
    async with furnished.fresh_database() as url, house_at(url, valkey, **more) as house:
        yield Ground(house=house, clock=clock, token=await admin_token(house))
