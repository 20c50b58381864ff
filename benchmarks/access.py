"""What access costs: a page for somebody who holds their rights in one workspace beside the same page for an
administrator; a check among ten thousand sources; and how soon a change counts in another process."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
from argon2 import PasswordHasher, profiles

from auth.access import Actors
from auth.passwords import Passwords
from benchmarks import reads
from benchmarks.cores import cores, pinned
from benchmarks.figures import Figure, measured
from benchmarks.ground import Ground, ground, ours, token
from benchmarks.harness import EMAIL, BenchFailed
from benchmarks.sql import connected
from datawave import migrations
from datawave.bootstrap import Admin, House, furnish
from datawave.kit.access import Rights
from datawave.kit.commands import Commands
from datawave.kit.database import Database
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring

PEOPLE, SOURCES = 1_000, 10_000
CHECKS, CHANGES = 200_000, 6
ADDED = 1.05
"""At most so much of what the administrator's page takes."""

MEMBER = "member1@datawave.local"
FURNISHING = (
    "INSERT INTO person (email, display_name, state, password_hash)"
    " SELECT 'member' || n || '@datawave.local', 'Member ' || n, 'ACTIVE',"
    " (SELECT password_hash FROM person WHERE password_hash IS NOT NULL LIMIT 1)"
    f" FROM generate_series(1, {PEOPLE}) n",
    "INSERT INTO user_group (name) VALUES ('Everybody')",
    "INSERT INTO group_member (group_id, member_id, member_word)"
    " SELECT g.id, p.id, 'user' FROM user_group g, person p WHERE p.email LIKE 'member%'",
    "INSERT INTO access_grant (actor_id, actor_word, role_id, scope_word, scope_id)"
    " SELECT g.id, 'group', r.id, 'source', uuidv7() FROM user_group g, role r,"
    f" generate_series(1, {SOURCES}) WHERE r.name = 'Data steward'",
    "INSERT INTO access_grant (actor_id, actor_word, role_id, scope_word, scope_id)"
    " SELECT p.id, 'user', g.role_id, 'source', uuidv7() FROM person p, access_grant g"
    " WHERE p.email = 'member2@datawave.local' AND g.actor_word = 'group'",
    "ANALYZE",
)
"""All hold ten thousand sources through their group; the second as many again by grants of their own."""

GRANT = "mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { message } grant { id } } }"
REVOKE = "mutation($id: ID!) { revokeGrant(input: {id: $id}) { errors { message } } }"
HELD = "{ viewer { permissions } }"


async def measure(folder: Path, *, product: bool = True, rounds: int = 5) -> list[Figure]:
    if not product:
        return []
    return [*await _checked(folder / "checks"), *await _paged(folder / "pages", rounds)]


async def _paged(folder: Path, rounds: int) -> list[Figure]:
    folder.mkdir(parents=True, exist_ok=True)
    plan = reads.Plan(rounds=rounds, only=("ours", "admin"), queries=("Q2", "Q3"), connections=(16,))
    found = await reads.measure(folder, plan)
    return [_added(found, query) for query in plan.queries]


def _added(found: reads.Results, query: str) -> Figure:
    limited, whole = (found.cells[name, query, 16].told() for name in ("ours", "admin"))
    spent = [told["serverMs"] + told["postgresMs"] for told in (limited, whole)]
    return Figure(
        name=f"access: {query} by a member of one workspace, CPU of server and PostgreSQL",
        value=spent[0],
        unit="ms",
        against="the same by an administrator",
        ratio=spent[0] / spent[1],
        goal=ADDED,
        note=f"{limited['rate']:.0f} beside {whole['rate']:.0f} answers a second",
    )


@dataclass(frozen=True, kw_only=True)
class Furnished:
    """Who and what there is."""

    members: Sequence[UUID]
    heavy: UUID
    sources: Sequence[UUID]
    group: UUID
    role: UUID


async def _checked(folder: Path) -> list[Figure]:
    folder.mkdir(parents=True, exist_ok=True)
    where = cores()
    with pinned(where.rest), ground(folder, where) as place:
        database = Database(place.database_url)
        try:
            there = await _furnished(place, database)
            figures = await _in_process(database, there)
        finally:
            await database.close()
        return [*figures, await _between_processes(place, there)]


