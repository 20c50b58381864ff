"""Signing in by a real login service (oidc-provider), in a browser and as a program."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import websockets
from sqlalchemy import text

from datawave.kit.access import SYSTEM
from datawave.kit.secrets import Secret
from domain import identity
from tests import furnished
from tests.client import Client, Socket
from tests.fixtures.clock import SHIFT
from tests.identity.login_service import Browser, Returned
from tests.identity.providers import (
    BEGIN,
    BY_CODE,
    DELETE,
    MINE,
    UNDO,
    UNLINK,
    WHO,
    code,
    entries,
    group,
    members,
)
from tests.identity.there import PROGRAM, There

CHANGES = "subscription { eventRecorded { type } }"


async def role(api: Client, name: str) -> str:
    return next(
        each["id"] for each in (await api.data("{ roles { id name } }"))["roles"] if each["name"] == name
    )


async def test_a_browser_comes_back_with_a_session_and_opens_a_stream_with_it(there: There) -> None:
    await there.now(defaultRoleIds=[await role(there.api, "Auditor")])
    async with there.browser() as browser:
        back = await browser.signs_in(f"{there.start}?return=/lineage?of=orders", "ada")
        assert (back.status_code, back.headers["location"]) == (303, "/lineage?of=orders")
        assert back.headers["cache-control"] == "no-store"
        session, waiting = back.headers.get_list("set-cookie")
        assert "HttpOnly" in session
        assert "SameSite=Lax" in session
        assert "Max-Age=0" in waiting
        viewer = (await browser.asks(WHO))["data"]["viewer"]
        assert viewer["user"]["email"] == "ada@example.com"
        assert viewer["user"]["displayName"] == "Ada Lovelace"
        assert viewer["session"]["method"] == "OIDC"
        assert "audit:read" in viewer["permissions"]
        cookie = session.split(";")[0]
        async with websockets.connect(
            there.house.url.replace("http", "ws", 1) + "/graphql",
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers={"cookie": cookie, "origin": there.house.url},
        ) as raw:
            socket = Socket(raw)
            await socket.begin(None)
            stream = socket.subscribe(CHANGES)
            coming = asyncio.ensure_future(anext(stream))
            while not coming.done():
                await there.now(name="Keycloak of ours")
                await asyncio.wait([coming], timeout=0.5)
            assert coming.result()["data"]["eventRecorded"]["type"] == "OidcProviderSaved"
            await socket.end()
    [entry] = await entries(there.house, "sign_in_by_provider")
    assert (entry.outcome.value, entry.actor_word) == ("DONE", "user")
    assert entry.address == "127.0.0.1"


async def test_the_second_time_it_is_the_same_account(there: There) -> None:
    mine: Any = None
    for _ in range(2):
        async with there.browser() as browser:
            assert (await browser.signs_in(there.start, "ada")).status_code == 303
            mine = (await browser.asks(MINE))["data"]["viewer"]["user"]
    [known] = mine["identities"]
    assert known["subject"] == "ada"
    assert known["provider"]["name"] == "Keycloak"
    assert known["lastUsedAt"] > known["linkedAt"]
    people = await there.api.data('{ users(search: "ada") { nodes { email } } }')
    assert people["users"]["nodes"] == [{"email": "ada@example.com"}]


async def test_a_program_signs_in_with_the_code_and_reads_with_its_tokens(there: There) -> None:
    brought = await there.program("ada")
    signed = await Client(there.house.url).done(BY_CODE, i=brought)
    assert signed["viewer"]["user"]["email"] == "ada@example.com"
    assert signed["viewer"]["session"]["method"] == "OIDC"
    assert signed["trackingId"].startswith("command_")
    client = Client(there.house.url, signed["tokens"]["accessToken"])
    assert (await client.data(WHO))["viewer"]["user"]["displayName"] == "Ada Lovelace"
    assert code(await Client(there.house.url).ask(BY_CODE, i=brought)) == "UNAUTHENTICATED"


async def test_a_programs_redirect_is_one_that_is_registered(there: There) -> None:
    for uri in ("http://127.0.0.1:7777/back/", "https://evil.example/", PROGRAM + "?x=1", ""):
        answer = await Client(there.house.url).run(
            BEGIN, i={"providerId": there.provider["id"], "redirectUri": uri}
        )
        assert [(each["code"], each["path"]) for each in answer["errors"]] == [("INVALID", ["redirectUri"])]


async def test_a_browsers_answer_is_no_programs_and_the_other_way_round(there: There) -> None:
    async with there.browser() as browser:
        back = await browser.goes_there(there.start, "ada")
        answer = await Client(there.house.url).ask(BY_CODE, i={"state": back["state"], "code": back["code"]})
        assert code(answer) == "UNAUTHENTICATED"
        brought = await there.program("ada")
        query = f"?state={brought['state']}&code={brought['code']}"
        assert (await browser.open(f"/auth/oidc/callback{query}")).status_code == 401
        client = Client(there.house.url)
        client.http.headers["x-datawave-cookie"] = "1"
        asked = await client.run(BY_CODE, i=await there.program("ada"))
        assert [each["code"] for each in asked["errors"]] == ["INVALID"]


async def test_an_answer_is_good_once(there: There) -> None:
    async with there.browser() as browser:
        back = await browser.goes_there(there.start, "ada")
        waiting = dict(browser.http.cookies)
        assert (await browser.open(back.url)).status_code == 303
        browser.http.cookies.update(waiting)
        again = await browser.open(back.url)
        assert again.status_code == 401
        assert "came back already" in again.text
        # A fresh sign-in of the same browser does not make the old code good.
        fresh = await browser.goes_there(there.start, "ada")
        used = fresh.url.replace(fresh["code"], back["code"])
        refused = await browser.open(used)
        assert refused.status_code == 401
        assert "refused the code (invalid_grant)" in refused.text
        assert (await browser.open(fresh.url)).status_code == 401, "its state was used up"
    outcomes = [each.outcome.value for each in await entries(there.house, "sign_in_by_provider")]
    assert outcomes == ["DONE", "REFUSED", "REFUSED", "REFUSED"]


async def test_another_browser_cannot_be_signed_in_as_me(there: There) -> None:
    """An attacker sends the answer to their own sign-in to somebody else, who would then work in the
    attacker's account."""
    async with there.browser() as attackers, there.browser() as victims:
        back = await attackers.goes_there(there.start, "ada")
        await victims.open(there.start)
        refused = await victims.open(back.url)
        assert refused.status_code == 401
        assert "another browser" in refused.text
        assert (await victims.asks(WHO))["data"]["viewer"] is None
        assert (await attackers.open(back.url)).status_code == 401


