"""Who did, tried or was refused what, on which thing, from where, by which session: nothing is missing, and
nothing is there that does not belong there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from datawave.kit.commands import COMMANDS
from schema.fields import ROOTS
from tests.bad_input.inputs import Place, places
from tests.bad_input.test_everywhere import GIVEN
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.fixtures.clock import HouseClock
from tests.test_identity import person

FOUND = text(
    "SELECT action, outcome, code, permission, actor_id, actor_word, address, session_id, subject_id, detail,"
    " count FROM audit_entry WHERE client = :client"
)
SAVE = """mutation($i: SaveWorkspaceInput!) { saveWorkspace(input: $i) { errors { code } trackingId
  workspace { id } } }"""


async def entries(house: House, client: str) -> list[Any]:
    async with house.core.database.connection() as connection:
        return list((await connection.execute(FOUND, {"client": client})).all())


def known(_root: str, name: str) -> Any:
    """Right by its type, and of nothing that there is."""
    if name.endswith(("Id", "Ids")) or name in ("id", "ids"):
        return f"{name.removesuffix('s').removesuffix('Id') or 'user'}_{uuid4().hex}"
    return GIVEN.get(name, f"a {name}")


def every_mutation() -> Iterator[Place]:
    """One of the places where a value goes in, of each mutation whose command leaves a record."""
    commands = {root.name: COMMANDS[root.command] for root in ROOTS if root.command}
    names = {_camel(name): command for name, command in commands.items()}
    of_mutations = (place for place in places() if place.kind == "mutation")
    for root, found in groupby(of_mutations, key=lambda place: place.root):
        if names[root].recorded:
            yield next(found)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


async def test_every_mutation_leaves_one_entry_however_it_ends(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    who = {"admin": api, "reader": reader, "nobody": api.as_(None)}
    missing, tried = [], 0
    for place in every_mutation():
        document, variables = place.document(known(place.root, place.path[-1]), known)
        for name, client in who.items():
            agent = f"{name} {place.root}"
            client.http.headers["user-agent"] = agent
            answer = await client.ask(document, **variables)
            found = await entries(house, agent)
            tried += 1
            if [each.count for each in found] != [1]:
                missing.append((agent, found, answer))
                continue
            [entry] = found
            assert entry.address == "127.0.0.1", agent
            if client.token:
                assert (entry.actor_word, bool(entry.actor_id), bool(entry.session_id)) == (
                    "user",
                    True,
                    True,
                )
            elif entry.outcome == "DONE":
                continue  # open to anybody, and done
            else:
                assert (entry.actor_id, entry.session_id) == (None, None), agent
    assert not missing, "\n".join(f"{agent}: {found} {answer}" for agent, found, answer in missing)
    assert tried >= 75


@pytest.mark.parametrize("document", ["{ auditAnchors { totalCount } }", "{ roles { id } }"])
async def test_a_root_field_that_is_refused_is_in_the_trail(house: House, document: str) -> None:
    reader = await person(house, "reader@example.com")
    for client, code in ((reader, "FORBIDDEN"), (reader.as_(None), "UNAUTHENTICATED")):
        client.http.headers["user-agent"] = code
        answer = await client.ask(document)
        assert [each["extensions"]["code"] for each in answer["errors"]] == [code]
        [entry] = await entries(house, code)
        assert (entry.outcome, entry.code, bool(entry.actor_id)) == ("REFUSED", code, client is reader)
        assert entry.permission in ("audit:read", "role:read")


async def test_a_stream_that_is_refused_is_in_the_trail(house: House) -> None:
    reader = await person(house, "reader@example.com")
    async with reader.socket() as socket:
        with pytest.raises(AssertionError, match="FORBIDDEN"):
            await anext(socket.subscribe("subscription { auditRecorded { cursor } }"))
    await HouseClock(house.core.database, house.core.commands).do("seal_audit")
    async with house.core.database.connection() as connection:
        found = await connection.execute(
            text("SELECT permission FROM audit_entry WHERE action = 'audit_recorded'")
        )
        assert [row.permission for row in found] == ["audit:read"]


async def test_what_is_typed_in_the_wrong_field_is_in_no_record(house: House, api: Client) -> None:
    """Who was meant is there; what was typed is not."""
    me = (await api.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    stranger = api.as_(None)
    for client, email in (("known", "admin@example.com"), ("slip", "my S3cret pass phrase")):
        stranger.http.headers["user-agent"] = client
        await stranger.ask(SIGN_IN, email=email, password="not this one at all")
    [known_one], [slip] = await entries(house, "known"), await entries(house, "slip")
    assert (known_one.action, known_one.outcome, known_one.code) == ("sign_in", "REFUSED", "UNAUTHENTICATED")
    assert known_one.subject_id == UUID(me.removeprefix("user_"))
    assert slip.subject_id is None
    assert slip.detail["input"]["name"] != known_one.detail["input"]["name"]
    async with house.core.database.connection() as connection:
        for table in ("audit_entry", "command", "event"):
            whole = await connection.scalar(text(f"SELECT string_agg(t::text, ' ') FROM {table} t"))
            assert "S3cret" not in whole, table
            assert "s3cret" not in whole, table


TRAIL = """query($f: AuditFilter) { auditEntries(filter: $f, last: 20) { nodes { action outcome session
  changes { field before after } command { id } subject { id } } } }"""


async def test_before_and_after_are_shown_with_what_was_taken_away(house: House, api: Client) -> None:
    made = (await api.done(SAVE, i={"name": "Before"}))["workspace"]["id"]
    done = await api.done(SAVE, i={"id": made, "version": 1, "name": "After"})
    roles = await api.data("{ roles { id name } }")
    [role] = [each["id"] for each in roles["roles"] if each["name"] == "Analyst"]
    reader = await person(house, "reader@example.com")
    who = (await reader.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    granted = await api.done(
        "mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { code } grant { id } } }",
        i={"actorId": who, "roleId": role},
    )
    revoked = await api.done(
        "mutation($id: ID!) { revokeGrant(input: {id: $id}) { errors { code } trackingId } }",
        id=granted["grant"]["id"],
    )
    await HouseClock(house.core.database, house.core.commands).do("seal_audit")
    auditor = await person(house, "auditor@example.com", "Auditor")
    trail = await auditor.data(TRAIL, f={"commandIds": [done["trackingId"]]})
    [entry] = trail["auditEntries"]["nodes"]
    assert entry["changes"] == [{"field": "name", "before": "Before", "after": "After"}]
    trail = await auditor.data(TRAIL, f={"commandIds": [revoked["trackingId"]]})
    [entry] = trail["auditEntries"]["nodes"]
    gone = {each["field"]: (each["before"], each["after"]) for each in entry["changes"]}
    assert gone["actorId"] == (who.removeprefix("user_"), None)
    assert gone["roleId"] == (role.removeprefix("role_"), None)
    by_session = await auditor.data(
        TRAIL, f={"sessionIds": [entry["session"]], "actions": ["save_workspace"]}
    )
    assert len(by_session["auditEntries"]["nodes"]) == 2
    nobody = await auditor.data(TRAIL, f={"sessionIds": ["session_" + uuid4().hex]})
    assert nobody["auditEntries"]["nodes"] == []


LOOKED_FOR = (
    "actor_id = $1", "subject_id = $1", "session_id = $1", "command_id = $1", "action = 'x'", "address = 'x'",
    "at BETWEEN now() - interval '1 hour' AND now() - interval '59 minutes'",
)  # fmt: skip


async def test_the_trail_is_looked_through_by_indexes(house: House) -> None:
    """On a trail of some length, of which each search wants little."""
    async with house.core.database.connection() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_entry (id, sequence, at, actor_id, actor_word, subject_id, session_id,"
                " command_id, action, address, outcome, salt, detail_digest)"
                " SELECT gen_random_uuid(), 1000 + n, now() - (30000 - n) * interval '1 second',"
                " gen_random_uuid(), 'user', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
                " 'action ' || n % 50, '10.0.0.' || n % 200, 'DONE', '', '' FROM generate_series(1, 30000) n"
            )
        )
        await connection.execute(text("ANALYZE audit_entry"))
        for condition in LOOKED_FOR:
            wanted = condition.replace("$1", f"'{uuid4()}'")
            plan = await connection.execute(
                text(f"EXPLAIN SELECT * FROM audit_entry WHERE {wanted} ORDER BY sequence LIMIT 50")
            )
            said = "\n".join(row[0] for row in plan)
            assert "Seq Scan" not in said, said
            assert "ix_audit_entry_" in said or "uq_audit_entry_sequence" in said, said


async def test_a_page_of_the_trail_takes_few_statements(house: House, api: Client) -> None:
    for at in range(12):
        await api.done(SAVE, i={"name": f"Workspace {at}"})
    await HouseClock(house.core.database, house.core.commands).do("seal_audit")
    shown = """totalCount nodes { sequence action outcome detail changes { field } actor { displayName }
      subject { id } command { id name } session hash previousHash }"""
    whole, few = (f"{{ auditEntries(last: {most}) {{ {shown} }} }}" for most in (50, 2))
    await api.data(whole)
    await api.data(whole)
    many = api.statements
    await api.data(few)
    assert many <= 8
    assert api.statements <= many
