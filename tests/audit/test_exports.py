"""The trail as a file: asked for, made by a worker, fetched by a link, checked alone, gone after its days."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import orjson
import pytest
from sqlalchemy import select, text

from auth.access import Actors
from datawave.kit import duties, tables
from datawave.kit.blobs import Blobs
from datawave.kit.handling import Work
from datawave.kit.work import Failure
from domain.audit import lines
from domain.exports import Keeping, MakeExport
from models.exports import Export
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.agent import Worker
from tests.fixtures.api import House, house_at
from tests.fixtures.clock import HouseClock
from tests.test_audit import renamed
from tests.test_identity import person
from workers import exports as writing

EXPORT = """mutation($i: ExportInput!) { exportMetadata(input: $i) { errors { code path
  ... on AccessError { permission } } export { id kind file { url } } job { id kind state } } }"""
EXPORTS = """{ exports(first: 5) { totalCount nodes { id kind asOf firstSequence lastSequence removedAt
  createdBy { displayName } job { state progress { done total } }
  file { name mediaType size sha256 url urlExpiresAt expiresAt } } } }"""


@pytest.fixture
async def house(valkey: servers.ValkeySpace, tmp_path: Path) -> AsyncIterator[House]:
    kept = Keeping(blobs=Blobs(tmp_path / "blobs"))
    async with furnished.fresh_database() as url, house_at(url, valkey, extras={"files": kept}) as served:
        yield served


async def sealed(house: House) -> None:
    await HouseClock(house.core.database, house.core.commands).do("seal_audit")


async def exported(house: House, api: Client, worker: Worker, **asked: Any) -> dict[str, Any]:
    await sealed(house)
    await api.done(EXPORT, i={"kind": "AUDIT", **asked})
    await worker.drained()
    return (await api.data(EXPORTS))["exports"]["nodes"][0]


async def fetched(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.get(url, headers={"user-agent": "curl"})


async def test_the_trail_is_exported_fetched_and_checked_alone(
    house: House, api: Client, worker: Worker
) -> None:
    await renamed(api)
    made = await exported(house, api, worker)
    file = made["file"]
    assert (made["kind"], made["createdBy"]["displayName"]) == ("AUDIT", "Administrator")
    assert (made["job"]["state"], made["firstSequence"]) == ("SUCCEEDED", 1)
    answer = await fetched(file["url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == f'attachment; filename="{file["name"]}"'
    assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
    assert len(answer.content) == file["size"]
    content = gzip.decompress(answer.content).splitlines(keepends=True)
    found = lines.verify_lines(content)
    assert (found.intact, found.checked) == (True, made["lastSequence"])
    keys = (await fetched(f"{house.url}/.well-known/jwks.json")).json()["keys"]
    assert found.kid in [key["kid"] for key in keys]
    written = [orjson.loads(line) for line in content]
    assert [line["kind"] for line in written] == ["begin", *["entry"] * found.checked, "end"]
    assert "save_workspace" in [line.get("action") for line in written]


async def test_that_it_was_asked_for_and_fetched_is_in_the_trail(
    house: House, api: Client, worker: Worker
) -> None:
    made = await exported(house, api, worker)
    await fetched(made["file"]["url"])
    await fetched(made["file"]["url"].replace("until=", "until=1"))
    await sealed(house)
    trail = await api.data(
        """{ auditEntries(filter: {actions: ["export_metadata", "download_file"]}, last: 5) { nodes {
          action outcome client address actor { displayName } subject { id } session } } }"""
    )
    asked, fetch, refused = trail["auditEntries"]["nodes"]
    assert (asked["action"], asked["subject"]["id"]) == ("export_metadata", made["id"])
    assert (fetch["action"], fetch["outcome"], fetch["client"]) == ("download_file", "DONE", "curl")
    assert (fetch["actor"]["displayName"], fetch["address"]) == ("Administrator", "127.0.0.1")
    assert fetch["session"] == asked["session"]
    assert (refused["outcome"], refused["actor"]) == ("REFUSED", None)


async def test_a_link_is_no_better_than_whoever_holds_it(house: House, api: Client, worker: Worker) -> None:
    auditor = await person(house, "auditor@example.com", "Auditor")
    made = await exported(house, auditor, worker)
    url = made["file"]["url"]
    assert (await fetched(url)).status_code == 200
    assert (await fetched(url.replace(".jsonl.gz", ".jsonl"))).status_code == 403
    assert (await fetched(f"{house.url}/files/..%2Fsecret.key?by=&in=&until=1&signature=")).status_code in (
        403,
        404,
    )
    await auditor.done("mutation { endSession { errors { code } done } }")
    assert (await fetched(url)).status_code == 403


async def test_rights_that_are_taken_away_close_the_link(house: House, api: Client, worker: Worker) -> None:
    auditor = await person(house, "auditor@example.com", "Auditor")
    url = (await exported(house, auditor, worker))["file"]["url"]
    held = await api.data("{ grants { nodes { id actor { displayName } role { name } } } }")
    [grant] = [each for each in held["grants"]["nodes"] if each["role"]["name"] == "Auditor"]
    await api.done("mutation($id: ID!) { revokeGrant(input: {id: $id}) { errors { code } } }", id=grant["id"])
    await house.served.gate.look()
    assert (await fetched(url)).status_code == 403


async def test_to_export_the_trail_takes_both_permissions(house: House, api: Client) -> None:
    await sealed(house)
    reader = await person(house, "reader@example.com", "Analyst")
    [error] = (await reader.run(EXPORT, i={"kind": "AUDIT"}))["errors"]
    assert (error["code"], error["permission"]) == ("FORBIDDEN", "export:create")
    role = await api.done(
        "mutation($i: SaveRoleInput!) { saveRole(input: $i) { errors { code } role { id } } }",
        i={"name": "Copies", "permissions": ["export:create"]},
    )
    who = (await reader.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    await api.done(
        "mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { code } } }",
        i={"actorId": who, "roleId": role["role"]["id"]},
    )
    await house.served.gate.look()
    [error] = (await reader.run(EXPORT, i={"kind": "AUDIT"}))["errors"]
    assert (error["code"], error["permission"]) == ("FORBIDDEN", "audit:read")
    await api.done(EXPORT, i={"kind": "AUDIT"})
    assert (await reader.data("{ exports { totalCount } }"))["exports"]["totalCount"] == 0


async def test_a_range_of_time_is_exported_and_an_empty_one_refused(
    house: House, api: Client, worker: Worker
) -> None:
    await renamed(api)
    await sealed(house)
    nodes = (await api.data("{ auditEntries(first: 50) { nodes { sequence at } } }"))["auditEntries"]["nodes"]
    made = await exported(house, api, worker, range={"from": nodes[2]["at"], "to": nodes[-1]["at"]})
    assert made["firstSequence"] >= 2
    content = gzip.decompress((await fetched(made["file"]["url"])).content).splitlines(keepends=True)
    assert lines.verify_lines(content).intact
    for span, path in (
        ({"from": "2050-01-01T00:00:00Z"}, ["range"]),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, ["range", "to"]),
    ):
        [error] = (await api.run(EXPORT, i={"kind": "AUDIT", "range": span}))["errors"]
        assert (error["code"], error["path"]) == ("INVALID", path)


async def test_a_file_goes_after_its_days(house: House, api: Client, worker: Worker, tmp_path: Path) -> None:
    made = await exported(house, api, worker)
    clock = HouseClock(house.core.database, house.core.commands)
    await clock.shift(days=7, minutes=1)
    [standing] = [each for each in duties.DUTIES if each.name.endswith(".remove_expired_exports")]
    assert await standing.is_due(house.core.database)
    extras = house.served.platform.extras
    await duties.do(standing, house.core.database, house.core.commands, extras=extras)
    assert [each.name for each in (tmp_path / "blobs").iterdir() if each.is_file()] == []
    assert not await standing.is_due(house.core.database)
    async with house.core.database.session() as session:
        row = (await session.scalars(select(Export))).one()
    assert row.removed_at is not None
    assert made["removedAt"] is None


async def many_entries(house: House, count: int) -> None:
    """As they would be, had so many commands run."""
    async with house.core.database.connection() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_entry (id, at, action, outcome, salt, detail_digest)"
                " SELECT gen_random_uuid(), datawave_now(), 'x', 'DONE', '', sha256('null')"
                " FROM generate_series(1, :count)"
            ),
            {"count": count},
        )


async def test_an_attempt_goes_on_where_the_one_that_died_was(
    house: House, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PART", 10)
    await many_entries(house, 45)
    await sealed(house)
    job = (await api.done(EXPORT, i={"kind": "AUDIT"}))["job"]["id"]
    job_id = UUID(job.removeprefix("job_"))

    async def attempt(number: int, parts: int) -> None:
        """One that is killed after so many parts."""
        async with house.core.database.connection() as connection:
            await connection.execute(
                text("UPDATE job SET state = 'RUNNING', attempt = :n WHERE id = :id"),
                {"n": number, "id": job_id},
            )
        async with house.core.database.session() as session:
            row = await session.get_one(tables.Job, job_id)
        viewer = await Actors(house.core.database).viewer_of(row.actor_id, row.actor_word)
        extras = house.served.platform.extras
        work = Work(job_id, number, row.command_id, viewer, house.core.commands, house.core.database, extras)
        told, died = 0, asyncio.Event()
        progress = work.progress

        async def counted(*said: Any, **more: Any) -> None:
            nonlocal told
            await progress(*said, **more)
            told += 1
            if told == parts:
                died.set()
                await asyncio.Event().wait()

        monkeypatch.setattr(work, "progress", counted)
        order = MakeExport(export_id=UUID(row.arguments["export_id"]))
        running = asyncio.create_task(writing.make_export(work, order))
        dying = asyncio.create_task(died.wait())
        await asyncio.wait({running, dying}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        dying.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
        else:
            running.result()

    await attempt(1, parts=2)
    async with house.core.database.session() as session:
        row = (await session.scalars(select(Export))).one()
    assert row.written is not None
    assert row.written["last"] == 20
    await attempt(2, parts=1)
    await attempt(3, parts=1_000)
    [made] = (await api.data(EXPORTS))["exports"]["nodes"]
    content = gzip.decompress((await fetched(made["file"]["url"])).content).splitlines(keepends=True)
    found = lines.verify_lines(content)
    assert (found.intact, found.checked, found.problem) == (True, made["lastSequence"], None)


async def test_a_file_that_would_be_too_large_fails_in_words(
    house: House, api: Client, tmp_path: Path
) -> None:
    await sealed(house)
    await api.done(EXPORT, i={"kind": "AUDIT"})
    async with house.core.database.session() as session:
        row = (await session.scalars(select(tables.Job))).one()
    viewer = await Actors(house.core.database).viewer_of(row.actor_id, row.actor_word)
    small = {"files": Keeping(blobs=Blobs(tmp_path / "small", most=100), kept=timedelta(days=1))}
    work = Work(row.id, 0, row.command_id, viewer, house.core.commands, house.core.database, small)
    with pytest.raises(Failure) as failed:
        await writing.make_export(work, MakeExport(export_id=UUID(row.arguments["export_id"])))
    assert (failed.value.code, failed.value.retryable) == ("TOO_LARGE", False)