async def test_an_answer_that_comes_too_late_is_refused(there: There) -> None:
    async with there.browser() as browser:
        back = await browser.goes_there(there.start, "ada")
        async with there.house.core.database.connection() as connection:
            await connection.exec_driver_sql(SHIFT, (601.0,))
        assert (await browser.open(back.url)).status_code == 401


async def test_an_answer_that_names_another_issuer_is_refused(there: There) -> None:
    async with there.browser() as browser:
        for other in ("https%3A%2F%2Fevil.example", ""):
            back = await browser.goes_there(there.start, "ada")
            wrong = back.url.split("&iss=")[0] + (f"&iss={other}" if other else "")
            refused = await browser.open(wrong)
            assert refused.status_code == 401
            assert "another service" in refused.text


ELSEWHERE = (
    "//evil.example", "/\\evil.example", "https://evil.example", "https:evil.example",
    "/%2F/evil.example",
    "/%2fevil.example", "/%5Cevil.example", "/%255cevil.example", "/\t/evil.example", "/%09/evil.example",
    "/%0d%0aset-cookie:a=b", "javascript:alert(1)", "evil.example", "", "/auth/oidc/callback",
    "/\u2028/evil", "/" + "a" * 2_000, "/a//b", "http:/evil.example", "/%e3%80%82//evil.example",
)  # fmt: skip


async def test_nobody_is_sent_elsewhere_afterwards(there: There, subtests: pytest.Subtests) -> None:
    async with there.browser() as browser:
        for path in ELSEWHERE:
            with subtests.test(path[:40]):
                refused = await browser.http.get(there.house.url + there.start, params={"return": path})
                assert (refused.status_code, "set-cookie" in refused.headers) == (400, False)


