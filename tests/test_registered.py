"""Registered documents as partners and the dashboard have them: a command, a folder, a build."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

from datawave.app.processes import serving
from datawave.embedded.processes import CannotRun
from datawave.manifests import register
from datawave.settings import Settings, load
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import house_at

ME = "query Me { viewer { actor { id } } }"
HASH = sha256(ME.encode()).hexdigest()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield load(_env_file=None, home=tmp_path / "home")


def written(folder: Path, documents: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "partner.json"
    file.write_text(json.dumps(documents))
    return file


def test_a_manifest_is_checked_and_kept_where_the_api_looks(tmp_path: Path, settings: Settings) -> None:
    said = register(settings, written(tmp_path, {HASH: ME}))
    [place] = serving(settings).documents
    assert json.loads((place / "partner.json").read_text()) == {HASH: ME}
    assert said.startswith("1 documents are registered")


def test_a_document_that_the_schema_does_not_have_registers_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    wrong = "query Wrong { nothing }"
    with pytest.raises(CannotRun, match="Cannot query field 'nothing'"):
        register(settings, written(tmp_path, {HASH: ME, sha256(wrong.encode()).hexdigest(): wrong}))
    assert not settings.place.documents.exists()


def test_what_is_no_manifest_and_what_is_no_name_are_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(CannotRun, match="another hash"):
        register(settings, written(tmp_path, {HASH: "{ settledAt }"}))
    with pytest.raises(CannotRun, match="no manifest"):
        register(settings, tmp_path / "absent.json")
    with pytest.raises(CannotRun, match="file's name"):
        register(settings, written(tmp_path, {HASH: ME}), name="../elsewhere")


async def test_the_api_answers_what_the_build_and_partners_registered(
    tmp_path: Path, valkey: servers.ValkeySpace
) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "documents.json").write_text(json.dumps({HASH: ME}))
    partners = written(tmp_path / "partners", {"x-clock": "{ settledAt }"})
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, web=tmp_path / "dist", documents=(partners.parent,)) as house,
    ):
        client = await house.as_admin()
        for id, field in ((f"sha256:{HASH}", "viewer"), ("x-clock", "settledAt")):
            answer = await client.http.post("/graphql", json={"documentId": id}, headers=client.headers)
            assert answer.json()["data"][field]
        await client.close()


TAG = """mutation ($name: String!) { saveTag(input: {name: $name}) { errors { message } tag { name } } }"""


async def test_a_page_is_revalidated_by_its_tag_though_the_log_has_moved(api: Client) -> None:
    async def asked(query: str, **more: str) -> httpx2.Response:
        return await api.http.get("/graphql", params={"query": query}, headers=api.headers | more)

    roles, tags = "{ cursor roles { name } }", "{ cursor tags { nodes { name } } }"
    before = {query: await asked(query) for query in (roles, tags)}
    async with api.follow("subscription { eventRecorded { type } }") as events:
        told = asyncio.ensure_future(anext(events))
        await api.done(TAG, name="revalidated")
        await told  # from then on the log has it
    after = await asked(roles)
    assert after.json()["data"]["cursor"] != before[roles].json()["data"]["cursor"]
    assert after.headers["etag"] == before[roles].headers["etag"]
    again = await asked(roles, **{"if-none-match": before[roles].headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await asked(tags)).headers["etag"] != before[tags].headers["etag"]
