"""Signing in, roles and grants through the API, as a browser, a program and an administrator meet them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from datawave.kit.access import SYSTEM
from datawave.kit.commands import PUBLIC
from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from domain import identity
from schema.fields import ROOTS
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House, house_at

WHO = "{ viewer { actor { id displayName } session { id current method } permissions } }"
ERRORS = """  fragment Errors on UserError { __typename code message path ... on AccessError {
  permission } ... on ConflictError { currentVersion current { id } } }"""
REFRESH = """mutation($t: Secret!) { refreshSession(input: {refreshToken: $t}) { tokens { accessToken
  refreshToken } } }"""
END = "mutation { endSession { done trackingId errors { code } } }"
SAVE_ROLE = (
    """mutation($i: SaveRoleInput!) { saveRole(input: $i) { errors { ...Errors } trackingId
      role { id version name permissions { name dangerous } } } }"""
    + ERRORS
)
GRANT = (
    """mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { ...Errors }
      trackingId grant { id scope { id } actor { id } role { name } } } }"""
    + ERRORS
)
REVOKE = (
    """mutation($id: ID!) { revokeGrant(input: {id: $id}) { errors { ...Errors } trackingId
      grant { id } } }"""
    + ERRORS
)
PASSWORD = furnished.ADMIN.password or Secret("")


async def person(house: House, email: str, *roles: str) -> Client:
    """Somebody with these roles, signed in."""
    from sqlalchemy import select

    from models.identity import Role

    async with house.core.database.session() as session:
        ids = list(await session.scalars(select(Role.id).where(Role.name.in_(roles))))
    hashed = await house.served.gate.passwords.hash(Secret("tangerine window orbit 42"))
    arguments = {"email": email, "password_hash": hashed, "role_ids": ids}
    await house.core.commands.run(identity.add_user, SYSTEM, arguments)
    client = Client(house.url)
    answer = await client.done(SIGN_IN, email=email, password="tangerine window orbit 42")
    client.token = answer["tokens"]["accessToken"]
    return client


def code(answer: dict[str, Any]) -> str:
    return answer["errors"][0]["extensions"]["code"]


async def test_who_is_asking(house: House, api: Client) -> None:
    viewer = (await api.data(WHO))["viewer"]
    assert viewer["actor"]["displayName"] == "Administrator"
    assert (viewer["session"]["current"], viewer["session"]["method"]) == (True, "PASSWORD")
    assert "datasource:create" in viewer["permissions"]
    assert "agent:act" not in viewer["permissions"]
    assert (await api.as_(None).data(WHO))["viewer"] is None
    assert code(await api.as_("nonsense").ask(WHO)) == "UNAUTHENTICATED"


async def test_a_wrong_password_is_one_error_without_data(api: Client) -> None:
    answer = await api.as_(None).ask(SIGN_IN, email=furnished.ADMIN.email, password="wrong")
    assert code(answer) == "UNAUTHENTICATED"
    assert "wrong" in answer["errors"][0]["message"]
    assert answer["data"] is None


async def test_a_hundred_tries_in_one_request_are_refused(api: Client) -> None:
    aliases = " ".join(
        f'a{at}: signIn(input: {{password: {{email: "a@b.c", password: "p{at}"}}}}) {{ errors {{ code }} }}'
        for at in range(3)
    )
    answer = await api.as_(None).data(f"mutation {{ {aliases} }}")
    assert [each["errors"][0]["code"] for each in answer.values()] == ["INVALID"] * 3
    spread = """mutation { ...T b: signIn(input: {password: {email: "x", password: "y"}}) { errors {
      code } } } fragment T on Mutation { c: signIn(input: {password: {email: "x",
      password: "z"}}) { errors { code } } }"""
    assert {each["errors"][0]["code"] for each in (await api.as_(None).data(spread)).values()} == {"INVALID"}


async def test_refreshing_and_what_a_second_use_does(house: House) -> None:
    first = await Client(house.url).done(SIGN_IN, email=furnished.ADMIN.email, password=PASSWORD.reveal())
    client = Client(house.url)
    again = await client.data(REFRESH, t=first["tokens"]["refreshToken"])
    fresh = client.as_(again["refreshSession"]["tokens"]["accessToken"])
    assert (await fresh.data(WHO))["viewer"] is not None
    assert code(await client.ask(REFRESH, t=first["tokens"]["refreshToken"])) == "UNAUTHENTICATED"
    assert code(await fresh.ask(WHO)) == "UNAUTHENTICATED"


async def test_signing_out_ends_the_token_at_once(api: Client) -> None:
    ended = await api.done(END)
    assert ended["done"] is True
    assert ended["trackingId"].startswith("command_")
    assert code(await api.ask(WHO)) == "UNAUTHENTICATED"


async def browser(house: House) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=house.url, headers={"origin": house.url, "x-datawave-cookie": "1"}, timeout=30
    )


async def test_a_browser_gets_a_cookie_and_no_tokens(house: House) -> None:
    async with await browser(house) as page:
        document = {
            "query": SIGN_IN.replace(
                "tokens { accessToken refreshToken }",
                "tokens { accessToken } viewer { actor { displayName } user { email } permissions }",
            )
        }
        variables = {"email": furnished.ADMIN.email, "password": PASSWORD.reveal()}
        response = await page.post("/graphql", json=document | {"variables": variables})
        payload = response.json()["data"]["signIn"]
        assert payload["tokens"] is None
        assert payload["viewer"]["user"]["email"] == furnished.ADMIN.email
        assert "vault:manage" in payload["viewer"]["permissions"]
        header = response.headers["set-cookie"]
        assert "HttpOnly" in header
        assert "SameSite=Lax" in header
        cookie = header.split(";")[0]
        asked = await page.post("/graphql", json={"query": WHO}, headers={"cookie": cookie})
        assert asked.json()["data"]["viewer"]["actor"]["displayName"] == "Administrator"
        elsewhere = await page.post(
            "/graphql", json={"query": WHO}, headers={"cookie": cookie, "origin": "https://evil.example"}
        )
        assert elsewhere.json()["data"]["viewer"] is None
        out = await page.post("/graphql", json={"query": END}, headers={"cookie": cookie})
        assert "Max-Age=0" in out.headers["set-cookie"]
        after = await page.post("/graphql", json={"query": WHO}, headers={"cookie": cookie})
        assert after.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_changed_password_needs_the_old_one_and_ends_the_other_sessions(
    house: House, api: Client
) -> None:
    change = """mutation($c: Secret!, $n: Secret!) { setPassword(input: {change: {currentPassword:
      $c, newPassword: $n}}) { errors { code path } tokens { accessToken } } }"""
    wrong = await api.run(change, c="not it", n="tangerine window orbit 42")
    assert wrong["errors"] == [{"code": "INVALID", "path": ["change", "currentPassword"]}]
    weak = await api.run(change, c=PASSWORD.reveal(), n="password")
    assert weak["errors"][0]["path"] == ["change", "newPassword"]
    other = await house.as_admin()
    done = await api.done(change, c=PASSWORD.reveal(), n="tangerine window orbit 42")
    assert code(await other.ask(WHO)) == "UNAUTHENTICATED"
    assert (await api.as_(done["tokens"]["accessToken"]).data(WHO))["viewer"] is not None
    assert code(await api.as_(None).ask(change, c="x", n="y")) == "UNAUTHENTICATED"


async def test_a_program_signs_in_with_its_credentials(api: Client) -> None:
    made = await api.done(
        """mutation { createServiceAccount(input: {displayName: "Partner"}) { errors { code
          } clientSecret serviceAccount { id clientId enabled grants { id } } } }"""
    )
    sign_in = """mutation($c: String!, $s: Secret!, $p: [String!]) { signIn(input:
      {clientCredentials: {clientId: $c, clientSecret: $s, scopes: $p}}) { errors { code
      path } tokens { accessToken } viewer { actor { id } user { id } } } }"""
    account = made["serviceAccount"]
    done = await api.as_(None).done(sign_in, c=account["clientId"], s=made["clientSecret"], p=None)
    assert (done["viewer"]["actor"]["id"], done["viewer"]["user"]) == (account["id"], None)
    odd = await api.as_(None).run(sign_in, c=account["clientId"], s=made["clientSecret"], p=["no:such"])
    assert odd["errors"] == [{"code": "INVALID", "path": ["clientCredentials", "scopes", "0"]}]


async def test_programs_are_listed_by_name_for_whoever_may_see_people(house: House, api: Client) -> None:
    make = "mutation($n: String!) { createServiceAccount(input: {displayName: $n}) { errors { code } } }"
    listed = """{ serviceAccounts(first: 2) {
      totalCount pageInfo { hasNextPage } nodes { displayName grants { id } } } }"""
    await api.done(make, n="Warehouse")
    await api.data(listed)
    few = api.statements
    for name in ("Catalogue", "Billing", "Archive"):
        await api.done(make, n=name)
    found = (await api.data(listed))["serviceAccounts"]
    assert [each["displayName"] for each in found["nodes"]] == ["Archive", "Billing"]
    assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (4, True)
    await api.data(listed)
    assert api.statements == few
    reader = await person(house, "reader@example.com")
    assert code(await reader.ask(listed)) == "FORBIDDEN"


async def test_a_role_given_counts_at_once_and_taken_away_ends_open_streams(
    house: House, api: Client
) -> None:
    reader = await person(house, "reader@example.com")
    user = (await reader.data(WHO))["viewer"]["actor"]["id"]
    assert code(await reader.ask("{ roles { name } }")) == "FORBIDDEN"
    role = await api.done(SAVE_ROLE, i={"name": "Log readers", "permissions": ["event:read", "role:read"]})
    grant = await api.done(GRANT, i={"actorId": user, "roleId": role["role"]["id"]})
    assert grant["grant"]["role"]["name"] == "Log readers"
    assert "Log readers" in [each["name"] for each in (await reader.data("{ roles { name } }"))["roles"]]
    held = await reader.data(
        "query($a: ID) { grants(actorId: $a) { nodes { id grantedBy { id } } } }", a=user
    )
    assert [each["id"] for each in held["grants"]["nodes"]] == [grant["grant"]["id"]]
    async with reader.follow("subscription { eventRecorded { type } }") as events:
        waiting = asyncio.ensure_future(anext(events))
        await api.done(SAVE_ROLE, i={"name": "Another", "permissions": []})
        async with asyncio.timeout(5):
            assert (await waiting)["data"]["eventRecorded"]["type"]
        await api.done(REVOKE, id=grant["grant"]["id"])
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                while True:
                    await anext(events)
    assert code(await reader.ask("{ roles { name } }")) == "FORBIDDEN"


async def test_why_and_who(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com", "Analyst")
    decision = """query($p: String!, $a: ID) { access(permission: $p, actorId: $a) { allowed missing
      because { id role { name } } heldBy { name } } }"""
    yes = (await reader.data(decision, p="asset:read"))["access"]
    assert (yes["allowed"], yes["because"][0]["role"]["name"]) == (True, "Analyst")
    no = (await reader.data(decision, p="vault:manage"))["access"]
    assert (no["allowed"], no["missing"], [each["name"] for each in no["heldBy"]]) == (
        False,
        "vault:manage",
        ["Administrator"],
    )
    admin = (await api.data(WHO))["viewer"]["actor"]["id"]
    assert code(await reader.ask(decision, p="asset:read", a=admin)) == "FORBIDDEN"
    assert (await api.data(decision, p="vault:manage", a=admin))["access"]["allowed"] is True


async def test_sessions_of_others_are_null_with_one_error(house: House, api: Client) -> None:
    auditor = await person(house, "auditor@example.com", "Auditor")
    answer = await auditor.ask(
        "{ users { nodes { email sessions { id current } grants { role { name } } } } }"
    )
    by_mail = {each["email"]: each for each in answer["data"]["users"]["nodes"]}
    assert by_mail[furnished.ADMIN.email]["sessions"] is None
    assert [each["current"] for each in by_mail["auditor@example.com"]["sessions"]] == [True]
    assert by_mail[furnished.ADMIN.email]["grants"] == [{"role": {"name": "Administrator"}}]
    assert [each["extensions"]["permission"] for each in answer["errors"]] == ["user:update"]
    everybody = await api.data('{ users(search: "AUDIT") { totalCount nodes { sessions { id } } } }')
    assert everybody["users"]["totalCount"] == 1


async def test_wrong_ids_and_stale_versions_name_the_field(api: Client) -> None:
    role = (await api.done(SAVE_ROLE, i={"name": "R", "permissions": ["asset:read"]}))["role"]
    await api.done(SAVE_ROLE, i={"id": role["id"], "version": 1, "name": "R2", "permissions": []})
    [stale] = (await api.run(SAVE_ROLE, i={"id": role["id"], "version": 1, "name": "R3", "permissions": []}))[
        "errors"
    ]
    assert (stale["code"], stale["currentVersion"], stale["current"]["id"]) == (
        "STALE_VERSION",
        2,
        role["id"],
    )
    [taken] = (await api.run(SAVE_ROLE, i={"name": "Analyst", "permissions": []}))["errors"]
    assert (taken["code"], taken["path"]) == ("ALREADY_EXISTS", ["name"])
    [odd] = (await api.run(GRANT, i={"actorId": role["id"], "roleId": role["id"]}))["errors"]
    assert (odd["code"], odd["path"]) == ("INVALID", ["actorId"])
    user = (await api.data(WHO))["viewer"]["actor"]["id"]
    [unknown] = (await api.run(GRANT, i={"actorId": user, "roleId": "role_" + "0" * 32}))["errors"]
    assert (unknown["code"], unknown["path"]) == ("NOT_FOUND", ["roleId"])


def test_only_signing_in_is_a_mutation_open_to_anybody() -> None:
    open_to_all = {root.name for root in ROOTS if root.kind == "mutation" and root.needs == PUBLIC}
    assert open_to_all == {
        "sign_in",
        "refresh_session",
        "set_password",
        "request_password_reset",
        "begin_oidc_sign_in",
    }


async def test_another_process_hears_of_the_end_within_a_second(valkey: servers.ValkeySpace) -> None:
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey) as here,
        house_at(url, valkey) as there,
    ):
        client = await here.as_admin()
        session = await here.served.gate.enter(client.token, None)
        # Real processes share an address and so the issuer; these two differ in their ports.
        minted = await there.served.gate.tokens.mint(
            actor_word="user",
            actor_id=session.viewer.actor_id or new_id(),
            session_id=session.session_id or new_id(),
            until=session.expires_at or there.served.gate.now(),
        )
        elsewhere = Client(there.url, minted.token.reveal())
        entered = await there.served.gate.enter(elsewhere.token, None)
        changed = entered.changed
        async with elsewhere.follow("subscription { eventRecorded { type } }") as events:
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.wait([waiting], timeout=0.01)
            await client.done(END)
            async with asyncio.timeout(1):
                await changed.wait()
            assert entered.ended
            with pytest.raises((AssertionError, StopAsyncIteration)):
                await waiting
                while True:
                    await anext(events)
        assert code(await elsewhere.ask(WHO)) == "UNAUTHENTICATED"