async def test_without_a_word_one_comes_home(there: There) -> None:
    async with there.browser() as browser:
        back = await browser.signs_in(there.start, "ada")
        assert back.headers["location"] == "/"
        page = "/assets/my%20table?next=https://a.example"
        again = await browser.signs_in(f"{there.start}?return={quote(page)}", "ada")
        assert again.headers["location"] == page


async def test_groups_come_and_go_with_what_the_service_says(there: There) -> None:
    stewards, poets = await group(there.house, "Stewards"), await group(there.house, "Poets")
    by_hand = await group(there.house, "Chess club")
    await there.now(
        groupMappings=[
            {"value": "stewards", "groupId": stewards},
            {"value": "poets", "groupId": poets},
            {"value": "nobody is in this", "groupId": by_hand},
        ]
    )
    async with there.browser() as browser:
        await browser.signs_in(there.start, "ada")
        user = (await browser.asks(WHO))["data"]["viewer"]["user"]["id"]
    assert await members(there.house) == {("Stewards", "service"), ("Poets", "service")}
    async with there.house.core.database.connection() as connection:
        await connection.execute(
            text("INSERT INTO group_member (group_id, member_id, member_word) VALUES (:g, :m, 'user')"),
            {"g": by_hand.removeprefix("group_"), "m": user.removeprefix("user_")},
        )
    await there.service.now_knows(
        ada={"email": "ada@example.com", "email_verified": True, "groups": ["stewards"]}
    )
    events = await _heard(there, "ada")
    assert {("Stewards", "service"), ("Chess club", "here")} == await members(there.house)
    [synced] = [each for each in events if each["type"] == "MembershipsSynced"]
    assert (len(synced["data"]["left"]), synced["data"]["joined"]) == (1, [])
    await there.service.now_knows(ada={"email": "ada@example.com", "email_verified": True})
    await _heard(there, "ada")
    assert await members(there.house) == {("Chess club", "here")}


async def _heard(there: There, who: str) -> list[dict[str, Any]]:
    """Somebody signs in; the events of it, each of the topic `access`."""
    async with there.house.core.database.connection() as connection:
        before = await connection.scalar(text("SELECT coalesce(max(position), 0) FROM event"))
        async with there.browser() as browser:
            assert (await browser.signs_in(there.start, who)).status_code == 303
        found = await connection.execute(
            text(
                "SELECT type, data FROM event WHERE 'access' = ANY(topics)"
                " AND (position > :p OR position IS NULL)"
            ),
            {"p": before},
        )
        return [{"type": row.type, "data": row.data} for row in found]


async def test_an_unmapped_group_is_left_at_once(there: There) -> None:
    stewards = await group(there.house, "Stewards")
    await there.now(groupMappings=[{"value": "stewards", "groupId": stewards}])
    async with there.browser() as browser:
        await browser.signs_in(there.start, "ada")
    assert await members(there.house) == {("Stewards", "service")}
    await there.now(groupMappings=[])
    assert await members(there.house) == set()


async def test_a_verified_e_mail_takes_an_account_over_only_where_the_row_says_so(there: There) -> None:
    for who in ("grace", "mallory"):
        async with there.browser() as browser:
            refused = await browser.signs_in(there.start, who)
            assert refused.status_code == 401
            assert "Nobody here is linked" in refused.text
    await there.now(linksByEmail=True)
    async with there.browser() as browser:
        assert (await browser.signs_in(there.start, "mallory")).status_code == 401, "not verified"
    async with there.browser() as browser:
        assert (await browser.signs_in(there.start, "grace")).status_code == 303
        viewer = (await browser.asks(WHO))["data"]["viewer"]
        assert viewer["user"]["email"] == furnished.ADMIN.email
        assert viewer["user"]["displayName"] == "Administrator"


async def test_nobody_is_added_where_the_row_does_not_say_so(there: There) -> None:
    await there.now(createsUsers=False)
    async with there.browser() as browser:
        assert (await browser.signs_in(there.start, "ada")).status_code == 401
    assert (await there.api.data("{ users { totalCount } }"))["users"]["totalCount"] == 1


async def invited(there: There, email: str) -> None:
    await there.house.core.commands.run(identity.add_user, SYSTEM, {"email": email})


