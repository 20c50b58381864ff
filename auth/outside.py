"""HTTP to addresses that people have typed in: only where the guard lets us, not for long, and not much.

A name is resolved once and the address that was judged is the one that is connected to, as for sources
(`connectors.guard`); TLS still checks the name.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import httpx2

from connectors import guard
from connectors.base import Guard, SourceError

PATIENCE = 5.0
"""Seconds for a whole exchange: a person is waiting."""
MOST_BYTES = 1_000_000
PORTS = {"http": 80, "https": 443}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NoAnswer(Exception):
    """What was asked did not answer as it should; `code` is for programs, the words are for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer that was read whole."""

    response: httpx2.Response
    content: bytes


class Outside(httpx2.AsyncBaseTransport):
    """The way out for every request to a login service."""

    def __init__(
        self, allowed: Guard, *, seconds: float = PATIENCE, context: ssl.SSLContext | None = None
    ) -> None:
        self.allowed = allowed
        self._seconds = seconds
        # No connection is kept: one to an address stands for one name only.
        self._inner = httpx2.AsyncHTTPTransport(
            verify=context or ssl.create_default_context(),
            trust_env=False,
            limits=httpx2.Limits(max_connections=50, max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        try:
            async with asyncio.timeout(self._seconds):
                target = await self._target(request.url)
                heard = await self._heard(request, target)
        except TimeoutError:
            raise NoAnswer("TIMEOUT", f"{host} did not answer in {self._seconds:g} s.") from None
        except SourceError as error:
            raise NoAnswer(error.code, error.message) from None
        except httpx2.TransportError as error:
            raise NoAnswer("CONNECTION_FAILED", f"{host} cannot be reached: {_why(error)}") from None
        return httpx2.Response(
            heard.response.status_code,
            headers={"content-type": heard.response.headers.get("content-type", "")},
            content=heard.content,
            request=request,
        )

    async def _target(self, url: httpx2.URL) -> guard.Target:
        port = url.port or PORTS[url.scheme]
        target = await guard.resolve(self.allowed, host=url.host, port=port, seconds=self._seconds)
        if url.scheme != "https" and not (target.loopback and self.allowed.private):
            raise NoAnswer("INSECURE", f"{url.host} is asked by https only.")
        return target

    async def _heard(self, request: httpx2.Request, target: guard.Target) -> Heard:
        """From the first address that takes the connection; the name stays in `Host` and for TLS."""
        request.extensions = {**request.extensions, "sni_hostname": target.host}
        named = request.url
        failure: httpx2.TransportError | None = None
        for address in target.addresses:
            request.url = named.copy_with(host=address)
            try:
                return await self._read(await self._inner.handle_async_request(request), target.host)
            except httpx2.ConnectError as error:
                failure = error
            finally:
                request.url = named
        assert failure is not None, "a target has an address"
        raise failure

    async def _read(self, response: httpx2.Response, host: str) -> Heard:
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NoAnswer("UNREADABLE", f"{host} packed its answer, though it was asked not to.")
            content = b""
            async for part in response.aiter_raw():
                content += part
                if len(content) > MOST_BYTES:
                    raise NoAnswer("TOO_LONG", f"{host} answered with more than {MOST_BYTES:,} bytes.")
            return Heard(response=response, content=content)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _why(error: httpx2.TransportError) -> str:
    """TLS says what is wrong with a certificate; of the rest the kind is enough."""
    text = str(error)
    return text if "certificate" in text.lower() else f"{type(error).__name__}."
