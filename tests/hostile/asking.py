"""How the script speaks: every answer is looked at for what no answer may have, whatever was asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import websockets

from tests.hostile.cases import LetIn

PATIENCE = 10.0
"""No answer takes longer."""
TRACES = (
    "Traceback (most recent call",
    '  File "/',
    "asyncpg.exceptions",
    "sqlalchemy.exc",
    "redis.exceptions",
)
SUBPROTOCOL: Any = "graphql-transport-ws"


@dataclass
class Line:
    """To one instance: what was planted there, and the slowest answers."""

    url: str
    planted: list[str] = field(default_factory=list[str])
    may_slip: bool = False
    """Whether documents are meant to be wrong; else one that is wrong would pass for one that is refused."""
    slowest: float = 0.0
    slowest_refusal: float = 0.0
    answers: int = 0

    def __post_init__(self) -> None:
        self.http = httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE, trust_env=False)

    def plant(self, value: str | None = None) -> str:
        """A secret that is sent, and must never come back."""
        self.planted.append(value or f"planted{uuid4().hex}")
        return self.planted[-1]

    def look(self, text: str, *, status: int = 0, seconds: float = 0.0) -> None:
        self.answers += 1
        self.slowest = max(self.slowest, seconds)
        if status >= 500 and status != 503:
            raise LetIn(f"the server stumbled ({status}): {text[:200]}")
        for trace in TRACES:
            if trace in text:
                raise LetIn(f"a trace was shown: {text[:200]}")
        for secret in self.planted:
            if secret in text:
                raise LetIn(f"a secret came back: {text[:200]}")
        if '"INTERNAL"' in text:
            raise LetIn(f"a bug was met: {text[:200]}")

    async def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        began = time.monotonic()
        try:
            answer = await self.http.request(method, path, **more)
        except httpx2.TimeoutException:
            raise LetIn(f"{method} {path[:60]} hung for {PATIENCE:g} s") from None
        self.look(answer.text, status=answer.status_code, seconds=time.monotonic() - began)
        return answer

    async def raw(self, *parts: bytes, seconds: float = PATIENCE) -> bytes:
        """Bytes on a bare connection; what comes back until the other side closes it, or goes quiet."""
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(
            place.hostname, place.port, ssl=place.scheme == "https" or None
        )
        heard = b""
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            async with asyncio.timeout(seconds):
                while more := await reader.read(65_536):
                    heard += more
                    if b"\r\n\r\n" in heard and b"connection: close" not in heard.lower():
                        break
        except (ConnectionError, TimeoutError):
            pass  # cut off, or left alone: both are a refusal
        finally:
            writer.close()
        self.look(heard.decode("latin-1"))
        return heard


@dataclass
class Caller:
    """Somebody with a token, or nobody."""

    line: Line
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    async def post(self, body: Any, **headers: str) -> httpx2.Response:
        """JSON by hand, so that anything can be said."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json", **self.headers, **headers}
        return await self.line.request("POST", "/graphql", content=content, headers=given)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = (await self.post({"query": query, "variables": variables})).json()
        if not self.line.may_slip:
            _refuse_slips(answer)
        return answer

    async def data(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = await self.ask(query, **variables)
        if answer.get("errors"):
            raise RuntimeError(f"the script cannot go on: {answer['errors']}")
        return answer["data"]

    async def done(self, query: str, **variables: Any) -> dict[str, Any]:
        [payload] = (await self.data(query, **variables)).values()
        if payload.get("errors"):
            raise RuntimeError(f"the script cannot go on: {payload['errors']}")
        return payload

    async def codes(self, query: str, **variables: Any) -> list[str]:
        return codes_of(await self.ask(query, **variables))

    async def refused(self, query: str, *codes: str, **variables: Any) -> None:
        """Over HTTP: refused, by one of these codes where some are named."""
        answer = await self.ask(query, **variables)
        _must_be_refused(answer, codes)

    async def refused_everywhere(self, query: str, *codes: str, **variables: Any) -> None:
        """Over HTTP, as events, and over a socket."""
        began = time.monotonic()
        await self.refused(query, *codes, **variables)
        self.line.slowest_refusal = max(self.line.slowest_refusal, time.monotonic() - began)
        body = {"query": query, "variables": variables}
        events = await self.post(body, accept="text/event-stream")
        if '"errors":' not in events.text:
            raise LetIn(f"answered as events: {events.text[:200]}")
        async with self.socket() as socket:
            told = await socket.answer(body)
            if told is not None:
                _must_be_refused(told, codes)

    @asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator[Socket]:
        async with websockets.connect(
            self.line.url.replace("http", "ws", 1) + "/graphql",
            subprotocols=[SUBPROTOCOL],
            additional_headers=headers,
            max_size=None,
            open_timeout=PATIENCE,
            proxy=None,
        ) as opened:
            socket = Socket(self.line, opened)
            await socket.say(type="connection_init", payload=self.headers)
            if (await socket.hear()) is None:
                raise LetIn("the socket was closed on somebody who may come in")
            yield socket


class Socket:
    def __init__(self, line: Line, opened: websockets.ClientConnection) -> None:
        self.line, self.opened = line, opened
        self._count = 0

    async def say(self, **message: Any) -> None:
        await self.opened.send(json.dumps(message))

    async def hear(self) -> dict[str, Any] | None:
        """The next message that is not a beat; None when the socket is closed."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    text = str(await self.opened.recv(decode=True))
                    self.line.look(text)
                    message = json.loads(text)
                    if message["type"] != "ping":
                        return message
        except websockets.ConnectionClosed as closed:
            self.line.look(str(closed))
            return None
        except TimeoutError:
            raise LetIn(f"a socket said nothing for {PATIENCE:g} s") from None

    async def answer(self, payload: Any) -> dict[str, Any] | None:
        """What one operation is answered; None where the socket is closed instead."""
        self._count += 1
        try:
            await self.say(id=str(self._count), type="subscribe", payload=payload)
        except websockets.ConnectionClosed:
            return None
        message = await self.hear()
        if message is None:
            return None
        return {"errors": message["payload"]} if message["type"] == "error" else message.get("payload", {})


SLIPS = (
    "Cannot query field",
    "Unknown argument",
    "Unknown type",
    "is not defined by type",
    "was not provided",
)


def _refuse_slips(answer: dict[str, Any]) -> None:
    for error in answer.get("errors") or []:
        if any(slip in error["message"] for slip in SLIPS) or error["message"].startswith("Variable"):
            raise RuntimeError(f"the script asks for what there is not: {error['message']}")


def codes_of(answer: dict[str, Any]) -> list[str]:
    """Of all errors, wherever they stand."""
    found = [str((each.get("extensions") or {}).get("code")) for each in answer.get("errors") or []]
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found += [str(each["code"]) for each in payload.get("errors") or []]
    return found


def _must_be_refused(answer: dict[str, Any], codes: tuple[str, ...]) -> None:
    found = codes_of(answer)
    if not found:
        raise LetIn(f"answered: {json.dumps(answer)[:200]}")
    if codes and not set(found) <= {*codes, "RATE_LIMITED"}:
        raise LetIn(f"refused otherwise than it should: {found}, not {codes}")
