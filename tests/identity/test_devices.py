"""Remembered devices: in place of a second factor, on one account, for a while."""

from __future__ import annotations

import httpx2

from domain.identity import device_named
from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.identity.signing_in import MINE, PASSWORD, REMOVE, SIGN_IN, Person, protected

FORGET = "mutation($id: ID!) { forgetDevice(input: {id: $id}) { done errors { code path } } }"
OF_OTHERS = "query($s: String!) { users(search: $s) { nodes { devices { id device } } } }"


async def remembered(owner: Person) -> str:
    answer = await owner.signs_in(totp=await owner.app.code(), rememberDevice=True)
    return answer["data"]["signIn"]["deviceToken"]


async def is_asked(owner: Person, token: str) -> bool:
    return (await owner.signs_in(deviceToken=token))["data"]["signIn"]["mfaRequired"]


async def test_a_remembered_device_is_not_asked_again_on_this_account_only(
    house: House, house_clock: HouseClock, api: Client
) -> None:
    owner = await protected(house, house_clock)
    other = await protected(house, house_clock, "other@example.com")
    token = await remembered(owner)
    assert not await is_asked(owner, token)
    assert await is_asked(other, token)
    assert await is_asked(owner, "made up")
    [device] = (await owner.client.data(MINE))["viewer"]["user"]["devices"]
    assert device["address"] == "127.0.0.1"
    seen = await api.data(OF_OTHERS, s="owner@")
    assert [each["id"] for each in seen["users"]["nodes"][0]["devices"]] == [device["id"]]
    refused = await other.client.run(FORGET, id=device["id"])
    assert refused["errors"] == [{"code": "NOT_FOUND", "path": ["id"]}]
    await api.done(FORGET, id=device["id"])
    assert await is_asked(owner, token)


async def test_devices_are_forgotten_after_a_month_with_the_factor_and_with_the_password(
    house: House, house_clock: HouseClock
) -> None:
    owner = await protected(house, house_clock)
    late = await remembered(owner)
    await house_clock.shift(days=31)
    await house.served.gate.look()
    assert await is_asked(owner, late)
    again = (await owner.signs_in(totp=await owner.app.code(), rememberDevice=True))["data"]["signIn"]
    client = owner.client.as_(again["tokens"]["accessToken"])
    [device] = (await client.data(MINE))["viewer"]["user"]["devices"]
    assert device["device"]
    change = """mutation($c: Secret!, $n: Secret!) { setPassword(input: {change: {currentPassword:
      $c, newPassword: $n}}) { errors { code path } tokens { accessToken } } }"""
    changed = await client.done(change, c=PASSWORD, n="seven lanterns drift 88")
    client = owner.client.as_(changed["tokens"]["accessToken"])
    assert (await client.data(MINE))["viewer"]["user"]["devices"] == []
    new = {"email": owner.email, "password": "seven lanterns drift 88"}
    asked = {"password": new | {"deviceToken": again["deviceToken"]}}
    assert (await client.as_(None).done(SIGN_IN, i=asked))["mfaRequired"]
    third = {"password": new | {"totp": await owner.app.code(), "rememberDevice": True}}
    token = (await client.as_(None).done(SIGN_IN, i=third))["deviceToken"]
    [totp, codes] = (await client.data(MINE))["viewer"]["user"]["mfaFactors"]
    await client.done(REMOVE, i={"id": codes["id"], "password": "seven lanterns drift 88"})
    asked = {"password": new | {"deviceToken": token}}
    assert (await client.as_(None).done(SIGN_IN, i=asked))["mfaRequired"]
    assert totp["confirmedAt"]


async def test_a_browser_keeps_it_in_a_cookie(house: House, house_clock: HouseClock) -> None:
    owner = await protected(house, house_clock)
    headers = {"origin": house.url, "x-datawave-cookie": "1"}
    async with httpx2.AsyncClient(base_url=house.url, headers=headers, timeout=30) as page:

        async def sign_in(**more: object) -> httpx2.Response:
            asked = {"password": {"email": owner.email, "password": PASSWORD} | more}
            return await page.post("/graphql", json={"query": SIGN_IN, "variables": {"i": asked}})

        first = await sign_in(totp=await owner.app.code(), rememberDevice=True)
        assert first.json()["data"]["signIn"]["deviceToken"] is None
        [kept] = [each for each in first.headers.get_list("set-cookie") if "_device=" in each]
        assert "HttpOnly" in kept
        assert "SameSite=Lax" in kept
        page.cookies.clear()
        assert (await sign_in()).json()["data"]["signIn"]["mfaRequired"]
        name, _, value = kept.partition(";")[0].partition("=")
        page.cookies.set(name, value)
        assert (await sign_in()).json()["data"]["signIn"]["viewer"]["user"]["email"] == owner.email


def test_devices_are_told_in_words() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    edge = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
    )
    safari = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/18.0 Mobile/15E148 Safari/604.1"
    )
    told = {
        firefox: "Firefox on Linux",
        edge: "Edge on Windows",
        safari: "Safari on iPhone",
        "python-httpx2/1.0": "python-httpx2 1.0",
        "Mozilla/5.0": "A browser",
        "(odd)": "A program",
        "": None,
    }
    assert {client: device_named(client) for client in told} == told
    assert device_named(None) is None