async def _furnished(place: Ground, database: Database) -> Furnished:
    await migrations.upgrade(place.database_url)
    keyring = Keyring(Secret(place.secrets.platform))
    house = House(database=database, keyring=keyring, commands=Commands(database, keyring))
    admin = Admin(email=EMAIL, password=Secret(place.secrets.people))
    cheap = Passwords(PasswordHasher.from_parameters(profiles.CHEAPEST))
    await furnish(house, admin, passwords=cheap)
    async with connected(place.database_url) as connection:
        for statement in FURNISHING:
            await connection.execute(statement)
        people = await connection.fetch("SELECT id, email FROM person WHERE email LIKE 'member%'")
        sources = await connection.fetch("SELECT scope_id FROM access_grant WHERE actor_word = 'group'")
        group = await connection.fetchval("SELECT id FROM user_group")
        role = await connection.fetchval("SELECT id FROM role WHERE name = 'Analyst'")
    return Furnished(
        members=[each["id"] for each in people],
        heavy=next(each["id"] for each in people if each["email"] == "member2@datawave.local"),
        sources=[each["scope_id"] for each in sources],
        group=group,
        role=role,
    )


async def _in_process(database: Database, there: Furnished) -> list[Figure]:
    actors = Actors(database)
    with measured() as first:
        seat = await actors.seat(there.members[0], "user")
    with measured() as heavy:
        await actors.seat(there.heavy, "user")
    with measured() as again:
        found = await actors.looked_up(dict.fromkeys(there.members, "user"))
    rights = seat.actor.rights
    many = f"{PEOPLE:,} people × {SOURCES:,} sources"
    return [
        Figure(name=f"access: a check, {many}", value=_check(rights, there.sources), unit="µs", goal=50.0),
        Figure(name="access: somebody's rights, looked up first", value=first.seconds * 1e3, unit="ms"),
        Figure(
            name="access: the same with as many grants of their own", value=heavy.seconds * 1e3, unit="ms"
        ),
        Figure(
            name="access: all of them, after a change that concerns all",
            value=again.seconds,
            unit="s",
            goal=1.0,
            note=f"{len({id(actor.rights) for actor in found.values()})} different rights are kept",
        ),
    ]


def _check(rights: Rights, sources: Sequence[UUID]) -> float:
    """Microseconds each; half of the sources asked for are held."""
    chosen = random.Random(4).choices([*sources, *(uuid4() for _ in sources)], k=CHECKS)
    with measured() as watch:
        held = sum(rights.on("asset:read", source_id=each) for each in chosen)
    if not 0.4 < held / CHECKS < 0.6:
        raise BenchFailed(f"{held} of {CHECKS} checks were answered with yes")
    return watch.seconds / CHECKS * 1e6


async def _between_processes(place: Ground, there: Furnished) -> Figure:
    """From sending a change to one process until another answers by it: the slowest of some."""
    async with ours(place, "one") as one, ours(place, "two") as two:
        admin, member = await token(place, one.port), await token(place, two.port, MEMBER)
        here, elsewhere = _Client(one.port, admin), _Client(two.port, member)
        lasted: list[float] = []
        given = {"actorId": f"group_{there.group.hex}", "roleId": f"role_{there.role.hex}"}
        for _ in range(CHANGES // 2):
            began = time.perf_counter()
            grant = (await here.ask(GRANT, i=given))["grantRole"]["grant"]["id"]
            lasted.append(await _until(elsewhere, began, held=True))
            began = time.perf_counter()
            await here.ask(REVOKE, id=grant)
            lasted.append(await _until(elsewhere, began, held=False))
        await here.close()
        await elsewhere.close()
    return Figure(
        name="access: a group's grant, from one process to another",
        value=max(lasted) * 1e3,
        unit="ms",
        goal=1000.0,
        note=f"the slowest of {len(lasted)}; {PEOPLE:,} members, {SOURCES:,} sources",
    )


async def _until(client: _Client, began: float, *, held: bool) -> float:
    async with asyncio.timeout(10):
        while ("asset:read" in (await client.ask(HELD))["viewer"]["permissions"]) is not held:
            pass
    return time.perf_counter() - began


class _Client:
    """Somebody signed in at one process."""

    def __init__(self, port: int, access: str) -> None:
        headers = {"authorization": f"Bearer {access}"}
        self._http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        told = await self._http.post("/graphql", json={"query": document, "variables": variables})
        answer = told.json()
        if answer.get("errors"):
            raise BenchFailed(str(answer["errors"]))
        return answer["data"]

    async def close(self) -> None:
        await self._http.aclose()
