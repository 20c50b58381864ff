"""GraphQL over HTTP, as any client speaks it: requests, and subscriptions over server-sent events.

The client is its own circuit breaker: when the platform cannot be reached, whoever calls waits for the one
who probes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog

from datawave.kit import tracing
from edge_agent.config import Pace
from edge_agent.keys import Keys

log = structlog.get_logger(__name__)

COMPRESSED_FROM = 8_000
LONGEST_ANSWER = 50_000_000
LONGEST_LINE = 5_000_000
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TRY_AGAIN = frozenset({"UNAVAILABLE", "CIRCUIT_OPEN", "RATE_LIMITED"})


class CutOff(Exception):
    """The platform cannot be reached, or is not itself at the moment: the same may go well later."""


class Faltered(CutOff):
    """The platform is there and stumbled over this very request; a few more tries, then it is hopeless."""


class NotAdmitted(CutOff):
    """The platform does not take our token: a wrong clock, or a certificate that is no longer good. Whoever
    probes puts it right."""


class Refused(Exception):
    """The platform will not do this, and will not do it later either."""

    def __init__(self, code: str, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.path = code, message, path


class Client:
    """One platform, as one agent."""

    def __init__(self, url: str, keys: Keys, *, pace: Pace, tls: ssl.SSLContext | None = None) -> None:
        self._url = f"{url.rstrip('/')}/graphql"
        self._keys = keys
        self._pace = pace
        self._is_beside = (urlsplit(url).hostname or "") in LOOPBACK
        """On the same machine compressing costs more than it saves."""
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(pace.request, connect=5.0, pool=pace.request),
            limits=httpx2.Limits(max_connections=20, max_keepalive_connections=8),
            trust_env=not self._is_beside,
            follow_redirects=False,
            verify=True if tls is None else tls,
        )
        self._reached = asyncio.Event()
        self._told = False

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def is_reached(self) -> bool:
        return self._reached.is_set()

    async def reached(self) -> None:
        """Returns once the platform answers (again)."""
        await self._reached.wait()

    async def ask(
        self, document: str, variables: Mapping[str, Any], *, seconds: float | None = None
    ) -> dict[str, Any]:
        """The data of an answer."""
        return await self.ask_raw(document, orjson.dumps(variables), seconds=seconds)

    async def ask_raw(
        self, document: str, variables: bytes, *, seconds: float | None = None
    ) -> dict[str, Any]:
        """The same with variables that are JSON already: batches are not taken apart again."""
        body = b'{"query":' + orjson.dumps(document) + b',"variables":' + variables + b"}"
        headers = self._headers("application/json")
        if len(body) > COMPRESSED_FROM and not self._is_beside:
            body = await asyncio.to_thread(gzip.compress, body, 3)
            headers["content-encoding"] = "gzip"
        try:
            async with asyncio.timeout(seconds or self._pace.request):
                answer = await self._http.post(self._url, content=body, headers=headers)
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            raise self._cut_off(type(error).__name__) from None
        data = self._read(answer)
        self._reached.set()
        return data

    def _cut_off(self, why: str) -> CutOff:
        if self._reached.is_set() or not self._told:
            log.warning("agent.cut_off", why=why)
        self._told = True
        self._reached.clear()
        return CutOff(why)

    def _headers(self, accept: str, *, fresh: bool = False) -> dict[str, str]:
        headers = {
            "authorization": f"Bearer {self._keys.token(fresh=fresh)}",
            "content-type": "application/json",
            "accept": accept,
        }
        if trace := tracing.traceparent():
            headers["traceparent"] = trace
        return headers

    def _read(self, answer: httpx2.Response) -> dict[str, Any]:
        try:
            found = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise self._cut_off(f"HTTP {answer.status_code}") from None
        if not isinstance(found, dict):
            raise self._cut_off(f"HTTP {answer.status_code}")
        told = cast("dict[str, Any]", found)
        if errors := told.get("errors"):
            self._correct_clock(answer)
            raise self._error(errors)
        data = told.get("data")
        if not isinstance(data, dict):
            raise self._cut_off(f"HTTP {answer.status_code}")
        return cast("dict[str, Any]", data)

    def _error(self, errors: Any) -> Exception:
        first = _object(errors[0] if isinstance(errors, list) and errors else None)
        more = _object(first.get("extensions"))
        code, message = str(more.get("code", "INVALID")), str(first.get("message", ""))
        if code in TRY_AGAIN:
            return self._cut_off(code)
        if code == "UNAUTHENTICATED":
            self._cut_off(code)
            return NotAdmitted(message)
        self._reached.set()
        if code == "INTERNAL":
            return Faltered(message)
        return Refused(code, message, tuple(str(step) for step in more.get("path") or ()))

    def _correct_clock(self, answer: httpx2.Response) -> None:
        """A refused token may only mean that our clock is wrong: the platform's goes."""
        if answer.status_code != 401 or "date" not in answer.headers:
            return
        with contextlib.suppress(ValueError, TypeError):
            self._keys.corrected(parsedate_to_datetime(answer.headers["date"]).timestamp())

    async def stream(
        self, document: str, *, after: str | None
    ) -> AsyncGenerator[tuple[dict[str, Any] | None, str | None]]:
        """What a subscription sends, each with the cursor it leaves; None is a beat, or the beginning. It
        ends with the token at the latest, and is then asked for anew from the last cursor."""
        body = orjson.dumps({"query": document, "variables": {"after": after}})
        timeout = httpx2.Timeout(self._pace.stream_silence, connect=5.0, pool=self._pace.request)
        try:
            async with self._http.stream(
                "POST",
                self._url,
                content=body,
                headers=self._headers("text/event-stream", fresh=True),
                timeout=timeout,
            ) as answer:
                if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    await answer.aread()
                    self._read(answer)
                    raise self._cut_off(f"HTTP {answer.status_code}")
                yield None, None
                async with aclosing(blocks(answer.aiter_lines())) as found:
                    async for kind, data, cursor in found:
                        if kind == "complete":
                            return
                        yield self._payload(data), cursor
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            raise self._cut_off(type(error).__name__) from None

    def _payload(self, data: str) -> dict[str, Any] | None:
        if not data:
            return None
        told = orjson.loads(data)
        if errors := told.get("errors"):
            raise self._error(errors)
        return told.get("data")


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


async def blocks(lines: AsyncIterator[str]) -> AsyncGenerator[tuple[str, str, str | None]]:
    """The blocks of an event stream: kind, data, and the id that stands (which outlives its block)."""
    kind, data, cursor = "", "", None
    async for line in lines:
        if len(line) > LONGEST_LINE:
            raise CutOff("a line too long")
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            yield kind, data, cursor
            kind, data = "", ""
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif name == "id":
            cursor = value
