"""The documentation is true: its documents are valid, its commands run, its tutorial comes to its end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, get_variable_values, parse, validate

from connectors import registry
from datawave.graphql import schema
from tests import furnished, servers
from tests.client import Client
from tests.documents import ROOT, Block, at, blocks, holds, pages
from tests.factories import documents
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House

ALL = [block for page in pages() for block in blocks(page)]
BODY = re.compile(r"'(\{.*?\})'", re.DOTALL)
INTERPOLATED = re.compile(r"""'"?\$\{?\w+\}?"?'""")
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.graphql"))
CONNECTORS = blocks(ROOT / "docs" / "guides" / "connectors.md")
TUTORIAL = blocks(ROOT / "docs" / "tutorial.md")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")


def the_schema() -> GraphQLSchema:
    graphql: Any = schema()
    return graphql._schema


def refuse_invalid(document: DocumentNode, variables: dict[str, Any]) -> None:
    assert validate(the_schema(), document) == []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            given = get_variable_values(the_schema(), definition.variable_definitions or (), variables)
            assert not isinstance(given, list), given


def shell_bodies(block: Block) -> list[dict[str, Any]]:
    """The JSON that a block's `curl` sends; what the shell puts in is a word like any other."""
    text = INTERPOLATED.sub("x", block.text)
    return [body for found in BODY.findall(text) if "query" in (body := json.loads(found))]


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "graphql"], ids=lambda b: b.name)
def test_documents_are_valid(block: Block) -> None:
    names = {"version": 1}
    placed = json.loads(
        block.variables or "{}", object_hook=lambda found: {**found, **_numbers(found, names)}
    )
    refuse_invalid(parse(block.text), placed)


def _numbers(found: dict[str, Any], names: dict[str, int]) -> dict[str, int]:
    return {key: names[key] for key, value in found.items() if key in names and value == f"<{key}>"}


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "sh"], ids=lambda b: b.name)
def test_what_curl_sends_is_valid(block: Block) -> None:
    for body in shell_bodies(block):
        refuse_invalid(parse(body["query"]), body.get("variables", {}))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_graphiql_are_valid(example: Path) -> None:
    variables = example.with_suffix(".json")
    refuse_invalid(
        parse(example.read_text()), json.loads(variables.read_text()) if variables.exists() else {}
    )


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


class Reader:
    """Somebody who does what a page says, and keeps what the answers gave."""

    def __init__(self, api: Client, worker: Worker, database: servers.SourceDatabase) -> None:
        self.api, self.worker, self.database = api, worker, database
        self.kept: dict[str, Any] = {}
        self.roles = f"reader_{uuid4().hex[:8]}"

    def here(self, text: str) -> str:
        """The page's own places and names, as they are in this test."""
        return (
            text.replace("bookshop_reader", self.roles)
            .replace('"port": 5432', f'"port": {self.database.port}')
            .replace('"database": "bookshop"', f'"database": "{self.database.database}"')
            .replace("bookshop.bookshop.", f"bookshop.{self.database.database}.")
        )

    async def follows(self, block: Block) -> None:
        if block.language == "sql":
            await self._sql(self.here(block.text))
        elif block.language == "graphql":
            there = replace(block, variables=self.here(block.variables or "{}"))
            answer = await self._answer(self.here(block.text), there)
            for note in block.noted("expect") + block.noted("last"):
                path, value = note.sides
                assert holds(answer, path, json.loads(self.here(value))), f"{block.name}: {path} in {answer}"
            for note in block.noted("keep"):
                name, path = note.sides
                self.kept[name] = at(answer, path)

    async def _sql(self, text: str) -> None:
        async with servers.connected(self.database.url) as connection:
            await connection.execute(text, timeout=60)

    async def _answer(self, document: str, block: Block) -> Any:
        variables = block.filled(self.kept)
        if "subscription " not in document:
            return await self.api.data(document, **variables)
        until = [note.sides for note in block.noted("until")]
        answer: Any = {}
        async with asyncio.timeout(60), self.api.follow(document, **variables) as answers:
            async for message in answers:
                assert not message.get("errors"), f"{block.name}: {message['errors']}"
                answer = message["data"]
                if until and all(holds(answer, path, json.loads(value)) for path, value in until):
                    break
        await self.worker.drained()
        return answer


