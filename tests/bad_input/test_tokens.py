"""Wrong, expired, reused and missing tokens."""

from __future__ import annotations

import base64
import json

import pytest

from tests import furnished
from tests.bad_input.answers import refusal
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.fixtures.clock import HouseClock

SOURCES = "{ dataSources(first: 1) { totalCount } }"
REFRESH = """
mutation ($token: Secret!) {
  refreshSession(input: {refreshToken: $token}) {
    errors { code path message } tokens { accessToken refreshToken }
  }
}
"""


async def tokens(api: Client) -> tuple[str, str]:
    password = furnished.ADMIN.password.reveal()
    payload = await api.as_(None).done(SIGN_IN, email=furnished.ADMIN.email, password=password)
    return payload["tokens"]["accessToken"], payload["tokens"]["refreshToken"]


def forged(token: str) -> str:
    """The same claims with no signature to speak of."""
    header, claims, signature = token.split(".")
    return ".".join([header, claims, signature[::-1]])


def unsigned(token: str) -> str:
    claims = token.split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{claims}."


async def test_nobody_is_let_in_without_a_token(api: Client) -> None:
    refused = await refusal(api.as_(None), SOURCES)
    assert refused.code == "UNAUTHENTICATED"


async def test_a_token_of_nobodys_is_refused(api: Client) -> None:
    for token in ("x", "a.b.c", "é" * 20, "a" * 10_000, "eyJhbGciOiJub25lIn0.e30."):
        headers = {"authorization": f"Bearer {token}".encode()}
        answer = await api.http.post("/graphql", json={"query": SOURCES}, headers=headers)
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", token
        assert answer.status_code < 500


async def test_a_forged_signature_is_refused(api: Client) -> None:
    access, _ = await tokens(api)
    for each in (forged(access), unsigned(access)):
        assert (await refusal(api.as_(each), SOURCES)).code == "UNAUTHENTICATED"


async def test_an_expired_token_is_refused(api: Client, house: House, house_clock: HouseClock) -> None:
    access, _ = await tokens(api)
    await house_clock.shift(hours=1)
    await house.served.gate.look()
    assert (await refusal(api.as_(access), SOURCES)).code == "UNAUTHENTICATED"


async def test_a_refresh_token_used_twice_ends_its_family(api: Client) -> None:
    access, refresh = await tokens(api)
    renewed = await api.as_(None).done(REFRESH, token=refresh)
    refused = await refusal(api.as_(None), REFRESH, token=refresh)
    assert refused.code == "UNAUTHENTICATED"
    for token in (access, renewed["tokens"]["accessToken"]):
        assert (await refusal(api.as_(token), SOURCES)).code == "UNAUTHENTICATED"
    assert (
        await refusal(api.as_(None), REFRESH, token=renewed["tokens"]["refreshToken"])
    ).code == "UNAUTHENTICATED"


async def test_a_socket_with_a_bad_token_is_told_why_and_closed(api: Client) -> None:
    with pytest.raises(
        (AssertionError, Exception), match=r"4403|connection_ack|UNAUTHENTICATED|[Ff]orbidden"
    ):
        async with api.as_("a.b.c").socket():
            raise AssertionError("it was let in")
