"""The key that signs tokens gives way to another, and nobody is signed out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from auth.sessions import Lifetimes, lasting
from datawave.kit.errors import AccessError
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import House, house_at
from tests.fixtures.clock import HouseClock
from tests.identity.signing_in import code, person

WHO = "{ viewer { session { id } } }"
ROTATE = "mutation { rotateSigningKey { keyId trackingId errors { code permission: __typename } } }"


async def published(house: House) -> list[str]:
    return [key["kid"] for key in (await house.served.gate.tokens.jwks())["keys"]]


def kid_of(token: str | None) -> Any:
    from joserfc.jws import extract_compact

    return extract_compact((token or "").encode()).headers()["kid"]


async def test_a_new_key_signs_at_once_and_the_old_verifies_until_its_tokens_ran_out(
    house: House, house_clock: HouseClock, api: Client
) -> None:
    [first] = await published(house)
    fresh = (await api.done(ROTATE))["keyId"]
    assert await published(house) == [first, fresh]
    assert (await api.data(WHO))["viewer"] is not None
    later = await house.as_admin()
    assert (kid_of(api.token), kid_of(later.token)) == (first, fresh)
    fetched = (await api.http.get("/.well-known/jwks.json")).json()
    assert [key["kid"] for key in fetched["keys"]] == [first, fresh]
    assert not any("d" in key for key in fetched["keys"])
    await house_clock.shift(minutes=21)
    await house.served.gate.look()
    assert await published(house) == [fresh]
    nobody = await person(house, "nobody@example.com")
    assert (await nobody.run(ROTATE))["errors"][0]["code"] == "FORBIDDEN"


async def test_every_process_hears_of_a_new_key(valkey: servers.ValkeySpace) -> None:
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey) as here,
        house_at(url, valkey) as there,
    ):
        client = await here.as_admin()
        entered = await there.served.gate.enter(None, None)
        await there.as_admin()
        heard = asyncio.Event()
        there.core.live.listen("access", lambda _message: heard.set())
        fresh = (await client.done(ROTATE))["keyId"]
        async with asyncio.timeout(1):
            await heard.wait()
        assert kid_of((await there.as_admin()).token) == fresh
        assert not entered.ended


async def test_a_key_that_has_signed_for_long_gives_way_by_itself(
    house: House, house_clock: HouseClock
) -> None:
    [first] = await published(house)
    await house_clock.do("rotate_old_signing_key")
    await house.served.gate.look()
    assert await published(house) == [first]
    with lasting(Lifetimes(signing_key=timedelta(days=7))):
        await house_clock.shift(days=8)
        await house_clock.do("rotate_old_signing_key")
    await house.served.gate.look()
    assert (await published(house))[0] == first
    assert len(await published(house)) == 2


async def test_a_token_of_a_key_retired_long_ago_is_refused(
    house: House, house_clock: HouseClock, api: Client
) -> None:
    """Even one that says it has not run out: whoever got hold of the key signed it."""
    gate = house.served.gate
    entered = await gate.enter(api.token, None)
    stolen = gate.tokens._signing  # pyright: ignore[reportPrivateUsage] - the attacker has the private half
    await api.done(ROTATE)
    await house_clock.shift(minutes=21)
    await gate.look()
    await published(house)
    gate.tokens._signing = stolen  # pyright: ignore[reportPrivateUsage]
    assert entered.viewer.actor_id is not None
    assert entered.session_id is not None
    forged = await gate.tokens.mint(
        actor_word="user",
        actor_id=entered.viewer.actor_id,
        session_id=entered.session_id,
        until=gate.now() + timedelta(days=1),
    )
    try:
        await gate.enter(forged.token.reveal(), None)
    except AccessError as refused:
        assert "no longer" in refused.message
    else:
        raise AssertionError("it was let in")
    assert code(await api.as_(forged.token.reveal()).ask(WHO)) == "UNAUTHENTICATED"
