"""The page for Python: its modules, imported as they stand there, with gql itself."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gql.transport.websockets import WebsocketsTransport

from tests import furnished, servers
from tests.client import Client
from tests.clients import pages
from tests.clients.cuttable import Cuttable, cuttable
from tests.clients.ground import Ground, ground

PAGE = pages.CLIENTS / "gql.md"
PATIENCE = 120.0
CREATE = """mutation ($name: String!) {
  createDataSource(input: {name: $name, config: {sqlite: {path: "library.db"}}}) {
    errors { message } dataSource { id name version }
  }
}"""


@pytest.fixture
async def there(valkey: servers.ValkeySpace) -> AsyncIterator[Ground]:
    async with ground(valkey) as made:
        yield made


@pytest.fixture
async def way(there: Ground) -> AsyncIterator[Cuttable]:
    async with cuttable(there.given["url"]) as opened:
        yield opened


@pytest.fixture
async def api(there: Ground) -> AsyncIterator[Client]:
    client = Client(there.house.url, there.token)
    yield client
    await client.close()


@pytest.fixture
def page(way: Cuttable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The page's functions and classes, in one place."""
    pages.python(PAGE, tmp_path, way.url)
    monkeypatch.syspath_prepend(tmp_path)
    names = [Path(name).stem for name in pages.files(PAGE, "python")]
    modules = [importlib.import_module(name) for name in names]
    yield type(
        "Page", (), {name: staticmethod(what) for each in modules for name, what in vars(each).items()}
    )
    for name in names:
        sys.modules.pop(name)


async def signed_in(page: Any) -> Any:
    session = page.Session()
    assert furnished.ADMIN.password
    await session.sign_in(furnished.ADMIN.email, furnished.ADMIN.password.reveal())
    return session


async def make_source(api: Client) -> str:
    made = await api.done(CREATE, name=f"Source {uuid4().hex[:8]}")
    return made["dataSource"]["name"]


async def next_name(changes: AsyncIterator[Any]) -> str:
    async with asyncio.timeout(PATIENCE):
        return (await anext(changes))["dataSource"]["name"]


async def opened(way: Cuttable) -> None:
    async with asyncio.timeout(PATIENCE):
        await way.opened.get()


async def following(page: Any, session: Any, api: Client, way: Cuttable) -> AsyncIterator[Any]:
    """A stream that has brought its first change."""
    cursor, _ = await page.sources(session)
    changes = aiter(page.changes(session, cursor))
    name = await make_source(api)
    assert await next_name(changes) == name
    while not way.opened.empty():
        way.opened.get_nowait()
    return changes


async def test_a_query_and_a_mutation_with_its_typed_errors(page: Any, api: Client) -> None:
    session = await signed_in(page)
    names = [await make_source(api), await make_source(api)]
    cursor, sources = await page.sources(session)
    one, other = (next(source for source in sources if source["name"] == name) for name in names)
    assert cursor
    renamed = await page.rename(session, one, "Renamed")
    assert (renamed["errors"], renamed["dataSource"]["name"]) == ([], "Renamed")
    [stale] = (await page.rename(session, one, "Again"))["errors"]
    assert (stale["__typename"], stale["code"]) == ("ConflictError", "STALE_VERSION")
    assert stale["currentVersion"] == renamed["dataSource"]["version"]
    [taken] = (await page.rename(session, other, "Renamed"))["errors"]
    assert (taken["__typename"], taken["code"]) == ("InputError", "ALREADY_EXISTS")


async def test_a_stream_resumes_after_every_cut(page: Any, api: Client, way: Cuttable) -> None:
    changes = await following(page, await signed_in(page), api, way)
    for _ in range(3):
        way.cut()
        names = [await make_source(api), await make_source(api)]
        assert [await next_name(changes), await next_name(changes)] == names


async def test_the_session_is_renewed_in_the_open_connection(
    page: Any, there: Ground, api: Client, way: Cuttable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: list[WebsocketsTransport] = []

    class Seen(WebsocketsTransport):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            sockets.append(self)

    monkeypatch.setattr(sys.modules["stream"], "WebsocketsTransport", Seen)
    changes = await following(page, await signed_in(page), api, way)
    [socket] = sockets
    await there.clock.set(400)
    await opened(way)  # the renewal itself, over HTTP
    async with asyncio.timeout(PATIENCE):
        await socket.pong_received.wait()
    await there.clock.set(0)
    name = await make_source(api)
    assert await next_name(changes) == name
    assert way.opened.empty() and len(sockets) == 1


async def test_a_stream_whose_token_ran_out_goes_on_with_a_new_one(
    page: Any, there: Ground, api: Client, way: Cuttable
) -> None:
    changes = await following(page, await signed_in(page), api, way)
    waiting = asyncio.create_task(next_name(changes))
    await there.clock.set(1_000)
    await opened(way)
    await there.clock.set(0)
    name = await make_source(api)
    assert await waiting == name


async def test_a_session_that_was_ended_asks_for_the_password(
    page: Any, there: Ground, api: Client, way: Cuttable
) -> None:
    session = await signed_in(page)
    changes = await following(page, session, api, way)
    waiting = asyncio.create_task(next_name(changes))
    _, token = (await session.authorization()).split(" ")
    ending = api.as_(token)
    await ending.data("mutation { endSession { errors { message } } }")
    await ending.close()
    with pytest.raises(page.SignedOut):
        await waiting


async def test_the_program_at_the_end_tells_of_changes(
    page: Any, api: Client, way: Cuttable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
    program = sys.modules["main"]
    assert furnished.ADMIN.password
    password = furnished.ADMIN.password.reveal()
    text = Path(str(program.__file__)).read_text()
    text = text.replace("the one that was shown", password).replace(
        "admin@datawave.local", furnished.ADMIN.email
    )
    monkeypatch.setattr("builtins.print", lambda *words: told.put_nowait(words))
    exec(compile(text, "main.py", "exec"), program.__dict__)
    running = asyncio.create_task(program.main())
    for _ in range(3):  # signing in, the query, the stream
        await opened(way)
    name = await make_source(api)
    async with asyncio.timeout(PATIENCE):
        assert await told.get() == ("SourceCreated", name)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
