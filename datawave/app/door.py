"""The door between the transports and the platform: who comes in, and what an operation finds in its
context."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection

from auth.gate import Entered, Gate
from datawave.kit.errors import UserError
from datawave.transports.credentials import bearer_token
from datawave.transports.door import Asked, Refused
from schema.context import Context, Platform

WANTS_COOKIE = "x-datawave-cookie"


@dataclass(frozen=True, kw_only=True)
class CookieStyle:
    """`__Host-` cookies want TLS; plain http on loopback gets a name with the port, so that instances do not
    mix."""

    name: str
    secure: bool

    @classmethod
    def of(cls, origin: str, port: int) -> CookieStyle:
        if origin.startswith("https://"):
            return cls(name="__Host-datawave", secure=True)
        return cls(name=f"datawave_{port}", secure=False)


class Inside:
    """One connection's session: rights follow the gate's while the connection stands."""

    def __init__(
        self, gate: Gate, platform: Platform, entered: Entered, cookie: CookieStyle, *, wants_cookie: bool
    ) -> None:
        self._gate = gate
        self._platform = platform
        self._entered = entered
        self._cookie = cookie
        self._wants_cookie = wants_cookie

    @property
    def expires_at(self) -> datetime | None:
        return self._entered.expires_at

    @property
    def ended(self) -> asyncio.Event:
        return self._entered.ended

    def context(self, asked: Asked) -> Context:
        return Context(
            platform=self._platform,
            viewer=self._entered.viewer,
            current=lambda: self._entered.viewer,
            wants_cookie=self._wants_cookie,
            cookie_name=self._cookie.name,
            cookie_secure=self._cookie.secure,
            last_event_id=asked.last_event_id,
        )

    async def renew(self, authorization: str) -> None:
        try:
            await self._gate.renew(self._entered, bearer_token(authorization))
        except UserError as error:
            raise Refused(error.code.value, error.message, extensions=error.extensions) from None


class FrontDoor:
    def __init__(self, gate: Gate, platform: Platform, cookie: CookieStyle) -> None:
        self._gate = gate
        self._platform = platform
        self._cookie = cookie

    async def enter(self, connection: HTTPConnection, *, token: str | None, cookie: str | None) -> Inside:
        address = connection.client.host if connection.client else None
        try:
            entered = await self._gate.enter(
                token, cookie, address=address, client=connection.headers.get("user-agent")
            )
        except UserError as error:
            raise Refused(error.code.value, error.message, extensions=error.extensions) from None
        wants = connection.headers.get(WANTS_COOKIE) == "1"
        return Inside(self._gate, self._platform, entered, self._cookie, wants_cookie=wants)
