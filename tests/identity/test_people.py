"""People change themselves; who may, suspends, brings back and deletes others; somebody always stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from datawave.kit.tables import AuditEntry, Command
from datawave.kit.tables import Event as EventRow
from domain.audit import verification
from models.identity import AuthSession, User
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House, house_at
from tests.fixtures.clock import HouseClock
from tests.identity.documents import (
    PASSWORD,
    PEOPLE,
    UNDO,
    UPDATE,
    WHO,
    code,
    first_error,
    id_of,
    person,
    signed_in,
)

ANNA = "anna@example.com"


async def test_everybody_changes_what_they_are_called(house: House) -> None:
    anna = await person(house, ANNA)
    own = await id_of(anna)
    given = {"id": own, "displayName": " Anna B. ", "locale": "pt-BR", "timeZone": "Europe/Lisbon"}
    changed = (await anna.done(UPDATE, i=given))["user"]
    assert (changed["displayName"], changed["locale"], changed["timeZone"]) == (
        "Anna B.",
        "pt-BR",
        "Europe/Lisbon",
    )
    assert changed["version"] == 2
    cleared = (await anna.done(UPDATE, i={"id": own, "version": 2, "timeZone": None}))["user"]
    assert (cleared["timeZone"], cleared["locale"]) == (None, "pt-BR")
    stale = await anna.run(UPDATE, i={"id": own, "version": 2, "displayName": "A"})
    assert (stale["errors"][0]["code"], stale["errors"][0]["currentVersion"]) == ("STALE_VERSION", 3)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"displayName": " "}, ("REQUIRED", ["displayName"])),
        ({"displayName": "a\nb"}, ("INVALID", ["displayName"])),
        ({"locale": "not a language"}, ("INVALID", ["locale"])),
        ({"timeZone": "../../etc/passwd"}, ("INVALID", ["timeZone"])),
        ({"timeZone": "Mars/Olympus"}, ("INVALID", ["timeZone"])),
        ({"state": "SUSPENDED"}, ("WRONG_STATE", ["state"])),
        ({"state": "DELETED"}, ("WRONG_STATE", ["state"])),
    ],
)
async def test_what_nobody_may_become(api: Client, given: dict[str, Any], refused: Any) -> None:
    assert first_error(await api.run(UPDATE, i={"id": await id_of(api), **given})) == refused


async def test_others_are_changed_with_the_permission_alone(house: House, api: Client) -> None:
    anna, auditor = await person(house, ANNA), await person(house, "auditor@example.com", "Auditor")
    hidden = await anna.run(UPDATE, i={"id": await id_of(auditor), "displayName": "X"})
    assert first_error(hidden) == ("NOT_FOUND", ["id"])
    seen = await auditor.run(UPDATE, i={"id": await id_of(anna), "state": "SUSPENDED"})
    assert (seen["errors"][0]["code"], seen["errors"][0]["permission"]) == ("FORBIDDEN", "user:update")
    done = await api.done(UPDATE, i={"id": await id_of(anna), "displayName": "Anna"})
    assert done["user"]["displayName"] == "Anna"
    assert (await api.run(UNDO, id=done["trackingId"]))["errors"] == []
    assert (await api.data(PEOPLE, s=ANNA))["users"]["nodes"][0]["displayName"] == "anna"


async def test_a_suspended_person_is_out_at_once_on_every_process(valkey: servers.ValkeySpace) -> None:
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey) as here,
        house_at(url, valkey) as there,
    ):
        api, anna = await here.as_admin(), await person(there, ANNA, "Analyst")
        own = await id_of(anna)
        async with anna.follow("subscription { catalogChanged { __typename } }") as events:
            waiting = asyncio.ensure_future(anext(events))
            done = await api.done(UPDATE, i={"id": own, "state": "SUSPENDED"})
            assert done["user"]["state"] == "SUSPENDED"
            async with asyncio.timeout(5):
                with pytest.raises((AssertionError, StopAsyncIteration)):
                    await waiting
        assert code(await anna.ask(WHO)) == "UNAUTHENTICATED"
        assert code(await Client(there.url).ask(SIGN_IN, email=ANNA, password=PASSWORD)) == "UNAUTHENTICATED"
        assert (await api.done(UNDO, id=done["trackingId"]))["errors"] == []
        assert code(await anna.ask(WHO)) == "UNAUTHENTICATED"
        assert (await (await signed_in(here, ANNA)).data(WHO))["viewer"]["user"]["id"] == own


async def test_a_suspended_person_is_brought_back(house: House, api: Client) -> None:
    own = await id_of(await person(house, ANNA))
    await api.done(UPDATE, i={"id": own, "state": "SUSPENDED"})
    listed = (await api.data(PEOPLE, t=["SUSPENDED"]))["users"]
    assert [each["email"] for each in listed["nodes"]] == [ANNA]
    assert first_error(await api.run(UPDATE, i={"id": own, "state": "INVITED"})) == ("INVALID", ["state"])
    await api.done(UPDATE, i={"id": own, "state": "ACTIVE"})
    await signed_in(house, ANNA)


async def test_the_last_administrator_is_neither_suspended_nor_deleted(house: House, api: Client) -> None:
    """By somebody who may change people, and is no administrator."""
    role = """mutation { saveRole(input: {name: "People", permissions: ["user:update", "user:read"]}) {
      errors { code } role { name } } }"""
    await api.done(role)
    keeper = await person(house, "keeper@example.com", "People")
    admin = await id_of(api)
    for state in ("SUSPENDED", "DELETED"):
        refused = await keeper.run(UPDATE, i={"id": admin, "state": state})
        assert refused["errors"][0]["code"] == "WRONG_STATE"
        assert "administrator" in refused["errors"][0]["message"]
    assert (await api.data(WHO))["viewer"] is not None
    second = await person(house, "second@example.com", "Administrator")
    await keeper.done(UPDATE, i={"id": admin, "state": "SUSPENDED"})
    assert first_error(await keeper.run(UPDATE, i={"id": await id_of(second), "state": "DELETED"}))[0] == (
        "WRONG_STATE"
    )


async def test_two_administrators_do_not_suspend_each_other(house: House, api: Client) -> None:
    second = await person(house, "second@example.com", "Administrator")
    ids = [await id_of(second), await id_of(api)]
    answers = await asyncio.gather(
        *(
            client.ask(UPDATE, i={"id": key, "state": "SUSPENDED"})
            for client, key in zip((api, second), ids, strict=True)
        )
    )
    suspended = [
        each for each in answers if (each.get("data") or {}).get("updateUser", {}).get("user") is not None
    ]
    assert len(suspended) == 1


async def test_of_a_deleted_person_only_an_id_stays(
    house: House, api: Client, house_clock: HouseClock
) -> None:
    anna = await person(house, ANNA, "Analyst", name="Anna Banana")
    own = await id_of(anna)
    await anna.done(UPDATE, i={"id": own, "displayName": "Anna Cabana"})
    await Client(house.url).ask(SIGN_IN, email=ANNA, password="wrong")
    gone = (await api.done(UPDATE, i={"id": own, "state": "DELETED"}))["user"]
    assert (gone["id"], gone["state"]) == (own, "DELETED")
    assert gone["displayName"].startswith("Deleted person ")
    assert gone["email"].endswith("@deleted.invalid")
    assert code(await anna.ask(WHO)) == "UNAUTHENTICATED"
    await house_clock.do("seal_audit")
    assert (await verification(house.core.database, house.core.keyring)).intact
    async with house.core.database.session() as session:
        for row in (User, AuthSession, AuditEntry, Command, EventRow):
            for each in await session.scalars(select(row)):
                text = str({column.key: getattr(each, column.key) for column in row.__table__.c})
                assert "anna" not in text.lower(), text
        erased = (await session.scalars(select(AuditEntry).where(AuditEntry.erased_at.is_not(None)))).all()
    assert {"add_user", "sign_in", "update_user"} <= {each.action for each in erased}
    assert first_error(await api.run(UPDATE, i={"id": own, "state": "ACTIVE"})) == ("WRONG_STATE", ["state"])
    grants = await api.data("query($a: ID) { grants(actorId: $a) { totalCount } }", a=own)
    assert grants["grants"]["totalCount"] == 0
    assert await id_of(await person(house, ANNA)) != own


async def test_a_list_of_people_takes_as_few_statements_as_ever(house: House, api: Client) -> None:
    await person(house, ANNA)
    await api.data(PEOPLE, s="an")
    await api.data(PEOPLE, s="an")
    few = api.statements
    await person(house, "hannah@example.com")
    assert (await api.data(PEOPLE, s="an"))["users"]["totalCount"] == 2
    await api.data(PEOPLE, s="an", t=["ACTIVE"])
    await api.data(PEOPLE, s="an")
    assert api.statements == few
