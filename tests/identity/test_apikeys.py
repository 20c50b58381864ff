"""API keys: made with no more than their maker holds, let in by header alone, out within a second."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from auth.key_shapes import BEGINS, SHAPE, is_whole, new_key
from datawave.kit.ids import key_of
from datawave.kit.tables import AuditEntry
from datawave.kit.telemetry import Redactor
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import House, house_at
from tests.fixtures.clock import HouseClock
from tests.identity.programs import (
    MAKE_KEY,
    REVOKE_KEY,
    STREAM,
    WHO,
    code,
    key,
    person,
    program,
)
from tests.statements import counted

OF_PROGRAM = """query($id: ID!) { node(id: $id) { ... on ServiceAccount {
  apiKeys { id prefix permissions } } } }"""
LOUD = ("uvicorn", "httpx2", "httpcore2", "websockets", "asyncio")
"""Libraries of which only warnings are logged (`telemetry.set_up`)."""

DISABLE = text("UPDATE service_account SET enabled = false")


def clock(house: House) -> HouseClock:
    return HouseClock(house.core.database, house.core.commands)


async def test_a_key_lets_in_its_maker_over_http_and_websocket(house: House, api: Client) -> None:
    made = await key(api, permissions=["asset:read", "event:read"])
    assert made["value"].startswith(made["prefix"] + "_")
    assert made["permissions"] == ["asset:read", "event:read"]
    program_ = api.as_(made["value"])
    viewer = (await program_.data(WHO))["viewer"]
    assert viewer["actor"]["id"] == made["actor"]["id"]
    assert viewer["session"] is None
    assert viewer["permissions"] == ["asset:read", "event:read"]
    assert code(await program_.ask("{ users { nodes { id } } }")) == "FORBIDDEN"
    async with program_.follow(STREAM) as events:
        waiting = asyncio.ensure_future(anext(events))
        await key(api, "Another", permissions=["asset:read"])
        async with asyncio.timeout(5):
            assert (await waiting)["data"]["eventRecorded"]["type"]


async def test_a_key_of_a_program_holds_what_both_hold(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    made = await key(api, actorId=partner["id"])
    assert made["permissions"] == ["asset:read", "datasource:read", "lineage:read"]
    shown = (await api.data(OF_PROGRAM, id=partner["id"]))["node"]["apiKeys"]
    assert shown == [{name: made[name] for name in ("id", "prefix", "permissions")}]
    less = await key(api, actorId=partner["id"], permissions=["asset:read"])
    assert (await api.as_(less["value"]).data(WHO))["viewer"]["permissions"] == ["asset:read"]


async def test_the_value_is_shown_once_and_kept_nowhere(house: House, api: Client) -> None:
    input_ = {"name": "Once", "permissions": ["asset:read"], "idempotencyKey": "k1"}
    first = await api.done(MAKE_KEY, i=input_)
    again = await api.done(MAKE_KEY, i=input_)
    assert (again["value"], again["apiKey"]) == (first["value"], first["apiKey"])
    await clock(house).shift(minutes=11)
    late = await api.done(MAKE_KEY, i=input_)
    assert (late["value"], late["apiKey"]["id"]) == (None, first["apiKey"]["id"])
    secret = first["value"].split("_")[2]
    for table in ("api_key", "command", "audit_entry", "event", "idempotency"):
        async with house.core.database.connection() as connection:
            found = await connection.execute(
                text(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE :secret"),
                {"secret": f"%{secret}%"},
            )
            assert (table, found.scalar_one()) == (table, 0)


async def test_a_key_opens_no_more_than_its_maker_holds(house: House, api: Client) -> None:
    maker = await person(house, "maker@example.com", "apikey:create", "user:read", "asset:read")
    [error] = (await maker.run(MAKE_KEY, i={"name": "K", "permissions": ["asset:read", "vault:manage"]}))[
        "errors"
    ]
    assert (error["code"], error["permission"], error["path"]) == (
        "FORBIDDEN",
        "vault:manage",
        ["permissions", "1"],
    )
    mighty = await program(house, api, "Administrator", name="Mighty")
    [error] = (await maker.run(MAKE_KEY, i={"name": "K", "actorId": mighty["id"]}))["errors"]
    assert (error["__typename"], error["code"]) == ("AccessError", "FORBIDDEN")
    small = await key(maker, actorId=mighty["id"], permissions=["asset:read"])
    assert (await api.as_(small["value"]).data(WHO))["viewer"]["permissions"] == ["asset:read"]
    partner = await program(house, api, "Partner")
    [error] = (
        await api.run(MAKE_KEY, i={"name": "K", "actorId": partner["id"], "permissions": ["vault:manage"]})
    )["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["permissions", "0"])


async def test_a_key_makes_no_key_that_is_mightier(api: Client) -> None:
    narrow = api.as_((await key(api, permissions=["apikey:create", "asset:read"]))["value"])
    [error] = (await narrow.run(MAKE_KEY, i={"name": "K", "permissions": ["vault:manage"]}))["errors"]
    assert error["code"] == "FORBIDDEN"
    assert (await key(narrow))["permissions"] == ["apikey:create", "asset:read"]


async def test_whoever_may_not_make_keys_makes_none(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com", "asset:read")
    [error] = (await reader.run(MAKE_KEY, i={"name": "K"}))["errors"]
    assert (error["code"], error["permission"]) == ("FORBIDDEN", "apikey:create")
    assert code(await api.as_(None).ask(MAKE_KEY, i={"name": "K"})) == "UNAUTHENTICATED"


async def test_nobody_gets_a_key_in_another_persons_name(house: House, api: Client) -> None:
    other = await person(house, "other@example.com", "asset:read")
    theirs = (await other.data(WHO))["viewer"]["actor"]["id"]
    [error] = (await api.run(MAKE_KEY, i={"name": "K", "actorId": theirs}))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["actorId"])
    [error] = (await api.run(MAKE_KEY, i={"name": "K", "actorId": "service_" + "0" * 32}))["errors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["actorId"])
    [error] = (await api.run(MAKE_KEY, i={"name": "K", "actorId": "role_" + "0" * 32}))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["actorId"])


@pytest.mark.parametrize(
    ("given_", "path"),
    [
        ({"name": " "}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"permissions": ["no:such"]}, ["permissions", "0"]),
        ({"permissions": []}, ["permissions"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"expiresAt": "2099-01-01T00:00:00Z"}, ["expiresAt"]),
    ],
    ids=str,
)
async def test_a_wrong_value_is_named(api: Client, given_: dict[str, Any], path: list[str]) -> None:
    [error] = (await api.run(MAKE_KEY, i={"name": "K"} | given_))["errors"]
    assert error["path"] == path


async def test_a_program_that_holds_nothing_gets_no_key(house: House, api: Client) -> None:
    idle = await program(house, api)
    [error] = (await api.run(MAKE_KEY, i={"name": "K", "actorId": idle["id"]}))["errors"]
    assert (error["code"], error["path"]) == ("WRONG_STATE", ["permissions"])


async def test_a_key_lasts_ninety_days_unless_it_is_told_otherwise(house: House, api: Client) -> None:
    made = await key(api, permissions=["asset:read"])
    lasts = datetime.fromisoformat(made["expiresAt"]) - datetime.fromisoformat(made["createdAt"])
    assert lasts == timedelta(days=90)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    brief = api.as_((await key(api, permissions=["asset:read"], expiresAt=soon))["value"])
    assert (await brief.data(WHO))["viewer"] is not None
    await clock(house).shift(hours=2)
    await house.served.gate.look()
    answer = await brief.ask(WHO)
    assert code(answer) == "UNAUTHENTICATED"
    assert "expired" in answer["errors"][0]["message"]


async def test_how_long_a_key_may_last_is_a_setting(valkey: servers.ValkeySpace) -> None:
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, extras={"api_key_days": 7}) as house,
    ):
        api = await house.as_admin()
        later = (datetime.now(UTC) + timedelta(days=8)).isoformat()
        [error] = (await api.run(MAKE_KEY, i={"name": "K", "expiresAt": later}))["errors"]
        assert error["path"] == ["expiresAt"]
        made = await key(api)
        lasts = datetime.fromisoformat(made["expiresAt"]) - datetime.fromisoformat(made["createdAt"])
        assert lasts == timedelta(days=7)


async def test_a_revoked_key_is_out_at_once_with_its_streams(house: House, api: Client) -> None:
    made = await key(api, permissions=["event:read"])
    program_ = api.as_(made["value"])
    assert (await program_.data(WHO))["viewer"] is not None
    async with program_.follow(STREAM) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.wait([waiting], timeout=0.01)
        assert (await api.done(REVOKE_KEY, id=made["id"]))["apiKey"]["revokedAt"] is not None
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                await waiting
                while True:
                    await anext(events)
    assert code(await program_.ask(WHO)) == "UNAUTHENTICATED"
    [error] = (await api.run(REVOKE_KEY, id=made["id"]))["errors"]
    assert error["code"] == "WRONG_STATE"


async def test_a_revocation_whose_message_was_lost_is_found_by_looking(house: House, api: Client) -> None:
    made = await key(api, permissions=["event:read"])
    entered = await house.served.gate.enter(made["value"], None)
    async with house.core.database.connection() as connection:
        await connection.execute(text("UPDATE api_key SET revoked_at = datawave_now()"))
    await house.served.gate.look()
    assert entered.ended
    assert code(await api.as_(made["value"]).ask(WHO)) == "UNAUTHENTICATED"


async def test_rights_follow_those_of_its_actor(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    program_ = api.as_((await key(api, actorId=partner["id"]))["value"])
    assert "asset:read" in (await program_.data(WHO))["viewer"]["permissions"]
    [grant] = (await api.data("query($a: ID) { grants(actorId: $a) { nodes { id } } }", a=partner["id"]))[
        "grants"
    ]["nodes"]
    await api.done("mutation($id: ID!) { revokeGrant(input: {id: $id}) { errors { code } } }", id=grant["id"])
    assert (await program_.data(WHO))["viewer"]["permissions"] == []


async def test_a_key_of_a_program_that_was_shut_out_is_refused(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    program_ = api.as_((await key(api, actorId=partner["id"]))["value"])
    assert (await program_.data(WHO))["viewer"] is not None
    async with house.core.database.connection() as connection:
        await connection.execute(DISABLE)
    await house.served.gate.actors.refresh()
    assert code(await program_.ask(WHO)) == "UNAUTHENTICATED"


async def test_keys_of_others_are_for_whoever_may_end_them(house: House, api: Client) -> None:
    owner = await person(house, "owner@example.com", "apikey:create", "asset:read")
    made = await key(owner, permissions=["asset:read"])
    mine = "{ viewer { user { apiKeys { id lastUsedAt } } } }"
    assert [each["id"] for each in (await owner.data(mine))["viewer"]["user"]["apiKeys"]] == [made["id"]]
    curious = await person(house, "curious@example.com", "user:read", "user:update")
    answer = await curious.ask("{ users { nodes { email apiKeys { id } } } }")
    keys = {each["email"]: each["apiKeys"] for each in answer["data"]["users"]["nodes"]}
    assert (keys["owner@example.com"], keys["curious@example.com"]) == (None, [])
    assert [each["extensions"]["permission"] for each in answer["errors"]] == ["apikey:create"]
    assert (await curious.data("query($id: ID!) { node(id: $id) { id } }", id=made["id"]))["node"] is None
    [error] = (await curious.run(REVOKE_KEY, id=made["id"]))["errors"]
    assert error["code"] == "FORBIDDEN"
    assert (await api.done(REVOKE_KEY, id=made["id"]))["apiKey"]["id"] == made["id"]


async def test_the_last_use_is_written_at_most_once_a_minute(house: House, api: Client) -> None:
    made = await key(api, permissions=["asset:read"])
    gate = house.served.gate
    await api.as_(made["value"]).data(WHO)
    await gate.look()
    used = await _used(house)
    assert used is not None
    await api.as_(made["value"]).data(WHO)
    await gate.look()
    assert await _used(house) == used


async def _used(house: House) -> datetime | None:
    async with house.core.database.connection() as connection:
        return (await connection.execute(text("SELECT last_used_at FROM api_key"))).scalar_one()


async def test_the_record_names_the_key(house: House, api: Client) -> None:
    made = await key(api, permissions=["apikey:create", "asset:read"])
    inner = await key(api.as_(made["value"]), "Inner", permissions=["asset:read"])
    async with house.core.database.connection() as connection:
        entry = (
            await connection.execute(
                AuditEntry.__table__.select().where(AuditEntry.subject_id == key_of("apikey", inner["id"]))
            )
        ).one()
    assert entry.session_id is None
    assert entry.client.split(" ")[0] == made["id"]


async def test_keys_that_are_known_or_known_to_be_none_cost_no_statement(house: House, api: Client) -> None:
    made, keys = await key(api, permissions=["asset:read"]), house.served.gate.keys
    forged = new_key().value.reveal()
    await keys.of(made["value"])
    with pytest.raises(Exception, match="not known"):
        await keys.of(forged)
    with counted() as sent:
        await keys.of(made["value"])
        for wrong in (forged, made["value"][:-1], made["value"][:-1] + "!", made["value"] + "x", BEGINS):
            with pytest.raises(Exception, match="not accepted"):
                await keys.of(wrong)
    assert sent == []


@given(st.text(max_size=80), st.integers(0, 60), st.sampled_from("0aZ_-é"))
def test_a_key_with_a_mistake_is_no_whole_key(junk: str, place: int, letter: str) -> None:
    value = new_key().value.reveal()
    assert is_whole(value)
    wrong = value[:place] + letter + value[place + 1 :]
    assert is_whole(wrong) is (wrong == value)
    assert not is_whole(junk)


async def test_a_key_in_an_address_is_refused_and_logged_nowhere(
    house: House, api: Client, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    value = (await key(api, permissions=["asset:read"]))["value"]
    for path, name in (
        ("/graphql", "access_token"),
        ("/graphql", "key"),
        ("/healthz", "x"),
        ("/auth/token", "client_secret"),
    ):
        for shown in (value, value.replace("_", "%5F"), value.replace("_", "%5f")):
            response = await api.http.post(f"{path}?{name}={shown}", json={"query": WHO})
            assert response.status_code == 400
            assert "address" in response.text
            assert value not in response.text
    response = await api.http.get(f"/graphql/{value}")
    assert response.status_code == 400
    address = api.url.replace("http", "ws", 1)
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"{address}/graphql?token={value}")
    assert refused.value.response.status_code == 403
    ours = [r.getMessage() for r in caplog.records if r.levelno > logging.INFO or not r.name.startswith(LOUD)]
    said, secret = capsys.readouterr(), value.split("_")[2]
    assert secret not in "\n".join([*ours, said.out, said.err])


def test_whatever_looks_like_a_key_is_cut_out_of_log_lines() -> None:
    redactor, value = Redactor(), new_key().value.reveal()
    redactor.add_shape(SHAPE)
    for shown in (value, value[:-6], value.replace("_", "%5F")):
        assert redactor.clean(f'"WebSocket /graphql?token={shown}" 403') == (
            '"WebSocket /graphql?token=•••" 403'
        )
    assert redactor.clean("dwk_ is how keys begin") == "dwk_ is how keys begin"


async def test_a_key_is_no_cookie_and_no_password(house: House, api: Client) -> None:
    value = (await key(api, permissions=["asset:read"]))["value"]
    cookie = f"datawave_{house.url.rsplit(':', 1)[1]}={value}"
    headers = {"cookie": cookie, "origin": house.url}
    response = await api.http.post("/graphql", json={"query": WHO}, headers=headers)
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_flood_of_aliases_makes_no_flood_of_keys(api: Client) -> None:
    def aliases(first: int, last: int) -> str:
        each = (
            f'a{at}: createApiKey(input: {{name: "K", permissions: ["asset:read"]}}) {{ errors {{ code }} }}'
            for at in range(first, last)
        )
        return f"mutation {{ {' '.join(each)} }}"

    assert "data" not in await api.ask(aliases(0, 60))
    refusals: list[str] = []
    for first in range(0, 60, 10):
        answer = await api.ask(aliases(first, first + 10))
        refusals += [each["errors"][0]["code"] for each in answer["data"].values() if each["errors"]]
    assert refusals == ["WRONG_STATE"] * 10
