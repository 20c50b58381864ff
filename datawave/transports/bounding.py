"""Bounds on bodies that are not GraphQL's: forms, and what nobody asked for.

GraphQL's endpoint bounds its own (`bodies`); what is beside it is small, and is bounded here for all.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datawave.transports.limits import INVALID, TOO_COSTLY

SMALL_BODY = 64_000
"""A form, or a set of keys, has a few kB."""


LINGER = 2_000_000
"""So much more is taken and thrown away: who is still sending when the connection ends reads no refusal."""


class TooLarge(Exception):
    """More came than is taken."""


class Bounded:
    """An application whose requests have small bodies that come in time."""

    def __init__(
        self, app: ASGIApp, *, seconds: float, most: int = SMALL_BODY, but: frozenset[str] = frozenset()
    ) -> None:
        """`but` are the paths that bound their bodies themselves."""
        self._app, self._seconds, self._most, self._but = app, seconds, most, but

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._but:
            await self._app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + self._seconds
        size, is_whole = 0, False
        refused: Exception | None = TooLarge() if _announced(scope) > self._most else None

        async def heard() -> Message:
            nonlocal size, is_whole, refused
            try:
                # Behind the body only the end of the connection is waited for, which may be long in coming.
                async with asyncio.timeout_at(None if is_whole else until):
                    message = await receive()
                is_whole = not message.get("more_body", False)
                size += len(message.get("body", b""))
                if size > self._most:
                    raise TooLarge
            except (TooLarge, TimeoutError) as error:
                refused = error
                raise
            return message

        async def told(message: Message) -> None:
            if refused is None:  # else what it says of the refusal is not what is to be said
                await send(message)

        if refused is None:
            try:
                await self._app(scope, heard, told)
            except (TooLarge, TimeoutError):
                if refused is None:
                    raise
        if refused is not None:
            if not is_whole:
                await self._throw_away(refused, receive)
            await self._refusal(refused)(scope, receive, send)

    async def _throw_away(self, error: Exception, receive: Receive) -> None:
        left = LINGER if isinstance(error, TooLarge) else 0
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return

    def _refusal(self, error: Exception) -> JSONResponse:
        if isinstance(error, TooLarge):
            status, code, words = 413, TOO_COSTLY, f"The body is larger than {self._most:,} bytes."
        else:
            status, code, words = 408, INVALID, f"The body did not arrive within {self._seconds:g} s."
        told = {"errors": [{"message": words, "extensions": {"code": code}}]}
        return JSONResponse(told, status, headers={"connection": "close"})


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0
