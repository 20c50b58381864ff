"""A house beside a real login service (oidc-provider) that it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import servers
from tests.client import Client
from tests.fixtures.api import House, free_port
from tests.identity.login_service import CLIENT_SECRET, Browser, LoginService, login_service
from tests.identity.providers import BEGIN, BY_CODE, private_house, saved

PROGRAM = "http://127.0.0.1:7777/back"


@dataclass(frozen=True, kw_only=True)
class There:
    """A house, a login service beside it, and the provider's row that knows it."""

    house: House
    api: Client
    service: LoginService
    provider: dict[str, Any]
    input: dict[str, Any]

    @property
    def start(self) -> str:
        return self.provider["signInUrl"]

    def browser(self) -> Browser:
        return Browser(self.house.url)

    async def now(self, **changes: Any) -> dict[str, Any]:
        """The provider's row with these changes."""
        return await saved(self.api, **{**self.input, "id": self.provider["id"], **changes})

    async def program(self, who: str) -> dict[str, str]:
        """What a program's person brings back from the service."""
        begun = await Client(self.house.url).done(
            BEGIN, i={"providerId": self.provider["id"], "redirectUri": PROGRAM}
        )
        async with self.browser() as browser:
            back = await browser.at_the_service(begun["url"], who)
        assert back["state"] == begun["state"]
        assert back.url.startswith(PROGRAM)
        return {"state": back["state"], "code": back["code"], "iss": back["iss"]}

    async def client(self, who: str) -> Client:
        """A program in which this person has signed in by the service."""
        signed = await Client(self.house.url).done(BY_CODE, i=await self.program(who))
        return Client(self.house.url, signed["tokens"]["accessToken"])


@pytest.fixture
async def there(node: str, valkey: servers.ValkeySpace) -> AsyncIterator[There]:
    port = free_port()
    callback = f"http://127.0.0.1:{port}/auth/oidc/callback"
    async with login_service(node, [callback, PROGRAM]) as service, private_house(valkey, port=port) as house:
        api = await house.as_admin()
        input = {
            "name": "Keycloak",
            "issuer": service.issuer,
            "clientId": "datawave",
            "clientSecret": CLIENT_SECRET,
            "scopes": ["openid", "email", "profile", "groups"],
            "roleClaim": "groups",
            "createsUsers": True,
            "redirectUris": [PROGRAM],
        }
        yield There(house=house, api=api, service=service, provider=await saved(api, **input), input=input)
        await api.close()