async def test_whoever_was_invited_is_active_then_and_whoever_is_suspended_stays_out(there: There) -> None:
    await there.now(linksByEmail=True)
    await invited(there, "ada@example.com")
    async with there.browser() as browser:
        assert (await browser.signs_in(there.start, "ada")).status_code == 303
        user = (await browser.asks(WHO))["data"]["viewer"]["user"]
        assert user["state"] == "ACTIVE"
        async with there.house.core.database.connection() as connection:
            await connection.execute(text("UPDATE person SET state = 'SUSPENDED' WHERE email LIKE 'ada%'"))
        refused = await browser.signs_in(there.start, "ada")
        assert refused.status_code == 401
        assert "not active" in refused.text


async def signed_in_by_password(there: There, browser: Browser) -> None:
    assert furnished.ADMIN.password
    document = """mutation($e: String!, $p: Secret!) { signIn(input: {password: {email: $e, password: $p}}) {
      errors { code } } }"""
    answer = await browser.http.post(
        f"{there.house.url}/graphql",
        json={
            "query": document,
            "variables": {"e": furnished.ADMIN.email, "p": furnished.ADMIN.password.reveal()},
        },
        headers={"origin": there.house.url, "x-datawave-cookie": "1"},
    )
    assert answer.json()["data"]["signIn"]["errors"] == []


async def test_whoever_is_signed_in_links_by_themselves_and_takes_it_back(there: There) -> None:
    link = f"{there.start}?link=1&return=/me"
    async with there.browser() as browser:
        assert (await browser.open(link, sec_fetch_site="same-origin")).status_code == 401, "nobody is in"
        await signed_in_by_password(there, browser)
        before = (await browser.asks(WHO))["data"]["viewer"]["session"]["id"]
        for site in ("cross-site", "same-site", "none"):
            refused = await browser.open(link, sec_fetch_site=site)
            assert refused.status_code == 401, "a stranger's page sent them"
        back = await browser.signs_in(link, "mallory", sec_fetch_site="same-origin")
        assert (back.status_code, back.headers["location"]) == (303, "/me")
        assert (await browser.asks(WHO))["data"]["viewer"]["session"]["id"] == before
        [known] = (await browser.asks(MINE))["data"]["viewer"]["user"]["identities"]
        assert known["subject"] == "mallory"
        async with there.browser() as fresh:
            await fresh.signs_in(there.start, "mallory")
            assert (await fresh.asks(WHO))["data"]["viewer"]["user"]["email"] == furnished.ADMIN.email
        away = (await browser.asks(UNLINK, id=known["id"]))["data"]["unlinkIdentity"]
        assert (away["errors"], away["deletedId"]) == ([], known["id"])
        async with there.browser() as fresh:
            assert (await fresh.signs_in(there.start, "mallory")).status_code == 401
        undone = (await browser.asks(UNDO, id=away["trackingId"]))["data"]["undoCommand"]
        assert undone["errors"] == []
        [again] = (await browser.asks(MINE))["data"]["viewer"]["user"]["identities"]
        assert again["id"] == known["id"]
    [entry] = await entries(there.house, "link_identity")
    assert (entry.outcome.value, entry.actor_word) == ("DONE", "user")


async def test_an_identity_is_one_persons(there: There) -> None:
    async with there.browser() as adas, there.browser() as browser:
        await adas.signs_in(there.start, "ada")
        await signed_in_by_password(there, browser)
        refused = await browser.signs_in(f"{there.start}?link=1", "ada", sec_fetch_site="same-origin")
        assert refused.status_code == 400
        assert "another account" in refused.text


async def test_a_link_that_is_begun_in_a_session_that_has_ended_is_refused(there: There) -> None:
    async with there.browser() as browser:
        await signed_in_by_password(there, browser)
        back = await browser.goes_there(f"{there.start}?link=1", "ada", sec_fetch_site="same-origin")
        await browser.asks("mutation { endSession { done } }")
        assert (await browser.open(back.url)).status_code == 401
    assert (await there.api.data(MINE))["viewer"]["user"]["identities"] == []


