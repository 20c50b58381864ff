"""OAuth 2 as a partner's library meets it: client credentials, scopes, errors by the book, revocation."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from sqlalchemy import select, text

from datawave.kit.ids import key_of
from datawave.kit.tables import AuditEntry, Outcome
from models.identity import AuthSession, RefreshToken
from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.identity.programs import STREAM, WHO, code, program

FORM = {"grant_type": "client_credentials"}
SIGN_IN = """mutation($c: String!, $s: Secret!) { signIn(input: {clientCredentials: {clientId: $c,
  clientSecret: $s}}) { errors { code } tokens { accessToken refreshToken } } }"""
ROTATE = """mutation($i: RotateClientSecretInput!) { rotateClientSecret(input: $i) {
  errors { __typename code path } clientSecret serviceAccount { id clientSecrets { madeAt goodUntil } } } }"""


def basic(partner: dict[str, Any]) -> tuple[str, str]:
    return partner["clientId"], partner["secret"]


def posted(partner: dict[str, Any]) -> dict[str, str]:
    return {"client_id": partner["clientId"], "client_secret": partner["secret"]}


async def token(api: Client, partner: dict[str, Any], **form: str) -> httpx2.Response:
    return await api.http.post("/auth/token", data=FORM | form, auth=basic(partner))


async def test_a_program_gets_a_short_token_that_works_over_http_and_websocket(
    house: House, api: Client
) -> None:
    partner = await program(house, api, "Partner", "Auditor")
    response = await token(api, partner, scope="asset:read event:read")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    answer = response.json()
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 600)
    assert answer["scope"] == "asset:read event:read"
    client = api.as_(answer["access_token"])
    viewer = (await client.data(WHO))["viewer"]
    assert (viewer["actor"]["id"], viewer["permissions"]) == (partner["id"], ["asset:read", "event:read"])
    async with client.follow(STREAM) as events:
        waiting = asyncio.ensure_future(anext(events))
        await program(house, api, name="Another")
        async with asyncio.timeout(5):
            assert (await waiting)["data"]["eventRecorded"]["type"]


async def test_the_secret_may_come_in_the_form(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    response = await api.http.post("/auth/token", data=FORM | posted(partner))
    assert response.json()["scope"] == "asset:read datasource:read lineage:read"
    async with house.core.database.session() as session:
        assert (await session.scalars(select(RefreshToken.session_id))).all() == await _admins(house)


async def _admins(house: House) -> list[Any]:
    async with house.core.database.session() as session:
        return list(await session.scalars(select(AuthSession.id).where(AuthSession.actor_word == "user")))


async def test_a_token_is_granted_no_more_than_the_program_holds(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    assert (await token(api, partner, scope="asset:read vault:manage")).json()["scope"] == "asset:read"
    for scope in ("vault:manage", "no:such", '"; drop table', "é"):
        response = await token(api, partner, scope=scope)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


async def test_the_wrong_secret_and_no_such_program_are_told_alike_and_recorded(
    house: House, api: Client
) -> None:
    partner = await program(house, api, "Partner")
    wrong = await token(api, partner | {"secret": "wrong"})
    nobody = await token(api, partner | {"clientId": "dw-nobody"})
    assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json())
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    async with house.core.database.session() as session:
        entries = list(
            await session.scalars(
                select(AuditEntry)
                .where(AuditEntry.action == "sign_in", AuditEntry.outcome == Outcome.REFUSED)
                .order_by(AuditEntry.number)
            )
        )
    named = [each.detail["input"]["name"] for each in entries if each.detail]
    assert all(name.startswith("•••") for name in named)  # people write secrets into the wrong field
    assert [(each.subject_word, each.subject_id) for each in entries] == [
        ("service", key_of("service", partner["id"])),
        (None, None),
    ]
    assert [each.address for each in entries] == ["127.0.0.1"] * 2
    assert partner["secret"] not in str([each.detail for each in entries])


async def test_a_sign_in_is_recorded_as_the_programs_own(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    await token(api, partner)
    async with house.core.database.session() as session:
        entry = (
            await session.scalars(
                select(AuditEntry).where(
                    AuditEntry.action == "sign_in",
                    AuditEntry.outcome == Outcome.DONE,
                    AuditEntry.actor_word == "service",
                )
            )
        ).one()
    assert f"service_{entry.actor_id.hex if entry.actor_id else ''}" == partner["id"]


async def test_failures_are_limited_and_keep_out_nobody_who_knows_it(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    for _ in range(10):
        assert (await token(api, partner | {"secret": "wrong"})).status_code == 401
    response = await token(api, partner | {"secret": "wrong"})
    assert (response.status_code, response.json()["error"]) == (429, "temporarily_unavailable")
    assert 0 < int(response.headers["retry-after"]) <= 60
    assert (await token(api, partner)).status_code == 200


async def test_a_program_that_was_shut_out_gets_nothing(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    async with house.core.database.connection() as connection:
        await connection.execute(text("UPDATE service_account SET enabled = false"))
    response = await token(api, partner)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def cases(partner: dict[str, Any]) -> dict[str, tuple[dict[str, Any], int, str]]:
    """What is asked, and how it is refused."""
    own, header = posted(partner), {"content-type": "application/x-www-form-urlencoded"}
    return {
        "JSON": ({"json": FORM | own}, 400, "invalid_request"),
        "multipart": ({"data": FORM | own, "files": {"f": b"x"}}, 400, "invalid_request"),
        "no type": ({"content": b"grant_type=client_credentials"}, 400, "invalid_request"),
        "huge": ({"data": FORM | own | {"scope": "x" * 20_000}}, 413, "invalid_request"),
        "gzip": (
            {"data": FORM | own, "headers": header | {"content-encoding": "gzip"}},
            400,
            "invalid_request",
        ),
        "repeated": (
            {"content": b"grant_type=client_credentials&scope=a&scope=b", "headers": header},
            400,
            "invalid_request",
        ),
        "many": ({"content": b"&".join([b"a=b"] * 100), "headers": header}, 400, "invalid_request"),
        "not ASCII": ({"content": b"grant_type=\xff\xfe", "headers": header}, 400, "invalid_request"),
        "both ways": ({"data": FORM | own, "auth": basic(partner)}, 400, "invalid_request"),
        "in the address": (
            {"data": FORM, "params": own},
            400,
            "invalid_request",
        ),
        "no client": ({"data": FORM}, 401, "invalid_client"),
        "a bearer": ({"data": FORM, "headers": {"authorization": "Bearer x"}}, 401, "invalid_client"),
        "broken Basic": ({"data": FORM, "headers": {"authorization": "Basic é="}}, 400, "invalid_request"),
        "odd Basic": ({"data": FORM, "headers": {"authorization": "Basic /////w=="}}, 400, "invalid_request"),
        "empty secret": ({"data": FORM | own | {"client_secret": ""}}, 401, "invalid_client"),
        "no grant": ({"data": own}, 400, "unsupported_grant_type"),
        "password": ({"data": own | {"grant_type": "password"}}, 400, "unsupported_grant_type"),
        "odd grant": ({"data": own | {"grant_type": '"é\x00'}}, 400, "unsupported_grant_type"),
        "code": ({"data": own | {"grant_type": "authorization_code"}}, 400, "unsupported_grant_type"),
        "nul": ({"data": FORM | own | {"client_id": "\x00"}}, 400, "invalid_request"),
    }


async def test_what_is_no_request_is_refused_by_the_book(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    seen: dict[str, Any] = {}
    for name, (asked, _, _) in cases(partner).items():
        headers = {
            key: value.encode() if isinstance(value, str) else value
            for key, value in asked.pop("headers", {}).items()
        }
        response = await api.http.post("/auth/token", headers=headers, **asked)
        seen[name] = (response.status_code, response.json()["error"])
        assert response.headers["cache-control"] == "no-store"
        assert partner["secret"] not in response.text
    assert seen == {name: (status, error) for name, (_, status, error) in cases(partner).items()}
    assert (await api.http.get("/auth/token")).status_code == 405


async def test_a_revoked_token_is_out_at_once_and_others_are_not_told(house: House, api: Client) -> None:
    partner, other = await program(house, api, "Partner"), await program(house, api, name="Other")
    value = (await token(api, partner)).json()["access_token"]
    client = api.as_(value)
    assert (await client.data(WHO))["viewer"] is not None
    stranger = await api.http.post("/auth/revoke", data={"token": value}, auth=basic(other))
    assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_grant")
    unknown = await api.http.post("/auth/revoke", data={"token": "nonsense"}, auth=basic(partner))
    assert (unknown.status_code, unknown.json()) == (200, {})
    nobody = await api.http.post("/auth/revoke", data={"token": value})
    assert nobody.status_code == 401
    empty = await api.http.post("/auth/revoke", data={}, auth=basic(partner))
    assert (empty.status_code, empty.json()["error"]) == (400, "invalid_request")
    done = await api.http.post(
        "/auth/revoke", data={"token": value, "token_type_hint": "access_token"}, auth=basic(partner)
    )
    assert (done.status_code, done.json()) == (200, {})
    assert code(await client.ask(WHO)) == "UNAUTHENTICATED"


async def test_a_refresh_token_is_revoked_with_its_session(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    signed = await api.as_(None).done(SIGN_IN, c=partner["clientId"], s=partner["secret"])
    done = await api.http.post(
        "/auth/revoke", data={"token": signed["tokens"]["refreshToken"]}, auth=basic(partner)
    )
    assert done.status_code == 200
    assert code(await api.as_(signed["tokens"]["accessToken"]).ask(WHO)) == "UNAUTHENTICATED"


async def test_a_token_ends_after_ten_minutes(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    client = api.as_((await token(api, partner)).json()["access_token"])
    await HouseClock(house.core.database, house.core.commands).shift(minutes=11)
    await house.served.gate.look()
    assert code(await client.ask(WHO)) == "UNAUTHENTICATED"


async def test_the_server_describes_itself(house: House, api: Client) -> None:
    response = await api.http.get("/.well-known/oauth-authorization-server")
    told = response.json()
    secure = {
        name: value.replace("http://", "https://") if isinstance(value, str) else value
        for name, value in told.items()
    }
    AuthorizationServerMetadata(secure).validate()
    assert told["token_endpoint"] == f"{house.url}/auth/token"
    assert "asset:read" in told["scopes_supported"]
    assert "agent:act" not in told["scopes_supported"]
    assert (await api.http.get(told["jwks_uri"])).json()["keys"]


async def test_many_tokens_at_once(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    answers = await asyncio.gather(*(token(api, partner) for _ in range(20)))
    assert [each.status_code for each in answers] == [200] * 20


async def test_after_a_rotation_both_secrets_are_good_for_a_while(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    made = await api.done(ROTATE, i={"id": partner["id"], "graceHours": 2})
    present, former = made["serviceAccount"]["clientSecrets"]
    assert (present["goodUntil"], former["goodUntil"] is not None) == (None, True)
    fresh = partner | {"secret": made["clientSecret"]}
    assert [(await token(api, each)).status_code for each in (partner, fresh)] == [200, 200]
    await HouseClock(house.core.database, house.core.commands).shift(hours=3)
    await house.served.gate.look()
    assert [(await token(api, each)).status_code for each in (partner, fresh)] == [401, 200]


async def test_a_rotation_without_grace_ends_what_the_former_secret_let_in(house: House, api: Client) -> None:
    partner = await program(house, api, "Partner")
    client = api.as_((await token(api, partner)).json()["access_token"])
    assert (await client.data(WHO))["viewer"] is not None
    made = await api.done(ROTATE, i={"id": partner["id"], "graceHours": 0})
    assert len(made["serviceAccount"]["clientSecrets"]) == 1
    assert code(await client.ask(WHO)) == "UNAUTHENTICATED"
    assert (await token(api, partner)).status_code == 401


async def test_a_program_rotates_its_own_secret_but_not_with_less_than_it_holds(
    house: House, api: Client
) -> None:
    partner, other = await program(house, api, "Partner"), await program(house, api, name="Other")
    whole = api.as_((await token(api, partner)).json()["access_token"])
    made = await whole.done(ROTATE, i={"id": partner["id"]})
    assert made["clientSecret"]
    [error] = (await whole.run(ROTATE, i={"id": other["id"]}))["errors"]
    assert error["code"] == "NOT_FOUND"
    [error] = (await whole.run(ROTATE, i={"id": partner["id"], "graceHours": 1000}))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["graceHours"])
    less = api.as_((await token(api, partner, scope="asset:read")).json()["access_token"])
    [error] = (await less.run(ROTATE, i={"id": partner["id"]}))["errors"]
    assert (error["__typename"], error["code"]) == ("AccessError", "FORBIDDEN")
