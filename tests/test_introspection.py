"""Who may look at the schema: everybody, those who are signed in, or nobody; by whatever way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import furnished, servers
from tests.bad_input.answers import refusals
from tests.client import Client, Refused
from tests.fixtures.api import House, house_at

LOOKS = {
    "all of it": "{ __schema { types { name } } }",
    "one type": '{ __type(name: "Query") { name } }',
    "by another name": "{ viewer: __schema { types { name } } }",
    "in a fragment": "{ ...F } fragment F on Query { __schema { types { name } } }",
    "in a fragment without a name": '{ ... on Query { ... { __type(name: "Query") { name } } } }',
    "beside something else": "{ viewer { permissions } __schema { types { name } } }",
    "by an operation of that name": "query __schema { __schema { types { name } } }",
    "under a condition": "query ($no: Boolean = false) { __schema @include(if: $no) { types { name } } }",
    "in an operation that is not run": "query A { __typename } query B { __schema { types { name } } }",
}
PLAIN = "{ __typename viewer { __typename } }"


@pytest.fixture
async def houses(valkey: servers.ValkeySpace, tmp_path: Path) -> AsyncIterator[Any]:
    """`await houses("nobody")` is a house with this policy, and pages."""
    (tmp_path / "graphiql.html").write_text("<title>GraphiQL</title>")
    async with AsyncExitStack() as stack:

        async def made(policy: str) -> House:
            url = await stack.enter_async_context(furnished.fresh_database())
            at: Any = house_at(url, valkey, web=tmp_path, introspection=policy)
            return await stack.enter_async_context(at)

        yield made


async def codes(client: Client) -> set[str]:
    """How looks are refused, over HTTP and over a socket; empty where they are answered."""
    found: set[str] = set()
    for what, look in LOOKS.items():
        asked = {"query": look, "operationName": "A" if "query A" in look else None}
        answer = (await client.http.post("/graphql", json=asked, headers=client.headers)).json()
        told = {each["extensions"]["code"] for each in answer.get("errors", [])}
        assert ("data" in answer) != bool(told), what
        found |= told
        if asked["operationName"] is None:
            async with client.socket() as socket:
                try:
                    await anext(socket.subscribe(look))
                except Refused as refused:
                    assert {each["extensions"]["code"] for each in refused.args[0]} <= told, what
                else:
                    assert not told, what
    assert (await client.ask(PLAIN))["data"]["__typename"] == "Query"
    return found


async def pages(client: Client) -> tuple[int, int]:
    text = await client.http.get("/schema.graphql", headers=client.headers)
    page = await client.http.get("/graphiql", headers=client.headers)
    assert ("type Query" in text.text) == (text.status_code == 200)
    return text.status_code, page.status_code


async def test_everybody_may_look_where_that_is_the_policy(houses: Any) -> None:
    house = await houses("everybody")
    stranger, admin = Client(house.url), await house.as_admin()
    assert (await codes(stranger), await codes(admin)) == (set(), set())
    assert (await pages(stranger), await pages(admin)) == ((200, 200), (200, 200))


async def test_strangers_may_not_look_where_signing_in_is_asked_for(houses: Any) -> None:
    house = await houses("signed-in")
    stranger, admin = Client(house.url), await house.as_admin()
    assert (await codes(stranger), await codes(admin)) == ({"UNAUTHENTICATED"}, set())
    assert (await pages(stranger), await pages(admin)) == ((401, 303), (200, 200))
    bad = await pages(stranger.as_("a.b.c"))
    assert bad == (401, 303)


async def test_nobody_may_look_where_that_is_the_policy(houses: Any) -> None:
    house = await houses("nobody")
    stranger, admin = Client(house.url), await house.as_admin()
    assert (await codes(stranger), await codes(admin)) == ({"FORBIDDEN"}, {"FORBIDDEN"})
    assert (await pages(stranger), await pages(admin)) == ((404, 404), (404, 404))


async def test_a_browser_that_is_signed_in_gets_the_page(houses: Any) -> None:
    house: House = await houses("signed-in")
    signing = """mutation ($email: String!, $password: Secret!) {
      signIn(input: {password: {email: $email, password: $password}}) { errors { code } }
    }"""
    password = furnished.ADMIN.password
    assert password is not None
    asked = {"query": signing, "variables": {"email": furnished.ADMIN.email, "password": password.reveal()}}
    browser = Client(house.url).http
    await browser.post("/graphql", json=asked, headers={"x-datawave-cookie": "1", "origin": house.url})
    assert (await browser.get("/graphiql")).status_code == 200
    assert (await browser.get("/schema.graphql")).status_code == 200
    browser.cookies.clear()
    assert (await browser.get("/graphiql")).status_code == 303


CURIOUS = [
    "{ viewe { permissions } }",
    "{ dataSources(frst: 1) { totalCount } }",
    "query ($v: SourceKin) { dataSources { totalCount } }",
    "{ dataSources { nodes { nme } } }",
    'mutation { signIn(input: {pasword: {email: "a", password: "b"}}) { errors { code } } }',
    "{ nodes(ids: []) { ... on DataSorce { id } } }",
]


async def test_nobody_is_told_names_they_did_not_ask_for(api: Client) -> None:
    for client in (api, api.as_(None)):
        for document in CURIOUS:
            found = await refusals(client, document)
            assert found, document
            assert not [each for each in found if "Did you mean" in each.message], document
