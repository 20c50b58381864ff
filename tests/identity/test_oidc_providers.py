"""Login services as they are set up: what strangers see, who may give what, what can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from datawave.kit.access import SYSTEM
from datawave.kit.ids import key_of, new_id
from datawave.kit.secrets import Secret
from datawave.kit.vault import Vault
from domain import identity
from models.identity import OidcProvider
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.identity.providers import DELETE, REDO, SAVE, UNDO, code, entries, group, saved

GOOD: dict[str, Any] = {
    "name": "Keycloak",
    "issuer": "https://login.example.com/realms/main",
    "clientId": "datawave",
    "clientSecret": "planted-secret-41c9",
}
OPEN = "{ oidcProviders { id name signInUrl } }"
CLOSED = """{ oidcProviders { name createdAt issuer clientId scopes enabled roleClaim hasClientSecret
  redirectUris createsUsers linksByEmail trustsEmails defaultRoleIds groupMappings { value groupId } } }"""
READ = """query($id: ID!) { node(id: $id) { ... on OidcProvider { version name issuer clientId scopes enabled
  roleClaim hasClientSecret redirectUris linksByEmail defaultRoleIds groupMappings { value groupId } } } }"""


async def holder(house: House, api: Client, *permissions: str) -> Client:
    """Somebody with exactly these permissions, everywhere."""
    email, password = f"{new_id().hex}@example.com", Secret("tangerine window orbit 42")
    hashed = await house.served.gate.passwords.hash(password)
    made = await api.done(
        """mutation($i: SaveRoleInput!) { saveRole(input: $i) { errors { code } role { id } } }""",
        i={"name": email, "permissions": list(permissions)},
    )
    arguments = {
        "email": email,
        "password_hash": hashed,
        "role_ids": [key_of("role", made["role"]["id"])],
    }
    await house.core.commands.run(identity.add_user, SYSTEM, arguments)
    client = Client(house.url)
    signed = await client.done(SIGN_IN, email=email, password=password.reveal())
    client.token = signed["tokens"]["accessToken"]
    return client


async def role_id(api: Client, name: str) -> str:
    roles = (await api.data("{ roles { id name } }"))["roles"]
    return next(each["id"] for each in roles if each["name"] == name)


async def secret_of(house: House) -> str | None:
    async with house.core.database.session() as session:
        reference = await session.scalar(select(OidcProvider.secret_reference))
        kept = await Vault(house.core.keyring).get(session, reference) if reference else None
    return str(kept["clientSecret"]) if kept else None


async def test_strangers_see_names_and_where_to_begin(house: House, api: Client) -> None:
    shown = await saved(api, **GOOD)
    await saved(api, **{**GOOD, "name": "Off", "enabled": False})
    stranger = Client(house.url)
    assert (await stranger.data(OPEN))["oidcProviders"] == [
        {"id": shown["id"], "name": "Keycloak", "signInUrl": f"/auth/oidc/{shown['id']}/start"}
    ]
    for client in (stranger, await holder(house, api, "settings:read", "user:read")):
        answer = await client.ask(CLOSED)
        [one] = answer["data"]["oidcProviders"]
        told = {name: value for name, value in one.items() if value is not None}
        assert told.keys() == {"name", "createdAt"}
        assert {each["extensions"]["permission"] for each in answer["errors"]} == {"settings:manage"}
    assert code(await stranger.ask(READ, id=shown["id"])) == "UNAUTHENTICATED"
    assert [each["name"] for each in (await api.data(CLOSED))["oidcProviders"]] == ["Keycloak", "Off"]


async def test_what_is_left_out_stays_and_all_of_it_can_be_taken_back(house: House, api: Client) -> None:
    club = await group(house, "Club")
    first = await saved(api, **GOOD, roleClaim="groups", groupMappings=[{"value": "club", "groupId": club}])
    assert first["scopes"] == ["openid", "email", "profile"]
    assert first["groupMappings"] == [{"value": "club", "groupId": club}]
    assert (first["enabled"], first["createsUsers"], first["linksByEmail"]) == (True, False, False)
    changed = await api.done(
        SAVE,
        i={
            "id": first["id"],
            "version": first["version"],
            "name": "Keycloak",
            "issuer": GOOD["issuer"],
            "clientId": "another",
            "clientSecret": "planted-secret-two",
            "scopes": ["email"],
        },
    )
    provider = changed["provider"]
    assert provider["scopes"] == ["openid", "email"]
    assert (provider["groupMappings"], provider["hasClientSecret"]) == (first["groupMappings"], True)
    assert provider["version"] == first["version"] + 1
    assert await secret_of(house) == "planted-secret-two"
    await api.done(UNDO, id=changed["trackingId"])
    assert (await api.data(READ, id=first["id"]))["node"]["clientId"] == "datawave"
    assert await secret_of(house) == GOOD["clientSecret"]
    await api.done(REDO, id=changed["trackingId"])
    assert (await api.data(READ, id=first["id"]))["node"]["clientId"] == "another"
    assert await secret_of(house) == "planted-secret-two"
    stale = await api.run(SAVE, i={**GOOD, "id": first["id"], "version": 1})
    assert [each["code"] for each in stale["errors"]] == ["STALE_VERSION"]
    kept = str([each.detail for each in await entries(house, "save_oidc_provider")])
    assert "planted-secret" not in kept


async def test_a_deletion_is_taken_back_with_its_secret_while_that_is_kept(house: House, api: Client) -> None:
    made = await api.done(SAVE, i=GOOD)
    deleted = await api.done(DELETE, id=made["provider"]["id"])
    assert (await api.data(OPEN))["oidcProviders"] == []
    assert await secret_of(house) is None
    await api.done(UNDO, id=deleted["trackingId"])
    assert await secret_of(house) == GOOD["clientSecret"]
    again = await api.done(DELETE, id=made["provider"]["id"])
    async with house.core.database.connection() as connection:
        await connection.execute(text("DELETE FROM vault_entry WHERE expires_at IS NOT NULL"))
    late = await api.run(UNDO, id=again["trackingId"])
    assert [each["code"] for each in late["errors"]] == ["NOT_REVERSIBLE"]


async def test_an_empty_secret_leaves_none(house: House, api: Client) -> None:
    first = await saved(api, **GOOD)
    public = await saved(api, **{**GOOD, "clientSecret": "", "id": first["id"]})
    assert public["hasClientSecret"] is False
    assert await secret_of(house) is None


NOT_THERE = f"group_{new_id().hex}"
NONSENSE: list[tuple[dict[str, Any], list[str]]] = [
    ({"issuer": "http://login.example.com"}, ["issuer"]),
    ({"issuer": "http://127.0.0.1:9000"}, ["issuer"]),
    ({"issuer": "https://user:pass@login.example.com"}, ["issuer"]),
    ({"issuer": "https://login.example.com/?x=1"}, ["issuer"]),
    ({"issuer": "https://login.example.com/#x"}, ["issuer"]),
    ({"issuer": "ftp://login.example.com"}, ["issuer"]),
    ({"issuer": "https://l\u043egin.example.com"}, ["issuer"]),
    ({"issuer": "https://"}, ["issuer"]),
    ({"issuer": "https://a:b"}, ["issuer"]),
    ({"issuer": "https://login.example.com/" + "a" * 600}, ["issuer"]),
    ({"clientId": ""}, ["clientId"]),
    ({"clientId": "a\u00e9"}, ["clientId"]),
    ({"scopes": ["two words"]}, ["scopes", "0"]),
    ({"redirectUris": ["http://evil.example/cb"]}, ["redirectUris", "0"]),
    ({"redirectUris": ["https://ok.example/cb", "javascript:alert(1)"]}, ["redirectUris", "1"]),
    ({"redirectUris": ["https://ok.example/cb#x"]}, ["redirectUris", "0"]),
    ({"clientSecret": "a" * 5_000}, ["clientSecret"]),
    ({"roleClaim": "a" * 600}, ["roleClaim"]),
    ({"scopes": ["a"] * 501}, ["scopes"]),
    ({"defaultRoleIds": ["nonsense"]}, ["defaultRoleIds", "0"]),
    ({"defaultRoleIds": [f"role_{new_id().hex}"]}, ["defaultRoleIds", "0"]),
    (
        {"roleClaim": "g", "groupMappings": [{"value": "a", "groupId": NOT_THERE}]},
        ["groupMappings", "0", "groupId"],
    ),
    (
        {"roleClaim": "g", "groupMappings": [{"value": "", "groupId": NOT_THERE}]},
        ["groupMappings", "0", "value"],
    ),
    ({"groupMappings": [{"value": "a", "groupId": NOT_THERE}]}, ["roleClaim"]),
]


async def test_what_makes_no_sense_is_refused_at_its_place(api: Client, subtests: pytest.Subtests) -> None:
    for change, path in NONSENSE:
        with subtests.test(str(change)[:60]):
            refused = await api.run(SAVE, i={**GOOD, **change})
            assert [each["path"] for each in refused["errors"]] == [path]
            assert refused["errors"][0]["__typename"] == "InputError"


async def test_a_name_is_taken_once(house: House, api: Client) -> None:
    await saved(api, **GOOD)
    again = await api.run(SAVE, i=GOOD)
    assert [(each["code"], each["path"]) for each in again["errors"]] == [("ALREADY_EXISTS", ["name"])]


async def test_nobody_gives_by_a_service_what_they_do_not_hold(house: House, api: Client) -> None:
    """Whoever may set services up, and nothing else, could otherwise make themselves an administrator."""
    admins, club = await group(house, "Admins"), await group(house, "Club")
    administrator, auditor = await role_id(api, "Administrator"), await role_id(api, "Auditor")
    async with house.core.database.connection() as connection:
        await connection.execute(
            text("INSERT INTO access_grant (actor_id, actor_word, role_id) VALUES (:g, 'group', :r)"),
            {"g": admins.removeprefix("group_"), "r": administrator.removeprefix("role_")},
        )
    client = await holder(house, api, "settings:manage")
    granter = await holder(house, api, "settings:manage", "role:grant")

    def mapped(to: str) -> dict[str, Any]:
        return {"roleClaim": "groups", "groupMappings": [{"value": "x", "groupId": to}]}

    for who, change, missing in (
        (client, {"linksByEmail": True}, "user:update"),
        (client, {"createsUsers": True}, "user:create"),
        (client, {"defaultRoleIds": [auditor]}, "role:grant"),
        (client, mapped(club), "role:grant"),
        (granter, {"defaultRoleIds": [administrator]}, None),
        (granter, mapped(admins), None),
    ):
        [error] = (await who.run(SAVE, i={**GOOD, **change}))["errors"]
        assert error["code"] == "FORBIDDEN"
        assert missing in (None, error["permission"])
    assert (await saved(granter, **GOOD, **mapped(club)))["name"] == "Keycloak"
    assert (await saved(client, **{**GOOD, "name": "Mine"}))["name"] == "Mine"


async def test_without_the_permission_nobody_sets_one_up(house: House, api: Client) -> None:
    provider = await saved(api, **GOOD)
    other = await holder(house, api, "settings:read")
    for document, variables in ((SAVE, {"i": GOOD}), (DELETE, {"id": provider["id"]})):
        [error] = (await other.run(document, **variables))["errors"]
        assert (error["code"], error["permission"]) == ("FORBIDDEN", "settings:manage")
        assert code(await Client(house.url).ask(document, **variables)) == "UNAUTHENTICATED"


async def test_an_issuer_stays_while_people_come_by_it(house: House, api: Client) -> None:
    provider = await saved(api, **GOOD)
    person = (await api.data("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    async with house.core.database.connection() as connection:
        await connection.execute(
            text("INSERT INTO external_identity (provider_id, subject, user_id) VALUES (:p, 'ada', :u)"),
            {"p": provider["id"].removeprefix("oidc_provider_"), "u": person.removeprefix("user_")},
        )
    moved = {**GOOD, "id": provider["id"], "issuer": "https://evil.example"}
    [error] = (await api.run(SAVE, i=moved))["errors"]
    assert (error["code"], error["path"]) == ("WRONG_STATE", ["issuer"])
