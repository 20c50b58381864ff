"""Jobs, health and settings through the API."""

from __future__ import annotations

import asyncio

from tests.client import Client
from tests.fixtures.api import House
from tests.test_identity import code, person

ROTATE = """mutation { rotateVaultKey(input: {reason: "yearly"}) { errors { code } trackingId job {
  id kind state trackingId tries maxTries attempts { number } } } }"""
CANCEL = """mutation($id: ID!) { cancelJob(input: {id: $id}) { errors { code } job { id state
  failure { code } finishedAt } } }"""
JOBS = """query($t: ID, $s: [JobState!]) { jobs(trackingId: $t, states: $s) { totalCount nodes {
  id state kind actor { displayName } } } }"""
FOLLOW = """subscription($t: ID!, $a: Cursor) { jobProgressed(trackingId: $t, after: $a) { job { id
  state } replayed } }"""


async def test_a_job_is_followed_by_its_mutation_and_cancelled(house: House, api: Client) -> None:
    made = await api.done(ROTATE)
    job = made["job"]
    assert (job["state"], job["trackingId"], job["kind"]) == ("QUEUED", made["trackingId"], "RotateVaultKey")
    start = (await api.data("{ events(first: 1) { pageInfo { startCursor } } }"))["events"]["pageInfo"][
        "startCursor"
    ]
    async with api.follow(FOLLOW, t=made["trackingId"], a=start) as steps, asyncio.timeout(10):
        first = (await anext(steps))["data"]["jobProgressed"]
        assert first["job"]["id"] == job["id"]
        cancelled = (await api.done(CANCEL, id=job["id"]))["job"]
        assert (cancelled["state"], cancelled["failure"]["code"]) == ("CANCELLED", "CANCELLED")
        while (await anext(steps))["data"]["jobProgressed"]["job"]["state"] != "CANCELLED":
            pass
    [again] = (await api.run(CANCEL, id=job["id"]))["errors"]
    assert again["code"] == "WRONG_STATE"
    found = (await api.data(JOBS, t=made["trackingId"], s=["CANCELLED"]))["jobs"]
    assert (found["totalCount"], found["nodes"][0]["actor"]["displayName"]) == (1, "Administrator")


async def test_anothers_work_is_not_followed(house: House, api: Client) -> None:
    made = await api.done(ROTATE)
    reader = await person(house, "reader@example.com")
    refused = (await reader.run(ROTATE))["errors"]
    assert refused == [{"code": "FORBIDDEN"}]
    async with reader.socket() as socket:
        try:
            async with asyncio.timeout(10):
                await anext(socket.subscribe(FOLLOW, t=made["trackingId"], a=None))
        except AssertionError as error:
            assert "NOT_FOUND" in str(error)
        else:
            raise AssertionError("somebody else's job was shown")


async def test_health_answers_anybody_and_tells_the_signed_in_more(api: Client) -> None:
    short = "{ health { state version } }"
    whole = (
        "{ health { state version startedAt degraded components { name kind state latencyMs checkedAt } } }"
    )
    stranger = api.as_(None)
    assert (await stranger.data(short))["health"]["state"] in ("HEALTHY", "DEGRADED")
    refused = await stranger.ask(whole)
    assert refused["data"]["health"]["components"] is None
    assert {each["extensions"]["code"] for each in refused["errors"]} == {"UNAUTHENTICATED"}
    known = (await api.data(whole))["health"]
    assert {"database", "valkey", "relay", "vault"} <= {each["name"] for each in known["components"]}


async def test_settings_breakers_and_letters_need_their_permissions(house: House, api: Client) -> None:
    assert (await api.data("{ configuration { profile settings { key } } }"))["configuration"]["profile"]
    assert (await api.data("{ circuitBreakers { nodes { name } } deadLetters { nodes { id } } }"))[
        "deadLetters"
    ] == {"nodes": []}
    reader = await person(house, "reader@example.com")
    for document in (
        "{ configuration { profile } }",
        "{ circuitBreakers { nodes { name } } }",
        "{ deadLetters { nodes { id } } }",
        "{ jobs { nodes { id } } }",
    ):
        assert code(await reader.ask(document)) == "FORBIDDEN"
