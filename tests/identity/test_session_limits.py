"""Sessions: how long they last, who sees and ends them, and that nobody is given one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2

from auth.sessions import Lifetimes
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import House, house_at
from tests.fixtures.clock import HouseClock
from tests.identity.signing_in import MINE, PASSWORD, SIGN_IN, code, person

WHO = "{ viewer { user { email } session { id } } }"
REFRESH = """mutation($t: Secret!) { refreshSession(input: {refreshToken: $t}) { tokens { accessToken
  refreshToken refreshExpiresAt } } }"""
END = "mutation($id: ID!) { endSession(input: {id: $id}) { done errors { code path } } }"
END_OTHERS = """mutation($u: ID) { endOtherSessions(input: {userId: $u}) {
  ended errors { code path } } }"""
SESSIONS = "query($s: String!) { users(search: $s) { nodes { id sessions { id device address } } } }"


def admin() -> dict[str, Any]:
    assert furnished.ADMIN.password is not None
    return {"password": {"email": furnished.ADMIN.email, "password": furnished.ADMIN.password.reveal()}}


def page(house: House) -> httpx2.AsyncClient:
    headers = {"origin": house.url, "x-datawave-cookie": "1"}
    return httpx2.AsyncClient(base_url=house.url, headers=headers, timeout=30)


async def asked(page: httpx2.AsyncClient, document: str, **variables: Any) -> httpx2.Response:
    return await page.post("/graphql", json={"query": document, "variables": variables})


async def email(page: httpx2.AsyncClient) -> str | None:
    found = (await asked(page, WHO)).json()["data"]["viewer"]
    return found["user"]["email"] if found else None


async def test_a_session_that_somebody_planted_is_not_gone_on_with(house: House) -> None:
    await person(house, "victim@example.com")
    async with page(house) as attacker, page(house) as victim:
        await asked(attacker, SIGN_IN, i=admin())
        planted = "; ".join(f"{name}={value}" for name, value in attacker.cookies.items())
        assert await email(attacker) == furnished.ADMIN.email
        mine = {"password": {"email": "victim@example.com", "password": PASSWORD}}
        document = {"query": SIGN_IN, "variables": {"i": mine}}
        answer = await victim.post("/graphql", json=document, headers={"cookie": planted})
        assert answer.json()["data"]["signIn"]["viewer"]["user"]["email"] == "victim@example.com"
        assert planted not in answer.headers["set-cookie"]
        assert await email(victim) == "victim@example.com"
        over = await asked(attacker, WHO)
        assert code(over.json()) == "UNAUTHENTICATED"
        assert "Max-Age=0" in over.headers["set-cookie"]
        assert (await asked(attacker, SIGN_IN, i=admin())).json()["data"]["signIn"]["viewer"]


async def test_a_browser_that_is_idle_is_signed_out_and_one_that_is_not_after_a_month(
    house: House, house_clock: HouseClock
) -> None:
    gate = house.served.gate
    async with page(house) as idle:
        await asked(idle, SIGN_IN, i=admin())
        await house_clock.shift(hours=13)
        await gate.look()
        assert code((await asked(idle, WHO)).json()) == "UNAUTHENTICATED"
    async with page(house) as busy:
        await asked(busy, SIGN_IN, i=admin())
        for _ in range(65):
            assert await email(busy) == furnished.ADMIN.email
            await _written(house)
            await house_clock.shift(hours=11)
            await gate.look()
        await house_clock.shift(hours=11)
        await gate.look()
        assert code((await asked(busy, WHO)).json()) == "UNAUTHENTICATED"


async def _written(house: House) -> None:
    """Its use is written at most once a minute of the process's own clock, which does not move here."""
    sessions = house.served.gate.sessions
    for known in list(sessions._known.values()):  # pyright: ignore[reportPrivateUsage]
        known.touched -= 61
    await sessions.look()


async def test_a_program_goes_on_for_three_months_and_no_longer(
    house: House, house_clock: HouseClock
) -> None:
    client = Client(house.url)
    tokens = (await client.done(SIGN_IN, i=admin()))["tokens"]
    for _ in range(3):
        await house_clock.shift(days=29)
        tokens = (await client.data(REFRESH, t=tokens["refreshToken"]))["refreshSession"]["tokens"]
    await house_clock.shift(days=4)
    assert code(await client.ask(REFRESH, t=tokens["refreshToken"])) == "UNAUTHENTICATED"
    idle = (await client.done(SIGN_IN, i=admin()))["tokens"]
    await house_clock.shift(days=31)
    assert code(await client.ask(REFRESH, t=idle["refreshToken"])) == "UNAUTHENTICATED"


async def test_sessions_are_seen_and_ended_by_their_owner_and_by_an_administrator(
    house: House, api: Client
) -> None:
    mine = await person(house, "owner@example.com")
    for client in ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0", "curl/8.0"):
        other = Client(house.url)
        other.http.headers["user-agent"] = client
        own = {"password": {"email": "owner@example.com", "password": PASSWORD}}
        other.token = (await other.done(SIGN_IN, i=own))["tokens"]["accessToken"]
        last = other
    seen = (await mine.data(MINE))["viewer"]["user"]["sessions"]
    assert {(each["device"], each["method"], each["address"]) for each in seen} >= {
        ("Firefox on Linux", "PASSWORD", "127.0.0.1"),
        ("curl 8.0", "PASSWORD", "127.0.0.1"),
    }
    assert [each["current"] for each in seen].count(True) == 1
    [owner] = (await api.data(SESSIONS, s="owner@"))["users"]["nodes"]
    assert len(owner["sessions"]) == 3
    [firefox] = [each["id"] for each in seen if each["device"] == "Firefox on Linux"]
    await api.done(END, id=firefox)
    stranger = await person(house, "stranger@example.com")
    assert (await stranger.run(END_OTHERS, u=owner["id"]))["errors"] == [
        {"code": "FORBIDDEN", "path": ["userId"]}
    ]
    assert (await mine.done(END_OTHERS, u=None))["ended"] == 1
    assert code(await last.ask(WHO)) == "UNAUTHENTICATED"
    assert (await mine.data(WHO))["viewer"] is not None
    assert (await api.done(END_OTHERS, u=owner["id"]))["ended"] == 1
    assert code(await mine.ask(WHO)) == "UNAUTHENTICATED"


async def test_the_limits_are_those_that_the_program_was_given(valkey: servers.ValkeySpace) -> None:
    given = Lifetimes(idle=timedelta(minutes=5), refresh_idle=timedelta(hours=1))
    async with furnished.fresh_database() as url, house_at(url, valkey, lifetimes=given) as house:
        clock = HouseClock(house.core.database, house.core.commands)
        client = Client(house.url)
        tokens = (await client.done(SIGN_IN, i=admin()))["tokens"]
        async with page(house) as browser:
            await asked(browser, SIGN_IN, i=admin())
            await clock.shift(minutes=6)
            await house.served.gate.look()
            assert code((await asked(browser, WHO)).json()) == "UNAUTHENTICATED"
        await clock.shift(hours=1)
        assert code(await client.ask(REFRESH, t=tokens["refreshToken"])) == "UNAUTHENTICATED"
