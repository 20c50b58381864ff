"""A forgotten password: asked for by anybody, answered alike, good once and for an hour."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from datawave.kit.tables import AuditEntry, Job
from models.identity import PasswordToken, User
from tests import furnished
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.fixtures.mail import Mailed, token_in, words
from tests.identity.documents import (
    OTHER,
    PASSWORD,
    RESET,
    SET_BY_TOKEN,
    UPDATE,
    WHO,
    code,
    first_error,
    id_of,
    person,
    signed_in,
)

ANNA = "anna@example.com"


async def asked(mailed: Mailed, email: str = ANNA) -> None:
    assert await Client(mailed.house.url).run(RESET, e=email) == {"errors": [], "done": True}


async def test_a_mail_brings_a_new_password_and_ends_every_session(mailed: Mailed) -> None:
    before = await person(mailed.house, ANNA, "Analyst", name="Anna")
    async with before.follow("subscription { catalogChanged { __typename } }") as events:
        waiting = asyncio.ensure_future(anext(events))
        await asked(mailed, " ANNA@example.com ")
        letter = await mailed.mailbox.next()
        assert letter["To"] == "Anna <anna@example.com>"
        assert f"{mailed.house.url}/#reset=" in words(letter)
        came = await Client(mailed.house.url).done(SET_BY_TOKEN, t=token_in(letter), n=OTHER)
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                await waiting
    assert code(await before.ask(WHO)) == "UNAUTHENTICATED"
    assert (await before.as_(came["tokens"]["accessToken"]).data(WHO))["viewer"]["user"]["email"] == ANNA
    assert code(await Client(mailed.house.url).ask(SIGN_IN, email=ANNA, password=PASSWORD)) == (
        "UNAUTHENTICATED"
    )
    await signed_in(mailed.house, ANNA, OTHER)
    twice = await Client(mailed.house.url).run(SET_BY_TOKEN, t=token_in(letter), n=PASSWORD)
    assert first_error(twice) == ("INVALID", ["token", "token"])


async def test_only_the_newest_link_is_good_and_none_after_a_change(mailed: Mailed) -> None:
    anna = await person(mailed.house, ANNA)
    await asked(mailed)
    first = token_in(await mailed.mailbox.next())
    await asked(mailed)
    second = token_in(await mailed.mailbox.next())
    refused = await anna.run(SET_BY_TOKEN, t=first, n=OTHER)
    assert first_error(refused) == ("INVALID", ["token", "token"])
    change = """mutation($c: Secret!, $n: Secret!) { setPassword(input: {change: {currentPassword: $c,
      newPassword: $n}}) { errors { code } } }"""
    await anna.done(change, c=PASSWORD, n=OTHER)
    refused = await Client(mailed.house.url).run(SET_BY_TOKEN, t=second, n=PASSWORD)
    assert first_error(refused) == ("INVALID", ["token", "token"])


async def test_a_link_is_good_for_an_hour(mailed: Mailed) -> None:
    await person(mailed.house, ANNA)
    await asked(mailed)
    token = token_in(await mailed.mailbox.next())
    await mailed.clock.shift(hours=1, seconds=1)
    late = await Client(mailed.house.url).run(SET_BY_TOKEN, t=token, n=OTHER)
    assert first_error(late) == ("INVALID", ["token", "token"])


async def test_asking_tells_nobody_who_has_an_account(mailed: Mailed) -> None:
    """The same answer after the same work: a command, a sealed address, a job that is nobody's."""
    reader = await person(mailed.house, "reader@example.com")
    await reader.done(RESET, e=furnished.ADMIN.email)
    await reader.done(RESET, e="nobody@example.com")
    await asked(mailed, "no address at all")
    await mailed.mailbox.next()
    await mailed.worker.drained()
    assert mailed.mailbox.arrived.empty()
    async with mailed.house.core.database.session() as session:
        jobs = (await session.scalars(select(Job).where(Job.kind == "SendPasswordReset"))).all()
        entries = (
            await session.scalars(select(AuditEntry).where(AuditEntry.action == "request_password_reset"))
        ).all()
    assert {(each.state.value, each.actor_id) for each in jobs} == {("SUCCEEDED", None)}
    assert "@" not in str([each.arguments for each in jobs])
    assert len(entries) == 3
    assert not {each.command_id for each in jobs} & {each.command_id for each in entries}


async def test_who_is_suspended_or_never_came_gets_none(mailed: Mailed) -> None:
    anna = await person(mailed.house, ANNA)
    await asked(mailed)
    token = token_in(await mailed.mailbox.next())
    await mailed.api.done(UPDATE, i={"id": await id_of(anna), "state": "SUSPENDED"})
    await asked(mailed)
    await mailed.worker.drained()
    assert mailed.mailbox.arrived.empty()
    refused = await Client(mailed.house.url).run(SET_BY_TOKEN, t=token, n=OTHER)
    assert first_error(refused) == ("INVALID", ["token", "token"])


async def test_a_person_gets_few_mails_in_an_hour(mailed: Mailed) -> None:
    await person(mailed.house, ANNA)
    for _ in range(7):
        await asked(mailed)
    await mailed.worker.drained()
    assert mailed.mailbox.arrived.qsize() == 5
    await mailed.clock.shift(hours=1, seconds=1)
    await asked(mailed)
    await mailed.worker.drained()
    assert mailed.mailbox.arrived.qsize() == 6


async def test_asking_is_limited_for_a_known_address_as_for_an_unknown(house: House, api: Client) -> None:
    client = Client(house.url)
    answers = [await client.run(RESET, e="nobody@example.com") for _ in range(11)]
    assert [each["errors"] for each in answers[:10]] == [[]] * 10
    [refused] = answers[10]["errors"]
    assert (refused["__typename"], refused["code"]) == ("UnavailableError", "RATE_LIMITED")
    [also] = (await client.run(RESET, e=furnished.ADMIN.email))["errors"]
    assert also["message"].partition(";")[0] == refused["message"].partition(";")[0]


async def test_without_a_mail_server_the_answer_is_the_same(house: House) -> None:
    for email in (furnished.ADMIN.email, "nobody@example.com"):
        assert await Client(house.url).run(RESET, e=email) == {"errors": [], "done": True}


async def test_a_link_is_kept_as_a_hash_alone(mailed: Mailed) -> None:
    await person(mailed.house, ANNA)
    await asked(mailed)
    token = token_in(await mailed.mailbox.next())
    assert len(token) == 43
    async with mailed.house.core.database.session() as session:
        [kept] = (await session.scalars(select(PasswordToken))).all()
        [user] = (await session.scalars(select(User).where(User.email == ANNA))).all()
    assert kept.user_id == user.id
    assert (len(kept.token_hash), kept.kind.value) == (32, "RESET")


@pytest.mark.parametrize("token", ["", "x", "\x00", "é" * 500, "x" * 100_000])
async def test_what_is_no_token_sets_no_password(api: Client, token: str) -> None:
    refused = await api.as_(None).run(SET_BY_TOKEN, t=token, n=OTHER)
    assert refused["errors"][0]["code"] == "INVALID"
    assert refused["tokens"] is None
