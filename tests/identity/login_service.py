"""A login service of others (oidc-provider, by Node), and a browser that goes there and comes back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.clients import packages

CLIENT_SECRET = "s3cret+of/ours: with%odd signs"
PEOPLE: Mapping[str, Any] = {
    "ada": {
        "email": "ada@example.com",
        "email_verified": True,
        "name": "Ada Lovelace",
        "groups": ["stewards", "poets"],
    },
    "mallory": {"email": "admin@example.com", "email_verified": False, "name": "Administrator"},
    "grace": {"email": "admin@example.com", "email_verified": True, "name": "Grace", "groups": []},
}


class LoginService:
    """One that runs. `people` is what it knows of them."""

    def __init__(self, node: str, clients: Sequence[Mapping[str, Any]]) -> None:
        self._node = node
        self._clients = clients
        self._people: Mapping[str, Any] = PEOPLE
        self._running: asyncio.subprocess.Process | None = None
        self.issuer = ""

    async def start(self) -> None:
        port = urlsplit(self.issuer).port if self.issuer else None
        given = {"clients": self._clients, "people": self._people, "port": port}
        self._running = await asyncio.create_subprocess_exec(
            self._node,
            str(packages.HERE / "oidc.mjs"),
            json.dumps(given),
            cwd=packages.HERE,
            env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
            | {"NODE_NO_WARNINGS": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self.issuer = (await self._said())["issuer"]

    async def stop(self) -> None:
        """It is gone; it may be started again at the same address."""
        if self._running is not None and self._running.returncode is None:
            self._running.kill()
            await self._running.wait()

    async def now_knows(self, **people: Any) -> None:
        assert self._running
        assert self._running.stdin
        self._people = {**self._people, **people}
        self._running.stdin.write(json.dumps(self._people).encode() + b"\n")
        await self._running.stdin.drain()
        assert (await self._said())["known"]

    async def _said(self) -> dict[str, Any]:
        """The next line that is ours: the package says things of its own."""
        assert self._running
        assert self._running.stdout
        async with asyncio.timeout(60):
            async for line in self._running.stdout:
                if line.startswith(b"{"):
                    return json.loads(line)
        raise AssertionError("the login service has ended")


@asynccontextmanager
async def login_service(node: str, redirects: Sequence[str]) -> AsyncGenerator[LoginService]:
    clients = [
        {
            "client_id": "datawave",
            "client_secret": CLIENT_SECRET,
            "redirect_uris": list(redirects),
            "scope": "openid email profile groups",
        }
    ]
    service = LoginService(node, clients)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@dataclass(frozen=True, kw_only=True)
class Returned:
    """The address that a login service sends a browser back to."""

    url: str

    def __getitem__(self, name: str) -> str:
        return parse_qs(urlsplit(self.url).query)[name][0]


class Browser:
    """Somebody's browser: it keeps cookies, follows redirects one by one, and opens what it is told to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.AsyncClient(timeout=30)

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def open(self, path: str, **headers: str) -> httpx2.Response:
        address = path if path.startswith("http") else self.url + path
        return await self.http.get(
            address, headers={name.replace("_", "-"): v for name, v in headers.items()}
        )

    async def at_the_service(self, address: str, who: str) -> Returned:
        """From the service's own address until it sends us away again."""
        service = urlsplit(address).netloc
        while True:
            there = await self.open(address)
            assert there.is_redirect, there.text
            address = str(httpx2.URL(address).join(there.headers["location"]))
            if urlsplit(address).netloc != service:
                return Returned(url=address)
            if "/who/" in address:
                address += f"?as={who}"

    async def goes_there(self, start: str, who: str, **headers: str) -> Returned:
        """From our address, by the service, to the address that it sends us back to."""
        begun = await self.open(start, **headers)
        assert begun.status_code == 302, begun.text
        return await self.at_the_service(begun.headers["location"], who)

    async def signs_in(self, start: str, who: str, **headers: str) -> httpx2.Response:
        return await self.open((await self.goes_there(start, who, **headers)).url)

    async def asks(self, document: str, **variables: Any) -> Any:
        """By its cookie, as a page of ours does."""
        answer = await self.http.post(
            f"{self.url}/graphql",
            json={"query": document, "variables": variables},
            headers={"origin": self.url},
        )
        return answer.json()