async def test_the_tutorial_comes_to_its_end(
    api: Client, agent: Agent, worker: Worker, source_server: servers.SourceServer
) -> None:
    reader = Reader(api, worker, await source_server.database())
    for block in TUTORIAL:
        await reader.follows(block)


def _look_again() -> None:
    """What is installed is looked for once in the life of a process."""
    for kept in (registry._points, registry.connector, registry.connectors):
        kept.cache_clear()


async def _agent_is_there(api: Client) -> None:
    """A source that is made before has nobody to read it."""
    first = (await api.data("{ events(first: 1) { nodes { cursor } } }"))["events"]["nodes"][0]["cursor"]
    document = "subscription ($after: Cursor) { agentChanged(after: $after) { agent { state } } }"
    async with asyncio.timeout(30), api.follow(document, after=first) as answers:
        async for answer in answers:
            if answer["data"]["agentChanged"]["agent"]["state"] == "ONLINE":
                return


@pytest.fixture
def csv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The guide's connector, installed as somebody's package."""
    [block] = [block for block in CONNECTORS if block.noted("module")]
    (tmp_path / f"{block.noted('module')[0].rest}.py").write_text(block.text)
    [entry] = [block.text for block in CONNECTORS if block.language == "toml"]
    installed = tmp_path / "csv_file-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: csv-file\nVersion: 1.0\n")
    points = entry.replace('[project.entry-points."', "[").replace('"]', "]").replace('"', "")
    (installed / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    _look_again()
    yield
    monkeypatch.undo()
    sys.modules.pop("csv_file", None)
    _look_again()


async def test_the_connector_of_the_guide_is_whole(
    csv_file: None, api: Client, agent: Agent, worker: Worker, files: Path
) -> None:
    rows = "".join(f"{number},ada{number}@example.com\n" for number in range(40))
    (files / "prices.csv").write_text(f"isbn,contact\n{rows}")
    [block] = [block for block in CONNECTORS if block.language == "graphql"]
    await _agent_is_there(api)
    before = await api.data("{ cursor connectors(family: FILE) { kind configSchema } }")
    assert [each["kind"] for each in before["connectors"]] == ["csv_file"]
    made = await api.done(block.text, **block.filled({}))
    document = (
        "subscription ($after: Cursor) { runsAdvanced(after: $after) { ... on RunStateChanged { to } } }"
    )
    async with asyncio.timeout(60), api.follow(document, after=before["cursor"]) as answers:
        states = (answer["data"]["runsAdvanced"].get("to") async for answer in answers)
        ended = await anext(state async for state in states if state in documents.ENDED)
    assert ended == "SUCCEEDED"
    found = await api.data(documents.ASSETS, key=made["dataSource"]["key"])
    [table] = found["dataSource"]["assets"]["nodes"]
    labels = {each["name"]: each["labels"] for each in table["columns"]["nodes"]}
    assert table["qualifiedName"] == "price_list.files.prices"
    assert labels == {"isbn": [], "contact": [{"name": "EMAIL"}]}


async def test_the_first_queries_of_the_readme_run(
    house: House, agent: Agent, worker: Worker, files: Path
) -> None:
    await _agent_is_there(await house.as_admin())
    wanted = [b for b in blocks(ROOT / "README.md") if b.language == "sh" and b.noted("run")]
    script = "".join(block.text for block in wanted).replace("http://127.0.0.1:8000", house.url)
    environment = {
        "PATH": os.environ["PATH"],
        "EMAIL": furnished.ADMIN.email,
        "PASSWORD": furnished.ADMIN.password.reveal() if furnished.ADMIN.password else "",
    }
    script = script.replace(".datawave/files", str(files))
    said = await _shell(
        "set -eu\n" + re.sub(r"^(EMAIL|PASSWORD)=.*$", "", script, flags=re.MULTILINE), environment
    )
    assert '"errors":[{' not in said
    assert "SUCCEEDED" in said
    assert "EMAIL" in said


async def _shell(script: str, environment: dict[str, str]) -> str:
    running = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(90):
        said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()
    return said.decode()