async def test_the_last_way_in_is_not_taken_away(there: There) -> None:
    async with there.browser() as browser:
        await browser.signs_in(there.start, "ada")
        [known] = (await browser.asks(MINE))["data"]["viewer"]["user"]["identities"]
        refused = (await browser.asks(UNLINK, id=known["id"]))["data"]["unlinkIdentity"]
        assert [each["code"] for each in refused["errors"]] == ["WRONG_STATE"]
    stranger = await _somebody(there)
    elses = await stranger.run(UNLINK, id=known["id"])
    assert [each["code"] for each in elses["errors"]] == ["NOT_FOUND"]
    hidden = await stranger.data("query($id: ID!) { node(id: $id) { id } }", id=known["id"])
    assert hidden["node"] is None


async def _somebody(there: There) -> Client:
    password = Secret("tangerine window orbit 42")
    hashed = await there.house.served.gate.passwords.hash(password)
    arguments = {"email": "nobody@example.com", "password_hash": hashed}
    await there.house.core.commands.run(identity.add_user, SYSTEM, arguments)
    client = Client(there.house.url)
    signed = await client.done(
        """mutation($e: String!, $p: Secret!) { signIn(input: {password: {email: $e, password: $p}}) {
          errors { code } tokens { accessToken } } }""",
        e="nobody@example.com",
        p=password.reveal(),
    )
    client.token = signed["tokens"]["accessToken"]
    return client


async def test_whoever_says_no_at_the_service_is_told_so(there: There) -> None:
    async with there.browser() as browser:
        refused = await browser.signs_in(there.start, "nobody")
        assert refused.status_code == 401
        assert "access_denied" in refused.text
        assert "nobody of that name" not in refused.text


async def test_a_service_that_is_away_is_told_apart_and_then_left_in_peace(there: There) -> None:
    async with there.browser() as browser:
        back = await browser.goes_there(there.start, "ada")
        await there.service.stop()
        for _ in range(5):
            away = await browser.open(back.url)
            assert (away.status_code, away.headers["retry-after"]) == (503, "5")
            assert "“Keycloak” does not answer" in away.text
            begun = await browser.open(there.start)
            fresh = parse_qs(urlsplit(begun.headers.get("location", "")).query)
            back = Returned(url=back.url.replace(back["state"], fresh.get("state", [""])[0]))
        shut = await browser.open(there.start)
        assert shut.status_code == 503
        assert "last CONNECTION_FAILED" in shut.text, shut.text
        begun = await Client(there.house.url).run(
            BEGIN, i={"providerId": there.provider["id"], "redirectUri": PROGRAM}
        )
        assert [each["code"] for each in begun["errors"]] == ["CIRCUIT_OPEN"]
        await there.service.start()
        async with there.house.core.database.connection() as connection:
            await connection.exec_driver_sql(SHIFT, (31.0,))
        # The database's clock is ahead of the service's now, by less than is forgiven.
        assert (await browser.signs_in(there.start, "ada")).status_code == 303
    breakers = await there.api.data("{ circuitBreakers { nodes { name state } } }")
    assert breakers["circuitBreakers"]["nodes"] == [{"name": "login service Keycloak", "state": "CLOSED"}]


async def test_a_deleted_service_lets_nobody_in_and_undo_brings_it_back(there: There) -> None:
    stewards = await group(there.house, "Stewards")
    await there.now(groupMappings=[{"value": "stewards", "groupId": stewards}])
    async with there.browser() as browser:
        await browser.signs_in(there.start, "ada")
        back = await browser.goes_there(there.start, "ada")
        deleted = await there.api.done(DELETE, id=there.provider["id"])
        assert (await browser.open(back.url)).status_code == 401
        assert (await browser.open(there.start)).status_code == 404
        assert code(await browser.asks(MINE)) == "UNAUTHENTICATED"
        assert await members(there.house) == set()
        await there.api.done(UNDO, id=deleted["trackingId"])
        again = await browser.signs_in(there.start, "ada")
        assert again.status_code == 303, "secret and people are known again"
        [known] = (await browser.asks(MINE))["data"]["viewer"]["user"]["identities"]
        assert known["subject"] == "ada"
    assert await members(there.house) == {("Stewards", "service")}


async def test_a_service_that_is_off_lets_nobody_in(there: There) -> None:
    async with there.browser() as browser:
        back = await browser.goes_there(there.start, "ada")
        await there.now(enabled=False)
        assert (await browser.open(there.start)).status_code == 404
        assert (await browser.open(back.url)).status_code == 401
    assert (await Client(there.house.url).data("{ oidcProviders { name } }"))["oidcProviders"] == []
